#pragma once
// The session's own thread: what is due by the clock, and requests from signal handlers.

#include <atomic>
#include <mutex>
#include <thread>

#include "lib/io/wake.h"

namespace session::manager {

class Core;

class Background {
 public:
  explicit Background(Core& core);
  ~Background() { stop(); }
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  void wake() noexcept { wake_.signal(); }  // async-signal-safe
  // Waits for the thread to end, unless called by it.
  void stop() noexcept;

 private:
  void run() noexcept;

  Core& core_;
  io::Wake wake_;
  std::atomic<bool> is_stopping_ = false;
  std::atomic<std::thread::id> own_;
  std::mutex joining_;
  std::thread thread_;  // last: it uses the others
};

}  // namespace session::manager
