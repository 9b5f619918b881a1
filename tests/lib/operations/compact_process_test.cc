// Compacting beside other processes: who is refused, what a kill leaves, what a reader holds on to
// (G3, G9).

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "session/compact.h"
#include "session/reader.h"
#include "session/verify.h"
#include "tests/support/child_process.h"
#include "tests/support/disk_session.h"
#include "tests/support/records.h"
#include "tests/support/seed.h"
#include "tests/support/session_state.h"
#include "tests/support/temp_dir.h"

namespace session::test {
namespace {

using Line = ChildProcess::Line;

class CompactProcesses : public ::testing::Test {
 protected:
  // Revisions that each change a few records of many.
  void write_revisions(std::uint64_t revisions) const {
    Writer writer = Writer::create(path_);
    for (std::uint64_t i = 0; i < revisions; ++i) commit_one(writer, i);
    writer.close();
  }
  static void commit_one(Writer& writer, std::uint64_t i) {
    Transaction change = writer.begin();
    for (std::uint64_t n = 0; n < 3; ++n) {
      put_task(change, numbered("t", (i * 7 + n * 31) % 500),
               {.title = "task in " + std::to_string(i), .description = std::string(200, 'd')});
    }
    put_value(change, "n/number", std::to_string(i));
    (void)change.commit(relaxed());
  }

  TempDir dir_;
  std::string path_ = dir_.file("work.session");
};

TEST_F(CompactProcesses, AWriterElsewhereRefusesItByItsProcess) {
  write_revisions(3);
  ChildProcess child([&](const Line& line) {
    const Writer writer = Writer::open(path_);
    line.say(1);
    (void)line.hear();
    return 0;
  });
  ASSERT_EQ(child.line().hear(), 1U);
  EXPECT_EQ(error_of([&] { (void)compact(path_); }), ErrorCode::kLocked);
  const std::string words = words_of([&] { (void)compact(path_); });
  EXPECT_NE(words.find(std::to_string(child.id())), std::string::npos) << words;
  CompactOptions options;
  options.dry_run = true;
  EXPECT_GT(compact(path_, options).bytes_after, 0U) << "looking takes no lock";
  child.kill();
  EXPECT_EQ(compact(path_).output, path_);
}

TEST_F(CompactProcesses, AKillAtAnyMomentLeavesTheOneOrTheOther) {
  int rounds = 25;
  if (const char* given = std::getenv("SESSIONTOOL_KILL_ROUNDS")) rounds = std::atoi(given);
  const std::uint64_t seed = random_seed();
  std::mt19937_64 random(seed);
  write_revisions(300);
  const std::string original = dir_.file("original.session");
  std::filesystem::copy_file(path_, original);
  const SessionState head = state_of(Reader::open(path_).head());
  CompactOptions options;
  options.retention.keep_last = 20;
  const auto begin = std::chrono::steady_clock::now();
  (void)compact(path_, options);
  const auto usual = std::chrono::duration_cast<std::chrono::microseconds>(
                         std::chrono::steady_clock::now() - begin)
                         .count();
  int replaced = 0;
  for (int round = 0; round < rounds; ++round) {
    std::filesystem::copy_file(original, path_, std::filesystem::copy_options::overwrite_existing);
    const std::uint64_t before = std::filesystem::file_size(path_);
    ChildProcess child([&](const Line& line) {
      line.say(1);
      (void)compact(path_, options);
      line.say(2);
      return 0;
    });
    ASSERT_EQ(child.line().hear(), 1U);
    std::this_thread::sleep_for(
        std::chrono::microseconds(random() % static_cast<std::uint64_t>(usual + 1)));
    child.kill();
    const bool was_done = child.line().hear().has_value();
    const Reader reader = Reader::open(path_);
    const std::uint64_t revisions = reader.info().revisions;
    ASSERT_TRUE(revisions == 301 || revisions == 20) << revisions << ", seed " << seed;
    ASSERT_TRUE(revisions == 20 || !was_done);
    ASSERT_TRUE(revisions == 20 || std::filesystem::file_size(path_) == before);
    replaced += revisions == 20 ? 1 : 0;
    ASSERT_EQ(head.difference(state_of(reader.head())), "") << "round " << round;
    VerifyOptions full;
    full.level = VerifyLevel::kFull;
    ASSERT_LE(verify(path_, full).verdict, Verdict::kTornTail) << "round " << round;
  }
  std::cout << replaced << " of " << rounds << " were killed after the rename\n";
}

// G9: through 10,000 commits and a compaction.
TEST_F(CompactProcesses, AReaderKeepsItsRevisionThroughCommitsAndACompaction) {
  write_revisions(300);
  Reader reader = Reader::open(path_);
  const Snapshot held = reader.at(150);
  const SessionState state = state_of(held);
  const Digest fingerprint = held.fingerprint();
  ChildProcess child([&](const Line& line) {
    Writer writer = Writer::open(path_);
    for (std::uint64_t i = 0; i < 10'000; ++i) commit_one(writer, i);
    writer.close();
    CompactOptions options;
    options.retention.keep_last = 1;
    (void)compact(path_, options);
    line.say(Reader::open(path_).head().revision());
    return 0;
  });
  const auto head = child.line().hear();
  ASSERT_EQ(child.wait(), 0);
  EXPECT_EQ(state.difference(state_of(held)), "");
  EXPECT_EQ(held.fingerprint(), fingerprint);
  EXPECT_EQ(state.difference(state_of(reader.at(150))), "") << "the reader has not looked again";
  EXPECT_TRUE(reader.refresh());
  EXPECT_EQ(reader.head().revision(), head);
  EXPECT_EQ(*head, 10'301U);
  EXPECT_EQ(error_of([&] { (void)reader.at(150); }), ErrorCode::kNotFound);
  EXPECT_EQ(state.difference(state_of(held)), "") << "and still";
}

}  // namespace
}  // namespace session::test
