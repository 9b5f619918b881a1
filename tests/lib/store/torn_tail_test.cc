// A torn tail is not damage, and damage is never taken for one (G4).

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "format/layout.h"
#include "tests/support/disk_session.h"
#include "tests/support/records.h"
#include "tests/support/session_state.h"

namespace session::test {
namespace {

using FileBytes = std::vector<std::byte>;

class TornTail : public ::testing::Test {
 protected:
  void SetUp() override {
    SimulatedDisk disk;
    Writer writer = create_on(disk);
    auto change = writer.begin();
    for (std::uint64_t i = 0; i < 30; ++i) put_task(change, numbered("t", i), {.title = "task"});
    (void)change.commit(folded());
    put(writer, "a/3");
    put(writer, "a/4");
    unsealed_ = disk.contents(kDiskPath);
    const Reader reader = read_on(disk);
    last_ = reader.head().info().offset;
    last_end_ = reader.info().head_end;
    before_last_ = reader.at(3).info().offset;
    writer.close();
    sealed_ = disk.contents(kDiskPath);
  }

  static void put(Writer& writer, std::string_view key) {
    auto change = writer.begin();
    put_value(change, key, std::string(200, 'v'));
    (void)change.commit();
  }
  [[nodiscard]] static SimulatedDisk disk_with(FileBytes bytes) {
    SimulatedDisk disk;
    disk.put(kDiskPath, std::move(bytes));
    return disk;
  }
  [[nodiscard]] static FileBytes first(const FileBytes& bytes, std::uint64_t n) {
    return {bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n)};
  }
  [[nodiscard]] static FileBytes flipped(FileBytes bytes, std::uint64_t at) {
    bytes[at] ^= static_cast<std::byte>(1U << (at % 8));
    return bytes;
  }
  // Where the last byte that is not zero ends.
  [[nodiscard]] static std::uint64_t end_of_content(const FileBytes& bytes) {
    const auto last =
        std::find_if(bytes.rbegin(), bytes.rend(), [](std::byte b) { return b != std::byte{0}; });
    return static_cast<std::uint64_t>(bytes.rend() - last);
  }
  [[nodiscard]] static std::vector<std::string> tails(SimulatedDisk& disk) {
    std::vector<std::string> found;
    for (const std::string& name : disk.list("/d")) {
      if (name.find(".tail-") != std::string::npos) found.push_back("/d/" + name);
    }
    return found;
  }

  FileBytes unsealed_;  // four revisions, the third and fourth deltas, and a reserve behind them
  FileBytes sealed_;
  std::uint64_t before_last_ = 0;
  std::uint64_t last_ = 0;
  std::uint64_t last_end_ = 0;
};

TEST_F(TornTail, ACutAtEveryByteOfTheLastCommitShowsTheOneBefore) {
  for (std::uint64_t cut = last_; cut < last_end_; ++cut) {
    const FileBytes bytes = first(unsealed_, cut);
    // The last commit ends with zeros that may be cut off without a loss.
    const std::uint64_t end = std::max(end_of_content(bytes), last_);
    if (end == end_of_content(first(unsealed_, last_end_))) continue;
    SimulatedDisk disk = disk_with(bytes);
    const Reader reader = read_on(disk);
    ASSERT_EQ(reader.head().revision(), 3U) << cut;
    ASSERT_EQ(reader.info().tail_bytes, end - last_) << cut;
    ASSERT_EQ(reader.info().head_end, last_) << cut;
    if (cut % 7 != 0) continue;
    Writer writer = open_on(disk);
    EXPECT_EQ(writer.report().recovered_to, 3U);
    EXPECT_EQ(writer.report().tail_bytes, end - last_);
    EXPECT_EQ(tails(disk).size(), end == last_ ? 0U : 1U);
    if (end > last_) {
      const FileBytes saved = disk.contents(writer.report().tail_saved_as);
      EXPECT_TRUE(std::equal(saved.begin(), saved.end(),
                             unsealed_.begin() + static_cast<std::ptrdiff_t>(last_)));
      EXPECT_EQ(saved.size(), end - last_);
    }
    put(writer, "b/4");
    writer.close();
    EXPECT_EQ(read_on(disk).head().revision(), 4U);
    EXPECT_EQ(read_on(disk).info().tail_bytes, 0U);
    EXPECT_EQ(contradiction_in(read_on(disk).head()), "");
  }
}

// The bytes never came, but the file had its size already.
TEST_F(TornTail, ATailOfZerosIsAReserve) {
  FileBytes bytes = unsealed_;
  std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(last_), bytes.end(), std::byte{0});
  SimulatedDisk disk = disk_with(bytes);
  EXPECT_EQ(read_on(disk).info().tail_bytes, 0U);
  EXPECT_EQ(read_on(disk).info().reserve_bytes, bytes.size() - last_);
  Writer writer = open_on(disk);
  EXPECT_EQ(writer.report().recovered_to, 3U);
  EXPECT_EQ(writer.report().tail_saved_as, "");
  EXPECT_TRUE(tails(disk).empty());
}

TEST_F(TornTail, AFlipInTheLastCommitOfAnUnsealedFileIsATornTail) {
  for (std::uint64_t at = last_; at < last_end_; at += 5) {
    SimulatedDisk disk = disk_with(flipped(unsealed_, at));
    const Reader reader = read_on(disk);
    ASSERT_EQ(reader.head().revision(), 3U) << at;
    ASSERT_GT(reader.info().tail_bytes, 0U) << at;
  }
}

