// What observers hear, when, and what they cannot break.

#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "tests/support/running_session.h"

namespace session::test {
namespace {

// One word an event.
struct Word {
  std::string operator()(const TaskCreated& event) const { return "+" + event.key; }
  std::string operator()(const TaskChanged& event) const {
    return event.key + std::to_string(static_cast<int>(event.before)) +
           std::to_string(static_cast<int>(event.after));
  }
  std::string operator()(const TaskMoved& event) const { return event.key + ">" + event.parent; }
  std::string operator()(const TaskRemoved& event) const { return "-" + event.key; }
  std::string operator()(const RecordAdded& event) const { return "record " + event.key; }
  std::string operator()(const RecordErased& event) const { return "no " + event.key; }
  std::string operator()(const Saved&) const { return "saved"; }
  std::string operator()(const SaveFailed&) const { return "failed"; }
  std::string operator()(const CheckpointMade&) const { return "checkpoint"; }
  std::string operator()(const CheckpointDeleted&) const { return "deleted"; }
  std::string operator()(const Restored&) const { return "restored"; }
  std::string operator()(const ShutdownRequested&) const { return "shutdown"; }
  std::string operator()(const Recovered&) const { return "recovered"; }
  std::string operator()(const EventsDropped& event) const {
    return std::to_string(event.count) + " dropped";
  }
};

class Events : public ::testing::Test {
 protected:
  static constexpr std::size_t kRoom = 50;  // of waiting events

  [[nodiscard]] Session with_room_for(std::size_t events) {
    SessionConfig config = config_on(disk_);
    config.max_waiting_events = events;
    return Session::open(config);
  }
  [[nodiscard]] std::string heard() { return std::exchange(words_, {}); }

  SimulatedDisk disk_;
  std::string words_;
  Session session_ = with_room_for(kRoom);
  TaskManager& tasks_ = session_.tasks();
  std::uint64_t number_ = session_.observe(
      [this](const SessionEvent& event) { words_ += std::visit(Word(), event) + ' '; });
};

TEST_F(Events, AreToldInTheOrderOfTheChanges) {
  tasks_.create({.key = "a"});
  tasks_.create({.key = "b"});
  tasks_.start("a");
  tasks_.complete("a");
  tasks_.move("b", {.parent = "a"});
  tasks_.edit("b", [](auto task) { task.setTitle("t"); });
  tasks_.remove("b");
  session_.add_message({.text = "m"});
  EXPECT_TRUE(session_.erase(Table::kMessages, "0000000000"));
  EXPECT_FALSE(session_.erase(Table::kMessages, "0000000000"));
  EXPECT_EQ(heard(), "+a +b a01 a13 b>a b00 -b record 0000000000 no 0000000000 ");
  session_.save();
  session_.milestone("m");
  session_.restore("~1");
  EXPECT_EQ(heard(), "saved checkpoint restored ");
}

TEST_F(Events, OfAUnitAreToldWhenItIsDoneAndNotWhenItIsUndone) {
  session_.transaction([&](Session::Edit&) {
    tasks_.create({.key = "a"});
    EXPECT_EQ(heard(), "");
  });
  EXPECT_EQ(heard(), "+a ");
  session_.transaction([&](Session::Edit& edit) {
    tasks_.create({.key = "b"});
    edit.rollback();
  });
  EXPECT_EQ(error_of([&] { tasks_.reset("a"); }), ErrorCode::kUsage);
  EXPECT_EQ(heard(), "");
}

TEST_F(Events, AreHeardByTheOthersWhenAnObserverThrows) {
  session_.unobserve(number_);
  session_.observe([](const SessionEvent&) { throw std::runtime_error("mine"); });
  session_.observe([](const SessionEvent&) { throw 7; });
  std::string words;
  session_.observe([&](const SessionEvent& event) { words += std::visit(Word(), event); });
  tasks_.create({.key = "a"});
  EXPECT_EQ(words, "+a");
  EXPECT_EQ(heard(), "") << "not observing any more";
  EXPECT_EQ(session_.status().observer_failures, 2U);
  EXPECT_TRUE(tasks_.get("a"));
  session_.shutdown();  // while `words` is there to hear of it
}

// One observer that is busy with its first event until it is let go, and what it hears.
class SlowObserver {
 public:
  [[nodiscard]] SessionObserver observer() {
    return [this](const SessionEvent& event) {
      std::unique_lock lock(mutex_);
      threads_.push_back(std::this_thread::get_id());
      words_.push_back(std::visit(Word(), event));
      changed_.notify_all();
      changed_.wait(lock, [&] { return is_free_; });
    };
  }
  void wait_until_busy() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !words_.empty(); });
  }
  void let_go() {
    const std::lock_guard lock(mutex_);
    is_free_ = true;
    changed_.notify_all();
  }
  // When the session has been shut down.
  [[nodiscard]] const std::vector<std::string>& words() const { return words_; }
  [[nodiscard]] std::size_t told_by(std::thread::id thread) const {
    return static_cast<std::size_t>(std::count(threads_.begin(), threads_.end(), thread));
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_free_ = false;
  std::vector<std::string> words_;
  std::vector<std::thread::id> threads_;
};

