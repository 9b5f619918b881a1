// The tables of spec/ say what the code does: numbers, tables, frame kinds, damage.

#include <capnp/schema.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "format/damage.h"
#include "format/frame.h"
#include "session/error.h"
#include "session/layout.h"
#include "session/table.h"
#include "tests/support/spec_text.h"

namespace session::test {
namespace {

using Rows = std::vector<std::vector<std::string>>;

// The first columns of the table, which are the ones a machine can check.
Rows columns(std::string_view file, std::string_view table, std::size_t count) {
  Rows rows = spec_table(read_spec(file), table);
  for (auto& row : rows) row.resize(count);
  return rows;
}

TEST(Specification, HasEveryNumberOfTheFormat) {
  Rows expected;
  for (const FormatNumber& number : format_numbers()) {
    expected.push_back(
        {std::string(number.name), std::to_string(number.value), std::string(number.unit)});
  }
  EXPECT_EQ(columns("format.md", "numbers", 3), expected);
}

TEST(Specification, HasEveryTableWithItsNumberAndKind) {
  Rows expected;
  for (const Table table : kAllTables) {
    const std::string kind = is_content(table)           ? "content"
                             : table >= Table::kChildren ? "derived"
                                                         : "bookkeeping";
    expected.push_back({std::to_string(slot(table)), std::string(table_name(table)),
                        table_schema(table).getShortDisplayName().cStr(), kind});
  }
  EXPECT_EQ(columns("format.md", "tables", 4), expected);
}

TEST(Specification, HasEveryKindOfFrame) {
  Rows expected;
  for (int kind = 1; kind <= 6; ++kind) {
    expected.push_back({std::to_string(kind), std::string(format::frame_kind_name(
                                                  static_cast<format::FrameKind>(kind)))});
  }
  EXPECT_EQ(format::frame_kind_name(static_cast<format::FrameKind>(7)), "unknown");
  EXPECT_EQ(columns("format.md", "frame kinds", 2), expected);
}

TEST(Specification, HasEveryKindOfDamage) {
  std::set<std::string> expected;
  for (int kind = 0; kind <= static_cast<int>(format::DamageKind::kLink); ++kind) {
    expected.emplace(format::damage_name(static_cast<format::DamageKind>(kind)));
  }
  std::set<std::string> found;
  for (const auto& row : spec_table(read_spec("recovery.md"), "damage")) found.insert(row.at(0));
  EXPECT_EQ(found, expected);
}

TEST(Specification, HasEveryErrorCode) {
  std::set<std::string> expected;
  for (int code = 0; code <= static_cast<int>(ErrorCode::kInternal); ++code) {
    expected.emplace(error_code_name(static_cast<ErrorCode>(code)));
  }
  std::set<std::string> found;
  for (const auto& row : spec_table(read_spec("recovery.md"), "errors")) found.insert(row.at(0));
  EXPECT_EQ(found, expected);
}

}  // namespace
}  // namespace session::test
