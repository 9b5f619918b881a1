// What a seal promises, and what opening a file for writing may do before it knows the file.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <span>
#include <string>

#include "session/reader.h"
#include "session/writer.h"
#include "tests/support/records.h"
#include "tests/support/temp_dir.h"

namespace session::test {
namespace {

std::string read_all(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_all(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

class Seal : public ::testing::Test {
 protected:
  // A sealed file with two revisions.
  void SetUp() override {
    Writer writer = Writer::create(path_);
    auto change = writer.begin();
    put_task(change, "a", {.title = "first"});
    change.commit();
    writer.close();
    head_offset_ = Reader::open(path_).head().info().offset;
  }

  static constexpr std::uint64_t kInPayload = 100;

  TempDir dir_;
  std::string path_ = dir_.file("work.session");
  std::uint64_t head_offset_ = 0;
};

TEST_F(Seal, HoldsAgainOnceATailBehindItIsCut) {
  const std::string sealed = read_all(path_);
  write_all(path_, sealed + "torn");
  Writer::open(path_).close();
  EXPECT_TRUE(read_all(path_) == sealed);
  const FileInfo info = Reader::open(path_).info();
  EXPECT_TRUE(info.sealed);
  EXPECT_EQ(info.tail_bytes, 0U);
}

void flip_bit(const std::string& path, std::uint64_t offset) {
  std::string bytes = read_all(path);
  bytes[offset] = static_cast<char>(bytes[offset] ^ 1);
  write_all(path, bytes);
}

void expect_damaged(const std::string& path) {
  try {
    (void)Reader::open(path);
    ADD_FAILURE() << "an older revision was shown as if it were the head";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kDamaged) << error.what();
  }
}

TEST_F(Seal, MakesABadCommitDamage) {
  flip_bit(path_, head_offset_);
  expect_damaged(path_);
  flip_bit(path_, head_offset_);
  flip_bit(path_, head_offset_ + kInPayload);
  expect_damaged(path_);
}

TEST_F(Seal, MakesABadCommitDamageAlsoBeforeATornTail) {
  flip_bit(path_, head_offset_ + kInPayload);
  write_all(path_, read_all(path_) + "torn");
  expect_damaged(path_);
}

// What a transaction leaves that wrote blobs and never came to its commit.
TEST_F(Seal, MakesABadCommitDamageAlsoBeforeFramesOfALaterOne) {
  const std::string torn = dir_.file("torn.session");
  const std::uint64_t sealed_bytes = read_all(path_).size();
  {
    Writer writer = Writer::open(path_);
    auto change = writer.begin();
    std::string random(3U << 20, '\0');
    std::mt19937_64 bits(1);
    for (char& c : random) c = static_cast<char>(bits());
    (void)change.add_blob(std::as_bytes(std::span(random)));
    std::filesystem::copy_file(path_, torn);
    change.rollback();
  }
  ASSERT_GT(read_all(torn).size(), sealed_bytes);
  EXPECT_EQ(Reader::open(torn).head().revision(), 2U);
  for (const std::uint64_t place : {head_offset_, head_offset_ + kInPayload}) {
    flip_bit(torn, place);
    expect_damaged(torn);
    flip_bit(torn, place);
  }
}

}  // namespace
}  // namespace session::test
