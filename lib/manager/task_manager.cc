// Tasks by themselves and among each other: created, changed, placed, removed, dependent.

#include <capnp/message.h>

#include <algorithm>
#include <set>
#include <utility>

#include "format/record.h"
#include "lib/convert/time_text.h"
#include "lib/manager/core.h"
#include "lib/manager/task_change.h"
#include "lib/store/view.h"
#include "lib/store/writer_core.h"

namespace session {

using manager::as_text;
using manager::Core;
using manager::TaskChange;
using manager::TaskTable;
using schema::DependencyType;
using store::to_string;

namespace {

bool orders(DependencyType type) {
  return type == DependencyType::PREREQUISITE || type == DependencyType::PREFERRED;
}

// True if a path of ordering dependencies leads from `from` to `to`.
bool leads_to(const TaskTable& tasks, const std::string& from, std::string_view to) {
  std::set<std::string> seen{from};
  std::vector<std::string> open{from};
  while (!open.empty()) {
    const std::string key = std::move(open.back());
    open.pop_back();
    if (key == to) return true;
    const auto task = tasks.get(key);
    if (!task) continue;
    for (const auto dependency : (*task)->getDependencies()) {
      if (!orders(dependency.getType())) continue;
      std::string target = to_string(dependency.getTarget());
      if (seen.insert(target).second) open.push_back(std::move(target));
    }
  }
  return false;
}

using Edge = std::pair<std::string, DependencyType>;

std::set<Edge> edges_of(schema::Task::Reader task) {
  std::set<Edge> edges;
  for (const auto dependency : task.getDependencies()) {
    edges.emplace(to_string(dependency.getTarget()), dependency.getType());
  }
  return edges;
}

// New dependencies must have a target and close no circle; what was there before is left alone.
void check_dependencies(const TaskTable& tasks, std::string_view key, schema::Task::Reader task,
                        const std::set<Edge>& before) {
  for (const Edge& edge : edges_of(task)) {
    if (before.count(edge) != 0) continue;
    const auto& [target, type] = edge;
    if (target == key) {
      throw Error(ErrorCode::kUsage, "task " + target + " cannot depend on itself");
    }
    if (!tasks.get(target)) {
      throw Error(ErrorCode::kUsage,
                  "task " + std::string(key) + " cannot depend on " + target + ": there is none");
    }
    if (orders(type) && leads_to(tasks, target, key)) {
      throw Error(ErrorCode::kUsage, "task " + std::string(key) + " cannot depend on " + target +
                                         ", which depends on it");
    }
  }
}

void check_parent(const TaskTable& tasks, std::string_view key, const std::string& parent) {
  std::set<std::string> seen;
  for (std::string at = parent; !at.empty() && seen.insert(at).second;) {
    if (at == key) {
      throw Error(ErrorCode::kUsage, "task " + at + " cannot be below itself");
    }
    const auto task = tasks.get(at);
    if (!task) {
      if (at == parent) throw Error(ErrorCode::kNotFound, "there is no task " + parent);
      return;
    }
    at = to_string((*task)->getParent());
  }
}

// A UUID that begins with the time (RFC 9562, version 7): tasks made one after the other stand in
// the same pages, so a save writes few of them anew.
std::string new_key(std::int64_t now_nanos) {
  constexpr std::int64_t kNanosPerMilli = 1'000'000;
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string key = store::new_uuid();  // the rest stays random
  auto millis = static_cast<std::uint64_t>(now_nanos / kNanosPerMilli);
  for (const std::size_t at : {12, 11, 10, 9, 7, 6, 5, 4, 3, 2, 1, 0}) {
    key[at] = kDigits[millis % kDigits.size()];
    millis /= kDigits.size();
  }
  key[14] = '7';
  return key;
}

void fill(schema::Task::Builder record, const NewTask& task, std::int64_t now) {
  if (!task.title.empty()) record.setTitle(as_text(task.title));
  if (!task.description.empty()) record.setDescription(as_text(task.description));
  if (!task.kind.empty()) record.setKind(as_text(task.kind));
  record.setPriority(task.priority);
  record.setComplexity(task.complexity);
  record.setEstimatedNanos(task.estimated_nanos);
  if (!task.tags.empty()) {
    manager::set_list(record.initTags(manager::size_of(task.tags)), task.tags);
  }
  const auto count = static_cast<std::uint32_t>(task.dependencies.size());
  if (count != 0) {
    auto list = record.initDependencies(count);
    for (std::uint32_t i = 0; i < count; ++i) {
      list[i].setTarget(as_text(task.dependencies[i].target));
      list[i].setType(task.dependencies[i].type);
      list[i].setCreatedAt(now);
      list[i].setCreatedAtForm(convert::utc_form(now));
    }
  }
  record.setCreatedAt(now);
  record.setCreatedAtForm(convert::utc_form(now));
  if (task.fill) task.fill(record);
}

void put_at(Core& core, std::string_view key, const std::string& parent, std::int64_t rank) {
  TaskChange change(core, key);
  if (parent.empty()) {
    change.task().disownParent();
  } else {
    change.task().setParent(as_text(parent));
  }
  change.task().setRank(rank);
  change.put();
}

// Gives all children of a parent new ranks, in the order of `keys`.
void renumber(Core& core, const std::string& parent, std::span<const std::string> keys) {
  std::int64_t rank = 0;
  for (const std::string& key : keys) {
    rank += TaskTable::kRankGap;
    const auto task = core.tasks().require(key);
    if (task->getRank() == rank && to_string(task->getParent()) == parent) continue;
    put_at(core, key, parent, rank);
  }
}

std::int64_t last_rank(Core& core, const std::string& parent) {
  if (const auto rank = core.tasks().rank_behind(parent)) return *rank;
  std::vector<std::string> keys;
  for (ChildRef& child : core.tasks().children(parent)) keys.push_back(std::move(child.key));
  renumber(core, parent, keys);
  return static_cast<std::int64_t>(keys.size() + 1) * TaskTable::kRankGap;
}

// Where among the siblings (without the task itself) it goes.
std::size_t index_of(const std::vector<ChildRef>& siblings, const TaskPlace& place) {
  const std::string& beside = place.before.empty() ? place.after : place.before;
  const auto at = std::find_if(siblings.begin(), siblings.end(),
                               [&](const ChildRef& child) { return child.key == beside; });
  if (at == siblings.end()) {
    throw Error(ErrorCode::kUsage, "task " + beside + " is no sibling there");
  }
  const auto index = static_cast<std::size_t>(at - siblings.begin());
  return place.before.empty() ? index + 1 : index;
}

// A rank between two neighbours, if there is room.
std::optional<std::int64_t> rank_between(const std::vector<ChildRef>& siblings, std::size_t index) {
  if (siblings.empty()) return TaskTable::kRankGap;
  const std::int64_t low = index == 0 ? 0 : siblings[index - 1].rank;
  if (index == siblings.size()) {
    if (low > std::numeric_limits<std::int64_t>::max() - TaskTable::kRankGap) return std::nullopt;
    return low + TaskTable::kRankGap;
  }
  const std::int64_t high = siblings[index].rank;
  if (index == 0) {
    if (high < std::numeric_limits<std::int64_t>::min() + TaskTable::kRankGap) return std::nullopt;
    return high - TaskTable::kRankGap;
  }
  const auto room = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
  if (high <= low || room < 2) return std::nullopt;
  return low + static_cast<std::int64_t>(room / 2);
}

void place_beside(Core& core, std::string_view key, const TaskPlace& place) {
  std::vector<ChildRef> siblings = core.tasks().children(place.parent);
  siblings.erase(std::remove_if(siblings.begin(), siblings.end(),
                                [&](const ChildRef& child) { return child.key == key; }),
                 siblings.end());
  const std::size_t index = index_of(siblings, place);
  if (const auto rank = rank_between(siblings, index)) {
    put_at(core, key, place.parent, *rank);
    return;
  }
  std::vector<std::string> keys;
  for (const ChildRef& child : siblings) keys.push_back(child.key);
  keys.insert(keys.begin() + static_cast<std::ptrdiff_t>(index), std::string(key));
  renumber(core, place.parent, keys);
}

void remove_one(Core& core, const std::string& key) {
  for (const std::string& execution : core.executions().keys_of(key)) {
    core.records().erase(Table::kExecutions, execution);
  }
  core.tasks().erase(key);
  core.tell(TaskRemoved{key});
}

// Children first, so that nothing is ever without its parent.
void remove_subtree(Core& core, const std::string& top) {
  std::vector<std::string> order{top};
  std::set<std::string> seen{top};
  for (std::size_t i = 0; i < order.size(); ++i) {
    for (ChildRef& child : core.tasks().children(order[i])) {
      if (seen.insert(child.key).second) order.push_back(std::move(child.key));
    }
  }
  std::for_each(order.rbegin(), order.rend(),
                [&](const std::string& key) { remove_one(core, key); });
}

}  // namespace

std::uint64_t TaskCounts::total() const {
  std::uint64_t sum = 0;
  for (const std::uint64_t count : by_status) sum += count;
  return sum;
}

double TaskCounts::percent_done() const {
  const std::uint64_t all = total();
  if (all == 0) return 0;
  const std::uint64_t done = of(schema::TaskStatus::COMPLETED) + of(schema::TaskStatus::SKIPPED);
  return 100.0 * static_cast<double>(done) / static_cast<double>(all);
}

std::string TaskManager::create(const NewTask& task) {
  return core_.change([&] {
    TaskTable& tasks = core_.tasks();
    std::string key = task.key.empty() ? new_key(core_.now()) : task.key;
    if (tasks.get(key)) throw Error(ErrorCode::kExists, "there is a task " + key);
    TaskChange change(core_);
    core_.leaving_alone(Table::kTasks, key, [&] { fill(change.task(), task, core_.now()); });
    check_parent(tasks, key, task.parent);
    change.task().setStatus(schema::TaskStatus::PENDING);
    if (!task.parent.empty()) change.task().setParent(as_text(task.parent));
    change.task().setRank(last_rank(core_, task.parent));
    check_dependencies(tasks, key, change.task().asReader(), {});
    change.put_as(key);
    core_.tell(TaskCreated{key});
    return key;
  });
}

void TaskManager::edit(std::string_view key,
                       const std::function<void(schema::Task::Builder)>& work) {
  core_.change([&] {
    const auto before = core_.tasks().require(key);
    const std::set<Edge> edges = edges_of(*before);
    TaskChange change(core_, key);
    core_.leaving_alone(Table::kTasks, key, [&] { work(change.task()); });
    const auto after = change.task().asReader();
    if (after.getStatus() != before->getStatus() || after.getRank() != before->getRank() ||
        to_string(after.getParent()) != to_string(before->getParent())) {
      throw Error(ErrorCode::kUsage, "an edit cannot change status, parent or rank of task " +
                                         std::string(key) + "; they have calls of their own");
    }
    check_dependencies(core_.tasks(), key, after, edges);
    change.put();
    core_.tell(TaskChanged{std::string(key), before->getStatus(), before->getStatus()});
  });
}

void TaskManager::move(std::string_view key, const TaskPlace& place) {
  core_.change([&] {
    (void)core_.tasks().require(key);
    check_parent(core_.tasks(), key, place.parent);
    if (place.before.empty() && place.after.empty()) {
      const std::int64_t rank = last_rank(core_, place.parent);
      put_at(core_, key, place.parent, rank);
    } else {
      place_beside(core_, key, place);
    }
    core_.tell(TaskMoved{std::string(key), place.parent});
  });
}

void TaskManager::reorder(std::string_view parent, std::span<const std::string> keys) {
  core_.change([&] {
    std::vector<std::string> wanted(keys.begin(), keys.end());
    std::vector<std::string> there;
    for (ChildRef& child : core_.tasks().children(parent)) there.push_back(std::move(child.key));
    std::sort(wanted.begin(), wanted.end());
    std::sort(there.begin(), there.end());
    if (wanted != there) {
      throw Error(ErrorCode::kUsage, "the new order must name each child once, and no other task");
    }
    renumber(core_, std::string(parent), keys);
    for (const std::string& key : keys) core_.tell(TaskMoved{key, std::string(parent)});
  });
}

void TaskManager::remove(std::string_view key, RemoveScope scope) {
  core_.change([&] {
    (void)core_.tasks().require(key);
    if (scope == RemoveScope::kSubtree) {
      remove_subtree(core_, std::string(key));
      return;
    }
    if (core_.tasks().has_children(key)) {
      throw Error(ErrorCode::kUsage,
                  "task " + std::string(key) + " has children; move them, or remove the subtree");
    }
    remove_one(core_, std::string(key));
  });
}

void TaskManager::add_dependency(std::string_view key, const TaskDependency& dependency) {
  edit(key, [&](schema::Task::Builder task) {
    const Edge edge{dependency.target, dependency.type};
    if (edges_of(task.asReader()).count(edge) != 0) return;
    const std::uint32_t count = task.getDependencies().size();
    auto old = task.disownDependencies();
    auto list = task.initDependencies(count + 1);
    for (std::uint32_t i = 0; i < count; ++i) list.setWithCaveats(i, old.get()[i]);
    const std::int64_t now = core_.now();
    list[count].setTarget(as_text(dependency.target));
    list[count].setType(dependency.type);
    list[count].setCreatedAt(now);
    list[count].setCreatedAtForm(convert::utc_form(now));
  });
}

bool TaskManager::remove_dependency(std::string_view key, const TaskDependency& dependency) {
  return core_.change([&] {
    const Edge edge{dependency.target, dependency.type};
    const auto is_it = [&](schema::Dependency::Reader one) {
      return Edge{to_string(one.getTarget()), one.getType()} == edge;
    };
    const auto before = core_.tasks().require(key);
    if (edges_of(*before).count(edge) == 0) return false;
    edit(key, [&](schema::Task::Builder task) {
      const auto old = before->getDependencies();
      const auto gone = std::count_if(old.begin(), old.end(), is_it);
      auto list = task.initDependencies(old.size() - static_cast<std::uint32_t>(gone));
      std::uint32_t at = 0;
      for (const auto one : old) {
        if (!is_it(one)) list.setWithCaveats(at++, one);
      }
    });
    return true;
  });
}

std::optional<Entry<schema::Task>> TaskManager::get(std::string_view key) const {
  return core_.look([&]() -> std::optional<Entry<schema::Task>> {
    const auto task = core_.tasks().get(key);
    if (!task) return std::nullopt;
    return Entry<schema::Task>(manager::own(task->any()));
  });
}

std::vector<ChildRef> TaskManager::children(std::string_view parent) const {
  return core_.look([&] { return core_.tasks().children(parent); });
}

std::vector<Entry<schema::Execution>> TaskManager::executions(std::string_view key) const {
  return core_.look([&] { return core_.executions().of(key); });
}

std::vector<std::string> TaskManager::ready(std::size_t limit) const {
  return core_.look([&] { return core_.tasks().ready(limit); });
}

std::optional<std::string> TaskManager::next() const {
  auto first = ready(1);
  if (first.empty()) return std::nullopt;
  return std::move(first.front());
}

TaskCounts TaskManager::counts() const {
  return core_.look([&] { return core_.tasks().counts(); });
}

}  // namespace session
