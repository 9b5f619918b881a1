#include "lib/manager/background.h"

#include <string>
#include <system_error>

#include "lib/io/signals.h"
#include "lib/manager/core.h"

namespace session::manager {

Background::Background(Core& core) : core_(core) {
  const io::BlockedSignals blocked;  // they are for the program's own threads
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error& failure) {
    throw Error(ErrorCode::kIo,
                std::string("the session's own thread cannot be made: ") + failure.what());
  }
}

void Background::run() noexcept {
  own_ = std::this_thread::get_id();
  bool was_answered = false;
  while (!is_stopping_) {
    wake_.wait(core_.until_due());
    if (is_stopping_) return;
    if (core_.shutdown_requested() && !was_answered) {
      was_answered = true;
      core_.answer_shutdown_request();
    }
    core_.follow_clock();
    core_.tell_observers();
  }
}

void Background::stop() noexcept {
  is_stopping_ = true;
  wake_.signal();
  if (own_.load() == std::this_thread::get_id()) return;
  const std::lock_guard lock(joining_);  // whoever comes second finds it joined
  if (thread_.joinable()) thread_.join();
}

}  // namespace session::manager
