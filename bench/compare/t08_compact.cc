// T8: what does it cost to compact a file of which every second task was erased?

#include <filesystem>

#include "bench/compare/comparison.h"
#include "bench/compare/store.h"
#include "bench/support/files.h"
#include "bench/support/workload.h"
#include "lib/io/file.h"
#include "session/compact.h"
#include "session/writer.h"

namespace {

using namespace session::bench;
namespace fs = std::filesystem;

std::string copy_of(const Peer& peer, std::int64_t tasks) {
  std::string path = scratch_file("half-" + peer.name);
  fs::copy_file(peer.file(tasks), path);
  return path;
}

std::string our_half(std::int64_t tasks) {
  const std::string path = copy_of(our_store(), tasks);
  session::Writer writer = session::Writer::open(path);
  session::Transaction change = writer.begin();
  for (std::int64_t i = 0; i < tasks; i += 2) {
    (void)change.erase(session::Table::kTasks, task_key(static_cast<std::uint64_t>(i)));
  }
  session::CommitOptions folded;
  folded.as_snapshot = true;
  (void)change.commit(folded);
  writer.close();
  return path;
}

std::string sqlite_half(std::int64_t tasks) {
  const std::string path = copy_of(sqlite_store(), tasks);
  // Keys look random, rows stand in the order of keys.
  (void)sqlite_run(path, "DELETE FROM tasks WHERE rowid % 2 = 0");
  (void)sqlite_run(path, "PRAGMA wal_checkpoint(TRUNCATE)");
  return path;
}

std::string lmdb_half(std::int64_t tasks) {
  const std::string path = copy_of(lmdb_store(), tasks);
  lmdb_erase_half(path, tasks);
  return path;
}

template <class Work>
auto timed(const std::string& output, Work work) {
  return [=] {
    fs::remove(output);
    const Stopwatch watch;
    work();
    const double seconds = watch.seconds();
    return Sample{seconds * 1e3, static_cast<double>(fs::file_size(output))};
  };
}

void write_and_sync(const std::string& output, std::uint64_t bytes) {
  constexpr std::uint64_t kBlock = std::uint64_t{1} << 20;
  const std::vector<std::byte> block(kBlock, std::byte{0x5A});
  const auto file = session::io::system_files().open(output, session::io::OpenMode::kCreateNew);
  for (std::uint64_t at = 0; at < bytes; at += kBlock) {
    file->write_at(at, std::span(block).first(std::min(kBlock, bytes - at)));
  }
  file->sync_data();
}

}  // namespace

int main(int argc, char** argv) {
  const Scale scale = read_scale(argc, argv, "compact a file of which half was erased");
  const std::string ours = our_half(scale.tasks);
  const std::string sqlite = sqlite_half(scale.tasks);
  const std::string lmdb = lmdb_half(scale.tasks);
  const std::string output = scratch_file("compact-output");
  std::uint64_t payload = 0;
  for (std::int64_t i = 1; i < scale.tasks; i += 2) {
    payload += task_payload_bytes(static_cast<std::uint64_t>(i));
  }

  Comparison comparison("T8 compact, half of " + std::to_string(scale.tasks) + " tasks erased",
                        "ms");
  comparison.add("sessiontool, verified and synced", timed(output, [=] {
                   session::CompactOptions options;
                   options.output = output;
                   options.retention.keep_last = 1;
                   (void)session::compact(ours, options);
                 }));
  comparison.add("SQLite VACUUM INTO",
                 timed(output, [=] { (void)sqlite_run(sqlite, "VACUUM INTO '" + output + "'"); }));
  comparison.add("SQLite VACUUM", [=] {
    fs::copy_file(sqlite, output, fs::copy_options::overwrite_existing);
    const Stopwatch watch;
    (void)sqlite_run(output, "VACUUM");
    return Sample{watch.seconds() * 1e3, static_cast<double>(fs::file_size(output))};
  });
  comparison.add("LMDB copy -c", timed(output, [=] { lmdb_compact(lmdb, output); }));
  comparison.add("write of the payload and fdatasync",
                 timed(output, [=] { write_and_sync(output, payload); }));
  comparison.run(scale);
}
