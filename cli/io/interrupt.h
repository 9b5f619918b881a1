#pragma once
// Ctrl-C as a question the work asks now and then, instead of a blow in the middle of it.

namespace session::cli {

// From here on the first SIGINT or SIGTERM only sets a mark; a second one ends the process at once.
void watch_for_interrupts();

[[nodiscard]] bool interrupted() noexcept;

// Throws Error(kInterrupted) if so.
void stop_if_interrupted();

}  // namespace session::cli
