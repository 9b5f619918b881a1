#pragma once
// Where findings go: counted, completed with the command that mends them, handed to the caller.

#include <string>

#include "format/damage.h"
#include "session/verify.h"

namespace session::operations {

class FindingLog {
 public:
  FindingLog(const std::string& path, const VerifyOptions& options);

  void add(Finding finding);
  // A finding of this code with its usual severity.
  [[nodiscard]] static Finding make(FindingCode code, FindingEffect effect, std::string message);

  // The worst that bytes and structure came to.
  [[nodiscard]] FindingEffect worst() const { return worst_; }
  void count_into(VerifyReport& report) const;

 private:
  [[nodiscard]] std::string command_for(const Finding& finding) const;

  std::string quoted_path_;
  const VerifyOptions& options_;
  FindingEffect worst_ = FindingEffect::kNone;
  std::uint64_t findings_ = 0;
  std::uint64_t semantic_ = 0;
  std::uint64_t errors_ = 0;
  std::uint64_t warnings_ = 0;
};

// The code of a failed check of the format: they have the same names.
[[nodiscard]] FindingCode code_of(format::DamageKind kind);

// A word of a POSIX shell.
[[nodiscard]] std::string shell_quoted(const std::string& text);

}  // namespace session::operations
