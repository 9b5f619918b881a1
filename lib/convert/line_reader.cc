#include "lib/convert/line_reader.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

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

}  // namespace

LineReader::LineReader(Read read, std::string name, std::size_t max_line_bytes)
    : read_(std::move(read)),
      name_(std::move(name)),
      max_line_bytes_(max_line_bytes),
      buffer_(kFirstBufferBytes) {}

LineReader::LineReader(std::istream& input, std::string name, std::size_t max_line_bytes)
    : LineReader(reader_of(input, name), name, max_line_bytes) {}

LineReader LineReader::open(const std::string& path, std::size_t max_line_bytes) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (status.type() == std::filesystem::file_type::not_found) {
    throw Error(ErrorCode::kNotFound, "no such file", path);
  }
  if (status.type() == std::filesystem::file_type::directory) {
    throw Error(ErrorCode::kIo, "it is a directory", path);
  }
  auto file = std::make_shared<std::ifstream>(path, std::ios::binary);
  if (!*file) {
    throw Error(ErrorCode::kIo, "cannot open it: " + std::generic_category().message(errno), path);
  }
  auto read = [file, read_file = reader_of(*file, path)](std::span<char> into) {
    return read_file(into);
  };
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

}  // namespace session::convert
