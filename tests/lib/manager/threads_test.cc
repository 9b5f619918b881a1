// Many threads on one session. CI runs what is named "Threads" under the thread sanitizer too.
// SESSIONTOOL_EXHAUSTIVE=1: 100,000 tasks.

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/exhaustive.h"
#include "tests/support/running_session.h"
#include "tests/support/session_state.h"
#include "tests/support/temp_dir.h"

namespace session::test {
namespace {

using schema::TaskStatus;

TaskCounts counts_in(const Snapshot& snapshot) {
  TaskCounts counts;
  for (const auto& task : snapshot.all<schema::Task>()) {
    ++counts.by_status.at(static_cast<std::size_t>(task->getStatus()));
  }
  return counts;
}

TEST(SessionThreads, LoseNoUpdateWhileItSavesByItself) {
  constexpr int kThreads = 8;
  constexpr int kEach = 400;
  const TempDir dir;
  SessionConfig config;
  config.path = dir.file("work.session");
  config.durability = Durability::kRelaxed;
  config.auto_save_changes = 500;
  config.policy = by_hand();
  config.policy->auto_save_interval = std::chrono::milliseconds(3);
  config.policy->checkpoint_every_completions = 1'000;
  std::atomic<int> told_created = 0;
  config.observer = [&](const SessionEvent& event) {
    if (std::holds_alternative<TaskCreated>(event)) ++told_created;
  };
  std::atomic<int> wrong = 0;
  {
    Session session = Session::open(config);
    TaskManager& tasks = session.tasks();
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&, i] {
        for (int n = 0; n < kEach; ++n) {
          const std::string key = tasks.create({.title = std::to_string(i)});
          session.transaction([&](Session::Edit& edit) {
            tasks.start(key);
            tasks.complete(key);
            session.add_message({.text = key});
            if (n % 5 == 0) edit.rollback();
          });
          const auto task = tasks.get(key);
          const auto expected = n % 5 == 0 ? TaskStatus::PENDING : TaskStatus::COMPLETED;
          if (!task || (*task)->getStatus() != expected) ++wrong;
          if (n % 50 == 0) (void)tasks.ready(10);
          if (n % 90 == 0) session.save();
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(tasks.counts().total(), kThreads * kEach);
    EXPECT_EQ(tasks.counts().of(TaskStatus::PENDING), kThreads * kEach / 5);
    session.save();
    EXPECT_EQ(counts_in(session.saved()), tasks.counts());
    session.shutdown();
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(told_created, kThreads * kEach);
  const Snapshot head = Reader::open(config.path).head();
  EXPECT_EQ(head.count(Table::kMessages), kThreads * kEach * 4 / 5);
  EXPECT_EQ(head.count(Table::kExecutions), kThreads * kEach * 4 / 5);
  EXPECT_EQ(contradiction_in(head), "");
}

// Each thread reads its own writes, a reader beside them sees only whole units, and at the end
// memory, file and observer say the same.
TEST(SessionThreads, FinishEveryTaskTheyCreateAndCountThemRight) {
  constexpr std::uint64_t kThreads = 8;
  const std::uint64_t each = is_exhaustive() ? 12'500 : 250;
  const TempDir dir;
  SessionConfig config;
  config.path = dir.file("work.session");
  config.auto_save_changes = is_exhaustive() ? 10'000 : 300;
  config.policy = by_hand();
  config.policy->auto_save_interval = std::chrono::milliseconds(20);
  std::uint64_t told = 0;  // the observer is called by one thread at a time
  std::uint64_t dropped = 0;
  config.observer = [&](const SessionEvent& event) {
    if (const auto* changed = std::get_if<TaskChanged>(&event)) {
      told += changed->after == TaskStatus::COMPLETED ? 1 : 0;
    } else if (const auto* lost = std::get_if<EventsDropped>(&event)) {
      dropped += lost->count;
    }
  };
  std::atomic<std::uint64_t> wrong = 0;
  std::atomic<bool> is_done = false;
  {
    Session session = Session::open(config);
    TaskManager& tasks = session.tasks();
    std::vector<std::thread> threads;
    for (std::uint64_t i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] {
        for (std::uint64_t n = 0; n < each; ++n) {
          const std::string key = tasks.create({.title = "work"});
          session.transaction([&](Session::Edit&) {
            tasks.start(key);
            tasks.complete(key);
          });
          const auto task = tasks.get(key);
          if (!task || (*task)->getStatus() != TaskStatus::COMPLETED) ++wrong;
        }
      });
    }
    std::thread reader([&] {
      Reader file = Reader::open(config.path);
      while (!is_done) {
        if (file.wait_for_change(std::chrono::milliseconds(5)) == HeadChange::kNone) continue;
        const TaskCounts seen = counts_in(file.head());
        if (seen.of(TaskStatus::IN_PROGRESS) != 0) ++wrong;
      }
    });
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(tasks.counts().of(TaskStatus::COMPLETED), kThreads * each);
    EXPECT_EQ(tasks.counts().total(), kThreads * each);
    EXPECT_GT(session.status().saves, 2U);
    session.shutdown();
    is_done = true;
    reader.join();
  }
  EXPECT_EQ(wrong, 0U);
  EXPECT_LE(told, kThreads * each);
  EXPECT_GE(told + dropped, kThreads * each) << "what is not told is counted";
  const Snapshot head = Reader::open(config.path).head();
  EXPECT_EQ(counts_in(head).of(TaskStatus::COMPLETED), kThreads * each);
  EXPECT_EQ(head.count(Table::kTasks), kThreads * each);
  EXPECT_EQ(head.count(Table::kExecutions), kThreads * each);
  EXPECT_EQ(head.children("").size(), kThreads * each);
  EXPECT_EQ(contradiction_in(head), "");
}

}  // namespace
}  // namespace session::test
