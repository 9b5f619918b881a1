// What a difference says, case by case. diff_property_test.cc has what holds for all of them.

#include "session/diff.h"

#include <capnp/schema.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "format/file_header.h"
#include "format/frame.h"
#include "format/record.h"
#include "session/convert.h"
#include "tests/support/disk_session.h"
#include "tests/support/records.h"

namespace session {
namespace {

using test::read_on;
using test::SimulatedDisk;
using Kind = FieldValue::Kind;

// "path: left -> right", with "-" for a side that is absent and quotes around texts.
std::string words(const FieldValue& value) {
  switch (value.kind) {
    case Kind::kAbsent:
      return "-";
    case Kind::kText:
      return "'" + value.text + "'";
    case Kind::kJson:
      return value.text;
    case Kind::kLarge:
      break;
  }
  return std::to_string(value.size_bytes) + " bytes";
}

std::vector<std::string> words(const std::vector<FieldChange>& fields) {
  std::vector<std::string> all;
  for (const FieldChange& field : fields) {
    all.push_back(field.path + ": " + words(field.left) + " -> " + words(field.right));
  }
  return all;
}

using Words = std::vector<std::string>;

// Two revisions of one record, written as JSON of our own.
class DiffFields : public testing::Test {
 protected:
  Diff of(Table table, const std::string& left, const std::string& right,
          const DiffOptions& options = {}) {
    SimulatedDisk disk;
    {
      Writer writer = test::create_on(disk);
      for (const std::string& record : {left, right}) {
        Transaction change = writer.begin();
        std::istringstream operations("{\"table\": \"" + std::string(table_name(table)) +
                                      "\", \"key\": \"k\", \"record\": " + record + "}");
        (void)apply_operations(change, operations, "here");
        (void)change.commit(test::relaxed());
      }
    }
    const Reader reader = read_on(disk);
    return diff(reader.at(2), reader.at(3), options);
  }
  Words fields(Table table, const std::string& left, const std::string& right) {
    const Diff difference = of(table, left, right);
    EXPECT_EQ(difference.changes.size(), 1U);
    return difference.changes.size() == 1 ? words(difference.changes[0].fields) : Words{};
  }
  ChangeNature nature(Table table, const std::string& left, const std::string& right) {
    return nature_of(of(table, left, right).changes.at(0));
  }
};

TEST_F(DiffFields, AreNamedAsInOurJson) {
  EXPECT_EQ(fields(Table::kTasks, R"({"title": "a", "status": "pending"})",
                   R"({"title": "a", "status": "in_progress", "assignee": "anna"})"),
            (Words{"status: 'pending' -> 'in_progress'", "assignee: - -> 'anna'"}));
  EXPECT_EQ(
      fields(
          Table::kTasks, R"({"status": "failed", "status_detail": {"retry_count": 1}})",
          R"({"status": "failed", "status_detail": {"retry_count": 2, "error": {"message": "no"}}})"),
      (Words{"status_detail.retry_count: 1 -> 2", "status_detail.error.message: - -> 'no'"}));
}

TEST_F(DiffFields, AbsentNullAndEmptyAreThreeThings) {
  EXPECT_EQ(fields(Table::kTasks, R"({"title": ""})", "{}"), (Words{"title: '' -> -"}));
  EXPECT_EQ(fields(Table::kTasks, R"({"title": null})", "{}"), (Words{"title: null -> -"}));
  EXPECT_EQ(fields(Table::kTasks, R"({"tags": []})", "{}"), (Words{"tags: [] -> -"}));
}

TEST_F(DiffFields, ATaskMovesByItsParentAndItsRank) {
  EXPECT_EQ(fields(Table::kTasks, R"({"parent": "a", "rank": 1})", R"({"parent": "b", "rank": 2})"),
            (Words{"parent: 'a' -> 'b'", "rank: 1 -> 2"}));
  EXPECT_EQ(nature(Table::kTasks, R"({"parent": "a"})", R"({"parent": "b"})"),
            ChangeNature::kMoved);
  EXPECT_EQ(nature(Table::kTasks, R"({"rank": 1})", R"({"rank": 2})"), ChangeNature::kMoved);
  EXPECT_EQ(nature(Table::kTasks, R"({"rank": 1, "title": "a"})", R"({"rank": 2, "title": "b"})"),
            ChangeNature::kEdited);
}

TEST_F(DiffFields, AFileHasNewContentOrOnlyANewTime) {
  const std::string before = R"({"size_bytes": 1, "modified_at": "2026-01-01T00:00:00Z"})";
  EXPECT_EQ(
      nature(Table::kFiles, before, R"({"size_bytes": 2, "modified_at": "2026-01-01T00:00:00Z"})"),
      ChangeNature::kContent);
  EXPECT_EQ(
      nature(Table::kFiles, before, R"({"size_bytes": 1, "modified_at": "2026-01-02T00:00:00Z"})"),
      ChangeNature::kTouched);
  EXPECT_EQ(
      nature(Table::kFiles, before,
             R"({"size_bytes": 1, "modified_at": "2026-01-01T00:00:00Z", "is_tracked": true})"),
      ChangeNature::kEdited);
}

TEST_F(DiffFields, ListsChangeByTheirElements) {
  EXPECT_EQ(fields(Table::kTasks, R"({"tags": ["a", "b", "c"]})", R"({"tags": ["b", "x", "c"]})"),
            (Words{"tags[0]: 'a' -> -", "tags[1]: - -> 'x'"}));
  const auto on = [](const std::string& target, const std::string& type) {
    return R"({"target": ")" + target + R"(", "type": ")" + type + R"("})";
  };
  const std::string left =
      "[" + on("a", "preferred") + "," + on("b", "preferred") + "," + on("c", "preferred") + "]";
  const std::string right =
      "[" + on("a", "preferred") + "," + on("x", "preferred") + "," + on("c", "exclusive") + "]";
  EXPECT_EQ(fields(Table::kTasks, R"({"dependencies": )" + left + "}",
                   R"({"dependencies": )" + right + "}"),
            (Words{R"(dependencies[1]: {"target":"b","type":"preferred"} -> -)",
                   "dependencies[2].type: 'preferred' -> 'exclusive'",
                   R"(dependencies[1]: - -> {"target":"x","type":"preferred"})"}));
}

TEST_F(DiffFields, AnElementThatOnlyMovedIsTakenOutAndPutIn) {
  EXPECT_EQ(fields(Table::kTasks, R"({"comments": [{"id": "1"}, {"id": "2"}]})",
                   R"({"comments": [{"id": "2"}, {"id": "1"}]})")
                .size(),
            2U);
}

TEST_F(DiffFields, AListTooLongToCompareIsTakenOutAndPutInWhole) {
  constexpr int kElements = 10'500;
  const auto list = [](int first) {
    std::string text = R"({"list": [)";
    for (int i = 0; i < kElements; ++i) {
      text += (i == 0 ? "" : ",") + (R"({"id": )" + std::to_string((i + first) % kElements)) + "}";
    }
    return text + "]}";
  };
  EXPECT_EQ(fields(Table::kTasks, list(0), list(1)).size(), 2U * kElements);
}

TEST_F(DiffFields, NamesThatAreNoWordsAreQuoted) {
  EXPECT_EQ(fields(Table::kSession, R"({"metadata": {"properties": {"a.b": 1, "c": [1]}}})",
                   R"({"metadata": {"properties": {"a.b": 2, "c": [2]}}})"),
            (Words{R"(metadata.properties["a.b"]: 1 -> 2)", "metadata.properties.c[0]: 1 -> -",
                   "metadata.properties.c[0]: - -> 2"}));
}

TEST_F(DiffFields, WhatASourceSaidBesidesGoesByItsNames) {
  EXPECT_EQ(fields(Table::kTasks, R"({"origin": "beads", "extra": {"=external_ref": "gh-1"}})",
                   R"({"origin": "beads", "extra": {"=external_ref": "gh-2", "=pinned": true}})"),
            (Words{"extra.external_ref: 'gh-1' -> 'gh-2'", "extra.pinned: - -> true"}));
}

TEST_F(DiffFields, ARecordThatCameOrWentTellsAllItHas) {
  SimulatedDisk disk;
  {
    Writer writer = test::create_on(disk);
    Transaction change = writer.begin();
    test::put_task(change, "a", {.title = "one", .rank = 3});
    (void)change.commit();
  }
  const Reader reader = read_on(disk);
  const Diff there = diff(reader.at(1), reader.at(2));
  ASSERT_EQ(there.changes.size(), 1U);
  EXPECT_EQ(there.changes[0].kind, ChangeKind::kAdded);
  EXPECT_EQ(words(there.changes[0].fields),
            (Words{"title: - -> 'one'", "rank: - -> 3", "status: - -> 'pending'"}));
  EXPECT_EQ(there.summary[slot(Table::kTasks)], (TableChanges{1, 0, 0}));
  const Diff back = diff(reader.at(2), reader.at(1));
  EXPECT_EQ(back.changes[0].kind, ChangeKind::kRemoved);
  EXPECT_EQ(words(back.changes[0].fields),
            (Words{"title: 'one' -> -", "rank: 3 -> -", "status: 'pending' -> -"}));
}

// ---- texts that are kept apart ------------------------------------------------------------------

std::string task_with(const std::string& description, const std::string& details) {
  return R"({"description": ")" + description + R"(", "details": ")" + details + R"("})";
}

TEST_F(DiffFields, LargeTextsAreReadWithinTheBoundOnly) {
  const std::string a(5000, 'a');
  const std::string b(6000, 'b');
  const std::string same(7000, 's');
  EXPECT_EQ(fields(Table::kTasks, task_with(a, same), task_with(b, same)),
            (Words{"description: '" + a + "' -> '" + b + "'"}));
  DiffOptions options;
  options.max_text_bytes = 5500;
  const Diff bounded = of(Table::kTasks, task_with(a, same), task_with(b, same), options);
  EXPECT_EQ(words(bounded.changes.at(0).fields), (Words{"description: '" + a + "' -> 6000 bytes"}));
  options.max_text_bytes = 0;
  const Diff small = of(Table::kTasks, task_with("short", a), task_with(b, "short"), options);
  EXPECT_EQ(words(small.changes.at(0).fields),
            (Words{"description: 'short' -> 6000 bytes", "details: 5000 bytes -> 'short'"}));
}

TEST(Diff, ATextKeptApartThatBothHaveIsNotRead) {
  SimulatedDisk disk;
  {
    Writer writer = test::create_on(disk);
    for (const char* title : {"one", "two"}) {
      Transaction change = writer.begin();
      test::put_task(change, "k", {.title = title, .description = std::string(5000, 'd')});
      (void)change.commit();
    }
  }
  auto bytes = disk.contents(test::kDiskPath);
  const auto header = value_or_throw(format::decode_file_header(bytes));
  const std::uint64_t end = read_on(disk).head().info().offset;
  for (std::uint64_t at = format::kFileHeaderBytes; at < end;) {
    const auto frame = value_or_throw(format::load_frame(bytes, at, header.tag()));
    const bool is_blob = frame.header.kind == format::FrameKind::kBlob;
    at = frame.header.end();
    if (is_blob) bytes[frame.header.own_offset + format::kFrameHeaderBytes] ^= std::byte{1};
  }
  disk.put(test::kDiskPath, bytes);
  const Reader reader = read_on(disk);
  const Snapshot head = reader.head();
  EXPECT_EQ(test::error_of(
                [&] { (void)head.whole(Table::kTasks, head.find(Table::kTasks, "k").value()); }),
            ErrorCode::kDamaged);
  EXPECT_EQ(words(diff(reader.at(2), head).changes.at(0).fields), (Words{"title: 'one' -> 'two'"}));
}

TEST_F(DiffFields, LargeTextsThatChangedPlacesAreADifference) {
  const std::string a(5000, 'a');
  const std::string b(5000, 'b');
  EXPECT_EQ(
      fields(Table::kTasks, task_with(a, b), task_with(b, a)),
      (Words{"description: '" + a + "' -> '" + b + "'", "details: '" + b + "' -> '" + a + "'"}));
}

// ---- what this version does not know ------------------------------------------------------------

// A file's record as a later version might write it, with a word behind those we know.
format::Record later_file(std::uint64_t size_bytes, kj::byte later) {
  const auto known = table_schema(Table::kFiles).getProto().getStruct();
  capnp::MallocMessageBuilder message;
  auto wider = message.getRoot<capnp::AnyPointer>().initAsAnyStruct(
      static_cast<std::uint16_t>(known.getDataWordCount() + 1), known.getPointerCount());
  wider.as<schema::File>().setSizeBytes(size_bytes);
  wider.getDataSection().back() = later;
  return format::Record(wider.asReader());
}

TEST(Diff, AFieldOfALaterVersionIsADifferenceWithoutAName) {
  SimulatedDisk disk;
  {
    Writer writer = test::create_on(disk);
    for (const auto& record : {later_file(1, 1), later_file(1, 2), later_file(2, 3)}) {
      Transaction change = writer.begin();
      change.upsert_any(Table::kFiles, "f", record.view());
      (void)change.commit();
    }
  }
  const Reader reader = read_on(disk);
  const auto alone = diff(reader.at(2), reader.at(3)).changes.at(0).fields;
  ASSERT_EQ(alone.size(), 1U);
  EXPECT_EQ(alone[0].path, "*");
  EXPECT_NE(alone[0].left, alone[0].right);
  const auto beside = diff(reader.at(3), reader.at(4)).changes.at(0).fields;
  ASSERT_EQ(beside.size(), 2U);
  EXPECT_EQ(beside[0].path, "size_bytes");
  EXPECT_EQ(beside[1].path, "*");
}

// ---- what is read -------------------------------------------------------------------------------

void damage_leaves(SimulatedDisk& disk) {
  auto bytes = disk.contents(test::kDiskPath);
  const auto header = value_or_throw(format::decode_file_header(bytes));
  const std::uint64_t end = read_on(disk).head().info().offset;
  int damaged = 0;
  for (std::uint64_t at = format::kFileHeaderBytes; at < end;) {
    const auto frame = value_or_throw(format::load_frame(bytes, at, header.tag()));
    if (frame.header.kind == format::FrameKind::kLeaf ||
        frame.header.kind == format::FrameKind::kIndex) {
      bytes[at + format::kFrameHeaderBytes] ^= std::byte{1};
      ++damaged;
    }
    at = frame.header.end();
  }
  ASSERT_GT(damaged, 20);
  disk.put(test::kDiskPath, bytes);
}

// The same content by another way: in other commits, in another order, with detours.
void write_tasks(SimulatedDisk& disk, bool backwards) {
  constexpr int kTasks = 300;
  Writer writer = test::create_on(disk);
  for (int i = 0; i < kTasks; ++i) {
    const int n = backwards ? kTasks - 1 - i : i;
    Transaction change = writer.begin();
    const std::string key = test::numbered("t-", static_cast<std::uint64_t>(n));
    test::put_task(change, key, {.title = "task " + std::to_string(n), .rank = n % 7});
    if (backwards) test::put_message(change, "detour", std::to_string(i));
    (void)change.commit(test::relaxed());
  }
  Transaction last = writer.begin();
  (void)last.erase(Table::kMessages, "detour");
  (void)last.commit(test::folded());
  if (!backwards) (void)writer.checkpoint({});
  // The newest commit vouches for what was written since the one before: for nothing but itself.
  Transaction bookkeeping = writer.begin();
  capnp::MallocMessageBuilder message;
  message.initRoot<schema::Upkeep>().initStatistics().setSaves(7);
  bookkeeping.upsert("statistics", message.getRoot<schema::Upkeep>().asReader());
  (void)bookkeeping.commit();
}

TEST(Diff, FindsEqualContentWithoutReadingALeaf) {
  SimulatedDisk one;
  SimulatedDisk other;
  write_tasks(one, false);
  write_tasks(other, true);
  const Snapshot left = read_on(one).head();
  EXPECT_EQ(left.fingerprint(), read_on(other).head().fingerprint());
  damage_leaves(other);
  const Reader reader = read_on(other);
  EXPECT_EQ(test::error_of([&] {
              for (auto cursor = reader.head().cursor(Table::kTasks); cursor.valid();)
                cursor.next();
            }),
            ErrorCode::kDamaged);
  EXPECT_FALSE(differ(left, reader.head()));
  EXPECT_TRUE(diff(left, reader.head()).changes.empty());
  EXPECT_TRUE(diff(reader.head(), left).changes.empty());
}

TEST(Diff, SaysWhatIsDamagedWhereItHasToRead) {
  SimulatedDisk one;
  SimulatedDisk other;
  write_tasks(one, false);
  write_tasks(other, true);
  damage_leaves(other);
  const Reader reader = read_on(one);
  EXPECT_EQ(test::error_of([&] { (void)diff(reader.at(10), read_on(other).head()); }),
            ErrorCode::kDamaged);
}

TEST(Diff, OnlyContentIsCompared) {
  SimulatedDisk disk;
  {
    Writer writer = test::create_on(disk);
    (void)writer.checkpoint({});
    Transaction change = writer.begin();
    capnp::MallocMessageBuilder message;
    message.initRoot<schema::Upkeep>().initStatistics().setSaves(7);
    change.upsert("statistics", message.getRoot<schema::Upkeep>().asReader());
    (void)change.commit();
  }
  const Reader reader = read_on(disk);
  EXPECT_FALSE(differ(reader.at(1), reader.head()));
  EXPECT_FALSE(differ(reader.at(1), reader.head(), {.tables = {Table::kUpkeep}}));
}

TEST(Diff, ComparesTheTablesAskedForAndStopsWhenTold) {
  SimulatedDisk disk;
  {
    Writer writer = test::create_on(disk);
    Transaction change = writer.begin();
    for (const char* key : {"a", "b", "c"}) test::put_task(change, key, {.title = key});
    test::put_message(change, "0000000001", "hello");
    (void)change.commit();
  }
  const Reader reader = read_on(disk);
  const DiffOptions messages = {.tables = {Table::kMessages}};
  EXPECT_EQ(diff(reader.at(1), reader.at(2), messages).changes.size(), 1U);
  int seen = 0;
  const DiffSummary summary =
      each_change(reader.at(1), reader.at(2), [&](const RecordChange&) { return ++seen < 2; });
  EXPECT_EQ(seen, 2);
  EXPECT_EQ(summary[slot(Table::kTasks)].added, 2U);
}

TEST(Diff, EndsWhenItsCallerWantsNoMore) {
  SimulatedDisk disk;
  write_tasks(disk, false);
  const Reader reader = read_on(disk);
  DiffOptions options;
  options.progress = [](const Progress&) { return false; };
  EXPECT_EQ(test::error_of([&] { (void)diff(reader.at(1), reader.head(), options); }),
            ErrorCode::kInterrupted);
}

TEST(ApplyDiff, RefusesAnotherState) {
  SimulatedDisk disk;
  {
    Writer writer = test::create_on(disk);
    for (const char* title : {"one", "two", "three"}) {
      Transaction change = writer.begin();
      test::put_task(change, "a", {.title = title});
      (void)change.commit();
    }
  }
  const Reader reader = read_on(disk);
  const Diff difference = diff(reader.at(2), reader.at(3));
  Writer writer = test::open_on(disk);
  Transaction change = writer.begin();
  EXPECT_EQ(test::error_of([&] { apply_diff(difference, change); }), ErrorCode::kUsage);
  EXPECT_TRUE(change.empty());
}

// ---- forged records -----------------------------------------------------------------------------

TEST(Diff, ABlobListThatSomebodyForgedIsAnErrorOrADifference) {
  const auto record = [](const std::string& path, std::size_t digest_bytes) {
    capnp::MallocMessageBuilder message;
    auto task = message.initRoot<schema::Task>();
    auto blob = task.initBlobs(1)[0];
    const std::vector<kj::byte> digest(digest_bytes, 0xAB);
    blob.setDigest({digest.data(), digest.size()});
    blob.setPath(path.c_str());
    blob.setSizeBytes(9);
    return format::Record::of(message.getRoot<schema::Task>().asReader());
  };
  for (const auto& [path, size] : {std::pair<std::string, std::size_t>{"title", 32},
                                   {"title", 3},
                                   {"dependencies.7.target", 32},
                                   {"status", 32},
                                   {"", 32},
                                   {"......", 32},
                                   {std::string(5000, '.'), 32},
                                   {"later", 32}}) {
    SimulatedDisk disk;
    {
      Writer writer = test::create_on(disk);
      Transaction change = writer.begin();
      change.upsert_any(Table::kTasks, "k", record(path, 32).view());
      try {
        change.upsert_any(Table::kTasks, "k", record(path, size).view());
      } catch (const Error&) {
        continue;  // not even written
      }
      (void)change.commit();
    }
    const Reader reader = read_on(disk);
    for (const std::uint64_t bound : {std::uint64_t{0}, std::uint64_t{1} << 20}) {
      try {
        DiffOptions options;
        options.max_text_bytes = bound;
        const Diff difference = diff(reader.at(1), reader.at(2), options);
        EXPECT_EQ(difference.changes.size(), 1U) << path;
        EXPECT_FALSE(difference.changes[0].fields.empty()) << path;
      } catch (const Error& error) {
        EXPECT_TRUE(error.code() == ErrorCode::kDamaged || error.code() == ErrorCode::kNotFound)
            << error.what();
      }
    }
  }
}

}  // namespace
}  // namespace session
