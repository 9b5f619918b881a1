// The codes that scripts see are those of the specification, and so is what they mean.

#include <gtest/gtest.h>

#include <string>

#include "format/damage.h"
#include "session/finding.h"
#include "tests/support/spec_text.h"

namespace session::test {
namespace {

std::string_view layer_name(FindingLayer layer) {
  switch (layer) {
    case FindingLayer::kBytes:
      return "bytes";
    case FindingLayer::kStructure:
      return "structure";
    case FindingLayer::kMeaning:
      break;
  }
  return "meaning";
}

TEST(VerifySpec, ListsEveryCodeWithItsLayerAndSeverity) {
  const auto rows = spec_table(read_spec("recovery.md"), "findings");
  const auto& kinds = finding_kinds();
  ASSERT_EQ(rows.size(), kinds.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(rows[i].at(0), kinds[i].name);
    EXPECT_EQ(rows[i].at(1), layer_name(kinds[i].layer)) << rows[i][0];
    EXPECT_EQ(rows[i].at(2), severity_name(kinds[i].severity)) << rows[i][0];
    EXPECT_GT(rows[i].at(3).size(), 10U) << rows[i][0];
  }
}

TEST(VerifySpec, CodesStandInTheOrderOfTheirNumbers) {
  const auto& kinds = finding_kinds();
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    EXPECT_EQ(static_cast<std::size_t>(kinds[i].code), i);
    EXPECT_EQ(finding_from_name(kinds[i].name), kinds[i].code);
    EXPECT_EQ(finding_name(kinds[i].code), kinds[i].name);
  }
  EXPECT_EQ(finding_from_name("no such code"), std::nullopt);
}

TEST(VerifySpec, EveryCheckOfTheFormatIsACode) {
  for (const auto& row : spec_table(read_spec("recovery.md"), "damage")) {
    EXPECT_TRUE(finding_from_name(row.at(0))) << row.at(0);
  }
}

}  // namespace
}  // namespace session::test
