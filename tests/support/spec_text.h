#pragma once
// The specification as text: its tables, and the annotated dump of the smallest file. What stands
// there is compared with the code, so neither can change alone.

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace session::test {

[[nodiscard]] std::filesystem::path spec_directory();
[[nodiscard]] std::string read_spec(std::string_view name);

// The rows of the Markdown table behind the line `<!-- table: NAME -->`, the heading left out;
// cells without spaces around them and without backquotes. Throws std::runtime_error if it is not
// there.
[[nodiscard]] std::vector<std::vector<std::string>> spec_table(std::string_view spec,
                                                               std::string_view name);

// A line of a dump is "OFFSET  BYTES  | comment": four hex digits, then bytes in hex. The bytes of
// all such lines, which have to follow one another without a gap.
[[nodiscard]] std::string dumped_bytes(std::string_view spec);
// The text with the bytes of its dump replaced: each line keeps its offset, length and comment.
[[nodiscard]] std::string with_dump(const std::string& spec, std::string_view bytes);

}  // namespace session::test
