#include "lib/convert/json_place.h"

#include <algorithm>
#include <optional>

#include "lib/convert/json.h"

namespace session::convert::json {
namespace {

// Walks a text that is known to be sound.
class Walker {
 public:
  explicit Walker(std::string_view text) : text_(text) {
    constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
    if (text_.starts_with(kByteOrderMark)) at_ = kByteOrderMark.size();
    skip_space();
  }

  [[nodiscard]] std::size_t at() const { return at_; }

  // From the start of a container to that of a value in it; false leaves it where it is.
  bool enter(const Step& step) {
    const std::size_t start = at_;
    const auto* name = std::get_if<std::string>(&step);
    if (peek() == (name != nullptr ? '{' : '[')) {
      ++at_;
      skip_space();
      for (std::size_t index = 0; at_ < text_.size() && peek() != '}' && peek() != ']'; ++index) {
        if (is_at(step, name, index)) return true;
        skip_value();
        if (peek() == ',') ++at_;
        skip_space();
      }
    }
    at_ = start;
    return false;
  }

 private:
  [[nodiscard]] char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void skip_space() { at_ = std::min(text_.find_first_not_of(" \t\r\n", at_), text_.size()); }
  void skip_string() {
    for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
      if (text_[at_] == '\\') ++at_;
    }
    at_ = std::min(at_ + 1, text_.size());
  }
  // And the white space behind it.
  void skip_value() {
    std::size_t open = 0;
    do {
      const char c = peek();
      if (c == '"') {
        skip_string();
      } else if (c == '{' || c == '[') {
        ++open;
        ++at_;
      } else if (c == '}' || c == ']') {
        --open;
        ++at_;
      } else {
        at_ = std::min(text_.find_first_of("\"{}[],", at_ + 1), text_.size());
      }
      if (open > 0 && peek() == ',') ++at_;
    } while (open > 0 && at_ < text_.size());
    skip_space();
  }
  // At an element or a member's name: goes on to the value, and says if it is the one.
  bool is_at(const Step& step, const std::string* name, std::size_t index) {
    if (name == nullptr) return index == std::get<std::size_t>(step);
    const std::size_t start = at_;
    skip_string();
    const bool is_it = parse(text_.substr(start, at_ - start)).text() == *name;
    skip_space();
    ++at_;  // the colon
    skip_space();
    return is_it;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

TextPlace place_of(std::string_view text, const Path& path) {
  Walker walker(text);
  for (const Step& step : path) {
    if (!walker.enter(step)) break;
  }
  const std::string_view before = text.substr(0, walker.at());
  const std::size_t newline = before.rfind('\n');
  const std::string_view in_line =
      newline == std::string_view::npos ? before : before.substr(newline + 1);
  const auto is_start = [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80; };
  TextPlace place;
  place.line += static_cast<std::uint64_t>(std::count(before.begin(), before.end(), '\n'));
  place.column +=
      static_cast<std::uint64_t>(std::count_if(in_line.begin(), in_line.end(), is_start));
  return place;
}

}  // namespace session::convert::json
