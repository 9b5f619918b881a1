// What a compaction keeps, and what it leaves of a file (G7, G9).

#include "session/compact.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "format/checksum.h"
#include "session/protect.h"
#include "session/reader.h"
#include "session/verify.h"
#include "tests/support/disk_session.h"
#include "tests/support/random_record.h"
#include "tests/support/records.h"
#include "tests/support/seed.h"
#include "tests/support/session_state.h"

namespace session::test {
namespace {

CompactOptions compacting(SimulatedDisk& disk) {
  CompactOptions options;
  options.files = &disk;
  options.clock = counting_clock();
  return options;
}

void expect_clean(SimulatedDisk& disk, const std::string& path = kDiskPath) {
  VerifyOptions options;
  options.level = VerifyLevel::kFull;
  options.files = &disk;
  options.jobs = 1;
  std::string found;
  options.on_finding = [&](const Finding& finding) {
    if (layer_of(finding.code) != FindingLayer::kMeaning) found += finding.message + "; ";
  };
  EXPECT_EQ(verify(path, options).verdict, Verdict::kClean) << found;
  EXPECT_EQ(found, "");
}

// Commits of every kind: relaxed and folded, with blobs, with checkpoints, restores, deletions.
void write_history(SimulatedDisk& disk, RandomRecord& random, int commits) {
  Writer writer = create_on(disk);
  for (int i = 0; i < commits; ++i) {
    Transaction change = writer.begin();
    for (std::size_t n = 1 + random.below(8); n > 0; --n) {
      const std::string key = "k" + std::to_string(random.below(60));
      const Table table = random.one_in(2) ? Table::kValues : Table::kTasks;
      if (random.one_in(4)) {
        (void)change.erase(table, key);
      } else if (table == Table::kTasks) {
        put_task(change, key, {.title = "task " + std::to_string(random.number())});
      } else {
        const std::size_t size =
            random.one_in(3) ? 5000 + random.below(3) * 70000 : random.below(200);
        change.upsert_any(table, key, random.value(size).view());
      }
    }
    if (random.one_in(6)) {
      CheckpointOptions checkpoint;
      checkpoint.description = "checkpoint " + std::to_string(i);
      checkpoint.trigger = random.one_in(2) ? schema::Trigger::MANUAL : schema::Trigger::ERROR;
      if (random.one_in(3)) checkpoint.tags = {"tagged"};
      (void)change.checkpoint(checkpoint, "words " + std::to_string(i));
      continue;
    }
    CommitOptions options = relaxed();
    options.as_snapshot = random.one_in(5);
    options.message = random.one_in(2) ? "message " + std::to_string(i) : "";
    (void)change.commit(options);
    if (random.one_in(15)) (void)writer.restore(1 + random.below(writer.head().revision()));
    const auto checkpoints = writer.head().checkpoints();
    if (!checkpoints.empty() && random.one_in(12)) {
      (void)writer.delete_checkpoint(checkpoints[random.below(checkpoints.size())].id);
    }
  }
}

struct Kept {
  RevisionInfo info;
  Digest fingerprint{};
  SessionState state;
};

std::map<std::uint64_t, Kept> everything_in(SimulatedDisk& disk,
                                            const std::string& path = kDiskPath) {
  std::map<std::uint64_t, Kept> all;
  const Reader reader = read_on(disk, path);
  reader.head().history([&](const RevisionInfo& info) {
    const Snapshot snapshot = reader.at(info.revision);
    EXPECT_EQ(contradiction_in(snapshot), "");
    all.emplace(info.revision, Kept{info, snapshot.fingerprint(), state_of(snapshot)});
    return true;
  });
  return all;
}

RetentionPolicy random_policy(RandomRecord& random) {
  RetentionPolicy policy;
  if (random.one_in(3)) return policy;
  if (random.one_in(2)) policy.keep_last = 1 + random.below(20);
  if (random.one_in(3))
    policy.keep_within_nanos = static_cast<std::int64_t>(1 + random.below(90)) * kClockStep;
  if (random.one_in(3)) policy.keep_tags = {"tagged"};
  if (random.one_in(3)) policy.hourly.count = 1;
  return policy;
}

// The content tables and the fingerprint; of the checkpoints, those whose revisions are kept.
void expect_same_content(const Kept& was, const Kept& is) {
  EXPECT_EQ(is.info.time_nanos, was.info.time_nanos);
  EXPECT_EQ(is.info.message, was.info.message);
  EXPECT_EQ(is.info.checkpoint, was.info.checkpoint);
  EXPECT_EQ(is.fingerprint, was.fingerprint);
  EXPECT_TRUE(was.info.kind == CommitKind::kDelta || is.info.kind == CommitKind::kSnapshot);
  for (const Table table : kContentTables) {
    EXPECT_EQ(is.state.table(table), was.state.table(table)) << table_name(table);
  }
}

void expect_kept(const CompactReport& report, const std::map<std::uint64_t, Kept>& before,
                 const std::map<std::uint64_t, Kept>& after) {
  ASSERT_EQ(report.revisions.size(), before.size());
  std::size_t kept = 0;
  for (const RevisionFate& fate : report.revisions) {
    ASSERT_EQ(after.contains(fate.revision), fate.kept) << fate.revision;
    if (!fate.kept) continue;
    ++kept;
    SCOPED_TRACE("revision " + std::to_string(fate.revision));
    expect_same_content(before.at(fate.revision), after.at(fate.revision));
  }
  EXPECT_EQ(after.size(), kept);
}

TEST(CompactProperty, KeptRevisionsStayWhatTheyWereUnderAnyPolicy) {
  RandomRecord random(random_seed());
  for (int round = 0; round < 6; ++round) {
    SimulatedDisk disk;
    write_history(disk, random, 40);
    const auto before = everything_in(disk);
    CompactOptions options = compacting(disk);
    options.retention = random_policy(random);
    options.archive = random.one_in(3);
    if (random.one_in(3)) options.parity_percent = 10;
    const CompactReport report = compact(kDiskPath, options);
    EXPECT_EQ(report.bytes_after, disk.contents(kDiskPath).size());
    expect_kept(report, before, everything_in(disk));
    expect_clean(disk);
    EXPECT_EQ(error_of([&] { (void)read_on(disk).at(before.rbegin()->first + 1); }),
              ErrorCode::kNotFound);
  }
}

TEST(CompactProperty, TwiceIsTheSameAsOnce) {
  RandomRecord random(random_seed());
  for (int round = 0; round < 4; ++round) {
    SimulatedDisk disk;
    write_history(disk, random, 50);
    CompactOptions options = compacting(disk);
    options.retention = random_policy(random);
    options.archive = round % 2 == 0;
    const CompactReport first = compact(kDiskPath, options);
    const auto before = everything_in(disk);
    CompactOptions again = compacting(disk);
    const CompactReport second = compact(kDiskPath, again);
    // Compressed, a commit's size depends on its hashes too, which are of another file; and so are
    // deltas that lean on others.
    const std::uint64_t give = 64 * first.revisions.size();
    EXPECT_LE(second.bytes_after, first.bytes_after + give);
    EXPECT_GE(second.bytes_after + give, first.bytes_after);
    expect_kept(second, before, everything_in(disk));
  }
}

TEST(Compact, KeepingEverythingIsNotLarger) {
  RandomRecord random(7);
  SimulatedDisk disk;
  write_history(disk, random, 60);
  const CompactReport report = compact(kDiskPath, compacting(disk));
  EXPECT_LE(report.bytes_after, report.bytes_before);
  EXPECT_TRUE(std::all_of(report.revisions.begin(), report.revisions.end(),
                          [](const RevisionFate& fate) { return fate.kept; }));
}

TEST(Compact, KeepingTheHeadIsAsSmallAsAFileMadeOfIt) {
  RandomRecord random(8);
  SimulatedDisk disk;
  write_history(disk, random, 60);
  CompactOptions options = compacting(disk);
  options.output = "/d/small.session";
  options.retention.keep_tags = {"no such tag"};
  for (const CheckpointInfo& checkpoint : read_on(disk).head().checkpoints()) {
    if (checkpoint.revision != read_on(disk).head().revision())
      options.drop.push_back(checkpoint.id);
  }
  const CompactReport report = compact(kDiskPath, options);
  Writer fresh = create_on(disk, "/d/fresh.session");
  Transaction change = fresh.begin();
  fill(change, state_of(read_on(disk).head()));
  (void)change.commit(folded());
  fresh.close();
  EXPECT_LE(report.bytes_after, disk.contents("/d/fresh.session").size() + 2048);
}

// One record a revision, then everything at once, then nothing changed: dropping what lies between.
TEST(Compact, DroppedChangesAreFoldedIntoTheNextKeptRevision) {
  SimulatedDisk disk;
  {
    Writer writer = create_on(disk);
    for (int i = 2; i <= 9; ++i) {
      Transaction change = writer.begin();
      put_value(change, "n/" + std::to_string(i), "revision " + std::to_string(i));
      if (i == 3 || i == 8) {
        CheckpointOptions checkpoint;
        checkpoint.description = "at " + std::to_string(i);
        (void)change.checkpoint(checkpoint);
      } else {
        (void)change.commit();
      }
    }
  }
  CompactOptions options = compacting(disk);
  options.retention.keep_last = 1;
  const auto before = everything_in(disk);
  const CompactReport report = compact(kDiskPath, options);
  expect_kept(report, before, everything_in(disk));
  const Reader reader = read_on(disk);
  EXPECT_EQ(reader.head().info().parent, 8U);
  EXPECT_EQ(reader.at(8).info().parent, 3U);
  EXPECT_EQ(reader.head().info().kind, CommitKind::kDelta) << "a small difference stays small";
  const std::string words = words_of([&] { (void)reader.at(5); });
  EXPECT_NE(words.find("the nearest kept: 3 and 8"), std::string::npos) << words;
  EXPECT_EQ(read_on(disk).head().checkpoints().size(), 2U);
}

TEST(Compact, NearestRevisionsAreNamedAmongPendingDeltasToo) {
  SimulatedDisk disk;
  {
    Writer writer = create_on(disk);
    for (int i = 2; i <= 6; ++i) {
      Transaction change = writer.begin();
      put_value(change, "n/" + std::to_string(i), "x");
      if (i == 4) {
        CheckpointOptions checkpoint;
        (void)change.checkpoint(checkpoint);
      } else {
        (void)change.commit();
      }
    }
  }
  CompactOptions options = compacting(disk);
  options.drop = {read_on(disk).head().checkpoints().front().id};
  (void)compact(kDiskPath, options);
  const Reader reader = read_on(disk);
  EXPECT_EQ(reader.at(5).info().kind, CommitKind::kDelta);
  const std::string words = words_of([&] { (void)reader.at(4); });
  EXPECT_NE(words.find("the nearest kept: 3 and 5"), std::string::npos) << words;
}

TEST(Compact, ADeletedCheckpointIsNotPinnedAnyMore) {
  SimulatedDisk disk;
  {
    Writer writer = create_on(disk);
    CheckpointOptions checkpoint;
    checkpoint.id = "0000-first";
    (void)writer.checkpoint(checkpoint);
    checkpoint.id = "0000-second";
    (void)writer.checkpoint(checkpoint);
    (void)writer.delete_checkpoint("0000-first");
  }
  CompactOptions options = compacting(disk);
  options.retention.keep_last = 1;
  (void)compact(kDiskPath, options);
  const Reader reader = read_on(disk);
  EXPECT_EQ(error_of([&] { (void)reader.at(2); }), ErrorCode::kNotFound);
  EXPECT_EQ(reader.at(3).checkpoints().size(), 1U) << "of a revision that is gone no record stays";
  EXPECT_EQ(reader.head().checkpoints().size(), 1U);
  expect_clean(disk);
}

TEST(Compact, OfTheHeadsCheckpointNothingIsDropped) {
  SimulatedDisk disk;
  {
    Writer writer = create_on(disk);
    CheckpointOptions checkpoint;
    checkpoint.description = "now";
    (void)writer.checkpoint(checkpoint);
  }
  CompactOptions options = compacting(disk);
  options.drop = {"now"};
  const auto before = disk.contents(kDiskPath);
  EXPECT_EQ(error_of([&] { (void)compact(kDiskPath, options); }), ErrorCode::kUsage);
  options.drop = {"never"};
  EXPECT_EQ(error_of([&] { (void)compact(kDiskPath, options); }), ErrorCode::kNotFound);
  EXPECT_EQ(disk.contents(kDiskPath), before);
}

TEST(Compact, BlobsThatNoKeptRevisionNeedsGo) {
  SimulatedDisk disk;
  const std::string large(300'000, 'x');
  {
    Writer writer = create_on(disk);
    for (const char* word : {"a", "b"}) {
      Transaction change = writer.begin();
      put_value(change, "v/only", large + word);
      (void)change.commit();
    }
  }
  CompactOptions options = compacting(disk);
  (void)compact(kDiskPath, options);
  const std::string first_text = large + "a";
  const Digest first = format::sha256(std::as_bytes(std::span(first_text)));
  EXPECT_EQ(read_on(disk).at(2).blob(first).size(), large.size() + 1);
  options.retention.keep_last = 1;
  (void)compact(kDiskPath, options);
  EXPECT_EQ(read_on(disk).head().count(Table::kBlobs), 1U);
  EXPECT_EQ(error_of([&] { (void)read_on(disk).head().blob(first); }), ErrorCode::kNotFound);
  EXPECT_EQ(contradiction_in(read_on(disk).head()), "");
}

TEST(Compact, ParityIsStripedAnewIntoOneGroup) {
  RandomRecord random(9);
  SimulatedDisk disk;
  write_history(disk, random, 10);
  for (int i = 0; i < 2; ++i) {
    ProtectOptions protecting;
    protecting.files = &disk;
    protecting.percent = 20;
    EXPECT_EQ(protect(kDiskPath, protecting).groups_added, 1U);
    Writer writer = open_on(disk);
    Transaction change = writer.begin();
    put_value(change, "n/" + std::to_string(i), "more");
    (void)change.commit();
  }
  const CompactReport report = compact(kDiskPath, compacting(disk));
  EXPECT_GE(report.parity_percent, 20U) << "at least as much as the file had";
  EXPECT_LE(report.parity_percent, 22U);
  const FileInfo info = read_on(disk).info();
  EXPECT_EQ(info.uncovered_bytes, 0U);
  EXPECT_EQ(info.parity_bytes, report.parity_bytes);
  EXPECT_TRUE(info.sealed);
  ProtectOptions again;
  again.files = &disk;
  EXPECT_EQ(protect(kDiskPath, again).groups_added, 0U);
}

TEST(Compact, ADryRunSaysTheSizeAndLeavesNothing) {
  RandomRecord random(10);
  SimulatedDisk disk;
  write_history(disk, random, 20);
  const auto names = disk.list("/d");
  const auto before = disk.contents(kDiskPath);
  CompactOptions options = compacting(disk);
  options.retention.keep_last = 2;
  options.dry_run = true;
  const CompactReport planned = compact(kDiskPath, options);
  EXPECT_EQ(disk.list("/d"), names);
  EXPECT_EQ(disk.contents(kDiskPath), before);
  options.dry_run = false;
  EXPECT_EQ(compact(kDiskPath, options).bytes_after, planned.bytes_after);
}

TEST(Compact, AnOutputLeavesTheSourceAlone) {
  RandomRecord random(11);
  SimulatedDisk disk;
  write_history(disk, random, 20);
  const auto before = disk.contents(kDiskPath);
  CompactOptions options = compacting(disk);
  options.output = "/d/out.session";
  (void)compact(kDiskPath, options);
  EXPECT_EQ(disk.contents(kDiskPath), before);
  EXPECT_EQ(read_on(disk, "/d/out.session").head().fingerprint(),
            read_on(disk).head().fingerprint());
  EXPECT_EQ(error_of([&] { (void)compact(kDiskPath, options); }), ErrorCode::kExists);
}

TEST(Compact, StoppedHalfWayLeavesTheFileAndNothingElse) {
  RandomRecord random(12);
  SimulatedDisk disk;
  {
    Writer writer = create_on(disk);
    for (int i = 0; i < 4; ++i) {
      Transaction change = writer.begin();
      put_value(change, "v/" + std::to_string(i), random.text(700'000));
      (void)change.commit();
    }
  }
  const auto names = disk.list("/d");
  const auto before = disk.contents(kDiskPath);
  int calls = 0;
  CompactOptions options = compacting(disk);
  options.progress = [&](const Progress&) { return ++calls < 2; };
  EXPECT_EQ(error_of([&] { (void)compact(kDiskPath, options); }), ErrorCode::kInterrupted);
  EXPECT_EQ(disk.list("/d"), names);
  EXPECT_EQ(disk.contents(kDiskPath), before);
}

// A full disk, a sync or a rename that fails: the writer goes on in the file it had. Behind the
// rename it can only stop: the new file is there, but it is not known to the end.
TEST(Compact, AnyCallThatFailsLeavesTheOneFileOrTheOther) {
  RandomRecord random(15);
  SimulatedDisk whole;
  write_history(whole, random, 8);
  const auto names = whole.list("/d");
  for (const DiskCall kind :
       {DiskCall::kWrite, DiskCall::kSync, DiskCall::kCreate, DiskCall::kRename, DiskCall::kRead,
        DiskCall::kMap, DiskCall::kSyncDirectory}) {
    for (std::size_t nth = 1;; ++nth) {
      SCOPED_TRACE("call " + std::to_string(static_cast<int>(kind)) + ", " + std::to_string(nth));
      SimulatedDisk disk = whole;
      Writer writer = open_on(disk);
      const auto before = disk.contents(kDiskPath);
      const std::size_t met = disk.faults_met();
      disk.fail({kind, nth, ENOSPC});
      CompactOptions options = compacting(disk);
      const ErrorCode code = error_of([&] { (void)writer.compact(options); });
      const bool has_met = disk.faults_met() > met;
      disk.clear_faults();
      if (!has_met) break;
      if (code == ErrorCode::kInternal) continue;  // it did without what failed
      EXPECT_EQ(disk.list("/d"), names);
      const auto go_on = [&] {
        Transaction change = writer.begin();
        put_value(change, "n/after", "goes on");
        (void)change.commit();
      };
      if (disk.contents(kDiskPath) == before) {
        go_on();
        writer.close();
      } else {
        EXPECT_EQ(error_of(go_on), ErrorCode::kPoisoned);
      }
      expect_clean(disk);
    }
  }
}

TEST(Compact, ADamagedFileIsRefusedAndLeftAlone) {
  RandomRecord random(13);
  SimulatedDisk disk;
  write_history(disk, random, 20);
  auto bytes = disk.contents(kDiskPath);
  bytes[read_on(disk).at(1).info().offset + 100] ^= std::byte{4};
  disk.put(kDiskPath, bytes);
  EXPECT_EQ(error_of([&] { (void)compact(kDiskPath, compacting(disk)); }), ErrorCode::kDamaged);
  EXPECT_EQ(disk.contents(kDiskPath), bytes);
}

TEST(Compact, AWriterGoesOnInTheNewFileAndKeepsItsLock) {
  RandomRecord random(14);
  SimulatedDisk disk;
  write_history(disk, random, 20);
  Writer writer = open_on(disk);
  Reader reader = read_on(disk);
  const Snapshot held = writer.head();
  const SessionState state = state_of(held);
  const std::string old_file = reader.info().file_id;
  CompactOptions options = compacting(disk);
  options.retention.keep_last = 1;
  (void)writer.compact(options);
  EXPECT_EQ(error_of([&] { (void)open_on(disk); }), ErrorCode::kLocked);
  Transaction change = writer.begin();
  put_value(change, "n/after", "in the new file");
  EXPECT_EQ(change.commit().revision, held.revision() + 1);
  EXPECT_EQ(state.difference(state_of(held)), "");
  EXPECT_EQ(reader.head().revision(), held.revision());
  EXPECT_TRUE(reader.refresh());
  EXPECT_EQ(reader.head().revision(), held.revision() + 1);
  EXPECT_NE(reader.info().file_id, old_file);
  writer.close();
  expect_clean(disk);
}

TEST(Compact, AnUnpublishedSessionHasNothingToReplace) {
  SimulatedDisk disk;
  Writer writer = Writer::create_draft(kDiskPath, creating_on(disk));
  writer.begin().commit();
  EXPECT_EQ(error_of([&] { (void)writer.compact(compacting(disk)); }), ErrorCode::kUsage);
  writer.publish();
  EXPECT_EQ(writer.compact(compacting(disk)).output, kDiskPath);
}

// Killed between its rename and the sync of the directory it leaves a name that is not on the disk.
TEST(CompactProperty, WhatIsCommittedAfterAKilledOneIsNotLost) {
  RandomRecord content(random_seed());
  SimulatedDisk whole;
  write_history(whole, content, 6);
  for (std::size_t n = 0;; ++n) {
    SimulatedDisk disk = whole;
    disk.crash_after(disk.operations() + n);
    try {
      (void)compact(kDiskPath, compacting(disk));
    } catch (const CrashNow&) {
    }
    const bool finished = !disk.has_crashed();
    SimulatedDisk next = disk.killed();
    Writer writer = open_on(next);
    auto change = writer.begin();
    put_value(change, "a/later", "saved");
    const std::uint64_t revision = change.commit().revision;
    SimulatedDisk off = next.crashed_with({.directory_operations = 0});
    ASSERT_EQ(read_on(off).head().revision(), revision) << "killed after operation " << n;
    if (finished) break;
  }
}

TEST(CompactProperty, ACrashAtAnyWriteLeavesTheOneOrTheOther) {
  const std::uint64_t seed = random_seed();
  RandomRecord content(seed);
  SimulatedDisk whole;
  write_history(whole, content, 12);
  const auto original = whole.contents(kDiskPath);
  const auto before = everything_in(whole);
  SimulatedDisk done = whole;
  CompactOptions options = compacting(done);
  options.retention.keep_last = 3;
  const std::size_t begun = done.operations();
  (void)compact(kDiskPath, options);
  const std::size_t operations = done.operations() - begun;
  std::mt19937_64 random(seed);
  for (std::size_t n = 0; n <= operations; ++n) {
    SimulatedDisk disk = whole;
    disk.crash_after(disk.operations() + n);
    options.files = &disk;
    try {
      (void)compact(kDiskPath, options);
    } catch (const CrashNow&) {
    } catch (const Error&) {
    }
    SimulatedDisk after = disk.crashed(random);
    ASSERT_TRUE(after.exists(kDiskPath)) << "crash after " << n;
    const Reader reader = read_on(after);
    ASSERT_EQ(reader.head().fingerprint(), before.rbegin()->second.fingerprint) << n;
    if (after.contents(kDiskPath) != original) expect_clean(after);
    // And the next one is not kept from its work by what was left.
    options.files = &after;
    (void)compact(kDiskPath, options);
    expect_clean(after);
  }
}

}  // namespace
}  // namespace session::test
