#include "cli/render/style.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>

namespace session::cli {
namespace {

constexpr std::size_t kUsualColumns = 80;
constexpr std::size_t kMostColumns = 10'000;

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view() : std::string_view(value);
}

std::string_view code_of(Ink ink) {
  switch (ink) {
    case Ink::kBold:
      return "\x1b[1m";
    case Ink::kDim:
      return "\x1b[2m";
    case Ink::kRed:
      return "\x1b[31m";
    case Ink::kGreen:
      return "\x1b[32m";
    case Ink::kYellow:
      return "\x1b[33m";
    case Ink::kBlue:
      return "\x1b[34m";
    case Ink::kMagenta:
      return "\x1b[35m";
    case Ink::kCyan:
      return "\x1b[36m";
    case Ink::kPlain:
      break;
  }
  return "";
}

}  // namespace

Style Style::for_output(ColorChoice choice, int fd) {
  switch (choice) {
    case ColorChoice::kAlways:
      return Style(true);
    case ColorChoice::kNever:
      return Style(false);
    case ColorChoice::kAuto:
      break;
  }
  return Style(environment("NO_COLOR").empty() && environment("TERM") != "dumb" &&
               ::isatty(fd) == 1);
}

std::string Style::paint(Ink ink, std::string_view text) const {
  if (!colored_ || ink == Ink::kPlain || text.empty()) return std::string(text);
  std::string out(code_of(ink));
  out += text;
  out += "\x1b[0m";
  return out;
}

std::size_t output_columns(int fd) {
  const std::string_view given = environment("COLUMNS");
  std::size_t columns = 0;
  std::from_chars(given.data(), given.data() + given.size(), columns);
  if (columns > 0 && columns <= kMostColumns) return columns;
  if (::isatty(fd) != 1) return 0;
  struct winsize size = {};
  if (::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return kUsualColumns;
}

}  // namespace session::cli
