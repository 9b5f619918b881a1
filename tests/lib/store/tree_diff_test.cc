#include "lib/store/tree_diff.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "format/frame.h"
#include "tests/support/disk_session.h"
#include "tests/support/random_record.h"
#include "tests/support/seed.h"
#include "tests/support/session_state.h"

namespace session::store {
namespace {

using test::open_on;
using test::read_on;
using test::SimulatedDisk;

using Sides = std::pair<std::optional<std::string>, std::optional<std::string>>;
using Differences = std::map<std::string, Sides>;

Differences found_by_walking_all(const Snapshot& before, const Snapshot& after, Table table) {
  Differences found;
  for (Cursor cursor = before.cursor(table); cursor.valid(); cursor.next()) {
    found[std::string(cursor.key())].first = test::record_bytes(cursor.record());
  }
  for (Cursor cursor = after.cursor(table); cursor.valid(); cursor.next()) {
    found[std::string(cursor.key())].second = test::record_bytes(cursor.record());
  }
  std::erase_if(found, [](const auto& entry) { return entry.second.first == entry.second.second; });
  return found;
}

Differences found_by_diff(const Snapshot& before, const Snapshot& after, Table table) {
  Differences found;
  std::string last;
  diff_views(before.view(), after.view(), table, [&](const Difference& difference) {
    const auto bytes_of = [](const auto& record) -> std::optional<std::string> {
      if (!record) return std::nullopt;
      return test::record_bytes(*record);
    };
    EXPECT_TRUE(found.empty() || last < difference.key) << "out of order";
    last = difference.key;
    found[last] = {bytes_of(difference.before), bytes_of(difference.after)};
  });
  return found;
}

TEST(TreeDiffProperty, FindsWhatWalkingBothSidesFinds) {
  test::RandomRecord random(test::random_seed());
  SimulatedDisk disk;
  {
    Writer writer = test::create_on(disk);
    for (int commit = 0; commit < 60; ++commit) {
      Transaction change = writer.begin();
      const bool is_large = random.one_in(10);
      for (std::size_t i = is_large ? 150 : random.below(6); i > 0; --i) {
        const std::string key = "k" + std::to_string(random.below(400));
        if (random.one_in(3)) {
          (void)change.erase(Table::kValues, key);
        } else {
          change.upsert_any(Table::kValues, key, random.value(random.below(120)).view());
        }
      }
      CommitOptions options = test::relaxed();
      options.as_snapshot = random.one_in(4);
      (void)change.commit(options);
    }
  }
  const Reader reader = read_on(disk);
  const std::uint64_t head = reader.head().revision();
  for (int i = 0; i < 120; ++i) {
    const Snapshot before = reader.at(1 + random.below(head));
    const Snapshot after = reader.at(1 + random.below(head));
    ASSERT_EQ(found_by_diff(before, after, Table::kValues),
              found_by_walking_all(before, after, Table::kValues))
        << before.revision() << " against " << after.revision();
  }
}

TEST(TreeDiff, OpensOnlyWhatDiffers) {
  test::RandomRecord random(1);
  SimulatedDisk disk;
  {
    Writer writer = test::create_on(disk);
    Transaction many = writer.begin();
    for (int i = 0; i < 2000; ++i) {
      many.upsert_any(Table::kValues, std::to_string(10000 + i), random.value(60).view());
    }
    (void)many.commit(test::folded());
    Transaction one = writer.begin();
    one.upsert_any(Table::kValues, "11000", random.value(61).view());
    (void)one.commit(test::folded());
  }
  // Every leaf of revision 2 is destroyed but the one that revision 3 replaced.
  std::uint64_t needed = 0;
  {
    const Snapshot two = read_on(disk).at(2);
    TreeCursor cursor(*two.view().pages(), two.view().roots()[slot(Table::kValues)]);
    cursor.seek("11000");
    const auto* at = reinterpret_cast<const std::byte*>(cursor.key().data());
    needed = static_cast<std::uint64_t>(
        at -
        (two.view()
             .pages()
             ->fetch(two.view().roots()[slot(Table::kValues)].offset, format::FrameKind::kIndex)
             .payload()
             .data() -
         two.view().roots()[slot(Table::kValues)].offset - format::kFrameHeaderBytes));
  }
  auto bytes = disk.contents(test::kDiskPath);
  const auto header = value_or_throw(format::decode_file_header(bytes));
  int destroyed = 0;
  const std::uint64_t end = read_on(disk).at(2).info().offset;
  for (std::uint64_t at = format::kFileHeaderBytes; at < end;) {
    const auto frame = value_or_throw(format::load_frame(bytes, at, header.tag()));
    const std::uint64_t next = frame.header.end();
    const bool is_needed = at <= needed && needed < next;
    if (frame.header.kind == format::FrameKind::kLeaf && !is_needed &&
        frame.header.table == static_cast<std::uint16_t>(Table::kValues)) {
      bytes[at + format::kFrameHeaderBytes] ^= std::byte{1};
      ++destroyed;
    }
    at = next;
  }
  ASSERT_GT(destroyed, 100);
  SimulatedDisk damaged;
  damaged.put(test::kDiskPath, bytes);
  const Reader reader = read_on(damaged);
  const Differences found = found_by_diff(reader.at(2), reader.at(3), Table::kValues);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found.begin()->first, "11000");
}

TEST(TreeDiff, FromAndToNothingIsEverything) {
  test::RandomRecord random(2);
  SimulatedDisk disk;
  {
    Writer writer = test::create_on(disk);
    Transaction many = writer.begin();
    for (int i = 0; i < 300; ++i) {
      many.upsert_any(Table::kValues, std::to_string(1000 + i), random.value(60).view());
    }
    (void)many.commit(test::folded());
  }
  const Reader reader = read_on(disk);
  for (const auto& [before, after] : {std::pair{1U, 2U}, std::pair{2U, 1U}}) {
    const Differences found = found_by_diff(reader.at(before), reader.at(after), Table::kValues);
    EXPECT_EQ(found.size(), 300U);
    for (const auto& [key, sides] : found) {
      EXPECT_EQ(sides.first.has_value(), before == 2) << key;
      EXPECT_EQ(sides.second.has_value(), after == 2) << key;
    }
  }
}

}  // namespace
}  // namespace session::store
