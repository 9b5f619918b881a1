// Saves that happen by themselves, and those that fail.

#include <gtest/gtest.h>

#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "tests/support/running_session.h"
#include "tests/support/session_state.h"

namespace session::test {
namespace {

using schema::Trigger;
using std::chrono::milliseconds;

// Remembers events and waits for them.
class Listener {
 public:
  [[nodiscard]] SessionObserver observer() {
    return [this](const SessionEvent& event) {
      const std::lock_guard lock(mutex_);
      events_.push_back(event);
      changed_.notify_all();
    };
  }
  template <class Event>
  void wait_for() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return count_locked<Event>() != 0; });
  }
  template <class Event>
  [[nodiscard]] std::size_t count() {
    const std::lock_guard lock(mutex_);
    return count_locked<Event>();
  }

 private:
  template <class Event>
  [[nodiscard]] std::size_t count_locked() const {
    std::size_t count = 0;
    for (const SessionEvent& event : events_) count += std::holds_alternative<Event>(event) ? 1 : 0;
    return count;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<SessionEvent> events_;
};

class Saving : public ::testing::Test {
 protected:
  static Fault full(std::size_t nth = 1) {
    return {.kind = DiskCall::kWrite, .nth = nth, .error = ENOSPC, .from_then_on = true};
  }
  [[nodiscard]] std::vector<CheckpointInfo> checkpoints() {
    return read_on(disk_).head().checkpoints();
  }
  static void finish(Session& session, int count) {
    for (int i = 0; i < count; ++i) session.tasks().complete(*session.tasks().next());
  }
  static void add(Session& session, int count) {
    for (int i = 0; i < count; ++i) session.tasks().create({});
  }

  SimulatedDisk disk_;
  SessionConfig config_ = config_on(disk_);
  Listener listener_;
};

TEST_F(Saving, HappensByItselfAfterSoManyChanges) {
  config_.auto_save_changes = 10;
  Session session = Session::open(config_);
  const std::uint64_t before = session.status().saves;
  add(session, 35);
  EXPECT_EQ(session.status().saves - before, 3U);
  EXPECT_GE(read_on(disk_).head().count(Table::kTasks), 25U);
}

TEST_F(Saving, HappensByItselfAfterAWhile) {
  config_.policy->auto_save_interval = milliseconds(5);
  config_.observer = listener_.observer();
  Session session = Session::open(config_);
  session.tasks().create({.key = "a"});
  listener_.wait_for<Saved>();
  while (session.status().unsaved_changes != 0) std::this_thread::yield();
  EXPECT_TRUE(read_on(disk_).head().get<schema::Task>("a"));
}

TEST_F(Saving, MakesACheckpointAfterAWhile) {
  config_.policy->auto_checkpoint_interval = milliseconds(5);
  config_.observer = listener_.observer();
  Session session = Session::open(config_);
  session.tasks().create({.key = "a"});
  listener_.wait_for<CheckpointMade>();
  EXPECT_EQ(checkpoints().at(0).trigger, Trigger::TIME_INTERVAL);
}

TEST_F(Saving, MakesACheckpointAfterSoManyCompletions) {
  config_.policy->checkpoint_every_completions = 3;
  Session session = Session::open(config_);
  add(session, 10);
  finish(session, 2);
  EXPECT_EQ(session.status().checkpoints, 0U);
  finish(session, 1);
  ASSERT_EQ(checkpoints().size(), 1U);
  EXPECT_EQ(checkpoints()[0].trigger, Trigger::TASK_COMPLETION);
  EXPECT_TRUE(checkpoints()[0].is_automatic);
  finish(session, 6);
  EXPECT_EQ(checkpoints().size(), 3U);
}

TEST_F(Saving, MakesACheckpointWhenItCameSoMuchFurther) {
  config_.policy->checkpoint_every_percent = 25;
  Session session = Session::open(config_);
  add(session, 10);
  finish(session, 2);
  EXPECT_EQ(session.status().checkpoints, 0U);
  finish(session, 1);
  ASSERT_EQ(checkpoints().size(), 1U);
  EXPECT_EQ(checkpoints()[0].trigger, Trigger::SIGNIFICANT_PROGRESS);
  finish(session, 2);
  EXPECT_EQ(checkpoints().size(), 1U);
  finish(session, 1);
  EXPECT_EQ(checkpoints().size(), 2U);
}

