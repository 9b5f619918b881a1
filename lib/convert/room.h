#pragma once
// How much of a record its lists may fill. A record has a size limit (format::kMaxRecordBytes) that
// only large texts leave; what finds no room here stays in the record's `extra`, which is a text
// and may be of any size. One room per record.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "lib/convert/json.h"

namespace session::convert {

class Room {
 public:
  // Each says whether there is room, and takes it if so.
  [[nodiscard]] bool take_bytes(std::size_t bytes);
  // For a value that becomes lists of texts, which stay in the record however large they are.
  [[nodiscard]] bool take(const json::Value& value);
  // For an object of whose members texts and numbers become fields of one element of a list.
  [[nodiscard]] bool take_element(const json::Value& object);

 private:
  std::size_t left_bytes_ = std::size_t{96} << 10;
};

// What an element of a list takes without its texts, and what a text in a field takes: a large one
// leaves the record and only a reference to it stays.
inline constexpr std::size_t kElementBytes = 64;
[[nodiscard]] std::size_t field_bytes(std::string_view text);

// The member, if it is an integer that fits.
[[nodiscard]] std::optional<std::int64_t> get_integer(const json::Value& object,
                                                      std::string_view name);

}  // namespace session::convert
