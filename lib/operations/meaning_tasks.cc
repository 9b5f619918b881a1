#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "lib/operations/meaning_parts.h"

namespace session::operations {
namespace {

using schema::TaskStatus;

// The circles themselves, of a graph that may have some: who is in each, in the order of their
// keys.
class CircleReport {
 public:
  explicit CircleReport(MeaningContext& context) : context_(context) {
    each_task([&](std::string_view key, schema::Task::Reader) { keys_.add(key); });
  }

  void dependencies() {
    read([&](schema::Task::Reader task) {
      for (const auto dependency : task.getDependencies()) {
        if (comes_before(dependency.getType())) add_edge(text_view(dependency.getTarget()));
      }
    });
    report(FindingCode::kDependencyCycle, "depend on each other in a circle");
  }
  // Who has one parent at most is in one circle at most.
  void parents() {
    read([&](schema::Task::Reader task) { add_edge(text_view(task.getParent())); });
    report(FindingCode::kParentCycle, "are each other's parents in a circle");
  }

 private:
  template <class Visit>
  void each_task(Visit visit) {
    for (Cursor cursor = context_.snapshot().cursor(Table::kTasks); cursor.valid(); cursor.next()) {
      context_.advance();
      visit(cursor.key(), cursor.record().as<schema::Task>());
    }
  }

  template <class AddEdges>
  void read(AddEdges add_edges) {
    begin_ = {0};
    edges_.clear();
    each_task([&](std::string_view, schema::Task::Reader task) {
      add_edges(task);
      // Any number of references may be the same one.
      const auto first = edges_.begin() + begin_.back();
      std::sort(first, edges_.end());
      edges_.erase(std::unique(first, edges_.end()), edges_.end());
      begin_.push_back(static_cast<std::uint32_t>(edges_.size()));
    });
  }

  void add_edge(std::string_view target) {
    const std::uint32_t at = keys_.find(target);
    if (at != KeyArena::kNone) edges_.push_back(at);
  }

  void report(FindingCode code, const std::string& what) {
    constexpr std::size_t kShown = 16;
    for (const auto& circle : find_circles(begin_, edges_)) {
      std::string text = "the tasks";
      for (std::size_t i = 0; i < circle.size() && i < kShown; ++i) {
        text += (i == 0 ? " " : ", ") + std::string(keys_[circle[i]]);
      }
      if (circle.size() > kShown) {
        text += " and " + std::to_string(circle.size() - kShown) + " more";
      }
      context_.find(code, Table::kTasks, keys_[circle.front()],
                    circle.size() == 1
                        ? "the task refers to itself: " + std::string(keys_[circle[0]])
                        : text + " " + what);
    }
  }

  MeaningContext& context_;
  KeyArena keys_;
  std::vector<std::uint32_t> begin_;
  std::vector<std::uint32_t> edges_;
};

class TaskRules {
 public:
  explicit TaskRules(MeaningContext& context) : context_(context), keys_(context.tasks()) {}

  void run() {
    for (Cursor cursor = context_.snapshot().cursor(Table::kTasks); cursor.valid(); cursor.next()) {
      context_.advance();
      const std::uint64_t hash = TaskKeys::hash_of(cursor.key());
      keys_.add(cursor.key(), hash);
      check(cursor.key(), hash, cursor.record().as<schema::Task>());
    }
    keys_.end();
    report_circles();
  }

 private:
  void check(std::string_view key, std::uint64_t hash, schema::Task::Reader task) {
    if (task.getTitle().size() == 0 && !has_blob_of(task, "title")) {
      find(FindingCode::kMissingMetadata, key, "the task has no title");
    }
    check_parent(key, hash, task);
    check_dependencies(key, hash, task);
    if (task.hasStatusDetail()) {
      check_status(context_, Table::kTasks, key, task.getStatus(), task.getStatusDetail());
    }
    check_times(key, task);
  }

  static bool has_blob_of(schema::Task::Reader task, std::string_view path) {
    for (const auto blob : task.getBlobs()) {
      if (text_view(blob.getPath()) == path) return true;
    }
    return false;
  }

  void check_parent(std::string_view key, std::uint64_t hash, schema::Task::Reader task) {
    const std::string_view parent = text_view(task.getParent());
    if (parent.empty()) return;
    const std::uint64_t to = TaskKeys::hash_of(parent);
    if (keys_.contains(parent, to)) {
      parents_.add(hash, to, key < parent);
    } else {
      find(FindingCode::kOrphanTask, key,
           "the task's parent does not exist: " + std::string(parent));
    }
  }

