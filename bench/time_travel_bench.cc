// What does it cost to open any one of 100,000 revisions?
//
// Expectation: one look-up in the table of revisions, then a chain of 128 deltas on average, each
// checked on its first touch and laid over the trees: 50 us the first time, 20 us once the file's
// commits are checked.

#include <benchmark/benchmark.h>

#include "bench/support/files.h"
#include "bench/support/workload.h"
#include "session/reader.h"

namespace session::bench {
namespace {

constexpr std::int64_t kRevisions = 100'000;

void TimeTravel(benchmark::State& state) {
  const Reader reader = Reader::open(revisions_file(kRevisions));
  RandomNumbers numbers(kRevisions);
  RandomNumbers tasks(kSmallTaskCount);
  for (auto _ : state) {
    const Snapshot then = reader.at(2 + numbers.next() % (kRevisions - 2));
    benchmark::DoNotOptimize(then.get<schema::Task>(task_key(tasks.next()))->key());
  }
}

// As a command does it: one process, one revision.
void OpenAndTimeTravel(benchmark::State& state) {
  const std::string path = revisions_file(kRevisions);
  RandomNumbers numbers(kRevisions);
  for (auto _ : state) {
    const Reader reader = Reader::open(path);
    benchmark::DoNotOptimize(reader.at(2 + numbers.next() % (kRevisions - 2)).revision());
  }
}

BENCHMARK(TimeTravel)->Unit(benchmark::kMicrosecond);
BENCHMARK(OpenAndTimeTravel)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace session::bench
