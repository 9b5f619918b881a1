#include "lib/operations/rewrite.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "lib/store/head.h"
#include "session/reader.h"
#include "tests/support/disk_session.h"
#include "tests/support/random_record.h"
#include "tests/support/records.h"
#include "tests/support/seed.h"
#include "tests/support/session_state.h"

namespace session::operations {
namespace {

using test::read_on;
using test::SimulatedDisk;

constexpr const char* kNew = "/d/new.session";

// Commits of every kind: relaxed and folded, with blobs, with checkpoints, a restore.
void write_history(SimulatedDisk& disk, test::RandomRecord& random, int commits) {
  Writer writer = test::create_on(disk);
  for (int i = 0; i < commits; ++i) {
    Transaction change = writer.begin();
    for (std::size_t n = 1 + random.below(8); n > 0; --n) {
      const std::string key = "k" + std::to_string(random.below(60));
      const Table table = random.one_in(2) ? Table::kValues : Table::kTasks;
      if (random.one_in(4)) {
        (void)change.erase(table, key);
      } else if (table == Table::kTasks) {
        test::put_task(change, key, {.title = "task " + std::to_string(random.number())});
      } else {
        const bool is_large = random.one_in(3);
        const std::size_t size = is_large ? 5000 + random.below(3) * 70000 : random.below(200);
        change.upsert_any(table, key, random.value(size).view());
      }
    }
    if (random.one_in(6)) {
      CheckpointOptions checkpoint;
      checkpoint.description = "checkpoint " + std::to_string(i);
      (void)change.checkpoint(checkpoint, "words " + std::to_string(i));
      continue;
    }
    CommitOptions options = test::relaxed();
    options.as_snapshot = random.one_in(5);
    options.message = random.one_in(2) ? "message " + std::to_string(i) : "";
    (void)change.commit(options);
    if (random.one_in(15)) (void)writer.restore(1 + random.below(writer.head().revision()));
  }
}

RewriteOptions rewriting(SimulatedDisk& disk) {
  const auto file = disk.open(test::kDiskPath, io::OpenMode::kRead);
  return {&disk, store::read_file_header(*file, test::kDiskPath)};
}

void rewrite(SimulatedDisk& disk, const std::vector<std::uint64_t>& revisions) {
  const Reader old = read_on(disk);
  Rewriter rewriter(kNew, rewriting(disk));
  for (const std::uint64_t revision : revisions) {
    rewriter.add(old.at(revision));
  }
  rewriter.finish();
}

void expect_same_revision(const Snapshot& was, const Snapshot& is) {
  EXPECT_EQ(is.info().revision, was.info().revision);
  EXPECT_EQ(is.info().time_nanos, was.info().time_nanos);
  EXPECT_EQ(is.info().message, was.info().message);
  EXPECT_EQ(is.info().upserts, was.info().upserts);
  EXPECT_EQ(is.info().erases, was.info().erases);
  EXPECT_EQ(is.info().checkpoint, was.info().checkpoint);
  EXPECT_EQ(is.fingerprint(), was.fingerprint());
  EXPECT_EQ(test::state_of(was).difference(test::state_of(is)), "");
  EXPECT_EQ(test::contradiction_in(is), "");
}

TEST(RewriteProperty, KeptRevisionsKeepTheirNumberAndFingerprint) {
  test::RandomRecord random(test::random_seed());
  for (int round = 0; round < 4; ++round) {
    SimulatedDisk disk;
    write_history(disk, random, 40);
    const std::uint64_t head = read_on(disk).head().revision();
    std::vector<std::uint64_t> kept;
    for (std::uint64_t revision = 1; revision <= head; ++revision) {
      if (round == 0 || revision == head || random.one_in(3)) kept.push_back(revision);
    }
    rewrite(disk, kept);
    const Reader old = read_on(disk);
    const Reader is = read_on(disk, kNew);
    EXPECT_NE(is.head().view().header().file_id, old.head().view().header().file_id);
    EXPECT_EQ(is.head().view().header().created_nanos, old.head().view().header().created_nanos);
    std::vector<std::uint64_t> listed;
    is.head().history([&](const RevisionInfo& info) {
      listed.insert(listed.begin(), info.revision);
      return true;
    });
    ASSERT_EQ(listed, kept);
    for (const std::uint64_t revision : kept) {
      expect_same_revision(old.at(revision), is.at(revision));
    }
  }
}

TEST(Rewrite, OfEveryRevisionIsNotLargerThanTheFile) {
  test::RandomRecord random(7);
  SimulatedDisk disk;
  write_history(disk, random, 60);
  std::vector<std::uint64_t> all;
  for (std::uint64_t revision = 1; revision <= read_on(disk).head().revision(); ++revision) {
    all.push_back(revision);
  }
  rewrite(disk, all);
  EXPECT_LE(disk.contents(kNew).size(), disk.contents(test::kDiskPath).size());
}

TEST(Rewrite, AWriterGoesOnWithTheNextNumber) {
  test::RandomRecord random(8);
  SimulatedDisk disk;
  write_history(disk, random, 10);
  const std::uint64_t head = read_on(disk).head().revision();
  rewrite(disk, {1, head});
  Writer writer = test::open_on(disk, kNew);
  Transaction change = writer.begin();
  change.upsert_any(Table::kValues, "more", random.value(10).view());
  EXPECT_EQ(change.commit().revision, head + 1);
}

TEST(Rewrite, ADamagedRevisionThrowsAndLeavesTheOthersGood) {
  test::RandomRecord random(9);
  SimulatedDisk disk;
  {
    Writer writer = test::create_on(disk);
    for (int i = 0; i < 3; ++i) {
      Transaction change = writer.begin();
      change.upsert_any(Table::kValues, "k" + std::to_string(i), random.value(9000).view());
      (void)change.commit(test::folded());
    }
  }
  auto bytes = disk.contents(test::kDiskPath);
  // Into the blob of revision 3, which stands right behind the commit of revision 2.
  const std::uint64_t second = read_on(disk).at(2).info().offset;
  const auto tag = value_or_throw(format::decode_file_header(bytes)).tag();
  const auto commit = value_or_throw(format::load_frame(bytes, second, tag));
  bytes[commit.header.end() + format::kFrameHeaderBytes + 5] ^= std::byte{4};
  disk.put(test::kDiskPath, bytes);

  const Reader old = read_on(disk);
  Rewriter rewriter(kNew, rewriting(disk));
  rewriter.add(old.at(1));
  rewriter.add(old.at(2));
  EXPECT_EQ(test::error_of([&] { rewriter.add(old.at(3)); }), ErrorCode::kDamaged);
  EXPECT_EQ(rewriter.added(), 2U);
  rewriter.finish();
  const Reader is = read_on(disk, kNew);
  EXPECT_EQ(is.head().revision(), 2U);
  expect_same_revision(old.at(2), is.head());
}

TEST(Rewrite, WithoutFinishNothingIsLeft) {
  test::RandomRecord random(10);
  SimulatedDisk disk;
  write_history(disk, random, 3);
  const auto names = disk.list("/d");
  { const Rewriter rewriter(kNew, rewriting(disk)); }
  auto left = disk.list("/d");
  std::erase(left, "new.session.lock");
  EXPECT_EQ(left, names);
}

}  // namespace
}  // namespace session::operations
