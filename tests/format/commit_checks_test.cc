// What a commit may not say, whatever its checksums.

#include <capnp/message.h>
#include <capnp/schema.h>
#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "format/commit.h"
#include "format/record.h"

namespace session::format {
namespace {

using Fill = std::function<void(schema::Commit::Builder)>;

std::optional<std::string> check(const Fill& fill) {
  capnp::MallocMessageBuilder message;
  auto commit = message.initRoot<schema::Commit>();
  commit.setRevision(5);
  commit.setParentRevision(4);
  fill(commit);
  const std::vector<std::byte> payload = canonical_payload(commit.asReader());
  if (auto wrong = check_message(payload)) return wrong;
  return check_commit(read_root<schema::Commit>(payload));
}

void add_trees(schema::Commit::Builder commit, std::uint64_t revision) {
  auto trees = commit.initTrees();
  trees.setRevision(revision);
  trees.initFingerprint(sizeof(Digest));
  trees.initHeader(kFileHeaderBytes);
}

void add_erased(schema::TableChanges::Builder changes, std::string_view key) {
  changes.setErasedEnds({static_cast<std::uint32_t>(key.size())});
  changes.setErasedKeys({reinterpret_cast<const kj::byte*>(key.data()), key.size()});
}

// A delta that writes task "a" and erases task `erased`.
std::optional<std::string> check_delta(std::string_view erased) {
  capnp::MallocMessageBuilder task;
  const Record record = Record::of(task.initRoot<schema::Task>().asReader());
  return check([&](schema::Commit::Builder commit) {
    commit.setTreesOffset(kFileHeaderBytes);
    auto changes = commit.initChanges(1)[0];
    changes.setTable(2);
    const LeafItem item{"a", record.view()};
    fill_leaf(changes.initUpserts(), {&item, 1});
    add_erased(changes, erased);
  });
}

TEST(CommitChecks, ADeltaWritesAndErasesDifferentKeys) {
  EXPECT_EQ(check_delta("b"), std::nullopt);
  EXPECT_EQ(check_delta("a"), "a key is both written and erased");
}

// Found by a fuzzer: such a file was called clean and could not be opened.
TEST(CommitChecks, TextsEndAsTextsDo) {
  const auto without_end = [](auto builder, const capnp::StructSchema& schema, const char* name) {
    capnp::AnyStruct::Builder owner(std::move(builder));
    const std::uint32_t at = schema.getFieldByName(name).getProto().getSlot().getOffset();
    owner.getPointerSection()[at].initAs<capnp::Data>(3)[2] = 'x';
  };
  const auto commit_schema = capnp::Schema::from<schema::Commit>();
  EXPECT_THROW((void)check([&](schema::Commit::Builder commit) {
                 commit.setTreesOffset(kFileHeaderBytes);
                 without_end(commit, commit_schema, "message");
               }),
               kj::Exception);
  for (const char* name : {"checkpoint", "writer"}) {
    EXPECT_THROW((void)check([&](schema::Commit::Builder commit) {
                   commit.setKind(schema::Commit::Kind::SNAPSHOT);
                   add_trees(commit, 5);
                   without_end(commit.getTrees(), capnp::Schema::from<schema::Trees>(), name);
                 }),
                 kj::Exception)
        << name;
  }
}

TEST(CommitChecks, ASnapshotIsItsOwnTreesAndNothingBesideThem) {
  const auto snapshot = [](std::uint64_t trees, bool with_changes) {
    return check([=](schema::Commit::Builder commit) {
      commit.setKind(schema::Commit::Kind::SNAPSHOT);
      add_trees(commit, trees);
      if (!with_changes) return;
      auto changes = commit.initChanges(1)[0];
      changes.setTable(2);
      add_erased(changes, "a");
    });
  };
  EXPECT_EQ(snapshot(5, false), std::nullopt);
  EXPECT_NE(snapshot(4, false), std::nullopt);
  EXPECT_NE(snapshot(6, false), std::nullopt);
  EXPECT_NE(snapshot(5, true), std::nullopt);
}

TEST(CommitChecks, ADeltaMayCarryOlderTreesOnly) {
  const auto delta = [](std::uint64_t trees) {
    return check([=](schema::Commit::Builder commit) { add_trees(commit, trees); });
  };
  EXPECT_EQ(delta(4), std::nullopt);
  EXPECT_EQ(delta(1), std::nullopt);
  EXPECT_NE(delta(5), std::nullopt);
  EXPECT_NE(delta(0), std::nullopt);
}

TEST(CommitChecks, TreesRepeatTheWholeFileHeader) {
  EXPECT_NE(check([](schema::Commit::Builder commit) {
              commit.setKind(schema::Commit::Kind::SNAPSHOT);
              add_trees(commit, 5);
              commit.getTrees().initHeader(kFileHeaderBytes - 1);
            }),
            std::nullopt);
}

}  // namespace
}  // namespace session::format
