#pragma once
// The two ways to wait for a change.
//
// inotify tells at once, but not everything: nothing on a network file system, nothing when a
// directory further up is exchanged, nothing beyond the limits of its user. So a watch asks to be
// looked after now and then even where nobody told it to: once a second as a rule, every 20 ms
// where it cannot be told at all.

#include <chrono>
#include <memory>
#include <string>

#include "lib/io/file.h"

namespace session::io {

// How long a watch that is told says nothing by itself.
inline constexpr std::chrono::nanoseconds kLookAnyway = std::chrono::seconds(1);

// Nothing where the system will not tell (a network file system, the user's limits reached).
[[nodiscard]] std::unique_ptr<Watch> watch_by_inotify(
    const std::string& path, std::chrono::nanoseconds look_anyway = kLookAnyway);

// Asks for a look every 20 ms.
[[nodiscard]] std::unique_ptr<Watch> watch_by_looking();

// `timeout` from now on the steady clock, which has an end.
[[nodiscard]] std::chrono::steady_clock::time_point deadline_after(
    std::chrono::nanoseconds timeout);

}  // namespace session::io
