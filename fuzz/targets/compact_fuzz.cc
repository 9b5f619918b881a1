// A whole file from anywhere behind one byte that chooses the options, compacted. Whatever it is,
// compacting ends: with a refusal that changed nothing, or with a file that verifies. Of a sound
// file every kept revision is what it was, and the others are gone.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

#include "fuzz/support/mutate.h"
#include "session/compact.h"
#include "session/diff.h"
#include "session/reader.h"
#include "session/verify.h"
#include "tests/support/simulated_disk.h"

namespace {

using session::CompactReport;
using session::Reader;
using session::RevisionFate;
using session::test::SimulatedDisk;

constexpr const char* kPath = "/d/input.session";
constexpr const char* kOutput = "/d/output.session";
// Revisions that are compared: each costs what its pending deltas hold.
constexpr std::size_t kRevisions = 4;

struct Choice {
  bool is_archive, is_thinned, has_output, is_dry_run, has_parity, erases;
};

Choice choice_of(std::uint8_t byte) {
  const auto bit = [byte](unsigned n) { return (byte >> n & 1U) != 0; };
  return {bit(0), bit(1), bit(2), bit(3), bit(4), bit(5)};
}

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "%s\n", what.c_str());
  std::abort();
}

Reader read_on(SimulatedDisk& disk, const char* path) {
  session::ReaderOptions options;
  options.files = &disk;
  return Reader::open(path, options);
}

bool is_clean(SimulatedDisk& disk, const char* path) {
  session::VerifyOptions options;
  options.level = session::VerifyLevel::kFull;
  options.meaning = false;
  options.jobs = 1;
  options.files = &disk;
  return session::verify(path, options).verdict <= session::Verdict::kTornTail;
}

CompactReport compact_on(SimulatedDisk& disk, const Choice& choice) {
  session::CompactOptions options;
  options.archive = choice.is_archive;
  if (choice.is_thinned) options.retention.keep_last = 2;
  if (choice.has_output) options.output = kOutput;
  options.dry_run = choice.is_dry_run;
  if (choice.has_parity) options.parity_percent = 10;
  if (choice.erases) options.erase = {{session::Table::kTasks, "t-000000"}};
  options.files = &disk;
  return session::compact(kPath, options);
}

void require_kept(const RevisionFate& fate, const Reader& before, const Reader& after,
                  const Choice& choice) {
  const session::Snapshot now = after.at(fate.revision);
  if (choice.erases) {
    if (now.find(session::Table::kTasks, "t-000000")) fail("erased, and still there");
    return;
  }
  const session::Snapshot was = before.at(fate.revision);
  if (was.fingerprint() != now.fingerprint() || session::differ(was, now)) {
    fail("revision " + std::to_string(fate.revision) + " is not what it was");
  }
}

void require_gone(const RevisionFate& fate, const Reader& after) {
  try {
    (void)after.at(fate.revision);
  } catch (const session::Error& error) {
    if (error.code() == session::ErrorCode::kNotFound) return;
  }
  fail("revision " + std::to_string(fate.revision) + " was dropped, and is there");
}

void check_result(SimulatedDisk& original, SimulatedDisk& disk, const CompactReport& report,
                  const Choice& choice) {
  const char* result = choice.has_output ? kOutput : kPath;
  if (!is_clean(disk, result)) fail("what compact made does not verify");
  if (!is_clean(original, kPath)) return;
  const Reader before = read_on(original, kPath);
  const Reader after = read_on(disk, result);
  std::size_t left = kRevisions;
  for (auto fate = report.revisions.rbegin(); fate != report.revisions.rend(); ++fate) {
    if (left-- == 0) return;
    if (fate->kept) {
      require_kept(*fate, before, after, choice);
    } else {
      require_gone(*fate, after);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Choice choice = choice_of(data[0]);
  const auto bytes = std::as_bytes(std::span(data + 1, size - 1));
  const std::vector<std::byte> input(bytes.begin(), bytes.end());
  SimulatedDisk disk;
  disk.put(kPath, input);
  SimulatedDisk original = disk;
  CompactReport report;
  try {
    report = compact_on(disk, choice);
  } catch (const session::Error& error) {
    if (error.code() == session::ErrorCode::kInternal) fail(error.what());
    if (disk.exists(kOutput)) fail("refused, and yet there is a result");
    return 0;
  }
  if (choice.is_dry_run) {
    if (disk.exists(kOutput) || disk.contents(kPath) != input) fail("a dry run left something");
    return 0;
  }
  if (choice.has_output && disk.contents(kPath) != input) fail("the source was changed");
  check_result(original, disk, report, choice);
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned seed) {
  constexpr unsigned kOneInSo = 8;
  if (size < 2 || max_size < 2) return session::fuzz::mutate_file(data, size, max_size, seed);
  if (seed % kOneInSo == 0) {
    data[0] ^= static_cast<std::uint8_t>(1U << (seed / kOneInSo % 6));
    return size;
  }
  return 1 + session::fuzz::mutate_file(data + 1, size - 1, max_size - 1, seed);
}
