// Commits: roots come back, fingerprints cover content and skip what is empty, and what a reader
// relies on is checked.

#include "format/commit.h"

#include <capnp/message.h>
#include <gtest/gtest.h>

#include <array>
#include <functional>

#include "session/error.h"
#include "tests/support/random_record.h"
#include "tests/support/seed.h"

namespace session::format {
namespace {

using test::RandomRecord;
using CommitBuilder = schema::Commit::Builder;

RootRef random_root(RandomRecord& random) {
  RootRef root;
  root.level = static_cast<std::uint32_t>(random.below(5));
  root.stored_size = static_cast<std::uint32_t>(random.number());
  root.offset = random.number();
  root.count = 1 + random.number() / 2;
  root.content_bytes = random.number();
  root.stored_bytes = random.number();
  for (std::byte& byte : root.digest) byte = static_cast<std::byte>(random.number());
  return root;
}

TEST(Roots, ComeBackAsTheyWent) {
  RandomRecord random(test::random_seed());
  for (int i = 0; i < 30; ++i) {
    Roots roots{};
    for (const Table table : kAllTables) {
      if (!random.one_in(3)) roots[slot(table)] = random_root(random);
    }
    capnp::MallocMessageBuilder message;
    auto trees = message.initRoot<schema::Trees>();
    write_roots(trees, roots);
    const Roots again = read_roots(trees.asReader());
    for (const Table table : kAllTables) {
      const RootRef& a = roots[slot(table)];
      const RootRef& b = again[slot(table)];
      EXPECT_EQ(a.level, b.level);
      EXPECT_EQ(a.stored_size, b.stored_size);
      EXPECT_EQ(a.offset, b.offset);
      EXPECT_EQ(a.count, b.count);
      EXPECT_EQ(a.content_bytes, b.content_bytes);
      EXPECT_EQ(a.stored_bytes, b.stored_bytes);
      EXPECT_EQ(a.digest, b.digest);
    }
  }
}

TEST(Roots, OfTablesOfALaterVersionArePassedOver) {
  capnp::MallocMessageBuilder message;
  auto trees = message.initRoot<schema::Trees>();
  auto root = trees.initRoots(1)[0];
  root.setTable(kTableSlots + 5);
  root.setCount(3);
  const Roots roots = read_roots(trees.asReader());
  for (const RootRef& ref : roots) EXPECT_TRUE(ref.empty());
}

TEST(FingerprintOfRoots, CoversNumberCountAndDigestOfContentTables) {
  RandomRecord random(test::random_seed());
  Roots roots{};
  for (const Table table : kAllTables) roots[slot(table)] = random_root(random);
  const Digest original = fingerprint(roots);
  for (const Table table : kAllTables) {
    Roots other = roots;
    other[slot(table)].digest[0] ^= std::byte{1};
    EXPECT_EQ(fingerprint(other) != original, is_content(table)) << table_name(table);
    other = roots;
    ++other[slot(table)].count;
    EXPECT_EQ(fingerprint(other) != original, is_content(table)) << table_name(table);
    other = roots;
    other[slot(table)].offset ^= 64;
    other[slot(table)].stored_size ^= 8;
    other[slot(table)].stored_bytes ^= 64;
    EXPECT_EQ(fingerprint(other), original) << table_name(table);
  }
}

TEST(FingerprintOfRoots, SkipsEmptyTables) {
  RandomRecord random(test::random_seed());
  Roots roots{};
  roots[slot(Table::kTasks)] = random_root(random);
  const Digest original = fingerprint(roots);
  // What an empty table's reference holds besides its count does not matter.
  roots[slot(Table::kFiles)] = random_root(random);
  roots[slot(Table::kFiles)].count = 0;
  EXPECT_EQ(fingerprint(roots), original);
  // The same tree under another table is other content.
  Roots moved{};
  moved[slot(Table::kEvents)] = roots[slot(Table::kTasks)];
  EXPECT_NE(fingerprint(moved), original);
}

void fill_sound(CommitBuilder commit) {
  commit.setRevision(7);
  commit.setParentRevision(6);
  auto trees = commit.initTrees();  // of a fold beside the commits
  trees.setRevision(6);
  trees.initHeader(kFileHeaderBytes);
  trees.initFingerprint(32);
  auto roots = trees.initRoots(2);
  for (std::uint16_t i = 0; i < 2; ++i) {
    roots[i].setTable(static_cast<std::uint16_t>(i + 1));
    roots[i].setCount(1);
    roots[i].initDigest(32);
  }
  RandomRecord random(7);
  const std::array records = {random.of(Table::kTasks), random.of(Table::kExecutions)};
  auto changes = commit.initChanges(2);
  for (std::uint16_t i = 0; i < 2; ++i) {
    changes[i].setTable(static_cast<std::uint16_t>(i + 2));
    const std::vector<LeafItem> items = {{"key", records.at(i).view()}};
    fill_leaf(changes[i].initUpserts(), items);
    changes[i].initErasedEnds(1).set(0, 4);
    auto keys = changes[i].initErasedKeys(4);
    std::fill(keys.begin(), keys.end(), kj::byte{'e'});
  }
}

bool is_refused(const std::function<void(CommitBuilder)>& alter) {
  capnp::MallocMessageBuilder message;
  auto commit = message.initRoot<schema::Commit>();
  fill_sound(commit);
  alter(commit);
  const std::vector<std::byte> payload = canonical_payload(commit.asReader());
  EXPECT_FALSE(check_message(payload));
  return check_commit(read_root<schema::Commit>(payload)).has_value();
}

TEST(Commit, PartsThatContradictEachOtherAreRefused) {
  EXPECT_FALSE(is_refused([](CommitBuilder) {}));
  EXPECT_TRUE(is_refused([](CommitBuilder c) { c.setRevision(0); }));
  EXPECT_TRUE(is_refused([](CommitBuilder c) { c.setParentRevision(7); }));
  EXPECT_TRUE(is_refused([](CommitBuilder c) { c.disownTrees(); }));
  EXPECT_TRUE(is_refused([](CommitBuilder c) { c.getTrees().initFingerprint(31); }));
  EXPECT_TRUE(is_refused([](CommitBuilder c) { c.getTrees().getRoots()[1].setTable(1); }));
  EXPECT_TRUE(is_refused([](CommitBuilder c) { c.getTrees().getRoots()[0].setTable(0); }));
  EXPECT_TRUE(is_refused([](CommitBuilder c) { c.getTrees().getRoots()[0].setCount(0); }));
  EXPECT_TRUE(is_refused([](CommitBuilder c) { c.getTrees().getRoots()[0].initDigest(33); }));
  EXPECT_TRUE(
      is_refused([](CommitBuilder c) { c.getTrees().getRoots()[0].setLevel(kMaxTreeLevels + 1); }));
  EXPECT_TRUE(is_refused([](CommitBuilder c) { c.getChanges()[1].setTable(2); }));
  EXPECT_TRUE(is_refused([](CommitBuilder c) { c.getChanges()[0].setTable(0); }));
  EXPECT_TRUE(is_refused([](CommitBuilder c) { c.getChanges()[0].getUpserts().setSkip(1); }));
  EXPECT_TRUE(is_refused([](CommitBuilder c) { c.getChanges()[0].initUpserts(); }));
  EXPECT_TRUE(is_refused([](CommitBuilder c) { c.getChanges()[0].getErasedEnds().set(0, 5); }));
  EXPECT_TRUE(is_refused([](CommitBuilder c) { c.getChanges()[0].disownErasedKeys(); }));
}

TEST(Commit, ADeltaStandsOnASnapshot) {
  const auto delta = [](std::uint64_t trees_offset) {
    return [trees_offset](CommitBuilder c) {
      c.setKind(schema::Commit::Kind::DELTA);
      c.disownTrees();
      c.setTreesOffset(trees_offset);
    };
  };
  EXPECT_FALSE(is_refused(delta(64)));
  EXPECT_TRUE(is_refused(delta(0)));
}

void require_feature(const char* name, bool is_required) {
  capnp::MallocMessageBuilder message;
  auto trees = message.initRoot<schema::Trees>();
  auto feature = trees.initFeatures(1)[0];
  feature.setName(name);
  feature.setSince("2.7");
  feature.setIsRequired(is_required);
  refuse_unknown_features(trees.asReader());
}

TEST(Features, UnknownRequiredIsRefusedByNameAndVersion) {
  try {
    require_feature("encryption", true);
    ADD_FAILURE() << "an unknown required feature was passed over";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kNewerVersion);
    EXPECT_NE(error.message().find("encryption"), std::string::npos);
    EXPECT_NE(error.message().find("2.7"), std::string::npos);
  }
}

TEST(Features, UnknownIgnorableIsPassedOver) {
  EXPECT_NO_THROW(require_feature("search index", false));
}

}  // namespace
}  // namespace session::format
