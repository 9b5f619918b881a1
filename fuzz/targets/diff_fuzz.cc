// A whole file from anywhere, whose revisions are compared with each other. Whatever it holds,
// comparing ends, names a field of every record that differs, and finds as much on the way back.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <span>
#include <vector>

#include "fuzz/support/memory_files.h"
#include "fuzz/support/mutate.h"
#include "session/diff.h"
#include "session/reader.h"

namespace {

using session::Snapshot;
using session::fuzz::MemoryFiles;

// Revisions that are compared: each costs what its pending deltas hold.
constexpr std::size_t kRevisions = 4;
// Texts that are read: a file may hold a gigabyte in a few kilobytes of zstd.
constexpr std::uint64_t kTextBytes = 1U << 16;

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

void read(const session::RecordChange& change) {
  if (change.fields.empty()) fail("a record differs in no field");
  if (!change.left && !change.right) fail("a change of nothing");
  (void)nature_of(change);
  for (const session::FieldChange& field : change.fields) {
    if (field.left == field.right) fail("a field that does not differ");
    (void)session::diff_lines(field.left.text, field.right.text);
  }
}

// Nothing where something is damaged, or not what its schema says.
std::optional<session::DiffSummary> compare(const Snapshot& left, const Snapshot& right) {
  session::DiffOptions options;
  options.max_text_bytes = kTextBytes;
  try {
    const auto summary = session::each_change(
        left, right,
        [](const session::RecordChange& change) {
          read(change);
          return true;
        },
        options);
    std::uint64_t total = 0;
    for (const auto& table : summary) total += table.total();
    if (session::differ(left, right) != (total != 0)) fail("differences that are not counted");
    return summary;
  } catch (const session::Error&) {
    return std::nullopt;
  }
}

void compare_both_ways(const Snapshot& left, const Snapshot& right) {
  const auto there = compare(left, right);
  const auto back = compare(right, left);
  if (!there || !back) return;
  for (std::size_t i = 0; i < there->size(); ++i) {
    const session::TableChanges& one = there->at(i);
    const session::TableChanges& other = back->at(i);
    const bool is_inverse =
        one.added == other.removed && one.removed == other.added && one.changed == other.changed;
    if (!is_inverse) fail("the way back is another one");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  MemoryFiles files(std::as_bytes(std::span(data, size)));
  session::ReaderOptions options;
  options.files = &files;
  try {
    const auto reader = session::Reader::open(MemoryFiles::kPath, options);
    const Snapshot head = reader.head();
    compare_both_ways(head, head);
    std::vector<std::uint64_t> revisions;
    head.history([&](const session::RevisionInfo& info) {
      if (info.revision != head.revision()) revisions.push_back(info.revision);
      return revisions.size() < kRevisions;
    });
    for (const std::uint64_t revision : revisions) {
      try {
        compare_both_ways(reader.at(revision), head);
      } catch (const session::Error&) {
        // Another revision may be whole.
      }
    }
  } catch (const session::Error&) {
    // No session, or one whose head cannot be read.
  }
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned seed) {
  return session::fuzz::mutate_file(data, size, max_size, seed);
}
