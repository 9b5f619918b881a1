#include "cli/render/units.h"

#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>

namespace session::cli {
namespace {

constexpr std::int64_t kNanosPerSecond = 1'000'000'000;
constexpr std::int64_t kSecondsPerMinute = 60;
constexpr std::int64_t kSecondsPerHour = 60 * kSecondsPerMinute;
constexpr std::int64_t kSecondsPerDay = 24 * kSecondsPerHour;
constexpr std::int64_t kMostSeconds = INT64_MAX / kNanosPerSecond;

// The few kinds of lines in here are short.
template <class... Values>
std::string formatted(const char* format, Values... values) {
  std::array<char, 64> text = {};
  std::snprintf(text.data(), text.size(), format, values...);
  return text.data();
}

struct Moment {
  std::int64_t seconds = 0;
  std::int64_t nanos = 0;  // 0 .. 999,999,999
};

Moment moment_of(std::int64_t nanos) {
  std::int64_t seconds = nanos / kNanosPerSecond;
  std::int64_t rest = nanos % kNanosPerSecond;
  if (rest < 0) {
    rest += kNanosPerSecond;
    --seconds;
  }
  return {seconds, rest};
}

std::string to_the_second(std::int64_t seconds) {
  const std::chrono::sys_seconds point{std::chrono::seconds(seconds)};
  const auto day = std::chrono::floor<std::chrono::days>(point);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss time{point - day};
  return formatted("%04d-%02u-%02uT%02d:%02d:%02d", static_cast<int>(date.year()),
                   static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                   static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
                   static_cast<int>(time.seconds().count()));
}

// Reads a time piece by piece; each step says whether the piece was there.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  bool digits(std::size_t count, int& value) {
    if (text_.size() < count) return false;
    for (const char c : text_.substr(0, count)) {
      if (c < '0' || c > '9') return false;
    }
    std::from_chars(text_.data(), text_.data() + count, value);
    text_.remove_prefix(count);
    return true;
  }
  bool one_of(std::string_view choices) {
    if (text_.empty() || choices.find(text_.front()) == std::string_view::npos) return false;
    last_ = text_.front();
    text_.remove_prefix(1);
    return true;
  }
  // Digits behind a point; more than nine are cut.
  bool fraction(std::int64_t& nanos) {
    std::int64_t unit = kNanosPerSecond / 10;
    bool any = false;
    while (!text_.empty() && text_.front() >= '0' && text_.front() <= '9') {
      nanos += (text_.front() - '0') * unit;
      unit /= 10;
      any = true;
      text_.remove_prefix(1);
    }
    return any;
  }
  [[nodiscard]] char last() const { return last_; }
  [[nodiscard]] bool done() const { return text_.empty(); }

 private:
  std::string_view text_;
  char last_ = 0;
};

// "Z", "+02:00" or nothing, in seconds east of Greenwich.
bool scan_offset(Scanner& scanner, std::int64_t& offset_seconds) {
  if (scanner.one_of("Zz")) return true;
  if (!scanner.one_of("+-")) return true;
  const int sign = scanner.last() == '-' ? -1 : 1;
  int hours = 0;
  int minutes = 0;
  if (!scanner.digits(2, hours) || !scanner.one_of(":") || !scanner.digits(2, minutes))
    return false;
  if (hours > 23 || minutes > 59) return false;
  offset_seconds = sign * (hours * kSecondsPerHour + minutes * kSecondsPerMinute);
  return true;
}

bool scan_clock(Scanner& scanner, std::int64_t& seconds, std::int64_t& nanos) {
  int hour = 0;
  int minute = 0;
  int second = 0;
  if (!scanner.digits(2, hour) || !scanner.one_of(":") || !scanner.digits(2, minute)) return false;
  if (scanner.one_of(":")) {
    if (!scanner.digits(2, second)) return false;
    if (scanner.one_of(".") && !scanner.fraction(nanos)) return false;
  }
  if (hour > 23 || minute > 59 || second > 60) return false;
  seconds = hour * kSecondsPerHour + minute * kSecondsPerMinute + second;
  return true;
}

