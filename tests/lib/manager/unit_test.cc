// Transactions across tasks, messages, files, context and values: whole or not at all.

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <map>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/support/running_session.h"
#include "tests/support/seed.h"
#include "tests/support/session_state.h"

namespace session::test {
namespace {

using schema::TaskStatus;

class Units : public ::testing::Test {
 protected:
  SimulatedDisk disk_;
  Session session_ = session_on(disk_);
  TaskManager& tasks_ = session_.tasks();

  void change_everything() {
    tasks_.create({.key = "new", .description = std::string(9'000, 'd'), .parent = "a"});
    tasks_.start("a");
    tasks_.complete("a");
    tasks_.remove("b");
    tasks_.move("c", {.before = "a"});
    session_.add_message({.text = "m"});
    session_.set_value("app/x", "new");
    session_.set_context([](auto context) { context.setWorkingDirectory("/w"); });
  }
  void prepare() {
    for (const char* key : {"a", "b", "c"}) tasks_.create({.key = key});
    session_.set_value("app/x", "old");
  }
  void expect_as_prepared() {
    EXPECT_EQ(tasks_.counts().of(TaskStatus::PENDING), 3U);
    EXPECT_EQ(tasks_.counts().total(), 3U);
    EXPECT_EQ(tasks_.ready(9), (std::vector<std::string>{"a", "b", "c"}));
    EXPECT_EQ(tasks_.children("").at(1).key, "b");
    EXPECT_TRUE(tasks_.children("a").empty());
    EXPECT_TRUE(tasks_.executions("a").empty());
    EXPECT_EQ(text((*session_.get<schema::Value>("app/x"))->getText()), "old");
    EXPECT_FALSE(session_.get<schema::SessionRecord>("context"));
    EXPECT_EQ(session_.add_message({.text = "first"}), "0000000000");
  }
};

TEST_F(Units, HappenWhole) {
  prepare();
  session_.save();
  EXPECT_TRUE(session_.transaction([&](Session::Edit&) { change_everything(); }));
  session_.save();
  const Snapshot head = read_on(disk_).head();
  EXPECT_EQ(head.count(Table::kTasks), 3U);
  EXPECT_EQ((*head.get<schema::Task>("a"))->getStatus(), TaskStatus::COMPLETED);
  EXPECT_EQ(head.children("").at(0).key, "c");
  EXPECT_EQ(contradiction_in(head), "");
}

TEST_F(Units, AreUndoneByAnException) {
  prepare();
  const std::uint64_t unsaved = session_.status().unsaved_changes;
  EXPECT_THROW(session_.transaction([&](Session::Edit&) {
    change_everything();
    throw std::runtime_error("no");
  }),
               std::runtime_error);
  EXPECT_EQ(session_.status().unsaved_changes, unsaved);
  expect_as_prepared();
}

TEST_F(Units, AreUndoneOnRequestAlsoOverWhatWasSaved) {
  prepare();
  session_.save();
  EXPECT_FALSE(session_.transaction([&](Session::Edit& edit) {
    change_everything();
    edit.rollback();
  }));
  EXPECT_EQ(session_.status().unsaved_changes, 0U);
  const std::uint64_t revision = session_.status().revision;
  EXPECT_EQ(session_.save().revision, revision) << "nothing is left to save";
  expect_as_prepared();
}

TEST_F(Units, NestAndUndoTheInnerOneAlone) {
  session_.transaction([&](Session::Edit&) {
    tasks_.create({.key = "outer"});
    session_.transaction([&](Session::Edit& inner) {
      tasks_.create({.key = "inner"});
      inner.rollback();
    });
    EXPECT_EQ(error_of([&] { tasks_.create({.key = "outer"}); }), ErrorCode::kExists);
    tasks_.create({.key = "last"});
  });
  EXPECT_TRUE(tasks_.get("outer"));
  EXPECT_FALSE(tasks_.get("inner"));
  EXPECT_TRUE(tasks_.get("last"));
  EXPECT_EQ(tasks_.counts().total(), 2U);
}

TEST_F(Units, AreNotSavedHalf) {
  session_.transaction([&](Session::Edit&) {
    tasks_.create({.key = "a"});
    EXPECT_EQ(error_of([&] { session_.save(); }), ErrorCode::kUsage);
    EXPECT_EQ(error_of([&] { session_.milestone("m"); }), ErrorCode::kUsage);
    EXPECT_EQ(error_of([&] { session_.restore("1"); }), ErrorCode::kUsage);
    EXPECT_EQ(error_of([&] { session_.shutdown(); }), ErrorCode::kUsage);
  });
  EXPECT_TRUE(tasks_.get("a"));
}

// A model: what a plain map says of the same operations. Some units are undone, some saves fail.
class TaskModel : public Units {
 protected:
  struct Task {
    std::string parent;
    TaskStatus status = TaskStatus::PENDING;
  };
  using Model = std::map<std::string, Task>;

  [[nodiscard]] std::string any(const Model& model) {
    if (model.empty() || random_() % 8 == 0) return {};
    return std::next(model.begin(), static_cast<std::ptrdiff_t>(random_() % model.size()))->first;
  }
  [[nodiscard]] static bool is_below(const Model& model, std::string key, const std::string& top) {
    for (; !key.empty(); key = model.at(key).parent) {
      if (key == top) return true;
    }
    return false;
  }
  void step(Model& model) {
    const std::string key = any(model);
    const auto set = [&](TaskStatus to, auto call) {
      const bool may = !key.empty() && may_follow(model.at(key).status, to);
      EXPECT_EQ(error_of(call) == ErrorCode::kInternal, may);
      if (may) model.at(key).status = to;
    };
    switch (random_() % 9) {
      case 0:
      case 1:
      case 2:
        model[tasks_.create({.key = "t" + std::to_string(++made_), .parent = key})] = {key};
        return;
      case 3:
        return set(TaskStatus::IN_PROGRESS, [&] { tasks_.start(key); });
      case 4:
        return set(TaskStatus::COMPLETED, [&] { tasks_.complete(key); });
      case 5:
        return set(TaskStatus::PENDING, [&] { tasks_.reset(key); });
      case 6:
        return set(TaskStatus::FAILED, [&] { tasks_.fail(key, {.message = "x"}); });
      case 7: {
        const std::string parent = any(model);
        const bool may = !key.empty() && !is_below(model, parent, key);
        EXPECT_EQ(error_of([&] { tasks_.move(key, {.parent = parent}); }) == ErrorCode::kInternal,
                  may);
        if (may) model.at(key).parent = parent;
        return;
      }
      default:
        if (key.empty() || random_() % 3 != 0) return;
        tasks_.remove(key, RemoveScope::kSubtree);
        for (auto at = model.begin(); at != model.end();) {
          // Judged by the model of before: parents stay in it until all is decided.
          gone_.push_back(is_below(model, at->first, key) ? at->first : "");
          ++at;
        }
        for (const std::string& name : gone_) model.erase(name);
        gone_.clear();
    }
  }
  void expect_same(const Model& model) {
    TaskCounts counts;
    std::map<std::string, std::vector<std::string>> children;
    std::vector<std::string> pending;
    for (const auto& [key, task] : model) {
      ++counts.by_status.at(static_cast<std::size_t>(task.status));
      children[task.parent].push_back(key);
      if (task.status == TaskStatus::PENDING) pending.push_back(key);
      const auto there = tasks_.get(key);
      ASSERT_TRUE(there) << key;
      EXPECT_EQ(text((*there)->getParent()), task.parent);
      EXPECT_EQ((*there)->getStatus(), task.status);
    }
    EXPECT_EQ(tasks_.counts(), counts);
    for (auto& [parent, keys] : children) {
      std::vector<std::string> there;
      for (const ChildRef& child : tasks_.children(parent)) there.push_back(child.key);
      std::sort(there.begin(), there.end());
      EXPECT_EQ(there, keys) << parent;
    }
    auto ready = tasks_.ready(1'000);
    std::sort(ready.begin(), ready.end());
    EXPECT_EQ(ready, pending);
  }

  std::mt19937_64 random_{random_seed()};
  int made_ = 0;
  std::vector<std::string> gone_;
};

TEST_F(TaskModel, AgreesWithAPlainMap) {
  Model model;
  for (int round = 0; round < 120; ++round) {
    Model after = model;
    const bool undo = random_() % 3 == 0;
    session_.transaction([&](Session::Edit& edit) {
      for (int i = 0; i < 8; ++i) step(after);
      expect_same(after);
      if (undo) edit.rollback();
    });
    if (!undo) model = after;
    expect_same(model);
    if (random_() % 4 == 0) {
      if (random_() % 2 == 0) {
        disk_.fail({.kind = DiskCall::kWrite, .nth = 1, .error = ENOSPC, .from_then_on = true});
        const auto code = error_of([&] { session_.save(); });
        EXPECT_TRUE(code == ErrorCode::kIo || session_.status().unsaved_changes == 0);
        disk_.clear_faults();
      }
      session_.save();
      EXPECT_EQ(contradiction_in(read_on(disk_).head()), "");
    }
    if (HasFailure()) return;
  }
  session_.shutdown();
  const Snapshot head = read_on(disk_).head();
  EXPECT_EQ(head.count(Table::kTasks), model.size());
  for (const auto& [key, task] : model) {
    EXPECT_EQ((*head.get<schema::Task>(key))->getStatus(), task.status);
  }
}

}  // namespace
}  // namespace session::test
