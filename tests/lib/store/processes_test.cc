// Writers and readers in processes of their own: who may write (and who is told), what a killed
// writer leaves, and what a reader holds on to (G3, G9).

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/child_process.h"
#include "tests/support/disk_session.h"
#include "tests/support/records.h"
#include "tests/support/seed.h"
#include "tests/support/session_state.h"
#include "tests/support/temp_dir.h"

namespace session::test {
namespace {

using Line = ChildProcess::Line;

std::string value_in(const Snapshot& snapshot, std::string_view key) {
  const auto value = snapshot.get<schema::Value>(key);
  return value ? text((*value)->getText()) : "";
}

// A revision that says its number, in two places of different tables and a tree below them.
std::uint64_t commit_number(Writer& writer, std::uint64_t dice, const CommitOptions& options) {
  auto change = writer.begin();
  const std::string number = std::to_string(writer.head().revision() + 1);
  put_value(change, "test/number", number);
  put_message(change, "number", number);
  put_task(change, numbered("t", dice % 80), {.title = number, .parent = "p"});
  if (dice % 16 == 0) put_message(change, "large", std::string(9'000 + dice % 7, 'b') + number);
  return change.commit(options).revision;
}

// Nothing if the head is a whole revision made by commit_number().
std::string wrong_in(const Snapshot& head) {
  if (head.revision() == 1) return {};
  const std::string number = value_in(head, "test/number");
  const auto message = head.get<schema::Message>("number");
  if (number != std::to_string(head.revision())) return "revision says it is " + number;
  if (!message || text((*message)->getText()) != number) return "half a revision";
  if (head.children("p").size() != head.count(Table::kTasks)) return "children are missing";
  return {};
}

class StoreProcesses : public ::testing::Test {
 protected:
  TempDir dir_;
  std::string path_ = dir_.file("work.session");
};

TEST_F(StoreProcesses, ASecondWriterIsRefusedAndToldWhoWrites) {
  Writer::create(path_).close();
  ChildProcess child([&](const Line& line) {
    Writer writer = Writer::open(path_);
    line.say(commit_number(writer, 1, {}));
    (void)line.hear();
    return 0;
  });
  ASSERT_EQ(child.line().hear(), 2U);
  EXPECT_EQ(error_of([&] { (void)Writer::open(path_); }), ErrorCode::kLocked);
  const std::string words = words_of([&] { (void)Writer::open(path_); });
  EXPECT_NE(words.find(std::to_string(child.id())), std::string::npos) << words;
  CreateOptions overwriting;
  overwriting.overwrite = true;
  EXPECT_EQ(error_of([&] { (void)Writer::create(path_, overwriting); }), ErrorCode::kLocked);
  EXPECT_EQ(Reader::open(path_).head().revision(), 2U) << "readers are not kept out";
  child.kill();
  Writer writer = Writer::open(path_);
  EXPECT_FALSE(writer.report().was_sealed);
  EXPECT_EQ(commit_number(writer, 2, {}), 3U);
}

TEST_F(StoreProcesses, AKilledWriterLosesNothingAcknowledgedAndLeavesNothingToCleanUp) {
  int rounds = 40;
  if (const char* given = std::getenv("SESSIONTOOL_KILL_ROUNDS")) rounds = std::atoi(given);
  const std::uint64_t seed = random_seed();
  std::mt19937_64 random(seed);
  Writer::create(path_).close();
  std::uint64_t acknowledged = 1;
  std::uint64_t commits = 0;
  for (int round = 0; round < rounds; ++round) {
    const std::uint64_t child_seed = random();
    ChildProcess child([&](const Line& line) {
      std::mt19937_64 dice(child_seed);
      Writer writer = Writer::open(path_);
      line.say(writer.report().recovered_to);
      while (true) {
        const std::uint64_t n = dice();
        CommitOptions options;
        options.as_snapshot = n % 20 == 0;
        options.durability = n % 5 == 0 ? Durability::kRelaxed : Durability::kDurable;
        const std::uint64_t revision = commit_number(writer, n >> 8, options);
        if (options.durability == Durability::kDurable) line.say(revision);
      }
      return 0;
    });
    const auto first = child.line().hear();
    ASSERT_TRUE(first) << "round " << round << " could not open the session";
    ASSERT_GE(*first, acknowledged);
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 25'000));
    child.kill();
    while (const auto revision = child.line().hear()) acknowledged = *revision;
    const Reader reader = Reader::open(path_);
    const Snapshot head = reader.head();
    ASSERT_GE(head.revision(), acknowledged) << "round " << round << ", seed " << seed;
    ASSERT_EQ(wrong_in(head), "") << "round " << round << ", seed " << seed;
    commits = head.revision();
    if (round % 10 == 0) {
      ASSERT_EQ(contradiction_in(head), "");
    }
  }
  std::cout << rounds << " kills, " << commits << " commits\n";
  EXPECT_GT(commits, static_cast<std::uint64_t>(rounds));
  Writer::open(path_).close();
  const Reader reader = Reader::open(path_);
  EXPECT_TRUE(reader.info().sealed);
  for (std::uint64_t revision = 2; revision <= commits; revision += 1 + commits / 200) {
    ASSERT_EQ(wrong_in(reader.at(revision)), "") << revision;
  }
}

// A snapshot is held through thousands of commits, folds, a close and a replacement of the file.
TEST_F(StoreProcesses, AnOpenedRevisionStaysReadableWhateverHappens) {
  constexpr std::uint64_t kHeld = 60;
  {
    Writer writer = Writer::create(path_);
    while (writer.head().revision() < kHeld) {
      commit_number(writer, writer.head().revision() * 7, relaxed());
    }
  }
  ChildProcess child([&](const Line& line) {
    Reader reader = Reader::open(path_);
    const Snapshot held = reader.head();  // no page of its trees has been touched yet
    line.say(held.revision());
    (void)line.hear();
    if (held.revision() != kHeld || !wrong_in(held).empty()) return 1;
    if (reader.head().revision() != kHeld) return 2;
    const SessionState before = state_of(held);
    line.say(0);
    (void)line.hear();
    if (!contradiction_in(held).empty() || !(state_of(held) == before)) return 3;
    if (!reader.refresh() || reader.head().revision() != 1) return 4;
    if (value_in(reader.head(), "other/file") != "yes") return 5;
    if (!contradiction_in(held).empty() || !(state_of(held) == before)) return 6;
    if (reader.refresh()) return 7;
    return 0;
  });
  ASSERT_EQ(child.line().hear(), kHeld);
  {
    Writer writer = Writer::open(path_);
    for (std::uint64_t i = 0; i < 3'000; ++i) {
      commit_number(writer, i * 7, i % 500 == 0 ? folded() : relaxed());
    }
    writer.close();
  }
  child.line().say(0);
  ASSERT_EQ(child.line().hear(), 0U);
  {
    const std::string other = dir_.file("other.session");
    Writer writer = Writer::create_draft(other);
    auto change = writer.begin();
    put_value(change, "other/file", "yes");
    (void)change.commit();
    writer.publish();
    writer.close();
    std::filesystem::rename(other, path_);
  }
  child.line().say(0);
  EXPECT_EQ(child.wait(), 0);
}

TEST_F(StoreProcesses, ReadersFollowAWriterAndNeverSeeATornState) {
  constexpr int kReaders = 3;
  Writer writer = Writer::create(path_);
  std::vector<std::unique_ptr<ChildProcess>> readers;
  for (int i = 0; i < kReaders; ++i) {
    readers.push_back(std::make_unique<ChildProcess>([&](const Line& line) {
      Reader reader = Reader::open(path_);
      line.say(1);
      std::uint64_t last = 0;
      while (value_in(reader.head(), "test/end").empty()) {
        reader.refresh();
        if (reader.head().revision() < last) return 1;
        last = reader.head().revision();
        if (!wrong_in(reader.head()).empty()) return 2;
      }
      return 0;
    }));
    ASSERT_TRUE(readers.back()->line().hear());
  }
  for (std::uint64_t i = 0; i < 1'500; ++i) {
    commit_number(writer, i * 13, i % 100 == 0 ? CommitOptions() : relaxed());
  }
  auto change = writer.begin();
  const std::string number = std::to_string(writer.head().revision() + 1);
  put_value(change, "test/number", number);
  put_message(change, "number", number);
  put_value(change, "test/end", "yes");
  (void)change.commit();
  for (const auto& reader : readers) EXPECT_EQ(reader->wait(), 0);
}

TEST_F(StoreProcesses, AReaderWritesNothingAndTakesNoLock) {
  SimulatedDisk disk;
  {
    Writer writer = create_on(disk);
    commit_number(writer, 3, relaxed());
    disk = disk.killed();  // unsealed
  }
  std::vector<std::byte> torn = disk.contents(kDiskPath);
  torn.insert(torn.end(), 200, std::byte{9});
  disk.put(kDiskPath, torn);
  const std::size_t operations = disk.operations();
  Reader reader = read_on(disk);
  EXPECT_EQ(contradiction_in(reader.head()), "");
  EXPECT_FALSE(reader.refresh());
  (void)reader.info();
  EXPECT_EQ(disk.operations(), operations);
  EXPECT_EQ(disk.contents(kDiskPath), torn);
  EXPECT_EQ(disk.list("/d").size(), 2U);
  Fault locking;
  locking.kind = DiskCall::kLock;
  locking.from_then_on = true;
  disk.fail(locking);
  (void)read_on(disk);
  EXPECT_EQ(disk.faults_met(), 0U);
}

// What stands at the path now cannot be read: the reader says so and keeps what it has.
TEST_F(StoreProcesses, AReaderThatCannotRefreshKeepsWhatItShows) {
  SimulatedDisk disk;
  Writer writer = create_on(disk);
  commit_number(writer, 3, {});
  Reader reader = read_on(disk);
  const std::vector<std::byte> good = disk.contents(kDiskPath);
  for (const std::vector<std::byte>& bad :
       {std::vector<std::byte>(), std::vector<std::byte>(500, std::byte{7}),
        std::vector<std::byte>(good.begin(), good.begin() + 300)}) {
    disk.put(kDiskPath, bad);
    EXPECT_THROW(reader.refresh(), Error);
    EXPECT_EQ(reader.head().revision(), 2U);
    EXPECT_EQ(wrong_in(reader.head()), "");
    EXPECT_EQ(reader.info().head.revision, 2U);
  }
  disk.put(kDiskPath, good);
  (void)reader.refresh();
  EXPECT_EQ(wrong_in(reader.head()), "");
}

}  // namespace
}  // namespace session::test
