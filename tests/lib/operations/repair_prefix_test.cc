// What is compressed behind other frames and loses one of them: repair brings back the rest, and
// lists exactly what it cannot.

#include "session/repair.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "tests/lib/operations/prefix_support.h"
#include "tests/support/seed.h"

namespace session::test {
namespace {

std::vector<format::FrameHeader> commits_of(const FileBytes& file) {
  auto frames = frames_of(file);
  std::erase_if(frames, [](const auto& frame) { return frame.kind != format::FrameKind::kCommit; });
  return frames;
}

void lose(FileBytes& file, const format::FrameHeader& frame) {
  zero_block(file, frame.own_offset, frame.frame_bytes());
}

RepairReport repair_with_loss(SimulatedDisk& disk, const FileBytes& damaged) {
  disk.put(kDiskPath, damaged);
  RepairOptions options;
  options.files = &disk;
  options.accept_loss = true;
  return repair(kDiskPath, options);
}

// As many deltas, then a snapshot that folds them; compacted.
FileBytes folded_after(int deltas, const std::function<void(Transaction&, int)>& fill) {
  return compacted(file_with([&](Writer& writer) {
    for (int i = 1; i <= deltas; ++i) {
      Transaction change = writer.begin();
      fill(change, i);
      (void)change.commit(relaxed());
    }
    Transaction change = writer.begin();
    put_value(change, "v/other", "the last");
    (void)change.commit(folded());
  }));
}

// What repair makes of it when that snapshot and the delta before it are lost.
Snapshot head_without_the_last_two(SimulatedDisk& disk, FileBytes file) {
  const auto commits = commits_of(file);
  for (const std::size_t back : {1U, 2U}) lose(file, commits[commits.size() - back]);
  (void)repair_with_loss(disk, file);
  return read_on(disk).head();
}

// Without parity: what cannot be opened is listed as lost, and all else is as it was.
TEST(RepairPrefix, LosesExactlyWhatLeansOnWhatIsLost) {
  RandomRecord random(random_seed());
  const FileBytes file = compacted(saved_one_by_one(random, 2, 6));
  const auto fingerprints = fingerprints_of(file);
  for (const format::FrameHeader& frame : frames_of(file)) {
    const bool may_be_leant_on =
        frame.kind == format::FrameKind::kLeaf || frame.kind == format::FrameKind::kCommit;
    if (!may_be_leant_on || frame.table > slot(Table::kValues)) continue;
    FileBytes damaged = file;
    flip_bit(damaged, (frame.own_offset + format::kFrameHeaderBytes + frame.stored_size / 2) * 8);
    const Revisions bad = unreadable_in(file, damaged);
    SimulatedDisk disk;
    const RepairReport report = repair_with_loss(disk, damaged);
    SCOPED_TRACE(std::string(format::frame_kind_name(frame.kind)) + "@" +
                 std::to_string(frame.own_offset));
    EXPECT_EQ(verify_bytes(disk.contents(kDiskPath), VerifyLevel::kFull).report.verdict,
              Verdict::kClean);
    Revisions lost;
    for (const LostItem& item : report.lost) {
      if (item.revision != 0) lost.insert(item.revision);
    }
    const auto left = fingerprints_of(disk.contents(kDiskPath));
    for (const auto& [revision, fingerprint] : fingerprints) {
      EXPECT_NE(left.contains(revision), lost.contains(revision)) << revision;
      if (!bad.contains(revision)) {
        ASSERT_TRUE(left.contains(revision)) << revision;
        EXPECT_EQ(left.at(revision), fingerprint) << revision;
      }
    }
  }
}

TEST(RepairPrefixProperty, KeepsWhatIsWholeAfterAnyDamage) {
  RandomRecord random(random_seed());
  std::mt19937_64 damaging(random.number());
  const FileBytes file = compacted(saved_one_by_one(random));
  const auto fingerprints = fingerprints_of(file);
  for (int round = 0; round < 40; ++round) {
    FileBytes damaged = file;
    std::string deed;
    for (int i = 0; i <= round % 3; ++i) deed += damage_at_random(damaged, 700, damaging) + "; ";
    SimulatedDisk disk;
    SCOPED_TRACE(deed);
    if (error_of([&] { (void)repair_with_loss(disk, damaged); }) == ErrorCode::kNotASession) {
      continue;
    }
    const Verified verified = verify_bytes(disk.contents(kDiskPath), VerifyLevel::kFull);
    EXPECT_EQ(verified.report.verdict, Verdict::kClean) << verified.text();
    const std::uint64_t newest = fingerprints.rbegin()->first;
    for (const auto& [revision, fingerprint] : fingerprints_of(disk.contents(kDiskPath))) {
      if (revision > newest || !fingerprints.contains(revision)) continue;
      // A head that was lost is made anew, with its number if nobody knows that it was there.
      const bool is_made = read_on(disk).at(revision).info().message == "repaired";
      EXPECT_TRUE(is_made || fingerprint == fingerprints.at(revision)) << revision;
    }
  }
}

// The leaves stand before the deltas that led to them, and are newer.
TEST(RepairPrefix, WhereTheSnapshotIsLostItsLeavesAreStillTheNewestWord) {
  const FileBytes file = folded_after(6, [](Transaction& change, int i) {
    put_value(change, "v/counter", "at " + std::to_string(i) + " of a row of saved values");
    put_value(change, "v/" + std::to_string(i), "beside it, so that the leaf is worth it");
  });
  const auto commits = commits_of(file);
  ASSERT_TRUE(is_prefixed(commits[commits.size() - 3]));
  SimulatedDisk disk;
  const Snapshot head = head_without_the_last_two(disk, file);
  const auto counter = head.get<schema::Value>("v/counter");
  ASSERT_TRUE(counter);
  EXPECT_EQ(text((*counter)->getText()), "at 6 of a row of saved values");
}

// So are they where the last deltas before that snapshot have nothing to lean on.
TEST(RepairPrefix, ALeafWrittenAheadIsNewerThanADeltaThatLeansOnNothing) {
  RandomRecord random(random_seed());
  const auto noise = [&] {
    std::string bytes(3000, 0);
    for (char& byte : bytes) byte = static_cast<char>(random.number());
    return bytes;
  };
  const auto put_bytes = [](Transaction& change, std::string_view key, const std::string& bytes) {
    capnp::MallocMessageBuilder message;
    message.initRoot<schema::Value>().setBytes(
        {reinterpret_cast<const kj::byte*>(bytes.data()), bytes.size()});
    change.upsert(key, message.getRoot<schema::Value>().asReader());
  };
  std::string last;
  const FileBytes file = folded_after(7, [&](Transaction& change, int i) {
    if (i >= 6) {
      last = noise();
      put_bytes(change, "v/k", last);
    } else {
      put_value(change, "v/" + std::to_string(i), "beside it, so that the leaf is worth it");
    }
  });
  const auto commits = commits_of(file);
  ASSERT_TRUE(is_prefixed(commits[commits.size() - 4]));
  ASSERT_FALSE(is_prefixed(commits[commits.size() - 3]));
  SimulatedDisk disk;
  const Snapshot head = head_without_the_last_two(disk, file);
  const auto value = head.get<schema::Value>("v/k");
  ASSERT_TRUE(value);
  const auto bytes = (*value)->getBytes();
  EXPECT_TRUE(std::ranges::equal(bytes.asChars(), last));
}

// A delta that does not lean on the lost leaf says what its records were last.
TEST(RepairPrefix, WhatAReadableDeltaBehindALostLeafSaysIsTaken) {
  FileBytes file = compacted(file_with([&](Writer& writer) {
    for (int i = 0; i < 8; ++i) {
      Transaction change = writer.begin();
      // The first delta behind the first snapshot, which the others lean on, has it last.
      if (i < 2) put_value(change, "v/counter", "at " + std::to_string(i));
      put_value(change, "v/d" + std::to_string(i), "one of a row of values that were saved");
      (void)change.commit(i == 0 || i == 7 ? folded() : relaxed());
    }
  }));
  ASSERT_GT(prefixed_in(file), 3U);
  format::FrameHeader leaf;
  for (const format::FrameHeader& frame : frames_of(file)) {
    if (frame.kind != format::FrameKind::kLeaf || frame.table != slot(Table::kValues)) continue;
    const std::string_view payload = format::as_text(payload_of(file, frame.own_offset));
    if (payload.find("v/counter") != std::string_view::npos) leaf = frame;
  }
  lose(file, leaf);
  SimulatedDisk disk;
  (void)repair_with_loss(disk, file);
  const Snapshot head = read_on(disk).head();
  const auto counter = head.get<schema::Value>("v/counter");
  ASSERT_TRUE(counter);
  EXPECT_EQ(text((*counter)->getText()), "at 1");
}

TEST(RepairPrefix, WithParityItIsRepairedToTheBit) {
  RandomRecord random(random_seed());
  const FileBytes file = compacted(saved_one_by_one(random), [](SimulatedDisk& disk) {
    CompactOptions options = compacting(disk);
    options.parity_percent = 20;
    return options;
  });
  ASSERT_GT(prefixed_in(file), 5U);
  for (const format::FrameHeader& frame : frames_of(file)) {
    if (frame.kind != format::FrameKind::kLeaf && !is_prefixed(frame)) continue;
    FileBytes damaged = file;
    lose(damaged, frame);
    SimulatedDisk disk;
    disk.put(kDiskPath, damaged);
    RepairOptions options;
    options.files = &disk;
    EXPECT_EQ(repair(kDiskPath, options).verdict, RepairVerdict::kRestored);
    EXPECT_EQ(disk.contents(kDiskPath), file) << frame.own_offset;
  }
}

}  // namespace
}  // namespace session::test
