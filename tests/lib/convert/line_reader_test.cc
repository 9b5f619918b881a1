#include "lib/convert/line_reader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "session/error.h"
#include "tests/support/temp_dir.h"

namespace session::convert {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;

std::vector<std::string> lines_of(std::string_view text, std::size_t limit = kMaxLineBytes) {
  std::istringstream input{std::string(text)};
  LineReader reader(input, "input", limit);
  std::vector<std::string> lines;
  while (const auto line = reader.next()) {
    EXPECT_EQ(line->number, lines.size() + 1);
    EXPECT_EQ(text.substr(line->offset, line->text.size()), line->text);
    lines.emplace_back(line->text);
  }
  EXPECT_EQ(reader.consumed_bytes(), text.size());
  return lines;
}

using Lines = std::vector<std::string>;

TEST(LineReader, GivesEachLineWithoutItsNewline) {
  EXPECT_EQ(lines_of(""), Lines{});
  EXPECT_EQ(lines_of("a"), Lines{"a"});
  EXPECT_EQ(lines_of("a\n"), Lines{"a"});
  EXPECT_EQ(lines_of("a\n\nb"), (Lines{"a", "", "b"}));
  EXPECT_EQ(lines_of("\n"), Lines{""});
}

TEST(LineReader, TakesOneCarriageReturnOff) {
  EXPECT_EQ(lines_of("a\r\nb\r\r\nc\rd\n\r\ne\r"), (Lines{"a", "b\r", "c\rd", "", "e"}));
}

TEST(LineReader, LinesMayHoldNul) {
  EXPECT_EQ(lines_of("a\0b\n\0\n"sv), (Lines{"a\0b"s, "\0"s}));
}

TEST(LineReader, ReadsInPiecesOfAnySize) {
  std::string text;
  for (int i = 0; i < 1000; ++i)
    text += std::string(static_cast<std::size_t>(i * 7 % 1500), 'x') + "\n";
  for (const std::size_t piece : {1U, 3U, 4096U, 1U << 20}) {
    std::size_t at = 0;
    LineReader reader(
        [&](std::span<char> into) {
          const std::size_t count = std::min({piece, into.size(), text.size() - at});
          std::copy_n(text.data() + at, count, into.data());
          at += count;
          return count;
        },
        "pieces");
    std::size_t count = 0;
    while (const auto line = reader.next()) {
      ASSERT_EQ(line->text.size(), count * 7 % 1500);
      ++count;
    }
    EXPECT_EQ(count, 1000U);
  }
}

TEST(LineReader, ALineMayBeAsLongAsTheLimitAndNoLonger) {
  const std::string longest(1'000'000, 'x');
  EXPECT_EQ(lines_of("a\n" + longest + "\nb", longest.size()), (Lines{"a", longest, "b"}));
  try {
    (void)lines_of("a\n" + longest + "x", longest.size());
    FAIL() << "a line beyond the limit was read";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kBadSource);
    EXPECT_EQ(error.offset(), 2U);
    EXPECT_TRUE(error.message().starts_with("line 2 is longer than 1000000 bytes"));
  }
}

TEST(LineReader, StopsReadingOnceALineIsTooLong) {
  std::size_t given = 0;
  LineReader endless(
      [&](std::span<char> into) {
        std::fill(into.begin(), into.end(), 'x');
        given += into.size();
        return into.size();
      },
      "endless", 1'000'000);
  EXPECT_THROW((void)endless.next(), Error);
  EXPECT_LT(given, 3'000'000U);
}

TEST(LineReader, OpensFilesAndSaysWhyNot) {
  const test::TempDir directory;
  std::ofstream(directory.file("x.jsonl")) << "1\n2\n";
  LineReader reader = LineReader::open(directory.file("x.jsonl"));
  EXPECT_EQ(reader.next()->text, "1");
  EXPECT_EQ(reader.next()->text, "2");
  EXPECT_FALSE(reader.next().has_value());
  const auto code_of = [](const std::string& path) {
    try {
      (void)LineReader::open(path);
    } catch (const Error& error) {
      EXPECT_EQ(error.file(), path);
      return error.code();
    }
    return ErrorCode::kInternal;
  };
  EXPECT_EQ(code_of(directory.file("none")), ErrorCode::kNotFound);
  EXPECT_EQ(code_of(directory.path()), ErrorCode::kIo);
}

}  // namespace
}  // namespace session::convert