// Named so that CI runs them under the thread sanitizer too.
class EventsOfThreads : public Events {};

TEST_F(EventsOfThreads, ThatWaitForASlowObserverAreBoundedAndTheLossIsTold) {
  session_.unobserve(number_);
  SlowObserver slow;
  session_.observe(slow.observer());
  std::thread caught([&] { tasks_.create({.key = "first"}); });
  slow.wait_until_busy();
  constexpr std::size_t kTooMany = 7;
  for (std::size_t i = 0; i < kRoom + kTooMany; ++i) {
    tasks_.create({.key = std::to_string(i)});  // nobody waits for the observer
  }
  EXPECT_EQ(session_.status().dropped_events, kTooMany);
  slow.let_go();
  caught.join();
  session_.shutdown();
  ASSERT_EQ(slow.words().size(), kRoom + 3);
  EXPECT_EQ(slow.words()[0], "+first");
  EXPECT_EQ(slow.words()[1], "7 dropped");
  for (std::size_t i = 0; i < kRoom; ++i) {
    ASSERT_EQ(slow.words()[i + 2], "+" + std::to_string(i + kTooMany));
  }
  EXPECT_EQ(slow.words().back(), "saved");
}

TEST_F(EventsOfThreads, HoldNobodyWhoHasToldItsOwn) {
  session_.unobserve(number_);
  SlowObserver slow;
  session_.observe(slow.observer());
  std::thread caught([&] { tasks_.create({.key = "first"}); });
  const std::thread::id its_id = caught.get_id();
  slow.wait_until_busy();
  for (int i = 0; i < 20; ++i) tasks_.create({});
  slow.let_go();
  caught.join();
  session_.shutdown();
  EXPECT_EQ(slow.words().size(), 22U);
  EXPECT_EQ(slow.told_by(its_id), 1U);
}

TEST_F(Events, OfOneLargeUnitAreToldWhole) {
  session_.transaction([&](Session::Edit&) {
    for (std::size_t i = 0; i < kRoom + 5; ++i) {
      tasks_.create({.key = "k"});
      tasks_.remove("k");
    }
  });
  const std::string words = heard();
  EXPECT_EQ(static_cast<std::size_t>(std::count(words.begin(), words.end(), '+')), kRoom + 5);
  EXPECT_EQ(session_.status().dropped_events, 0U);
}

TEST_F(Events, AreNotHeardByOneThatWasTakenAwayMeanwhile) {
  std::string words;
  const std::uint64_t second = session_.observe(
      [&](const SessionEvent& event) { words += std::visit(Word(), event) + ' '; });
  session_.unobserve(number_);
  std::uint64_t first = 0;
  first = session_.observe([&](const SessionEvent&) {
    session_.unobserve(second);
    session_.unobserve(first);
  });
  session_.transaction([&](Session::Edit&) {
    for (const char* key : {"a", "b", "c"}) tasks_.create({.key = key});
  });
  EXPECT_EQ(words, "+a ");
}

TEST_F(Events, MayLeadToOtherChanges) {
  session_.observe([&](const SessionEvent& event) {
    if (const auto* created = std::get_if<TaskCreated>(&event)) tasks_.start(created->key);
    if (std::holds_alternative<TaskChanged>(event)) session_.save();
  });
  tasks_.create({.key = "a"});
  EXPECT_EQ(heard(), "+a a01 saved ");
  EXPECT_TRUE(read_on(disk_).head().get<schema::Task>("a"));
}

}  // namespace
}  // namespace session::test
