#pragma once
// The keys of records that are counted: spec/format.md, section 5. Their forms are conventions: a
// reader takes any key as it is.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace session::format {

// Messages, events and recoveries: ten decimal digits.
inline constexpr std::uint64_t kPositions = 10'000'000'000;
[[nodiscard]] std::string position_key(std::uint64_t position);  // below kPositions
[[nodiscard]] std::optional<std::uint64_t> position_of(std::string_view key);

// The executions of a task: "st-12#000003", and more digits from a million on.
[[nodiscard]] std::string execution_key(std::string_view task, std::uint64_t number);
// With zeros in front or without; nothing for the key of another task's execution.
[[nodiscard]] std::optional<std::uint64_t> execution_number(std::string_view key,
                                                            std::string_view task);

}  // namespace session::format
