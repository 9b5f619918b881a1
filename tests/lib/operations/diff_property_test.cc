// What holds for the difference of any two revisions.

#include <capnp/message.h>
#include <capnp/schema.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <optional>
#include <regex>
#include <string>
#include <tuple>
#include <vector>

#include "lib/operations/diff_sequence.h"
#include "session/diff.h"
#include "tests/support/compressed_copy.h"
#include "tests/support/disk_session.h"
#include "tests/support/random_record.h"
#include "tests/support/seed.h"

namespace session {
namespace {

using test::read_on;
using test::SimulatedDisk;

constexpr const char* kOther = "/d/other.session";

// A random record without the list of blobs that no writer would take, and with fields of a later
// version in one case of ten.
format::Record some_record(test::RandomRecord& random, Table table) {
  const format::Record made = random.of(table);
  const auto known = table_schema(table).getProto().getStruct();
  const unsigned more = random.one_in(10) ? 2 : 0;
  capnp::MallocMessageBuilder message;
  auto record = message.getRoot<capnp::AnyPointer>().initAsAnyStruct(
      static_cast<std::uint16_t>(known.getDataWordCount() + more),
      static_cast<std::uint16_t>(known.getPointerCount() + more));
  const auto data = made.view().getDataSection();
  std::copy(data.begin(), data.end(), record.getDataSection().begin());
  const auto pointers = made.view().getPointerSection();
  for (unsigned i = 1; i < pointers.size(); ++i) record.getPointerSection()[i].set(pointers[i]);
  if (more > 0) {
    record.getDataSection().back() = static_cast<kj::byte>(random.below(3));
    record.getPointerSection()[known.getPointerCount()].setAs<capnp::Text>(
        random.text(random.below(3)).c_str());
  }
  return format::Record(record.asReader());
}

// Records of every table, some of a later version, some with texts that are kept apart, over a
// small set of keys, so that they are replaced and erased.
void change_something(Transaction& change, test::RandomRecord& random) {
  for (std::size_t n = 1 + random.below(12); n > 0; --n) {
    const Table table = kContentTables.at(random.below(kContentTables.size()));
    const std::string key = "k" + std::to_string(random.below(25));
    if (random.one_in(4)) {
      (void)change.erase(table, key);
    } else if (random.one_in(8)) {
      const std::size_t bytes = 4000 + random.below(9000);
      change.upsert_any(Table::kValues, key, random.value(bytes).view());
    } else {
      change.upsert_any(table, key, some_record(random, table).view());
    }
  }
}

void write_history(SimulatedDisk& disk, const std::string& path, test::RandomRecord& random) {
  Writer writer = test::create_on(disk, path);
  for (int i = 0; i < 40; ++i) {
    Transaction change = writer.begin();
    change_something(change, random);
    CommitOptions options = test::relaxed();
    options.as_snapshot = random.one_in(4);
    (void)change.commit(options);
    if (random.one_in(12)) (void)writer.restore(1 + random.below(writer.head().revision()));
  }
}

Snapshot any_revision(const Reader& reader, test::RandomRecord& random) {
  return reader.at(1 + random.below(reader.head().revision()));
}

// One change without its values' side: with the sides exchanged it is that of the way back.
using Told = std::tuple<Table, std::string, ChangeKind, std::vector<std::string>>;

// Indices count on one side, so they are left out.
std::string told(const FieldChange& field, bool is_back) {
  static const std::regex index("\\[[0-9]+\\]");
  const std::string path = std::regex_replace(field.path, index, "[]");
  const FieldValue& from = is_back ? field.right : field.left;
  const FieldValue& to = is_back ? field.left : field.right;
  const auto side = [](const FieldValue& value) {
    return std::to_string(static_cast<int>(value.kind)) + value.text;
  };
  return path + "\1" + side(from) + "\1" + side(to);
}

std::vector<Told> told(const Diff& difference, bool is_back) {
  std::vector<Told> all;
  for (const RecordChange& change : difference.changes) {
    std::vector<std::string> fields;
    for (const FieldChange& field : change.fields) fields.push_back(told(field, is_back));
    std::sort(fields.begin(), fields.end());
    ChangeKind kind = change.kind;
    if (is_back && kind != ChangeKind::kChanged) {
      kind = kind == ChangeKind::kAdded ? ChangeKind::kRemoved : ChangeKind::kAdded;
    }
    all.emplace_back(change.table, change.key, kind, std::move(fields));
  }
  return all;
}

void expect_sound(const Snapshot& left, const Snapshot& right) {
  const Diff there = diff(left, right);
  ASSERT_EQ(there.changes.empty(), left.fingerprint() == right.fingerprint());
  ASSERT_EQ(differ(left, right), !there.changes.empty());
  DiffSummary counted = {};
  for (const RecordChange& change : there.changes) {
    ASSERT_FALSE(change.fields.empty()) << change.key;
    TableChanges& table = counted[slot(change.table)];
    ++(change.kind == ChangeKind::kAdded     ? table.added
       : change.kind == ChangeKind::kRemoved ? table.removed
                                             : table.changed);
    for (const FieldChange& field : change.fields) {
      ASSERT_NE(field.left, field.right) << change.key << " " << field.path;
    }
  }
  ASSERT_EQ(counted, there.summary);
  ASSERT_EQ(told(there, false), told(diff(right, left), true));
}

TEST(DiffProperty, IsEmptyExactlyForEqualFingerprintsAndHasAnInverse) {
  test::RandomRecord random(test::random_seed());
  SimulatedDisk disk;
  write_history(disk, test::kDiskPath, random);
  write_history(disk, kOther, random);
  const std::array<Reader, 2> readers = {read_on(disk), read_on(disk, kOther)};
  for (int i = 0; i < 60; ++i) {
    const Snapshot left = any_revision(readers.at(random.below(2)), random);
    const Snapshot right = any_revision(readers.at(random.below(2)), random);
    ASSERT_NO_FATAL_FAILURE(expect_sound(left, right));
  }
}

TEST(DiffProperty, AppliedToTheLeftSideGivesTheRightOnesFingerprint) {
  test::RandomRecord random(test::random_seed());
  SimulatedDisk disk;
  write_history(disk, test::kDiskPath, random);
  write_history(disk, kOther, random);
  const Reader other = read_on(disk, kOther);
  for (int i = 0; i < 15; ++i) {
    Writer writer = test::open_on(disk);
    if (random.one_in(2)) (void)writer.restore(1 + random.below(writer.head().revision()));
    const Snapshot left = writer.head();
    const Snapshot right = random.one_in(3) ? writer.at(1 + random.below(left.revision()))
                                            : any_revision(other, random);
    const Diff difference = diff(left, right);
    Transaction change = writer.begin();
    apply_diff(difference, change);
    CommitOptions options = test::relaxed();
    options.as_snapshot = random.one_in(3);
    (void)change.commit(options);
    ASSERT_EQ(to_hex(writer.head().fingerprint()), to_hex(right.fingerprint()));
    ASSERT_FALSE(differ(writer.head(), right));
  }
}

// Records of a compressed page live in memory of their own, which the changes must hold.
TEST(DiffProperty, ChangesOutliveTheWalkAlsoOverCompressedPages) {
  test::RandomRecord random(test::random_seed());
  SimulatedDisk disk;
  for (const char* path : {test::kDiskPath, kOther}) {
    Writer writer = test::create_on(disk, path);
    Transaction change = writer.begin();
    for (int i = 0; i < 300; ++i) {
      const std::string key = "k" + std::to_string(random.below(500));
      change.upsert_any(Table::kValues, key, random.value(random.below(90)).view());
    }
    (void)change.commit(test::folded());
  }
  SimulatedDisk compressed;
  for (const char* path : {test::kDiskPath, kOther}) {
    const Snapshot head = read_on(disk, path).head();
    compressed.put(path, test::compressed_copy(disk.contents(path), head.info().offset));
  }
  const Diff one = diff(read_on(disk).head(), read_on(disk, kOther).head());
  const Diff other = diff(read_on(compressed).head(), read_on(compressed, kOther).head());
  ASSERT_GT(one.changes.size(), 200U);
  ASSERT_EQ(told(one, false), told(other, false));
  for (std::size_t i = 0; i < one.changes.size(); ++i) {
    // Copies, and what they were copied from is gone.
    const std::optional<AnyEntry> a = one.changes[i].right;
    const std::optional<AnyEntry> b = RecordChange(other.changes[i]).right;
    ASSERT_EQ(a.has_value(), b.has_value());
    if (!a) continue;
    EXPECT_EQ(a->key(), b->key());
    EXPECT_TRUE(a->record() == b->record());
  }
}

// ---- sequences and lines ------------------------------------------------------------------------

using operations::Step;
using Numbers = std::vector<std::uint32_t>;

// Walks both lists by the steps; false where they do not lead from one to the other.
bool leads_across(const Numbers& left, const Numbers& right) {
  std::size_t at_left = 0;
  std::size_t at_right = 0;
  for (const auto& step : operations::diff_sequences(left, right)) {
    if (step.step != Step::kAdded && step.left != at_left) return false;
    if (step.step != Step::kRemoved && step.right != at_right) return false;
    if (step.step == Step::kSame && left[at_left] != right[at_right]) return false;
    at_left += step.step != Step::kAdded ? 1 : 0;
    at_right += step.step != Step::kRemoved ? 1 : 0;
  }
  return at_left == left.size() && at_right == right.size();
}

std::size_t longest_common(const Numbers& left, const Numbers& right) {
  std::vector<std::size_t> row(right.size() + 1, 0);
  for (const std::uint32_t element : left) {
    std::size_t diagonal = 0;
    for (std::size_t i = 1; i <= right.size(); ++i) {
      const std::size_t above = row[i];
      row[i] = right[i - 1] == element ? diagonal + 1 : std::max(row[i], row[i - 1]);
      diagonal = above;
    }
  }
  return row.back();
}

Numbers some_numbers(test::RandomRecord& random, std::size_t most, std::size_t kinds) {
  Numbers numbers(random.below(most));
  for (auto& number : numbers) number = static_cast<std::uint32_t>(random.below(kinds));
  return numbers;
}

TEST(DiffSequenceProperty, TheWayIsAShortestOneAndTheSameBothWays) {
  test::RandomRecord random(test::random_seed());
  for (int i = 0; i < 2000; ++i) {
    const Numbers left = some_numbers(random, 30, 6);
    const Numbers right = some_numbers(random, 30, 6);
    ASSERT_TRUE(leads_across(left, right));
    const auto there = operations::diff_sequences(left, right);
    const auto back = operations::diff_sequences(right, left);
    std::size_t same = 0;
    for (const auto& step : there) same += step.step == Step::kSame ? 1 : 0;
    ASSERT_EQ(same, longest_common(left, right));
    const auto common = [](const auto& steps, bool is_back) {
      std::vector<std::pair<std::size_t, std::size_t>> pairs;
      for (const auto& step : steps) {
        if (step.step != Step::kSame) continue;
        pairs.emplace_back(is_back ? step.right : step.left, is_back ? step.left : step.right);
      }
      return pairs;
    };
    ASSERT_EQ(common(there, false), common(back, true));
  }
}

TEST(DiffSequence, LongListsTakeBoundedTimeAndStillLeadAcross) {
  Numbers left(9'000);
  Numbers right(9'500);
  for (std::size_t i = 0; i < left.size(); ++i) left[i] = static_cast<std::uint32_t>(i);
  for (std::size_t i = 0; i < right.size(); ++i) right[i] = static_cast<std::uint32_t>(i);
  right[0] = 99'999;  // few differences in long lists
  right[5'000] = 99'999;
  EXPECT_TRUE(leads_across(left, right));
  EXPECT_EQ(operations::diff_sequences(left, right).size(), 9'500U + 2U);
  for (auto& number : right) number += 1'000'000;  // nothing in common
  EXPECT_TRUE(leads_across(left, right));
  left.resize(200'000, 5);
  right.resize(200'000, 6);
  EXPECT_TRUE(leads_across(left, right));
}

std::string joined(const std::vector<DiffLine>& lines, LineMark other) {
  std::string text;
  for (const DiffLine& line : lines) {
    if (line.mark != other) text += std::string(line.text) + "\n";
  }
  return text;
}

TEST(DiffLinesProperty, BothTextsAreInThem) {
  test::RandomRecord random(test::random_seed());
  for (int i = 0; i < 300; ++i) {
    const auto some_text = [&random] {
      std::string text;
      for (const auto number : some_numbers(random, 40, 9)) text += std::to_string(number) + "\n";
      return text;
    };
    const std::string left = some_text();
    const std::string right = some_text();
    const auto lines = diff_lines(left, right);
    ASSERT_EQ(joined(lines, LineMark::kAdded), left);
    ASSERT_EQ(joined(lines, LineMark::kRemoved), right);
  }
}

}  // namespace
}  // namespace session
