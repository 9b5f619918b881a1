#include "lib/convert/json.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "session/error.h"
#include "tests/support/random_json.h"
#include "tests/support/seed.h"

namespace session::convert::json {
namespace {

using namespace std::string_view_literals;

std::string refusal(std::string_view text, const ParseOptions& options = {}) {
  try {
    (void)parse(text, options);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kBadSource);
    return error.message();
  }
  return "accepted";
}

std::string nested(std::size_t depth, std::string_view inner = "") {
  return std::string(depth, '[') + std::string(inner) + std::string(depth, ']');
}

TEST(Json, KeepsTheTextOfNumbers) {
  for (const std::string_view lexeme :
       {"0", "-0", "1.10", "1e5", "1E+05", "0.1e-7", "18446744073709551616", "1e400", "-1e99999",
        "123456789.123456789123456789"}) {
    EXPECT_EQ(parse(lexeme).lexeme(), lexeme);
  }
  const std::string long_number(1000, '7');
  EXPECT_EQ(to_text(parse("[\"1e999\", 2, " + long_number + ",{\"1e400\":-1e400}, 0.5e-3]")),
            "[\"1e999\",2," + long_number + ",{\"1e400\":-1e400},0.5e-3]");
}

TEST(Json, TellsNumbersFromWhatLooksLikeThem) {
  for (const std::string_view good : {"0", "-1", "10.0", "1e1", "1E-1", "0e+0"}) {
    EXPECT_TRUE(is_number(good)) << good;
  }
  for (const std::string_view bad :
       {"", "-", "+1", "01", "1.", ".1", "1e", "1e+", "0x1", "NaN", "1.e1"}) {
    EXPECT_FALSE(is_number(bad)) << bad;
    EXPECT_NE(refusal(bad), "accepted") << bad;
  }
  EXPECT_THROW((void)Value::number("1,"), Error);
}

TEST(Json, WritesWhatItRead) {
  const std::string text =
      R"({"a":null,"b":[true,false,{}],"c":"\u0000\n\"\\/é😀","":{"x":[[],""]}})";
  EXPECT_EQ(to_text(parse(text)), text);
  EXPECT_EQ(to_pretty_text(parse(R"({"a":[1,{}],"b":{}})")),
            "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": {}\n}");
}

TEST(Json, ReadsEscapesAndNulInStrings) {
  EXPECT_EQ(parse(R"("\u0000\u00e9\ud83d\ude00\/\b\f\n\r\t")").text(),
            "\0\u00e9\U0001F600/\b\f\n\r\t"sv);
}

TEST(Json, SkipsAByteOrderMark) {
  EXPECT_TRUE(parse("\xEF\xBB\xBF{}").is_object());
  EXPECT_EQ(refusal("\xEF\xBB\xBF[x]"), "line 1, column 2: invalid value");
}

TEST(Json, ObjectsCompareWithoutOrderAndNumbersByText) {
  EXPECT_EQ(parse(R"({"a":1,"b":[2]})"), parse(R"({"b":[2],"a":1})"));
  EXPECT_NE(parse(R"({"a":1,"b":2})"), parse(R"({"b":1,"a":2})"));
  EXPECT_NE(parse("1.0"), parse("1"));
  EXPECT_NE(parse("1"), parse("\"1\""));
  EXPECT_NE(parse("[1,2]"), parse("[2,1]"));
  EXPECT_NE(parse(R"({"a":null})"), parse("{}"));
  EXPECT_NE(parse("null"), parse("false"));
}

TEST(Json, NamesThePlaceOfAnError) {
  EXPECT_EQ(refusal("{\"a\": 1,\n \"b\" 2}"),
            "line 2, column 6: missing a colon after a name of object member");
  EXPECT_EQ(refusal("[1, é 2]"), "line 1, column 5: invalid value");
  EXPECT_EQ(refusal("\"ééé\" x"),
            "line 1, column 7: the document root must not be followed by other values");
  EXPECT_EQ(refusal("{} {}", {.first_line = 41}),
            "line 41, column 4: the document root must not be followed by other values");
}

