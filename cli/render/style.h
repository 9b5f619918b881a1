#pragma once
// Colours, where they are wanted: on a terminal, unless NO_COLOR or --color says otherwise.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace session::cli {

enum class ColorChoice : std::uint8_t { kAuto, kAlways, kNever };

enum class Ink : std::uint8_t {
  kPlain,
  kBold,
  kDim,
  kRed,
  kGreen,
  kYellow,
  kBlue,
  kMagenta,
  kCyan
};

class Style {
 public:
  explicit Style(bool colored) : colored_(colored) {}
  // For what is written to `fd`. A choice on the command line beats NO_COLOR.
  [[nodiscard]] static Style for_output(ColorChoice choice, int fd);

  [[nodiscard]] std::string paint(Ink ink, std::string_view text) const;
  [[nodiscard]] bool colored() const noexcept { return colored_; }

 private:
  bool colored_;
};

// Columns of the terminal behind `fd`: COLUMNS where it is set, 80 for a terminal that does not
// know, and 0 ("as long as it is") where the output goes into a file or a pipe.
[[nodiscard]] std::size_t output_columns(int fd);

}  // namespace session::cli
