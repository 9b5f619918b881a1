// Tables: each has one name, one number and one schema.

#include "session/table.h"

#include <capnp/schema.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

namespace session {
namespace {

TEST(Table, NamesAndNumbersComeBack) {
  std::set<std::string_view> names;
  for (const Table table : kAllTables) {
    names.insert(table_name(table));
    EXPECT_EQ(table_from_name(table_name(table)), table);
    EXPECT_EQ(table_from_number(static_cast<std::uint16_t>(table)), table);
    EXPECT_LT(slot(table), kTableSlots);
  }
  EXPECT_EQ(names.size(), kAllTables.size());
}

TEST(Table, WhatIsNoTableGivesNothing) {
  EXPECT_EQ(table_from_name("no such table"), std::nullopt);
  EXPECT_EQ(table_from_name(""), std::nullopt);
  EXPECT_EQ(table_from_number(0), std::nullopt);
  EXPECT_EQ(table_from_number(kTableSlots), std::nullopt);
  EXPECT_EQ(table_from_number(65535), std::nullopt);
}

TEST(Table, ContentTablesAreThoseAFingerprintCovers) {
  std::set<Table> content(kContentTables.begin(), kContentTables.end());
  for (const Table table : kAllTables) EXPECT_EQ(is_content(table), content.contains(table));
}

TEST(Table, EachHasItsOwnRecordWithBlobsAsFirstPointer) {
  std::set<std::string> schemas;
  for (const Table table : kAllTables) {
    const capnp::StructSchema schema = table_schema(table);
    schemas.insert(schema.getProto().getDisplayName().cStr());
    const auto blobs = schema.getFieldByName("blobs");
    EXPECT_EQ(blobs.getIndex(), 0U);
    EXPECT_EQ(blobs.getProto().getSlot().getOffset(), 0U);
  }
  EXPECT_EQ(schemas.size(), kAllTables.size());
}

}  // namespace
}  // namespace session
