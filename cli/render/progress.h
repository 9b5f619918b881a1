#pragma once
// How far long work is, on standard error, for whoever sits at the terminal.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "session/progress.h"

namespace session::cli {

// "importing  [#######---------]  43 %  12.3 MiB/s  0:12 left", at most `columns` wide. Without a
// known total there is neither bar nor time left.
[[nodiscard]] std::string progress_line(const Progress& progress, std::int64_t elapsed_nanos,
                                        std::size_t columns);

class ProgressBar {
 public:
  // Draws on standard error if it is to be seen at all; work that is over at once is not drawn.
  explicit ProgressBar(bool visible);
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  ~ProgressBar();

  void update(const Progress& progress);
  // Takes the bar off the screen.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;

  bool visible_;
  bool drawn_ = false;
  std::string what_;
  Clock::time_point begun_;
  Clock::time_point next_draw_;
};

}  // namespace session::cli
