// What does it cost to make a session of many tasks at once, as an import or a compaction does?
//
// Expectation: each record is made, canonicalised, copied into a page, checked for its borders and
// hashed (XXH3 at 10 GB/s, SHA-256 at 1.7 GB/s: 0.35 us a task); ordered in a map meanwhile. 3 us a
// task, and one write of 500 bytes a task.

#include <benchmark/benchmark.h>
#include <capnp/message.h>

#include <filesystem>

#include "bench/support/files.h"
#include "bench/support/workload.h"

namespace session::bench {
namespace {

void BulkBuild(benchmark::State& state) {
  const std::string path = scratch_file("bulk");
  CommitOptions options;
  options.as_snapshot = true;
  for (auto _ : state) {
    Writer writer = Writer::create(path);
    auto change = writer.begin();
    put_tasks(change, state.range(0));
    change.commit(options);
    writer.close();
    state.counters["bytes_per_task"] =
        static_cast<double>(std::filesystem::file_size(path)) / static_cast<double>(state.range(0));
    remove_session(path);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

// The share of the above that is making the records.
void MakeTasks(benchmark::State& state) {
  std::uint64_t number = 0;
  for (auto _ : state) {
    capnp::MallocMessageBuilder message;
    fill_task(message.initRoot<schema::Task>(), number++);
    benchmark::DoNotOptimize(message.getRoot<schema::Task>().getTitle().size());
  }
  state.SetItemsProcessed(state.iterations());
}

BENCHMARK(BulkBuild)->Arg(large_task_count())->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(MakeTasks);

}  // namespace
}  // namespace session::bench
