#pragma once
// Secrets stay out of the file: values of environment variables whose names say what they are.

#include <span>
#include <string>
#include <string_view>

#include "session/table.h"

namespace session::manager {

inline constexpr const char* kRedacted = "[redacted]";

// By its name: one of the usual words for secrets, or one of `more` anywhere in it. Case does not
// matter.
[[nodiscard]] bool names_a_secret(std::string_view name, std::span<const std::string> more);

void redact(capnp::List<schema::Property>::Builder environment, std::span<const std::string> more);

}  // namespace session::manager
