#include "cli/render/change_fields.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <vector>

#include "cli/render/task_tree.h"
#include "cli/render/text.h"
#include "cli/render/units.h"

namespace session::cli {
namespace {

// Paths are as wide as the widest of the record within these bounds.
constexpr std::size_t kLeastPathColumns = 12;
constexpr std::size_t kMostPathColumns = 28;
// Longer texts are shown by their lines, longer values are cut.
constexpr std::size_t kShortBytes = 60;
constexpr std::size_t kValueColumns = 160;
constexpr std::size_t kContextLines = 2;
// Of a text that is new or gone.
constexpr std::size_t kMostLines = 8;
constexpr std::size_t kShortDigest = 12;

using Kind = FieldValue::Kind;

bool is_long(const FieldValue& value) {
  return value.kind == Kind::kText &&
         (value.text.size() > kShortBytes || value.text.find('\n') != std::string::npos);
}

std::optional<std::uint64_t> number_of(const std::string& text) {
  std::uint64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, number);
  return error == std::errc() && at == end ? std::optional(number) : std::nullopt;
}

std::string words_of(const FieldValue& value, std::string_view path, const Diff& difference) {
  switch (value.kind) {
    case Kind::kAbsent:
      return "nothing";
    case Kind::kLarge:
      return human_bytes(value.size_bytes) + " (SHA-256 " + value.text.substr(0, kShortDigest) +
             "…)";
    case Kind::kText: {
      std::string text = value.text.empty() ? "\"\"" : one_line(value.text);
      if (path != "parent") return text;
      const std::string title = title_in(difference, value.text);
      return title.empty() ? text : text + " (" + one_line(title) + ")";
    }
    case Kind::kJson:
      break;
  }
  if (const auto number = number_of(value.text)) {
    if (path.ends_with("_bytes")) return human_bytes(*number);
    if (path.ends_with("_nanos") && *number <= INT64_MAX) {
      return human_duration(static_cast<std::int64_t>(*number));
    }
  }
  return one_line(value.text);
}

std::string_view remark_on(const RecordChange& change, std::string_view path) {
  if (path == "*") return "what this version has no name for";
  if (change.table != Table::kTasks) return {};
  if (path == "parent") return "moved";
  return path == "rank" ? "reordered" : "";
}

class Fields {
 public:
  Fields(std::ostream& out, const Style& style, std::size_t columns, const std::string& margin)
      : out_(out), style_(style), columns_(columns), margin_(margin) {}

  void write_all(const RecordChange& change, const Diff& difference) {
    for (const FieldChange& field : change.fields) {
      const std::size_t columns = display_width(one_line(field.path));
      if (columns <= kMostPathColumns) path_columns_ = std::max(path_columns_, columns);
    }
    for (const FieldChange& field : change.fields) write(change, field, difference);
  }

 private:
  void write(const RecordChange& change, const FieldChange& field, const Diff& difference) {
    const std::string path = one_line(field.path);
    if (is_long(field.left) || is_long(field.right)) {
      line(field.kind(), path, {}, {});
      write_texts(field);
      return;
    }
    const bool has_left = field.left.kind != Kind::kAbsent;
    const bool has_right = field.right.kind != Kind::kAbsent;
    std::string words = has_left ? cut(words_of(field.left, field.path, difference)) : "";
    if (has_left && has_right) words += " → ";
    if (has_right) words += cut(words_of(field.right, field.path, difference));
    line(field.kind(), path, words, remark_on(change, field.path));
  }

  [[nodiscard]] std::string cut(const std::string& words) const {
    return cut_to_width(words, kValueColumns);
  }

  void line(ChangeKind kind, const std::string& path, const std::string& words,
            std::string_view remark) {
    std::string rest = " " + (words.empty() ? path : pad_right(path, path_columns_) + " " + words);
    if (columns_ > 0) {
      const std::size_t taken =
          display_width(margin_) + 1 + (remark.empty() ? 0 : remark.size() + 2);
      rest = cut_to_width(rest, columns_ > taken ? columns_ - taken : 1);
    }
    out_ << style_.paint(Ink::kDim, margin_) << style_.paint(change_ink(kind), change_mark(kind))
         << rest;
    if (!remark.empty()) out_ << "  " << style_.paint(Ink::kDim, remark);
    out_ << '\n';
  }

