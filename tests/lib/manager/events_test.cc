// What observers hear, when, and what they cannot break.

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <utility>
#include <variant>

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
  std::string operator()(const Saved&) const { return "saved"; }
  std::string operator()(const SaveFailed&) const { return "failed"; }
  std::string operator()(const CheckpointMade&) const { return "checkpoint"; }
  std::string operator()(const CheckpointDeleted&) const { return "deleted"; }
  std::string operator()(const Restored&) const { return "restored"; }
  std::string operator()(const ShutdownRequested&) const { return "shutdown"; }
  std::string operator()(const Recovered&) const { return "recovered"; }
};

class Events : public ::testing::Test {
 protected:
  [[nodiscard]] std::string heard() { return std::exchange(words_, {}); }

  SimulatedDisk disk_;
  std::string words_;
  Session session_ = session_on(disk_);
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
  EXPECT_EQ(heard(), "+a +b a01 a13 b>a b00 -b record 0000000000 ");
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
