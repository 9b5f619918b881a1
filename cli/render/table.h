#pragma once
// Text in columns.

#include <cstddef>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "cli/render/style.h"

namespace session::cli {

struct Column {
  std::string_view title;
  bool align_right = false;
};

struct Cell {
  std::string text;  // one line, safe to print
  Ink ink = Ink::kPlain;
};

// Rows are written as they come; the first thousand decide how wide the columns are, so a table of
// any length takes constant memory. The last column is cut to what the output has room for.
class TextTable {
 public:
  // `columns`: of the output, 0 for no limit. Without titles there is no head line.
  TextTable(std::ostream& out, Style style, std::size_t output_columns,
            std::vector<Column> columns);
  void row(std::vector<Cell> cells);
  // Writes what is still held back.
  void finish();

 private:
  void settle();
  void write(const std::vector<Cell>& cells) const;

  std::ostream& out_;
  Style style_;
  std::size_t output_columns_;
  std::vector<Column> columns_;
  std::vector<std::size_t> widths_;
  std::vector<std::vector<Cell>> held_;
  bool settled_ = false;
};

}  // namespace session::cli
