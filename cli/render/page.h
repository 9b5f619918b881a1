#pragma once
// A page about one thing: facts, paragraphs and lists. What is empty is left out.

#include <cstddef>
#include <ostream>
#include <string>
#include <string_view>

#include "cli/render/style.h"

namespace session::cli {

class Page {
 public:
  Page(std::ostream& out, const Style& style) : out_(out), style_(style) {}

  // A line as it is; pieces of it may be painted.
  void line(std::string_view text);
  // "name      value", on one line.
  void fact(std::string_view name, std::string_view value, Ink ink = Ink::kPlain);
  void heading(std::string_view title);
  // A heading with text of many lines, indented.
  void paragraph(std::string_view title, std::string_view text);
  // Text of many lines, indented; at most `most_lines` (0: all), then says how many are left.
  void block(std::string_view text, std::size_t indent, std::size_t most_lines = 0,
             Ink ink = Ink::kPlain);
  [[nodiscard]] const Style& style() const { return style_; }

 private:
  std::ostream& out_;
  const Style& style_;
};

}  // namespace session::cli