TEST_F(Saving, KeepsTheNewestAutomaticCheckpointsAndAllOthers) {
  config_.policy->keep_last = 2;
  config_.observer = listener_.observer();
  Session session = Session::open(config_);
  session.milestone("stays");
  for (int i = 0; i < 5; ++i) {
    session.before_risky_operation(std::to_string(i));
    EXPECT_LE(checkpoints().size(), 3U);
  }
  const auto left = checkpoints();
  ASSERT_EQ(left.size(), 3U);
  EXPECT_EQ(left[0].reason, "stays");
  EXPECT_EQ(left[1].reason, "3");
  EXPECT_EQ(left[2].reason, "4");
  EXPECT_EQ(listener_.count<CheckpointDeleted>(), 3U);
}

TEST_F(Saving, KeepsYoungAutomaticCheckpoints) {
  config_.policy->keep_within = std::chrono::seconds(60);  // the clock goes on by one a look
  Session session = Session::open(config_);
  for (int i = 0; i < 4; ++i) session.before_risky_operation("young");
  EXPECT_EQ(checkpoints().size(), 4U);
  for (int i = 0; i < 70; ++i) session.tasks().create({});
  session.before_risky_operation("late");
  EXPECT_EQ(checkpoints().size(), 1U);
}

// Whatever write fails: everything is still there, large texts too, and the next save has it.
TEST_F(Saving, OnAFullDiskKeepsEverythingAndSucceedsLater) {
  for (const bool as_checkpoint : {false, true}) {
    for (std::size_t nth = 1; nth <= 3; ++nth) {
      SimulatedDisk disk;
      SessionConfig config = config_on(disk);
      config.durability = Durability::kRelaxed;
      Session session = Session::open(config);
      session.save();
      std::string large;  // does not compress, so that it does not wait in memory
      std::mt19937_64 random(nth);
      while (large.size() < 1'500'000) large += static_cast<char>('!' + random() % 90);
      session.tasks().create({.key = "a", .description = large});
      session.add_message({.text = large.substr(7)});
      EXPECT_EQ(session.tasks().counts().total(), 1U);
      disk.fail(full(nth));
      const auto save = [&] { return as_checkpoint ? session.milestone("m") : session.save(); };
      const ErrorCode code = error_of(save);
      const bool failed = disk.faults_met() != 0;
      EXPECT_EQ(code == ErrorCode::kIo, failed) << nth;
      if (failed) {
        EXPECT_EQ(error_of(save), ErrorCode::kIo) << "still full";
      }
      disk.clear_faults();
      EXPECT_EQ(text((*session.tasks().get("a"))->getTitle()), "");
      session.tasks().create({.key = "b"});
      (void)save();
      EXPECT_EQ(session.status().failed_saves, 0U);
      const Snapshot head = read_on(disk).head();
      const auto whole = head.whole(Table::kTasks, head.get<schema::Task>("a")->any());
      EXPECT_EQ(text(whole.as<schema::Task>().getDescription()), large);
      EXPECT_TRUE(head.get<schema::Task>("b"));
      EXPECT_TRUE(head.get<schema::Message>("0000000000"));
      EXPECT_EQ(contradiction_in(head), "");
      session.shutdown();
    }
  }
}

TEST_F(Saving, ThatFailsByItselfIsToldAndTriedAgain) {
  config_.auto_save_changes = 10;
  config_.observer = listener_.observer();
  Session session = Session::open(config_);
  session.save();
  disk_.fail(full());
  add(session, 15);  // none of which fails
  EXPECT_EQ(listener_.count<SaveFailed>(), 1U) << "not again with each change";
  EXPECT_EQ(session.status().failed_saves, 1U);
  add(session, 10);
  EXPECT_EQ(listener_.count<SaveFailed>(), 2U);
  disk_.clear_faults();
  add(session, 10);
  EXPECT_EQ(session.status().failed_saves, 0U);
  EXPECT_GE(read_on(disk_).head().count(Table::kTasks), 30U);
}

TEST_F(Saving, ThatFailsAtACompletionIsNotTriedAgainAtTheNext) {
  config_.policy->checkpoint_every_completions = 3;
  config_.observer = listener_.observer();
  Session session = Session::open(config_);
  add(session, 20);
  session.save();
  disk_.fail(full());
  finish(session, 9);
  EXPECT_EQ(listener_.count<SaveFailed>(), 1U);
  disk_.clear_faults();
  session.save();
  finish(session, 1);
  EXPECT_EQ(session.status().checkpoints, 1U) << "overdue";
}

