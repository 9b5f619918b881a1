#pragma once
// The data every benchmark measures on, a function of a number: task i and message i are the same
// in every run, and a newer version of a task has the same size as the one before.
//
// A task's payload is its key, its texts and eight bytes for each number: 423 bytes on average. A
// message's is its text: 716 bytes on average.

#include <cstdint>
#include <string>

#include "session/schema/record.capnp.h"

namespace session::bench {

// Looks like a random UUID, so neighbours in number are strangers in order: the worst case.
[[nodiscard]] std::string task_key(std::uint64_t number);
void fill_task(schema::Task::Builder task, std::uint64_t number, std::uint64_t version = 0);
[[nodiscard]] std::uint64_t task_payload_bytes(std::uint64_t number);

// Ten digits, as a conversation's positions are written.
[[nodiscard]] std::string message_key(std::uint64_t number);
void fill_message(schema::Message::Builder message, std::uint64_t number);
[[nodiscard]] std::uint64_t message_payload_bytes(std::uint64_t number);

// Numbers in [0, limit), uniform, the same in every run.
class RandomNumbers {
 public:
  explicit RandomNumbers(std::uint64_t limit) : limit_(limit) {}
  [[nodiscard]] std::uint64_t next();

 private:
  std::uint64_t limit_;
  std::uint64_t state_ = 0;
};

// How many tasks a "large" session has: 100,000, or what SESSIONTOOL_BENCH_TASKS says (the numbers
// of our goals want 1000000, which takes some minutes more).
[[nodiscard]] std::int64_t large_task_count();
inline constexpr std::int64_t kSmallTaskCount = 10'000;

}  // namespace session::bench
