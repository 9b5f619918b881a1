#pragma once
// How long work reports where it is, and how its caller stops it. Called from the working thread,
// at least every few MiB of input or output.

#include <cstdint>
#include <functional>
#include <string_view>

namespace session {

struct Progress {
  std::string_view what;  // "importing", "verifying", ...
  std::uint64_t done_bytes = 0;
  std::uint64_t total_bytes = 0;  // 0: not known
};

// Return false to stop: the work undoes what it began and throws Error(kInterrupted).
using ProgressCallback = std::function<bool(const Progress&)>;

}  // namespace session
