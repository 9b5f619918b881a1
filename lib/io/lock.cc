#include "lib/io/lock.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/interprocess/exceptions.hpp>
#include <boost/interprocess/sync/file_lock.hpp>
#include <cerrno>
#include <charconv>
#include <list>
#include <mutex>
#include <new>
#include <string_view>
#include <vector>

#include "lib/io/descriptor.h"
#include "lib/io/posix_file.h"
#include "lib/io/system_error.h"
#include "lib/io/transfer.h"

namespace session::io {
namespace {

namespace bip = boost::interprocess;

constexpr std::string_view kProcessWord = "process ";

FileIdentity identity_of(const struct stat& status) {
  return {status.st_dev, status.st_ino, status.st_nlink};
}

struct HeldLock {
  std::string lock_path;
  FileIdentity file;
  // After a fork the child has a copy of this record, but not the lock.
  pid_t process = 0;
  // Ours, to write the process id through; Boost's, which has the lock. Both stay open until the
  // release, as the close of either is the release.
  Descriptor descriptor;
  bip::file_lock lock;
  // Descriptors of the lock file that others of this process wanted to close.
  std::vector<Descriptor> deferred;

  [[nodiscard]] bool is_ours() const { return process == ::getpid(); }
};

struct LockTable {
  std::mutex mutex;
  std::list<HeldLock> held;

  HeldLock* find(const FileIdentity& file) {
    const auto found = std::ranges::find_if(
        held, [&](const HeldLock& one) { return one.is_ours() && one.file == file; });
    return found == held.end() ? nullptr : &*found;
  }
  // Still found by its name when somebody removed the file under the lock.
  HeldLock* find(const std::string& lock_path) {
    const auto found = std::ranges::find_if(
        held, [&](const HeldLock& one) { return one.is_ours() && one.lock_path == lock_path; });
    return found == held.end() ? nullptr : &*found;
  }
};

// One per process, as fcntl locks are; never destroyed, because a session in a static variable may
// outlive any other static.
LockTable& lock_table() {
  static LockTable& table = *new LockTable;
  return table;
}

class ReleasingLock : public Lock {
 public:
  explicit ReleasingLock(std::list<HeldLock>::iterator held) : held_(held) {}
  ReleasingLock(const ReleasingLock&) = delete;
  ReleasingLock& operator=(const ReleasingLock&) = delete;
  // Closes under the mutex: a close after somebody else of this process took the lock anew would
  // drop it. In a forked child nothing is closed, for the same reason.
  ~ReleasingLock() override {
    if (!held_->is_ours()) return;
    LockTable& table = lock_table();
    const std::lock_guard guard(table.mutex);
    table.held.erase(held_);
  }

 private:
  std::list<HeldLock>::iterator held_;
};

void refuse_what_no_writer_takes(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return;
  // Directories have several names as a rule; and no lock is to be made beside one.
  refuse_other_kinds(path, status.st_mode);
  if (status.st_nlink <= 1) return;
  throw Error(ErrorCode::kUsage,
              "the file has " + std::to_string(status.st_nlink) +
                  " names (hard links), and a writer under another name would not see this lock; "
                  "make a copy (`cp`) and write to that",
              path);
}

Descriptor open_lock_file(const std::string& lock_path) {
  constexpr mode_t kOwnerOnly = 0600;
  // O_NOFOLLOW: the name can be foreseen, so in a shared directory somebody could have put a link
  // there that makes us write into another file.
  constexpr int kFlags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
  Descriptor descriptor;
  const int error = uninterrupted([&] {
    descriptor = Descriptor(::open(lock_path.c_str(), kFlags, kOwnerOnly));
    return descriptor.number();
  });
  if (error != 0) {
    throw system_error(error, "cannot open the lock file that every writer needs", lock_path);
  }
  return descriptor;
}

// By the descriptor and not by the name, which may lead to another file by now.
bip::file_lock boost_lock(const Descriptor& descriptor, const std::string& lock_path) {
  const std::string same_file = "/proc/self/fd/" + std::to_string(descriptor.number());
  // Without /proc the name has to do; whether it still was this file is checked after locking.
  const bool has_proc = ::access(same_file.c_str(), F_OK) == 0;
  return bip::file_lock(has_proc ? same_file.c_str() : lock_path.c_str());
}

std::optional<long> written_holder(const Descriptor& descriptor) {
  std::array<char, 32> text{};
  const ssize_t size = ::pread(descriptor.number(), text.data(), text.size(), 0);
  long holder = 0;
  if (size <= 0 || std::from_chars(text.data(), text.data() + size, holder).ec != std::errc{} ||
      holder <= 0) {
    return std::nullopt;
  }
  return holder;
}

struct Holder {
  bool is_there = false;
  std::optional<long> process;
};

// Nothing if the system does not say.
std::optional<Holder> ask_holder(const Descriptor& descriptor) {
  struct flock question {};
  question.l_type = F_WRLCK;
  question.l_whence = SEEK_SET;
  if (::fcntl(descriptor.number(), F_GETLK, &question) != 0) return std::nullopt;
  if (question.l_type == F_UNLCK) return Holder{};
  if (question.l_pid > 0) return Holder{true, question.l_pid};
  // In another container or on another machine: the system knows no number of it that means
  // anything here, but it has written down its own.
  return Holder{true, written_holder(descriptor)};
}

void write_holder(const Descriptor& descriptor, pid_t process, const std::string& lock_path) {
  const std::string text = std::to_string(process) + "\n";
  const Transfer written = transfer_fully(text.size(), [&](std::size_t done,
                                                           std::size_t remaining) {
    return ::pwrite(descriptor.number(), text.data() + done, remaining, static_cast<off_t>(done));
  });
  int error = written.error;
  if (error == 0) {
    error = uninterrupted(
        [&] { return ::ftruncate(descriptor.number(), static_cast<off_t>(text.size())); });
  }
  if (error != 0) throw system_error(error, "cannot write the process id", lock_path);
}

// Nothing if the lock file was removed, or the holder went away, while we looked.
std::unique_ptr<Lock> try_lock(LockTable& table, const std::string& path,
                               const std::string& lock_path) {
  // Before opening it: a descriptor that is not there needs no closing.
  struct stat status {};
  const bool is_there = ::stat(lock_path.c_str(), &status) == 0;
  if (table.find(lock_path) != nullptr ||
      (is_there && table.find(identity_of(status)) != nullptr)) {
    throw locked_error(path, ::getpid());
  }

  HeldLock taken;
  taken.lock_path = lock_path;
  taken.process = ::getpid();
  taken.descriptor = open_lock_file(lock_path);
  if (::fstat(taken.descriptor.number(), &status) != 0) {
    throw system_error(errno, "cannot ask for the lock file's state", lock_path);
  }
  taken.file = identity_of(status);
  if (HeldLock* ours = table.find(taken.file)) {
    ours->deferred.push_back(std::move(taken.descriptor));
    throw locked_error(path, ::getpid());
  }
  if (!S_ISREG(status.st_mode)) {
    throw Error(ErrorCode::kIo, "the lock file is no regular file; move it away", lock_path);
  }

  taken.lock = boost_lock(taken.descriptor, lock_path);
  if (!taken.lock.try_lock()) {
    const Holder holder = ask_holder(taken.descriptor).value_or(Holder{true, std::nullopt});
    if (!holder.is_there) return nullptr;
    throw locked_error(path, holder.process);
  }
  if (::stat(lock_path.c_str(), &status) != 0 || identity_of(status) != taken.file) return nullptr;

  write_holder(taken.descriptor, taken.process, lock_path);
  // Not in the table before there is somebody to take it out again.
  decltype(table.held) one;
  one.push_front(std::move(taken));
  auto lock = std::make_unique<ReleasingLock>(one.begin());
  table.held.splice(table.held.begin(), one);
  return lock;
}

}  // namespace

std::unique_ptr<Lock> lock_beside(const std::string& path) {
  refuse_what_no_writer_takes(path);
  const std::string lock_path = path + ".lock";
  LockTable& table = lock_table();
  const std::lock_guard guard(table.mutex);
  try {
    constexpr int kAttempts = 16;
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      if (auto lock = try_lock(table, path, lock_path)) return lock;
    }
  } catch (const bip::interprocess_exception& failure) {
    throw system_error(failure.get_native_error(), "cannot lock the file", lock_path);
  }
  throw locked_error(path, std::nullopt);
}

