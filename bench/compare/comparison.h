#pragma once
// Measures several ways to do one thing, in one run and interleaved: each round measures every one
// once, each in another order, so that whatever else the machine does, and what the one before left
// in the caches, meets all alike.
// Prints medians as a table in Markdown, each against the first, which is ours.

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace session::bench {

// How large and how long, from the command line. By default small: seconds for each question,
// unless the disk is slow. Our goals speak of 1,000,000 tasks and 32,000 messages.
struct Scale {
  std::int64_t tasks = 10'000;
  std::uint64_t messages = 1'000;
  int rounds = 5;
  // A contestant that took longer than this in all is not measured again.
  double seconds_each = 2;
};
// Ends the process after --help or a wrong argument.
[[nodiscard]] Scale read_scale(int argc, char** argv, const std::string& question);

struct Sample {
  double value = 0;
  double bytes = 0;  // written or kept, where the question asks for that as well; else 0
};

enum class Better : std::uint8_t { kLess, kMore };

class Comparison {
 public:
  // `unit` is that of the values: "us", "bytes a task", ...
  Comparison(std::string title, std::string unit, Better better = Better::kLess);
  // A contestant; the first is what the others are compared with.
  void add(std::string name, std::function<Sample()> measure);
  // Measures in rounds and prints to stdout. What a contestant throws ends the program: a figure
  // that is missing would not be noticed.
  void run(const Scale& scale);

 private:
  struct Contestant {
    std::string name;
    std::function<Sample()> measure;
    std::vector<double> values;
    std::vector<double> bytes;
    double seconds = 0;
  };
  void measure(Contestant& contestant, const Scale& scale) const;
  void print() const;

  std::string title_;
  std::string unit_;
  Better better_;
  std::vector<Contestant> contestants_;
};

[[nodiscard]] double median(std::vector<double> values);

// Seconds since it was made.
class Stopwatch {
 public:
  [[nodiscard]] double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
  }

 private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

// What this process handed to write calls so far, in bytes: the same measure for every store.
[[nodiscard]] double written_bytes();

}  // namespace session::bench
