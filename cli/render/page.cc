#include "cli/render/page.h"

#include <algorithm>

#include "cli/render/text.h"
#include "cli/render/units.h"

namespace session::cli {
namespace {

constexpr std::size_t kNameColumns = 13;

}  // namespace

void Page::line(std::string_view text) {
  out_ << text << '\n';
}

void Page::fact(std::string_view name, std::string_view value, Ink ink) {
  if (value.empty()) return;
  out_ << style_.paint(Ink::kDim, pad_right(std::string(name), kNameColumns)) << ' '
       << style_.paint(ink, one_line(value)) << '\n';
}

void Page::heading(std::string_view title) {
  out_ << '\n' << style_.paint(Ink::kBold, title) << '\n';
}

void Page::paragraph(std::string_view title, std::string_view text) {
  if (text.empty()) return;
  heading(title);
  block(text, 2);
}

void Page::block(std::string_view text, std::size_t indent, std::size_t most_lines, Ink ink) {
  const std::string safe = many_lines(text);
  std::string_view rest = safe;
  while (!rest.empty() && rest.back() == '\n') rest.remove_suffix(1);
  const std::string margin(indent, ' ');
  std::size_t lines = 0;
  while (!rest.empty()) {
    if (most_lines > 0 && lines == most_lines) {
      const auto left = static_cast<std::uint64_t>(std::count(rest.begin(), rest.end(), '\n')) + 1;
      out_ << margin << style_.paint(Ink::kDim, "… " + counted(left, "more line")) << '\n';
      return;
    }
    const std::size_t end = rest.find('\n');
    const std::string_view one = rest.substr(0, end);
    if (!one.empty()) out_ << margin << style_.paint(ink, one);
    out_ << '\n';
    ++lines;
    if (end == std::string_view::npos) return;
    rest.remove_prefix(end + 1);
  }
}

}  // namespace session::cli
