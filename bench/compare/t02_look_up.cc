// T2: what does a random look-up cost in an open session?

#include "bench/compare/comparison.h"
#include "bench/compare/store.h"
#include "bench/support/files.h"
#include "bench/support/workload.h"

namespace {

using namespace session::bench;

std::vector<std::string> random_keys(std::int64_t tasks) {
  constexpr int kKeys = 1 << 16;
  RandomNumbers numbers(static_cast<std::uint64_t>(tasks));
  std::vector<std::string> keys;
  for (int i = 0; i < kKeys; ++i) keys.push_back(task_key(numbers.next()));
  return keys;
}

// Everything looked up once before: pages mapped, checked, in the caches.
auto looks_up(std::shared_ptr<TaskStore> store, const std::vector<std::string>& keys) {
  const auto all = [store = std::move(store), &keys] {
    std::uint64_t sum = 0;
    for (const std::string& key : keys) sum += store->title_bytes(key);
    if (sum == 0) throw std::runtime_error("no title has any length");
  };
  all();
  return [all, &keys] {
    const Stopwatch watch;
    all();
    return Sample{watch.seconds() / static_cast<double>(keys.size()) * 1e6};
  };
}

}  // namespace

int main(int argc, char** argv) {
  const Scale scale = read_scale(argc, argv, "look up random tasks in an open session");
  const std::vector<std::string> keys = random_keys(scale.tasks);
  Comparison comparison("T2 random look-up, " + std::to_string(scale.tasks) + " tasks", "us");
  for (const Peer& peer : all_stores()) {
    comparison.add(peer.name, looks_up(peer.open(peer.file(scale.tasks), Access::kRead), keys));
  }
  const Peer ours = our_store();
  comparison.add("sessiontool, most deltas pending",
                 looks_up(ours.open(pending_file(scale.tasks), Access::kRead), keys));
  comparison.run(scale);
}
