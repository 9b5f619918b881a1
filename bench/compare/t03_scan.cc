// T3: what does it cost to go through all tasks, reading status and length of the title?

#include <optional>

#include "bench/compare/comparison.h"
#include "bench/compare/store.h"

int main(int argc, char** argv) {
  using namespace session::bench;
  const Scale scale = read_scale(argc, argv, "scan all tasks");
  Comparison comparison("T3 scan, status and title length, " + std::to_string(scale.tasks) +
                            " tasks, in an open session",
                        "ms");
  std::optional<std::uint64_t> expected;
  for (const Peer& peer : all_stores()) {
    const std::shared_ptr<TaskStore> store = peer.open(peer.file(scale.tasks), Access::kRead);
    // Once before, as for T2. All have to find the same.
    const std::uint64_t sum = store->scan();
    if (expected.value_or(sum) != sum) throw std::runtime_error(peer.name + " has other tasks");
    expected = sum;
    comparison.add(peer.name, [store, sum] {
      const Stopwatch watch;
      if (store->scan() != sum) throw std::runtime_error("a scan found something else");
      return Sample{watch.seconds() * 1e3};
    });
  }
  comparison.run(scale);
}
