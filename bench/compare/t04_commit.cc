// T4: what does a commit cost, sustained, with whatever a store does now and then (our folds,
// SQLite's checkpoints, after 1,000 pages)? Each sample is a series of commits long enough for that
// to happen; the figure is their mean. Bytes are what was handed to write calls.

#include <algorithm>

#include "bench/compare/comparison.h"
#include "bench/compare/store.h"
#include "bench/support/files.h"
#include "bench/support/workload.h"
#include "format/layout.h"
#include "lib/io/file.h"

namespace {

using namespace session::bench;

constexpr std::size_t kFloorBytes = 896;  // what our commit of one task appends

struct Question {
  std::string name;
  Access access;
  int records;
  int commits;
};

// A copy of the peer's file and the open store on it.
struct Series {
  ScratchCopy copy;
  std::unique_ptr<TaskStore> store;
  RandomNumbers numbers;
  std::uint64_t version = 0;

  Series(const Peer& peer, std::int64_t tasks, Access access)
      : copy(peer.file(tasks)),
        store(peer.open(copy.path(), access)),
        numbers(static_cast<std::uint64_t>(tasks)) {}

  void commit(int records) {
    std::vector<std::uint64_t> chosen;
    for (int i = 0; i < records; ++i) chosen.push_back(numbers.next());
    store->change(chosen, ++version);
  }
};

Sample mean_of(int commits, const std::function<void()>& commit) {
  const double bytes_before = written_bytes();
  const Stopwatch watch;
  for (int i = 0; i < commits; ++i) commit();
  const double seconds = watch.seconds();
  return {seconds / commits * 1e6, (written_bytes() - bytes_before) / commits};
}

// The floor of a durable commit: an append into space written before, and a sync.
class Appends {
 public:
  Appends() : file_(session::io::system_files().open(path_, session::io::OpenMode::kCreateNew)) {
    file_->write_at(0, std::vector<std::byte>(kAheadBytes));
    file_->sync_data();
  }
  void append(bool sync) {
    file_->write_at(end_ % kAheadBytes, block_);
    if (sync) file_->sync_data();
    end_ += block_.size();
  }

 private:
  static constexpr std::uint64_t kAheadBytes = std::uint64_t{16} << 20;
  std::string path_ = scratch_file("floor");
  std::unique_ptr<session::io::File> file_;
  std::vector<std::byte> block_ = std::vector<std::byte>(kFloorBytes, std::byte{0x5A});
  std::uint64_t end_ = 0;
};

void ask(const Question& question, Appends& appends, const Scale& scale) {
  Comparison comparison("T4 " + question.name + ", " + std::to_string(scale.tasks) + " tasks",
                        "us a commit");
  for (const Peer& peer : all_stores()) {
    if (!peer.can_change) continue;
    const auto series = std::make_shared<Series>(peer, scale.tasks, question.access);
    // Each writes the whole file.
    const int commits = peer.name == json_store().name ? 1 : question.commits;
    comparison.add(peer.name,
                   [=] { return mean_of(commits, [&] { series->commit(question.records); }); });
  }
  const bool sync = question.access == Access::kDurable;
  comparison.add(sync ? "append of 896 bytes and fdatasync" : "append of 896 bytes",
                 [&, sync] { return mean_of(question.commits, [&] { appends.append(sync); }); });
  comparison.run(scale);
}

}  // namespace

int main(int argc, char** argv) {
  const Scale scale = read_scale(argc, argv, "commit changed tasks");
  constexpr int kFolds = 4;
  constexpr int kSmall = kFolds * session::format::kMaxPendingDeltas;
  constexpr int kLarge = 32;
  Appends appends;
  ask({"durable commit of one changed task", Access::kDurable, 1, kSmall}, appends, scale);
  ask({"the same without sync", Access::kRelaxed, 1, kSmall}, appends, scale);
  ask({"durable commit of 100 changed tasks", Access::kDurable, 100, kLarge}, appends, scale);
}
