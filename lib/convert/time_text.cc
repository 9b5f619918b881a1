#include "lib/convert/time_text.h"

#include <algorithm>
#include <array>
#include <chrono>

namespace session::convert {
namespace {

namespace chrono = std::chrono;

constexpr std::int64_t kNanosPerSecond = 1'000'000'000;
// Whole seconds whose every nanosecond fits, so that no sum can overflow.
constexpr std::int64_t kMinSeconds = -9'223'372'036;
constexpr std::int64_t kMaxSeconds = 9'223'372'035;

constexpr std::uint32_t kPresentBit = 1;
constexpr unsigned kDigitsShift = 1;
constexpr std::uint32_t kDigitsMask = 0xF;
constexpr std::uint32_t kOffsetBit = 1U << 5;
constexpr unsigned kMinutesShift = 6;
constexpr std::uint32_t kMinutesMask = 0xFFF;
constexpr int kMaxOffsetMinutes = 23 * 60 + 59;
constexpr unsigned kMaxDigits = 9;

constexpr std::array<std::int64_t, kMaxDigits + 1> kPowers = {
    1, 10, 100, 1'000, 10'000, 100'000, 1'000'000, 10'000'000, 100'000'000, 1'000'000'000};

// Takes a text apart from its front; once something is missing, everything fails.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  int number(std::size_t digits) {
    if (rest_.size() < digits) failed_ = true;
    int value = 0;
    for (std::size_t i = 0; i < digits && !failed_; ++i) {
      if (rest_[i] < '0' || rest_[i] > '9') failed_ = true;
      value = value * 10 + (rest_[i] - '0');
    }
    rest_.remove_prefix(std::min(digits, rest_.size()));
    return value;
  }
  void expect(char c) {
    if (!accept(c)) failed_ = true;
  }
  bool accept(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  [[nodiscard]] std::size_t count_digits() const {
    return std::min(rest_.find_first_not_of("0123456789"), rest_.size());
  }
  void fail() { failed_ = true; }
  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] bool at_end() const { return rest_.empty(); }

 private:
  std::string_view rest_;
  bool failed_ = false;
};

// The fraction in nanoseconds; sets the digits of the form.
std::int64_t scan_fraction(Scanner& scan, std::uint32_t& form) {
  if (!scan.accept('.')) return 0;
  const std::size_t digits = scan.count_digits();
  if (digits == 0 || digits > kMaxDigits) {
    scan.fail();
    return 0;
  }
  form |= static_cast<std::uint32_t>(digits) << kDigitsShift;
  return scan.number(digits) * kPowers[kMaxDigits - digits];
}

// The offset in minutes; sets its part of the form.
int scan_offset(Scanner& scan, std::uint32_t& form) {
  if (scan.accept('Z')) return 0;
  const bool minus = scan.accept('-');
  if (!minus) scan.expect('+');
  const int hours = scan.number(2);
  scan.expect(':');
  const int minutes = scan.number(2);
  if (hours > 23 || minutes > 59 || (minus && hours == 0 && minutes == 0)) scan.fail();
  if (scan.failed()) return 0;
  const int offset = (minus ? -1 : 1) * (hours * 60 + minutes);
  form |= kOffsetBit | static_cast<std::uint32_t>(offset + kMaxOffsetMinutes) << kMinutesShift;
  return offset;
}

char* put(char* at, std::int64_t value, unsigned digits) {
  for (unsigned i = digits; i > 0; --i) {
    at[i - 1] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
  return at + digits;
}

unsigned digits_needed(std::int64_t fraction) {
  unsigned digits = kMaxDigits;
  while (digits > 0 && fraction % kPowers[kMaxDigits - digits + 1] == 0) --digits;
  return digits;
}

// Rounded down, so that the fraction is never negative.
struct Instant {
  std::int64_t seconds;
  std::int64_t fraction;
};
Instant split(std::int64_t nanos) {
  std::int64_t seconds = nanos / kNanosPerSecond;
  std::int64_t fraction = nanos % kNanosPerSecond;
  if (fraction < 0) {
    --seconds;
    fraction += kNanosPerSecond;
  }
  return {seconds, fraction};
}

}  // namespace

std::optional<TimeText> parse_time(std::string_view text) noexcept {
  Scanner scan(text);
  const int year = scan.number(4);
  scan.expect('-');
  const int month = scan.number(2);
  scan.expect('-');
  const int day = scan.number(2);
  scan.expect('T');
  const int hour = scan.number(2);
  scan.expect(':');
  const int minute = scan.number(2);
  scan.expect(':');
  const int second = scan.number(2);
  std::uint32_t form = kPresentBit;
  const std::int64_t fraction = scan_fraction(scan, form);
  const int offset = scan_offset(scan, form);
  if (scan.failed() || !scan.at_end() || hour > 23 || minute > 59 || second > 59) {
    return std::nullopt;
  }
  const chrono::year_month_day date{chrono::year(year), chrono::month(static_cast<unsigned>(month)),
                                    chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  const std::int64_t days = chrono::sys_days(date).time_since_epoch().count();
  const std::int64_t seconds = ((days * 24 + hour) * 60 + minute - offset) * 60 + second;
  if (seconds < kMinSeconds || seconds > kMaxSeconds) return std::nullopt;
  return TimeText{seconds * kNanosPerSecond + fraction, form};
}

std::string format_time(std::int64_t nanos, std::uint32_t form) {
  const Instant instant = split(nanos);
  const bool has_offset = (form & kOffsetBit) != 0;
  const int offset = has_offset ? std::min(static_cast<int>(form >> kMinutesShift & kMinutesMask),
                                           2 * kMaxOffsetMinutes) -
                                      kMaxOffsetMinutes
                                : 0;
  const chrono::sys_seconds local{chrono::seconds(instant.seconds + std::int64_t{offset} * 60)};
  const auto midnight = chrono::floor<chrono::days>(local);
  const chrono::year_month_day date(midnight);
  const std::int64_t of_day = (local - midnight).count();

  std::array<char, 40> buffer{};
  char* at = put(buffer.data(), int{date.year()}, 4);
  *at++ = '-';
  at = put(at, unsigned{date.month()}, 2);
  *at++ = '-';
  at = put(at, unsigned{date.day()}, 2);
  *at++ = 'T';
  at = put(at, of_day / 3600, 2);
  *at++ = ':';
  at = put(at, of_day / 60 % 60, 2);
  *at++ = ':';
  at = put(at, of_day % 60, 2);
  const unsigned asked = std::min(form >> kDigitsShift & kDigitsMask, kMaxDigits);
  const unsigned digits = std::max(asked, digits_needed(instant.fraction));
  if (digits > 0) {
    *at++ = '.';
    at = put(at, instant.fraction / kPowers[kMaxDigits - digits], digits);
  }
  if (has_offset) {
    *at++ = offset < 0 ? '-' : '+';
    const int size = offset < 0 ? -offset : offset;
    at = put(at, size / 60, 2);
    *at++ = ':';
    at = put(at, size % 60, 2);
  } else {
    *at++ = 'Z';
  }
  return {buffer.data(), at};
}

std::uint32_t utc_form(std::int64_t nanos) noexcept {
  const unsigned digits = (digits_needed(split(nanos).fraction) + 2) / 3 * 3;
  return kPresentBit | digits << kDigitsShift;
}

}  // namespace session::convert
