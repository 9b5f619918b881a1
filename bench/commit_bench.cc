// What does a commit of one changed task cost, and of a hundred, sustained: with the folds that
// come every 256 commits?
//
// Expectation, durable: one write of 1 KB into space written ahead, one fdatasync (150 us on the
// disk this was written on), and a 256th of a fold. A fold of 256 random tasks rewrites about 256
// leaves of 5 KB and 60 index pages: 1.8 MB, 10 to 20 ms, so 50 us a commit and 7 KB. Relaxed: 6 us
// for the commit itself, a sync each MiB, and the same share of the fold. The floor is the same
// bytes appended to a plain file.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <vector>

#include "bench/support/files.h"
#include "bench/support/workload.h"
#include "lib/io/file.h"
#include "session/writer.h"

namespace session::bench {
namespace {

constexpr std::size_t kFloorBytes = 896;  // what the commit of one task appends

void AppendAndSync(benchmark::State& state) {
  const std::string path = scratch_file("floor");
  const auto file = io::system_files().open(path, io::OpenMode::kCreateNew);
  const std::vector<std::byte> block(kFloorBytes, std::byte{0x5A});
  // Written ahead and synced, as the log does; the smallest file that is not written twice.
  constexpr std::uint64_t kAheadBytes = std::uint64_t{16} << 20;
  file->write_at(0, std::vector<std::byte>(kAheadBytes));
  file->sync_data();
  std::uint64_t end = 0;
  for (auto _ : state) {
    file->write_at(end % kAheadBytes, block);
    file->sync_data();
    end += block.size();
  }
  io::system_files().remove(path);
}

// Commits `records` changed tasks at a time to a copy of the file with `state.range(0)` tasks.
void commit_tasks(benchmark::State& state, Durability durability, int records) {
  const ScratchCopy copy(task_file(state.range(0)));
  Writer writer = Writer::open(copy.path());
  RandomNumbers numbers(static_cast<std::uint64_t>(state.range(0)));
  CommitOptions options;
  options.durability = durability;
  std::uint64_t bytes = 0;
  std::uint64_t version = 0;
  std::int64_t longest_nanos = 0;
  std::int64_t folds = 0;
  for (auto _ : state) {
    auto change = writer.begin();
    ++version;
    for (int i = 0; i < records; ++i) put_task(change, numbers.next(), version);
    const CommitResult result = change.commit(options);
    bytes += result.written_bytes;
    folds += result.kind == CommitKind::kSnapshot ? 1 : 0;
    longest_nanos = std::max(longest_nanos, result.duration_nanos);
  }
  using benchmark::Counter;
  state.counters["bytes_each"] = Counter(static_cast<double>(bytes), Counter::kAvgIterations);
  state.counters["folds"] = static_cast<double>(folds);
  state.counters["longest_ms"] = static_cast<double>(longest_nanos) / 1e6;
  state.counters["per_s"] = Counter(1, Counter::kIsIterationInvariantRate);
}

void CommitDurable(benchmark::State& state) {
  commit_tasks(state, Durability::kDurable, 1);
}
void CommitRelaxed(benchmark::State& state) {
  commit_tasks(state, Durability::kRelaxed, 1);
}
void Commit100Durable(benchmark::State& state) {
  commit_tasks(state, Durability::kDurable, 100);
}

BENCHMARK(AppendAndSync)->UseRealTime();
BENCHMARK(CommitDurable)->Arg(kSmallTaskCount)->Arg(large_task_count())->UseRealTime();
BENCHMARK(CommitRelaxed)->Arg(kSmallTaskCount)->Arg(large_task_count())->UseRealTime();
BENCHMARK(Commit100Durable)->Arg(kSmallTaskCount)->Arg(large_task_count())->UseRealTime();

}  // namespace
}  // namespace session::bench
