// The task tree of a running session: what may be done to it, what is refused, what is kept.

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "tests/support/running_session.h"

namespace session::test {
namespace {

using schema::DependencyType;
using schema::Priority;
using schema::TaskStatus;

class Tasks : public ::testing::Test {
 protected:
  std::string add(const std::string& key, const std::string& parent = {}) {
    return tasks_.create({.key = key, .title = key, .parent = parent});
  }
  [[nodiscard]] std::string order(const std::string& parent = {}) {
    std::string keys;
    for (const ChildRef& child : tasks_.children(parent)) keys += child.key + ' ';
    return keys;
  }
  [[nodiscard]] TaskStatus status(const std::string& key) {
    return (*tasks_.get(key))->getStatus();
  }
  // The rule holds before the save, after it, and for the next one who opens the file.
  void expect_order(const std::string& parent, const std::string& keys) {
    EXPECT_EQ(order(parent), keys);
    session_.save();
    EXPECT_EQ(order(parent), keys) << "after a save";
  }

  SimulatedDisk disk_;
  Session session_ = session_on(disk_);
  TaskManager& tasks_ = session_.tasks();
};

TEST_F(Tasks, AreCreatedPendingAsTheLastChildWithTheirFields) {
  add("p");
  const std::string key = tasks_.create({.title = "build",
                                         .description = "all of it",
                                         .parent = "p",
                                         .kind = "chore",
                                         .priority = Priority::HIGH,
                                         .complexity = schema::Complexity::SIMPLE,
                                         .estimated_nanos = 5,
                                         .tags = {"one", "two"},
                                         .dependencies = {{"p", DependencyType::RELATED}},
                                         .fill = [](auto task) { task.setNotes("seen"); }});
  EXPECT_EQ(key.size(), 36U) << "a UUID";
  EXPECT_EQ(key[14], '7');
  const std::string next = tasks_.create({.parent = key});
  EXPECT_LT(key.substr(0, 13), next.substr(0, 13)) << "in the order of time";
  add("last", "p");
  EXPECT_EQ(order("p"), key + " last ");
  session_.save();
  const Snapshot head = read_on(disk_).head();
  const auto task = head.get<schema::Task>(key);
  ASSERT_TRUE(task);
  EXPECT_EQ(text((*task)->getTitle()), "build");
  EXPECT_EQ(text((*task)->getDescription()), "all of it");
  EXPECT_EQ(text((*task)->getKind()), "chore");
  EXPECT_EQ(text((*task)->getNotes()), "seen");
  EXPECT_EQ((*task)->getPriority(), Priority::HIGH);
  EXPECT_EQ((*task)->getEstimatedNanos(), 5);
  EXPECT_EQ((*task)->getTags().size(), 2U);
  EXPECT_EQ(text((*task)->getDependencies()[0].getTarget()), "p");
  EXPECT_GE((*task)->getUpdatedAt(), (*task)->getCreatedAt());
  EXPECT_GT((*task)->getCreatedAt(), kClockBegin);
  EXPECT_NE((*task)->getCreatedAtForm(), 0U);
}

TEST_F(Tasks, AreNotCreatedTwiceNorBelowNobody) {
  add("a");
  EXPECT_EQ(error_of([&] { add("a"); }), ErrorCode::kExists);
  EXPECT_EQ(error_of([&] { add("b", "nobody"); }), ErrorCode::kNotFound);
  EXPECT_EQ(error_of([&] { tasks_.create({.key = "b", .dependencies = {{"nobody"}}}); }),
            ErrorCode::kUsage);
  EXPECT_EQ(error_of([&] { add(std::string(5'000, 'k')); }), ErrorCode::kLimit);
  EXPECT_EQ(order(), "a ");
  EXPECT_EQ(tasks_.counts().total(), 1U);
}

TEST_F(Tasks, AreEditedButNotTheirStatusOrPlace) {
  add("a");
  tasks_.edit("a", [](auto task) { task.setTitle("new"); });
  EXPECT_EQ(text((*tasks_.get("a"))->getTitle()), "new");
  const auto status = [](schema::Task::Builder task) { task.setStatus(TaskStatus::COMPLETED); };
  EXPECT_EQ(error_of([&] { tasks_.edit("a", status); }), ErrorCode::kUsage);
  EXPECT_EQ(error_of([&] { tasks_.edit("a", [](auto task) { task.setRank(1); }); }),
            ErrorCode::kUsage);
  EXPECT_EQ(error_of([&] { tasks_.edit("nobody", status); }), ErrorCode::kNotFound);
  EXPECT_EQ(text((*tasks_.get("a"))->getTitle()), "new");
}

TEST_F(Tasks, KeepALargeTextThroughAnEditOfAnotherField) {
  const std::string large(10'000, 'd');
  tasks_.create({.key = "a", .description = large});
  session_.save();
  tasks_.edit("a", [](auto task) { task.setTitle("new"); });
  session_.save();
  const Snapshot head = read_on(disk_).head();
  const auto whole = head.whole(Table::kTasks, head.get<schema::Task>("a")->any());
  EXPECT_EQ(text(whole.as<schema::Task>().getDescription()), large);
  EXPECT_EQ(text(whole.as<schema::Task>().getTitle()), "new");
  tasks_.edit("a", [](auto task) { task.setDescription(""); });
  EXPECT_EQ((*tasks_.get("a"))->getBlobs().size(), 0U);
}

TEST_F(Tasks, MoveBesideTheirSiblingsAndToOtherParents) {
  for (const char* key : {"a", "b", "c", "d"}) add(key);
  expect_order("", "a b c d ");
  tasks_.move("d", {.before = "a"});
  expect_order("", "d a b c ");
  tasks_.move("a", {.after = "b"});
  expect_order("", "d b a c ");
  tasks_.move("b", {});
  expect_order("", "d a c b ");
  tasks_.move("c", {.parent = "a"});
  expect_order("", "d a b ");
  expect_order("a", "c ");
  EXPECT_EQ(error_of([&] { tasks_.move("d", {.parent = "a", .before = "b"}); }), ErrorCode::kUsage);
  EXPECT_EQ(error_of([&] { tasks_.move("d", {.parent = "nobody"}); }), ErrorCode::kNotFound);
  expect_order("", "d a b ");
}

TEST_F(Tasks, NeverStandBelowThemselves) {
  add("a");
  add("b", "a");
  add("c", "b");
  EXPECT_EQ(error_of([&] { tasks_.move("a", {.parent = "c"}); }), ErrorCode::kUsage);
  EXPECT_EQ(error_of([&] { tasks_.move("a", {.parent = "a"}); }), ErrorCode::kUsage);
  EXPECT_EQ(order("c"), "");
}

// Always into the same gap: it is used up after some twenty moves.
TEST_F(Tasks, AreNumberedAgainWhenThereIsNoRankLeftBetweenTwo) {
  for (int i = 0; i < 40; ++i) add("t" + std::to_string(i));
  add("end");
  std::string expected = "t0 ";
  for (int i = 1; i < 40; ++i) {
    tasks_.move("t" + std::to_string(i), {.after = "t0"});
    if (i % 10 == 0) session_.save();
  }
  for (int i = 39; i > 0; --i) expected += "t" + std::to_string(i) + ' ';
  expect_order("", expected + "end ");
}

TEST_F(Tasks, AreReorderedAllAtOnce) {
  for (const char* key : {"a", "b", "c"}) add(key);
  const std::vector<std::string> wanted{"c", "a", "b"};
  tasks_.reorder("", wanted);
  expect_order("", "c a b ");
  const std::vector<std::string> missing{"c", "a"};
  const std::vector<std::string> twice{"c", "a", "a"};
  EXPECT_EQ(error_of([&] { tasks_.reorder("", missing); }), ErrorCode::kUsage);
  EXPECT_EQ(error_of([&] { tasks_.reorder("", twice); }), ErrorCode::kUsage);
  expect_order("", "c a b ");
}

TEST_F(Tasks, AreRemovedAloneOrWithWhatIsBelow) {
  add("a");
  add("b", "a");
  add("c", "b");
  tasks_.start("c");
  session_.save();
  EXPECT_EQ(error_of([&] { tasks_.remove("a"); }), ErrorCode::kUsage);
  EXPECT_EQ(tasks_.counts().total(), 3U);
  tasks_.remove("a", RemoveScope::kSubtree);
  EXPECT_EQ(tasks_.counts().total(), 0U);
  EXPECT_EQ(error_of([&] { tasks_.remove("a"); }), ErrorCode::kNotFound);
  session_.save();
  EXPECT_EQ(read_on(disk_).head().count(Table::kTasks), 0U);
  EXPECT_EQ(read_on(disk_).head().count(Table::kExecutions), 0U);
}

TEST_F(Tasks, TakeOnlyTheStepsThatMayFollow) {
  const auto go = [&](const std::string& key, TaskStatus to) {
    switch (to) {
      case TaskStatus::PENDING:
        return tasks_.reset(key);
      case TaskStatus::IN_PROGRESS:
        return tasks_.start(key);
      case TaskStatus::BLOCKED:
        return tasks_.block(key);
      case TaskStatus::COMPLETED:
        return tasks_.complete(key);
      case TaskStatus::FAILED:
        return tasks_.fail(key);
      case TaskStatus::SKIPPED:
        return tasks_.skip(key);
    }
  };
  for (std::uint16_t from = 0; from < kTaskStatuses; ++from) {
    for (std::uint16_t to = 0; to < kTaskStatuses; ++to) {
      const auto first = static_cast<TaskStatus>(from);
      const auto second = static_cast<TaskStatus>(to);
      const std::string key = std::to_string(from) + std::to_string(to);
      add(key);
      if (first != TaskStatus::PENDING) go(key, first);
      if (may_follow(first, second)) {
        go(key, second);
        EXPECT_EQ(status(key), second) << key;
      } else {
        EXPECT_EQ(error_of([&] { go(key, second); }), ErrorCode::kUsage) << key;
        EXPECT_EQ(status(key), first) << key;
      }
    }
  }
}

TEST_F(Tasks, SayWhyTheyAreWhereTheyAre) {
  add("a");
  tasks_.block("a", {.reason = "no key", .retry_at_nanos = kClockBegin});
  const auto blocked = tasks_.get("a");
  const auto detail = (*blocked)->getStatusDetail();
  EXPECT_EQ(text(detail.getReason()), "no key");
  EXPECT_EQ(detail.getExpected(), kClockBegin);
  tasks_.reset("a");
  const auto done = [&](const TaskCompletion& completion) {
    tasks_.complete("a", completion);
    const auto task = tasks_.get("a");
    return text((*task)->getStatusDetail().getResult().getOutput());
  };
  EXPECT_EQ(done({.is_partial = true, .output = "{\"n\":1}", .remaining = "[\"x\"]"}), "{\"n\":1}");
  EXPECT_EQ((*tasks_.get("a"))->getStatusDetail().getResult().getKind(),
            schema::TaskResult::Kind::PARTIAL);
}

TEST_F(Tasks, OpenAnExecutionWhenTheyStartAndCloseItWhenTheyLeaveOff) {
  add("a");
  tasks_.start("a", {.agent_session = "s-1"});
  ASSERT_EQ(tasks_.executions("a").size(), 1U);
  EXPECT_EQ(tasks_.executions("a")[0]->getStatus(), TaskStatus::IN_PROGRESS);
  tasks_.fail("a", {.kind = schema::TaskError::Kind::BUILD,
                    .message = "no such header",
                    .exit_code = 2,
                    .files_modified = {"a.cc"},
                    .used = {.cpu_nanos = 7, .memory_bytes = 8}});
  session_.save();
  tasks_.start("a");
  tasks_.fail("a", {.message = "again"});
  EXPECT_EQ((*tasks_.get("a"))->getStatusDetail().getRetryCount(), 1U);
  tasks_.start("a");
  tasks_.complete("a", {.files_modified = {"b.cc"}});
  const auto executions = tasks_.executions("a");
  ASSERT_EQ(executions.size(), 3U);
  EXPECT_EQ(executions[0].key(), "a#000001");
  EXPECT_EQ(executions[0]->getStatus(), TaskStatus::FAILED);
  EXPECT_EQ(text(executions[0]->getTask()), "a");
  EXPECT_EQ(text(executions[0]->getAgentSession()), "s-1");
  EXPECT_EQ(text(executions[0]->getErrors()[0]), "no such header");
  EXPECT_EQ(text(executions[0]->getFilesModified()[0]), "a.cc");
  EXPECT_EQ(executions[0]->getStatusDetail().getError().getExitCode(), 2);
  EXPECT_EQ(executions[0]->getCpuNanos(), 7);
  EXPECT_EQ(executions[0]->getMemoryBytes(), 8U);
  EXPECT_GT(executions[0]->getCompletedAt(), executions[0]->getStartedAt());
  EXPECT_EQ(executions[2]->getStatus(), TaskStatus::COMPLETED);
}

// What another program left of executions: its numbers have gaps, and one is open.
class OthersExecutions : public ::testing::Test {
 protected:
  static void put(Transaction& change, const std::string& key, TaskStatus status) {
    capnp::MallocMessageBuilder message;
    message.initRoot<schema::Execution>().setStatus(status);
    change.upsert(key, message.getRoot<schema::Execution>().asReader());
  }
  static SimulatedDisk with_gaps() {
    SimulatedDisk disk;
    Writer writer = create_on(disk);
    auto change = writer.begin();
    put_task(change, "a", {});
    put_task(change, "a#1", {});
    for (const char* key : {"a#000000", "a#000003", "a#1#000001", "a#1000000", "a#x"}) {
      put(change, key, TaskStatus::FAILED);
    }
    put(change, "a#000002", TaskStatus::IN_PROGRESS);
    (void)change.commit();
    return disk;
  }
};

TEST_F(OthersExecutions, WithGapsAreFoundFollowedAndRemoved) {
  SimulatedDisk disk = with_gaps();
  Session session = session_on(disk);
  TaskManager& tasks = session.tasks();
  const auto all = [&] {
    std::string keys;
    for (const auto& one : tasks.executions("a")) {
      const bool is_open = one->getStatus() == TaskStatus::IN_PROGRESS;
      keys += std::string(one.key()) + (is_open ? "? " : " ");
    }
    return keys;
  };
  ASSERT_EQ(all(), "a#000000 a#000002? a#000003 a#1000000 ");
  tasks.start("a");
  const std::uint64_t started = session.save().revision;
  ASSERT_EQ(all(), "a#000000 a#000002? a#000003 a#1000000 a#1000001? ");
  tasks.complete("a", {.used = {.cpu_nanos = 7}});
  EXPECT_EQ(all(), "a#000000 a#000002 a#000003 a#1000000 a#1000001 ");
  EXPECT_EQ(tasks.executions("a")[4]->getCpuNanos(), 7);
  EXPECT_EQ(tasks.executions("a")[1]->getCpuNanos(), 0) << "nobody knows what that one used";
  session.restore(std::to_string(started));
  tasks.fail("a");
  EXPECT_EQ((*tasks.get("a"))->getStatusDetail().getRetryCount(), 3U);
  EXPECT_EQ(all(), "a#000000 a#000002 a#000003 a#1000000 a#1000001 ");
  tasks.remove("a");
  EXPECT_EQ(all(), "");
  EXPECT_EQ(tasks.executions("a#1").size(), 1U) << "another task's";
}

TEST_F(Tasks, CloseAnExecutionThatWasStartedBehindAGap) {
  add("a");
  for (int i = 0; i < 3; ++i) {
    tasks_.start("a");
    tasks_.fail("a");
  }
  EXPECT_TRUE(session_.erase(Table::kExecutions, "a#000001"));
  tasks_.start("a");
  tasks_.complete("a");
  const auto executions = tasks_.executions("a");
  ASSERT_EQ(executions.size(), 3U);
  EXPECT_EQ(executions[2].key(), "a#000004");
  EXPECT_EQ(executions[2]->getStatus(), TaskStatus::COMPLETED);
}

TEST_F(Tasks, AreNotChangedInsideTheirOwnEdit) {
  add("a");
  const auto refused = [&](auto inside) {
    EXPECT_EQ(error_of([&] {
                tasks_.edit("a", [&](schema::Task::Builder task) {
                  task.setTitle("edited");
                  inside();
                });
              }),
              ErrorCode::kUsage);
    EXPECT_EQ(status("a"), TaskStatus::PENDING);
    EXPECT_EQ(text((*tasks_.get("a"))->getTitle()), "a") << "neither of the two changes";
  };
  refused([&] { tasks_.start("a"); });
  refused([&] { tasks_.remove("a"); });
  refused([&] { tasks_.edit("a", [](auto task) { task.setNotes("n"); }); });
  EXPECT_EQ(error_of([&] {
              tasks_.create({.key = "b", .fill = [&](schema::Task::Builder) { add("b"); }});
            }),
            ErrorCode::kUsage);
  EXPECT_EQ(order(), "a ");
  tasks_.edit("a", [&](schema::Task::Builder task) {
    task.setTitle("with another");
    add("c");
  });
  EXPECT_EQ(text((*tasks_.get("a"))->getTitle()), "with another");
  EXPECT_EQ(order(), "a c ");
}

TEST_F(Tasks, GetRanksOfTheirOwnAgainWhenTheNumbersHadEnded) {
  SimulatedDisk disk;
  {
    Writer writer = create_on(disk);
    auto change = writer.begin();
    put_task(change, "huge", {.rank = std::numeric_limits<std::int64_t>::max() - 5});
    (void)change.commit();
  }
  Session session = session_on(disk);
  TaskManager& tasks = session.tasks();
  for (const char* key : {"b", "c"}) tasks.create({.key = key});
  tasks.remove("huge");
  session.save();
  tasks.create({.key = "d"});
  EXPECT_EQ(session.status().unsaved_changes, 1U) << "no other got a new rank";
  const auto children = tasks.children("");
  ASSERT_EQ(children.size(), 3U);
  EXPECT_EQ(children[2].key, "d");
}

TEST_F(Tasks, NeverDependOnThemselvesOrOnNobody) {
  for (const char* key : {"a", "b", "c"}) add(key);
  tasks_.add_dependency("b", {"a"});
  tasks_.add_dependency("c", {"b", DependencyType::PREFERRED});
  EXPECT_EQ(error_of([&] { tasks_.add_dependency("a", {"c"}); }), ErrorCode::kUsage);
  EXPECT_EQ(error_of([&] { tasks_.add_dependency("a", {"a"}); }), ErrorCode::kUsage);
  EXPECT_EQ(error_of([&] { tasks_.add_dependency("a", {"nobody"}); }), ErrorCode::kUsage);
  const auto by_edit = [](schema::Task::Builder task) {
    task.initDependencies(1)[0].setTarget("c");
  };
  EXPECT_EQ(error_of([&] { tasks_.edit("a", by_edit); }), ErrorCode::kUsage);
  EXPECT_EQ((*tasks_.get("a"))->getDependencies().size(), 0U);
  tasks_.add_dependency("a", {"c", DependencyType::RELATED});  // orders nothing
  tasks_.add_dependency("b", {"a"});                           // once is enough
  EXPECT_EQ((*tasks_.get("b"))->getDependencies().size(), 1U);
  EXPECT_TRUE(tasks_.remove_dependency("c", {"b", DependencyType::PREFERRED}));
  EXPECT_FALSE(tasks_.remove_dependency("c", {"b", DependencyType::PREFERRED}));
  tasks_.add_dependency("a", {"c"});
  EXPECT_EQ((*tasks_.get("a"))->getDependencies().size(), 2U);
}

TEST_F(Tasks, AreFoundAgainByTheNextOneWhoOpensTheFile) {
  add("a");
  add("b", "a");
  tasks_.complete("b");
  session_.shutdown();
  Session next = session_on(disk_);
  EXPECT_EQ(next.tasks().children("a").at(0).key, "b");
  EXPECT_EQ(next.tasks().counts().of(TaskStatus::COMPLETED), 1U);
  EXPECT_EQ(next.tasks().counts().percent_done(), 50.0);
  EXPECT_EQ(next.tasks().next(), "a");
}

}  // namespace
}  // namespace session::test
