#pragma once
// What stands behind the @ in FILE@REV, resolved against a head.

#include <cstdint>
#include <string_view>

#include "lib/store/view.h"

namespace session::store {

// The revision's number. Throws kNotFound (with what would have been near) or kUsage (ambiguous).
[[nodiscard]] std::uint64_t resolve_revision(const View& head, std::string_view name);

// A checkpoint by its id, its description or a unique prefix of its id. Throws as above.
[[nodiscard]] CheckpointInfo resolve_checkpoint(const View& head, std::string_view name);

// Throws kNotFound and names the nearest kept revisions.
[[noreturn]] void throw_no_such_revision(const View& head, std::uint64_t revision);

}  // namespace session::store
