#include "bench/compare/process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <sstream>
#include <stdexcept>

#include "bench/compare/comparison.h"

namespace session::bench {
namespace {

int exit_code_of(pid_t child) {
  int status = 0;
  if (::waitpid(child, &status, 0) != child) throw std::runtime_error("a child is lost");
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// Starts a program, its output going to this file; nothing: output and errors are thrown away.
pid_t start(const std::vector<std::string>& command, std::optional<int> output) {
  std::vector<char*> arguments;
  for (const std::string& part : command) arguments.push_back(const_cast<char*>(part.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  if (output) {
    ::posix_spawn_file_actions_adddup2(&actions, *output, STDOUT_FILENO);
  } else {
    ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  }
  pid_t child = 0;
  const int failed =
      ::posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) throw std::runtime_error(command.front() + " cannot be started");
  return child;
}

}  // namespace

double seconds_told_by(const std::vector<std::string>& command) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  const pid_t child = start(command, ends[1]);
  ::close(ends[1]);
  double seconds = 0;
  const bool is_told = ::read(ends[0], &seconds, sizeof(seconds)) == sizeof(seconds);
  ::close(ends[0]);
  if (exit_code_of(child) != 0 || !is_told) throw std::runtime_error("a measured child failed");
  return seconds;
}

void tell_seconds(double seconds) {
  if (::write(STDOUT_FILENO, &seconds, sizeof(seconds)) != sizeof(seconds)) {
    throw std::runtime_error("nobody listens");
  }
}

double seconds_of_program(const std::vector<std::string>& command, const std::vector<int>& good) {
  const Stopwatch watch;
  const int code = exit_code_of(start(command, std::nullopt));
  const double seconds = watch.seconds();
  if (std::find(good.begin(), good.end(), code) == good.end()) {
    throw std::runtime_error(command.front() + " ended with " + std::to_string(code));
  }
  return seconds;
}

bool has_program(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path == nullptr ? "" : path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (::access((std::filesystem::path(folder) / name).c_str(), X_OK) == 0) return true;
  }
  return false;
}

}  // namespace session::bench
