#include "cli/render/task_forest.h"

#include <algorithm>
#include <numeric>
#include <tuple>
#include <utility>

#include "cli/io/interrupt.h"
#include "session/error.h"

namespace session::cli {
namespace {

std::optional<std::int64_t> changed_time(schema::Task::Reader task) {
  if (task.getUpdatedAtForm() != 0) return task.getUpdatedAt();
  if (task.getCreatedAtForm() != 0) return task.getCreatedAt();
  return std::nullopt;
}

}  // namespace

TaskForest::TaskForest(const Snapshot& snapshot) {
  std::vector<std::string> parents;
  read(snapshot, parents);
  find_parents(parents);
  cut_circles();
  sort_children();
}

void TaskForest::read(const Snapshot& snapshot, std::vector<std::string>& parents) {
  for (const auto& entry : snapshot.all<schema::Task>()) {
    stop_if_interrupted();
    if (nodes_.size() == kNoTask) {
      throw Error(ErrorCode::kLimit, "has more tasks than can be shown at once");
    }
    TaskNode node;
    node.key = entry.key();
    node.rank = entry->getRank();
    node.status = entry->getStatus();
    node.changed_nanos = changed_time(*entry);
    for (const auto dependency : entry->getDependencies()) {
      if (dependency.getType() != schema::DependencyType::PREREQUISITE) continue;
      node.prerequisites.emplace_back(view(dependency.getTarget()));
    }
    const auto status = static_cast<std::size_t>(node.status);
    if (status < counts_.size()) ++counts_.at(status);
    parents.emplace_back(view(entry->getParent()));
    nodes_.push_back(std::move(node));
  }
}

void TaskForest::find_parents(std::vector<std::string>& parents) {
  for (TaskIndex i = 0; i < nodes_.size(); ++i) {
    if (parents[i].empty()) continue;
    if (const auto parent = find(parents[i])) {
      nodes_[i].parent = *parent;
    } else {
      odd_.emplace(i, Odd{OddParent::kMissing, std::move(parents[i])});
    }
  }
}

// Climbs from each task until it meets a root or what was climbed before. Who meets their own track
// stands in a circle; it is opened at the task with the first key.
void TaskForest::cut_circles() {
  constexpr TaskIndex kNever = kNoTask;
  std::vector<TaskIndex> climbed_from(nodes_.size(), kNever);
  for (TaskIndex start = 0; start < nodes_.size(); ++start) {
    TaskIndex at = start;
    while (at != kNoTask && climbed_from[at] == kNever) {
      climbed_from[at] = start;
      at = nodes_[at].parent;
    }
    if (at == kNoTask || climbed_from[at] != start) continue;
    TaskIndex first = at;
    for (TaskIndex next = nodes_[at].parent; next != at; next = nodes_[next].parent) {
      first = std::min(first, next);
    }
    odd_.emplace(first, Odd{OddParent::kCircular, nodes_[nodes_[first].parent].key});
    nodes_[first].parent = kNoTask;
  }
}

void TaskForest::sort_children() {
  by_parent_.resize(nodes_.size());
  std::iota(by_parent_.begin(), by_parent_.end(), TaskIndex{0});
  // kNoTask + 1 is 0: the roots come first.
  const auto order = [this](TaskIndex i) {
    return std::tuple(nodes_[i].parent + 1, nodes_[i].rank, i);
  };
  std::sort(by_parent_.begin(), by_parent_.end(),
            [&order](TaskIndex a, TaskIndex b) { return order(a) < order(b); });
  first_child_.assign(nodes_.size() + 2, 0);
  for (const TaskNode& node : nodes_) ++first_child_[TaskIndex{node.parent + 1} + std::size_t{1}];
  std::partial_sum(first_child_.begin(), first_child_.end(), first_child_.begin());
}

std::optional<TaskIndex> TaskForest::find(std::string_view key) const {
  const auto found = std::lower_bound(
      nodes_.begin(), nodes_.end(), key,
      [](const TaskNode& node, std::string_view wanted) { return node.key < wanted; });
  if (found == nodes_.end() || found->key != key) return std::nullopt;
  return static_cast<TaskIndex>(found - nodes_.begin());
}

std::span<const TaskIndex> TaskForest::children(TaskIndex parent) const {
  const auto slot = static_cast<TaskIndex>(parent + 1);
  const std::size_t begin = first_child_[slot];
  return std::span(by_parent_).subspan(begin, first_child_[slot + std::size_t{1}] - begin);
}

std::vector<Obstacle> TaskForest::obstacles(TaskIndex index) const {
  std::vector<Obstacle> obstacles;
  for (const std::string& key : nodes_[index].prerequisites) {
    const auto target = find(key);
    if (target && nodes_[*target].status == schema::TaskStatus::COMPLETED) continue;
    obstacles.push_back({key, !target});
  }
  return obstacles;
}

bool TaskForest::is_ready(TaskIndex index) const {
  return nodes_[index].status == schema::TaskStatus::PENDING && obstacles(index).empty();
}

std::uint64_t TaskForest::count(schema::TaskStatus status) const {
  const auto slot = static_cast<std::size_t>(status);
  return slot < counts_.size() ? counts_.at(slot) : 0;
}

unsigned TaskForest::progress_percent() const {
  const std::uint64_t to_do = nodes_.size() - count(schema::TaskStatus::SKIPPED);
  if (to_do == 0) return 100;
  return static_cast<unsigned>(count(schema::TaskStatus::COMPLETED) * 100 / to_do);
}

}  // namespace session::cli
