#include "lib/convert/time_text.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <random>

#include "tests/support/seed.h"

namespace session::convert {
namespace {

TEST(TimeText, GivesBackTheTextToTheLetter) {
  for (const std::string_view text :
       {"1970-01-01T00:00:00Z", "2025-12-13T10:00:00.120-08:00", "2025-12-13T10:00:00+11:00",
        "2024-02-29T23:59:59.999999999Z", "1969-12-31T23:59:59.5Z", "2000-01-01T00:00:00+00:00",
        "2000-01-01T00:00:00.000000-23:59", "2262-04-11T23:47:15.999999999Z",
        "1677-09-21T00:12:44Z", "2025-11-03T01:02:03.4567+05:30"}) {
    const auto time = parse_time(text);
    ASSERT_TRUE(time.has_value()) << text;
    EXPECT_EQ(format_time(time->nanos, time->form), text);
  }
}

TEST(TimeText, CountsFrom1970InNanoseconds) {
  EXPECT_EQ(parse_time("1970-01-01T00:00:00Z")->nanos, 0);
  EXPECT_EQ(parse_time("1970-01-01T00:00:01.5Z")->nanos, 1'500'000'000);
  EXPECT_EQ(parse_time("1969-12-31T23:59:59.9Z")->nanos, -100'000'000);
  EXPECT_EQ(parse_time("1970-01-01T01:00:00+01:00")->nanos, 0);
  EXPECT_EQ(parse_time("2001-09-09T01:46:40Z")->nanos, 1'000'000'000'000'000'000);
}

TEST(TimeText, TheFormIsAsDocumented) {
  EXPECT_EQ(parse_time("2000-01-01T00:00:00Z")->form, 1U);
  EXPECT_EQ(parse_time("2000-01-01T00:00:00.25Z")->form, 1U | 2U << 1);
  EXPECT_EQ(parse_time("2000-01-01T00:00:00+00:00")->form, 1U | 1U << 5 | 1439U << 6);
  EXPECT_EQ(parse_time("2000-01-01T00:00:00-23:59")->form, 1U | 1U << 5);
}

TEST(TimeText, RefusesWhatItCouldNotGiveBack) {
  for (const std::string_view text : {"",
                                      "2025",
                                      "2025-12-13",
                                      "2025-12-13t10:00:00Z",
                                      "2025-12-13T10:00:00z",
                                      "2025-12-13 10:00:00Z",
                                      "2025-12-13T10:00:00",
                                      "2025-12-13T10:00:60Z",
                                      "2025-12-13T24:00:00Z",
                                      "2025-12-13T10:60:00Z",
                                      "2025-02-29T00:00:00Z",
                                      "2025-13-01T00:00:00Z",
                                      "2025-00-01T00:00:00Z",
                                      "2025-01-00T00:00:00Z",
                                      "2025-12-13T10:00:00-00:00",
                                      "2025-12-13T10:00:00+24:00",
                                      "2025-12-13T10:00:00+01:60",
                                      "2025-12-13T10:00:00+0100",
                                      "2025-12-13T10:00:00.Z",
                                      "2025-12-13T10:00:00,5Z",
                                      "2025-12-13T10:00:00.1234567890Z",
                                      "2025-12-13T10:00:00Z ",
                                      "02025-12-13T10:00:00Z",
                                      "+2025-12-13T10:00:00Z",
                                      "2025-12-13T10:00:00.5",
                                      "1600-01-01T00:00:00Z",
                                      "2263-01-01T00:00:00Z",
                                      "9999-12-31T23:59:59Z",
                                      "0000-01-01T00:00:00Z",
                                      "2025-1-13T10:00:00Z",
                                      "2025-12-13T1 :00:00Z"}) {
    EXPECT_FALSE(parse_time(text).has_value()) << text;
  }
}

TEST(TimeText, OurOwnTimesAreUtcAndLoseNothing) {
  EXPECT_EQ(format_time(0, utc_form(0)), "1970-01-01T00:00:00Z");
  EXPECT_EQ(format_time(120'000'000, utc_form(120'000'000)), "1970-01-01T00:00:00.120Z");
  EXPECT_EQ(format_time(1'200, utc_form(1'200)), "1970-01-01T00:00:00.000001200Z");
  EXPECT_EQ(format_time(-1, utc_form(-1)), "1969-12-31T23:59:59.999999999Z");
  EXPECT_EQ(format_time(5'000, utc_form(5'000)), "1970-01-01T00:00:00.000005Z");
}

TEST(TimeText, AnyFormGivesATime) {
  std::mt19937_64 random(test::random_seed());
  for (int i = 0; i < 20'000; ++i) {
    const auto nanos = static_cast<std::int64_t>(random());
    const auto form = static_cast<std::uint32_t>(random());
    const std::string text = format_time(nanos, form);
    EXPECT_GE(text.size(), 20U);
  }
  EXPECT_EQ(format_time(500'000'000, 1), "1970-01-01T00:00:00.5Z");
  for (const auto edge :
       {std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()}) {
    EXPECT_EQ(format_time(edge, utc_form(edge)).size(), 30U);
  }
}

TEST(TimeTextProperty, FormattingUndoesParsing) {
  std::mt19937_64 random(test::random_seed());
  const auto below = [&](std::uint64_t limit) {
    return static_cast<std::uint32_t>(random() % limit);
  };
  for (int i = 0; i < 20'000; ++i) {
    const std::int64_t span = std::int64_t{9'223'000'000} * 1'000'000'000;
    std::int64_t nanos = static_cast<std::int64_t>(random() >> 1) % span;
    if (below(2) == 0) nanos = -nanos;
    const std::uint32_t digits = below(10);
    const auto keep = static_cast<std::int64_t>(std::pow(10, 9 - digits));
    nanos -= nanos % keep;
    std::uint32_t form = 1U | digits << 1;
    if (below(2) == 0) form |= 1U << 5 | below(2879) << 6;
    const std::string text = format_time(nanos, form);
    const auto time = parse_time(text);
    ASSERT_TRUE(time.has_value()) << text;
    ASSERT_EQ(time->nanos, nanos) << text;
    ASSERT_EQ(time->form, form) << text;
    ASSERT_EQ(format_time(time->nanos, time->form), text);
  }
}

}  // namespace
}  // namespace session::convert
