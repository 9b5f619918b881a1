// What does a conversation of 32,000 messages cost, saved after each message, so that each of
// 32,000 states can be opened again?
//
// Expectation: 720 bytes of record, 64 of frame header and 200 of commit fields make 1 KB a
// message; its leaf and index pages are rewritten once a fold at the end of the table only, and the
// tables themselves hold it once more: 2.4 times the payload, with time per save flat.

#include <benchmark/benchmark.h>

#include <chrono>
#include <filesystem>

#include "bench/support/files.h"
#include "bench/support/workload.h"

namespace session::bench {
namespace {

constexpr std::uint64_t kMessages = 32'000;
constexpr std::uint64_t kEnds = 1'000;  // compared at the start and at the end

void save_messages(benchmark::State& state, Durability durability) {
  using Clock = std::chrono::steady_clock;
  CommitOptions options;
  options.durability = durability;
  std::uint64_t payload = 0;
  for (std::uint64_t i = 0; i < kMessages; ++i) payload += message_payload_bytes(i);
  const std::string path = scratch_file("messages");
  for (auto _ : state) {
    Writer writer = Writer::create(path);
    std::chrono::duration<double> first{};
    Clock::time_point last_begin;
    const auto begin = Clock::now();
    for (std::uint64_t i = 0; i < kMessages; ++i) {
      if (i == kMessages - kEnds) last_begin = Clock::now();
      auto change = writer.begin();
      put_message(change, i);
      change.commit(options);
      if (i + 1 == kEnds) first = Clock::now() - begin;
    }
    const std::chrono::duration<double> last = Clock::now() - last_begin;
    writer.close();
    const auto bytes = static_cast<double>(std::filesystem::file_size(path));
    remove_session(path);
    state.counters["file_bytes"] = bytes;
    state.counters["x_payload"] = bytes / static_cast<double>(payload);
    state.counters["last_to_first"] = last / first;
  }
}

void SaveMessagesDurable(benchmark::State& state) {
  save_messages(state, Durability::kDurable);
}
void SaveMessagesRelaxed(benchmark::State& state) {
  save_messages(state, Durability::kRelaxed);
}

BENCHMARK(SaveMessagesDurable)->Iterations(1)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(SaveMessagesRelaxed)->Iterations(3)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace session::bench
