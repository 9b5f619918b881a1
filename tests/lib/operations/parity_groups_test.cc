// Session files with parity, damaged and restored (G10): with their headers, commits, seals and
// parity frames hit, cut short, unreadable in places. What comes back is the file, bit for bit.

#include "lib/operations/parity_groups.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include "format/layout.h"
#include "session/protect.h"
#include "session/reader.h"
#include "session/writer.h"
#include "tests/support/disk_session.h"
#include "tests/support/records.h"
#include "tests/support/seed.h"
#include "tests/support/simulated_disk.h"
#include "tests/support/temp_dir.h"
#include "tests/support/vectors.h"

namespace session::test {
namespace {

using operations::ParityOutcome;

class RestoredByParity : public ::testing::Test {
 protected:
  // A session of about so many bytes, protected in one go.
  std::string make(std::uint64_t bytes, std::uint32_t percent = 6) {
    CreateOptions options;
    options.overwrite = true;
    Writer writer = Writer::create(path_, options);
    std::uint64_t key = 0;
    for (int part = 0; part < 4; ++part) {
      auto change = writer.begin();
      for (std::uint64_t done = 0; done < bytes / 4; done += 1'600) {
        std::string noise(1'500, ' ');
        for (char& c : noise) c = static_cast<char>('a' + random_() % 26);
        put_message(change, numbered("", key++), noise);
      }
      CommitOptions commit;
      commit.as_snapshot = part % 2 == 1;
      change.commit(commit);
    }
    writer.close();
    protect(path_, {.percent = percent});
    commit_offset_ = Reader::open(path_).head().info().offset;
    const auto file = io::system_files().open(path_, io::OpenMode::kRead);
    group_ = operations::find_parity_groups(*file, *operations::find_file_tag(*file)).at(0);
    return read_whole_file(path_);
  }

  // What becomes of `damaged` in the file `restored_`.
  ParityOutcome restore(const std::string& damaged) {
    const std::string from_path = dir_.file("damaged");
    write_whole_file(from_path, damaged);
    const auto from = io::system_files().open(from_path, io::OpenMode::kRead);
    const std::string to_path = dir_.file("restored");
    if (io::system_files().exists(to_path)) io::system_files().remove(to_path);
    const auto to = io::system_files().open(to_path, io::OpenMode::kCreateNew);
    const std::uint64_t tag = operations::find_file_tag(*from).value();
    const auto groups = operations::find_parity_groups(*from, tag);
    const ParityOutcome checked = operations::check_by_parity(*from, groups, tag);
    ParityOutcome outcome = operations::restore_by_parity(*from, *to, groups, tag);
    EXPECT_EQ(checked.damaged, outcome.damaged);
    EXPECT_EQ(checked.remaining, outcome.remaining);
    EXPECT_EQ(checked.restored, outcome.restored);
    restored_ = read_whole_file(to_path);
    return outcome;
  }
  void expect_whole(const std::string& damaged, const std::string& whole, const std::string& what) {
    const ParityOutcome outcome = restore(damaged);
    EXPECT_TRUE(outcome.remaining.empty()) << what << ", seed " << seed_;
    EXPECT_TRUE(outcome.unfinished.empty()) << what;
    EXPECT_EQ(outcome.restored, outcome.damaged) << what;
    EXPECT_TRUE(restored_ == whole) << what << ", seed " << seed_;
  }

  void flip(std::string& file, std::uint64_t offset) {
    file.at(offset) = static_cast<char>(file[offset] ^ static_cast<char>(1U << random_() % 8));
  }
  void fill(std::string& file, std::uint64_t begin, std::uint64_t end) {
    end = std::min<std::uint64_t>(end, file.size());
    const bool with_zeros = random_() % 3 == 0;
    for (std::uint64_t at = begin; at < end; ++at) {
      file[at] = with_zeros ? '\0' : static_cast<char>(random_());
    }
  }
  // Scattered flips and blocks, as many as surely do not exceed the group, wherever they fall.
  void scatter(std::string& file) {
    const std::uint64_t many = group_.rows / 2;
    for (std::uint64_t i = random_() % (many + 1); i > 0; --i) flip(file, random_() % file.size());
    for (std::uint64_t i = 1 + random_() % std::max<std::uint64_t>(1, many / 2); i > 0; --i) {
      const std::uint64_t at = random_() % file.size();
      fill(file, at, at + 1 + random_() % std::max<std::uint64_t>(2, group_.block_bytes()));
    }
  }
  void burst(std::string& file, double share) {
    const auto length = static_cast<std::uint64_t>(static_cast<double>(group_.end) * share);
    const std::uint64_t at = random_() % (file.size() - length);
    fill(file, at, at + length);
  }
  void damage_parity(std::string& file) {
    const std::uint64_t size = group_.parity_bytes();
    const std::uint64_t at = group_.parity_begin + random_() % size;
    fill(file, at, at + 1 + random_() % (size / 2));
  }
  void damage_header(std::string& file) { fill(file, 0, 1 + random_() % 64); }
  void damage_commit(std::string& file) {
    fill(file, commit_offset_ + random_() % 60, commit_offset_ + 200);
  }
  std::string damaged_by(int pattern, const std::string& whole) {
    std::string file = whole;
    switch (pattern % 6) {
      case 0:
        scatter(file);
        break;
      case 1:
        burst(file, 0.05);
        break;
      case 2:
        damage_parity(file);
        break;
      case 3:
        damage_header(file);
        break;
      case 4:
        damage_commit(file);
        break;
      default:
        damage_header(file);
        damage_commit(file);
        if (group_.stripes > 1) flip(file, random_() % file.size());
    }
    return file;
  }

  std::uint64_t seed_ = random_seed();
  std::mt19937_64 random_{seed_};
  TempDir dir_;
  std::string path_ = dir_.file("work.session");
  std::string restored_;
  format::ParityGroup group_;
  std::uint64_t commit_offset_ = 0;
};

TEST_F(RestoredByParity, EveryKindOfDamageWithinItsBudget) {
  for (const std::uint64_t size : {10'000U, 100'000U, 1'000'000U}) {
    const std::string whole = make(size);
    for (int pattern = 0; pattern < 24; ++pattern) {
      const std::string damaged = damaged_by(pattern, whole);
      expect_whole(damaged, whole, std::to_string(size) + ", pattern " + std::to_string(pattern));
      if (HasFailure()) return;
    }
  }
}

TEST_F(RestoredByParity, EveryByteOfASmallFile) {
  const std::string whole = make(1'000);
  for (std::uint64_t at = 0; at < whole.size(); at += 61) {
    std::string damaged = whole;
    flip(damaged, at);
    expect_whole(damaged, whole, "byte " + std::to_string(at));
    if (HasFailure()) return;
  }
}

TEST_F(RestoredByParity, ABurstOfNineTenthsOfTheParityWhereverItIs) {
  for (const std::uint32_t percent : {6U, 20U}) {
    const std::string whole = make(400'000, percent);
    const double share = 0.009 * percent;
    for (int i = 0; i < 20; ++i) {
      std::string damaged = whole;
      burst(damaged, share);
      expect_whole(damaged, whole, "burst " + std::to_string(i));
    }
    const auto length = static_cast<std::uint64_t>(static_cast<double>(group_.end) * share);
    for (const std::uint64_t at :
         {std::uint64_t{0}, group_.end - length / 2, group_.end - length, whole.size() - length}) {
      std::string damaged = whole;
      fill(damaged, at, at + length);
      expect_whole(damaged, whole, "burst at " + std::to_string(at));
    }
  }
}

TEST_F(RestoredByParity, AFileThatWasCut) {
  const std::string whole = make(400'000);
  for (const std::uint64_t cut :
       {std::uint64_t{1}, group_.parity_bytes() / 2, group_.parity_bytes() * 9 / 10}) {
    expect_whole(whole.substr(0, whole.size() - cut), whole, "cut by " + std::to_string(cut));
  }
}

// The last byte is one of a hash: whatever it is, zero too, the file comes back whole.
TEST_F(RestoredByParity, AFileThatLostItsLastByteWhateverThatWas) {
  bool was_zero = false;
  for (int i = 0; i < 3000 && !was_zero; ++i) {
    const std::string whole = make(2'000);
    was_zero = whole.back() == '\0';
    expect_whole(whole.substr(0, whole.size() - 1), whole, "cut by 1");
  }
  EXPECT_TRUE(was_zero);
}

TEST_F(RestoredByParity, TheHeaderWithoutWhichNothingIsFound) {
  const std::string whole = make(10'000);
  std::string damaged = whole;
  for (std::size_t at = 0; at < format::kFileHeaderBytes; ++at) damaged[at] = '\0';
  expect_whole(damaged, whole, "no header");
}

TEST_F(RestoredByParity, EachOfSeveralGroups) {
  CreateOptions options;
  options.parity_percent = 10;
  Writer::create(path_, options).close();
  for (int round = 0; round < 4; ++round) {
    Writer writer = Writer::open(path_);
    auto change = writer.begin();
    for (std::uint64_t i = 0; i < 30; ++i) {
      put_message(change, numbered("", i), std::string(1'000, static_cast<char>('a' + round)));
    }
    change.commit();
    writer.close();
  }
  const std::string whole = read_whole_file(path_);
  const auto file = io::system_files().open(path_, io::OpenMode::kRead);
  const auto groups = operations::find_parity_groups(*file, *operations::find_file_tag(*file));
  ASSERT_EQ(groups.size(), 5U);
  std::string damaged = whole;
  for (const format::ParityGroup& group : groups) {
    flip(damaged, group.begin + 10);
    flip(damaged, group.parity_begin + 10);
    flip(damaged, group.parity_end() - 10);
  }
  expect_whole(damaged, whole, "a bit in each group, and in its frames");
}

// Beyond the budget: named, left as they were, and everything else of the group still mended.
TEST_F(RestoredByParity, ReportsWhatIsBeyondIt) {
  const std::string whole = make(1'000'000);
  std::string damaged = whole;
  const auto length = static_cast<std::uint64_t>(static_cast<double>(group_.end) * 0.2);
  fill(damaged, 200'000, 200'000 + length);
  const ParityOutcome outcome = restore(damaged);
  ASSERT_FALSE(outcome.remaining.empty());
  for (std::size_t at = 0; at < whole.size(); ++at) {
    const bool remains =
        std::any_of(outcome.remaining.begin(), outcome.remaining.end(),
                    [at](const auto& range) { return range.begin <= at && at < range.end; });
    ASSERT_EQ(restored_[at], remains ? damaged[at] : whole[at]) << at;
  }
}

TEST_F(RestoredByParity, WhatNoGroupCoversIsCopiedAsItIs) {
  std::string whole = make(10'000);
  whole += std::string(640, 'x');
  expect_whole(whole, whole, "more behind the group");
  const ParityOutcome outcome = restore(whole);
  ASSERT_EQ(outcome.covered.size(), 1U);
  EXPECT_EQ(outcome.covered[0], (format::ByteRange{0, whole.size() - 640}));
}

TEST_F(RestoredByParity, AGroupThatWasNeverFinishedIsCompletedWhereItCanBe) {
  const std::string whole = make(400'000);
  expect_whole(whole.substr(0, group_.closing_offset()), whole, "no closing frame");
  expect_whole(whole.substr(0, group_.frame_offset(1)), whole, "only the first frame");
}

TEST_F(RestoredByParity, AGroupThatWasHardlyBegunIsNoDamage) {
  const std::string whole = make(400'000);
  const std::uint64_t begun =
      group_.parity_begin + format::kFrameHeaderBytes + format::kParityHeadBytes;
  const std::string torn =
      whole.substr(0, begun) + std::string(static_cast<std::size_t>(whole.size() - begun), '\0');
  const ParityOutcome outcome = restore(torn);
  EXPECT_TRUE(outcome.damaged.empty());
  EXPECT_TRUE(outcome.remaining.empty());
  ASSERT_EQ(outcome.unfinished.size(), 1U);
  EXPECT_EQ(outcome.unfinished[0], (format::ByteRange{group_.parity_begin, group_.parity_end()}));
  EXPECT_TRUE(restored_ == torn);
}

TEST_F(RestoredByParity, StopsWhenTold) {
  const std::string whole = make(100'000);
  const auto from = io::system_files().open(path_, io::OpenMode::kRead);
  const auto to = io::system_files().open(dir_.file("to"), io::OpenMode::kCreateNew);
  const std::uint64_t tag = operations::find_file_tag(*from).value();
  const auto groups = operations::find_parity_groups(*from, tag);
  try {
    (void)operations::restore_by_parity(*from, *to, groups, tag,
                                        [](const Progress&) { return false; });
    FAIL() << "went on";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInterrupted);
  }
}

// A sector that cannot be read is damage like any other.
TEST(RestoredFromABadDisk, SectorsThatCannotBeRead) {
  SimulatedDisk disk;
  {
    Writer writer = create_on(disk);
    auto change = writer.begin();
    for (std::uint64_t i = 0; i < 200; ++i) {
      put_message(change, numbered("", i), std::string(1'000, 'x'));
    }
    change.commit();
    writer.close();
  }
  ProtectOptions options;
  options.files = &disk;
  protect(kDiskPath, options);
  const auto from = disk.open(kDiskPath, io::OpenMode::kRead);
  const std::uint64_t tag = operations::find_file_tag(*from).value();
  const auto groups = operations::find_parity_groups(*from, tag);
  ASSERT_EQ(groups.size(), 1U);
  const auto to = disk.open("/d/restored", io::OpenMode::kCreateNew);
  // The first read of the copy fails, and so does the third piece of it when it is tried again.
  disk.fail({.kind = DiskCall::kRead, .nth = 1});
  disk.fail({.kind = DiskCall::kRead, .nth = 3});
  const auto outcome = operations::restore_by_parity(*from, *to, groups, tag);
  EXPECT_EQ(disk.faults_met(), 2U);
  EXPECT_TRUE(outcome.remaining.empty());
  EXPECT_FALSE(outcome.damaged.empty());
  EXPECT_TRUE(disk.contents("/d/restored") == disk.contents(kDiskPath));
}

// The large run: SESSIONTOOL_PARITY_PATTERNS patterns (200) on 50 MB.
TEST_F(RestoredByParity, DISABLED_FiftyMegabytesUnderManyPatterns) {
  const char* given = std::getenv("SESSIONTOOL_PARITY_PATTERNS");
  const int patterns = given != nullptr ? std::atoi(given) : 200;
  const std::string whole = make(50'000'000);
  int restored = 0;
  for (int pattern = 0; pattern < patterns; ++pattern) {
    const std::string damaged = damaged_by(pattern, whole);
    const ParityOutcome outcome = restore(damaged);
    if (outcome.remaining.empty() && restored_ == whole) {
      ++restored;
    } else {
      ADD_FAILURE() << "pattern " << pattern << ", seed " << seed_;
    }
  }
  std::cout << restored << " of " << patterns << " restored, file of " << whole.size()
            << " bytes, parity of " << group_.parity_bytes() << '\n';
}

}  // namespace
}  // namespace session::test
