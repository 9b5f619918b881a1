// Loaded before the C library into the tool (LD_PRELOAD): writes down what is synced, and lets it
// fail where it is told to. Directories are outside the seam that the simulated disk replaces.
//
//   WATCHED_FSYNC_LOG    a file; each path that is synced becomes a line of it
//   WATCHED_FSYNC_FAILS  a path whose sync fails with EIO

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <string>

namespace {

std::string path_of(int descriptor) {
  char path[PATH_MAX];
  const std::string link = "/proc/self/fd/" + std::to_string(descriptor);
  const ssize_t size = ::readlink(link.c_str(), path, sizeof path);
  return size < 0 ? std::string() : std::string(path, static_cast<std::size_t>(size));
}

void note(const std::string& path) {
  const char* const log = std::getenv("WATCHED_FSYNC_LOG");
  if (log == nullptr) return;
  const int descriptor = ::open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  const std::string line = path + "\n";
  (void)!::write(descriptor, line.data(), line.size());
  ::close(descriptor);
}

}  // namespace

extern "C" int fsync(int descriptor) {
  const std::string path = path_of(descriptor);
  const char* const fails = std::getenv("WATCHED_FSYNC_FAILS");
  if (fails != nullptr && path == fails) {
    errno = EIO;
    return -1;
  }
  note(path);
  return static_cast<int>(::syscall(SYS_fsync, descriptor));
}
