// What does it cost to open a session and read one task, as every command and every dashboard
// refresh does? The files are in the page cache; each iteration opens afresh.
//
// Expectation: the system calls (open, stat, a few reads, map, unmap, close) are 10 to 20 us, the
// pages of the mapping that are touched fault at about 0.5 us each (read-ahead maps 16 at once),
// and each page touched is checked once: a leaf of 5 KB hashes in 0.4 us and its structure takes
// 2 us more. One root, one or two index pages, one leaf: below 40 us, the same at every size. Each
// pending delta adds a page of 1 KB to check, 256 of them 100 us.

#include <benchmark/benchmark.h>

#include "bench/support/files.h"
#include "bench/support/flat_file.h"
#include "bench/support/workload.h"
#include "session/reader.h"

namespace session::bench {
namespace {

constexpr std::int64_t kManyRevisions = 100'000;

void open_and_get(benchmark::State& state, const std::string& path, std::int64_t tasks) {
  RandomNumbers numbers(static_cast<std::uint64_t>(tasks));
  for (auto _ : state) {
    const std::string key = task_key(numbers.next());
    const Reader reader = Reader::open(path);
    const auto task = reader.head().get<schema::Task>(key);
    if (!task) return state.SkipWithError("a task is missing");
    benchmark::DoNotOptimize((*task)->getTitle().size());
  }
}

void OpenFlat(benchmark::State& state) {
  const std::string path = FlatFile::path_of(state.range(0));
  RandomNumbers numbers(static_cast<std::uint64_t>(state.range(0)));
  for (auto _ : state) {
    const std::string key = task_key(numbers.next());
    const FlatFile flat(path);
    benchmark::DoNotOptimize(flat.get(key)->getTitle().size());
  }
}

void OpenSnapshot(benchmark::State& state) {
  open_and_get(state, task_file(state.range(0)), state.range(0));
}

void OpenWithMostPending(benchmark::State& state) {
  open_and_get(state, pending_file(state.range(0)), state.range(0));
}

void OpenWithManyRevisions(benchmark::State& state) {
  open_and_get(state, revisions_file(kManyRevisions), kSmallTaskCount);
}

BENCHMARK(OpenFlat)->Arg(kSmallTaskCount)->Arg(large_task_count());
BENCHMARK(OpenSnapshot)->Arg(kSmallTaskCount)->Arg(large_task_count());
BENCHMARK(OpenWithMostPending)->Arg(kSmallTaskCount)->Arg(large_task_count());
BENCHMARK(OpenWithManyRevisions);

}  // namespace
}  // namespace session::bench
