// An older revision of a damaged file becomes its newest state, whole or not at all.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "session/repair.h"
#include "tests/lib/operations/verify_support.h"

namespace session::test {
namespace {

constexpr const char* kCheckpoint = "c0ffee00-0000-4000-8000-000000000000";
constexpr const char* kLaterCheckpoint = "c0ffee01-0000-4000-8000-000000000000";

// Revision 3 is a checkpoint; later ones change everything it holds, blobs too, and the
// bookkeeping, of which a part is a blob.
FileBytes session_with_a_checkpoint() {
  return file_with([](Writer& writer) {
    auto first = writer.begin();
    for (std::uint64_t i = 0; i < 30; ++i) {
      put_task(first, numbered("t", i),
               {.title = "first", .parent = i == 0 ? "" : numbered("t", 0)});
    }
    put_message(first, "0000000001", std::string(6000, 'm'));
    (void)first.commit();
    auto second = writer.begin();
    put_value(second, "a", std::string(7000, 'v'));
    CheckpointOptions checkpoint;
    checkpoint.id = kCheckpoint;
    checkpoint.description = "before the big change";
    (void)second.checkpoint(checkpoint);
    auto bookkeeping = writer.begin();
    capnp::MallocMessageBuilder message;
    auto upkeep = message.initRoot<schema::Upkeep>();
    upkeep.initPolicy().setKeepLast(7);
    upkeep.setExtra(std::string(6000, 'u').c_str());
    bookkeeping.upsert("policy", upkeep.asReader());
    checkpoint.id = kLaterCheckpoint;
    checkpoint.description = "later";
    (void)bookkeeping.checkpoint(checkpoint);
    for (int round = 0; round < 3; ++round) {
      auto change = writer.begin();
      for (std::uint64_t i = 0; i < 30; ++i) {
        put_task(change, numbered("t", i), {.title = "later " + std::to_string(round)});
      }
      (void)change.erase(Table::kValues, "a");
      put_message(change, "0000000001", std::string(6000, static_cast<char>('n' + round)));
      (void)change.commit(round == 1 ? CommitOptions{} : folded());
    }
  });
}

RepairOptions going_back(SimulatedDisk& disk, std::string from, bool accept_loss = true) {
  RepairOptions options;
  options.files = &disk;
  options.from = std::move(from);
  options.accept_loss = accept_loss;
  options.clock = [] { return kClockBegin + 1'000'000 * kClockStep; };
  return options;
}

std::map<std::uint64_t, Digest> fingerprints(SimulatedDisk& disk) {
  std::map<std::uint64_t, Digest> found;
  const Reader reader = read_on(disk);
  std::vector<std::uint64_t> revisions;
  reader.head().history([&](const RevisionInfo& info) {
    revisions.push_back(info.revision);
    return true;
  });
  for (const std::uint64_t revision : revisions) {
    found[revision] = reader.at(revision).fingerprint();
  }
  return found;
}

FileBytes without_frame(FileBytes file, const FramePlace& place) {
  std::fill_n(file.begin() + static_cast<std::ptrdiff_t>(place.offset), place.size, std::byte{0});
  return file;
}

// The newest state loses a page that nothing brings back.
FileBytes with_a_lost_page() {
  FileBytes file = session_with_a_checkpoint();
  constexpr int kLeaf = 1;
  const auto frames = frames_in(file);
  for (auto place = frames.rbegin(); place != frames.rend(); ++place) {
    if (place->kind != kLeaf) continue;
    FileBytes damaged = without_frame(file, *place);
    if (verify_bytes(damaged, VerifyLevel::kFull).report.verdict == Verdict::kLossy) return damaged;
  }
  ADD_FAILURE() << "no page is needed";
  return file;
}

TEST(RepairFrom, WhateverIsDestroyedTheChosenStateComesWholeOrNotAtAll) {
  const FileBytes file = session_with_a_checkpoint();
  SimulatedDisk whole;
  whole.put(kDiskPath, file);
  const auto good = fingerprints(whole);
  std::map<RepairVerdict, int> seen;
  int refused = 0;
  int bookkept = 0;
  for (const FramePlace& place : frames_in(file)) {
    SCOPED_TRACE("kind " + std::to_string(place.kind) + " at " + std::to_string(place.offset));
    SimulatedDisk disk;
    const FileBytes damaged = without_frame(file, place);
    disk.put(kDiskPath, damaged);
    if (verify_bytes(damaged, VerifyLevel::kFull).report.verdict == Verdict::kClean) continue;
    const RepairReport report = repair(kDiskPath, going_back(disk, kCheckpoint));
    if (report.refused) {
      EXPECT_FALSE(report.refusal.empty());
      EXPECT_TRUE(report.actions.empty());
      EXPECT_EQ(disk.contents(kDiskPath), damaged);
      ++refused;
      continue;
    }
    ++seen[report.verdict];
    EXPECT_TRUE(report.stale.empty());
    EXPECT_EQ(disk.contents(report.backup), damaged);
    EXPECT_EQ(verify_bytes(disk.contents(kDiskPath), VerifyLevel::kFull).report.verdict,
              Verdict::kClean);
    const auto now = fingerprints(disk);
    const Snapshot head = read_on(disk).head();
    EXPECT_EQ(head.revision(), report.revision);
    EXPECT_GT(head.revision(), good.rbegin()->first);
    EXPECT_EQ(head.fingerprint(), good.at(3));
    EXPECT_TRUE(head.find(Table::kCheckpoints, kCheckpoint));
    // Bookkeeping is that of the newest revision that is whole.
    const bool has_later = std::any_of(now.begin(), now.end(), [&](const auto& one) {
      return one.first > 3 && one.first < head.revision();
    });
    const auto later = head.get<schema::Checkpoint>(kLaterCheckpoint);
    EXPECT_EQ(later.has_value(), has_later);
    if (later) {
      EXPECT_EQ((*later)->getRevision(), now.contains(4) ? 4U : 0U);
    }
    const auto policy = head.find(Table::kUpkeep, "policy");
    EXPECT_EQ(policy.has_value(), has_later);
    if (policy) {
      const WholeRecord whole_policy = head.whole(Table::kUpkeep, *policy);
      EXPECT_EQ(whole_policy.as<schema::Upkeep>().getExtra().size(), 6000U);
      ++bookkept;
    }
    for (const auto& [revision, fingerprint] : now) {
      if (good.contains(revision)) {
        EXPECT_EQ(fingerprint, good.at(revision)) << revision;
      }
    }
    const auto told =
        std::find_if(report.actions.begin(), report.actions.end(),
                     [](const RepairAction& action) { return action.step == RepairStep::kFrom; });
    ASSERT_NE(told, report.actions.end());
    EXPECT_NE(told->message.find("content of revision 3"), std::string::npos) << told->message;
  }
  EXPECT_GT(seen[RepairVerdict::kRestored], 0) << "pages that come back by themselves";
  EXPECT_GT(seen[RepairVerdict::kRecovered], 0) << "revisions that do not";
  EXPECT_EQ(seen[RepairVerdict::kLossy], 0);
  EXPECT_GT(refused, 0) << "pages of the chosen revision";
  EXPECT_GT(bookkept, 0) << "revisions behind the chosen one";
}

TEST(RepairFrom, ANumberADescriptionAndAPrefixAreNames) {
  for (const char* name : {"3", "before the big change", "c0ffee00"}) {
    SimulatedDisk disk;
    disk.put(kDiskPath, with_a_lost_page());
    const RepairReport report = repair(kDiskPath, going_back(disk, name));
    EXPECT_EQ(report.verdict, RepairVerdict::kRecovered) << name;
    EXPECT_EQ(text((*read_on(disk).head().get<schema::Task>("t000001"))->getTitle()), "first");
  }
}

TEST(RepairFrom, AnUndamagedFileIsForRestore) {
  for (const std::size_t torn : {0, 640}) {
    FileBytes file = session_with_a_checkpoint();
    file.resize(file.size() + torn, std::byte{7});
    SimulatedDisk disk;
    disk.put(kDiskPath, file);
    const auto words = words_of([&] { (void)repair(kDiskPath, going_back(disk, kCheckpoint)); });
    EXPECT_NE(words.find("sessiontool restore"), std::string::npos) << words;
    EXPECT_EQ(error_of([&] { (void)repair(kDiskPath, going_back(disk, kCheckpoint)); }),
              ErrorCode::kUsage);
    EXPECT_EQ(disk.contents(kDiskPath), file);
  }
}

TEST(RepairFrom, WhatIsNotThereIsNotFound) {
  const FileBytes file = with_a_lost_page();
  for (const char* name : {"17", "nothing of this name", "deadbeef"}) {
    SimulatedDisk disk;
    disk.put(kDiskPath, file);
    EXPECT_EQ(error_of([&] { (void)repair(kDiskPath, going_back(disk, name)); }),
              ErrorCode::kNotFound)
        << name;
    EXPECT_EQ(disk.contents(kDiskPath), file);
  }
}

TEST(RepairFrom, ALostRevisionIsDamagedAndNotUnknown) {
  FileBytes file = session_with_a_checkpoint();
  constexpr int kCommit = 4;
  int commits = 0;
  for (const FramePlace& place : frames_in(file)) {
    if (place.kind == kCommit && ++commits == 4) file = without_frame(file, place);
  }
  SimulatedDisk disk;
  disk.put(kDiskPath, file);
  const RepairReport report = repair(kDiskPath, going_back(disk, "4"));
  EXPECT_TRUE(report.refused);
  EXPECT_NE(report.refusal.find("revision 4 is damaged"), std::string::npos) << report.refusal;
  EXPECT_EQ(disk.contents(kDiskPath), file);
}

TEST(RepairFrom, LossHasToBeAccepted) {
  const FileBytes file = with_a_lost_page();
  SimulatedDisk disk;
  disk.put(kDiskPath, file);
  const RepairReport report = repair(kDiskPath, going_back(disk, kCheckpoint, false));
  EXPECT_TRUE(report.refused);
  EXPECT_FALSE(report.lost.empty());
  EXPECT_EQ(disk.contents(kDiskPath), file);
}

TEST(RepairFrom, CorrectionsFollowBehind) {
  FileBytes file = file_with([](Writer& writer) {
    auto first = writer.begin();
    put_task(first, "a", {.title = "one", .parent = "nobody"});
    (void)first.commit(folded());
    auto second = writer.begin();
    put_task(second, "a", {.title = "two"});
    (void)second.commit(folded());
  });
  const std::size_t root = root_of(file, Table::kTasks);
  for (const FramePlace& place : frames_in(file)) {
    if (place.offset == root) file = without_frame(file, place);
  }
  SimulatedDisk disk;
  disk.put(kDiskPath, file);
  RepairOptions options = going_back(disk, "2");
  options.fix_semantics = true;
  const RepairReport report = repair(kDiskPath, options);
  EXPECT_EQ(report.semantic_findings, 0U);
  const Snapshot head = read_on(disk).head();
  EXPECT_EQ(text((*head.get<schema::Task>("a"))->getTitle()), "one");
  EXPECT_FALSE((*head.get<schema::Task>("a"))->hasParent());
  EXPECT_EQ(head.count(Table::kRecoveries), 2U);
}

}  // namespace
}  // namespace session::test
