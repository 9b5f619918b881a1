#pragma once
// Where in a JSON text a value stands: values do not know, and only an error wants to.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace session::convert::json {

// From the top: the name of a member, or the index of an element.
using Step = std::variant<std::string, std::size_t>;
using Path = std::vector<Step>;

struct TextPlace {
  std::uint64_t line = 1;    // both from 1
  std::uint64_t column = 1;  // in characters
};

// `text` must be what parse() accepted. Where there is no such value, the place of the last one on
// the way. O(size of the text).
[[nodiscard]] TextPlace place_of(std::string_view text, const Path& path);

}  // namespace session::convert::json
