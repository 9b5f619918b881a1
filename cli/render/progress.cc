#include "cli/render/progress.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "cli/render/style.h"
#include "cli/render/text.h"
#include "cli/render/units.h"

namespace session::cli {
namespace {

constexpr std::chrono::milliseconds kFirstDraw{300};
constexpr std::chrono::milliseconds kBetweenDraws{100};
constexpr std::size_t kMostBarColumns = 40;
constexpr std::size_t kLeastBarColumns = 8;
constexpr std::size_t kUsualColumns = 80;

std::string minutes_and_seconds(double seconds) {
  const auto whole = static_cast<long long>(std::min(seconds, 359'999.0));
  std::array<char, 32> text = {};
  if (whole < 3600) {
    std::snprintf(text.data(), text.size(), "%lld:%02lld", whole / 60, whole % 60);
  } else {
    std::snprintf(text.data(), text.size(), "%lld:%02lld:%02lld", whole / 3600, whole / 60 % 60,
                  whole % 60);
  }
  return text.data();
}

std::string bar_of(double part, std::size_t columns) {
  const auto filled = static_cast<std::size_t>(part * static_cast<double>(columns));
  return "[" + std::string(filled, '#') + std::string(columns - filled, '-') + "]";
}

// Standard error is not worth failing for.
void say(std::string_view text) {
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
}

}  // namespace

std::string progress_line(const Progress& progress, std::int64_t elapsed_nanos,
                          std::size_t columns) {
  const auto done = static_cast<double>(progress.done_bytes);
  const double seconds = static_cast<double>(elapsed_nanos) / 1e9;
  const double rate = seconds > 0 ? done / seconds : 0;
  std::string behind = "  " + human_bytes(static_cast<std::uint64_t>(rate)) + "/s";
  std::string line = one_line(progress.what) + "  ";
  if (progress.total_bytes == 0) {
    return cut_to_width(line + human_bytes(progress.done_bytes) + behind, columns);
  }
  const auto total = static_cast<double>(progress.total_bytes);
  const double part = std::min(1.0, done / total);
  if (rate > 0) behind += "  " + minutes_and_seconds((1 - part) * total / rate) + " left";
  behind.insert(0, pad_left(std::to_string(static_cast<int>(part * 100)), 5) + " %");
  const std::size_t taken = display_width(line) + display_width(behind) + 2;
  if (columns >= taken + kLeastBarColumns) {
    line += bar_of(part, std::min(columns - taken, kMostBarColumns));
  }
  return cut_to_width(line + behind, columns);
}

ProgressBar::ProgressBar(bool visible)
    : visible_(visible), begun_(Clock::now()), next_draw_(begun_ + kFirstDraw) {}

ProgressBar::~ProgressBar() {
  clear();
}

void ProgressBar::update(const Progress& progress) {
  if (!visible_) return;
  const auto now = Clock::now();
  if (what_ != progress.what) {  // another piece of work, with a rate of its own
    what_ = progress.what;
    begun_ = now;
    next_draw_ = std::max(next_draw_, begun_ + kFirstDraw);
  }
  if (now < next_draw_) return;
  next_draw_ = now + kBetweenDraws;
  const auto elapsed = std::chrono::duration_cast<std::chrono::nanoseconds>(now - begun_);
  const std::size_t columns = output_columns(STDERR_FILENO);
  // One column less: a full line would wrap on some terminals.
  const std::size_t room = (columns == 0 ? kUsualColumns : columns) - 1;
  say("\r\x1b[K" + progress_line(progress, elapsed.count(), room));
  drawn_ = true;
}

void ProgressBar::clear() {
  if (drawn_) say("\r\x1b[K");
  drawn_ = false;
}

}  // namespace session::cli
