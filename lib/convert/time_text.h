#pragma once
// Times as RFC 3339 text, and back to the letter.
//
// A record keeps a time as nanoseconds since 1970 and a form: how it was written. Together they
// give the text back exactly; the nanoseconds alone give the order. Form, from the lowest bit:
//
//   bit 0        1: there is a time (so that form 0 is "none")
//   bits 1-4     number of fraction digits, 0 to 9
//   bit 5        0: "Z"; 1: a numeric offset
//   bits 6-17    with a numeric offset: its minutes + 1439, so 0 is -23:59 and 1439 is +00:00
//   bits 18-31   0

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace session::convert {

struct TimeText {
  std::int64_t nanos = 0;
  std::uint32_t form = 0;
  friend bool operator==(const TimeText&, const TimeText&) = default;
};

inline constexpr std::uint32_t kNoTime = 0;

// Nothing if format_time would not give back exactly this text: what is no time, small letters,
// a leap second (:60), the offset -00:00, more than nine fraction digits, and years that 64 bits of
// nanoseconds do not reach (before 1677-09-21T00:12:44Z, from 2262-04-11T23:47:16Z on).
[[nodiscard]] std::optional<TimeText> parse_time(std::string_view text) noexcept;

// Always a time: bits of the form that mean nothing are passed over, and a fraction that the form
// would cut is written in full. The form must not be kNoTime.
[[nodiscard]] std::string format_time(std::int64_t nanos, std::uint32_t form);

// For times we make ourselves: UTC, with 0, 3, 6 or 9 fraction digits, as few as lose nothing.
[[nodiscard]] std::uint32_t utc_form(std::int64_t nanos) noexcept;

}  // namespace session::convert
