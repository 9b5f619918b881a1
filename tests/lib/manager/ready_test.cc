// Which tasks are ready: by their dependencies, in the right order, also when more of them are
// ready or waiting than are kept at hand.

#include <gtest/gtest.h>

#include <capnp/message.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/manager/ready_index.h"
#include "tests/support/running_session.h"

namespace session::test {
namespace {

using schema::DependencyType;
using schema::Priority;

class ReadyTasks : public ::testing::Test {
 protected:
  void add(const std::string& key, const std::vector<TaskDependency>& dependencies = {},
           Priority priority = Priority::UNSET) {
    tasks_.create({.key = key, .priority = priority, .dependencies = dependencies});
  }
  [[nodiscard]] std::string ready(std::size_t limit = 100) {
    std::string keys;
    for (const std::string& key : tasks_.ready(limit)) keys += key + ' ';
    return keys;
  }

  SimulatedDisk disk_;
  Session session_ = session_on(disk_);
  TaskManager& tasks_ = session_.tasks();
};

TEST_F(ReadyTasks, ComeByPriorityAndThenInTheirOrder) {
  add("c");
  add("a", {}, Priority::LOW);
  add("b", {}, Priority::CRITICAL);
  add("d", {}, Priority::NORMAL);
  EXPECT_EQ(ready(), "b c d a ");
  EXPECT_EQ(ready(2), "b c ");
  tasks_.edit("a", [](auto task) { task.setPriority(Priority::HIGH); });
  tasks_.move("d", {.before = "c"});
  EXPECT_EQ(ready(), "b a d c ");
  tasks_.start("b");
  EXPECT_EQ(tasks_.next(), "a");
}

TEST_F(ReadyTasks, WaitForEachPrerequisite) {
  add("a");
  add("b");
  add("c", {{"a"}, {"b"}});
  EXPECT_EQ(ready(), "a b ");
  tasks_.complete("b");
  EXPECT_EQ(ready(), "a ");
  tasks_.skip("a");
  EXPECT_EQ(ready(), "c ");
  tasks_.reset("b");
  EXPECT_EQ(ready(), "b ") << "c is not ready any more";
  tasks_.complete("b");
  EXPECT_EQ(ready(), "c ");
}

TEST_F(ReadyTasks, AreNotHeldBackByATaskThatIsGone) {
  add("a");
  add("b", {{"a"}});
  EXPECT_EQ(ready(), "a ");
  tasks_.remove("a");
  EXPECT_EQ(ready(), "b ");
}

TEST_F(ReadyTasks, FollowTheOtherTypesOfDependencies) {
  add("a");
  add("preferred", {{"a", DependencyType::PREFERRED}});
  add("exclusive", {{"a", DependencyType::EXCLUSIVE}});
  add("beside", {{"a", DependencyType::CONCURRENT}});
  EXPECT_EQ(ready(), "a exclusive beside preferred ");
  tasks_.start("a");
  EXPECT_EQ(ready(), "beside preferred ");
  tasks_.complete("a");
  EXPECT_EQ(ready(), "preferred exclusive beside ");
}

TEST_F(ReadyTasks, AreReadyAgainWhenWhatTheyExcludeLeavesOff) {
  add("a");
  add("exclusive", {{"a", DependencyType::EXCLUSIVE}});
  const auto leave_off = [&](auto call) {
    tasks_.start("a");
    EXPECT_EQ(ready(), "");
    call();
    EXPECT_NE(ready().find("exclusive"), std::string::npos);
  };
  leave_off([&] { tasks_.reset("a"); });
  leave_off([&] { tasks_.block("a"); });
  leave_off([&] { tasks_.fail("a"); });
  leave_off([&] { tasks_.remove("a"); });
}

TEST_F(ReadyTasks, AreTheSameAfterAnUnitWasUndone) {
  add("a");
  add("b", {{"a"}});
  session_.transaction([&](Session::Edit& edit) {
    tasks_.complete("a");
    add("c");
    EXPECT_EQ(ready(), "b c ");
    edit.rollback();
  });
  EXPECT_EQ(ready(), "a ");
  tasks_.complete("a");
  EXPECT_EQ(ready(), "b ");
}

// Three candidates and four that wait at most, over a table of its own.
class SmallReadyIndex : public ::testing::Test {
 protected:
  void set(const std::string& key, schema::TaskStatus status, const std::string& target = {},
           DependencyType type = DependencyType::PREREQUISITE) {
    auto message = std::make_shared<capnp::MallocMessageBuilder>(64);
    auto task = message->initRoot<schema::Task>();
    task.setStatus(status);
    if (!target.empty()) {
      auto dependency = task.initDependencies(1)[0];
      dependency.setTarget(target.c_str());
      dependency.setType(type);
    }
    const auto before = tasks_.find(key);
    if (before != tasks_.end()) index_.drop(key, of(*before->second));
    tasks_[key] = message;
    index_.add(key, of(*message));
    if (manager::is_satisfying(status)) index_.release(key);
  }
  static schema::Task::Reader of(capnp::MallocMessageBuilder& message) {
    return message.getRoot<schema::Task>().asReader();
  }
  std::optional<Entry<schema::Task>> find(std::string_view key) {
    const auto at = tasks_.find(std::string(key));
    if (at == tasks_.end()) return std::nullopt;
    return Entry<schema::Task>(AnyEntry(at->first, of(*at->second), at->second));
  }

