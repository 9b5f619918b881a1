// protect() and the policy that keeps parity up: what is covered when, what it costs, and that a
// file with parity is found, opened, written on and closed as before.

#include "session/protect.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "format/frame.h"
#include "format/layout.h"
#include "lib/operations/parity_groups.h"
#include "session/layout.h"
#include "session/reader.h"
#include "session/writer.h"
#include "tests/support/disk_session.h"
#include "tests/support/records.h"
#include "tests/support/simulated_disk.h"
#include "tests/support/temp_dir.h"
#include "tests/support/vectors.h"

namespace session::test {
namespace {

class Protect : public ::testing::Test {
 protected:
  void create(std::uint32_t parity_percent = 0) {
    CreateOptions options;
    options.parity_percent = parity_percent;
    Writer::create(path_, options).close();
  }
  // A commit of so many messages with texts that stay in their records.
  static void commit_messages(Writer& writer, int count, bool as_snapshot = false) {
    auto change = writer.begin();
    for (int i = 0; i < count; ++i) {
      put_message(change, numbered("", static_cast<std::uint64_t>(i)),
                  std::string(2'000, static_cast<char>('a' + i % 26)));
    }
    CommitOptions options;
    options.as_snapshot = as_snapshot;
    change.commit(options);
  }
  void append_messages(int count) {
    Writer writer = Writer::open(path_);
    commit_messages(writer, count);
    writer.close();
  }
  [[nodiscard]] FileInfo info() const { return Reader::open(path_).info(); }
  [[nodiscard]] std::string bytes() const { return read_whole_file(path_); }
  [[nodiscard]] bool parity_is_clean() const {
    const auto file = io::system_files().open(path_, io::OpenMode::kRead);
    const auto tag = operations::find_file_tag(*file).value();
    const auto groups = operations::find_parity_groups(*file, tag);
    const auto outcome = operations::check_by_parity(*file, groups, tag);
    return outcome.groups.size() == groups.size() && outcome.damaged.empty() &&
           outcome.unfinished.empty();
  }
  [[nodiscard]] std::vector<std::string> tails() const {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(dir_.path())) {
      const std::string name = entry.path().filename().string();
      if (name.find(".tail-") != std::string::npos) found.push_back(entry.path().string());
    }
    return found;
  }

  TempDir dir_;
  std::string path_ = dir_.file("work.session");
};

TEST_F(Protect, CoversEverythingAndChangesNothingBeforeIt) {
  create();
  append_messages(20);
  const std::string before = bytes();
  const std::uint64_t revision = info().head.revision;
  const ProtectReport report = protect(path_, {.percent = 6});
  EXPECT_EQ(report.groups_added, 1U);
  EXPECT_EQ(report.covered_bytes, before.size());
  EXPECT_EQ(report.uncovered_bytes, 0U);
  EXPECT_EQ(bytes().substr(0, before.size()), before);
  EXPECT_EQ(bytes().size(), before.size() + report.parity_bytes);
  const FileInfo after = info();
  EXPECT_EQ(after.head.revision, revision);
  EXPECT_EQ(after.parity_bytes, report.parity_bytes);
  EXPECT_EQ(after.uncovered_bytes, 0U);
  EXPECT_EQ(after.tail_bytes, 0U);
  EXPECT_TRUE(after.sealed);
  EXPECT_TRUE(parity_is_clean());
}

TEST_F(Protect, DoesNothingWhereEverythingIsCovered) {
  create();
  protect(path_);
  const std::string before = bytes();
  EXPECT_EQ(protect(path_).groups_added, 0U);
  Writer::open(path_).close();
  EXPECT_EQ(bytes(), before);
}

TEST_F(Protect, ADryRunTellsTheSameAndChangesNothing) {
  create();
  append_messages(20);
  const std::string before = bytes();
  const ProtectReport planned = protect(path_, {.percent = 10, .dry_run = true});
  EXPECT_EQ(bytes(), before);
  const ProtectReport report = protect(path_, {.percent = 10});
  EXPECT_EQ(planned.groups_added, report.groups_added);
  EXPECT_EQ(planned.covered_bytes, report.covered_bytes);
  EXPECT_EQ(planned.parity_bytes, report.parity_bytes);
  EXPECT_EQ(protect(path_, {.dry_run = true}).groups_added, 0U);
}

TEST_F(Protect, LaterGroupsCoverWhatWasAppendedSince) {
  create();
  std::uint64_t parity = 0;
  for (int round = 0; round < 3; ++round) {
    append_messages(10 + round);
    const FileInfo before = info();
    EXPECT_GT(before.uncovered_bytes, 0U);
    EXPECT_EQ(before.parity_bytes, parity);
    const ProtectReport report = protect(path_);
    EXPECT_EQ(report.covered_bytes, before.uncovered_bytes);
    parity += report.parity_bytes;
  }
  EXPECT_EQ(info().parity_bytes, parity);
  EXPECT_EQ(info().uncovered_bytes, 0U);
  EXPECT_TRUE(parity_is_clean());
  EXPECT_EQ(Reader::open(path_).head().count(Table::kMessages), 12U);
}

TEST_F(Protect, SealsWhatWasNotClosed) {
  create();
  std::string unsealed;
  {
    Writer writer = Writer::open(path_);
    commit_messages(writer, 3);
    unsealed = bytes();
  }
  write_whole_file(path_, unsealed);
  ASSERT_FALSE(info().sealed);
  protect(path_);
  EXPECT_TRUE(info().sealed);
  EXPECT_EQ(info().uncovered_bytes, 0U);
}

TEST_F(Protect, RefusesPercentagesOutOfRangeAndLeavesTheFileAlone) {
  create();
  const std::string before = bytes();
  for (const std::uint32_t percent : {51U, 1000U}) {
    EXPECT_THROW(protect(path_, {.percent = percent}), Error);
    EXPECT_THROW(protect(path_, {.percent = percent, .dry_run = true}), Error);
  }
  EXPECT_EQ(bytes(), before);
  CreateOptions options;
  options.parity_percent = 51;
  EXPECT_THROW((void)Writer::create(dir_.file("other.session"), options), Error);
  EXPECT_FALSE(std::filesystem::exists(dir_.file("other.session")));
}

TEST_F(Protect, NamesAnotherWriter) {
  create();
  const Writer writer = Writer::open(path_);
  try {
    protect(path_);
    FAIL() << "protected a file that another writer holds";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kLocked);
  }
}

TEST_F(Protect, StoppedHalfWayItAddsNothing) {
  create();
  append_messages(200);
  const std::string before = bytes();
  ProtectOptions options;
  options.progress = [](const Progress&) { return false; };
  try {
    protect(path_, options);
    FAIL() << "went on";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInterrupted);
  }
  EXPECT_EQ(bytes(), before);
  EXPECT_TRUE(info().sealed);
}

// ---- the policy ---------------------------------------------------------------------------------

TEST_F(Protect, APolicyCoversASmallSessionWhenItIsClosed) {
  create(6);
  EXPECT_EQ(info().uncovered_bytes, 0U);
  EXPECT_GT(info().parity_bytes, 0U);
  append_messages(5);
  EXPECT_EQ(info().uncovered_bytes, 0U);
  EXPECT_TRUE(parity_is_clean());
}

TEST_F(Protect, APolicyLetsSmallChangesOfALargerFileGather) {
  create(6);
  append_messages(100);
  const std::uint64_t parity = info().parity_bytes;
  append_messages(1);
  EXPECT_EQ(info().parity_bytes, parity);
  EXPECT_GT(info().uncovered_bytes, 0U);
  for (int i = 0; i < 10; ++i) append_messages(1);
  EXPECT_GT(info().parity_bytes, parity);
}

TEST_F(Protect, APolicyCoversAtSnapshotsOnceEnoughIsUncovered) {
  create(6);
  Writer writer = Writer::open(path_);
  const std::uint64_t parity = info().parity_bytes;
  commit_messages(writer, 10, true);
  EXPECT_EQ(info().parity_bytes, parity);
  commit_messages(writer, 600, true);
  EXPECT_GT(info().parity_bytes, parity);
  EXPECT_EQ(info().uncovered_bytes, 0U);
  EXPECT_FALSE(info().sealed);
  commit_messages(writer, 1);
  EXPECT_GT(info().uncovered_bytes, 0U);
  writer.close();
  EXPECT_TRUE(info().sealed);
  EXPECT_TRUE(parity_is_clean());
}

TEST_F(Protect, WithoutAPolicyThereIsNoParity) {
  create();
  append_messages(600);
  EXPECT_EQ(info().parity_bytes, 0U);
  EXPECT_EQ(info().uncovered_bytes, info().head_end);
}

TEST_F(Protect, UsesThePolicyOfTheSessionUnlessTold) {
  create(13);
  append_messages(1);
  EXPECT_EQ(protect(path_, {.dry_run = true}).percent, 13U);
  EXPECT_EQ(protect(path_, {.percent = 20, .dry_run = true}).percent, 20U);
}

// ---- the head with parity behind it -------------------------------------------------------------

class ParityBehindTheHead : public Protect {
 protected:
  void SetUp() override {
    create();
    append_messages(20);
    revision_ = info().head.revision;
    sealed_end_ = info().head_end;
    protect(path_);
    whole_ = bytes();
    group_ = group();
  }
  [[nodiscard]] format::ParityGroup group() const {
    const auto file = io::system_files().open(path_, io::OpenMode::kRead);
    return operations::find_parity_groups(*file, operations::find_file_tag(*file).value()).at(0);
  }
  void flip(std::string& file, std::uint64_t offset) const {
    file[offset] = static_cast<char>(file[offset] ^ 1);
  }

