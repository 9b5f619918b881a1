// A file that somebody forged with valid checksums: repair puts in place what is clean, and loses
// no more than what cannot be read.

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>

#include "format/commit.h"
#include "format/file_header.h"
#include "format/frame.h"
#include "session/repair.h"
#include "session/verify.h"
#include "tests/support/damage.h"
#include "tests/support/disk_session.h"
#include "tests/support/records.h"

namespace session::test {
namespace {

constexpr int kLeaf = static_cast<int>(format::FrameKind::kLeaf);
constexpr int kCommit = static_cast<int>(format::FrameKind::kCommit);

// Replaces the first `from` in the payload of a frame by `to`, as long.
bool replace_in(FileBytes& file, std::size_t offset, std::string_view from, std::string_view to) {
  const auto payload = payload_of(file, offset);
  const auto same = [](std::byte a, char b) { return a == static_cast<std::byte>(b); };
  const auto at = std::search(payload.begin(), payload.end(), from.begin(), from.end(), same);
  if (at == payload.end()) return false;
  std::transform(to.begin(), to.end(), at, [](char c) { return static_cast<std::byte>(c); });
  reseal_file(file);
  return true;
}

RepairReport repaired(SimulatedDisk& disk, const FileBytes& file) {
  disk.put(kDiskPath, file);
  RepairOptions options;
  options.files = &disk;
  options.accept_loss = true;
  const RepairReport report = repair(kDiskPath, options);
  VerifyOptions verifying;
  verifying.files = &disk;
  verifying.level = VerifyLevel::kFull;
  EXPECT_EQ(verify(kDiskPath, verifying).verdict, Verdict::kClean);
  EXPECT_EQ(disk.contents(report.backup), file);
  return report;
}

TEST(RepairForged, ATextWithoutItsEndCostsItsPage) {
  SimulatedDisk disk;
  Writer writer = create_on(disk);
  Transaction change = writer.begin();
  put_task(change, "t-1", {.title = "a title with an end", .parent = {}, .rank = 1});
  put_value(change, "a/1", "value");
  (void)change.commit(folded());
  writer.close();
  FileBytes file = disk.contents(kDiskPath);
  bool found = false;
  for (const FramePlace& place : frames_in(file)) {
    if (place.kind != kLeaf || found) continue;
    found = replace_in(file, place.offset, std::string_view("with an end\0", 12), "with no end!");
  }
  ASSERT_TRUE(found);

  const RepairReport report = repaired(disk, file);
  EXPECT_EQ(report.verdict, RepairVerdict::kLossy);
  const bool is_listed =
      std::any_of(report.lost.begin(), report.lost.end(),
                  [](const LostItem& item) { return item.table == Table::kTasks; });
  EXPECT_TRUE(is_listed);
  const Snapshot head = read_on(disk).head();
  EXPECT_FALSE(head.find(Table::kTasks, "t-1"));
  EXPECT_TRUE(head.find(Table::kValues, "a/1"));
}

TEST(RepairForged, ADeltaThatSaysAWrongCountIsCountedAnew) {
  SimulatedDisk disk;
  Writer writer = create_on(disk);
  for (int i = 0; i < 3; ++i) {
    Transaction change = writer.begin();
    put_value(change, numbered("v-", static_cast<std::uint64_t>(i)), "value");
    (void)change.commit(relaxed());
  }
  writer.close();
  FileBytes file = disk.contents(kDiskPath);
  std::vector<FramePlace> commits;
  for (const FramePlace& place : frames_in(file)) {
    if (place.kind == kCommit) commits.push_back(place);
  }
  forge<schema::Commit>(file, commits.at(commits.size() - 2).offset,
                        [](schema::Commit::Builder commit) { commit.setUpsertCount(7); });

  const RepairReport report = repaired(disk, file);
  EXPECT_TRUE(report.lost.empty());
  const Snapshot head = read_on(disk).head();
  EXPECT_EQ(head.size(Table::kValues).count, 3U);
  head.history([](const RevisionInfo& info) {
    EXPECT_TRUE(info.kind != CommitKind::kDelta || info.upserts == 1) << info.revision;
    return true;
  });
}

// Ten revisions, 4, 7 and 10 of them snapshots; the `nth` commit says another number.
FileBytes with_a_wrong_number(std::size_t nth, std::uint64_t number) {
  SimulatedDisk disk;
  Writer writer = create_on(disk);
  for (std::uint64_t i = 0; i < 9; ++i) {
    Transaction change = writer.begin();
    put_value(change, numbered("v-", i), "value");
    (void)change.commit(i % 3 == 2 ? folded() : CommitOptions{});
  }
  writer.close();
  FileBytes file = disk.contents(kDiskPath);
  std::vector<FramePlace> commits;
  for (const FramePlace& place : frames_in(file)) {
    if (place.kind == kCommit) commits.push_back(place);
  }
  forge<schema::Commit>(file, commits.at(nth - 1).offset,
                        [&](schema::Commit::Builder commit) { commit.setRevision(number); });
  return file;
}

std::set<std::uint64_t> revisions_of(SimulatedDisk& disk) {
  std::set<std::uint64_t> revisions;
  read_on(disk).head().history([&](const RevisionInfo& info) {
    revisions.insert(info.revision);
    return true;
  });
  return revisions;
}

// One number that is too high must not make all revisions behind it look older than it.
TEST(RepairForged, ANumberThatTheOthersContradictCostsItsOwnCommit) {
  for (const std::uint64_t number : {std::uint64_t{1000}, std::uint64_t{1}, ~std::uint64_t{0}}) {
    SimulatedDisk disk;
    const RepairReport report = repaired(disk, with_a_wrong_number(5, number));
    EXPECT_EQ(report.verdict, RepairVerdict::kRecovered) << number;
    EXPECT_FALSE(report.lost.empty());
    EXPECT_EQ(read_on(disk).head().size(Table::kValues).count, 9U) << number;
    // 6 is a delta that stands on 5.
    EXPECT_EQ(revisions_of(disk), (std::set<std::uint64_t>{1, 2, 3, 4, 7, 8, 9, 10})) << number;
  }
}

// Two say that they are the same; the one that would follow itself is no commit.
TEST(RepairForged, OfTwoCommitsOfOneNumberTheOneThatFollowsItselfIsLost) {
  // Deltas behind deltas: what one of them holds could pass for the other.
  for (const std::size_t nth : {std::size_t{6}, std::size_t{9}}) {
    SimulatedDisk disk;
    const RepairReport report = repaired(disk, with_a_wrong_number(nth, nth - 1));
    EXPECT_EQ(report.verdict, RepairVerdict::kRecovered) << nth;
    EXPECT_EQ(read_on(disk).head().size(Table::kValues).count, 9U) << nth;
    const std::set<std::uint64_t> revisions = revisions_of(disk);
    EXPECT_TRUE(revisions.contains(nth - 1)) << nth;
    EXPECT_EQ(read_on(disk).at(nth - 1).size(Table::kValues).count, nth - 2) << nth;
    EXPECT_FALSE(revisions.contains(nth)) << nth;
  }
}

// It agrees with itself, so that it is believed to be the head, and with no other commit.
TEST(RepairForged, TheNewestCommitWithAWrongNumberIsStillTheNewestWord) {
  for (const std::uint64_t number : {std::uint64_t{3}, std::uint64_t{5}}) {
    FileBytes file = with_a_wrong_number(10, number);
    std::size_t newest = 0;
    for (const FramePlace& place : frames_in(file)) {
      if (place.kind == kCommit) newest = place.offset;
    }
    forge<schema::Commit>(file, newest, [&](schema::Commit::Builder commit) {
      commit.setParentRevision(number - 1);
      commit.getTrees().setRevision(number);
    });
    SimulatedDisk disk;
    const RepairReport report = repaired(disk, file);
    EXPECT_EQ(report.verdict, RepairVerdict::kRecovered) << number;
    EXPECT_EQ(read_on(disk).head().size(Table::kValues).count, 9U) << number;
    // The number that it had is not given again.
    EXPECT_EQ(revisions_of(disk), (std::set<std::uint64_t>{1, 2, 3, 4, 5, 6, 7, 8, 9, 11}));
  }
}

// The header is gone, and the newest commit that repeats it repeats that of a later version.
TEST(RepairForged, ACopyOfTheHeaderThatCannotBeReadIsPassedOver) {
  SimulatedDisk disk;
  Writer writer = create_on(disk);
  for (std::uint64_t i = 0; i < 2; ++i) {
    Transaction change = writer.begin();
    put_value(change, numbered("v-", i), "value");
    (void)change.commit(folded());
  }
  writer.close();
  FileBytes file = disk.contents(kDiskPath);
  std::size_t newest = 0;
  for (const FramePlace& place : frames_in(file)) {
    if (place.kind == kCommit) newest = place.offset;
  }
  auto later = value_or_throw(format::decode_file_header(file));
  later.major = format::kMajorVersion + 1;
  const auto copy = format::encode(later);
  forge<schema::Commit>(file, newest, [&](schema::Commit::Builder commit) {
    commit.getTrees().setHeader({reinterpret_cast<const kj::byte*>(copy.data()), copy.size()});
  });
  zero_block(file, 0, format::kFileHeaderBytes);
  const RepairReport report = repaired(disk, file);
  EXPECT_EQ(read_on(disk).head().size(Table::kValues).count, 2U);
  EXPECT_TRUE(std::any_of(report.actions.begin(), report.actions.end(),
                          [](const auto& action) { return action.step == RepairStep::kHeader; }));
}

TEST(RepairForged, AReferenceToABlobThatIsNowhereIsTakenOut) {
  SimulatedDisk disk;
  Writer writer = create_on(disk);
  Transaction change = writer.begin();
  put_message(change, "m-1", std::string(9000, 'x'));
  (void)change.commit(folded());
  writer.close();
  FileBytes file = disk.contents(kDiskPath);
  std::string digest;
  {
    const Snapshot head = read_on(disk).head();
    for (const auto& entry : head.all<schema::Message>()) {
      const auto bytes = entry->getBlobs()[0].getDigest();
      digest.assign(reinterpret_cast<const char*>(bytes.begin()), bytes.size());
    }
  }
  ASSERT_EQ(digest.size(), 32U);
  std::string other = digest;
  other[5] = static_cast<char>(other[5] ^ 1);
  bool found = false;
  for (const FramePlace& place : frames_in(file)) {
    if (place.kind != kLeaf) continue;
    const auto table = format::load<std::uint16_t>(format::Bytes(file), place.offset + 6);
    if (table != slot(Table::kMessages)) continue;
    found = replace_in(file, place.offset, digest, other);
  }
  ASSERT_TRUE(found);

  const RepairReport report = repaired(disk, file);
  EXPECT_EQ(report.verdict, RepairVerdict::kLossy);
  const Snapshot head = read_on(disk).head();
  const auto message = head.get<schema::Message>("m-1");
  ASSERT_TRUE(message);
  EXPECT_EQ((*message)->getBlobs().size(), 0U);
}

// A checkpoint, `deeds_behind` commits behind it, and its record naming another revision.
FileBytes with_a_wrong_checkpoint(int deeds_behind, std::uint64_t& made) {
  SimulatedDisk disk;
  Writer writer = create_on(disk);
  Transaction change = writer.begin();
  put_value(change, "a/0", "value");
  (void)change.commit(folded());
  made = writer.checkpoint({}).revision;
  for (int i = 1; i <= deeds_behind; ++i) {
    Transaction more = writer.begin();
    put_value(more, "a/" + std::to_string(i), "value");
    (void)more.commit(folded());
  }
  writer.close();
  FileBytes file = disk.contents(kDiskPath);
  for (const FramePlace& place : frames_in(file)) {
    const auto table = format::load<std::uint16_t>(format::Bytes(file), place.offset + 6);
    if (place.kind != kLeaf || table != slot(Table::kCheckpoints)) continue;
    forge<schema::Leaf>(file, place.offset, [&](schema::Leaf::Builder leaf) {
      auto records = leaf.getRecords().getAs<capnp::List<schema::Checkpoint>>();
      EXPECT_EQ(records[0].getRevision(), made);
      records[0].setRevision(made - 1);
    });
    return file;
  }
  ADD_FAILURE() << "no checkpoint";
  return file;
}

TEST(RepairForged, ARevisionThatContradictsItsOwnRecordsIsLeftOut) {
  for (const int deeds_behind : {0, 1}) {
    std::uint64_t made = 0;
    const FileBytes file = with_a_wrong_checkpoint(deeds_behind, made);
    SimulatedDisk disk;
    const RepairReport report = repaired(disk, file);
    const bool is_listed = std::any_of(report.lost.begin(), report.lost.end(),
                                       [&](const LostItem& item) { return item.revision == made; });
    EXPECT_TRUE(is_listed) << deeds_behind;
    EXPECT_EQ(read_on(disk).head().size(Table::kValues).count,
              static_cast<std::uint64_t>(deeds_behind) + 1);
  }
}

TEST(RepairForged, APageThatSaysAnotherTableIsWrittenAnewForItsOwn) {
  SimulatedDisk disk;
  Writer writer = create_on(disk);
  Transaction change = writer.begin();
  put_task(change, "t-1", {.title = "a task", .parent = {}, .rank = 1});
  put_value(change, "a/1", "value");
  (void)change.commit(folded());
  writer.close();
  FileBytes file = disk.contents(kDiskPath);
  for (const FramePlace& place : frames_in(file)) {
    const auto table = format::load<std::uint16_t>(format::Bytes(file), place.offset + 6);
    if (place.kind != kLeaf || table != slot(Table::kTasks)) continue;
    format::store(std::span(file), place.offset + 6, std::uint16_t{99});
    reseal_file(file);
  }
  const RepairReport report = repaired(disk, file);
  EXPECT_EQ(report.verdict, RepairVerdict::kRestored);
  const Snapshot head = read_on(disk).head();
  EXPECT_TRUE(head.find(Table::kTasks, "t-1"));
  EXPECT_EQ(head.size(Table::kValues).count, 1U);
}

}  // namespace
}  // namespace session::test
