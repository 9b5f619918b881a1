#include "lib/io/wake.h"

#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <limits>

#include "lib/io/system_error.h"

namespace session::io {

Wake::Wake() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!event_.is_open()) throw system_error(errno, "cannot make an event to wait for", {});
}

void Wake::signal() noexcept {
  const int saved = errno;  // whom a signal handler interrupted must find it unchanged
  const std::uint64_t one = 1;
  // Fails only where the count is full: then somebody is being woken already.
  (void)!::write(event_.number(), &one, sizeof one);
  errno = saved;
}

bool Wake::wait(std::chrono::nanoseconds timeout) noexcept {
  // Rounded up: woken a little early, one would only wait again.
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(timeout).count();
  pollfd event{event_.number(), POLLIN, 0};
  (void)::poll(
      &event, 1,
      static_cast<int>(std::clamp<std::int64_t>(milliseconds, 0, std::numeric_limits<int>::max())));
  std::uint64_t count = 0;
  return ::read(event_.number(), &count, sizeof count) == sizeof count;
}

}  // namespace session::io
