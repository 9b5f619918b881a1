#include "lib/convert/room.h"

#include <charconv>

#include "format/layout.h"

namespace session::convert {
namespace {

using json::Value;

std::size_t cost(const Value& value) {
  constexpr std::size_t kValueBytes = 24;
  std::size_t bytes = kValueBytes;
  if (value.is_string()) bytes += value.text().size();
  if (value.is_array()) {
    for (const Value& item : value.items()) bytes += cost(item);
  }
  if (value.is_object()) {
    for (const json::Member& member : value.members()) {
      bytes += member.name().size() + cost(member.value);
    }
  }
  return bytes;
}

}  // namespace

std::size_t field_bytes(std::string_view text) {
  constexpr std::size_t kRoundedBytes = 16;
  constexpr std::size_t kReferenceBytes = 128;
  return text.size() > format::kInlineBytes ? kReferenceBytes : text.size() + kRoundedBytes;
}

bool Room::take_bytes(std::size_t bytes) {
  if (bytes > left_bytes_) return false;
  left_bytes_ -= bytes;
  return true;
}

bool Room::take(const Value& value) {
  return take_bytes(cost(value));
}

bool Room::take_element(const Value& object) {
  std::size_t bytes = kElementBytes;
  if (object.is_object()) {
    for (const json::Member& member : object.members()) {
      if (member.value.is_string()) bytes += field_bytes(member.value.text());
      if (member.value.is_number()) bytes += field_bytes(member.value.lexeme());
    }
  }
  return take_bytes(bytes);
}

std::optional<std::int64_t> get_integer(const Value& object, std::string_view name) {
  const Value* value = object.find(name);
  if (value == nullptr || !value->is_number()) return std::nullopt;
  const std::string_view text = value->lexeme();
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace session::convert
