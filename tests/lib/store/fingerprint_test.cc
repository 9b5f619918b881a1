// Equal content has equal fingerprints, whatever the way to it (G7), and other content another.

#include <gtest/gtest.h>

#include <capnp/message.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/compressed_copy.h"
#include "tests/support/disk_session.h"
#include "tests/support/records.h"
#include "tests/support/seed.h"
#include "tests/support/session_state.h"

namespace session::test {
namespace {

struct Item {
  Table table;
  std::string key;
  std::string text;
};

class Fingerprint : public ::testing::Test {
 protected:
  // One record, made of the item's text.
  static void put(Transaction& change, const Item& item) {
    if (item.table == Table::kTasks) {
      put_task(change, item.key, {.title = item.text, .parent = item.text.substr(0, 1)});
    } else if (item.table == Table::kMessages) {
      put_message(change, item.key, item.text);
    } else {
      put_value(change, item.key, item.text);
    }
  }
  static void put_alone(Writer& writer, const Item& item) {
    auto change = writer.begin();
    put(change, item);
    (void)change.commit(relaxed());
  }
  static void erase_alone(Writer& writer, const Item& item) {
    auto change = writer.begin();
    (void)change.erase(item.table, item.key);
    (void)change.commit(relaxed());
  }
  [[nodiscard]] std::vector<Item> random_items(std::size_t n) {
    constexpr Table kTables[] = {Table::kTasks, Table::kMessages, Table::kValues};
    std::vector<Item> items;
    std::set<std::pair<Table, std::string>> taken;
    while (items.size() < n) {
      const Table table = kTables[random_() % 3];
      const std::string key = numbered("k", random_() % (4 * n + 1));
      if (!taken.emplace(table, key).second) continue;
      const std::size_t size = random_() % 40 == 0 ? 6'000 : random_() % 150;
      items.push_back({table, key, std::to_string(random_()) + std::string(size, 'x')});
    }
    return items;
  }
  // The computed one of a head that is a delta, the one a fold stores, and that they agree.
  static Digest fingerprint_and_fold(Writer& writer) {
    const Digest computed = writer.head().fingerprint();
    (void)writer.begin().commit(folded());
    const Snapshot head = writer.head();
    EXPECT_EQ(head.info().kind, CommitKind::kSnapshot);
    EXPECT_TRUE(head.info().fingerprint.has_value());
    EXPECT_EQ(to_hex(head.fingerprint()), to_hex(computed)) << "computed against stored";
    return head.fingerprint();
  }

