#include "format/record_key.h"

#include <charconv>
#include <system_error>

namespace session::format {
namespace {

constexpr std::size_t kPositionDigits = 10;
constexpr std::size_t kExecutionDigits = 6;
constexpr std::size_t kMaxExecutionDigits = 18;  // so that there is always a next one

std::string padded(std::uint64_t number, std::size_t digits) {
  std::string text = std::to_string(number);
  if (text.size() < digits) text.insert(0, digits - text.size(), '0');
  return text;
}

std::optional<std::uint64_t> number_of(std::string_view digits) {
  std::uint64_t number = 0;
  const char* end = digits.data() + digits.size();
  const auto parsed = std::from_chars(digits.data(), end, number);
  if (digits.empty() || parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return number;
}

}  // namespace

std::string position_key(std::uint64_t position) {
  return padded(position, kPositionDigits);
}

std::optional<std::uint64_t> position_of(std::string_view key) {
  if (key.size() != kPositionDigits) return std::nullopt;
  return number_of(key);
}

std::string execution_key(std::string_view task, std::uint64_t number) {
  return std::string(task) + '#' + padded(number, kExecutionDigits);
}

std::optional<std::uint64_t> execution_number(std::string_view key, std::string_view task) {
  if (!key.starts_with(task) || key.size() == task.size() || key[task.size()] != '#') {
    return std::nullopt;
  }
  const std::string_view digits = key.substr(task.size() + 1);
  if (digits.size() > kMaxExecutionDigits) return std::nullopt;
  return number_of(digits);
}

}  // namespace session::format
