// T1: what does it cost to open a session and read one task, in a fresh process? Each sample is
// this program started anew to do just that; it measures from before the store is opened until it
// has the title. The files are in the page cache.

#include <string_view>

#include "bench/compare/comparison.h"
#include "bench/compare/process.h"
#include "bench/compare/store.h"
#include "bench/support/files.h"
#include "bench/support/workload.h"

namespace {

using namespace session::bench;

constexpr std::string_view kChild = "--child";
constexpr int kChildren = 20;  // a sample
// A store that loads the whole file is not asked that often.
constexpr double kLongSeconds = 0.1;

auto in_fresh_processes(const Peer& peer, const std::string& path, RandomNumbers numbers) {
  return [=]() mutable {
    std::vector<double> seconds;
    while (seconds.size() < kChildren && (seconds.empty() || seconds.front() < kLongSeconds)) {
      seconds.push_back(seconds_told_by(
          {"/proc/self/exe", std::string(kChild), peer.name, path, task_key(numbers.next())}));
    }
    return Sample{median(seconds) * 1e6};
  };
}

void be_the_child(std::string_view name, const std::string& path, std::string_view key) {
  for (const Peer& peer : all_stores()) {
    if (peer.name != name) continue;
    const Stopwatch watch;
    const auto store = peer.open(path, Access::kRead);
    if (store->title_bytes(key) == 0) throw std::runtime_error("a title is empty");
    tell_seconds(watch.seconds());
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 5 && argv[1] == kChild) {
    be_the_child(argv[2], argv[3], argv[4]);
    return 0;
  }
  const Scale scale = read_scale(argc, argv, "open a session and fetch one task");
  const RandomNumbers numbers(static_cast<std::uint64_t>(scale.tasks));
  Comparison comparison("T1 open and fetch one task, " + std::to_string(scale.tasks) + " tasks",
                        "us");
  for (const Peer& peer : all_stores()) {
    comparison.add(peer.name, in_fresh_processes(peer, peer.file(scale.tasks), numbers));
  }
  const Peer ours = our_store();
  comparison.add("sessiontool, most deltas pending",
                 in_fresh_processes(ours, pending_file(scale.tasks), numbers));
  const std::int64_t revisions = scale.tasks < 100'000 ? 10'000 : 100'000;
  comparison.add(
      "sessiontool, 10000 tasks, " + std::to_string(revisions) + " revisions",
      in_fresh_processes(ours, revisions_file(revisions), RandomNumbers(kSmallTaskCount)));
  comparison.run(scale);
}
