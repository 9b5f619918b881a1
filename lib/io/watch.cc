#include "lib/io/watch.h"

#include <linux/magic.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "lib/io/descriptor.h"

namespace session::io {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::nanoseconds;

constexpr nanoseconds kLookWhenNotTold = std::chrono::milliseconds(20);

class LookingWatch : public Watch {
 public:
  bool wait(nanoseconds timeout, const std::stop_token& stop) override {
    const auto until = std::min(deadline_after(timeout), next_look_);
    std::mutex mutex;
    std::condition_variable_any never;
    std::unique_lock lock(mutex);
    never.wait_until(lock, stop, until, [] { return false; });
    if (stop.stop_requested() || Clock::now() < next_look_) return false;
    next_look_ = Clock::now() + kLookWhenNotTold;
    return true;
  }

 private:
  Clock::time_point next_look_ = Clock::now() + kLookWhenNotTold;
};

// Others write to them past this machine.
bool is_remote(const std::string& directory) {
  struct statfs about {};
  if (::statfs(directory.c_str(), &about) != 0) return false;
  constexpr std::array<std::uint32_t, 7> kRemote = {
      NFS_SUPER_MAGIC, SMB_SUPER_MAGIC, 0xFF534D42 /* CIFS */, 0xFE534D42 /* SMB 2 */,
      V9FS_MAGIC,      AFS_SUPER_MAGIC, FUSE_SUPER_MAGIC};
  return std::ranges::find(kRemote, static_cast<std::uint32_t>(about.f_type)) != kRemote.end();
}

// "a/." for "a/b", "." for "b".
std::string directory_of(const std::string& path) {
  return (std::filesystem::path(path).parent_path() / ".").string();
}

// Watches the directory for what happens to the name, and the file for what is written to it. Where
// the name is a symbolic link, both the link's directory and that of its target: a writer resolves
// links, and so replaces the target.
class InotifyWatch : public Watch {
 public:
  InotifyWatch(std::string path, nanoseconds look_anyway, Descriptor inotify, Descriptor stopped)
      : path_(std::move(path)),
        look_anyway_(look_anyway),
        inotify_(std::move(inotify)),
        stopped_(std::move(stopped)) {}
  InotifyWatch(const InotifyWatch&) = delete;
  InotifyWatch& operator=(const InotifyWatch&) = delete;
  ~InotifyWatch() override = default;

  // Looks where the name leads now. False if the system will not tell what happens there.
  bool arm() {
    names_.clear();
    bool armed = add_name(path_);
    std::error_code missing;
    const std::string real = std::filesystem::canonical(path_, missing).string();
    if (!missing && real != path_) armed = add_name(real) && armed;
    const int file = ::inotify_add_watch(inotify_.number(), path_.c_str(), IN_MODIFY);
    if (file < 0 && errno != ENOENT && errno != ENOTDIR) armed = false;
    // The system has forgotten it already if the file is gone.
    if (file_ >= 0 && file_ != file) (void)::inotify_rm_watch(inotify_.number(), file_);
    file_ = file;
    next_look_ = Clock::now() + (armed ? look_anyway_ : kLookWhenNotTold);
    return armed;
  }

  bool wait(nanoseconds timeout, const std::stop_token& stop) override {
    const auto deadline = deadline_after(timeout);
    // The stop of an earlier wait may still stand there.
    eventfd_t earlier = 0;
    (void)::eventfd_read(stopped_.number(), &earlier);
    const std::stop_callback wake(stop, [this] { (void)::eventfd_write(stopped_.number(), 1); });
    for (;;) {
      const Woken woken = poll_until(std::min(deadline, next_look_));
      if (stop.stop_requested() || woken == Woken::kBySignal) return false;
      const Heard heard = woken == Woken::kByEvent ? hear() : Heard::kNothing;
      const auto now = Clock::now();
      const bool is_due = now >= next_look_;
      if (is_due || heard == Heard::kName) (void)arm();
      if (is_due || heard != Heard::kNothing) return true;
      if (now >= deadline) return false;
    }
  }

 private:
  enum class Woken : std::uint8_t { kByTime, kByEvent, kBySignal };
  enum class Heard : std::uint8_t { kNothing, kWrite, kName };

  bool add_name(const std::string& path) {
    constexpr std::uint32_t kNameChanges = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO |
                                           IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
    const int directory =
        ::inotify_add_watch(inotify_.number(), directory_of(path).c_str(), kNameChanges);
    if (directory < 0) return false;
    names_.emplace_back(directory, std::filesystem::path(path).filename().string());
    return true;
  }

  [[nodiscard]] Woken poll_until(Clock::time_point until) const {
    std::array<pollfd, 2> waiting = {
        {{inotify_.number(), POLLIN, 0}, {stopped_.number(), POLLIN, 0}}};
    const nanoseconds left = std::max(nanoseconds(0), nanoseconds(until - Clock::now()));
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
    const timespec limit{seconds.count(), (left - seconds).count()};
    const int ready = ::ppoll(waiting.data(), waiting.size(), &limit, nullptr);
    if (ready < 0 && errno == EINTR) return Woken::kBySignal;
    return ready > 0 ? Woken::kByEvent : Woken::kByTime;
  }

  // Takes everything there is to hear.
  [[nodiscard]] Heard hear() const {
    Heard heard = Heard::kNothing;
    alignas(inotify_event) std::array<char, 16 << 10> buffer;
    for (;;) {
      const ssize_t size = ::read(inotify_.number(), buffer.data(), buffer.size());
      if (size < 0 && errno == EINTR) continue;
      if (size <= 0) return heard;
      for (std::size_t at = 0; at < static_cast<std::size_t>(size);) {
        inotify_event event;
        std::memcpy(&event, buffer.data() + at, sizeof event);
        const char* name = event.len > 0 ? buffer.data() + at + sizeof event : "";
        heard = std::max(heard, meaning_of(event, name));
        at += sizeof event + event.len;
      }
    }
  }

  [[nodiscard]] Heard meaning_of(const inotify_event& event, std::string_view name) const {
    if ((event.mask & IN_Q_OVERFLOW) != 0) return Heard::kName;
    if (event.wd == file_ && (event.mask & IN_MODIFY) != 0) return Heard::kWrite;
    for (const auto& [directory, watched_name] : names_) {
      if (event.wd != directory) continue;
      // What has no name happened to the directory itself.
      if (name.empty() || name == watched_name) return Heard::kName;
    }
    return Heard::kNothing;
  }

  std::string path_;
  nanoseconds look_anyway_;
  Descriptor inotify_;
  Descriptor stopped_;
  int file_ = -1;                                   // its watch, while there is such a file
  std::vector<std::pair<int, std::string>> names_;  // watch of a directory, and the name in it
  Clock::time_point next_look_;
};

}  // namespace

std::unique_ptr<Watch> watch_by_inotify(const std::string& path, nanoseconds look_anyway) {
  if (is_remote(directory_of(path))) return nullptr;
  Descriptor inotify(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  Descriptor stopped(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!inotify.is_open() || !stopped.is_open()) return nullptr;
  auto watch =
      std::make_unique<InotifyWatch>(path, look_anyway, std::move(inotify), std::move(stopped));
  if (!watch->arm()) return nullptr;
  return watch;
}

std::unique_ptr<Watch> watch_by_looking() {
  return std::make_unique<LookingWatch>();
}

Clock::time_point deadline_after(nanoseconds timeout) {
  const auto now = Clock::now();
  if (timeout >= Clock::time_point::max() - now) return Clock::time_point::max();
  return now + timeout;
}

}  // namespace session::io
