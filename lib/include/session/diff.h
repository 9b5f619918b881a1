#pragma once
// What differs between two revisions, of one file or of two: by table, key and field.
//
//   session::Diff difference = session::diff(reader.at(3), reader.head());
//   for (const auto& change : difference.changes) use(change.key, change.fields);
//
// Only content is compared, which is what a fingerprint covers: of two files with the same page
// parameters (all have them unless told otherwise) nothing differs if and only if the fingerprints
// are equal. The two trees are walked together and equal parts are passed over unread, so the cost
// follows the differences; two files of equal content are compared without reading a leaf.
//
// Fields go by the names our own JSON has (`show --json`): "status", "status_detail.at",
// "dependencies[2].type". A name that is no plain word is quoted: properties["a.b"]. An element of
// a list is numbered as it stands on the left, one that is only on the right as it stands there.
// What a source said beyond our fields stands under "extra" by the source's names. What a newer
// version wrote and this one cannot name has the path "*".
//
// Any number of threads may compare the same snapshots. Every call throws Error as a Snapshot does:
// kDamaged where a page that is needed is damaged, or a record is not what its schema says.

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "session/progress.h"
#include "session/snapshot.h"
#include "session/table.h"
#include "session/writer.h"

namespace session {

enum class ChangeKind : std::uint8_t { kAdded, kRemoved, kChanged };
// "added", "removed", "changed"
[[nodiscard]] std::string_view change_kind_name(ChangeKind kind);

// One side of a field.
struct FieldValue {
  enum class Kind : std::uint8_t {
    kAbsent,
    kText,   // `text` is it
    kJson,   // `text` is compact JSON: a number, a list, ...
    kLarge,  // too large to be read here: `text` is its SHA-256 in hex
  };
  Kind kind = Kind::kAbsent;
  std::string text;
  std::uint64_t size_bytes = 0;  // kLarge
  friend bool operator==(const FieldValue&, const FieldValue&) = default;
};

struct FieldChange {
  std::string path;
  FieldValue left;
  FieldValue right;
  [[nodiscard]] ChangeKind kind() const;
};

struct RecordChange {
  Table table = Table::kTasks;
  std::string key;
  ChangeKind kind = ChangeKind::kChanged;
  // In the order of the schema, then what only the right side has. Of an added or removed record
  // all it has. Empty if not asked for.
  std::vector<FieldChange> fields;
  // The records themselves, with large texts still apart; valid while their snapshots live.
  std::optional<AnyEntry> left;
  std::optional<AnyEntry> right;
};

// What a change comes down to. Needs the fields.
enum class ChangeNature : std::uint8_t {
  kAdded,
  kRemoved,
  kMoved,    // a task has another parent or rank, and nothing else
  kContent,  // a file has another size or checksum
  kTouched,  // a file has another time, and nothing else
  kEdited,   // anything else
};
[[nodiscard]] ChangeNature nature_of(const RecordChange& change);
// "added", "removed", "moved", "content", "touched", "edited"
[[nodiscard]] std::string_view change_nature_name(ChangeNature nature);

struct TableChanges {
  std::uint64_t added = 0;
  std::uint64_t removed = 0;
  std::uint64_t changed = 0;
  [[nodiscard]] std::uint64_t total() const { return added + removed + changed; }
  friend bool operator==(const TableChanges&, const TableChanges&) = default;
};
using DiffSummary = std::array<TableChanges, kTableSlots>;  // by slot()

struct DiffOptions {
  std::vector<Table> tables = {};  // empty: all that is content; others are never compared
  bool with_fields = true;
  // Texts that are kept apart are read up to this sum for each side of a record; beyond it they are
  // compared by their digests and told by them.
  std::uint64_t max_text_bytes = 1ULL << 20;
  ProgressCallback progress = {};
};

[[nodiscard]] bool compares(const DiffOptions& options, Table table);

// False stops.
using ChangeVisitor = std::function<bool(const RecordChange&)>;

// Visits the changes table by table, in the order of their keys, in constant memory. Returns the
// counts of what was visited. `left` and `right` of a change are valid during the call.
DiffSummary each_change(const Snapshot& left, const Snapshot& right, const ChangeVisitor& visit,
                        const DiffOptions& options = {});

// Whether anything differs. Stops at the first difference.
[[nodiscard]] bool differ(const Snapshot& left, const Snapshot& right,
                          const DiffOptions& options = {});

// All of it as a value; memory grows with the differences.
struct Diff {
  Snapshot left;
  Snapshot right;
  DiffSummary summary = {};
  std::vector<RecordChange> changes;  // valid as long as this object
};
[[nodiscard]] Diff diff(const Snapshot& left, const Snapshot& right,
                        const DiffOptions& options = {});

// Makes each record that differs what it is on the right; of all tables compared, a commit has the
// right side's fingerprint if the transaction stands on the left one's content. Throws kUsage when
// a record in the transaction is not what it is on the left; the caller then rolls back.
void apply_diff(const Diff& diff, Transaction& transaction);

// ---- lines of a text ----------------------------------------------------------------------------

enum class LineMark : std::uint8_t { kSame, kRemoved, kAdded };
struct DiffLine {
  LineMark mark = LineMark::kSame;
  std::string_view text;  // without its line break; a part of one of the two texts
};
// The shortest way from one text to the other (Wu, Manber, Myers, "An O(NP) Sequence Comparison
// Algorithm"); of texts that differ in very many lines, a way. Both must outlive the result.
[[nodiscard]] std::vector<DiffLine> diff_lines(std::string_view left, std::string_view right);

}  // namespace session
