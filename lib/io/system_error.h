#pragma once
// How the operating system's "no" becomes ours, in one place, so that the same failure reads the
// same wherever it happens.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "session/error.h"

namespace session::io {

// The error for `error` (an errno): kNotFound and kExists where that is what it says, else kIo.
// `action` says what was attempted ("cannot write 512 bytes"); the message goes on with the
// system's words and with what to do about it.
[[nodiscard]] Error system_error(int error, std::string_view action, const std::string& path,
                                 std::optional<std::uint64_t> offset = std::nullopt);

}  // namespace session::io
