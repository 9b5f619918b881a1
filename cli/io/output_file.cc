#include "cli/io/output_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "session/error.h"

namespace session::cli {
namespace {

constexpr std::size_t kHoldBytes = 1024 * 1024;

// Where the bytes go when `path` is a symbolic link.
std::string place_of(const std::string& path) {
  std::error_code error;
  const auto place = std::filesystem::weakly_canonical(path, error);
  return error ? path : place.string();
}

// What a new file may be accessed with; mkstemp gives less.
mode_t usual_mode() {
  const mode_t mask = ::umask(0);
  ::umask(mask);
  return 0666 & ~mask;
}

Error exists_error(const std::string& path) {
  return {ErrorCode::kExists, "exists already; choose another name or add --force", path};
}

// Without `force` an existing file is left alone, also one that came into being a moment ago.
void put_in_place(const std::string& from, const std::string& to, bool force) {
  if (!force) {
    if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return;
    if (errno == EEXIST) throw exists_error(to);
    // Some file systems do not know that kind of rename.
    if (errno != EINVAL && errno != ENOSYS) throw_system_error("cannot rename into place", to);
    refuse_existing_output(to, false);
  }
  if (::rename(from.c_str(), to.c_str()) != 0) throw_system_error("cannot rename into place", to);
}

void sync_directory_of(const std::string& path) {
  const std::string directory = std::filesystem::path(path).parent_path().string();
  const int fd = ::open(directory.empty() ? "." : directory.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  // Not every file system can; the file itself is safe. A disk that fails is another matter.
  const bool has_failed = ::fsync(fd) != 0 && errno == EIO;
  ::close(fd);
  if (!has_failed) return;
  errno = EIO;
  throw_system_error("cannot sync its directory to the disk", path);
}

}  // namespace

void refuse_output_that_is_input(const std::string& output, std::span<const std::string> inputs) {
  struct stat of_output = {};
  if (::stat(output.c_str(), &of_output) != 0) return;
  for (const std::string& input : inputs) {
    struct stat of_input = {};
    if (::stat(input.c_str(), &of_input) != 0) continue;
    if (of_input.st_dev == of_output.st_dev && of_input.st_ino == of_output.st_ino) {
      throw Error(ErrorCode::kUsage,
                  "the output is the same file as the input '" + input +
                      "'; choose another name for the output",
                  output);
    }
  }
}

void refuse_existing_output(const std::string& output, bool force) {
  struct stat status = {};
  if (::stat(output.c_str(), &status) != 0) return;
  if (!force) throw exists_error(output);
  if (!S_ISREG(status.st_mode)) {
    throw Error(ErrorCode::kUsage, "is no regular file and cannot be replaced; choose another name",
                output);
  }
}

OutputFile::OutputFile(const std::string& path, bool force) : path_(place_of(path)), force_(force) {
  refuse_existing_output(path, force);
  temporary_path_ = path_ + ".XXXXXX";
  fd_ = ::mkostemp(temporary_path_.data(), O_CLOEXEC);
  if (fd_ < 0) {
    temporary_path_.clear();
    throw_system_error("cannot create", path);
  }
  stream_ = std::make_unique<FdOutput>(fd_, path, kHoldBytes);
}

OutputFile::~OutputFile() {
  if (fd_ >= 0) ::close(fd_);
  if (!temporary_path_.empty()) ::unlink(temporary_path_.c_str());
}

void OutputFile::commit() {
  stream_->flush();
  if (::fchmod(fd_, usual_mode()) != 0) throw_system_error("cannot set the permissions of", path_);
  if (::fsync(fd_) != 0) throw_system_error("cannot write", path_);
  put_in_place(temporary_path_, path_, force_);
  temporary_path_.clear();
  sync_directory_of(path_);
}

}  // namespace session::cli
