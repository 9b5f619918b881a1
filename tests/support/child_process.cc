#include "tests/support/child_process.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace session::test {
namespace {

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace

// Less than PIPE_BUF, so a write is whole or does not happen.
void ChildProcess::Line::say(std::uint64_t number) const {
  while (::write(out_, &number, sizeof number) < 0) {
    if (errno != EINTR) fail("cannot write to a pipe");
  }
}

std::optional<std::uint64_t> ChildProcess::Line::hear() const {
  std::uint64_t number = 0;
  ssize_t got = 0;
  do {
    got = ::read(in_, &number, sizeof number);
  } while (got < 0 && errno == EINTR);
  if (got != sizeof number) return std::nullopt;
  return number;
}

ChildProcess::ChildProcess(const std::function<int(const Line&)>& body) {
  int down[2];
  int up[2];
  if (::pipe(down) != 0 || ::pipe(up) != 0) fail("cannot make a pipe");
  id_ = ::fork();
  if (id_ < 0) fail("cannot fork");
  if (id_ == 0) {
    ::close(down[1]);
    ::close(up[0]);
    int result = 99;
    try {
      result = body(Line(down[0], up[1]));
    } catch (...) {
      result = 99;
    }
    ::_exit(result);
  }
  ::close(down[0]);
  ::close(up[1]);
  in_ = up[0];
  out_ = down[1];
  line_ = Line(in_, out_);
}

ChildProcess::~ChildProcess() {
  if (id_ > 0) kill();
  ::close(in_);
  ::close(out_);
}

void ChildProcess::kill() {
  ::kill(id_, SIGKILL);
  (void)wait();
}

int ChildProcess::wait() {
  int status = 0;
  while (::waitpid(id_, &status, 0) < 0) {
    if (errno != EINTR) fail("cannot wait for a child");
  }
  id_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace session::test