  std::uint64_t seed_ = random_seed();
  std::mt19937_64 random_{seed_};
};

using Route = std::function<void(Writer&, const std::vector<Item>&, std::mt19937_64&)>;

// Ways from nothing to the same content.
std::vector<std::pair<std::string, Route>> routes(
    const std::function<void(Transaction&, const Item&)>& put) {
  const auto put_alone = [put](Writer& writer, const Item& item) {
    auto change = writer.begin();
    put(change, item);
    (void)change.commit(relaxed());
  };
  const auto erase_alone = [](Writer& writer, const Item& item) {
    auto change = writer.begin();
    (void)change.erase(item.table, item.key);
    (void)change.commit(relaxed());
  };
  const auto at_once = [put](Writer& writer, const std::vector<Item>& items) {
    auto change = writer.begin();
    for (const Item& item : items) put(change, item);
    (void)change.commit(relaxed());
  };
  const auto other = [](Item item) {
    item.text = "other " + item.text;
    return item;
  };
  return {
      {"at once", [=](Writer& w, const auto& items, auto&) { at_once(w, items); }},
      {"one by one",
       [=](Writer& w, const auto& items, auto&) {
         for (const Item& item : items) put_alone(w, item);
       }},
      {"backwards, folding now and then",
       [=](Writer& w, const auto& items, auto& random) {
         for (auto item = items.rbegin(); item != items.rend(); ++item) {
           put_alone(w, *item);
           if (random() % 16 == 0) (void)w.begin().commit(folded());
         }
       }},
      {"with records that go again",
       [=](Writer& w, const auto& items, auto& random) {
         std::vector<Item> strange;
         for (std::size_t i = 0; i < items.size() + 40; ++i) {
           strange.push_back({Table::kMessages, numbered("s", random() % 10'000),
                              std::string(random() % 200, 's')});
         }
         at_once(w, strange);
         at_once(w, items);
         (void)w.begin().commit(folded());
         std::shuffle(strange.begin(), strange.end(), random);
         for (const Item& item : strange) erase_alone(w, item);
       }},
      {"with other words first",
       [=](Writer& w, const auto& items, auto& random) {
         for (const Item& item : items) put_alone(w, other(item));
         auto shuffled = items;
         std::shuffle(shuffled.begin(), shuffled.end(), random);
         for (const Item& item : shuffled) put_alone(w, item);
       }},
      {"restored",
       [=](Writer& w, const auto& items, auto&) {
         at_once(w, items);
         const std::uint64_t good = w.head().revision();
         for (const Item& item : items) erase_alone(w, item);
         put_alone(w, {Table::kValues, "lost/1", "x"});
         (void)w.restore(good);
       }},
      {"spilled",
       [put](Writer& w, const auto& items, auto&) {
         auto change = w.begin();
         change.spill_above(3'000);
         for (const Item& item : items) put(change, item);
         (void)change.commit();
       }},
  };
}

TEST_F(Fingerprint, IsTheSameHoweverContentCameToBe) {
  for (const std::size_t size : {0U, 1U, 2U, 9U, 70U, 500U}) {
    const std::vector<Item> items = random_items(size);
    std::optional<Digest> first;
    for (const auto& [name, route] : routes(put)) {
      SimulatedDisk disk;
      Writer writer = create_on(disk);
      route(writer, items, random_);
      const Digest digest = fingerprint_and_fold(writer);
      if (!first) first = digest;
      EXPECT_EQ(to_hex(digest), to_hex(*first)) << name << ", " << size << " records";
      EXPECT_EQ(contradiction_in(writer.head()), "") << name;
    }
  }
}

// Deletes must leave the tree that building afresh gives: no root above a single child, no border
// that only the past explains.
TEST_F(Fingerprint, OfWhatDeletesLeaveIsThatOfTheRestBuiltAfresh) {
  std::vector<Item> items;
  for (std::uint64_t i = 0; i < 260; ++i) {
    items.push_back({Table::kMessages, numbered("m", i), std::string(random_() % 300, 'm')});
  }
  std::shuffle(items.begin(), items.end(), random_);
  SimulatedDisk disk;
  Writer writer = create_on(disk);
  for (const Item& item : items) put_alone(writer, item);
  while (!items.empty()) {
    const std::size_t gone = std::min(items.size(), items.size() > 30 ? random_() % 20 + 1 : 1);
    auto change = writer.begin();
    for (std::size_t i = 0; i < gone; ++i) {
      (void)change.erase(items.back().table, items.back().key);
      items.pop_back();
    }
    (void)change.commit(random_() % 2 == 0 ? folded() : relaxed());
    SimulatedDisk other_disk;
    Writer afresh = create_on(other_disk);
    auto all = afresh.begin();
    for (const Item& item : items) put(all, item);
    (void)all.commit();
    ASSERT_EQ(to_hex(writer.head().fingerprint()), to_hex(afresh.head().fingerprint()))
        << items.size() << " records left";
  }
}

TEST_F(Fingerprint, OfEveryRevisionIsThatOfItsContent) {
  SimulatedDisk disk;
  Writer writer = create_on(disk);
  std::vector<SessionState> states = {{}, {}};
  for (int i = 0; i < 400; ++i) {
    auto change = writer.begin();
    SessionState next = states.back();
    Twin twin(change, next);
    twin.task(numbered("t", random_() % 50), std::to_string(random_()));
    if (random_() % 3 == 0) twin.erase(Table::kTasks, numbered("t", random_() % 50));
    twin.value("n/n", std::to_string(i));
    (void)change.commit(random_() % 90 == 0 ? folded() : relaxed());
    states.push_back(std::move(next));
  }
  for (int i = 0; i < 25; ++i) {
    const std::uint64_t revision = random_() % (states.size() - 1) + 1;
    EXPECT_EQ(to_hex(writer.at(revision).fingerprint()),
              to_hex(fingerprint_of(states[revision], kSmallPageLog2, kSmallPageLog2)))
        << "revision " << revision;
  }
}

TEST_F(Fingerprint, DiffersWhereContentDiffers) {
  const std::vector<Item> items = random_items(60);
  std::set<std::string> seen;
  const auto note = [&](const std::vector<Item>& content) {
    SimulatedDisk disk;
    Writer writer = create_on(disk);
    auto change = writer.begin();
    for (const Item& item : content) put(change, item);
    (void)change.commit();
    return seen.insert(to_hex(writer.head().fingerprint())).second;
  };
  EXPECT_TRUE(note(items));
  EXPECT_FALSE(note(items));
  for (std::size_t i = 0; i < items.size(); i += 5) {
    std::vector<Item> changed = items;
    changed[i].text += "!";
    EXPECT_TRUE(note(changed));
    changed = items;
    changed[i].key += "!";
    EXPECT_TRUE(note(changed));
    changed = items;
    changed.erase(changed.begin() + static_cast<std::ptrdiff_t>(i));
    EXPECT_TRUE(note(changed));
  }
  // The same record under the same key, in another table.
  capnp::MallocMessageBuilder message;
  auto record = message.initRoot<capnp::AnyPointer>().initAsAnyStruct(1, 1);
  record.getDataSection()[0] = 1;
  for (const Table table : kContentTables) {
    SimulatedDisk disk;
    Writer writer = create_on(disk);
    auto change = writer.begin();
    change.upsert_any(table, "k", record.asReader());
    (void)change.commit();
    EXPECT_TRUE(seen.insert(to_hex(writer.head().fingerprint())).second) << table_name(table);
  }
}

TEST_F(Fingerprint, DoesNotCoverBookkeeping) {
  SimulatedDisk disk;
  Writer writer = create_on(disk);
  put_alone(writer, {Table::kValues, "a/1", "x"});
  const Digest digest = writer.head().fingerprint();
  CheckpointOptions checkpoint;
  checkpoint.description = "a checkpoint";
  (void)writer.checkpoint(checkpoint);
  EXPECT_EQ(writer.head().fingerprint(), digest);
  capnp::MallocMessageBuilder message;
  message.initRoot<schema::Upkeep>().initStatistics().setSaves(7);
  auto change = writer.begin();
  change.upsert("statistics", message.getRoot<schema::Upkeep>().asReader());
  (void)change.commit();
  EXPECT_EQ(writer.head().fingerprint(), digest);
  auto blob = writer.begin();
  (void)blob.add_blob(std::as_bytes(std::span("unused")));
  put_value(blob, "a/1", "x");
  (void)blob.commit(folded());
  EXPECT_EQ(writer.head().fingerprint(), digest);
}

TEST_F(Fingerprint, DoesNotDependOnCompression) {
  SimulatedDisk disk;
  CreateOptions options = creating_on(disk);
  options.leaf_target_log2 = options.index_target_log2 = 0;  // large pages compress
  Writer writer = Writer::create(kDiskPath, options);
  SessionState state;
  {
    auto change = writer.begin();
    Twin twin(change, state);
    for (std::uint64_t i = 0; i < 3'000; ++i) {
      twin.task(numbered("t", i), std::string(60, 'x'), numbered("t", i / 10));
    }
    (void)change.commit(folded());
  }
  const std::vector<std::byte> bytes = disk.contents(kDiskPath);
  const std::vector<std::byte> packed = compressed_copy(bytes, writer.head().info().offset);
  ASSERT_LT(packed.size(), bytes.size() / 2);
  SimulatedDisk other;
  other.put(kDiskPath, packed);
  for (const ReadMode mode : {ReadMode::kMapped, ReadMode::kCopy}) {
    const Snapshot head = read_on(other, kDiskPath, mode).head();
    EXPECT_TRUE(state_of(head) == state);
    EXPECT_EQ(head.children(numbered("t", 7)).size(), 10U);
    EXPECT_EQ(head.fingerprint(), writer.head().fingerprint());
  }
  // And a writer goes on from compressed pages as from raw ones.
  Writer packed_writer = open_on(other);
  for (Writer* each : {&writer, &packed_writer}) {
    auto change = each->begin();
    for (std::uint64_t i = 0; i < 3'000; i += 100) {
      put_task(change, numbered("t", i), {.title = "changed"});
      (void)change.erase(Table::kTasks, numbered("t", i + 1));
    }
    (void)change.commit(folded());
  }
  EXPECT_EQ(to_hex(packed_writer.head().fingerprint()), to_hex(writer.head().fingerprint()));
  EXPECT_TRUE(state_of(packed_writer.head()) == state_of(writer.head()));
}

}  // namespace
}  // namespace session::test
