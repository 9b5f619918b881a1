#include "cli/render/table.h"

#include <algorithm>
#include <utility>

#include "cli/render/text.h"

namespace session::cli {
namespace {

constexpr std::size_t kHeldRows = 1000;
constexpr std::string_view kGap = "  ";
constexpr std::size_t kLeastLastColumn = 12;

}  // namespace

TextTable::TextTable(std::ostream& out, Style style, std::size_t output_columns,
                     std::vector<Column> columns)
    : out_(out), style_(style), output_columns_(output_columns), columns_(std::move(columns)) {
  for (const Column& column : columns_) widths_.push_back(display_width(column.title));
}

void TextTable::row(std::vector<Cell> cells) {
  cells.resize(columns_.size());
  if (settled_) {
    write(cells);
    return;
  }
  held_.push_back(std::move(cells));
  if (held_.size() >= kHeldRows) settle();
}

void TextTable::finish() {
  if (!settled_) settle();
}

void TextTable::settle() {
  settled_ = true;
  for (const auto& cells : held_) {
    for (std::size_t i = 0; i < cells.size(); ++i) {
      widths_[i] = std::max(widths_[i], display_width(cells[i].text));
    }
  }
  const bool titled = std::any_of(columns_.begin(), columns_.end(),
                                  [](const Column& column) { return !column.title.empty(); });
  if (titled && !held_.empty()) {
    std::vector<Cell> head;
    for (const Column& column : columns_) head.push_back({std::string(column.title), Ink::kDim});
    write(head);
  }
  for (const auto& cells : held_) write(cells);
  held_.clear();
}

void TextTable::write(const std::vector<Cell>& cells) const {
  std::string line;
  std::size_t used = 0;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const bool last = i + 1 == cells.size();
    std::string text = cells[i].text;
    if (last && output_columns_ > 0) {
      const std::size_t room = output_columns_ > used ? output_columns_ - used : 0;
      text = cut_to_width(text, std::max(room, kLeastLastColumn));
    }
    const std::size_t width = display_width(text);
    const std::size_t gap = widths_[i] > width ? widths_[i] - width : 0;
    // Spaces stay outside of the colour, and none stand at the end of a line.
    if (columns_[i].align_right) line.append(gap, ' ');
    line += style_.paint(cells[i].ink, text);
    if (!columns_[i].align_right && !last) line.append(gap, ' ');
    if (!last) line += kGap;
    used += width + gap + kGap.size();
  }
  line.erase(line.find_last_not_of(' ') + 1);
  out_ << line << '\n';
}

}  // namespace session::cli
