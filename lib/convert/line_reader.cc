#include "lib/convert/line_reader.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <istream>
#include <system_error>
#include <utility>

#include "lib/io/descriptor.h"
#include "lib/io/system_error.h"
#include "lib/io/transfer.h"
#include "session/error.h"

namespace session::convert {
namespace {

constexpr std::size_t kFirstBufferBytes = std::size_t{256} << 10;

LineReader::Read reader_of(std::istream& input, std::string name) {
  return [&input, name = std::move(name)](std::span<char> into) -> std::size_t {
    input.read(into.data(), static_cast<std::streamsize>(into.size()));
    if (input.bad()) throw Error(ErrorCode::kIo, "reading failed", name);
    return static_cast<std::size_t>(input.gcount());
  };
}

// The bytes of a file or a pipe. A pipe is waited for in short steps: a signal that comes between
// the look at its mark and the call that waits would be slept through.
class FileBytes {
 public:
  FileBytes(const std::string& path, LineReader::Waiting waiting)
      : path_(path), waiting_(std::move(waiting)) {
    // O_NONBLOCK: opening a named pipe must not wait for its other end.
    const int error = io::uninterrupted([&] {
      descriptor_ =
          io::Descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
      return descriptor_.number();
    });
    if (error != 0) throw io::system_error(error, "cannot open the file", path);
  }

  [[nodiscard]] std::size_t read(std::span<char> into) const {
    for (;;) {
      wait();
      const ssize_t count = ::read(descriptor_.number(), into.data(), into.size());
      if (count >= 0) return static_cast<std::size_t>(count);
      if (errno != EINTR && errno != EAGAIN) {
        throw io::system_error(errno, "cannot read the file", path_);
      }
    }
  }

 private:
  // Regular files are always ready.
  void wait() const {
    constexpr int kStepMilliseconds = 200;
    pollfd input = {descriptor_.number(), POLLIN, 0};
    for (;;) {
      const int ready = ::poll(&input, 1, kStepMilliseconds);
      if (ready > 0) return;
      if (ready < 0 && errno != EINTR) throw io::system_error(errno, "cannot read the file", path_);
      if (waiting_) waiting_();
    }
  }

  std::string path_;
  LineReader::Waiting waiting_;
  io::Descriptor descriptor_;
};

// Where the parser stops when the text ends too early.
bool stopped_at_end(const Error& error, std::string_view text, std::uint64_t number) {
  const auto is_start = [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; };
  const auto column = 1 + std::count_if(text.begin(), text.end(), is_start);
  return error.message().starts_with("line " + std::to_string(number) + ", column " +
                                     std::to_string(column) + ":");
}

bool only_blank_lines_follow(LineReader& lines) {
  while (const auto line = lines.next()) {
    if (!is_blank(line->text)) return false;
  }
  return true;
}

json::Value parse_line(std::string_view text, std::uint64_t number, const JsonLines& options,
                       LineReader& lines) {
  try {
    return json::parse(text, {.max_depth = options.max_depth, .first_line = number});
  } catch (const Error& error) {
    // The text is gone once the reader goes on.
    const bool is_cut_off = stopped_at_end(error, text, number);
    if (!is_cut_off || !only_blank_lines_follow(lines)) throw;
    throw Error(error.code(), error.message() +
                                  " (this is the last line: if its writer was interrupted, "
                                  "remove it to import the lines before)");
  }
}

}  // namespace

LineReader::LineReader(Read read, std::string name, std::size_t max_line_bytes)
    : read_(std::move(read)),
      name_(std::move(name)),
      max_line_bytes_(max_line_bytes),
      buffer_(kFirstBufferBytes) {}

LineReader::LineReader(std::istream& input, std::string name, std::size_t max_line_bytes)
    : LineReader(reader_of(input, name), name, max_line_bytes) {}

LineReader LineReader::open(const std::string& path, std::size_t max_line_bytes, Waiting waiting) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (status.type() == std::filesystem::file_type::not_found) {
    throw Error(ErrorCode::kNotFound, "no such file; check the path", path);
  }
  if (status.type() == std::filesystem::file_type::directory) {
    throw Error(ErrorCode::kIo, "this is a directory; name a file in it", path);
  }
  auto file = std::make_shared<FileBytes>(path, std::move(waiting));
  auto read = [file = std::move(file)](std::span<char> into) { return file->read(into); };
  return {std::move(read), path, max_line_bytes};
}

bool LineReader::fill() {
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ == buffer_.size()) buffer_.resize(buffer_.size() * 2);
  const std::size_t count = read_(std::span(buffer_).subspan(end_));
  end_ += count;
  return count > 0;
}

Line LineReader::take(std::size_t size_bytes, std::size_t with_newline_bytes) {
  std::string_view text(buffer_.data() + begin_, size_bytes);
  // White space to JSON.
  if (text.ends_with('\r')) text.remove_suffix(1);
  const Line line{text, ++lines_, offset_};
  begin_ += with_newline_bytes;
  offset_ += with_newline_bytes;
  return line;
}

std::optional<Line> LineReader::next() {
  std::size_t searched = 0;
  for (;;) {
    const char* const start = buffer_.data() + begin_;
    const void* newline = nullptr;
    if (end_ - begin_ > searched) {
      newline = std::memchr(start + searched, '\n', end_ - begin_ - searched);
    }
    const std::size_t size =
        newline == nullptr ? end_ - begin_
                           : static_cast<std::size_t>(static_cast<const char*>(newline) - start);
    if (size > max_line_bytes_) {
      throw Error(ErrorCode::kBadSource,
                  "line " + std::to_string(lines_ + 1) + " is longer than " +
                      std::to_string(max_line_bytes_) +
                      " bytes; this is no file of one JSON value a line",
                  name_, offset_);
    }
    if (newline != nullptr) return take(size, size + 1);
    searched = size;
    if (!fill()) {
      if (end_ == begin_) return std::nullopt;
      return take(end_ - begin_, end_ - begin_);
    }
  }
}

std::uint64_t each_json_line(LineReader& lines, const JsonLines& options,
                             const std::function<void(const json::Value&, std::uint64_t)>& use) {
  constexpr std::uint64_t kReportLines = 64;
  constexpr std::uint64_t kReportBytes = std::uint64_t{1} << 20;
  std::uint64_t used = 0;
  std::uint64_t reported_bytes = 0;
  const auto report = [&] {
    reported_bytes = lines.consumed_bytes();
    if (options.progress) options.progress(reported_bytes);
  };
  while (const auto line = lines.next()) {
    const std::uint64_t number = line->number;
    const std::string_view text =
        line->offset == 0 ? without_byte_order_mark(line->text) : line->text;
    if (!is_blank(text)) {
      const json::Value value = parse_line(text, number, options, lines);
      try {
        use(value, number);
      } catch (const Error& error) {
        throw at_line(error, number);
      }
      ++used;
    }
    const bool is_due = lines.consumed_bytes() - reported_bytes >= kReportBytes;
    if (is_due || number % kReportLines == 0) report();
  }
  report();
  return used;
}

std::string_view without_byte_order_mark(std::string_view text) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  return text;
}

bool is_blank(std::string_view text) {
  return without_byte_order_mark(text).find_first_not_of(" \t\r\n") == std::string_view::npos;
}

Error at_line(const Error& error, std::uint64_t line) {
  if (line == 0 || error.message().starts_with("line ")) return error;
  return Error(error.code(), "line " + std::to_string(line) + ": " + error.message(), error.file(),
               error.offset());
}

}  // namespace session::convert
