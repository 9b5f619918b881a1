#pragma once
// The task tree of a running session: what an agent or task runner works with.
//
//   session::TaskManager& tasks = session.tasks();
//   const std::string build = tasks.create({.title = "build"});
//   tasks.create({.title = "test", .dependencies = {{build}}});
//   while (auto key = tasks.next()) {
//     tasks.start(*key);
//     tasks.complete(*key);
//   }
//
// Every call is one unit: it happens whole or throws and leaves everything as it was. A change is
// in memory until the session is saved. All calls are thread-safe and wait for each other; records
// that are handed out are copies and live on their own.
//
// Errors: kNotFound (no such task), kUsage (a change that would break the tree: a status that may
// not follow, a cycle, a missing target), kLimit (a record beyond the format's limits), kExists.

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "session/snapshot.h"

namespace session {

namespace manager {
class Core;
}

inline constexpr std::size_t kTaskStatuses = 6;

// What may follow what: row from, column to, in the order of schema::TaskStatus. Finished work is
// opened again through pending; what was blocked is not completed without being taken up.
inline constexpr std::array<std::array<bool, kTaskStatuses>, kTaskStatuses> kMayFollow = {{
    // pending, inProgress, blocked, completed, failed, skipped
    {false, true, true, true, true, true},      // pending
    {true, false, true, true, true, true},      // inProgress
    {true, true, false, false, true, true},     // blocked
    {true, false, false, false, false, false},  // completed
    {true, true, false, false, false, true},    // failed
    {true, false, false, false, false, false},  // skipped
}};
[[nodiscard]] constexpr bool may_follow(schema::TaskStatus from, schema::TaskStatus to) {
  const auto row = static_cast<std::size_t>(from);
  const auto column = static_cast<std::size_t>(to);
  return row < kTaskStatuses && column < kTaskStatuses && kMayFollow[row][column];
}

struct TaskDependency {
  std::string target;
  schema::DependencyType type = schema::DependencyType::PREREQUISITE;
};

struct NewTask {
  std::string key = {};  // empty: a new UUID, behind those made before
  std::string title = {};
  std::string description = {};
  std::string parent = {};  // empty: a root
  std::string kind = {};
  schema::Priority priority = schema::Priority::UNSET;
  schema::Complexity complexity = schema::Complexity::UNSET;
  std::int64_t estimated_nanos = 0;
  std::vector<std::string> tags = {};
  std::vector<TaskDependency> dependencies = {};
  // Sets what has no place here; called last.
  std::function<void(schema::Task::Builder)> fill = {};
};

// What an execution used.
struct ResourceUse {
  std::int64_t cpu_nanos = 0;
  std::uint64_t memory_bytes = 0;  // peak
  std::uint64_t disk_bytes = 0;
  std::uint64_t network_requests = 0;
};

struct TaskStart {
  std::string agent_session = {};
  std::int64_t expected_at_nanos = 0;  // when it should be done, since 1970; 0: nobody knows
};

struct TaskCompletion {
  bool is_partial = false;
  std::string reason = {};
  std::string output = {};     // JSON
  std::string remaining = {};  // a JSON list; of a partial result
  std::vector<std::string> files_created = {};
  std::vector<std::string> files_modified = {};
  std::vector<std::string> artifacts = {};
  ResourceUse used = {};
};

struct TaskFailure {
  schema::TaskError::Kind kind = schema::TaskError::Kind::OTHER;
  std::string message = {};
  std::int32_t exit_code = 0;
  std::string output = {};
  std::string error_output = {};
  std::string path = {};
  std::string operation = {};
  std::vector<std::string> files = {};           // the error is about
  std::vector<std::string> files_modified = {};  // before it
  std::int64_t elapsed_nanos = 0;
  ResourceUse used = {};
};

struct TaskBlocking {
  std::string reason = {};
  std::int64_t retry_at_nanos = 0;  // since 1970; 0: not by itself
  ResourceUse used = {};
};

// Where a task goes among its siblings: behind `after`, before `before`, or last.
struct TaskPlace {
  std::string parent = {};
  std::string before = {};
  std::string after = {};
};

enum class RemoveScope : std::uint8_t { kAlone, kSubtree };

struct TaskCounts {
  std::array<std::uint64_t, kTaskStatuses> by_status{};
  [[nodiscard]] std::uint64_t of(schema::TaskStatus status) const {
    return by_status.at(static_cast<std::size_t>(status));
  }
  [[nodiscard]] std::uint64_t total() const;
  // Completed and skipped, in percent of all; 0 without tasks.
  [[nodiscard]] double percent_done() const;
  friend bool operator==(const TaskCounts&, const TaskCounts&) = default;
};

class TaskManager {
 public:
  explicit TaskManager(manager::Core& core) : core_(core) {}
  TaskManager(const TaskManager&) = delete;
  TaskManager& operator=(const TaskManager&) = delete;

  // As the last child of its parent, pending. Returns the key. Throws kExists.
  std::string create(const NewTask& task);
  // Changes any field but status, parent and rank, which have calls of their own. A text above 4
  // KiB stands apart from its record and is null here: set it to replace it, to "" to clear it.
  // `change` may call the session, but must not change this task by other calls: kUsage.
  void edit(std::string_view key, const std::function<void(schema::Task::Builder)>& change);
  void move(std::string_view key, const TaskPlace& place);
  // All children of a parent, in their new order.
  void reorder(std::string_view parent, std::span<const std::string> keys);
  // Its executions go with it. kAlone refuses a task with children. What depends on it waits no
  // longer; the name stays in their dependencies, where verify finds it.
  void remove(std::string_view key, RemoveScope scope = RemoveScope::kAlone);

  // The prerequisite and preferred dependencies of all tasks together never form a circle.
  void add_dependency(std::string_view key, const TaskDependency& dependency);
  // False if there was none.
  bool remove_dependency(std::string_view key, const TaskDependency& dependency);

  // start() opens an execution record; leaving inProgress in any way closes it.
  void start(std::string_view key, const TaskStart& start = {});
  void complete(std::string_view key, const TaskCompletion& completion = {});
  void fail(std::string_view key, const TaskFailure& failure = {});
  void block(std::string_view key, const TaskBlocking& blocking = {});
  void skip(std::string_view key, std::string_view reason = {});
  void reset(std::string_view key);  // to pending

  [[nodiscard]] std::optional<Entry<schema::Task>> get(std::string_view key) const;
  [[nodiscard]] std::vector<ChildRef> children(std::string_view parent) const;
  // Oldest first.
  [[nodiscard]] std::vector<Entry<schema::Execution>> executions(std::string_view key) const;

  // Pending tasks that could be started now: by priority, then rank, then key. Dependencies:
  //   prerequisite  its target must be completed or skipped
  //   preferred     holds nothing back; comes behind those of its priority that wait for nothing
  //   exclusive     its target must not be in progress
  //   others        hold nothing back; nor does a target that is not there
  // At most kMaxReady of them. May walk all tasks when many were ready or waiting at once.
  [[nodiscard]] std::vector<std::string> ready(std::size_t limit) const;
  [[nodiscard]] std::optional<std::string> next() const;

  [[nodiscard]] TaskCounts counts() const;

  static constexpr std::size_t kMaxReady = 4096;

 private:
  manager::Core& core_;
};

}  // namespace session
