#pragma once
// Wakes a thread that waits; also from a signal handler, where a condition variable cannot be used.

#include <chrono>

#include "lib/io/descriptor.h"

namespace session::io {

class Wake {
 public:
  Wake();  // throws kIo
  // Async-signal-safe. Wakes the one who waits, or who waits next.
  void signal() noexcept;
  // True if it was woken, false after the time is up.
  bool wait(std::chrono::nanoseconds timeout) noexcept;

 private:
  Descriptor event_;
};

}  // namespace session::io