  void text_line(LineMark mark, std::string_view text) {
    const Ink ink = mark == LineMark::kSame      ? Ink::kDim
                    : mark == LineMark::kRemoved ? Ink::kRed
                                                 : Ink::kGreen;
    const char sign = mark == LineMark::kSame ? ' ' : mark == LineMark::kRemoved ? '-' : '+';
    std::string line = sign + one_line(text);
    if (columns_ > 0) {
      const std::size_t taken = display_width(margin_) + 4;
      line = cut_to_width(line, columns_ > taken ? columns_ - taken : 1);
    }
    out_ << style_.paint(Ink::kDim, margin_) << "    " << style_.paint(ink, line) << '\n';
  }

  void note(const std::string& words) {
    out_ << style_.paint(Ink::kDim, margin_) << "    " << style_.paint(Ink::kCyan, words) << '\n';
  }

  void write_texts(const FieldChange& field) {
    const bool is_whole = field.left.kind == Kind::kAbsent || field.right.kind == Kind::kAbsent;
    for (const FieldValue* value : {&field.left, &field.right}) {
      if (value->kind == Kind::kAbsent || value->kind == Kind::kText) continue;
      note((value == &field.left ? "was " : "is ") + cut(one_line(value->text)));
    }
    const auto text_of = [](const FieldValue& value) {
      return value.kind == Kind::kText ? std::string_view(value.text) : std::string_view();
    };
    const auto lines = diff_lines(text_of(field.left), text_of(field.right));
    if (is_whole) {
      write_first(lines);
    } else {
      write_hunks(lines);
    }
  }

  void write_first(const std::vector<DiffLine>& lines) {
    const std::size_t shown = std::min(lines.size(), kMostLines);
    for (std::size_t i = 0; i < shown; ++i) text_line(lines[i].mark, lines[i].text);
    if (shown < lines.size()) note("… " + counted(lines.size() - shown, "more line"));
  }

  // As `diff -u` does it, with fewer lines around.
  void write_hunks(const std::vector<DiffLine>& lines) {
    std::size_t left_line = 1;
    std::size_t right_line = 1;
    std::size_t at = 0;
    while (at < lines.size()) {
      std::size_t change = at;
      while (change < lines.size() && lines[change].mark == LineMark::kSame) ++change;
      if (change == lines.size()) return;
      const std::size_t begin = std::max(at, change > kContextLines ? change - kContextLines : 0);
      left_line += begin - at;
      right_line += begin - at;
      const std::size_t end = end_of_hunk(lines, change);
      write_hunk(lines, begin, end, left_line, right_line);
      at = end;
    }
  }

  // Changes with little in between are one hunk.
  static std::size_t end_of_hunk(const std::vector<DiffLine>& lines, std::size_t change) {
    std::size_t end = change + 1;
    for (std::size_t i = end; i < lines.size() && i <= end + 2 * kContextLines; ++i) {
      if (lines[i].mark != LineMark::kSame) end = i + 1;
    }
    return std::min(lines.size(), end + kContextLines);
  }

  void write_hunk(const std::vector<DiffLine>& lines, std::size_t begin, std::size_t end,
                  std::size_t& left_line, std::size_t& right_line) {
    std::size_t on_left = 0;
    std::size_t on_right = 0;
    for (std::size_t i = begin; i < end; ++i) {
      if (lines[i].mark != LineMark::kAdded) ++on_left;
      if (lines[i].mark != LineMark::kRemoved) ++on_right;
    }
    if (begin > 0 || end < lines.size()) {
      note("@@ -" + std::to_string(left_line) + "," + std::to_string(on_left) + " +" +
           std::to_string(right_line) + "," + std::to_string(on_right) + " @@");
    }
    for (std::size_t i = begin; i < end; ++i) text_line(lines[i].mark, lines[i].text);
    left_line += on_left;
    right_line += on_right;
  }

  std::ostream& out_;
  const Style& style_;
  std::size_t columns_;
  const std::string& margin_;
  std::size_t path_columns_ = kLeastPathColumns;
};

}  // namespace

std::string_view change_mark(ChangeKind kind) {
  return kind == ChangeKind::kAdded ? "+" : kind == ChangeKind::kRemoved ? "-" : "~";
}

Ink change_ink(ChangeKind kind) {
  return kind == ChangeKind::kAdded     ? Ink::kGreen
         : kind == ChangeKind::kRemoved ? Ink::kRed
                                        : Ink::kYellow;
}

std::string title_in(const Diff& difference, std::string_view task) {
  for (const Snapshot* side : {&difference.right, &difference.left}) {
    if (const auto found = side->get<schema::Task>(task)) return task_title(*side, *found);
  }
  return {};
}

void write_change_fields(std::ostream& out, const Style& style, std::size_t columns,
                         const std::string& margin, const RecordChange& change,
                         const Diff& difference) {
  Fields(out, style, columns, margin).write_all(change, difference);
}

}  // namespace session::cli