std::optional<LockHolder> holder_of_lock_beside(const std::string& path) {
  const std::string lock_path = path + ".lock";
  LockTable& table = lock_table();
  const std::lock_guard guard(table.mutex);
  // Before opening it, as in try_lock.
  struct stat status {};
  const bool is_there = ::stat(lock_path.c_str(), &status) == 0;
  HeldLock* ours = table.find(lock_path);
  if (ours == nullptr && is_there) ours = table.find(identity_of(status));
  if (ours != nullptr) return LockHolder{ours->process};
  if (!is_there || !S_ISREG(status.st_mode)) return std::nullopt;

  constexpr int kFlags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
  Descriptor descriptor(::open(lock_path.c_str(), kFlags));
  if (!descriptor.is_open() || ::fstat(descriptor.number(), &status) != 0) return std::nullopt;
  if (HeldLock* held = table.find(identity_of(status))) {
    held->deferred.push_back(std::move(descriptor));
    return LockHolder{held->process};
  }
  const auto holder = ask_holder(descriptor);
  if (!holder || !holder->is_there) return std::nullopt;
  return LockHolder{holder->process};
}

void close_keeping_locks(int descriptor) noexcept {
  if (descriptor < 0) return;
  Descriptor closing(descriptor);
  LockTable& table = lock_table();
  // Closed before the guard goes: a lock taken in between would be dropped.
  const std::lock_guard guard(table.mutex);
  struct stat status {};
  if (!table.held.empty() && ::fstat(descriptor, &status) == 0) {
    if (HeldLock* held = table.find(identity_of(status))) {
      try {
        held->deferred.push_back(std::move(closing));
      } catch (const std::bad_alloc&) {
        closing.release();  // a descriptor lost is better than a lock lost
      }
      return;
    }
  }
  const Descriptor closed_now = std::move(closing);
}

Error locked_error(const std::string& path, std::optional<long> holder) {
  std::string text = "another writer holds it: ";
  if (!holder) {
    text += "one that cannot be seen from here (another container or machine?)";
  } else {
    text += std::string(kProcessWord) + std::to_string(*holder);
  }
  text += holder == ::getpid() ? " (this one); close its session first"
                               : "; wait for it or end it (reading needs no lock)";
  return {ErrorCode::kLocked, text, path};
}

std::optional<long> lock_holder(const Error& error) {
  if (error.code() != ErrorCode::kLocked) return std::nullopt;
  const std::string_view text = error.message();
  const std::size_t at = text.find(kProcessWord);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view number = text.substr(at + kProcessWord.size());
  long holder = 0;
  if (std::from_chars(number.data(), number.data() + number.size(), holder).ec != std::errc{}) {
    return std::nullopt;
  }
  return holder;
}

}  // namespace session::io
