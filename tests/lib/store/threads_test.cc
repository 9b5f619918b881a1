// One writer and any number of readers, in threads of one process. CI runs what is named "Threads"
// under the thread sanitizer too.

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/disk_session.h"
#include "tests/support/records.h"
#include "tests/support/session_state.h"
#include "tests/support/temp_dir.h"

namespace session::test {
namespace {

constexpr std::uint64_t kSum = 1'000;

std::uint64_t number_in(const Snapshot& snapshot, std::string_view key) {
  const auto value = snapshot.get<schema::Value>(key);
  return value ? std::stoull(text((*value)->getText())) : 0;
}

// Moves a random amount from one account to the other; the sum stays.
void move_some(Writer& writer, std::mt19937_64& random, const CommitOptions& options) {
  auto change = writer.begin();
  const std::uint64_t left = random() % kSum;
  put_value(change, "account/left", std::to_string(left));
  put_value(change, "account/right", std::to_string(kSum - left));
  const std::uint64_t task = random() % 50;
  put_task(change, numbered("t", task), {.title = std::to_string(left), .parent = "p"});
  (void)change.commit(options);
}

// What is wrong with a revision, or nothing.
std::string wrong_in(const Snapshot& snapshot) {
  if (snapshot.revision() < 2) return {};
  if (number_in(snapshot, "account/left") + number_in(snapshot, "account/right") != kSum) {
    return "the sum is wrong";
  }
  std::uint64_t tasks = 0;
  for (const auto& entry : snapshot.all<schema::Task>()) {
    if (entry->getTitle().size() == 0) return "a task without a title";
    ++tasks;
  }
  if (tasks != snapshot.count(Table::kTasks)) return "the count is wrong";
  return snapshot.children("p").size() == tasks ? "" : "children are missing";
}

class StoreThreads : public ::testing::Test {
 protected:
  TempDir dir_;
  std::string path_ = dir_.file("work.session");
};

TEST_F(StoreThreads, ReadersSeeWholeRevisionsInOrderBesideAWriter) {
  constexpr int kReaders = 3;
  constexpr std::uint64_t kCommits = 700;
  Writer writer = Writer::create(path_);
  std::atomic<bool> done = false;
  std::vector<std::string> wrong(kReaders);
  std::vector<std::uint64_t> seen(kReaders);
  std::vector<std::thread> readers;
  for (int i = 0; i < kReaders; ++i) {
    readers.emplace_back([&, i] {
      const auto index = static_cast<std::size_t>(i);
      try {
        ReaderOptions options;
        options.mode = i == 0 ? ReadMode::kCopy : ReadMode::kMapped;
        Reader reader = Reader::open(path_, options);
        std::uint64_t last = 0;
        while (wrong[index].empty()) {
          const bool is_last = done;
          const bool moved = reader.refresh();
          const Snapshot head = reader.head();
          if (head.revision() < last) wrong[index] = "went back to an older revision";
          if (moved != (head.revision() != last) && last != 0) wrong[index] = "refresh() lied";
          last = head.revision();
          if (wrong[index].empty()) wrong[index] = wrong_in(head);
          ++seen[index];
          if (is_last) break;
        }
        if (last != kCommits + 1 && wrong[index].empty()) wrong[index] = "did not see the end";
      } catch (const std::exception& error) {
        wrong[index] = error.what();
      }
    });
  }
  std::mt19937_64 random(3);
  for (std::uint64_t i = 0; i < kCommits; ++i) {
    const CommitOptions options = i % 50 == 0   ? CommitOptions()
                                  : i % 33 == 0 ? folded()
                                                : relaxed();
    move_some(writer, random, options);
  }
  done = true;
  for (std::thread& reader : readers) reader.join();
  for (int i = 0; i < kReaders; ++i) {
    EXPECT_EQ(wrong[static_cast<std::size_t>(i)], "");
    EXPECT_GT(seen[static_cast<std::size_t>(i)], 0U);
  }
}

TEST_F(StoreThreads, TransactionsTakeTurns) {
  constexpr int kThreads = 4;
  constexpr std::uint64_t kEach = 60;
  Writer writer = Writer::create(path_);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (std::uint64_t n = 0; n < kEach; ++n) {
        auto change = writer.begin();
        const auto old = change.get<schema::Value>("test/count");
        const std::uint64_t count = old ? std::stoull(text((*old)->getText())) : 0;
        put_value(change, "test/count", std::to_string(count + 1));
        if (n % 7 == 0) continue;  // rolled back
        (void)change.commit(relaxed());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const std::uint64_t rolled_back = (kEach + 6) / 7;
  EXPECT_EQ(number_in(writer.head(), "test/count"), kThreads * (kEach - rolled_back));
  EXPECT_EQ(writer.head().revision(), 1 + kThreads * (kEach - rolled_back));
}

TEST_F(StoreThreads, TheWritersHeadIsReadBesideItsCommits) {
  Writer writer = Writer::create(path_);
  std::atomic<bool> done = false;
  std::string wrong;
  std::thread reader([&] {
    std::uint64_t last = 0;
    while (!done && wrong.empty()) {
      const Snapshot head = writer.head();
      if (head.revision() < last) wrong = "went back";
      last = head.revision();
      if (wrong.empty()) wrong = wrong_in(head);
      if (last > 3 && writer.at(last - 1).revision() != last - 1) wrong = "another revision";
    }
  });
  std::mt19937_64 random(4);
  for (int i = 0; i < 300; ++i) move_some(writer, random, i % 40 == 0 ? folded() : relaxed());
  done = true;
  reader.join();
  EXPECT_EQ(wrong, "");
}

TEST_F(StoreThreads, ManyMayAskOneSnapshot) {
  Writer writer = Writer::create(path_);
  std::mt19937_64 random(5);
  for (int i = 0; i < 200; ++i) move_some(writer, random, i == 150 ? folded() : relaxed());
  const Digest fingerprint = writer.head().fingerprint();
  const SessionState state = state_of(writer.head());
  for (const ReadMode mode : {ReadMode::kMapped, ReadMode::kCopy}) {
    ReaderOptions options;
    options.mode = mode;
    const Snapshot shared = Reader::open(path_, options).head();  // nothing computed yet
    std::atomic<int> wrong = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&, i] {
        for (int round = 0; round < 3; ++round) {
          if ((i + round) % 2 == 0 && shared.fingerprint() != fingerprint) ++wrong;
          if (!wrong_in(shared).empty()) ++wrong;
          if (!(state_of(shared) == state)) ++wrong;
          if (shared.size(Table::kTasks).count != shared.count(Table::kTasks)) ++wrong;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(wrong, 0);
  }
}

TEST_F(StoreThreads, ClosingTurnsAwayWhoeverWaits) {
  Writer writer = Writer::create(path_);
  std::optional<Transaction> held(writer.begin());
  std::atomic<int> got_a_turn = 0;
  std::atomic<int> turned_away = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      if (error_of([&] { (void)writer.begin(); }) == ErrorCode::kUsage) {
        ++turned_away;
      } else {
        ++got_a_turn;
      }
    });
  }
  threads.emplace_back([&] { writer.close(); });
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  held.reset();
  for (std::thread& thread : threads) thread.join();  // hangs if somebody was forgotten
  EXPECT_EQ(got_a_turn + turned_away, 3);
  EXPECT_EQ(error_of([&] { (void)writer.begin(); }), ErrorCode::kUsage);
}

TEST_F(StoreThreads, ASecondWriterInThisProcessIsRefused) {
  Writer writer = Writer::create(path_);
  std::thread other(
      [&] { EXPECT_EQ(error_of([&] { (void)Writer::open(path_); }), ErrorCode::kLocked); });
  other.join();
  writer.close();
  EXPECT_EQ(Writer::open(path_).report().recovered_to, 1U);
}

}  // namespace
}  // namespace session::test