std::optional<std::int64_t> parse_instant(std::string_view text) {
  Scanner scanner(text);
  int year = 0;
  int month = 0;
  int day = 0;
  if (!scanner.digits(4, year) || !scanner.one_of("-") || !scanner.digits(2, month) ||
      !scanner.one_of("-") || !scanner.digits(2, day)) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  std::int64_t clock_seconds = 0;
  std::int64_t nanos = 0;
  std::int64_t offset_seconds = 0;
  if (scanner.one_of("Tt ") &&
      (!scan_clock(scanner, clock_seconds, nanos) || !scan_offset(scanner, offset_seconds))) {
    return std::nullopt;
  }
  if (!scanner.done()) return std::nullopt;
  const std::int64_t seconds =
      std::chrono::sys_days(date).time_since_epoch().count() * kSecondsPerDay + clock_seconds -
      offset_seconds;
  if (seconds >= kMostSeconds || seconds <= -kMostSeconds) return std::nullopt;
  return seconds * kNanosPerSecond + nanos;
}

}  // namespace

std::string grouped(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t left = text.size(); left > 3; left -= 3) text.insert(left - 3, 1, ',');
  return text;
}

std::string counted(std::uint64_t number, std::string_view singular) {
  std::string text = grouped(number) + " ";
  text += singular;
  if (number != 1) text += 's';
  return text;
}

std::string human_bytes(std::uint64_t bytes) {
  static constexpr std::array kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return std::to_string(bytes) + " B";
  auto value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  // What would round to 1024 is one of the next unit.
  while (value >= 1023.95 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return formatted("%.1f %s", value, kUnits.at(unit));
}

std::string human_duration(std::int64_t nanos) {
  if (nanos < 0) return "0 s";
  const std::int64_t seconds = nanos / kNanosPerSecond;
  if (nanos < 1'000'000) return formatted("%.1f µs", static_cast<double>(nanos) / 1e3);
  if (seconds < 1) return formatted("%.1f ms", static_cast<double>(nanos) / 1e6);
  if (seconds < 10) return formatted("%.1f s", static_cast<double>(nanos) / 1e9);
  if (seconds < kSecondsPerMinute) return formatted("%lld s", static_cast<long long>(seconds));
  if (seconds < kSecondsPerHour) {
    return formatted("%lld min %lld s", static_cast<long long>(seconds / kSecondsPerMinute),
                     static_cast<long long>(seconds % kSecondsPerMinute));
  }
  return formatted("%lld h %lld min", static_cast<long long>(seconds / kSecondsPerHour),
                   static_cast<long long>(seconds % kSecondsPerHour / kSecondsPerMinute));
}

std::int64_t now_nanos() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::string rfc3339(std::int64_t nanos) {
  const Moment moment = moment_of(nanos);
  std::string text = to_the_second(moment.seconds);
  if (moment.nanos % 1'000'000 == 0 && moment.nanos != 0) {
    text += formatted(".%03lld", static_cast<long long>(moment.nanos / 1'000'000));
  } else if (moment.nanos % 1'000 == 0 && moment.nanos != 0) {
    text += formatted(".%06lld", static_cast<long long>(moment.nanos / 1'000));
  } else if (moment.nanos != 0) {
    text += formatted(".%09lld", static_cast<long long>(moment.nanos));
  }
  return text + "Z";
}

std::string short_time(std::int64_t nanos) {
  return to_the_second(moment_of(nanos).seconds) + "Z";
}

std::optional<std::int64_t> parse_span(std::string_view text) {
  std::int64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  if (error != std::errc() || count < 0 || unit.size() != 1) return std::nullopt;
  std::int64_t unit_seconds = 0;
  switch (unit.front()) {
    case 's':
      unit_seconds = 1;
      break;
    case 'm':
      unit_seconds = kSecondsPerMinute;
      break;
    case 'h':
      unit_seconds = kSecondsPerHour;
      break;
    case 'd':
      unit_seconds = kSecondsPerDay;
      break;
    case 'w':
      unit_seconds = 7 * kSecondsPerDay;
      break;
    default:
      return std::nullopt;
  }
  if (count > kMostSeconds / unit_seconds) return std::nullopt;
  return count * unit_seconds * kNanosPerSecond;
}

std::optional<std::int64_t> parse_time(std::string_view text, std::int64_t now_nanos) {
  if (const auto span = parse_span(text)) return now_nanos - *span;
  return parse_instant(text);
}

}  // namespace session::cli