  void check_dependencies(std::string_view key, std::uint64_t hash, schema::Task::Reader task) {
    std::set<std::pair<std::string_view, std::uint16_t>> seen;
    for (const auto dependency : task.getDependencies()) {
      const std::string_view target = text_view(dependency.getTarget());
      const auto type = static_cast<std::uint16_t>(dependency.getType());
      if (!seen.emplace(target, type).second) {
        find(FindingCode::kDuplicateDependency, key,
             "the task names the same dependency twice: " + std::string(target));
        continue;
      }
      const std::uint64_t to = TaskKeys::hash_of(target);
      if (!keys_.contains(target, to)) {
        find(FindingCode::kMissingDependency, key,
             "the task depends on one that does not exist: " + std::string(target));
      } else if (comes_before(dependency.getType())) {
        needs_.add(hash, to, key < target);
      }
    }
  }

  void check_times(std::string_view key, schema::Task::Reader task) {
    if (task.getCreatedAtForm() == 0) return;
    const std::int64_t created = task.getCreatedAt();
    if (task.getUpdatedAtForm() != 0 && task.getUpdatedAt() < created) {
      find(FindingCode::kTimeOrder, key, "the task was updated before it was created");
    }
    const auto detail = task.getStatusDetail();
    if (detail.getAtForm() == 0 || detail.getAt() >= created) return;
    find(FindingCode::kTimeOrder, key,
         task.getStatus() == TaskStatus::COMPLETED
             ? "the task was completed before it was created"
             : "the task came to its status before it was created");
  }

  void report_circles() {
    while (needs_.end_round()) {
      each_task([&](std::uint64_t hash, std::string_view key, schema::Task::Reader task) {
        std::set<std::string_view> seen;
        for (const auto dependency : task.getDependencies()) {
          const std::string_view target = text_view(dependency.getTarget());
          if (!comes_before(dependency.getType()) || !seen.insert(target).second) continue;
          needs_.add(hash, TaskKeys::hash_of(target), key < target);
        }
      });
    }
    while (parents_.end_round()) {
      each_task([&](std::uint64_t hash, std::string_view key, schema::Task::Reader task) {
        const std::string_view parent = text_view(task.getParent());
        if (!parent.empty()) parents_.add(hash, TaskKeys::hash_of(parent), key < parent);
      });
    }
    if (!needs_.may_have_one() && !parents_.may_have_one()) return;
    CircleReport report(context_);
    if (needs_.may_have_one()) report.dependencies();
    if (parents_.may_have_one()) report.parents();
  }

  template <class Visit>
  void each_task(Visit visit) {
    for (Cursor cursor = context_.snapshot().cursor(Table::kTasks); cursor.valid(); cursor.next()) {
      context_.advance();
      visit(TaskKeys::hash_of(cursor.key()), cursor.key(), cursor.record().as<schema::Task>());
    }
  }

  void find(FindingCode code, std::string_view key, std::string message) {
    context_.find(code, Table::kTasks, key, std::move(message));
  }

  MeaningContext& context_;
  TaskKeys& keys_;
  CircleSearch parents_;
  CircleSearch needs_;
};

}  // namespace

std::uint32_t KeyArena::find(std::string_view key) const {
  std::uint32_t low = 0;
  for (std::uint32_t high = size(); low < high;) {
    const std::uint32_t middle = low + (high - low) / 2;
    if ((*this)[middle] < key) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low < size() && (*this)[low] == key ? low : kNone;
}

void check_status(MeaningContext& context, Table table, std::string_view key, TaskStatus status,
                  schema::StatusDetail::Reader detail) {
  if (detail.hasResult() && status != TaskStatus::COMPLETED) {
    context.find(FindingCode::kStatusDetail, table, key,
                 "a result stands beside a status other than completed");
  }
  if (detail.hasError() && status != TaskStatus::FAILED) {
    context.find(FindingCode::kStatusDetail, table, key,
                 "an error stands beside a status other than failed");
  }
  if (detail.getRetryCount() != 0 && status != TaskStatus::FAILED) {
    context.find(FindingCode::kStatusDetail, table, key,
                 "a count of retries stands beside a status other than failed");
  }
}

void check_tasks(MeaningContext& context) {
  TaskRules(context).run();
}

void check_executions(MeaningContext& context) {
  for (Cursor cursor = context.snapshot().cursor(Table::kExecutions); cursor.valid();
       cursor.next()) {
    context.advance();
    const auto execution = cursor.record().as<schema::Execution>();
    const std::string_view task = text_view(execution.getTask());
    if (task.empty() || !context.tasks().contains(task)) {
      context.find(FindingCode::kBrokenReference, Table::kExecutions, cursor.key(),
                   task.empty()
                       ? "the execution names no task"
                       : "the execution is of a task that does not exist: " + std::string(task));
    }
    const bool is_over = execution.getCompletedAtForm() != 0 && execution.getStartedAtForm() != 0;
    if (is_over && execution.getCompletedAt() < execution.getStartedAt()) {
      context.find(FindingCode::kTimeOrder, Table::kExecutions, cursor.key(),
                   "the execution was over before it began");
    }
    if (execution.hasStatusDetail()) {
      check_status(context, Table::kExecutions, cursor.key(), execution.getStatus(),
                   execution.getStatusDetail());
    }
  }
}

}  // namespace session::operations
