#pragma once
// The one exception of the library. Everything that fails throws `session::Error`; what is *found*
// (damage, a torn tail, a difference) is a value and never thrown.

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace session {

enum class ErrorCode : std::uint8_t {
  kUsage,         // the caller asked for something that makes no sense
  kLimit,         // a record, key or transaction beyond a limit of the format
  kIo,            // the operating system said no (the message carries its words)
  kNotASession,   // these bytes are no session file
  kNewerVersion,  // a session file that needs a newer version; the message names it
  kBadSource,     // an imported source is not what it claims to be
  kDamaged,       // a session file with damage before its head
  kNotFound,      // no such file, revision, checkpoint, task or blob
  kExists,        // would overwrite an existing file
  kLocked,        // another writer holds the file; the message has its process id
  kPoisoned,      // a sync failed before: this writer acknowledges nothing more
  kInterrupted,   // the caller asked to stop
  kInternal,      // a bug
};

// The stable name scripts see: "locked", "not_found", ...
[[nodiscard]] std::string_view error_code_name(ErrorCode code);

class Error : public std::runtime_error {
 public:
  // `what` says what is wrong and what to do next, without the file's name. `file` may be empty;
  // `offset` is in bytes from the start of the file.
  Error(ErrorCode code, const std::string& what, std::string file = {},
        std::optional<std::uint64_t> offset = std::nullopt);

  [[nodiscard]] ErrorCode code() const noexcept { return code_; }
  // The sentence without file and offset; what() has both in front.
  [[nodiscard]] const std::string& message() const noexcept { return message_; }
  [[nodiscard]] const std::string& file() const noexcept { return file_; }
  [[nodiscard]] std::optional<std::uint64_t> offset() const noexcept { return offset_; }

  // The same error, with the file named if it was not.
  [[nodiscard]] Error in_file(const std::string& file) const;

 private:
  ErrorCode code_;
  std::string message_;
  std::string file_;
  std::optional<std::uint64_t> offset_;
};

}  // namespace session
