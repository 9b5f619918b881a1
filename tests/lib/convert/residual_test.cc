#include "lib/convert/residual.h"

#include <gtest/gtest.h>

#include "session/error.h"
#include "tests/support/random_json.h"
#include "tests/support/seed.h"

namespace session::convert {
namespace {

using json::parse;
using json::to_text;
using json::Value;

std::string patch_text(std::string_view from, std::string_view to) {
  const auto patch = difference(parse(from), parse(to));
  return patch ? to_text(*patch) : "none";
}

// The export of an edited record, merged with what was kept before the edit.
std::string after_edit(std::string_view from, std::string_view original, std::string_view edited) {
  return to_text(merge(parse(edited), *difference(parse(from), parse(original))));
}

TEST(Residual, EqualValuesHaveNoDifference) {
  EXPECT_EQ(patch_text(R"({"a":1,"b":[{}]})", R"({"b":[{}],"a":1})"), "none");
}

TEST(Residual, SaysWhatToDoWithEachMember) {
  EXPECT_EQ(patch_text("{}", R"({"a":null})"), R"({"=a":null})");
  EXPECT_EQ(patch_text(R"({"a":1})", "{}"), R"({"-a":2212294583})");
  EXPECT_EQ(patch_text(R"({"a":1})", R"({"a":"x"})"), R"({"~a":[2212294583,"x"]})");
  EXPECT_EQ(patch_text(R"({"a":{"b":{}}})", R"({"a":{"b":{"c":0}}})"), R"({"/a":{"/b":{"=c":0}}})");
}

TEST(Residual, PatchesElementsWhenThatIsShorter) {
  const std::string from =
      R"([{"id":"first element","kind":"x"},{"id":"second element","kind":"y"}])";
  const std::string to =
      R"([{"id":"first element","kind":"x"},{"id":"second element","kind":"y","n":1}])";
  const Value patch = *difference(parse(from), parse(to));
  ASSERT_NE(patch.find("/1"), nullptr);
  EXPECT_EQ(patch.members().size(), 1U);
  EXPECT_EQ(merge(parse(from), patch), parse(to));
  EXPECT_EQ(patch_text("[1,2]", "[2,1]"), R"({"!":[2,1]})");
  EXPECT_EQ(patch_text(R"({"a":[1]})", R"({"a":[1,2]})").substr(0, 6), R"({"~a":)");
}

TEST(Residual, NamesMayLookLikeSteps) {
  for (const std::string_view name : {"", "=", "~a", "-", "/x", "?", "!"}) {
    Value from = Value::object();
    from.add(name, Value::integer(1));
    Value to = Value::object();
    to.add(name, Value::string("x"));
    for (const Value& empty : {Value::object(), Value::array(), Value()}) {
      EXPECT_EQ(merge(empty, *difference(empty, to)), to) << name;
      EXPECT_EQ(merge(to, *difference(to, empty)), empty) << name;
    }
    EXPECT_EQ(merge(from, *difference(from, to)), to) << name;
  }
}

TEST(Residual, AnEditWinsOverThePatch) {
  const std::string_view from = R"({"status":"in_progress","title":""})";
  const std::string_view original = R"({"status":"hooked","priority":null})";
  EXPECT_EQ(after_edit(from, original, R"({"status":"closed","title":"set"})"),
            R"({"status":"closed","title":"set","priority":null})");
  EXPECT_EQ(after_edit(from, original, R"({"status":"in_progress","title":"","priority":2})"),
            R"({"status":"hooked","priority":2})");
  EXPECT_EQ(after_edit(R"({"a":{}})", R"({"a":{"b":1}})", R"({"a":5})"), R"({"a":5})");
}

TEST(Residual, FindsTheElementThatMoved) {
  const std::string_view from = R"({"d":[{"t":"long name one"},{"t":"long name two"}]})";
  const std::string_view original = R"({"d":[{"t":"long name one"},{"t":"long name two","m":1}]})";
  EXPECT_EQ(after_edit(from, original,
                       R"({"d":[{"t":"new"},{"t":"long name one"},{"t":"long name two"}]})"),
            R"({"d":[{"t":"new"},{"t":"long name one"},{"t":"long name two","m":1}]})");
  EXPECT_EQ(after_edit(from, original, R"({"d":[{"t":"long name two"}]})"),
            R"({"d":[{"t":"long name two","m":1}]})");
  EXPECT_EQ(after_edit(from, original, R"({"d":[{"t":"long name one"}]})"),
            R"({"d":[{"t":"long name one"}]})");
}

TEST(Residual, RefusesWhatIsNoPatch) {
  for (const std::string_view bad :
       {"[]", "1", R"({"a":1})", R"({"":1})", R"({"~a":1})", R"({"~a":[1]})", R"({"~a":["1",2]})",
        R"({"~a":[-1,2]})", R"({"~a":[4294967296,2]})", R"({"-a":null})", R"({"/a":1})",
        R"({"/a":{"x":1}})", R"({"?":{}})", R"({"!":1,"=a":2})", R"({"/a":{"!":1}})"}) {
    EXPECT_TRUE(patch_fault(parse(bad)).has_value()) << bad;
    EXPECT_THROW((void)merge(parse(R"({"a":{}})"), parse(bad)), Error) << bad;
    EXPECT_THROW((void)parse_patch(bad), Error) << bad;
  }
  EXPECT_THROW((void)parse_patch("{\"=a\":"), Error);
}

TEST(Residual, StepsThatDoNotFitTheirTargetDoNothing) {
  const Value patch =
      parse(R"({"=0":1,"-0":1,"~x":[1,2],"/0":{"=a":1},"/1":{"?":5},"~9":[0,0],"?":3})");
  for (const std::string_view target : {"[1,[],{}]", "5", "null", R"("x")", "[]"}) {
    EXPECT_EQ(to_text(merge(parse(target), patch)), target);
  }
}

TEST(Residual, HugeObjectsTakeNoQuadraticTime) {
  Value from = Value::object();
  Value to = Value::object();
  for (int i = 0; i < 50'000; ++i) {
    from.add("f" + std::to_string(i), Value::integer(i));
    to.add("t" + std::to_string(i), Value::integer(i));
  }
  EXPECT_TRUE(merge(from, *difference(from, to)) == to);
}

TEST(ResidualProperty, MergingTheDifferenceGivesTheOther) {
  test::RandomJson random(test::random_seed());
  for (int i = 0; i < 5000; ++i) {
    const Value from = random.value(5);
    const Value to = random.chance(0.7) ? random.mutated(from) : random.value(5);
    const auto patch = difference(from, to);
    ASSERT_EQ(patch.has_value(), !(from == to)) << "case " << i;
    if (!patch) continue;
    const Value kept = parse_patch(to_text(*patch));
    ASSERT_EQ(merge(from, kept), to) << "case " << i << "\n"
                                     << to_text(from) << "\n"
                                     << to_text(to) << "\n"
                                     << to_text(*patch);
  }
}

TEST(ResidualProperty, APatchOfSomethingElseNeverFails) {
  test::RandomJson random(test::random_seed());
  for (int i = 0; i < 3000; ++i) {
    const Value from = random.value(4);
    const auto patch = difference(from, random.mutated(from));
    if (patch) {
      ASSERT_NO_THROW((void)merge(random.mutated(from), *patch)) << "case " << i;
    }
    const Value any = random.value(4);
    if (!patch_fault(any)) {
      ASSERT_NO_THROW((void)merge(from, any)) << "case " << i;
    }
  }
}

}  // namespace
}  // namespace session::convert
