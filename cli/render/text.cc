#include "cli/render/text.h"

#include <clocale>
#include <cwchar>

#include <algorithm>

#include "cli/render/rapidjson.h"

namespace session::cli {
namespace {

constexpr char32_t kReplacement = 0xFFFD;

struct Character {
  char32_t code = 0;
  std::size_t size_bytes = 1;
  bool valid = false;
};

// The first character of a text that is not empty. An invalid one is a single byte.
Character first_character(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  if (lead < 0x80) return {lead, 1, true};
  rapidjson::MemoryStream stream(text.data(), text.size());
  unsigned code = 0;
  // Behind the end the stream reads as NUL, which continues no character.
  if (!rapidjson::UTF8<>::Decode(stream, &code)) return {};
  return {code, stream.Tell(), true};
}

void append_utf8(std::string& out, char32_t code) {
  struct {
    std::string& text;
    void Put(char c) { text.push_back(c); }
  } stream{out};
  rapidjson::UTF8<>::Encode(stream, code);
}

// Orders that change how the text around them is read.
bool is_direction_control(char32_t code) {
  return code == 0x061C || code == 0x200E || code == 0x200F || (code >= 0x202A && code <= 0x202E) ||
         (code >= 0x2066 && code <= 0x2069);
}

bool is_line_separator(char32_t code) {
  return code == 0x2028 || code == 0x2029;
}

char32_t harmless(char32_t code) {
  if (code < 0x20) return 0x2400 + code;
  if (code == 0x7F) return 0x2421;
  if (code >= 0x80 && code < 0xA0) return kReplacement;
  if (is_direction_control(code)) return kReplacement;
  return code;
}

template <class Map>
std::string mapped(std::string_view text, Map&& map) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Character character = first_character(text);
    if (character.valid) {
      map(out, character.code, text);
    } else {
      append_utf8(out, kReplacement);
    }
    text.remove_prefix(character.size_bytes);
  }
  return out;
}

std::size_t width_of(char32_t code) {
  if (code < 0x80) return 1;
  // The tables are the C library's; they belong to a locale, and this one is always there.
  static const bool ready = std::setlocale(LC_CTYPE, "C.UTF-8") != nullptr;
  if (!ready) return 1;
  return static_cast<std::size_t>(std::max(0, ::wcwidth(static_cast<wchar_t>(code))));
}

}  // namespace

std::string one_line(std::string_view text) {
  return mapped(text, [](std::string& out, char32_t code, std::string_view) {
    const bool blank = code == '\n' || code == '\t' || code == '\r' || is_line_separator(code);
    append_utf8(out, blank ? U' ' : harmless(code));
  });
}

std::string many_lines(std::string_view text) {
  return mapped(text, [](std::string& out, char32_t code, std::string_view rest) {
    if (code == '\r' && rest.size() > 1 && rest[1] == '\n') return;
    if (is_line_separator(code)) code = '\n';
    append_utf8(out, code == '\n' || code == '\t' ? code : harmless(code));
  });
}

std::string valid_utf8(std::string_view text) {
  return mapped(text,
                [](std::string& out, char32_t code, std::string_view) { append_utf8(out, code); });
}

std::size_t display_width(std::string_view text) {
  std::size_t columns = 0;
  while (!text.empty()) {
    const Character character = first_character(text);
    columns += character.valid ? width_of(character.code) : 1;
    text.remove_prefix(character.size_bytes);
  }
  return columns;
}

std::string cut_to_width(std::string_view text, std::size_t columns) {
  if (columns == 0) return {};
  std::size_t used = 0;
  std::size_t kept_bytes = 0;  // what fits with the ellipsis behind it
  std::size_t position = 0;
  while (position < text.size()) {
    const Character character = first_character(text.substr(position));
    used += character.valid ? width_of(character.code) : 1;
    if (used > columns) return std::string(text.substr(0, kept_bytes)) + "…";
    position += character.size_bytes;
    if (used < columns) kept_bytes = position;
  }
  return std::string(text);
}

std::string pad_right(std::string text, std::size_t columns) {
  const std::size_t width = display_width(text);
  if (width < columns) text.append(columns - width, ' ');
  return text;
}

std::string pad_left(std::string text, std::size_t columns) {
  const std::size_t width = display_width(text);
  if (width < columns) text.insert(0, columns - width, ' ');
  return text;
}

}  // namespace session::cli
