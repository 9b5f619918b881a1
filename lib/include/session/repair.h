#pragma once
// Puts back what can be put back of a damaged session file, and says what cannot.
//
//   RepairReport report = repair("work.session", {.dry_run = true});
//
// In this order: parity, bit for bit; the torn tail cut; the header taken from a commit that
// repeats it; pages built anew from the pages below them or from older versions and deltas, where
// their digest proves the result; then, if something is still damaged, the file is written anew
// with every revision that is whole, and the newest state is put together from what is left: lost
// pages are filled with the newest older version of their records, which are called stale, and
// what remains lost is listed.
//
// Asked for, it then corrects what can be corrected of the findings of meaning, in one commit at
// the end of the result: what a task, message or list said before stands in the revision before and
// in the action that tells of it; what a record of its own is needed for is kept as a value under
// "sessiontool/set-aside/". Nothing is invented: what a tool answered, or what a file should hold,
// is left as a finding. Memory: that of checking the meaning, and some for each finding.
//
//   repair("work.session", {.fix_semantics = true});
//
// Or, of a damaged file, an older revision of your choice becomes the newest state (`from`),
// instead of what is left of the newest.
//
// The result is a new file, verified in full before it takes the name of the old one; the old one
// is kept beside it. A crash at any point leaves the original, under its name or as the backup.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "session/error.h"
#include "session/finding.h"
#include "session/progress.h"
#include "session/table.h"

namespace session {

namespace io {
class FileSystem;
}

struct RepairOptions {
  std::string output;          // empty: in place of the damaged file, which is kept beside it
  bool overwrite = false;      // of `output`
  bool dry_run = false;        // make and verify the result, then throw it away
  bool accept_loss = false;    // without it, a repair that loses something is refused
  bool fix_semantics = false;  // correct findings of meaning as well
  // A revision by name (number, checkpoint, time, as Reader::at takes it) whose content becomes the
  // newest state, in a revision of its own. For damaged files; empty: the newest state there is.
  std::string from;
  ProgressCallback progress;
  io::FileSystem* files = nullptr;
  std::function<std::int64_t()> clock;  // nanoseconds since 1970; empty: the system's
};

enum class RepairVerdict : std::uint8_t {
  kClean,      // nothing was damaged, nothing was done
  kRestored,   // every revision is whole again; findings of meaning may have been corrected
  kRecovered,  // the newest state is whole, but not every older revision is there
  kLossy,      // something of the newest state is stale or lost
};
// "clean", "restored", ...
[[nodiscard]] std::string_view repair_verdict_name(RepairVerdict verdict);

enum class RepairStep : std::uint8_t {
  kParity,
  kTail,
  kHeader,
  kPage,
  kRewrite,
  kRecords,
  kFrom,     // an older revision became the newest state
  kMeaning,  // a correction; the fields from `finding` on say of what
};
[[nodiscard]] std::string_view repair_step_name(RepairStep step);

struct RepairAction {
  RepairStep step = RepairStep::kParity;
  std::uint64_t offset = 0;  // of the bytes concerned in the damaged file
  std::uint64_t length = 0;
  std::string message;
  // Of a correction: the code of the finding, the record, and what it said before and says now.
  std::optional<FindingCode> finding;
  std::optional<Table> table;
  std::string key;
  std::string before;
  std::string after;
};

// A record of which only an older version is left.
struct StaleRecord {
  Table table = Table::kTasks;
  std::string key;
};

// What is gone: one record, or what a range of keys held, or a revision.
struct LostItem {
  std::optional<Table> table;
  std::string key;  // the record, or the last key of the range; empty: to the table's end
  std::optional<std::string> after_key;  // a range: keys behind this one
  std::uint64_t records = 0;             // how many, at most
  std::uint64_t revision = 0;            // a revision that cannot be opened any more; 0: none
  std::string message;
};

struct RepairReport {
  RepairVerdict verdict = RepairVerdict::kClean;
  bool bit_exact = true;  // the result is what the file was before it was damaged, to the bit;
                          // false where corrections were added to it
  bool refused = false;   // something would be lost and that was not accepted: nothing was changed
  std::string refusal;    // of a refusal that accepting loss would not change: why
  std::vector<RepairAction> actions;
  std::vector<StaleRecord> stale;
  std::vector<LostItem> lost;
  std::string output;          // the repaired file; empty if none was made
  std::string backup;          // the damaged original; empty if it stands where it stood
  std::uint64_t revision = 0;  // the head of the result
  // Findings of meaning that are left, where their correction was asked for.
  std::optional<std::uint64_t> semantic_findings;
};

// Throws kNotASession where not one frame of a session is left, kLocked while a writer holds the
// file or one that the output would replace, kExists for an output that is there, kIo. With `from`:
// kUsage for a file that is not damaged (Writer::restore is for those), kNotFound for no such
// revision; one that cannot be read whole is refused. Nothing was changed then.
RepairReport repair(const std::string& path, const RepairOptions& options = {});

}  // namespace session
