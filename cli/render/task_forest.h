#pragma once
// The tasks of a revision as trees, whatever their parents say: a parent that is not there or a
// circle of parents makes a root of its own, so that every task is in exactly one place.

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/render/names.h"
#include "session/snapshot.h"

namespace session::cli {

using TaskIndex = std::uint32_t;
inline constexpr TaskIndex kNoTask = UINT32_MAX;

struct TaskNode {
  std::string key;
  std::int64_t rank = 0;
  std::optional<std::int64_t> changed_nanos;  // updated, or else created
  TaskIndex parent = kNoTask;
  schema::TaskStatus status = schema::TaskStatus::PENDING;
  std::vector<std::string> prerequisites;  // keys
};

enum class OddParent : std::uint8_t { kMissing, kCircular };

// What keeps a task waiting.
struct Obstacle {
  std::string_view key;
  bool missing = false;  // there is no such task
};

class TaskForest {
 public:
  // Reads every task once; memory is a few hundred bytes a task, not its texts.
  explicit TaskForest(const Snapshot& snapshot);

  [[nodiscard]] std::size_t size() const { return nodes_.size(); }
  [[nodiscard]] const TaskNode& operator[](TaskIndex index) const { return nodes_[index]; }
  // By key order.
  [[nodiscard]] std::optional<TaskIndex> find(std::string_view key) const;
  // In the order of the siblings; of kNoTask the roots.
  [[nodiscard]] std::span<const TaskIndex> children(TaskIndex parent) const;

  // Roots that name a parent and why it is not theirs, with the parent's key.
  struct Odd {
    OddParent why;
    std::string parent;
  };
  [[nodiscard]] const std::map<TaskIndex, Odd>& odd() const { return odd_; }

  // Prerequisites that are not completed; they live as long as the forest.
  [[nodiscard]] std::vector<Obstacle> obstacles(TaskIndex index) const;
  // Pending, and every prerequisite is completed.
  [[nodiscard]] bool is_ready(TaskIndex index) const;

  [[nodiscard]] std::uint64_t count(schema::TaskStatus status) const;
  // Completed out of all that are not skipped; 100 when there is nothing to do.
  [[nodiscard]] unsigned progress_percent() const;

 private:
  void read(const Snapshot& snapshot, std::vector<std::string>& parents);
  void find_parents(std::vector<std::string>& parents);
  void cut_circles();
  void sort_children();

  std::vector<TaskNode> nodes_;  // by key
  std::map<TaskIndex, Odd> odd_;
  std::vector<TaskIndex> by_parent_;      // roots first, then the children of each task
  std::vector<std::size_t> first_child_;  // positions in by_parent_; one more than tasks
  std::array<std::uint64_t, kTaskStatuses> counts_ = {};
};

}  // namespace session::cli
