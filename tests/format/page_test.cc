// Leaf and index pages: what is built passes every check and is read back; searches agree with
// std::map whatever the keys; digests cover content and nothing else.

#include "format/page.h"

#include <capnp/message.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <set>

#include "session/table.h"
#include "tests/support/random_record.h"
#include "tests/support/seed.h"

namespace session::format {
namespace {

using test::RandomRecord;
using Records = std::map<std::string, Record>;

// Payloads must be 8-byte aligned; a vector's are.
using Payload = std::vector<std::byte>;

Payload leaf_of(const Records& records) {
  std::vector<LeafItem> items;
  for (const auto& [key, record] : records) items.push_back({key, record.view()});
  return build_leaf(items);
}

void expect_sound_leaf(const Payload& payload) {
  const auto message = check_message(payload);
  ASSERT_FALSE(message) << *message;
  const auto leaf = check_leaf(read_root<schema::Leaf>(payload));
  ASSERT_FALSE(leaf) << *leaf;
}

void expect_holds(const LeafView& leaf, const Records& records) {
  ASSERT_EQ(leaf.size(), records.size());
  std::uint32_t at = 0;
  RecordSizes sizes(leaf);
  for (const auto& [key, record] : records) {
    EXPECT_EQ(sizes.next(), record.words());
    EXPECT_EQ(leaf.key(at), key);
    EXPECT_TRUE(Record(leaf.record(at)) == record);
    // Padding to the widest record of the page is not part of any.
    EXPECT_EQ(canonical_words(leaf.record(at)), record.words());
    ++at;
  }
}

TEST(Leaf, OfAnyTableIsCanonicalAndReadsBack) {
  RandomRecord random(test::random_seed());
  for (const Table table : kAllTables) {
    for (int i = 0; i < 10; ++i) {
      Records records;
      for (std::size_t n = 1 + random.below(40); n > 0; --n) {
        records.insert_or_assign(random.key(), random.of(table));
      }
      const Payload payload = leaf_of(records);
      expect_sound_leaf(payload);
      expect_holds(LeafView(payload), records);
    }
  }
}

TEST(Leaf, HoldsRecordsThatSayNothing) {
  capnp::MallocMessageBuilder message;
  const Record nothing = Record::of(message.initRoot<schema::Child>().asReader());
  Records records;
  for (const char* key : {"a", "b", "c"}) records[key] = nothing;
  const Payload payload = leaf_of(records);
  expect_sound_leaf(payload);
  expect_holds(LeafView(payload), records);
}

TEST(Leaf, HoldsTheNarrowestBesideTheWidest) {
  RandomRecord random(test::random_seed());
  capnp::MallocMessageBuilder message;
  Records records;
  records["empty"] = Record::of(message.initRoot<schema::Child>().asReader());
  records["full"] = random.wider_than_known();
  records["small"] = random.value(3);
  const Payload payload = leaf_of(records);
  expect_sound_leaf(payload);
  expect_holds(LeafView(payload), records);
}

TEST(Leaf, CarriesFieldsThatNoSchemaHereKnows) {
  RandomRecord random(test::random_seed());
  for (int i = 0; i < 20; ++i) {
    Records records;
    for (int n = 0; n < 5; ++n) {
      records.insert_or_assign(random.key(), random.wider_than_known());
      records.insert_or_assign(random.key(), random.of(Table::kTasks));
    }
    // Twice, as an update does that rewrites the page around them.
    Payload payload = leaf_of(records);
    const LeafView once(payload);
    std::vector<LeafItem> items;
    for (std::uint32_t at = 0; at < once.size(); ++at)
      items.push_back({once.key(at), once.record(at)});
    const Payload again = build_leaf(items);
    EXPECT_EQ(again, payload);
    expect_holds(LeafView(again), records);
  }
}

TEST(Leaf, IsTheSameBytesWhateverTheRecordsStoodInBefore) {
  RandomRecord random(test::random_seed());
  Records all;
  for (int n = 0; n < 60; ++n) all.insert_or_assign(random.key(), random.of(Table::kMessages));
  const Payload whole = leaf_of(all);
  const LeafView view(whole);
  Records half;
  std::vector<LeafItem> items;
  for (std::uint32_t at = 0; at < view.size(); at += 2) {
    items.push_back({view.key(at), view.record(at)});
    half.insert_or_assign(std::string(view.key(at)), Record(view.record(at)));
  }
  EXPECT_EQ(build_leaf(items), leaf_of(half));
}

// Keys in and around the set: each of its keys, cut by one, longer by one, and others.
std::vector<std::string> probes(const std::set<std::string>& keys, RandomRecord& random) {
  std::vector<std::string> probes = {"", std::string(1, '\0'), std::string(9, '\xFF')};
  for (const std::string& key : keys) {
    probes.push_back(key);
    probes.push_back(key.substr(0, key.size() - 1));
    probes.push_back(key + '\0');
    probes.push_back(key + '\xFF');
    probes.push_back(random.key());
  }
  return probes;
}

template <class View>
void expect_same_order(const View& view, const std::set<std::string>& keys, RandomRecord& random) {
  for (const std::string& probe : probes(keys, random)) {
    const auto expected = std::distance(keys.begin(), keys.lower_bound(probe));
    EXPECT_EQ(view.lower_bound(probe), static_cast<std::uint32_t>(expected));
  }
}

std::set<std::string> hostile_keys(RandomRecord& random) {
  std::set<std::string> keys;
  for (std::size_t n = 1 + random.below(60); n > 0; --n) keys.insert(random.key());
  if (random.one_in(3)) {
    // All share a beginning, so that the page skips it.
    std::set<std::string> moved;
    const std::string beginning = random.key() + random.text(random.below(40));
    for (const std::string& key : keys) moved.insert(beginning + key);
    return moved;
  }
  return keys;
}

TEST(Leaf, SearchAgreesWithAnOrderedSetForHostileKeys) {
  RandomRecord random(test::random_seed());
  const Record record = random.value(1);
  for (int round = 0; round < 100; ++round) {
    const std::set<std::string> keys = hostile_keys(random);
    Records records;
    for (const std::string& key : keys) records[key] = record;
    const Payload payload = leaf_of(records);
    expect_sound_leaf(payload);
    const LeafView leaf(payload);
    expect_same_order(leaf, keys, random);
    for (const std::string& probe : probes(keys, random)) {
      EXPECT_EQ(leaf.find(probe).has_value(), keys.contains(probe));
    }
  }
}

std::vector<Child> children_of(const std::set<std::string>& keys, RandomRecord& random) {
  std::vector<Child> children;
  for (const std::string& key : keys) {
    Child child;
    child.key = key;
    child.count = random.number();
    child.offset = random.number();
    child.stored_size = static_cast<std::uint32_t>(random.number());
    child.content_bytes = random.number();
    child.stored_bytes = random.number();
    for (std::byte& byte : child.digest) byte = static_cast<std::byte>(random.number());
    children.push_back(std::move(child));
  }
  return children;
}

TEST(Index, PassesEveryCheckAndReadsBack) {
  RandomRecord random(test::random_seed());
  for (int round = 0; round < 50; ++round) {
    const std::set<std::string> keys = hostile_keys(random);
    const std::vector<Child> children = children_of(keys, random);
    const auto level = static_cast<std::uint32_t>(1 + random.below(kMaxTreeLevels));
    const Payload payload = build_index(children, level);
    const auto message = check_message(payload);
    ASSERT_FALSE(message) << *message;
    const auto wrong = check_index(read_root<schema::Index>(payload));
    ASSERT_FALSE(wrong) << *wrong;
    const IndexView index(payload);
    EXPECT_EQ(index.level(), level);
    ASSERT_EQ(index.size(), children.size());
    for (std::uint32_t i = 0; i < index.size(); ++i) {
      const Child child = index.child(i);
      EXPECT_EQ(child.key, children[i].key);
      EXPECT_EQ(child.count, children[i].count);
      EXPECT_EQ(child.offset, children[i].offset);
      EXPECT_EQ(child.stored_size, children[i].stored_size);
      EXPECT_EQ(child.content_bytes, children[i].content_bytes);
      EXPECT_EQ(child.stored_bytes, children[i].stored_bytes);
      EXPECT_EQ(child.digest, children[i].digest);
    }
    expect_same_order(index, keys, random);
    EXPECT_EQ(index_digest(index), index_digest(children, level));
  }
}

TEST(Index, DigestCoversKeysCountsDigestsAndLevelAndNothingElse) {
  RandomRecord random(test::random_seed());
  const std::vector<Child> children = children_of({"a", "b", "c"}, random);
  const Digest digest = index_digest(children, 1);
  const auto changed = [&](auto change) {
    std::vector<Child> other = children;
    change(other[1]);
    return index_digest(other, 1) != digest;
  };
  EXPECT_FALSE(changed([](Child& child) { child.offset ^= 64; }));
  EXPECT_FALSE(changed([](Child& child) { child.stored_size ^= 8; }));
  EXPECT_FALSE(changed([](Child& child) { child.stored_bytes ^= 64; }));
  EXPECT_TRUE(changed([](Child& child) { child.key = "bb"; }));
  EXPECT_TRUE(changed([](Child& child) { child.count ^= 1; }));
  EXPECT_TRUE(changed([](Child& child) { child.digest[31] ^= std::byte{1}; }));
  EXPECT_NE(index_digest(children, 2), digest);
  EXPECT_NE(index_digest(std::span(children).first(2), 1), digest);
}

TEST(Leaf, DigestChangesWithEveryKeyAndRecord) {
  RandomRecord random(test::random_seed());
  Records records;
  for (const char* key : {"a", "b", "c"}) records[key] = random.value(20);
  const Digest digest = leaf_digest(leaf_of(records));
  Records other = records;
  other["b"] = random.value(21);
  EXPECT_NE(leaf_digest(leaf_of(other)), digest);
  other = records;
  other.erase("c");
  EXPECT_NE(leaf_digest(leaf_of(other)), digest);
  EXPECT_EQ(leaf_digest(leaf_of(records)), digest);
}

// Everything below is well-formed Cap'n Proto, canonical and checksummed, and still wrong.
Payload altered_leaf(const std::function<void(schema::Leaf::Builder)>& alter) {
  RandomRecord random(7);
  capnp::MallocMessageBuilder message;
  auto leaf = message.initRoot<schema::Leaf>();
  const std::vector<Record> records = {random.value(4), random.value(4), random.value(4)};
  const std::vector<LeafItem> items = {
      {"key-a", records[0].view()}, {"key-b", records[1].view()}, {"key-cc", records[2].view()}};
  fill_leaf(leaf, items);
  alter(leaf);
  return canonical_payload(leaf.asReader());
}

bool leaf_is_refused(const std::function<void(schema::Leaf::Builder)>& alter) {
  const Payload payload = altered_leaf(alter);
  EXPECT_FALSE(check_message(payload));
  return check_leaf(read_root<schema::Leaf>(payload)).has_value();
}

TEST(Leaf, PartsThatContradictEachOtherAreRefused) {
  using Leaf = schema::Leaf::Builder;
  EXPECT_FALSE(leaf_is_refused([](Leaf) {}));
  EXPECT_TRUE(leaf_is_refused([](Leaf leaf) { leaf.setSkip(3); }));
  EXPECT_TRUE(leaf_is_refused([](Leaf leaf) { leaf.setSkip(~0U); }));
  EXPECT_TRUE(leaf_is_refused([](Leaf leaf) { leaf.disownPrefixes(); }));
  EXPECT_TRUE(leaf_is_refused([](Leaf leaf) { leaf.initPrefixes(2); }));
  EXPECT_TRUE(leaf_is_refused([](Leaf leaf) { leaf.getPrefixes().set(1, 5); }));
  EXPECT_TRUE(leaf_is_refused([](Leaf leaf) { leaf.disownKeyEnds(); }));
  EXPECT_TRUE(leaf_is_refused([](Leaf leaf) { leaf.getKeyEnds().set(0, 0); }));
  EXPECT_TRUE(leaf_is_refused([](Leaf leaf) { leaf.getKeyEnds().set(1, 5); }));
  EXPECT_TRUE(leaf_is_refused([](Leaf leaf) { leaf.getKeyEnds().set(2, 15); }));
  EXPECT_TRUE(leaf_is_refused([](Leaf leaf) { leaf.getKeyEnds().set(2, 17); }));
  EXPECT_TRUE(leaf_is_refused([](Leaf leaf) { leaf.getKeyEnds().set(2, ~0U); }));
  EXPECT_TRUE(leaf_is_refused([](Leaf leaf) { leaf.getKeys()[4] = 'x'; }));
  EXPECT_TRUE(leaf_is_refused([](Leaf leaf) { leaf.disownKeys(); }));
  EXPECT_TRUE(leaf_is_refused([](Leaf leaf) { leaf.getRecords().clear(); }));
  EXPECT_TRUE(
      leaf_is_refused([](Leaf leaf) { leaf.getRecords().initAs<capnp::List<std::uint64_t>>(3); }));
  EXPECT_TRUE(
      leaf_is_refused([](Leaf leaf) { leaf.getRecords().initAs<capnp::List<schema::Value>>(2); }));
}

TEST(Leaf, AKeyAboveTheLimitIsRefused) {
  RandomRecord random(7);
  const auto refused = [&](std::size_t key_bytes) {
    Records records;
    records[std::string(key_bytes, 'k')] = random.value(1);
    return check_leaf(read_root<schema::Leaf>(leaf_of(records))).has_value();
  };
  EXPECT_FALSE(refused(kMaxKeyBytes));
  EXPECT_TRUE(refused(kMaxKeyBytes + 1));
}

bool index_is_refused(const std::function<void(schema::Index::Builder)>& alter) {
  RandomRecord random(7);
  const Payload sound = build_index(children_of({"a", "b", "c"}, random), 1);
  capnp::MallocMessageBuilder message;
  message.setRoot(read_root<schema::Index>(sound));
  alter(message.getRoot<schema::Index>());
  const Payload payload = canonical_payload(message.getRoot<schema::Index>().asReader());
  EXPECT_FALSE(check_message(payload));
  return check_index(read_root<schema::Index>(payload)).has_value();
}

TEST(Index, PartsThatContradictEachOtherAreRefused) {
  using Index = schema::Index::Builder;
  EXPECT_FALSE(index_is_refused([](Index) {}));
  EXPECT_TRUE(index_is_refused([](Index index) { index.setLevel(0); }));
  EXPECT_TRUE(index_is_refused([](Index index) { index.setLevel(kMaxTreeLevels + 1); }));
  EXPECT_TRUE(index_is_refused([](Index index) { index.setSkip(1); }));
  EXPECT_TRUE(index_is_refused([](Index index) { index.initCounts(2); }));
  EXPECT_TRUE(index_is_refused([](Index index) { index.disownOffsets(); }));
  EXPECT_TRUE(index_is_refused([](Index index) { index.initStoredSizes(4); }));
  EXPECT_TRUE(index_is_refused([](Index index) { index.initDigests(3 * 32 - 1); }));
  EXPECT_TRUE(index_is_refused([](Index index) { index.disownContentBytes(); }));
  EXPECT_TRUE(index_is_refused([](Index index) { index.initStoredBytes(1); }));
  EXPECT_TRUE(index_is_refused([](Index index) { index.disownKeyEnds(); }));
}

}  // namespace
}  // namespace session::format
