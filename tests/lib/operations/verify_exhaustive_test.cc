// Every bit of a file is covered: flipped, it is found. SESSIONTOOL_EXHAUSTIVE=1 takes files of up
// to 64 KiB; without it they are small enough to be tried in seconds.

#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <map>
#include <string>

#include "format/layout.h"
#include "session/compact.h"
#include "session/protect.h"
#include "session/reader.h"
#include "tests/lib/operations/verify_support.h"
#include "tests/support/exhaustive.h"
#include "tests/support/session_state.h"

namespace session::test {
namespace {

// Every page, delta and blob compressed, and parity over all of it.
FileBytes archived(const FileBytes& file) {
  SimulatedDisk disk;
  disk.put(kDiskPath, file);
  CompactOptions options;
  options.archive = true;
  options.parity_percent = kUsualParityPercent;
  options.files = &disk;
  (void)compact(kDiskPath, options);
  return disk.contents(kDiskPath);
}

// What reading shows of a file: its revisions, or that it throws.
std::map<std::uint64_t, SessionState> all_revisions(const FileBytes& file, ReadMode mode) {
  SimulatedDisk disk;
  disk.put(kDiskPath, file);
  std::map<std::uint64_t, SessionState> states;
  const auto unless_damaged = [](const auto& read) {
    try {
      read();
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kInternal) throw;
    }
  };
  unless_damaged([&] {
    const Reader reader = read_on(disk, kDiskPath, mode);
    for (std::uint64_t number = reader.head().info().revision; number > 0; --number) {
      unless_damaged([&] { states.emplace(number, state_of(reader.at(number))); });
    }
  });
  return states;
}

struct Sample {
  std::string name;
  std::function<FileBytes()> make;
};

std::vector<Sample> samples() {
  const bool large = is_exhaustive();
  return {{"SmallSnapshot", [=] { return small_snapshot(large ? 150 : 6); }},
          {"ManyDeltas", [=] { return many_deltas(large ? 80 : 5); }},
          {"Blobs", [=] { return with_blobs(large ? 9000 : 4200); }},
          {"CompressedWithParity", [=] { return archived(with_blobs(large ? 9000 : 4200)); }}};
}

class VerifyExhaustive : public testing::TestWithParam<Sample> {};

INSTANTIATE_TEST_SUITE_P(Files, VerifyExhaustive, testing::ValuesIn(samples()),
                         [](const auto& test) { return test.param.name; });

TEST_P(VerifyExhaustive, IsCleanToBeginWith) {
  const FileBytes file = GetParam().make();
  ASSERT_LE(file.size(), std::size_t{64} << 10);
  for (const VerifyLevel level : {VerifyLevel::kQuick, VerifyLevel::kDefault, VerifyLevel::kFull}) {
    const Verified verified = verify_bytes(file, level);
    EXPECT_EQ(verified.report.verdict, Verdict::kClean) << verified.text();
    EXPECT_TRUE(verified.findings.empty()) << verified.text();
  }
}

TEST_P(VerifyExhaustive, FindsEveryBitThatFlips) {
  const FileBytes whole = GetParam().make();
  FileBytes file = whole;
  for (std::size_t bit = 0; bit < file.size() * 8; ++bit) {
    flip_bit(file, bit);
    const Verified verified = verify_bytes(file);
    ASSERT_NE(verified.report.verdict, Verdict::kClean) << "bit " << bit << " of " << file.size();
    ASSERT_FALSE(verified.findings.empty()) << "bit " << bit;
    flip_bit(file, bit);
  }
}

TEST_P(VerifyExhaustive, FindsEveryBlockThatIsGone) {
  const FileBytes whole = GetParam().make();
  for (std::size_t at = 0; at < whole.size(); at += format::kAlignBytes) {
    FileBytes file = whole;
    zero_block(file, at, std::min(format::kAlignBytes, file.size() - at));
    if (file == whole) continue;
    const Verified verified = verify_bytes(file);
    ASSERT_NE(verified.report.verdict, Verdict::kClean) << "block at " << at;
  }
}

// An error is right, and so is the whole truth; anything else is not.
TEST_P(VerifyExhaustive, NothingWrongIsEverRead) {
  const FileBytes whole = GetParam().make();
  const auto truth = all_revisions(whole, ReadMode::kMapped);
  ASSERT_GE(truth.size(), 2U);
  const std::size_t step = is_exhaustive() ? 1 : 13;
  for (std::size_t bit = 0; bit < whole.size() * 8; bit += step) {
    FileBytes file = whole;
    flip_bit(file, bit);
    const auto mode = bit % 2 == 0 ? ReadMode::kMapped : ReadMode::kCopy;
    for (const auto& [number, state] : all_revisions(file, mode)) {
      const auto right = truth.find(number);
      ASSERT_TRUE(right != truth.end()) << "bit " << bit << " made a revision " << number;
      ASSERT_EQ(right->second.difference(state), "") << "bit " << bit << ", revision " << number;
    }
  }
}

TEST_P(VerifyExhaustive, NamesThePlaceOfAFlippedBit) {
  const FileBytes whole = GetParam().make();
  for (std::size_t at = 0; at < whole.size(); at += 7) {
    FileBytes file = whole;
    flip_bit(file, at * 8 + at % 8);
    const Verified verified = verify_bytes(file);
    const bool is_named =
        std::any_of(verified.findings.begin(), verified.findings.end(), [&](const Finding& f) {
          return f.offset && at >= *f.offset &&
                 at - *f.offset < std::max<std::uint64_t>(f.length, 1);
        });
    ASSERT_TRUE(is_named) << "byte " << at << ": " << verified.text();
  }
}

// ---- the tail -----------------------------------------------------------------------------------

struct Cut {
  FileBytes file;
  std::uint64_t begin = 0;  // of the last commit
  std::uint64_t end = 0;
};

Cut unsealed_deltas() {
  SimulatedDisk disk;
  Writer writer = create_on(disk);
  Cut result;
  for (int i = 0; i < 3; ++i) {
    auto change = writer.begin();
    put_task(change, numbered("t", static_cast<std::uint64_t>(i)), {.title = "a title"});
    (void)change.commit();
  }
  const RevisionInfo last = writer.head().info();
  result.begin = last.offset;
  result.end = last.offset + last.size_bytes;
  result.file = disk.contents(kDiskPath);
  result.file.resize(result.end);
  return result;
}

TEST(VerifyTail, ACutInTheLastCommitIsATornTailAndNoDamage) {
  const Cut whole = unsealed_deltas();
  for (std::uint64_t size = whole.begin; size <= whole.end; ++size) {
    FileBytes file = whole.file;
    cut(file, size);
    const Verified verified = verify_bytes(file);
    // Zeros at the end of what is left look like a reserve.
    std::uint64_t written = size;
    while (written > whole.begin && file[written - 1] == std::byte{0}) --written;
    const bool is_whole = size == whole.end;
    const bool is_torn = !is_whole && written > whole.begin;
    ASSERT_EQ(verified.report.verdict, is_torn ? Verdict::kTornTail : Verdict::kClean)
        << size << ": " << verified.text();
    ASSERT_EQ(verified.report.tail_bytes_ignored, is_torn ? written - whole.begin : 0) << size;
    ASSERT_EQ(verified.has(FindingCode::kTornTail), is_torn) << size;
    ASSERT_EQ(verified.report.revisions_checked, is_whole ? 4U : 3U) << size;
  }
}

TEST(VerifyTail, AFlippedBitInTheLastCommitOfAClosedFileIsDamage) {
  const FileBytes whole = many_deltas(4);
  const std::vector<FramePlace> frames = frames_in(whole);
  const FramePlace last = frames.at(frames.size() - 2);
  ASSERT_EQ(last.kind, 4);
  for (std::size_t bit = last.offset * 8; bit < (last.offset + last.size) * 8; bit += 3) {
    FileBytes file = whole;
    flip_bit(file, bit);
    const Verified verified = verify_bytes(file);
    ASSERT_EQ(verified.report.verdict, Verdict::kLossy) << bit << ": " << verified.text();
    ASSERT_TRUE(verified.has(FindingCode::kLostCommit)) << bit;
    ASSERT_EQ(verified.report.tail_bytes_ignored, 0U) << bit;
  }
}

TEST(VerifyTail, DamageBeforeTheLastCommitIsAFindingAndNoStepBack) {
  const FileBytes whole = many_deltas(5);
  const std::vector<FramePlace> frames = frames_in(whole);
  SimulatedDisk disk;
  disk.put(kDiskPath, whole);
  const std::uint64_t head = read_on(disk).head().revision();
  for (std::size_t i = 0; i + 2 < frames.size(); ++i) {
    FileBytes file = whole;
    flip_bit(file, (frames[i].offset + format::kFrameHeaderBytes + 5) * 8);
    const Verified verified = verify_bytes(file);
    ASSERT_EQ(verified.report.verdict, Verdict::kLossy) << verified.text();
    ASSERT_EQ(verified.report.tail_bytes_ignored, 0U);
    disk.put(kDiskPath, file);
    try {
      ASSERT_EQ(read_on(disk).head().revision(), head);
    } catch (const Error& error) {
      ASSERT_EQ(error.code(), ErrorCode::kDamaged);
    }
  }
}

TEST(VerifyTail, AReserveIsNoFindingAndABitInItIsATornTail) {
  SimulatedDisk disk;
  Writer writer = create_on(disk);
  auto change = writer.begin();
  put_value(change, "a/b", "value");
  (void)change.commit();
  FileBytes file = disk.contents(kDiskPath);
  const std::uint64_t end = read_on(disk).info().head_end;
  ASSERT_GT(file.size(), end + 1000) << "no reserve was written";
  const Verified before = verify_bytes(file);
  EXPECT_EQ(before.report.verdict, Verdict::kClean) << before.text();
  ASSERT_TRUE(before.has(FindingCode::kNotClosed));
  EXPECT_EQ(before.first(FindingCode::kNotClosed)->severity, Severity::kInfo);
  flip_bit(file, (end + 1000) * 8);
  const Verified after = verify_bytes(file);
  EXPECT_EQ(after.report.verdict, Verdict::kTornTail) << after.text();
  EXPECT_EQ(after.report.tail_bytes_ignored, 1001U);
}

}  // namespace
}  // namespace session::test