  std::map<std::string, std::shared_ptr<capnp::MallocMessageBuilder>> tasks_;
  int scans_ = 0;
  manager::ReadyIndex index_{[this](std::string_view key) { return find(key); },
                             [this](const manager::ReadyIndex::Visit& visit) {
                               ++scans_;
                               for (const auto& [key, task] : tasks_) visit(key, of(*task));
                             },
                             3, 4};
};

TEST_F(SmallReadyIndex, KeepsTheBestAndWalksAgainWhenTheyAreUsedUp) {
  for (const char* key : {"f", "e", "d", "c", "b", "a"}) set(key, schema::TaskStatus::PENDING);
  EXPECT_EQ(index_.ready(9), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(scans_, 0);
  set("a", schema::TaskStatus::COMPLETED);
  EXPECT_EQ(index_.ready(1).at(0), "b");
  EXPECT_EQ(scans_, 0);
  EXPECT_EQ(index_.ready(3), (std::vector<std::string>{"b", "c", "d"}));
  EXPECT_EQ(scans_, 1);
  set("g", schema::TaskStatus::PENDING);  // behind those left out
  for (const char* key : {"b", "c", "d", "e", "f"}) {
    EXPECT_EQ(index_.ready(1).at(0), key);
    set(key, schema::TaskStatus::COMPLETED);
  }
  EXPECT_EQ(index_.ready(1).at(0), "g");
  set("g", schema::TaskStatus::COMPLETED);
  EXPECT_TRUE(index_.ready(1).empty());
}

TEST_F(SmallReadyIndex, FindsTheOneBehindMoreThatAreExcludedThanItKeeps) {
  using schema::TaskStatus;
  set("running", TaskStatus::IN_PROGRESS);
  for (std::uint64_t i = 0; i < 9; ++i) {
    set(numbered("t", i), TaskStatus::PENDING, "running", DependencyType::EXCLUSIVE);
  }
  EXPECT_TRUE(index_.ready(1).empty());
  set("z", TaskStatus::PENDING);
  EXPECT_EQ(index_.ready(9), std::vector<std::string>{"z"});
  set("running", TaskStatus::COMPLETED);
  for (std::uint64_t i = 0; i < 9; ++i) {
    EXPECT_EQ(index_.ready(1).at(0), numbered("t", i));
    set(numbered("t", i), TaskStatus::COMPLETED);
  }
  EXPECT_EQ(index_.ready(9), std::vector<std::string>{"z"});
}

TEST_F(SmallReadyIndex, LeavesNobodyOutAfterAWalkThatFailed) {
  bool is_broken = true;
  manager::ReadyIndex index([this](std::string_view key) { return find(key); },
                            [&](const manager::ReadyIndex::Visit& visit) {
                              for (const auto& [key, task] : tasks_) {
                                if (is_broken && key == "b") throw Error(ErrorCode::kDamaged, "b");
                                visit(key, of(*task));
                              }
                            },
                            3, 4);
  for (const char* key : {"a", "b", "c"}) set(key, schema::TaskStatus::PENDING);
  index.leave_all_out();
  EXPECT_EQ(error_of([&] { (void)index.ready(3); }), ErrorCode::kDamaged);
  is_broken = false;
  EXPECT_EQ(index.ready(3), (std::vector<std::string>{"a", "b", "c"}));
}

TEST_F(SmallReadyIndex, ForgetsNobodyWhenMoreWaitThanItKeeps) {
  set("first", schema::TaskStatus::PENDING);
  for (std::uint64_t i = 0; i < 9; ++i) {
    set(numbered("t", i), schema::TaskStatus::PENDING, "first");
  }
  EXPECT_EQ(index_.ready(1).at(0), "first");
  set("first", schema::TaskStatus::COMPLETED);
  for (std::uint64_t i = 0; i < 9; ++i) {
    EXPECT_EQ(index_.ready(1).at(0), numbered("t", i));
    set(numbered("t", i), schema::TaskStatus::COMPLETED);
  }
  EXPECT_TRUE(index_.ready(1).empty());
}

}  // namespace
}  // namespace session::test
