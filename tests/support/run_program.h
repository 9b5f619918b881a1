#pragma once
// Runs another program and brings back everything it said.

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace session::test {

struct ProgramResult {
  int exit_code = -1;  // -1: ended by a signal
  int signal = 0;
  std::string out;
  std::string err;  // of a terminal everything is in `out`
};

struct ProgramOptions {
  std::string input = {};  // its standard input
  std::vector<std::pair<std::string, std::string>> environment =
      {};                              // added; an empty value: taken away
  std::string directory = {};          // where it runs; empty: here
  std::string output_file = {};        // standard output goes there instead of being brought back
  bool on_terminal = false;            // standard output and error are a terminal of 80 columns
  bool unprivileged = false;           // not as the superuser, should we be that
  bool output_closed = false;          // nobody reads standard output, from the start
  std::uint64_t file_limit_bytes = 0;  // how large a file it may write (RLIMIT_FSIZE); 0: any
};

// Throws std::system_error when the program cannot be started at all.
[[nodiscard]] ProgramResult run_program(const std::string& program,
                                        const std::vector<std::string>& arguments,
                                        const ProgramOptions& options = {});

// A program under way, with standard input, output and error as pipes. Killed if it still runs when
// the object goes.
class RunningProgram {
 public:
  RunningProgram(const std::string& program, const std::vector<std::string>& arguments,
                 const ProgramOptions& options = {});
  RunningProgram(const RunningProgram&) = delete;
  RunningProgram& operator=(const RunningProgram&) = delete;
  ~RunningProgram();

  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  void write(const std::string& input);
  void close_input();
  void send_signal(int signal) const;
  // Reads to the end, then waits.
  [[nodiscard]] ProgramResult wait();

 private:
  pid_t pid_ = -1;
  int input_ = -1;
  int output_ = -1;
  int errors_ = -1;
};

}  // namespace session::test
