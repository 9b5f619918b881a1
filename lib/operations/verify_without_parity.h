#pragma once
// verify() for who mends what it finds. What parity can restore he finds out by restoring it; to be
// told beforehand would cost reading the whole file twice more.

#include <string>

#include "session/verify.h"

namespace session::operations {

// As verify(), but what only parity could restore is called kLossy, `uncovered_bytes` stays 0, and
// at kFull the parity groups are not looked into.
[[nodiscard]] VerifyReport verify_without_parity(const std::string& path,
                                                 const VerifyOptions& options);

}  // namespace session::operations