  std::uint64_t revision_ = 0;
  std::uint64_t sealed_end_ = 0;
  std::string whole_;
  format::ParityGroup group_;
};

TEST_F(ParityBehindTheHead, DamageInItHidesNoCommitAndIsNoTail) {
  for (std::uint32_t index = 0; index + 1 < group_.frames(); ++index) {
    std::string damaged = whole_;
    for (std::uint64_t i = 0; i < 200; ++i) flip(damaged, group_.frame_offset(index) + i);
    write_whole_file(path_, damaged);
    const FileInfo found = info();
    EXPECT_EQ(found.head.revision, revision_);
    EXPECT_EQ(found.tail_bytes, 0U) << index;
    EXPECT_EQ(found.head_end, whole_.size());
    EXPECT_TRUE(found.sealed);
    Writer::open(path_).close();
    EXPECT_EQ(bytes(), damaged) << "a writer leaves damaged parity to repair";
  }
}

// A group that a crash kept from being finished: whatever of it is there, it is a tail like any
// other, saved beside the file and cut.
TEST_F(ParityBehindTheHead, UnfinishedItIsATornTail) {
  for (const std::uint64_t kept : {group_.parity_begin + 64, group_.frame_offset(1),
                                   group_.closing_offset(), group_.closing_offset() + 70}) {
    write_whole_file(path_, whole_.substr(0, kept));
    const FileInfo found = info();
    EXPECT_EQ(found.head.revision, revision_);
    EXPECT_EQ(found.head_end, sealed_end_);
    EXPECT_GT(found.tail_bytes, 0U);
    EXPECT_EQ(found.parity_bytes, 0U);
    Writer::open(path_).close();
    EXPECT_EQ(bytes(), whole_.substr(0, sealed_end_));
    EXPECT_TRUE(info().sealed);
    ASSERT_EQ(tails().size(), 1U);
    std::filesystem::remove(tails().front());
  }
}

TEST_F(ParityBehindTheHead, VouchesForTheCommitBeforeIt) {
  const std::uint64_t commit = info().head.offset;
  std::string damaged = whole_;
  // The commit and its seal, up to the first frame of the group.
  for (std::uint64_t at = commit + 100; at < sealed_end_; ++at) flip(damaged, at);
  write_whole_file(path_, damaged);
  try {
    (void)Reader::open(path_);
    FAIL() << "an older revision was taken for the head";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kDamaged);
  }
}

