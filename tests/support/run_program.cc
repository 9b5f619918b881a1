#include "tests/support/run_program.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <system_error>

namespace session::test {
namespace {

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

struct Pipe {
  int read_end = -1;
  int write_end = -1;
};

Pipe make_pipe() {
  std::array<int, 2> ends = {};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) fail("pipe2");
  return {ends[0], ends[1]};
}

Pipe make_terminal() {
  Pipe ends;
  struct winsize size = {};
  size.ws_row = 24;
  size.ws_col = 80;
  if (::openpty(&ends.read_end, &ends.write_end, nullptr, nullptr, &size) != 0) fail("openpty");
  ::fcntl(ends.read_end, F_SETFD, FD_CLOEXEC);
  ::fcntl(ends.write_end, F_SETFD, FD_CLOEXEC);
  return ends;
}

void close_once(int& fd) {
  if (fd >= 0) ::close(fd);
  fd = -1;
}

void set_environment(const ProgramOptions& options) {
  for (const auto& [name, value] : options.environment) {
    if (value.empty()) {
      ::unsetenv(name.c_str());
    } else {
      ::setenv(name.c_str(), value.c_str(), 1);
    }
  }
}

[[noreturn]] void become(const std::string& program, const std::vector<std::string>& arguments,
                         const ProgramOptions& options, int input, int output, int errors) {
  ::dup2(input, STDIN_FILENO);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(errors, STDERR_FILENO);
  if (!options.output_file.empty()) {
    const int file = ::open(options.output_file.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ::dup2(file, STDOUT_FILENO);
  }
  if (!options.directory.empty() && ::chdir(options.directory.c_str()) != 0) ::_exit(126);
  set_environment(options);
  if (options.file_limit_bytes > 0) {
    struct rlimit limit = {};
    limit.rlim_cur = limit.rlim_max = options.file_limit_bytes;
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) ::_exit(126);
  }
  constexpr uid_t kNobody = 65534;
  if (options.unprivileged && ::geteuid() == 0 && ::setuid(kNobody) != 0) ::_exit(126);
  for (const int signal : {SIGPIPE, SIGINT, SIGTERM, SIGXFSZ}) ::signal(signal, SIG_DFL);
  std::vector<char*> argv = {const_cast<char*>(program.c_str())};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  ::execv(program.c_str(), argv.data());
  ::_exit(127);
}

// False at the end. A terminal whose other side is gone says EIO.
bool read_some(int fd, std::string& text) {
  std::array<char, 65536> buffer = {};
  const ssize_t got = ::read(fd, buffer.data(), buffer.size());
  if (got > 0) text.append(buffer.data(), static_cast<std::size_t>(got));
  return got > 0 || (got < 0 && errno == EINTR);
}

}  // namespace

RunningProgram::RunningProgram(const std::string& program,
                               const std::vector<std::string>& arguments,
                               const ProgramOptions& options) {
  Pipe input = make_pipe();
  Pipe output = options.on_terminal ? make_terminal() : make_pipe();
  Pipe errors = options.on_terminal ? Pipe() : make_pipe();
  pid_ = ::fork();
  if (pid_ < 0) fail("fork");
  if (pid_ == 0) {
    if (options.output_closed) ::close(output.read_end);
    const int error_end = options.on_terminal ? output.write_end : errors.write_end;
    become(program, arguments, options, input.read_end, output.write_end, error_end);
  }
  close_once(input.read_end);
  close_once(output.write_end);
  close_once(errors.write_end);
  if (options.output_closed) close_once(output.read_end);
  input_ = input.write_end;
  output_ = output.read_end;
  errors_ = errors.read_end;
}

RunningProgram::~RunningProgram() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  close_once(input_);
  close_once(output_);
  close_once(errors_);
}

void RunningProgram::write(const std::string& input) {
  std::size_t done = 0;
  while (done < input.size()) {
    const ssize_t written = ::write(input_, input.data() + done, input.size() - done);
    if (written < 0) return;  // it does not read any more
    done += static_cast<std::size_t>(written);
  }
}

void RunningProgram::close_input() {
  close_once(input_);
}

void RunningProgram::send_signal(int signal) const {
  ::kill(pid_, signal);
}

ProgramResult RunningProgram::wait() {
  close_input();
  ProgramResult result;
  while (output_ >= 0 || errors_ >= 0) {
    std::array<pollfd, 2> waiting = {{{output_, POLLIN, 0}, {errors_, POLLIN, 0}}};
    if (::poll(waiting.data(), waiting.size(), -1) < 0 && errno != EINTR) fail("poll");
    if (waiting[0].revents != 0 && !read_some(output_, result.out)) close_once(output_);
    if (waiting[1].revents != 0 && !read_some(errors_, result.err)) close_once(errors_);
  }
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  if (WIFEXITED(status)) result.exit_code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) result.signal = WTERMSIG(status);
  return result;
}

ProgramResult run_program(const std::string& program, const std::vector<std::string>& arguments,
                          const ProgramOptions& options) {
  // A program that does not read its input must not end us.
  struct sigaction ignore = {};
  struct sigaction before = {};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &ignore, &before);
  RunningProgram running(program, arguments, options);
  running.write(options.input);
  ProgramResult result = running.wait();
  ::sigaction(SIGPIPE, &before, nullptr);
  return result;
}

}  // namespace session::test
