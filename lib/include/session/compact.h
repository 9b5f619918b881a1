#pragma once
// Writes a session anew with what its kept revisions need, and nothing else.
//
//   session::CompactReport report = session::compact("work.session", {.archive = true});
//
// Without a rule of retention every revision stays; dropped is then only what no revision needs.
// What stays keeps its number, time and fingerprint. A dropped revision's changes go into the next
// one that is kept.
//
// Deltas that a kept snapshot folds are compressed with its leaves, in which their records stand
// once more: 32,000 messages saved one by one take 1.6 times their payload, every revision kept.
// The newest revision and its trees are read in place as before; an older one costs a decompression
// for each delta over its trees, 256 at most: half a millisecond. A leaf that is damaged later
// cannot be put together from these deltas any more: parity protects both.
//
// The result is a new file, verified in full before it takes the old one's name: a crash leaves the
// one or the other, and whoever reads goes on reading what it had open (Reader::refresh finds the
// new file). A process that has the session open for writing compacts with Writer::compact.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "session/digest.h"
#include "session/error.h"
#include "session/progress.h"
#include "session/revision.h"
#include "session/table.h"

namespace session {

namespace io {
class FileSystem;
}

// The newest revision of each hour, day, week or month: of the newest `count` that have one, or of
// all that lie within `span_nanos` before the newest revision. Both 0: not asked for.
struct KeepEvery {
  std::uint64_t count = 0;
  std::int64_t span_nanos = 0;
  [[nodiscard]] bool given() const { return count != 0 || span_nanos != 0; }
};

// Which revisions stay: those that one of the rules keeps. Each rule looks at all revisions, as
// restic's do, and spans count back from the newest revision, so that a session that rests loses
// nothing. Hours, days, ISO weeks and months are those of UTC. The head and the revisions of manual
// and milestone checkpoints always stay.
struct RetentionPolicy {
  std::uint64_t keep_last = 0;
  KeepEvery hourly;
  KeepEvery daily;
  KeepEvery weekly;
  KeepEvery monthly;
  std::int64_t keep_within_nanos = 0;
  std::vector<std::string> keep_tags;  // checkpoints with one of them
  // No rule: everything stays.
  [[nodiscard]] bool empty() const;
};

struct RecordName {
  Table table = Table::kTasks;
  std::string key;
};
// "tasks/st-12": a content table's name, a slash, the key. Throws kUsage.
[[nodiscard]] RecordName parse_record_name(std::string_view text);

struct CompactOptions {
  std::string output;      // empty: in place
  bool overwrite = false;  // of `output`
  bool dry_run = false;    // make and verify the result, then throw it away; takes no lock
  RetentionPolicy retention;
  // Checkpoints, by id, a unique prefix of it or description, whose revisions go whatever else
  // would keep them. Not the head's.
  std::vector<std::string> drop;
  bool archive = false;              // compress everything; else each leaf stays as it is
  std::uint32_t parity_percent = 0;  // 0: as much as the file has, or its policy says
  // Records to be removed from every kept revision, with the blobs only they refer to. They leave
  // a marker without their content. A task goes only with its children. What refers to them stays.
  std::vector<RecordName> erase;
  ProgressCallback progress;
  io::FileSystem* files = nullptr;
  std::function<std::int64_t()> clock;  // nanoseconds since 1970; empty: the system's
};

struct RevisionFate {
  std::uint64_t revision = 0;
  std::int64_t time_nanos = 0;
  std::string checkpoint;  // its id, if the revision is one
  bool kept = false;
  std::vector<std::string> reasons;  // "head", "manual checkpoint", "daily 2026-11-22", ...
};

struct ErasedRecord {
  RecordName name;
  std::uint64_t revisions = 0;  // kept ones that had it
};

// A revision whose content changed because something was erased from it.
struct ChangedFingerprint {
  std::uint64_t revision = 0;
  Digest before{};
  Digest after{};
};

struct CompactReport {
  bool dry_run = false;
  std::vector<RevisionFate> revisions;  // oldest first, all of them
  std::uint64_t bytes_before = 0;
  std::uint64_t bytes_after = 0;
  std::uint32_t parity_percent = 0;  // 0: none
  std::uint64_t parity_bytes = 0;
  std::vector<ErasedRecord> erased;
  std::vector<ChangedFingerprint> fingerprints;  // oldest first
  // With something erased: the files known to hold it still. Backups elsewhere are not known.
  std::vector<std::string> copies;
  std::string output;  // the compacted file; empty after a dry run
  std::int64_t duration_nanos = 0;
};

// Throws as Writer::open when it works in place (kLocked names the writer's process), else as
// Reader::open; kExists for an output that is there; kNotFound for a checkpoint or record that is
// not; kUsage for dropping the head and for a task whose children would be left; kDamaged when what
// it needs is damaged. Then nothing was changed.
CompactReport compact(const std::string& path, const CompactOptions& options = {});

}  // namespace session
