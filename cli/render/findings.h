#pragma once
// Findings of a verification, for people and for scripts.

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "cli/render/json.h"
#include "cli/render/style.h"
#include "session/verify.h"

namespace session::cli {

// One file, verified.
struct VerifiedFile {
  std::string file;
  VerifyReport report;
  std::vector<Finding> findings;
  std::uint64_t omitted = 0;  // findings that were only counted
};

// "error  payload_hash  at 4160, 312 bytes  messages  …0000000007 to 0000000012  revisions 3, 4",
// what it means, and what mends it; grouped by layer, ended by the verdict.
void write_findings(std::ostream& out, const Style& style, const VerifiedFile& verified);

// The members of one finding's object; `file` only where several files share a list.
void write_finding(Json& document, const Finding& finding, const std::string* file = nullptr);

}  // namespace session::cli
