#pragma once
// Numbers, sizes and times as people read them, and as scripts do.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace session::cli {

// "1,234,567"
[[nodiscard]] std::string grouped(std::uint64_t number);
// "3 tasks", "1 task"
[[nodiscard]] std::string counted(std::uint64_t number, std::string_view singular);
// "812 B", "12.3 KiB"
[[nodiscard]] std::string human_bytes(std::uint64_t bytes);
// "1.2 ms", "3 min 20 s", "2 h 5 min"
[[nodiscard]] std::string human_duration(std::int64_t nanos);

// Nanoseconds since 1970.
[[nodiscard]] std::int64_t now_nanos();

// RFC 3339 in UTC with as many digits as the time has (none, 3, 6 or 9): names the very same
// instant.
[[nodiscard]] std::string rfc3339(std::int64_t nanos);
// The same to the second.
[[nodiscard]] std::string short_time(std::int64_t nanos);

// "30s", "90m", "2h", "3d", "1w", in nanoseconds. Nothing for anything else.
[[nodiscard]] std::optional<std::int64_t> parse_span(std::string_view text);

// What a person gives to --since: RFC 3339 ("2026-11-22T10:00:00Z", also with an offset), a part of
// it
// ("2026-11-22", "2026-11-22 10:00"; then UTC), or how long before `now_nanos` ("90m", "2h", "3d",
// "1w"). Nothing for anything else.
[[nodiscard]] std::optional<std::int64_t> parse_time(std::string_view text, std::int64_t now_nanos);

}  // namespace session::cli
