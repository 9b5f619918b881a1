#pragma once
// Signals are for the threads of the program, not for those a library starts.

#include <csignal>

namespace session::io {

// While it lives, this thread takes no signal but those of its own faults (a bad address, a bad
// instruction). Threads that it starts meanwhile never do.
class BlockedSignals {
 public:
  BlockedSignals() noexcept;
  ~BlockedSignals();
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;

 private:
  sigset_t before_;
};

}  // namespace session::io
