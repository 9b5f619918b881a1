#pragma once
// What happens before a session runs: opening it, and putting it in order first if need be.

#include <memory>
#include <optional>
#include <string>

#include "session/manager.h"

namespace session::manager {

class Core;

// Opens or creates, and repairs as far as the configuration allows.
[[nodiscard]] std::unique_ptr<Core> open_core(const SessionConfig& config);

// What opening a Writer had to do after a crash; nothing after a clean close.
[[nodiscard]] std::optional<SessionRecovery> crash_recovery(const OpenReport& report);

// Of a path. Names are kept, as a file may be moved with its directory.
[[nodiscard]] std::string name_of(const std::string& path);

void write(const SessionRecovery& recovery, std::int64_t now, schema::Recovery::Builder record);

}  // namespace session::manager
