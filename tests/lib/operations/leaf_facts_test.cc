// What verify believes of a leaf without reading it again is what reading it would show.

#include "lib/operations/leaf_facts.h"

#include <gtest/gtest.h>

#include <capnp/message.h>

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "lib/store/overlay.h"
#include "tests/support/random_record.h"
#include "tests/support/seed.h"

namespace session::operations {
namespace {

using test::RandomRecord;
using Records = std::map<std::string, format::Record>;

constexpr LeafRules kRules{12, true};

struct Leaf {
  std::vector<std::byte> payload;
  format::FrameHeader header;
  format::Child child;

  // Looked at behind another leaf, or behind none.
  [[nodiscard]] std::optional<LeafFacts> facts(LeafBefore before = {}) const {
    return facts_of_leaf(header, payload, kRules, before);
  }
  [[nodiscard]] LeafBefore as_before() const {
    LeafBefore before;
    EXPECT_TRUE(facts_of_leaf(header, payload, kRules, before));
    return before;
  }
};

Leaf leaf_of(Table table, const Records& records) {
  std::vector<format::LeafItem> items;
  for (const auto& [key, record] : records) items.push_back({key, record.view()});
  Leaf leaf;
  leaf.payload = format::build_leaf(items);
  leaf.header.table = static_cast<std::uint16_t>(slot(table));
  leaf.header.own_offset = 4096;
  leaf.header.stored_size = static_cast<std::uint32_t>(leaf.payload.size());
  leaf.child.key = items.back().key;
  leaf.child.count = items.size();
  leaf.child.offset = leaf.header.own_offset;
  leaf.child.stored_size = leaf.header.stored_size;
  leaf.child.stored_bytes = leaf.header.frame_bytes();
  leaf.child.digest = format::leaf_digest(leaf.payload);
  for (const format::LeafItem& item : items) {
    leaf.child.content_bytes += item.key.size() + format::canonical_words(item.record) * 8;
  }
  return leaf;
}

// So small that the rule ends no page inside of it.
Leaf small_leaf(Table table = Table::kValues) {
  RandomRecord random(7);
  Records records;
  for (const char* key : {"step-0101", "step-0102", "step-0109"}) {
    records.emplace(key, random.value(50));
  }
  return leaf_of(table, records);
}

[[nodiscard]] bool agrees_behind(const Leaf& leaf, const std::optional<std::string>& after_key) {
  return agrees(*leaf.facts(), Table::kValues, leaf.child, after_key, true, true);
}

TEST(LeafFacts, AgreeWithAParentThatSaysWhatIsSo) {
  const Leaf leaf = small_leaf();
  ASSERT_TRUE(leaf.facts());
  EXPECT_TRUE(agrees_behind(leaf, std::nullopt));
  EXPECT_TRUE(agrees_behind(leaf, "step-0100"));
}

TEST(LeafFacts, DisagreeWithAParentThatIsWrongAboutAnything) {
  using Change = std::function<void(format::Child&)>;
  const std::map<std::string, Change> wrongs{
      {"key", [](format::Child& child) { child.key += "x"; }},
      {"count", [](format::Child& child) { ++child.count; }},
      {"stored size", [](format::Child& child) { ++child.stored_size; }},
      {"content bytes", [](format::Child& child) { child.content_bytes += 8; }},
      {"stored bytes", [](format::Child& child) { child.stored_bytes += 64; }},
      {"digest", [](format::Child& child) { child.digest.back() ^= std::byte{1}; }},
  };
  for (const auto& [name, change] : wrongs) {
    Leaf leaf = small_leaf();
    change(leaf.child);
    EXPECT_FALSE(agrees_behind(leaf, "step-0100")) << name;
  }
  const Leaf leaf = small_leaf();
  EXPECT_FALSE(agrees(*leaf.facts(), Table::kEvents, leaf.child, "step-0100", true, true))
      << "table";
}

TEST(LeafFacts, OfALeafThatEndsTooEarlyAgreeOnlyAtTheEndOfItsLevel) {
  const Leaf leaf = small_leaf();
  ASSERT_FALSE(leaf.facts()->ends_page);
  EXPECT_TRUE(agrees(*leaf.facts(), Table::kValues, leaf.child, {}, true, true));
  EXPECT_FALSE(agrees(*leaf.facts(), Table::kValues, leaf.child, {}, false, true));
}

// Siblings in the index of children: all that tells them apart stands behind their parent.
TEST(LeafFacts, KnowTheOrderOfLongKeysThatBeginAlike) {
  RandomRecord random(7);
  const std::string beginning(50, 'p');
  const auto leaf_with = [&](const std::vector<std::string>& keys) {
    Records records;
    for (const std::string& key : keys) records.emplace(key, random.value(50));
    return leaf_of(Table::kValues, records);
  };
  const Leaf before = leaf_with({beginning + "1", beginning + "2"});
  const Leaf leaf = leaf_with({beginning + "3", "q"});
  const auto is_sure = [&](const std::optional<LeafFacts>& facts, const std::string& after_key) {
    return agrees(facts.value(), Table::kValues, leaf.child, after_key, true, true);
  };
  EXPECT_FALSE(is_sure(leaf.facts(), before.child.key)) << "eight bytes are not enough";
  EXPECT_TRUE(is_sure(leaf.facts(before.as_before()), before.child.key));
  EXPECT_FALSE(is_sure(leaf.facts(before.as_before()), beginning + "4"));
  EXPECT_EQ(before.facts(leaf.as_before())->behind, 0U) << "the wrong way round";
}

// They may be unsure, then the leaf is read; they may never be wrong.
TEST(LeafFacts, NeverCallKeysInOrderThatAreNot) {
  RandomRecord random(test::random_seed());
  int sure = 0;
  int in_order = 0;
  LeafBefore before;
  for (int round = 0; round < 3000; ++round) {
    Records records;
    for (std::size_t n = 1 + random.below(5); n > 0; --n) {
      records.insert_or_assign(random.key(), random.value(8));
    }
    const Leaf leaf = leaf_of(Table::kValues, records);
    const LeafBefore last = before;
    const auto facts = facts_of_leaf(leaf.header, leaf.payload, kRules, before);
    if (!facts) continue;  // long keys that end a page
    // Of the page before it: any key, or one near the first, or of the leaf looked at before.
    std::string after = random.one_in(2) ? random.key() : records.begin()->first;
    if (random.one_in(3)) after = last.last_key;
    if (random.one_in(3)) after += random.text(random.below(12));
    if (random.one_in(3)) after.resize(random.below(after.size() + 1));
    if (after >= leaf.child.key) continue;  // the index page itself is in order
    const bool is_behind = records.begin()->first > after;
    const bool said = agrees(*facts, Table::kValues, leaf.child, after, true, true);
    EXPECT_TRUE(is_behind || !said) << "round " << round;
    in_order += is_behind ? 1 : 0;
    sure += said ? 1 : 0;
  }
  EXPECT_GT(sure, in_order / 2) << "the shortcut is of no use";
}

format::Record task_with(const std::string& parent, std::int64_t rank) {
  capnp::MallocMessageBuilder message;
  auto task = message.initRoot<schema::Task>();
  task.setTitle("task");
  if (!parent.empty()) task.setParent(parent.c_str());
  task.setRank(rank);
  return format::Record(task.asReader());
}

std::uint64_t place_of_task(const std::string& parent, std::int64_t rank, const std::string& key) {
  const Leaf leaf = leaf_of(Table::kTasks, {{key, task_with(parent, rank)}});
  return sum_of_places(Table::kTasks, format::LeafView(leaf.payload));
}

std::uint64_t place_of_child(const std::string& key) {
  capnp::MallocMessageBuilder message;
  const auto record = format::Record(message.initRoot<schema::Child>().asReader());
  const Leaf leaf = leaf_of(Table::kChildren, {{key, record}});
  return sum_of_places(Table::kChildren, format::LeafView(leaf.payload));
}

// Names and ranks as people give them: they differ in their last bits.
TEST(LeafFacts, HaveAnotherSumForEachPlace) {
  std::vector<std::string> parents{""};
  for (int i = 1; i < 100; ++i) parents.push_back(std::to_string(i));
  for (int i = 1; i < 10; ++i) parents.push_back("1." + std::to_string(i));
  for (int i = 0; i < 10; ++i) parents.push_back("m/" + std::to_string(i));
  std::set<std::uint64_t> sums;
  std::size_t places = 0;
  for (const std::string& parent : parents) {
    for (std::int64_t rank = -3; rank < 20; ++rank) {
      for (const std::string key : {"a", "b", "T1"}) {
        const std::uint64_t sum = place_of_task(parent, rank, key);
        EXPECT_EQ(sum, place_of_child(store::child_key(parent, rank, key)));
        sums.insert(sum);
        ++places;
      }
    }
  }
  EXPECT_EQ(sums.size(), places);
}

TEST(LeafFacts, TakeAKeyOfNoFormForNobodysPlace) {
  EXPECT_NE(place_of_child("T1"), place_of_task("", 0, "T1"));
}

TEST(LeafFacts, AreNotOfALeafThatOnlyTheTreesCanJudge) {
  EXPECT_FALSE(small_leaf(Table::kBlobs).facts());
}

TEST(LeafFacts, AreNotOfALeafThatShouldHaveEndedBefore) {
  RandomRecord random(7);
  Records records;
  for (int i = 0; i < 40; ++i)
    records.emplace("step-" + std::to_string(100 + i), random.value(900));
  EXPECT_FALSE(leaf_of(Table::kValues, records).facts());
}

TEST(LeafFacts, AreNotOfALeafThatIsOutOfForm) {
  const Leaf whole = small_leaf();
  int without = 0;
  for (std::size_t at = 0; at < whole.payload.size(); at += 8) {
    Leaf leaf = whole;
    leaf.payload[at] ^= std::byte{0x40};
    const auto facts = leaf.facts();  // never throws
    if (!facts || !agrees(*facts, Table::kValues, leaf.child, {}, true, true)) ++without;
  }
  EXPECT_EQ(without, static_cast<int>(whole.payload.size() / 8)) << "a digest covers every word";
}

}  // namespace
}  // namespace session::operations
