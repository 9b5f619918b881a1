// What does it cost to write a session anew, and how small does it get?
//
// Expectation: of a million tasks of which half were deleted, 270 MB of leaves are copied as they
// stand (a checksum and two copies: 0.1 s, and 0.1 s for the page cache), then read once more to be
// verified, SHA-256 and meaning included, on every core: 0.4 s in all, and what the disk takes for
// 270 MB to be synced.
//
// 32,000 messages, saved one by one: 1.15 times the payload as one tree; with every revision, each
// message stands in its delta as well, which is compressed behind the leaf that has it: 192 bytes,
// frame header and padding included, and with the index pages of 125 snapshots 1.6 times in all.
// Compressed page by page 0.4 and 0.7. A delta takes 10 us to compress.

#include <benchmark/benchmark.h>

#include <filesystem>
#include <memory>

#include "bench/support/files.h"
#include "bench/support/workload.h"
#include "session/compact.h"

namespace session::bench {
namespace {

constexpr std::uint64_t kMessages = 32'000;
constexpr std::int64_t kArchivedTasks = 100'000;

// Every second task of many is gone.
std::string half_deleted_file() {
  static const std::string path = [] {
    std::string file = scratch_file("half");
    std::filesystem::copy_file(task_file(large_task_count()), file);
    Writer writer = Writer::open(file);
    Transaction change = writer.begin();
    for (std::int64_t i = 0; i < large_task_count(); i += 2) {
      (void)change.erase(Table::kTasks, task_key(static_cast<std::uint64_t>(i)));
    }
    CommitOptions folded;
    folded.as_snapshot = true;
    (void)change.commit(folded);
    writer.close();
    return file;
  }();
  return path;
}

void CompactHalf(benchmark::State& state) {
  CompactOptions options;
  options.output = scratch_file("compacted");
  options.overwrite = true;
  options.retention.keep_last = 1;
  const std::string path = half_deleted_file();
  for (auto _ : state) {
    const CompactReport report = compact(path, options);
    state.counters["bytes_before"] = static_cast<double>(report.bytes_before);
    state.counters["bytes_after"] = static_cast<double>(report.bytes_after);
  }
  remove_session(options.output);
}

std::string message_file() {
  static const std::string path = [] {
    std::string file = scratch_file("saved");
    CommitOptions relaxed;
    relaxed.durability = Durability::kRelaxed;
    Writer writer = Writer::create(file);
    for (std::uint64_t i = 0; i < kMessages; ++i) {
      Transaction change = writer.begin();
      put_message(change, i);
      change.commit(relaxed);
    }
    writer.close();
    return file;
  }();
  return path;
}

void compact_messages(benchmark::State& state, std::uint64_t keep_last, bool archive) {
  std::uint64_t payload = 0;
  for (std::uint64_t i = 0; i < kMessages; ++i) payload += message_payload_bytes(i);
  CompactOptions options;
  options.output = scratch_file("compacted");
  options.overwrite = true;
  options.archive = archive;
  options.retention.keep_last = keep_last;
  const std::string path = message_file();
  for (auto _ : state) {
    const CompactReport report = compact(path, options);
    const auto bytes = static_cast<double>(report.bytes_after);
    state.counters["x_before"] =
        static_cast<double>(report.bytes_before) / static_cast<double>(payload);
    state.counters["x_payload"] = bytes / static_cast<double>(payload);
  }
  remove_session(options.output);
}

void CompactMessagesToTheLast(benchmark::State& state) {
  compact_messages(state, 1, false);
}
void CompactMessages(benchmark::State& state) {
  compact_messages(state, 0, false);
}
void ArchiveMessagesToTheLast(benchmark::State& state) {
  compact_messages(state, 1, true);
}
void ArchiveMessages(benchmark::State& state) {
  compact_messages(state, 0, true);
}

// T9: bytes a task, archived.
void ArchiveTasks(benchmark::State& state) {
  CompactOptions options;
  options.output = scratch_file("compacted");
  options.overwrite = true;
  options.archive = true;
  const std::string path = task_file(kArchivedTasks);
  for (auto _ : state) {
    const CompactReport report = compact(path, options);
    state.counters["bytes_per_task"] =
        static_cast<double>(report.bytes_after) / static_cast<double>(kArchivedTasks);
  }
  remove_session(options.output);
}

BENCHMARK(CompactHalf)->Iterations(3)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(CompactMessagesToTheLast)->Iterations(1)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(CompactMessages)->Iterations(1)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(ArchiveMessagesToTheLast)->Iterations(1)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(ArchiveMessages)->Iterations(1)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(ArchiveTasks)->Iterations(1)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace session::bench