TEST(Json, RefusesWhatIsNoJson) {
  for (const std::string_view bad :
       {""sv,       " \n"sv,         "{"sv,       "[1,]"sv,        "{\"a\":1,}"sv, "nul"sv,
        "'a'"sv,    "\"a"sv,         "\"\t\""sv,  "\"\\x\""sv,     "[1] 2"sv,      "[1]\0"sv,
        "[1]\0 "sv, "\0"sv,          "// x\n1"sv, "\"\\u12g4\""sv, "{1:2}"sv,      "[1 2]"sv,
        "tru"sv,    "\xEF\xBB\xBF"sv}) {
    EXPECT_TRUE(refusal(bad).starts_with("line ")) << bad;
  }
  EXPECT_EQ(refusal(""), "line 1, column 1: the document is empty");
}

TEST(Json, RefusesBytesThatAreNotUtf8) {
  EXPECT_EQ(refusal("[\"a\xFF\"]"), "line 1, column 4: a byte that is not UTF-8");
  EXPECT_EQ(refusal("{\"\xC0\xAF\":1}"), "line 1, column 3: a byte that is not UTF-8");
  EXPECT_EQ(refusal("\"\xED\xA0\x80\""), "line 1, column 2: a byte that is not UTF-8");
  EXPECT_EQ(refusal("\"\xF4\x90\x80\x80\""), "line 1, column 2: a byte that is not UTF-8");
  EXPECT_EQ(refusal("\"abc\xE2\x82\""), "line 1, column 5: a byte that is not UTF-8");
}

TEST(Json, RefusesHalfASurrogatePair) {
  EXPECT_EQ(refusal(R"(["\\u", "a\udc00"])"),
            "line 1, column 11: half of a surrogate pair in a string");
  EXPECT_EQ(refusal(R"("\ud83d\ude00\uDC00")"),
            "line 1, column 14: half of a surrogate pair in a string");
  EXPECT_TRUE(refusal(R"("\ud800")").starts_with("line 1, column 2: "));
  EXPECT_TRUE(refusal(R"("\ud800\ud800")").starts_with("line 1, column 2: "));
}

TEST(Json, RefusesAKeyTwiceInOneObject) {
  EXPECT_EQ(refusal("{\"a\": 1,\n  \"b\": {\"a\": 2},\n  \"a\": 3}"),
            "line 3, column 3: the key \"a\" stands twice in one object");
  EXPECT_EQ(refusal(R"({"a":1,"\u0061":2})"),
            "line 1, column 8: the key \"a\" stands twice in one object");
  std::string large = "{";
  for (int i = 0; i < 100; ++i) large += "\"k" + std::to_string(i) + "\":0,";
  EXPECT_EQ(parse(large + "\"k\":1}").members().size(), 101U);
  EXPECT_TRUE(refusal(large + "\"k7\":1}").ends_with("the key \"k7\" stands twice in one object"));
}

TEST(Json, NamesConflictMarkers) {
  EXPECT_EQ(refusal("<<<<<<< HEAD", {.first_line = 7}),
            "line 7, column 1: a merge conflict marker (<<<<<<<); resolve the conflict in the "
            "source first");
  EXPECT_TRUE(refusal("{\"a\": 1,\n=======\n\"b\": 2}")
                  .starts_with("line 2, column 1: a merge conflict marker"));
  EXPECT_TRUE(refusal("{}\n>>>>>>> x").starts_with("line 2, column 1: a merge conflict marker"));
}

TEST(Json, LimitsTheDepth) {
  EXPECT_EQ(to_text(parse(nested(kMaxJsonDepth, "1"))), nested(kMaxJsonDepth, "1"));
  EXPECT_EQ(refusal(nested(kMaxJsonDepth + 1)),
            "line 1, column 513: more than 512 levels of nesting");
  EXPECT_TRUE(refusal("[[]]", {.max_depth = 1}).ends_with("more than 1 levels of nesting"));
  EXPECT_TRUE(refusal(std::string(1'000'000, '[')).ends_with("levels of nesting"));
}

