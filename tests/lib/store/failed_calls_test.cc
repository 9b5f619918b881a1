// What the operating system refuses: a failed sync ends all acknowledgement, a failed write costs
// the transaction and nothing else, and whatever call fails, nothing acknowledged is lost.

#include <gtest/gtest.h>

#include <cerrno>
#include <random>
#include <string>

#include "session/protect.h"
#include "session/reader.h"
#include "session/writer.h"
#include "tests/support/crash_run.h"
#include "tests/support/disk_session.h"
#include "tests/support/records.h"
#include "tests/support/seed.h"

namespace session::test {
namespace {

class FailedCalls : public ::testing::Test {
 protected:
  void put(Writer& writer, std::string_view key, const CommitOptions& options = {}) {
    auto change = writer.begin();
    put_value(change, key, key);
    (void)change.commit(options);
  }
  [[nodiscard]] static bool has(const Snapshot& snapshot, std::string_view key) {
    return snapshot.get<schema::Value>(key).has_value();
  }
  [[nodiscard]] static Fault failing(DiskCall kind, int error = EIO, std::size_t nth = 1) {
    Fault fault;
    fault.kind = kind;
    fault.nth = nth;
    fault.error = error;
    return fault;
  }

  SimulatedDisk disk_;
};

TEST_F(FailedCalls, NothingIsAcknowledgedAfterAFailedSync) {
  Writer writer = create_on(disk_);
  put(writer, "a/1");
  disk_.fail(failing(DiskCall::kSync));
  EXPECT_EQ(error_of([&] { put(writer, "a/2"); }), ErrorCode::kIo);
  for (int attempt = 0; attempt < 2; ++attempt) {
    EXPECT_EQ(error_of([&] { put(writer, "a/3"); }), ErrorCode::kPoisoned);
    EXPECT_EQ(error_of([&] { put(writer, "a/3", relaxed()); }), ErrorCode::kPoisoned);
    EXPECT_EQ(error_of([&] { put(writer, "a/3", folded()); }), ErrorCode::kPoisoned);
    EXPECT_EQ(error_of([&] { (void)writer.checkpoint({}); }), ErrorCode::kPoisoned);
    EXPECT_EQ(error_of([&] { (void)writer.restore(1); }), ErrorCode::kPoisoned);
    EXPECT_EQ(error_of([&] { writer.flush(); }), ErrorCode::kPoisoned);
  }
  EXPECT_TRUE(has(writer.head(), "a/1"));
  writer.close();
  EXPECT_FALSE(read_on(disk_).info().sealed);
}

// After a failed sync the system may call pages clean that never reached the disk: another sync
// says nothing about them.
TEST_F(FailedCalls, OpeningAfterAFailedSyncWritesTheUnsyncedBytesAgain) {
  {
    Writer writer = create_on(disk_);
    put(writer, "a/1");
    put(writer, "a/2", relaxed());
    put(writer, "a/3", relaxed());
    disk_.fail(failing(DiskCall::kSync));
    EXPECT_EQ(error_of([&] { put(writer, "a/4"); }), ErrorCode::kIo);
  }
  Writer writer = open_on(disk_);
  const std::uint64_t recovered = writer.report().recovered_to;
  EXPECT_EQ(recovered, 5U);  // all of it was in the system's hands
  {
    SimulatedDisk off = disk_.crashed_with_mask(0);
    EXPECT_EQ(read_on(off).head().revision(), recovered);
  }
  put(writer, "a/5");
  SimulatedDisk off = disk_.crashed_with_mask(0);
  const Snapshot head = read_on(off).head();
  for (const char* key : {"a/1", "a/2", "a/3", "a/4", "a/5"}) EXPECT_TRUE(has(head, key)) << key;
  EXPECT_EQ(contradiction_in(head), "");
}

TEST_F(FailedCalls, AFailedFlushPoisonsAndItsCommitsComeBackWhenOpenedAgain) {
  {
    Writer writer = create_on(disk_);
    put(writer, "a/1", relaxed());
    disk_.fail(failing(DiskCall::kSync));
    EXPECT_EQ(error_of([&] { writer.flush(); }), ErrorCode::kIo);
    EXPECT_EQ(error_of([&] { writer.flush(); }), ErrorCode::kPoisoned);
  }
  EXPECT_EQ(open_on(disk_).report().recovered_to, 2U);
  SimulatedDisk off = disk_.crashed_with_mask(0);
  EXPECT_TRUE(has(read_on(off).head(), "a/1"));
}

// A seal whose sync failed looks whole and may not be: the next writer must not build on it.
TEST_F(FailedCalls, WhatFollowsASealThatWasNotSyncedLeavesNoDamageBehind) {
  for (std::size_t length = 1; length < 1'000; length += 60) {  // the seal stands anywhere
    SimulatedDisk disk;
    {
      Writer writer = create_on(disk);
      put(writer, "a/" + std::string(length, 'x'));
      disk.fail(failing(DiskCall::kSync));
      EXPECT_EQ(error_of([&] { writer.close(); }), ErrorCode::kIo);
    }
    Writer writer = open_on(disk);
    put(writer, "a/2");
    SimulatedDisk off = disk.crashed_with_mask(0);
    const FileInfo info = read_on(off).info();
    EXPECT_EQ(info.head.revision, 3U);
    EXPECT_EQ(damage_in_frames(off.contents(kDiskPath), info.head_end), "");
  }
}

// Nor on one whose writer ended before it had synced it, or what stands behind it: the closing
// frame of a parity group.
TEST_F(FailedCalls, WhatFollowsASealOfAKilledWriterLeavesNoDamageBehind) {
  std::mt19937_64 random(random_seed());
  for (std::size_t length = 1; length < 600; length += 60) {
    for (std::size_t n = 0;; ++n) {
      SimulatedDisk disk;
      CreateOptions options = creating_on(disk);
      options.parity_percent = length / 60 % 2 == 0 ? 0 : 10;
      Writer writer = Writer::create(kDiskPath, options);
      put(writer, "a/" + std::string(length, 'x'));
      disk.crash_after(disk.operations() + n);
      try {
        writer.close();
      } catch (const CrashNow&) {
      }
      const bool finished = !disk.has_crashed();
      SimulatedDisk next = disk.killed();
      Writer later = open_on(next);
      put(later, "a/2", relaxed());
      for (int i = 0; i < 20; ++i) {
        SimulatedDisk off = next.crashed(random);
        const FileInfo info = read_on(off).info();
        EXPECT_GE(info.head.revision, 2U);
        ASSERT_EQ(damage_in_frames(off.contents(kDiskPath), info.head_end), "") << n;
      }
      if (finished) break;
    }
  }
}

// A seal that could not be written waits nowhere: it would be written with the next one.
TEST_F(FailedCalls, ASealThatCouldNotBeWrittenIsWrittenOnce) {
  Writer writer = create_on(disk_);
  put(writer, "a/1");
  ProtectOptions options;
  options.percent = 10;
  for (const DiskCall kind : {DiskCall::kWrite, DiskCall::kSync}) {
    for (std::size_t n = 1;; ++n) {
      SimulatedDisk disk = disk_.killed();
      options.files = &disk;
      disk.fail(failing(kind, ENOSPC, n));
      const auto error = error_of([&] { (void)protect(kDiskPath, options); });
      const FileInfo info = read_on(disk).info();
      EXPECT_EQ(info.tail_bytes, 0U) << static_cast<int>(kind) << ' ' << n;
      EXPECT_EQ(damage_in_frames(disk.contents(kDiskPath), info.head_end), "");
      if (disk.faults_met() == 0) break;
      EXPECT_EQ(error, ErrorCode::kIo) << n;
    }
  }
}

// A relaxed commit is promised to be on the disk when close() returns.
TEST_F(FailedCalls, ClosingDoesNotHideThatASyncFailedAfterACommit) {
  Writer writer = create_on(disk_);
  put(writer, "a/1", relaxed());
  {
    auto change = writer.begin();
    change.spill_above(1'000);
    for (std::uint64_t i = 0; i < 40; ++i) {
      put_message(change, numbered("m", i), std::string(100, 'x'));
    }
    disk_.fail(failing(DiskCall::kSync));
  }  // rolled back: the file is cut, and the sync of what stays fails
  ASSERT_EQ(disk_.faults_met(), 1U);
  EXPECT_EQ(error_of([&] { writer.close(); }), ErrorCode::kPoisoned);
  Writer again = open_on(disk_);
  SimulatedDisk off = disk_.crashed_with_mask(0);
  EXPECT_TRUE(has(read_on(off).head(), "a/1"));
}

// It is as if nobody had closed it: what was not synced then is not vouched for now.
TEST_F(FailedCalls, AFileThatCouldNotBeRecoveredIsNotSealed) {
  {
    Writer writer = create_on(disk_);
    put(writer, "a/1", relaxed());
    disk_.fail(failing(DiskCall::kSync));
    EXPECT_EQ(error_of([&] { writer.flush(); }), ErrorCode::kIo);
  }
  disk_.fail(failing(DiskCall::kSync));
  EXPECT_EQ(error_of([&] { (void)open_on(disk_); }), ErrorCode::kIo);
  EXPECT_FALSE(read_on(disk_).info().sealed);
  EXPECT_EQ(open_on(disk_).report().recovered_to, 2U);
  SimulatedDisk off = disk_.crashed_with_mask(0);
  EXPECT_TRUE(has(read_on(off).head(), "a/1"));
}

TEST_F(FailedCalls, AFullDiskRollsBackAndTheNextCommitSucceeds) {
  for (const bool as_snapshot : {false, true}) {
    SimulatedDisk disk;
    Writer writer = create_on(disk);
    put(writer, "a/1");
    CommitOptions options = relaxed();  // one write and no reserve
    options.as_snapshot = as_snapshot;
    disk.fail(failing(DiskCall::kWrite, ENOSPC));
    EXPECT_EQ(error_of([&] { put(writer, "a/2", options); }), ErrorCode::kIo);
    EXPECT_EQ(disk.faults_met(), 1U);
    EXPECT_EQ(writer.head().revision(), 2U);
    EXPECT_EQ(read_on(disk).head().revision(), 2U);
    put(writer, "a/3");
    const Snapshot head = read_on(disk).head();
    EXPECT_EQ(head.revision(), 3U);
    EXPECT_TRUE(has(head, "a/1"));
    EXPECT_FALSE(has(head, "a/2"));
    EXPECT_TRUE(has(head, "a/3"));
    EXPECT_EQ(contradiction_in(head), "");
    writer.close();
    EXPECT_EQ(damage_in_frames(disk.contents(kDiskPath), read_on(disk).info().head_end), "");
  }
}

TEST_F(FailedCalls, ADiskTooFullForTheReserveStillTakesTheCommit) {
  Writer writer = create_on(disk_);
  disk_.fail(failing(DiskCall::kWrite, ENOSPC));
  put(writer, "a/1");
  EXPECT_EQ(disk_.faults_met(), 1U);
  SimulatedDisk off = disk_.crashed_with_mask(0);
  EXPECT_TRUE(has(read_on(off).head(), "a/1"));
}

TEST_F(FailedCalls, AFailedWriteOfALargeTransactionCostsOnlyThat) {
  Writer writer = create_on(disk_);
  put(writer, "a/1");
  for (std::size_t nth = 1; nth < 4; ++nth) {
    disk_.fail(failing(DiskCall::kWrite, ENOSPC, nth));
    EXPECT_EQ(error_of([&] {
                auto change = writer.begin();
                change.spill_above(2'000);
                for (std::uint64_t i = 0; i < 100; ++i) {
                  put_message(change, numbered("m", i), std::string(100, 'x'));
                }
                // The reserve may be given up; this commit has none.
                (void)change.commit(relaxed());
              }),
              ErrorCode::kIo);
    EXPECT_EQ(disk_.faults_met(), nth);
  }
  put(writer, "a/2");
  writer.close();
  const Reader reader = read_on(disk_);
  EXPECT_EQ(reader.head().revision(), 3U);
  EXPECT_EQ(reader.head().count(Table::kMessages), 0U);
  EXPECT_EQ(contradiction_in(reader.head()), "");
  EXPECT_EQ(damage_in_frames(disk_.contents(kDiskPath), reader.info().head_end), "");
}

// A name that may vanish with the power is not published, however often one asks.
TEST_F(FailedCalls, PublishingDoesNotSucceedByRetryAlone) {
  Writer writer = Writer::create_draft(kDiskPath, creating_on(disk_));
  (void)writer.begin().commit();
  disk_.fail(failing(DiskCall::kSyncDirectory));
  EXPECT_EQ(error_of([&] { writer.publish(); }), ErrorCode::kIo);
  EXPECT_EQ(error_of([&] { writer.publish(); }), ErrorCode::kPoisoned);
  EXPECT_EQ(error_of([&] { put(writer, "a/1"); }), ErrorCode::kPoisoned);
}

// The writer that created the file was killed before the name was on the disk.
TEST_F(FailedCalls, ACommitAfterAKilledCreatorIsNotLostWithTheFilesName) {
  for (std::size_t n = 0;; ++n) {
    SimulatedDisk disk;
    disk.crash_after(n);
    try {
      Writer writer = create_on(disk);
    } catch (const CrashNow&) {
    }
    const bool finished = !disk.has_crashed();
    SimulatedDisk next = disk.killed();
    if (next.exists(kDiskPath)) {
      Writer writer = open_on(next);
      put(writer, "a/1");
      SimulatedDisk off = next.crashed_with({.directory_operations = 0});
      ASSERT_TRUE(off.exists(kDiskPath)) << "killed after operation " << n;
      EXPECT_TRUE(has(read_on(off).head(), "a/1"));
    }
    if (finished) break;
  }
}

// As a compactor does that is killed between its rename and the sync of the directory.
TEST_F(FailedCalls, ACommitIsNotLostWithTheNameThatAClosedFileWasGivenLast) {
  const std::string before = "/d/compacted.session";
  create_on(disk_, before).close();
  disk_.rename(before, kDiskPath);
  Writer writer = open_on(disk_);
  put(writer, "a/1");
  SimulatedDisk off = disk_.crashed_with({.directory_operations = 0});
  ASSERT_TRUE(off.exists(kDiskPath));
  EXPECT_TRUE(has(read_on(off).head(), "a/1"));
}

// One call fails, whichever it is; then the writer goes on if it can.
class NthCallFails : public ::testing::TestWithParam<int> {};

void work(CrashRun& run) {
  run.create();
  run.commit(3, Durability::kDurable);
  run.commit(2, Durability::kRelaxed);
  run.commit_blobs();
  run.commit(1, Durability::kRelaxed, true);
  run.checkpoint("here");
  run.commit_spilled(60, 3'000);
  run.restore(3);
  run.close();
  run.open();
  run.commit(1, Durability::kDurable);
  run.close();
}

TEST_P(NthCallFails, LosesNothingAcknowledged) {
  for (const bool from_then_on : {false, true}) {
    for (std::size_t n = 1;; ++n) {
      const std::string where = "call " + std::to_string(n) + (from_then_on ? " and on" : "");
      SimulatedDisk disk;
      Fault fault;
      fault.nth = n;
      fault.error = GetParam();
      fault.from_then_on = from_then_on;
      disk.fail(fault);
      Promise promise;
      {
        CrashRun run(disk, promise, 11);
        bool failed = false;
        try {
          work(run);
        } catch (const Error&) {
          failed = true;
        }
        if (disk.faults_met() == 0) break;  // a whole run without meeting it
        disk.clear_faults();
        if (failed && run.has_writer()) {
          const Promise before = promise;
          try {
            run.believe_the_writer();
            run.commit(1, Durability::kDurable);
          } catch (const Error& error) {
            promise = before;
            EXPECT_TRUE(error.code() == ErrorCode::kPoisoned || error.code() == ErrorCode::kUsage)
                << where << ": " << error.what();
          }
        }
      }
      std::mt19937_64 random(n);
      for (SimulatedDisk after : {disk.killed(), disk.crashed_with_mask(0), disk.crashed(random)}) {
        ASSERT_EQ(examine(after, promise, true).wrong, "") << where;
        ASSERT_EQ(go_on(after, promise, n), "") << where;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Errors, NthCallFails, ::testing::Values(EIO, ENOSPC, EFBIG));

}  // namespace
}  // namespace session::test
