// What does a random look-up cost in an open snapshot?
//
// Expectation: with the index pages in the processor's cache, three dependent misses remain, all in
// the leaf (its head and prefixes, the record, the text): 0.3 us at 100,000 tasks and, with misses
// of the address translation on top, 0.7 us at 1,000,000. The flat file searches one list of all
// prefixes instead, whose last steps miss as well.

#include <benchmark/benchmark.h>

#include "bench/support/files.h"
#include "bench/support/flat_file.h"
#include "bench/support/workload.h"
#include "session/reader.h"

namespace session::bench {
namespace {

// Enough that no cache holds what they touch, few enough to be made beforehand.
std::vector<std::string> random_keys(std::int64_t tasks) {
  constexpr std::size_t kKeys = 1 << 17;
  RandomNumbers numbers(static_cast<std::uint64_t>(tasks));
  std::vector<std::string> keys;
  keys.reserve(kKeys);
  for (std::size_t i = 0; i < kKeys; ++i) keys.push_back(task_key(numbers.next()));
  return keys;
}

template <class Get>
void look_up(benchmark::State& state, const std::vector<std::string>& keys, const Get& get) {
  // Once beforehand: the pages are mapped and checked.
  for (const std::string& key : keys) benchmark::DoNotOptimize(get(key));
  std::size_t at = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(get(keys[at]));
    at = (at + 1) % keys.size();
  }
}

void LookUpFlat(benchmark::State& state) {
  const FlatFile flat(FlatFile::path_of(state.range(0)));
  look_up(state, random_keys(state.range(0)),
          [&](const std::string& key) { return flat.get(key)->getTitle().size(); });
}

void LookUp(benchmark::State& state) {
  const Snapshot snapshot = Reader::open(task_file(state.range(0))).head();
  look_up(state, random_keys(state.range(0)), [&](const std::string& key) {
    return (*snapshot.get<schema::Task>(key))->getTitle().size();
  });
}

void LookUpWithMostPending(benchmark::State& state) {
  const Snapshot snapshot = Reader::open(pending_file(state.range(0))).head();
  look_up(state, random_keys(state.range(0)), [&](const std::string& key) {
    return (*snapshot.get<schema::Task>(key))->getTitle().size();
  });
}

BENCHMARK(LookUpFlat)->Arg(large_task_count());
BENCHMARK(LookUp)->Arg(kSmallTaskCount)->Arg(large_task_count());
BENCHMARK(LookUpWithMostPending)->Arg(large_task_count());

}  // namespace
}  // namespace session::bench