TEST_F(Saving, AfterAFailedSyncAcknowledgesNothingMore) {
  config_.observer = listener_.observer();
  {
    Session session = Session::open(config_);
    session.save();
    session.milestone("before");
    const std::string made = checkpoints().at(0).id;
    session.tasks().create({.key = "a"});
    disk_.fail({.kind = DiskCall::kSync});
    EXPECT_EQ(error_of([&] { session.save(); }), ErrorCode::kIo);
    EXPECT_EQ(error_of([&] { session.save(); }), ErrorCode::kPoisoned);
    EXPECT_EQ(error_of([&] { session.milestone("m"); }), ErrorCode::kPoisoned);
    EXPECT_EQ(error_of([&] { session.restore("1"); }), ErrorCode::kPoisoned);
    EXPECT_EQ(error_of([&] { session.delete_checkpoint(made); }), ErrorCode::kPoisoned);
    EXPECT_EQ(error_of([&] { session.shutdown(); }), ErrorCode::kPoisoned);
    EXPECT_TRUE(session.tasks().get("a")) << "still in memory";
    EXPECT_EQ(session.tasks().counts().total(), 1U);
  }
  EXPECT_EQ(listener_.count<Saved>(), 1U);
  EXPECT_EQ(listener_.count<CheckpointMade>(), 1U);
  Session next = session_on(disk_);  // the lock has gone with it
}

TEST_F(Saving, ThatFailsAtTheVeryEndSaysWhy) {
  std::vector<ErrorCode> final_failures;
  config_.observer = [&](const SessionEvent& event) {
    const auto* failed = std::get_if<SaveFailed>(&event);
    if (failed != nullptr && failed->is_final) final_failures.push_back(failed->code);
  };
  {
    Session session = Session::open(config_);
    session.save();
    session.tasks().create({.key = "a"});
    disk_.fail({.kind = DiskCall::kSync});
    EXPECT_EQ(error_of([&] { session.save(); }), ErrorCode::kIo);
  }
  EXPECT_EQ(final_failures, std::vector<ErrorCode>{ErrorCode::kPoisoned});
}

TEST_F(Saving, ByItselfTakesNoSignalsOfTheProgram) {
  config_.policy->auto_save_interval = milliseconds(5);
  sigset_t blocked;
  sigemptyset(&blocked);
  const std::thread::id mine = std::this_thread::get_id();
  config_.observer = [&](const SessionEvent& event) {
    if (!std::holds_alternative<Saved>(event) || std::this_thread::get_id() == mine) return;
    pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
    listener_.observer()(event);
  };
  Session session = Session::open(config_);
  session.tasks().create({.key = "a"});
  listener_.wait_for<Saved>();
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD, SIGALRM}) {
    EXPECT_EQ(sigismember(&blocked, signal), 1) << signal;
  }
  for (const int fault : {SIGSEGV, SIGBUS}) EXPECT_EQ(sigismember(&blocked, fault), 0) << fault;
  sigset_t own;
  pthread_sigmask(SIG_SETMASK, nullptr, &own);
  EXPECT_EQ(sigismember(&own, SIGTERM), 0) << "the program's own threads take them";
  session.shutdown();
}

TEST_F(Saving, ThatFailsAtTheVeryEndIsTold) {
  bool final_failure = false;
  config_.observer = [&](const SessionEvent& event) {
    const auto* failed = std::get_if<SaveFailed>(&event);
    final_failure |= failed != nullptr && failed->is_final;
  };
  {
    Session session = Session::open(config_);
    session.save();
    session.tasks().create({.key = "a"});
    disk_.fail(full());
    EXPECT_EQ(error_of([&] { session.shutdown(); }), ErrorCode::kIo);
    EXPECT_FALSE(final_failure) << "the session goes on";
    EXPECT_TRUE(session.tasks().get("a"));
  }
  EXPECT_TRUE(final_failure);
  disk_.clear_faults();
  EXPECT_EQ(session_on(disk_).tasks().counts().total(), 0U);
}

TEST_F(Saving, AnswersARequestToShutDown) {
  config_.observer = listener_.observer();
  Session session = Session::open(config_);
  session.tasks().create({.key = "a"});
  EXPECT_FALSE(session.shutdown_requested());
  session.request_shutdown();
  EXPECT_TRUE(session.shutdown_requested());
  listener_.wait_for<ShutdownRequested>();
  EXPECT_TRUE(read_on(disk_).head().get<schema::Task>("a"));
  session.tasks().create({.key = "b"});  // there is time to finish
  session.shutdown();
  EXPECT_TRUE(read_on(disk_).head().get<schema::Task>("b"));
}

}  // namespace
}  // namespace session::test
