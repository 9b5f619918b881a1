// T6: how fast is a file checked? LMDB and JSON have no checksums and nothing to check.

#include <filesystem>

#include "bench/compare/comparison.h"
#include "bench/compare/process.h"
#include "bench/compare/store.h"
#include "format/checksum.h"
#include "lib/io/file.h"
#include "session/verify.h"

namespace {

using namespace session::bench;

double gigabytes(const std::string& path) {
  return static_cast<double>(std::filesystem::file_size(path)) / 1e9;
}

auto verifies(const std::string& path, session::VerifyLevel level, unsigned jobs) {
  return [=] {
    session::VerifyOptions options;
    options.level = level;
    options.jobs = jobs;
    const Stopwatch watch;
    const auto report = session::verify(path, options);
    if (report.errors != 0) throw std::runtime_error("a sound file was found damaged");
    return Sample{gigabytes(path) / watch.seconds()};
  };
}

Sample hash_mapped(const std::string& path) {
  const Stopwatch watch;
  const auto file = session::io::system_files().open(path, session::io::OpenMode::kRead);
  const auto mapping = file->map(file->size_bytes());
  const auto hash = session::format::xxh3_128(mapping->bytes());
  const double seconds = watch.seconds();
  if (hash == decltype(hash){}) throw std::runtime_error("a hash of zeros");
  return {gigabytes(path) / seconds};
}

}  // namespace

int main(int argc, char** argv) {
  using session::VerifyLevel;
  const Scale scale = read_scale(argc, argv, "check a whole file");
  const std::string ours = our_store().file(scale.tasks);
  const std::string sqlite = sqlite_store().file(scale.tasks);
  Comparison comparison("T6 verify, " + std::to_string(scale.tasks) + " tasks", "GB/s of file",
                        Better::kMore);
  comparison.add("sessiontool verify", verifies(ours, VerifyLevel::kDefault, 0));
  comparison.add("sessiontool verify -j 1", verifies(ours, VerifyLevel::kDefault, 1));
  comparison.add("sessiontool verify --full", verifies(ours, VerifyLevel::kFull, 0));
  comparison.add("sessiontool verify --full -j 1", verifies(ours, VerifyLevel::kFull, 1));
  for (const char* check : {"quick_check", "integrity_check"}) {
    comparison.add(std::string("SQLite ") + check, [=] {
      const Stopwatch watch;
      (void)sqlite_run(sqlite, std::string("PRAGMA ") + check);
      return Sample{gigabytes(sqlite) / watch.seconds()};
    });
  }
  comparison.add("XXH3-128 of the mapped file, one thread", [=] { return hash_mapped(ours); });
  if (has_program("xxhsum")) {
    comparison.add("xxhsum -H2", [=] {
      return Sample{gigabytes(ours) / seconds_of_program({"xxhsum", "-H2", ours})};
    });
  }
  comparison.run(scale);
}
