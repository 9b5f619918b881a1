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
// The result is a new file, verified in full before it takes the name of the old one; the old one
// is kept beside it. A crash at any point leaves the original, under its name or as the backup.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "session/error.h"
#include "session/progress.h"
#include "session/table.h"

namespace session {

namespace io {
class FileSystem;
}

struct RepairOptions {
  std::string output;        // empty: in place of the damaged file, which is kept beside it
  bool overwrite = false;    // of `output`
  bool dry_run = false;      // make and verify the result, then throw it away
  bool accept_loss = false;  // without it, a repair that loses something is refused
  ProgressCallback progress;
  io::FileSystem* files = nullptr;
  std::function<std::int64_t()> clock;  // nanoseconds since 1970; empty: the system's
};

enum class RepairVerdict : std::uint8_t {
  kClean,      // nothing was damaged, nothing was done
  kRestored,   // every revision is whole again
  kRecovered,  // the newest state is whole, but not every older revision is there
  kLossy,      // something of the newest state is stale or lost
};
// "clean", "restored", ...
[[nodiscard]] std::string_view repair_verdict_name(RepairVerdict verdict);

enum class RepairStep : std::uint8_t { kParity, kTail, kHeader, kPage, kRewrite, kRecords };
[[nodiscard]] std::string_view repair_step_name(RepairStep step);

struct RepairAction {
  RepairStep step = RepairStep::kParity;
  std::uint64_t offset = 0;  // of the bytes concerned in the damaged file
  std::uint64_t length = 0;
  std::string message;
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
  bool bit_exact = true;  // the result is what the file was before it was damaged, to the bit
  bool refused = false;   // something would be lost and that was not accepted: nothing was changed
  std::vector<RepairAction> actions;
  std::vector<StaleRecord> stale;
  std::vector<LostItem> lost;
  std::string output;          // the repaired file; empty if none was made
  std::string backup;          // the damaged original; empty if it stands where it stood
  std::uint64_t revision = 0;  // the head of the result
};

// Throws kNotASession where not one frame of a session is left, kLocked while a writer holds the
// file, kExists for an output that is there, kIo.
RepairReport repair(const std::string& path, const RepairOptions& options = {});

}  // namespace session
