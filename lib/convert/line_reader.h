#pragma once
// The lines of a large source, one after the other in bounded memory.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/convert/json.h"
#include "session/error.h"

namespace session::convert {

// A record beyond this is no record of any tracker or transcript.
inline constexpr std::size_t kMaxLineBytes = std::size_t{64} << 20;

struct Line {
  std::string_view text;     // without its LF or CR LF; valid until the next call of next()
  std::uint64_t number = 0;  // from 1
  std::uint64_t offset = 0;  // of its first byte, from the start of the input
};

class LineReader {
 public:
  // Puts up to `into.size()` bytes there and says how many; 0 is the end.
  using Read = std::function<std::size_t(std::span<char> into)>;

  // `name` stands in errors.
  LineReader(Read read, std::string name, std::size_t max_line_bytes = kMaxLineBytes);
  // The stream must outlive the reader.
  LineReader(std::istream& input, std::string name, std::size_t max_line_bytes = kMaxLineBytes);
  // Asked a few times a second while nothing comes; what it throws ends the reading.
  using Waiting = std::function<void()>;

  // A file, or a pipe, which is not waited for here. Throws kNotFound or kIo.
  [[nodiscard]] static LineReader open(const std::string& path,
                                       std::size_t max_line_bytes = kMaxLineBytes,
                                       Waiting waiting = {});

  // The next line; nothing at the end. The last one may lack its newline, and an empty piece after
  // the last newline is no line. Lines may hold NUL. Throws kIo when reading fails, and kBadSource
  // for a line above the limit.
  [[nodiscard]] std::optional<Line> next();

  // Bytes handed out so far, newlines included: what a progress bar shows.
  [[nodiscard]] std::uint64_t consumed_bytes() const noexcept { return offset_; }

 private:
  // Makes room and reads more; false at the end.
  bool fill();
  [[nodiscard]] Line take(std::size_t size_bytes, std::size_t with_newline_bytes);

  Read read_;
  std::string name_;
  std::size_t max_line_bytes_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;  // the bytes read but not handed out
  std::size_t end_ = 0;
  std::uint64_t offset_ = 0;  // of begin_ in the input
  std::uint64_t lines_ = 0;
};

struct JsonLines {
  std::size_t max_depth = json::kMaxJsonDepth;
  // Called every few lines, blank or not, and at the end; what it throws ends the reading.
  std::function<void(std::uint64_t consumed_bytes)> progress = {};
};

// Gives each line that is not blank as a value, with its number, and says how many there were.
// Throws kBadSource with line and column for a line that is no JSON, and says of a last one that
// was cut off that it is the last. Errors of `use` get the line's number.
std::uint64_t each_json_line(
    LineReader& lines, const JsonLines& options,
    const std::function<void(const json::Value& value, std::uint64_t number)>& use);
// Nothing but white space, a byte order mark aside.
[[nodiscard]] bool is_blank(std::string_view text);
// Without the byte order mark, if it begins with one.
[[nodiscard]] std::string_view without_byte_order_mark(std::string_view text);
// "line 12: ...", for errors a mapping finds in a value that parsed.
[[nodiscard]] Error at_line(const Error& error, std::uint64_t line);

}  // namespace session::convert
