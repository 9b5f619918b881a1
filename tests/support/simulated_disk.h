#pragma once
// A file system in memory that can lose power, fail calls and lie about syncs.
//
// The model. A write is seen by every reader at once and is on the disk at some time between then
// and the next successful sync; until then the disk may hold any mixture. Storage works in sectors
// of 512 bytes, in any order. So after a crash
//   - what was synced is there;
//   - each sector written since is, by itself, new, old, zeros or garbage (random crashes also make
//     it an earlier one of several unsynced versions, or new up to some byte and old after it);
//   - a file whose size changed since its last sync has the old size, the new one, or one between;
//   - creations, renames and removals since the last sync of their directory have happened up to
//     some point in their order, and not after it. Syncing a file does not sync its name.
// A byte that is durable and is not changed survives the rewriting of its sector, also when it is
// rewritten with the same value: no storage of today damages that, and without the assumption
// nothing could ever be appended to a file whose end is inside a sector.
// A failed sync loses nothing by itself, but what it should have written is marked clean without
// being durable, as Linux does: a later sync that succeeds does not make it so. Only writing a
// sector again does.
//
// Where this comes from: that file systems reorder, tear and grow in these ways, and that each must
// be tried, is the finding of "All File Systems Are Not Created Equal" (ALICE, OSDI 2014); keeping
// the unsynced writes in memory and playing back a random part of them is how SQLite tests its own
// commits; the failed sync is what PostgreSQL ran into in 2018.
//
// Thread-safe. A copy is a fork of the whole state, counters and faults included; files that are
// open and locks that are held stay with the original.

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "lib/io/file.h"
#include "tests/support/disk_content.h"

namespace session::test {

// Thrown by each call from the crash on. No session::Error and no std::exception, so that nothing
// but `catch (...)` mistakes it for a failure to handle.
struct CrashNow {};

enum class DiskCall : std::uint8_t {
  kOpen,
  kCreate,
  kRead,
  kWrite,
  kSync,
  kTruncate,
  kMap,
  kStatus,  // exists, identity, size, real_path
  kRename,
  kRemove,
  kSyncDirectory,
  kLock,
  kList,
};

// Makes a call fail as the operating system would. A write that fails has written its first half; a
// sync that fails is as above; of the others, one that fails does nothing.
struct Fault {
  std::optional<DiskCall> kind = std::nullopt;  // any if empty
  std::size_t nth = 1;                          // 1: the next call of that kind
  int error = EIO;                              // an errno
  bool from_then_on = false;                    // or just once
};

// A call that changes the disk or makes a change durable; crash points lie between these.
struct DiskOperation {
  DiskCall kind = DiskCall::kWrite;
  std::string path;
  std::uint64_t offset = 0;
  std::uint64_t size_bytes = 0;  // of a write; of a truncate, the size asked for
};

// One of the states that a crash can leave.
struct CrashChoice {
  static constexpr std::size_t kAll = std::numeric_limits<std::size_t>::max();
  std::uint64_t keep_mask = ~std::uint64_t{0};  // bit i: the i-th sector in flight is kept
  LostSector lost_sectors = LostSector::kOld;
  LostSize sizes = LostSize::kNew;
  std::size_t directory_operations = kAll;  // how many of those in flight have happened
};

class SimulatedDisk : public io::FileSystem {
 public:
  SimulatedDisk();
  SimulatedDisk(const SimulatedDisk& other);
  SimulatedDisk& operator=(const SimulatedDisk& other);
  // The other one may only be assigned to or destroyed then.
  SimulatedDisk(SimulatedDisk&& other) noexcept;
  SimulatedDisk& operator=(SimulatedDisk&& other) noexcept;
  ~SimulatedDisk() override;

  // Directories are there by being named; relative paths start at "/". A mapping is a copy of what
  // was there at that moment.
  std::unique_ptr<io::File> open(const std::string& path, io::OpenMode mode) override;
  bool exists(const std::string& path) override;
  std::optional<io::FileIdentity> identity(const std::string& path) override;
  void rename(const std::string& from, const std::string& to) override;
  void rename_new(const std::string& from, const std::string& to) override;
  void exchange(const std::string& one, const std::string& other) override;
  void remove(const std::string& path) override;
  void sync_directory(const std::string& path) override;
  std::string real_path(const std::string& path) override;
  std::unique_ptr<io::Lock> lock(const std::string& path) override;
  std::vector<std::string> list(const std::string& directory) override;

  // Puts a file there, durably, uncounted and whatever crash or fault is due.
  void put(const std::string& path, std::vector<std::byte> bytes);
  // What a reader would see now; also after the crash. Throws kNotFound.
  [[nodiscard]] std::vector<std::byte> contents(const std::string& path) const;

  // Operations so far (those of DiskOperation), and calls of any kind.
  [[nodiscard]] std::size_t operations() const;
  [[nodiscard]] std::size_t calls() const;
  // The operations so far, oldest first: print it when a case fails.
  [[nodiscard]] std::vector<DiskOperation> history() const;

  // The operation after the n-th since the beginning, and every call after it, throws CrashNow.
  void crash_after(std::size_t n);
  [[nodiscard]] bool has_crashed() const;
  // Several may be set; the first that applies to a call is the one.
  void fail(const Fault& fault);
  void clear_faults();
  // How many calls failed because of a Fault.
  [[nodiscard]] std::size_t faults_met() const;

  [[nodiscard]] std::size_t sectors_in_flight() const;
  [[nodiscard]] std::size_t directory_operations_in_flight() const;

  // What the machine finds when it comes up again, if the power went now. The new disk has nothing
  // in flight, no locks, no faults, and counts from 0; this one is not changed.
  [[nodiscard]] SimulatedDisk crashed(std::mt19937_64& random) const;
  [[nodiscard]] SimulatedDisk crashed_with(const CrashChoice& choice) const;
  // The old content for all sectors in flight but those in the mask.
  [[nodiscard]] SimulatedDisk crashed_with_mask(std::uint64_t keep_mask) const;
  // Every choice there is (random fates aside). Throws std::length_error beyond 16 sectors.
  [[nodiscard]] std::vector<CrashChoice> every_crash() const;
  // What the next process finds if only this one is killed: all that was written is seen, what was
  // in flight still is, locks are gone. No faults; counts from 0.
  [[nodiscard]] SimulatedDisk killed() const;

 private:
  struct State;
  class OpenFile;
  class HeldLock;
  explicit SimulatedDisk(std::shared_ptr<State> state);

  std::shared_ptr<State> state_;
};

}  // namespace session::test
