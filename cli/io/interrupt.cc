#include "cli/io/interrupt.h"

#include <csignal>

#include <atomic>

#include "session/error.h"

namespace session::cli {
namespace {

// A signal handler can reach nothing but a global.
std::atomic<bool> interrupt_seen{false};  // NOLINT(readability-identifier-naming)
static_assert(std::atomic<bool>::is_always_lock_free);

extern "C" void note_interrupt(int /*signal*/) {
  interrupt_seen.store(true);
}

}  // namespace

void watch_for_interrupts() {
  struct sigaction action = {};
  action.sa_handler = note_interrupt;
  // No SA_RESTART: a read that waits for input must come back.
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigemptyset(&action.sa_mask);
  for (const int signal : {SIGINT, SIGTERM}) {
    struct sigaction before = {};
    // Whoever started us with the signal ignored (nohup, a shell's background job) meant it.
    if (::sigaction(signal, nullptr, &before) == 0 && before.sa_handler == SIG_IGN) continue;
    ::sigaction(signal, &action, nullptr);
  }
}

bool interrupted() noexcept {
  return interrupt_seen.load();
}

void stop_if_interrupted() {
  if (interrupted()) {
    throw Error(ErrorCode::kInterrupted, "interrupted; nothing half-made was left behind");
  }
}

}  // namespace session::cli