TEST_F(ParityBehindTheHead, IsFoundBehindADamagedSeal) {
  std::string damaged = whole_;
  flip(damaged, sealed_end_ - 60);
  write_whole_file(path_, damaged);
  const FileInfo found = info();
  EXPECT_EQ(found.head.revision, revision_);
  EXPECT_EQ(found.tail_bytes, 0U);
  EXPECT_EQ(found.head_end, whole_.size());
  EXPECT_TRUE(found.sealed);
}

TEST_F(ParityBehindTheHead, IsPassedOverByWhoeverWritesOn) {
  append_messages(3);
  EXPECT_EQ(bytes().substr(0, whole_.size()), whole_);
  EXPECT_EQ(info().head.revision, revision_ + 1);
  EXPECT_EQ(info().parity_bytes, group_.parity_bytes());
  EXPECT_EQ(info().uncovered_bytes, bytes().size() - whole_.size());
}

TEST_F(ParityBehindTheHead, IsShownInTheLayoutWithWhatItCovers) {
  std::vector<std::string> details;
  std::uint64_t at = 0;
  walk_layout(path_, [&](const LayoutEntry& entry) {
    EXPECT_EQ(entry.offset, at);
    at += entry.size_bytes;
    if (entry.kind == "parity") details.push_back(entry.detail);
    return true;
  });
  EXPECT_EQ(at, whole_.size());
  ASSERT_EQ(details.size(), group_.frames());
  EXPECT_NE(details[0].find("covers [0, " + std::to_string(group_.end) + ")"), std::string::npos)
      << details[0];
}

// ---- a disk that says no ------------------------------------------------------------------------

TEST(ProtectOnABadDisk, AFailedWriteLeavesTheFileAsItWasButSealed) {
  SimulatedDisk whole;
  create_on(whole).close();
  const std::vector<std::byte> before = whole.contents(kDiskPath);
  for (const DiskCall call : {DiskCall::kWrite, DiskCall::kSync}) {
    for (std::size_t nth = 1; nth <= 2; ++nth) {
      SimulatedDisk disk = whole;
      disk.fail({.kind = call, .nth = nth, .error = ENOSPC});
      ProtectOptions options;
      options.files = &disk;
      bool has_failed = false;
      try {
        protect(kDiskPath, options);
      } catch (const Error& error) {
        has_failed = true;
        EXPECT_EQ(error.code(), ErrorCode::kIo);
      }
      disk.clear_faults();
      if (!has_failed) continue;
      EXPECT_TRUE(disk.contents(kDiskPath) == before);
      EXPECT_TRUE(read_on(disk).info().sealed);
    }
  }
}

}  // namespace
}  // namespace session::test
