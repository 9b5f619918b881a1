#pragma once
// Running sessions on a simulated disk in one line each: nothing by the clock, unless asked for.

#include <chrono>
#include <string>
#include <utility>

#include "session/manager.h"
#include "tests/support/disk_session.h"
#include "tests/support/records.h"

namespace session::test {

[[nodiscard]] inline SessionPolicy by_hand() {
  SessionPolicy policy;
  policy.auto_save_interval = std::chrono::nanoseconds::zero();
  policy.auto_checkpoint_interval = std::chrono::nanoseconds::zero();
  return policy;
}

[[nodiscard]] inline SessionConfig config_on(SimulatedDisk& disk) {
  SessionConfig config;
  config.path = kDiskPath;
  config.policy = by_hand();
  config.auto_save_changes = 0;
  config.files = &disk;
  config.clock = counting_clock();
  return config;
}

[[nodiscard]] inline Session session_on(SimulatedDisk& disk) {
  return Session::open(config_on(disk));
}

}  // namespace session::test
