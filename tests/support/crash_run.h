#pragma once
// One life of a writer on a simulated disk, and what it was promised: the session's content at each
// revision it committed or tried to, and the newest of them that it may not lose any more.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <string>

#include "session/writer.h"
#include "tests/support/session_state.h"
#include "tests/support/simulated_disk.h"

namespace session::test {

struct Promise {
  // By revision, those that were only tried included. A revision that was tried, failed and was
  // rolled back is replaced by the next one with its number.
  std::map<std::uint64_t, SessionState> states;
  std::uint64_t acknowledged = 0;  // 0: not even that there is a file

  [[nodiscard]] std::uint64_t newest() const { return states.empty() ? 0 : states.rbegin()->first; }
};

class CrashRun {
 public:
  // Goes on from `promise`. What is changed is drawn from `seed`.
  CrashRun(SimulatedDisk& disk, Promise& promise, std::uint64_t seed)
      : disk_(disk), promise_(promise), random_(seed) {}

  // With a policy of so many percent, if any.
  void create(std::uint32_t parity_percent = 0);
  // A draft with one transaction, published.
  void create_from_draft(int changes);
  void open();
  void close();
  // A transaction of `changes` records: written, moved, erased.
  void commit(int changes, Durability durability, bool as_snapshot = false);
  void commit_blobs();
  // One that goes to the file in pieces before it is committed.
  void commit_spilled(int changes, std::uint64_t spill_above_bytes);
  // One that is given up after it went to the file in part.
  void roll_back_spilled(int changes, std::uint64_t spill_above_bytes);
  void checkpoint(const std::string& description);
  void restore(std::uint64_t revision);
  void flush();
  // Of a session that is closed.
  void protect();
  // After a call that failed: a restore may have made one of its two commits.
  void believe_the_writer() { revision_ = writer_->head().revision(); }

  [[nodiscard]] bool has_writer() const { return writer_.has_value(); }

 private:
  void change_something(Twin& twin, const SessionState& before);
  void try_commit(Transaction& change, SessionState next, const CommitOptions& options);
  [[nodiscard]] const SessionState& head() const;

  SimulatedDisk& disk_;
  Promise& promise_;
  std::mt19937_64 random_;
  std::uint64_t revision_ = 0;
  std::optional<Writer> writer_;
};

// What may be asked of a disk after a crash or a kill.
struct AfterCrash {
  std::uint64_t revision = 0;  // found; 0: there is no file, and none was promised
  std::string wrong;           // what breaks a promise, for a person; empty: nothing
};

// Opens to read and compares the head with what was promised; `thorough`: all that is said in
// several ways, and every revision whose content is known.
[[nodiscard]] AfterCrash examine(SimulatedDisk& disk, const Promise& promise, bool thorough);

// Takes up the work: opens to write, commits, closes, and reads it all again. Empty if all went
// well.
[[nodiscard]] std::string go_on(SimulatedDisk& disk, Promise promise, std::uint64_t seed);

}  // namespace session::test
