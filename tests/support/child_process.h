#pragma once
// A part of a test that runs in a process of its own, with a pipe to tell the test something.

#include <csignal>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include <sys/types.h>

namespace session::test {

class ChildProcess {
 public:
  // What a child says and hears. Numbers arrive whole or not at all.
  class Line {
   public:
    Line(int in, int out) : in_(in), out_(out) {}
    void say(std::uint64_t number) const;
    // Waits; nothing once the other side has ended.
    [[nodiscard]] std::optional<std::uint64_t> hear() const;

   private:
    int in_;
    int out_;
  };

  // Forks; the child runs `body` and ends with its result, or with 99 if it throws. The calling
  // process must have one thread only.
  explicit ChildProcess(const std::function<int(const Line&)>& body);
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  ~ChildProcess();  // kills what still runs

  [[nodiscard]] pid_t id() const { return id_; }
  [[nodiscard]] const Line& line() const { return line_; }
  // Ends it as `kill -9` does, and waits until it has.
  void kill();
  // Waits for its end. Its result; 128 and more: a signal ended it.
  [[nodiscard]] int wait();

 private:
  int in_ = -1;
  int out_ = -1;
  Line line_{-1, -1};
  pid_t id_ = -1;
};

}  // namespace session::test
