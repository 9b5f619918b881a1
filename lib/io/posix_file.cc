#include "lib/io/posix_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <limits>
#include <string_view>
#include <utility>

#include "lib/io/descriptor.h"
#include "lib/io/lock.h"
#include "lib/io/mapping.h"
#include "lib/io/system_error.h"
#include "lib/io/transfer.h"

namespace session::io {
namespace {

constexpr std::uint64_t kLargestOffset = std::numeric_limits<off_t>::max();

class PosixFile : public File {
 public:
  PosixFile(Descriptor descriptor, std::string path)
      : descriptor_(std::move(descriptor)), path_(std::move(path)) {}
  PosixFile(const PosixFile&) = delete;
  PosixFile& operator=(const PosixFile&) = delete;
  // Whatever path we were given, it may have been that of a lock file.
  ~PosixFile() override { close_keeping_locks(descriptor_.release()); }

  std::size_t read_at(std::uint64_t offset, std::span<std::byte> into) override {
    if (offset > kLargestOffset) return 0;
    const Transfer transfer = transfer_fully(into.size(), [&](std::size_t done,
                                                              std::size_t remaining) {
      const std::uint64_t at = offset + done;
      if (at > kLargestOffset) return ssize_t{0};
      return ::pread(descriptor_.number(), into.data() + done, remaining, static_cast<off_t>(at));
    });
    if (transfer.error != 0) {
      throw system_error(transfer.error, "cannot read " + count_of(into.size()), path_,
                         offset + transfer.bytes);
    }
    return transfer.bytes;
  }

  void write_at(std::uint64_t offset, std::span<const std::byte> bytes) override {
    Transfer transfer;
    if (offset > kLargestOffset || bytes.size() > kLargestOffset - offset) {
      transfer.error = EFBIG;
    } else {
      transfer = transfer_fully(bytes.size(), [&](std::size_t done, std::size_t remaining) {
        return ::pwrite(descriptor_.number(), bytes.data() + done, remaining,
                        static_cast<off_t>(offset + done));
      });
      // Not in any manual, but a loop must not trust that.
      if (transfer.error == 0 && transfer.bytes < bytes.size()) transfer.error = EIO;
    }
    if (transfer.error != 0) {
      throw system_error(transfer.error, "cannot write " + count_of(bytes.size()), path_,
                         offset + transfer.bytes);
    }
  }

  void sync_data() override {
    const int error = uninterrupted([&] { return ::fdatasync(descriptor_.number()); });
    if (error != 0) throw system_error(error, "cannot sync the file to the disk", path_);
  }

  void truncate(std::uint64_t size_bytes) override {
    const std::string action = "cannot set the file's size to " + count_of(size_bytes);
    if (size_bytes > kLargestOffset) throw system_error(EFBIG, action, path_);
    const int error = uninterrupted(
        [&] { return ::ftruncate(descriptor_.number(), static_cast<off_t>(size_bytes)); });
    if (error != 0) throw system_error(error, action, path_);
  }

  std::uint64_t size_bytes() override { return static_cast<std::uint64_t>(status().st_size); }

  const std::string& path() const override { return path_; }
  FileIdentity identity() override {
    const struct stat now = status();
    return {now.st_dev, now.st_ino, now.st_nlink};
  }

  std::shared_ptr<const Mapping> map(std::uint64_t size_bytes) override {
    return map_descriptor(descriptor_.number(), path_, size_bytes);
  }

 private:
  static std::string count_of(std::uint64_t size) { return std::to_string(size) + " bytes"; }

  [[nodiscard]] struct stat status() const {
    struct stat now {};
    if (::fstat(descriptor_.number(), &now) != 0) {
      throw system_error(errno, "cannot ask for the file's state", path_);
    }
    return now;
  }

  Descriptor descriptor_;
  std::string path_;
};

int flags_of(OpenMode mode) {
  // O_NONBLOCK: opening a named pipe must not wait for its other end. Regular files ignore it.
  constexpr int kAlways = O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  switch (mode) {
    case OpenMode::kRead:
      return kAlways | O_RDONLY;
    case OpenMode::kReadWrite:
      return kAlways | O_RDWR;
    case OpenMode::kCreateNew:
      return kAlways | O_RDWR | O_CREAT | O_EXCL;
  }
  throw Error(ErrorCode::kInternal, "unknown open mode");
}

Error not_a_regular_file(std::string_view kind, const std::string& path) {
  return {ErrorCode::kNotASession,
          "this is " + std::string(kind) + ", not a session file; give the path of a file", path};
}

std::string_view kind_name(mode_t mode) {
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a named pipe";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

Error open_error(int error, OpenMode mode, const std::string& path) {
  if (error == EISDIR) return not_a_regular_file("a directory", path);
  // What opening a socket, or a device without a driver, says.
  if (error == ENXIO || error == ENODEV) return not_a_regular_file("a socket or a device", path);
  return system_error(
      error, mode == OpenMode::kCreateNew ? "cannot create the file" : "cannot open the file",
      path);
}

}  // namespace

void refuse_other_kinds(const std::string& path, mode_t mode) {
  if (!S_ISREG(mode)) throw not_a_regular_file(kind_name(mode), path);
}

std::unique_ptr<File> open_posix_file(const std::string& path, OpenMode mode) {
  constexpr mode_t kOwnerOnly = 0600;
  Descriptor descriptor;
  const int error = uninterrupted([&] {
    descriptor = Descriptor(::open(path.c_str(), flags_of(mode), kOwnerOnly));
    return descriptor.number();
  });
  if (error != 0) throw open_error(error, mode, path);
  struct stat status {};
  if (::fstat(descriptor.number(), &status) != 0) throw open_error(errno, mode, path);
  refuse_other_kinds(path, status.st_mode);
  return std::make_unique<PosixFile>(std::move(descriptor), path);
}

}  // namespace session::io