TEST_F(TornTail, AFlipInTheLastCommitOfASealedFileIsDamage) {
  for (std::uint64_t at = last_; at < last_end_; ++at) {
    SimulatedDisk disk = disk_with(flipped(sealed_, at));
    ASSERT_EQ(error_of([&] { (void)read_on(disk); }), ErrorCode::kDamaged) << at;
    ASSERT_EQ(error_of([&] { (void)open_on(disk); }), ErrorCode::kDamaged) << at;
    ASSERT_EQ(disk.contents(kDiskPath), flipped(sealed_, at)) << "and nothing is changed";
  }
}

TEST_F(TornTail, AFlipInTheSealCostsOnlyTheSeal) {
  for (std::uint64_t at = last_end_; at < sealed_.size(); ++at) {
    SimulatedDisk disk = disk_with(flipped(sealed_, at));
    const Reader reader = read_on(disk);
    ASSERT_EQ(reader.head().revision(), 4U) << at;
    ASSERT_FALSE(reader.info().sealed) << at;
  }
}

// The head stands on an older commit and its trees: damage there is never a step back.
TEST_F(TornTail, DamageBeforeTheHeadIsNeverASilentStepBack) {
  for (const FileBytes* file : {&unsealed_, &sealed_}) {
    for (std::uint64_t at = before_last_; at < last_; at += 3) {
      SimulatedDisk disk = disk_with(flipped(*file, at));
      ASSERT_EQ(error_of([&] { (void)read_on(disk); }), ErrorCode::kDamaged) << at;
    }
    for (std::uint64_t at = format::kFileHeaderBytes; at < before_last_; at += 11) {
      SimulatedDisk disk = disk_with(flipped(*file, at));
      try {
        ASSERT_EQ(read_on(disk).head().revision(), 4U) << at;
      } catch (const Error& error) {
        ASSERT_EQ(error.code(), ErrorCode::kDamaged) << at;
      }
    }
  }
}

TEST_F(TornTail, TheNextWriterSavesAndCutsItOnceAndForAll) {
  for (const FileBytes* file : {&unsealed_, &sealed_}) {
    FileBytes bytes = first(*file, end_of_content(*file));
    bytes.resize((bytes.size() + 63) / 64 * 64);
    const std::uint64_t end = bytes.size();
    bytes.insert(bytes.end(), 1'000, std::byte{0x5A});
    SimulatedDisk disk = disk_with(bytes);
    EXPECT_EQ(read_on(disk).info().tail_bytes, 1'000U);
    EXPECT_FALSE(read_on(disk).info().sealed);
    {
      Writer writer = open_on(disk);
      EXPECT_EQ(writer.report().tail_bytes, 1'000U);
      EXPECT_FALSE(writer.report().was_sealed);
      writer.close();
    }
    ASSERT_EQ(tails(disk).size(), 1U);
    EXPECT_EQ(disk.contents(tails(disk)[0]), FileBytes(1'000, std::byte{0x5A}));
    const FileInfo info = read_on(disk).info();
    EXPECT_EQ(info.head.revision, 4U);
    EXPECT_EQ(info.tail_bytes, 0U);
    EXPECT_TRUE(info.sealed);
    EXPECT_GE(info.file_bytes, end);
    EXPECT_EQ(open_on(disk).report().tail_bytes, 0U);
    EXPECT_EQ(tails(disk).size(), 1U);
  }
}

TEST_F(TornTail, ASavedTailIsNeverOverwritten) {
  SimulatedDisk disk = disk_with(unsealed_);
  for (int crash = 1; crash <= 3; ++crash) {
    FileBytes bytes = disk.contents(kDiskPath);
    bytes.insert(bytes.end(), 100, static_cast<std::byte>(crash));
    const std::vector<std::string> kept = tails(disk);
    disk.put(kDiskPath, bytes);
    open_on(disk).close();  // its clock starts anew, so the time in the name is the same
    EXPECT_EQ(tails(disk).size(), kept.size() + 1);
  }
}

// Whole frames, but of another file or of another place.
TEST_F(TornTail, FramesThatDoNotBelongThereAreATail) {
  SimulatedDisk other;
  {
    Writer writer = create_on(other);
    for (const char* key : {"x/1", "x/2", "x/3", "x/4", "x/5"}) put(writer, key);
  }
  for (const FileBytes& strange : {other.contents(kDiskPath), sealed_}) {
    FileBytes bytes = sealed_;
    bytes.insert(bytes.end(), strange.begin(), strange.end());
    SimulatedDisk disk = disk_with(bytes);
    const Reader reader = read_on(disk);
    EXPECT_EQ(reader.head().revision(), 4U);
    EXPECT_FALSE(reader.head().get<schema::Value>("x/1"));
    EXPECT_EQ(reader.info().tail_bytes, end_of_content(strange));
  }
}

// A commit is only believed if all it vouches for is there.
TEST_F(TornTail, ACommitWhosePagesNeverCameIsNotBelieved) {
  SimulatedDisk disk = disk_with(sealed_);
  Writer writer = open_on(disk);
  const std::uint64_t begin = read_on(disk).info().head_end;
  auto change = writer.begin();
  for (std::uint64_t i = 0; i < 40; ++i) put_message(change, numbered("m", i), "text");
  (void)change.commit(folded());
  const FileBytes bytes = disk.contents(kDiskPath);
  const std::uint64_t commit = read_on(disk).head().info().offset;
  ASSERT_GT(commit, begin);
  for (std::uint64_t at = begin; at < commit; at += 64) {
    FileBytes hole = bytes;
    std::fill_n(hole.begin() + static_cast<std::ptrdiff_t>(at), 64, std::byte{0});
    SimulatedDisk torn = disk_with(hole);
    EXPECT_EQ(read_on(torn).head().revision(), 4U) << at;
  }
}

}  // namespace
}  // namespace session::test
