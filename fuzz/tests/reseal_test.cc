// A file that is changed and sealed again looks as if it had been written so: what a fuzzer cannot
// get past, it does not test.

#include "fuzz/support/reseal.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "format/frame.h"
#include "session/compact.h"
#include "session/verify.h"
#include "tests/support/disk_session.h"
#include "tests/support/records.h"
#include "tests/support/seed.h"

namespace session::fuzz {
namespace {

using test::kDiskPath;
using test::SimulatedDisk;
using File = std::vector<std::byte>;

constexpr auto kLetter = static_cast<std::byte>('q');
constexpr std::size_t kKindAt = 4;  // of a frame's header
constexpr std::size_t kCodecAt = 5;
constexpr auto kOther = static_cast<std::byte>('Q');

// Messages of one letter, saved one by one; trees of several levels.
void write_session(SimulatedDisk& disk, std::uint32_t parity_percent) {
  CreateOptions options = test::creating_on(disk);
  options.parity_percent = parity_percent;
  Writer writer = Writer::create(kDiskPath, options);
  for (std::uint64_t i = 0; i < 80; ++i) {
    Transaction change = writer.begin();
    test::put_message(change, test::numbered("", i), std::string(60 + i, 'q'));
    CommitOptions commit = test::relaxed();
    commit.as_snapshot = i % 16 == 15;
    (void)change.commit(commit);
  }
  writer.close();
}

bool is_clean(const File& file) {
  SimulatedDisk disk;
  disk.put(kDiskPath, file);
  VerifyOptions options;
  options.level = VerifyLevel::kFull;
  options.meaning = false;
  options.jobs = 1;
  options.files = &disk;
  return verify(kDiskPath, options).verdict == Verdict::kClean;
}

std::size_t letters_of_head(const File& file) {
  SimulatedDisk disk;
  disk.put(kDiskPath, file);
  const Reader reader = test::read_on(disk);
  std::size_t count = 0;
  for (auto cursor = reader.head().cursor(Table::kMessages); cursor.valid(); cursor.next()) {
    const auto text = cursor.record().as<schema::Message>().getText();
    count += static_cast<std::size_t>(std::count(text.begin(), text.end(), 'Q'));
  }
  return count;
}

// In any plain leaf.
bool change_a_letter(File& file, std::mt19937_64& random) {
  std::vector<std::size_t> places;
  for (const FramePlace& frame : frames_of(file)) {
    const auto kind = static_cast<format::FrameKind>(file[frame.offset + kKindAt]);
    const auto codec = static_cast<format::Codec>(file[frame.offset + kCodecAt]);
    if (kind != format::FrameKind::kLeaf || codec != format::Codec::kNone) continue;
    for (std::size_t at = frame.offset + format::kFrameHeaderBytes;
         at + 16 <= frame.offset + frame.size_bytes; ++at) {
      const auto run = std::span(file).subspan(at, 16);
      if (std::ranges::all_of(run, [](std::byte b) { return b == kLetter; })) places.push_back(at);
    }
  }
  if (places.empty()) return false;
  file[places[random() % places.size()]] = kOther;
  return true;
}

class ResealedContent : public ::testing::TestWithParam<std::uint32_t> {
 protected:
  void SetUp() override {
    write_session(disk_, GetParam());
    file_ = disk_.contents(kDiskPath);
    ASSERT_TRUE(is_clean(file_));
  }

  std::mt19937_64 random_{test::random_seed()};
  SimulatedDisk disk_;
  File file_;
};

TEST_P(ResealedContent, OfAFileNobodyTouchedChangesNothing) {
  File again = file_;
  reseal(again, Reseal::kAndContent);
  EXPECT_TRUE(again == file_);
}

TEST_P(ResealedContent, PassesEveryCheckWithAnotherText) {
  std::size_t seen = 0;
  for (int round = 0; round < 20; ++round) {
    File forged = file_;
    ASSERT_TRUE(change_a_letter(forged, random_));
    File half = forged;
    reseal(half, Reseal::kAndPlaces);
    EXPECT_FALSE(is_clean(half)) << "nothing but its hashes was sealed";
    reseal(forged, Reseal::kAndContent);
    EXPECT_TRUE(is_clean(forged));
    seen += letters_of_head(forged);
  }
  EXPECT_GT(seen, 0U);
}

// Its deltas are compressed with leaves: what they unpack to changes with these.
TEST_P(ResealedContent, PassesBehindACompactionToo) {
  CompactOptions options;
  options.files = &disk_;
  options.clock = test::counting_clock();
  (void)compact(kDiskPath, options);
  const File compacted = disk_.contents(kDiskPath);
  const auto frames = frames_of(compacted);
  ASSERT_TRUE(std::ranges::any_of(frames, [&](const FramePlace& frame) {
    const auto codec = static_cast<format::Codec>(compacted[frame.offset + kCodecAt]);
    return codec == format::Codec::kZstdPrefix;
  }));
  File again = compacted;
  reseal(again, Reseal::kAndContent);
  EXPECT_TRUE(again == compacted);
  int clean = 0;
  for (int round = 0; round < 20; ++round) {
    File forged = compacted;
    ASSERT_TRUE(change_a_letter(forged, random_));
    reseal(forged, Reseal::kAndContent);
    if (is_clean(forged)) ++clean;
  }
  // Now and then something takes more room than it had.
  EXPECT_GT(clean, 10);
}

// Whatever came before: it stays in its bounds (the sanitizers look), and ends.
TEST_P(ResealedContent, HasNoTrustInWhatItSeals) {
  for (int round = 0; round < 300; ++round) {
    File wild = file_;
    for (int n = 1 + round % 8; n > 0; --n) {
      const auto frames = frames_of(wild);
      const FramePlace& frame = frames[random_() % frames.size()];
      const std::size_t at = frame.offset + random_() % (frame.size_bytes / 8) * 8;
      const FramePlace& other = frames[random_() % frames.size()];
      const std::uint64_t word = random_() % 2 == 0 ? random_() >> (random_() % 64) : other.offset;
      format::store(wild, at, word);
    }
    if (round % 5 == 0) wild.resize(random_() % wild.size());
    reseal(wild, Reseal::kAndContent);
    try {
      (void)is_clean(wild);
    } catch (const Error&) {
      // Not enough is left of it to be a session.
    }
  }
}

INSTANTIATE_TEST_SUITE_P(WithParity, ResealedContent, ::testing::Values(0U, 20U));

}  // namespace
}  // namespace session::fuzz
