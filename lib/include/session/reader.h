#pragma once
// Opens a session file to read it, beside whoever writes it.
//
// A Reader knows the path; each Snapshot it gives is a revision that stays readable for as long as
// it is held. Readers take no lock and never write. A Reader may be used by one thread at a time;
// the snapshots by any number.
//
// What a reader cannot guard against: somebody else cutting the file (the mapped pages vanish: the
// system sends SIGBUS) or a bad sector under the mapping. `ReadMode::kCopy` reads with system calls
// into memory of our own instead and turns both into an Error, at the price of a copy per page.
//
// Following a writer, from this or another process:
//
//   for (std::uint64_t last = reader.head().revision(); go_on;) {
//     if (reader.wait_for_change(1s) != HeadChange::kNewer) continue;
//     reader.head().history_after(last, [&](const RevisionInfo& commit) { ... });
//     last = reader.head().revision();
//   }

#include <chrono>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "session/error.h"
#include "session/revision.h"
#include "session/snapshot.h"

namespace session {

namespace io {
class FileSystem;
}

enum class ReadMode : std::uint8_t { kMapped, kCopy };

struct ReaderOptions {
  ReadMode mode = ReadMode::kMapped;
  io::FileSystem* files = nullptr;  // null: the machine's own
  // wait_for_change() looks every 20 ms instead of asking the system to be told. It finds out by
  // itself where the system will not tell, as on a network file system.
  bool poll = false;
};

enum class HeadChange : std::uint8_t {
  kNone,   // nothing new: the time is up, or somebody asked to stop
  kNewer,  // head() is a later revision of what it was before
  // What stands at the path now does not go on from what head() was: another session, or an earlier
  // state of this one (a backup that was put back, a repair that lost the newest commits). head()
  // shows it. The only case in which a revision number falls.
  kReplaced,
};

class Reader {
 public:
  // Throws kNotFound, kNotASession, kNewerVersion, kDamaged (a damaged header, or damage before the
  // head that a clean close had vouched for), kIo.
  [[nodiscard]] static Reader open(const std::string& path, ReaderOptions options = {});
  ~Reader();
  Reader(Reader&&) noexcept;
  Reader& operator=(Reader&&) noexcept;

  // The newest revision when the reader was opened or last refreshed.
  [[nodiscard]] Snapshot head() const;

  // Looks for newer revisions, also when the file was replaced by a rename. True if the head moved.
  bool refresh();

  // Waits until the head is another one than head() shows, and shows it then; at once if it is so
  // already. Follows the name: through commits, durable or not, through a compaction, a repair or
  // any other file that is renamed to it, and through its removal until there is one again.
  //
  // It sleeps in the system and wakes as a commit is written (within 20 ms with `poll`). Revisions
  // in between may be passed over, history_after() of the head has them; it never goes back but for
  // kReplaced. Ends early when `stop` is asked for, and, without `poll`, when this thread handles a
  // signal.
  //
  // Throws kIo, and what open() throws when that has been so for a second (a file that is being
  // copied there looks damaged for a while); head() stays as it was, and one may wait again.
  [[nodiscard]] HeadChange wait_for_change(std::chrono::nanoseconds timeout,
                                           const std::stop_token& stop = {});

  // Any kept revision. O(log n) plus a bounded number of deltas. Throws kNotFound and names the
  // nearest kept ones.
  [[nodiscard]] Snapshot at(std::uint64_t revision) const;

  // What comes behind the @ in FILE@REV: a number, "head", "~3" (three kept revisions before the
  // head), a checkpoint's id, a unique prefix of it (4 characters or more) or its description, or a
  // time such as 2026-11-22T10:00:00Z (the newest revision at or before it). Throws kNotFound and
  // says what would have been near, kUsage when a prefix or description is ambiguous.
  [[nodiscard]] Snapshot at(std::string_view revision) const;

  [[nodiscard]] FileInfo info() const;

 private:
  struct Impl;
  explicit Reader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace session
