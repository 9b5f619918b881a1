#pragma once
// The seam between us and the operating system: every system call the library makes on a session
// file goes through these classes, so that a test can lie about writes, syncs and renames.
//
// Failures throw session::Error(kIo) with the system's words and the path; kNotFound and kExists
// where that is what happened. An interrupted or short call is retried inside: a call either does
// all it was asked to or throws.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

namespace session::io {

// What tells one file from another, whatever its name.
struct FileIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t link_count = 0;
  friend bool operator==(const FileIdentity& a, const FileIdentity& b) {
    return a.device == b.device && a.inode == b.inode;
  }
};

// Bytes of a file, readable as memory for as long as the object lives. Any thread.
class Mapping {
 public:
  virtual ~Mapping() = default;
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return bytes_; }

 protected:
  std::span<const std::byte> bytes_;
};

// An open file. Calls at distinct ranges may run in parallel.
class File {
 public:
  virtual ~File() = default;

  // Reads up to `into.size()` bytes at `offset`; less only at the end of the file.
  [[nodiscard]] virtual std::size_t read_at(std::uint64_t offset, std::span<std::byte> into) = 0;
  virtual void write_at(std::uint64_t offset, std::span<const std::byte> bytes) = 0;
  // fdatasync: when it returns, what was written is on the disk, the file's size included.
  virtual void sync_data() = 0;
  virtual void truncate(std::uint64_t size_bytes) = 0;
  [[nodiscard]] virtual std::uint64_t size_bytes() = 0;
  [[nodiscard]] virtual FileIdentity identity() = 0;
  // The name it was opened under, for errors; empty where there is none.
  [[nodiscard]] virtual const std::string& path() const;
  // The first `size_bytes` bytes. They must exist; an empty range gives an empty mapping.
  [[nodiscard]] virtual std::shared_ptr<const Mapping> map(std::uint64_t size_bytes) = 0;
};

// A lock on a path, held until destroyed or the process ends, however it ends.
class Lock {
 public:
  virtual ~Lock() = default;
};

// Who has a lock.
struct LockHolder {
  std::optional<long> process;  // nothing: in another container or on another machine
};

// Waits for something to happen to a file, or to the name it stands under. One thread at a time.
class Watch {
 public:
  virtual ~Watch() = default;
  // True as soon as something may have happened since the call before (since the watch was made, in
  // the first call); whoever asks looks then, and often finds nothing. False when `timeout` was
  // over, `stop` was asked for, or a signal was handled by this thread, before that.
  [[nodiscard]] virtual bool wait(std::chrono::nanoseconds timeout,
                                  const std::stop_token& stop) = 0;
};

enum class OpenMode : std::uint8_t {
  kRead,
  kReadWrite,
  kCreateNew,  // read-write; kExists if it is there
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;

  // New files get mode 0600: sessions hold what people said. Throws kNotASession for what is no
  // regular file (a directory, a pipe, a device), without waiting for its other end.
  [[nodiscard]] virtual std::unique_ptr<File> open(const std::string& path, OpenMode mode) = 0;
  [[nodiscard]] virtual bool exists(const std::string& path) = 0;
  // Nothing if the path does not exist.
  [[nodiscard]] virtual std::optional<FileIdentity> identity(const std::string& path) = 0;
  // Replaces `to`. Durable only after sync_directory.
  virtual void rename(const std::string& from, const std::string& to) = 0;
  // As rename, but throws kExists instead of replacing.
  virtual void rename_new(const std::string& from, const std::string& to) = 0;
  // Swaps what the two names stand for, so that at no moment one of them is missing. Both must be
  // there. Durable only after sync_directory.
  virtual void exchange(const std::string& one, const std::string& other) = 0;
  virtual void remove(const std::string& path) = 0;
  // Who may read and write `from` may `to`, and nobody else: for a file that takes the place of
  // another. Where the system does not allow all of it, fewer may. Nothing happens where one of the
  // files is not there.
  virtual void copy_access(const std::string& from, const std::string& to);
  // Makes creations, renames and removals in the directory that holds `path` durable.
  virtual void sync_directory(const std::string& path) = 0;
  // Follows symbolic links; a path that does not exist yet is resolved up to its last component.
  // A link to nothing is kNotFound.
  [[nodiscard]] virtual std::string real_path(const std::string& path) = 0;
  // The writer lock of the session file at `path` (a real path): `path` + ".lock", created when
  // missing, never removed, with the holder's process id in it. Throws kLocked and names the
  // holder when another process, or another Lock in this one, has it (lock_holder in lock.h reads
  // the id back), and kUsage when the session file has several names (hard links). Whatever opens
  // and closes the lock file past this seam, in the process that holds it, drops the lock.
  [[nodiscard]] virtual std::unique_ptr<Lock> lock(const std::string& path) = 0;
  // Who holds that lock, if anybody does. Takes no lock and creates nothing. Nothing as well where
  // the system does not say: the lock file cannot be read, there are no locks here.
  [[nodiscard]] virtual std::optional<LockHolder> lock_holder(const std::string& path);
  // A watch on the name `path`, whatever file it stands for now and later, if any. This one cannot
  // be told and asks to be looked after every few milliseconds.
  [[nodiscard]] virtual std::unique_ptr<Watch> watch(const std::string& path);
  // Names in a directory, sorted, without "." and "..".
  [[nodiscard]] virtual std::vector<std::string> list(const std::string& directory) = 0;
};

// The machine's own. Stateless but for the table of locks this process holds, which must be one
// per process: fcntl locks do not exclude within a process. Thread-safe.
[[nodiscard]] FileSystem& system_files();

// Makes the names in a directory of this machine, and in all below it, durable: before a new tree
// of files gets its name.
void sync_tree(const std::string& directory);

// Reads exactly `into.size()` bytes, or throws kIo naming the offset.
void read_exactly(File& file, const std::string& path, std::uint64_t offset,
                  std::span<std::byte> into);

}  // namespace session::io
