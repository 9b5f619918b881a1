// A whole file from anywhere, verified at every level. Whatever it is, verifying ends, says
// something, and what it calls clean can be read.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <span>
#include <vector>

#include "fuzz/support/memory_files.h"
#include "fuzz/support/mutate.h"
#include "session/reader.h"
#include "session/verify.h"

namespace {

using session::Verdict;
using session::VerifyLevel;
using session::fuzz::MemoryFiles;

// Revisions that are read: each costs what its pending deltas hold.
constexpr std::size_t kRevisions = 4;

// Nothing for what is no session, or one of a newer version.
std::optional<Verdict> verdict_of(MemoryFiles& files, VerifyLevel level) {
  session::VerifyOptions options;
  options.level = level;
  options.jobs = 1;
  options.files = &files;
  std::uint64_t told = 0;
  options.on_finding = [&](const session::Finding&) { ++told; };
  try {
    const session::VerifyReport report = session::verify(MemoryFiles::kPath, options);
    const bool is_silent = report.verdict > Verdict::kTornTail && told == 0;
    if (told == report.findings && !is_silent) return report.verdict;
    std::fprintf(stderr, "a verdict without findings, or a count that is wrong\n");
    std::abort();
  } catch (const session::Error&) {
    return std::nullopt;
  }
}

void read_clean(MemoryFiles& files) {
  session::ReaderOptions options;
  options.files = &files;
  try {
    const auto reader = session::Reader::open(MemoryFiles::kPath, options);
    std::vector<std::uint64_t> revisions;
    reader.head().history([&](const session::RevisionInfo& info) {
      if (revisions.size() < kRevisions) revisions.push_back(info.revision);
      return true;
    });
    for (const std::uint64_t revision : revisions) {
      const session::Snapshot snapshot = reader.at(revision);
      for (const session::Table table : session::kAllTables) {
        for (auto cursor = snapshot.cursor(table); cursor.valid(); cursor.next()) {
        }
      }
    }
  } catch (const session::Error& error) {
    // A feature of a newer version is refused by who opens it, and is no damage.
    if (error.code() == session::ErrorCode::kNewerVersion) return;
    std::fprintf(stderr, "called clean, and yet: %s\n", error.what());
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  MemoryFiles files(std::as_bytes(std::span(data, size)));
  (void)verdict_of(files, VerifyLevel::kQuick);
  (void)verdict_of(files, VerifyLevel::kDefault);
  const auto verdict = verdict_of(files, VerifyLevel::kFull);
  if (verdict && *verdict <= Verdict::kTornTail) read_clean(files);
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned seed) {
  return session::fuzz::mutate_file(data, size, max_size, seed);
}
