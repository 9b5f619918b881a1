#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <vector>

#include "lib/io/descriptor.h"
#include "lib/io/file.h"
#include "lib/io/lock.h"
#include "lib/io/posix_file.h"
#include "lib/io/renames.h"
#include "lib/io/system_error.h"
#include "lib/io/transfer.h"
#include "lib/io/watch.h"

namespace session::io {
namespace {

// A zero byte ends the name for the system: it would act on another file than the one named.
const std::string& checked(const std::string& path) {
  if (path.empty()) throw Error(ErrorCode::kUsage, "the path is empty; name a file");
  if (path.find('\0') != std::string::npos) {
    throw Error(ErrorCode::kUsage, "the path has a zero byte in it; check the path", path.c_str());
  }
  return path;
}

std::optional<struct stat> status_of(const std::string& path) {
  struct stat status {};
  if (::stat(checked(path).c_str(), &status) == 0) return status;
  if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
  throw system_error(errno, "cannot ask whether the file is there", path);
}

std::string directory_of(const std::string& path) {
  const std::string directory = std::filesystem::path(path).parent_path().string();
  return directory.empty() ? "." : directory;
}

// Nothing if it does not exist.
std::optional<std::string> resolved(const std::string& path) {
  const std::unique_ptr<char, void (*)(void*)> real(::realpath(path.c_str(), nullptr), &std::free);
  if (real) return std::string(real.get());
  if (errno == ENOENT) return std::nullopt;
  throw system_error(errno, "cannot resolve the path", path);
}

// To chown: leave it as it is.
constexpr auto kSameOwner = static_cast<uid_t>(-1);
constexpr auto kSameGroup = static_cast<gid_t>(-1);
constexpr mode_t kAllBits = S_IRWXU | S_IRWXG | S_IRWXO;

// Where the group becomes another one. Who was in the old group is one of the others then, and must
// not be allowed more than the group was.
mode_t without_group(mode_t mode) {
  constexpr int kGroupShift = 3;
  const mode_t group_as_others = (mode & S_IRWXG) >> kGroupShift;
  return mode & (S_IRWXU | (S_IRWXO & group_as_others));
}

// False if there is a list and it cannot be given on.
bool copy_access_list(const std::string& from, const std::string& to) {
  constexpr const char* kName = "system.posix_acl_access";
  const ssize_t size = ::getxattr(from.c_str(), kName, nullptr, 0);
  if (size < 0) return errno == ENODATA || errno == ENOTSUP;
  std::vector<char> list(static_cast<std::size_t>(size));
  const ssize_t got = ::getxattr(from.c_str(), kName, list.data(), list.size());
  return got == size && ::setxattr(to.c_str(), kName, list.data(), list.size(), 0) == 0;
}

class SystemFiles : public FileSystem {
 public:
  std::unique_ptr<File> open(const std::string& path, OpenMode mode) override {
    return open_posix_file(checked(path), mode);
  }

  bool exists(const std::string& path) override { return status_of(path).has_value(); }

  std::optional<FileIdentity> identity(const std::string& path) override {
    const auto status = status_of(path);
    if (!status) return std::nullopt;
    return FileIdentity{status->st_dev, status->st_ino, status->st_nlink};
  }

  void rename(const std::string& from, const std::string& to) override {
    if (std::rename(checked(from).c_str(), checked(to).c_str()) != 0) {
      throw system_error(errno, "cannot rename it to " + to, from);
    }
  }

  void rename_new(const std::string& from, const std::string& to) override {
    rename_to_free_name(checked(from), checked(to));
  }

  void exchange(const std::string& one, const std::string& other) override {
    exchange_names(checked(one), checked(other));
  }

  void remove(const std::string& path) override {
    if (::unlink(checked(path).c_str()) != 0) {
      throw system_error(errno, "cannot remove the file", path);
    }
  }

  void copy_access(const std::string& from, const std::string& to) override {
    const auto wanted = status_of(from);
    const auto now = status_of(to);
    if (!wanted || !now) return;
    const bool has_group =
        now->st_gid == wanted->st_gid || ::chown(to.c_str(), kSameOwner, wanted->st_gid) == 0;
    mode_t mode = wanted->st_mode & (S_IRWXU | S_IRWXG | S_IRWXO);
    // With a list of its own (POSIX ACL) the bits of the group are the most that anybody on the
    // list may do, and mean nothing without it.
    if (!has_group || !copy_access_list(from, to)) mode = without_group(mode);
    // A system that knows no permissions, or not these, leaves the file to its owner alone. Before
    // the file would be another's, whose mode only root may change.
    if (mode != (now->st_mode & kAllBits)) (void)::chmod(to.c_str(), mode);
    if (now->st_uid != wanted->st_uid) (void)::chown(to.c_str(), wanted->st_uid, kSameGroup);
  }

  void sync_directory(const std::string& path) override {
    const std::string directory = directory_of(checked(path));
    const Descriptor descriptor(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    int error = descriptor.is_open() ? 0 : errno;
    if (error == 0) error = uninterrupted([&] { return ::fsync(descriptor.number()); });
    // EINVAL: a file system that has nothing to sync in a directory.
    if (error == 0 || error == EINVAL) return;
    throw system_error(error, "cannot sync the directory to the disk", directory);
  }

  std::string real_path(const std::string& path) override {
    if (auto real = resolved(checked(path))) return *real;
    struct stat status {};
    if (::lstat(path.c_str(), &status) == 0) {
      throw Error(ErrorCode::kNotFound,
                  "a symbolic link to a file that does not exist; name that file", path);
    }
    const std::string name = std::filesystem::path(path).filename().string();
    const auto directory = resolved(directory_of(path));
    if (!directory || name.empty() || name == "." || name == "..") {
      throw system_error(ENOENT, "cannot resolve the path", path);
    }
    return *directory == "/" ? "/" + name : *directory + "/" + name;
  }

  std::unique_ptr<Lock> lock(const std::string& path) override {
    return lock_beside(checked(path));
  }

  std::optional<LockHolder> lock_holder(const std::string& path) override {
    return holder_of_lock_beside(checked(path));
  }

  std::unique_ptr<Watch> watch(const std::string& path) override {
    if (auto told = watch_by_inotify(checked(path))) return told;
    return watch_by_looking();
  }

  std::vector<std::string> list(const std::string& directory) override {
    std::vector<std::string> names;
    std::error_code error;
    std::filesystem::directory_iterator entry(checked(directory), error);
    while (!error && entry != std::filesystem::directory_iterator()) {
      names.push_back(entry->path().filename().string());
      entry.increment(error);
    }
    if (error) throw system_error(error.value(), "cannot list the directory", directory);
    std::ranges::sort(names);
    return names;
  }
};

}  // namespace

FileSystem& system_files() {
  // Never destroyed: a session in a static variable may close after the other statics are gone.
  static FileSystem& files = *new SystemFiles;
  return files;
}

}  // namespace session::io