TEST(Json, DeepValuesCopyCompareAndDie) {
  std::string text;
  for (std::size_t i = 0; i < kMaxJsonDepth / 2; ++i) text += "{\"a\":[";
  for (std::size_t i = 0; i < kMaxJsonDepth / 2; ++i) text += "]}";
  const Value value = parse(text);
  Value copy = value;
  EXPECT_EQ(copy, value);
  const Value moved = std::move(copy);
  EXPECT_TRUE(to_text(moved) == text);
}

TEST(Json, HugeObjectsTakeNoQuadraticTime) {
  std::string forward = "{\"x\":0";
  std::string backward = "{";
  for (int i = 0; i < 50'000; ++i) {
    forward += ",\"k" + std::to_string(i) + "\":1";
    backward += "\"k" + std::to_string(49'999 - i) + "\":1,";
  }
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(parse(forward + "}"), parse(backward + "\"x\":0}"));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
}

TEST(Json, WritesValidUtf8WhateverTheBytes) {
  EXPECT_EQ(to_text(Value::string("a\xFF\xE2\x82z")), "\"a\uFFFD\uFFFD\uFFFDz\"");
  Value object = Value::object();
  object.add("\xC0", Value());
  EXPECT_EQ(to_text(object), "{\"\uFFFD\":null}");
}

TEST(Json, SortedTextIsOneForEqualValues) {
  EXPECT_EQ(to_sorted_text(parse(R"({"b":{"d":1,"c":2},"a":[]})")),
            R"({"a":[],"b":{"c":2,"d":1}})");
}

TEST(Json, RealsAreShortestAndFinite) {
  EXPECT_EQ(Value::real(0.1).lexeme(), "0.1");
  EXPECT_EQ(Value::real(50).lexeme(), "50");
  EXPECT_EQ(Value::real(1e300).lexeme(), "1e+300");
  EXPECT_EQ(Value::real(-1.0 / 0.0).text(), "-Infinity");
}

TEST(Json, FindsMembersInSmallAndLargeObjects) {
  Value object = Value::object();
  for (int i = 0; i < 50; ++i) {
    object.add("m" + std::to_string(i), Value::integer(i));
    const Index index(object.members());
    for (int j = 0; j <= i; ++j)
      EXPECT_EQ(index.find("m" + std::to_string(j)), static_cast<std::size_t>(j));
    EXPECT_FALSE(index.find("m").has_value());
  }
  EXPECT_EQ(object.find("m7")->lexeme(), "7");
  EXPECT_EQ(object.find("none"), nullptr);
  EXPECT_EQ(Value().find("m7"), nullptr);
}

TEST(Json, QuotesAreShortAndPrintable) {
  EXPECT_EQ(quote("a\n\x1b"), "\"a\\n\\u001B\"");
  const std::string shown = quote(std::string(59, 'x') + "éééé");
  EXPECT_EQ(shown, "\"" + std::string(59, 'x') + "...\"");
}

TEST(JsonProperty, ReadsBackWhatWasWritten) {
  test::RandomJson random(test::random_seed());
  for (int i = 0; i < 3000; ++i) {
    const Value value = random.value(5);
    ASSERT_EQ(parse(to_text(value)), value) << "case " << i;
    ASSERT_EQ(parse(to_pretty_text(value)), value) << "case " << i;
  }
}

TEST(JsonProperty, BrokenTextIsRefusedOrRead) {
  test::RandomJson random(test::random_seed());
  for (int i = 0; i < 3000; ++i) {
    std::string text = to_text(random.value(4));
    for (std::size_t times = 1 + random.below(3); times > 0 && !text.empty(); --times) {
      const std::size_t at = random.below(text.size());
      if (random.chance(0.5)) {
        text[at] = static_cast<char>(random.below(256));
      } else {
        text.resize(at);
      }
    }
    try {
      const Value value = parse(text);
      ASSERT_EQ(parse(to_text(value)), value) << "case " << i;
    } catch (const Error& error) {
      ASSERT_EQ(error.code(), ErrorCode::kBadSource) << error.what();
    }
  }
}

}  // namespace
}  // namespace session::convert::json
