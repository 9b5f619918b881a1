#pragma once
// Sessions on a simulated disk in one line each, with a clock that makes every run the same.

#include <cstdint>
#include <functional>
#include <string>

#include "session/reader.h"
#include "session/writer.h"
#include "tests/support/simulated_disk.h"

namespace session::test {

inline constexpr const char* kDiskPath = "/d/work.session";
// The smallest pages there are: a few records make a tree of several levels.
inline constexpr std::uint8_t kSmallPageLog2 = 9;
// The first time a counting clock shows, and its step.
inline constexpr std::int64_t kClockBegin = 1'700'000'000'000'000'000;  // 2023-11-14T22:13:20Z
inline constexpr std::int64_t kClockStep = 1'000'000'000;

// Every look at it is a second later.
[[nodiscard]] inline std::function<std::int64_t()> counting_clock() {
  return [now = kClockBegin]() mutable { return now += kClockStep; };
}

[[nodiscard]] inline CreateOptions creating_on(SimulatedDisk& disk) {
  CreateOptions options;
  options.files = &disk;
  options.clock = counting_clock();
  options.leaf_target_log2 = kSmallPageLog2;
  options.index_target_log2 = kSmallPageLog2;
  return options;
}

[[nodiscard]] inline Writer create_on(SimulatedDisk& disk, const std::string& path = kDiskPath) {
  return Writer::create(path, creating_on(disk));
}

[[nodiscard]] inline Writer open_on(SimulatedDisk& disk, const std::string& path = kDiskPath) {
  WriterOptions options;
  options.files = &disk;
  options.clock = counting_clock();
  return Writer::open(path, options);
}

[[nodiscard]] inline Reader read_on(SimulatedDisk& disk, const std::string& path = kDiskPath,
                                    ReadMode mode = ReadMode::kMapped) {
  ReaderOptions options;
  options.files = &disk;
  options.mode = mode;
  return Reader::open(path, options);
}

[[nodiscard]] inline CommitOptions relaxed() {
  CommitOptions options;
  options.durability = Durability::kRelaxed;
  return options;
}

[[nodiscard]] inline CommitOptions folded() {
  CommitOptions options;
  options.as_snapshot = true;
  return options;
}

// The code of the session::Error that `f` throws; kInternal if it throws none.
template <class F>
[[nodiscard]] ErrorCode error_of(F&& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.code();
  }
  return ErrorCode::kInternal;
}

// Its words.
template <class F>
[[nodiscard]] std::string words_of(F&& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

}  // namespace session::test
