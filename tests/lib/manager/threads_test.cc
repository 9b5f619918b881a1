// Many threads on one session. CI runs what is named "Threads" under the thread sanitizer too.

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

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

}  // namespace
}  // namespace session::test
