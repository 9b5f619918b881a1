// What does it cost to walk all tasks and read two fields of each, as a dashboard's first picture
// does? Also the first walk after opening, in which every page is checked.
//
// Expectation: the records' fixed parts lie together at the head of each page, and a text's length
// stands in its pointer, so a walk touches a third of the lines and prefetching hides most: 20 ns a
// task. Checking 500 bytes a task at 10 GB/s adds 50 ns, and the structure as much again.

#include <benchmark/benchmark.h>

#include "bench/support/files.h"
#include "bench/support/workload.h"
#include "session/reader.h"
#include "session/text_field.h"

namespace session::bench {
namespace {

std::uint64_t walk(const Snapshot& snapshot) {
  static const auto kTitle = TextField::of<schema::Task>("title");
  std::uint64_t sum = 0;
  for (Cursor task = snapshot.cursor(Table::kTasks); task.valid(); task.next()) {
    const auto record = task.record().as<schema::Task>();
    sum += static_cast<std::uint64_t>(record.getStatus()) + kTitle.in(record).size();
  }
  return sum;
}

// With the generated getter, which looks behind each text.
std::uint64_t walk_touching_texts(const Snapshot& snapshot) {
  std::uint64_t sum = 0;
  for (Cursor task = snapshot.cursor(Table::kTasks); task.valid(); task.next()) {
    const auto record = task.record().as<schema::Task>();
    sum += static_cast<std::uint64_t>(record.getStatus()) + record.getTitle().size();
  }
  return sum;
}

void Scan(benchmark::State& state) {
  const Snapshot snapshot = Reader::open(task_file(state.range(0))).head();
  benchmark::DoNotOptimize(walk(snapshot));
  for (auto _ : state) benchmark::DoNotOptimize(walk(snapshot));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void ScanTouchingTexts(benchmark::State& state) {
  const Snapshot snapshot = Reader::open(task_file(state.range(0))).head();
  benchmark::DoNotOptimize(walk_touching_texts(snapshot));
  for (auto _ : state) benchmark::DoNotOptimize(walk_touching_texts(snapshot));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void ScanAsRange(benchmark::State& state) {
  const Snapshot snapshot = Reader::open(task_file(state.range(0))).head();
  for (auto _ : state) {
    std::uint64_t sum = 0;
    for (const auto& task : snapshot.all<schema::Task>()) sum += task->getTitle().size();
    benchmark::DoNotOptimize(sum);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void FirstScan(benchmark::State& state) {
  const std::string path = task_file(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(walk(Reader::open(path).head()));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

BENCHMARK(Scan)->Arg(large_task_count())->Unit(benchmark::kMillisecond);
BENCHMARK(ScanTouchingTexts)->Arg(large_task_count())->Unit(benchmark::kMillisecond);
BENCHMARK(ScanAsRange)->Arg(large_task_count())->Unit(benchmark::kMillisecond);
BENCHMARK(FirstScan)->Arg(large_task_count())->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace session::bench
