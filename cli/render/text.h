#pragma once
// Text from a session on its way to a terminal. It was written by somebody else: it may hold
// control characters that move the cursor or paste commands, and bytes that are not UTF-8.

#include <cstddef>
#include <string>
#include <string_view>

namespace session::cli {

// One line that is safe to print: control characters become visible signs (ESC is shown as U+241B),
// direction overrides and invalid bytes U+FFFD, tabs and line breaks a space each.
[[nodiscard]] std::string one_line(std::string_view text);
// The same with its line breaks and tabs kept, carriage returns before them dropped.
[[nodiscard]] std::string many_lines(std::string_view text);
// Nothing but invalid bytes replaced: what JSON needs.
[[nodiscard]] std::string valid_utf8(std::string_view text);

// Columns a terminal needs for a text without control characters: wide characters take two,
// combining ones none.
[[nodiscard]] std::size_t display_width(std::string_view text);
// At most `columns` wide; ends in "…" where something was cut. Never cuts inside a character.
[[nodiscard]] std::string cut_to_width(std::string_view text, std::size_t columns);
// Filled up with spaces on the right, or on the left.
[[nodiscard]] std::string pad_right(std::string text, std::size_t columns);
[[nodiscard]] std::string pad_left(std::string text, std::size_t columns);

}  // namespace session::cli
