// What does it cost to find 100 changed tasks among many?
//
// Expectation: a changed task is found by opening its leaf and the index pages above it on both
// sides: 200 leaves of 4 KiB at 10,000 tasks (there nearly every change has a leaf of its own
// already), each checked on first touch at 2.5 us; of index pages 24 at 10,000 and, of 1,100 in
// the level above the leaves, nearly 200 at 1,000,000, with about a hundred digests each to
// compare. Then both records are written as JSON and compared, 5 us a field or two. About 1 ms and
// about 2 ms; less when the pages were checked before, as in all iterations but the first. The same
// changes as a delta over the trees: 100 look-ups on both sides.

#include <benchmark/benchmark.h>

#include <cstdint>
#include <filesystem>
#include <string>

#include "bench/support/files.h"
#include "bench/support/workload.h"
#include "session/diff.h"
#include "session/reader.h"

namespace session::bench {
namespace {

constexpr int kChanges = 100;

// The tasks in revision 2; 100 of them changed in revision 3, in one commit.
std::string changed_file(std::int64_t tasks, bool folded) {
  const std::string path =
      scratch_file("changed-" + std::to_string(tasks) + (folded ? "-folded" : "-pending"));
  if (std::filesystem::exists(path)) return path;
  std::filesystem::copy_file(task_file(tasks), path);
  Writer writer = Writer::open(path);
  auto change = writer.begin();
  RandomNumbers numbers(static_cast<std::uint64_t>(tasks));
  for (int i = 0; i < kChanges; ++i) put_task(change, numbers.next(), 1);
  CommitOptions options;
  options.as_snapshot = folded;
  (void)change.commit(options);
  writer.close();
  return path;
}

template <class Compare>
void compare(benchmark::State& state, bool folded, const Compare& work) {
  const Reader reader = Reader::open(changed_file(state.range(0), folded));
  const Snapshot left = reader.at(2);
  const Snapshot right = reader.head();
  for (auto _ : state) {
    if (!work(left, right)) return state.SkipWithError("the changes were not found");
  }
}

bool finds_all(const Snapshot& left, const Snapshot& right) {
  return diff(left, right).changes.size() > kChanges * 9 / 10;  // some were drawn twice
}

void DiffFolded(benchmark::State& state) {
  compare(state, true, finds_all);
}

void DiffPending(benchmark::State& state) {
  compare(state, false, finds_all);
}

// Opens the file each time, as a command does: every page is checked anew.
void DiffFoldedFromCold(benchmark::State& state) {
  const std::string path = changed_file(state.range(0), true);
  for (auto _ : state) {
    const Reader reader = Reader::open(path);
    if (!finds_all(reader.at(2), reader.head())) {
      return state.SkipWithError("the changes were not found");
    }
  }
}

// Two files of equal content, written apart: their roots are all that is read.
void DiffOfEqualFiles(benchmark::State& state) {
  const ScratchCopy copy(task_file(state.range(0)));
  const Snapshot left = Reader::open(task_file(state.range(0))).head();
  const Snapshot right = Reader::open(copy.path()).head();
  for (auto _ : state) {
    if (differ(left, right)) return state.SkipWithError("equal files differ");
  }
}

BENCHMARK(DiffFolded)->Arg(kSmallTaskCount)->Arg(large_task_count())->Unit(benchmark::kMillisecond);
BENCHMARK(DiffPending)
    ->Arg(kSmallTaskCount)
    ->Arg(large_task_count())
    ->Unit(benchmark::kMillisecond);
BENCHMARK(DiffFoldedFromCold)
    ->Arg(kSmallTaskCount)
    ->Arg(large_task_count())
    ->Unit(benchmark::kMillisecond);
BENCHMARK(DiffOfEqualFiles)->Arg(kSmallTaskCount)->Arg(large_task_count());

}  // namespace
}  // namespace session::bench
