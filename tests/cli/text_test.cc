// Text on its way to a terminal, numbers and times: the pure parts of the rendering.

#include "cli/render/text.h"

#include <gtest/gtest.h>

#include "cli/render/progress.h"
#include "cli/render/units.h"

namespace session::cli {
namespace {

TEST(OneLine, MakesControlCharactersVisible) {
  EXPECT_EQ(one_line("a\x1b[31mb"), "a␛[31mb");
  EXPECT_EQ(one_line(std::string_view("\0\a\b\x7f", 4)), "␀␇␈␡");
  EXPECT_EQ(one_line("a\nb\tc\r"), "a b c ");
}

TEST(OneLine, DisarmsWhatTurnsTextAround) {
  EXPECT_EQ(one_line("a\u202Eb\u2066c\u200Fd"), "a�b�c�d");
  EXPECT_EQ(one_line("a\u2028b"), "a b");
  EXPECT_EQ(one_line("\u009B31m"), "�31m");
}

TEST(OneLine, ReplacesWhatIsNoUtf8) {
  EXPECT_EQ(one_line("a\xff"
                     "b"),
            "a�b");
  EXPECT_EQ(one_line("\xc3"), "�");
  EXPECT_EQ(one_line("\xed\xa0\x80"), "���");
  EXPECT_EQ(one_line("\xf0\x9f\x98\x80"), "😀");
}

TEST(ManyLines, KeepsLinesAndTabs) {
  EXPECT_EQ(many_lines("a\r\nb\tc\x1b"), "a\nb\tc␛");
  EXPECT_EQ(many_lines("a\rb"), "a␍b");
}

TEST(DisplayWidth, CountsColumnsAndNotBytes) {
  EXPECT_EQ(display_width(""), 0U);
  EXPECT_EQ(display_width("abc"), 3U);
  EXPECT_EQ(display_width("äöü"), 3U);
  EXPECT_EQ(display_width("任务"), 4U);
  EXPECT_EQ(display_width("e\u0301"), 1U);
}

TEST(CutToWidth, EndsInAnEllipsisOnlyWhereSomethingIsCut) {
  EXPECT_EQ(cut_to_width("abc", 3), "abc");
  EXPECT_EQ(cut_to_width("abcd", 3), "ab…");
  EXPECT_EQ(cut_to_width("abcd", 1), "…");
  EXPECT_EQ(cut_to_width("abcd", 0), "");
}

TEST(CutToWidth, NeverCutsACharacterInTwo) {
  EXPECT_EQ(cut_to_width("äöü", 2), "ä…");
  EXPECT_EQ(cut_to_width("任务务", 4), "任…");
  EXPECT_EQ(cut_to_width("任务务", 5), "任务…");
}

TEST(HumanBytes, KeepsToOneUnit) {
  EXPECT_EQ(human_bytes(0), "0 B");
  EXPECT_EQ(human_bytes(1023), "1023 B");
  EXPECT_EQ(human_bytes(1024), "1.0 KiB");
  EXPECT_EQ(human_bytes(1024 * 1024 - 1), "1.0 MiB");
  EXPECT_EQ(human_bytes(UINT64_MAX), "16.0 EiB");
}

TEST(Grouped, PartsThousands) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1000), "1,000");
  EXPECT_EQ(grouped(1234567), "1,234,567");
}

TEST(Rfc3339, HasAsManyDigitsAsTheTime) {
  EXPECT_EQ(rfc3339(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(rfc3339(1), "1970-01-01T00:00:00.000000001Z");
  EXPECT_EQ(rfc3339(1'500'000'000), "1970-01-01T00:00:01.500Z");
  EXPECT_EQ(rfc3339(-1), "1969-12-31T23:59:59.999999999Z");
  EXPECT_EQ(rfc3339(INT64_MIN), "1677-09-21T00:12:43.145224192Z");
  EXPECT_EQ(rfc3339(INT64_MAX), "2262-04-11T23:47:16.854775807Z");
  EXPECT_EQ(short_time(1'500'000'000), "1970-01-01T00:00:01Z");
}

TEST(ParseTime, UndoesRfc3339) {
  for (const std::int64_t nanos :
       {INT64_C(0), INT64_C(1), INT64_C(-1), INT64_C(1767225600123456789)}) {
    EXPECT_EQ(parse_time(rfc3339(nanos), 0), nanos) << rfc3339(nanos);
  }
}

TEST(ParseTime, TakesOffsetsPartsAndSpans) {
  EXPECT_EQ(parse_time("1970-01-01T02:00:00+02:00", 0), 0);
  EXPECT_EQ(parse_time("1970-01-02", 0), 86'400'000'000'000);
  EXPECT_EQ(parse_time("1970-01-01 00:01", 0), 60'000'000'000);
  EXPECT_EQ(parse_time("2h", 7'200'000'000'000), 0);
  EXPECT_EQ(parse_time("0s", 5), 5);
}

TEST(ParseTime, RefusesEverythingElse) {
  for (const char* text : {"", "yesterday", "1970-13-01", "1970-02-30", "1970-01-01T25:00:00Z",
                           "1970-01-01T00:00:00Zx", "2x", "-2h", "1970-01-01T00:00:00+2",
                           "9999-01-01", "99999999999999999999s", "1970-01-01T"}) {
    EXPECT_FALSE(parse_time(text, 0)) << text;
  }
}

TEST(ProgressLine, ShowsBarRateAndTimeLeft) {
  Progress progress;
  progress.what = "importing";
  progress.done_bytes = 50 << 20;
  progress.total_bytes = 100 << 20;
  const std::string line = progress_line(progress, 5'000'000'000, 80);
  EXPECT_TRUE(line.starts_with("importing  [####")) << line;
  EXPECT_TRUE(line.ends_with("   50 %  10.0 MiB/s  0:05 left")) << line;
  EXPECT_LE(display_width(line), 80U);
}

TEST(ProgressLine, FitsWhateverTheWidth) {
  Progress progress;
  progress.what = "importing";
  progress.done_bytes = 1;
  progress.total_bytes = 100;
  for (std::size_t columns = 0; columns < 120; ++columns) {
    EXPECT_LE(display_width(progress_line(progress, 1, columns)), columns);
  }
}

TEST(ProgressLine, ClaimsNothingWithoutATotal) {
  Progress progress;
  progress.what = "reading";
  progress.done_bytes = 2048;
  EXPECT_EQ(progress_line(progress, 1'000'000'000, 80), "reading  2.0 KiB  2.0 KiB/s");
}

}  // namespace
}  // namespace session::cli
