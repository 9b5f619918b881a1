// T9: how many bytes does a task take?

#include <filesystem>

#include "bench/compare/comparison.h"
#include "bench/compare/store.h"
#include "bench/support/files.h"
#include "bench/support/workload.h"
#include "session/compact.h"

int main(int argc, char** argv) {
  using namespace session::bench;
  Scale scale = read_scale(argc, argv, "bytes a task takes");
  scale.rounds = 1;  // sizes repeat exactly
  const auto tasks = static_cast<double>(scale.tasks);
  Comparison comparison("T9 size, " + std::to_string(scale.tasks) + " tasks", "bytes a task");
  for (const Peer& peer : {our_store(), sqlite_store(), lmdb_store(), json_store(), flat_store()}) {
    const std::string path = peer.file(scale.tasks);
    comparison.add(peer.name, [=] {
      return Sample{static_cast<double>(std::filesystem::file_size(path)) / tasks};
    });
  }
  comparison.add("sessiontool, archived", [=] {
    session::CompactOptions options;
    options.output = scratch_file("archived");
    options.archive = true;
    const auto report = session::compact(our_store().file(scale.tasks), options);
    return Sample{static_cast<double>(report.bytes_after) / tasks};
  });
  comparison.add("the payload alone", [=] {
    double bytes = 0;
    for (std::int64_t i = 0; i < scale.tasks; ++i) {
      bytes += static_cast<double>(task_payload_bytes(static_cast<std::uint64_t>(i)));
    }
    return Sample{bytes / tasks};
  });
  comparison.run(scale);
}
