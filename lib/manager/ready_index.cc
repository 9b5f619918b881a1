#include "lib/manager/ready_index.h"

#include <algorithm>
#include <iterator>

#include "lib/store/view.h"

namespace session::manager {
namespace {

using schema::DependencyType;
using schema::Priority;
using schema::TaskStatus;
using store::to_string;

// What nobody said is as urgent as normal.
int order_of(Priority priority) {
  switch (priority) {
    case Priority::CRITICAL:
      return 0;
    case Priority::HIGH:
      return 1;
    case Priority::LOW:
      return 3;
    case Priority::BACKGROUND:
      return 4;
    case Priority::UNSET:
    case Priority::NORMAL:
      break;
  }
  return 2;
}

}  // namespace

ReadyIndex::ReadyIndex(Find find, ForEach for_each, std::size_t max_candidates,
                       std::size_t max_waiting)
    : find_(std::move(find)),
      for_each_(std::move(for_each)),
      max_candidates_(max_candidates),
      max_waiting_(max_waiting) {}

void ReadyIndex::clear() {
  candidates_.clear();
  left_out_from_.reset();
  waits_for_.clear();
  waiting_.clear();
  waiting_left_out_ = false;
}

void ReadyIndex::rebuild(const ForEach& for_each) {
  clear();
  try {
    for_each([this](std::string_view key, Task task) { add(key, task); });
  } catch (...) {
    leave_all_out();
    throw;
  }
}

void ReadyIndex::leave_all_out() {
  clear();
  left_out_from_ = Candidate{-1, 0, {}};  // before every other
}

ReadyIndex::Candidate ReadyIndex::candidate(std::string_view key, Task task) {
  return {order_of(task.getPriority()), task.getRank(), std::string(key)};
}

std::optional<std::string> ReadyIndex::held_back_by(Task task) const {
  for (const auto dependency : task.getDependencies()) {
    const DependencyType type = dependency.getType();
    if (type != DependencyType::PREREQUISITE && type != DependencyType::EXCLUSIVE) continue;
    std::string target = to_string(dependency.getTarget());
    const auto other = find_(target);
    if (!other) continue;
    const TaskStatus status = (*other)->getStatus();
    const bool holds = type == DependencyType::PREREQUISITE ? !is_satisfying(status)
                                                            : status == TaskStatus::IN_PROGRESS;
    if (holds) return target;
  }
  return std::nullopt;
}

bool ReadyIndex::waits_by_preference(Task task) const {
  for (const auto dependency : task.getDependencies()) {
    if (dependency.getType() != DependencyType::PREFERRED) continue;
    const auto other = find_(to_string(dependency.getTarget()));
    if (other && !is_satisfying((*other)->getStatus())) return true;
  }
  return false;
}

void ReadyIndex::wait(std::string_view key, std::string target) {
  if (waits_for_.size() >= max_waiting_) {
    waiting_left_out_ = true;
    return;
  }
  waiting_.emplace(target, key);
  waits_for_.insert_or_assign(std::string(key), std::move(target));
}

void ReadyIndex::stop_waiting(std::string_view key) {
  const auto at = waits_for_.find(key);
  if (at == waits_for_.end()) return;
  waiting_.erase({at->second, at->first});
  waits_for_.erase(at);
}

void ReadyIndex::insert(Candidate candidate) {
  if (left_out_from_ && candidate >= *left_out_from_) return;
  candidates_.insert(std::move(candidate));
  if (candidates_.size() <= max_candidates_) return;
  left_out_from_ = std::move(candidates_.extract(std::prev(candidates_.end())).value());
}

void ReadyIndex::add(std::string_view key, Task task) {
  if (task.getStatus() != TaskStatus::PENDING) return;
  if (auto target = held_back_by(task)) {
    wait(key, std::move(*target));
  } else {
    insert(candidate(key, task));
  }
}

void ReadyIndex::drop(std::string_view key, Task task) {
  stop_waiting(key);
  candidates_.erase(candidate(key, task));
}

void ReadyIndex::release(std::string_view key) {
  std::vector<std::string> woken;
  for (auto at = waiting_.lower_bound({std::string(key), {}});
       at != waiting_.end() && at->first == key; ++at) {
    woken.push_back(at->second);
  }
  for (const std::string& waiting : woken) {
    stop_waiting(waiting);
    if (const auto task = find_(waiting)) add(waiting, **task);
  }
}

std::vector<std::string> ReadyIndex::collect(std::size_t limit) {
  std::vector<std::string> ready;
  std::vector<std::string> preferred_later;
  int priority = 0;
  const auto end_of_priority = [&] {
    for (std::string& key : preferred_later) {
      if (ready.size() < limit) ready.push_back(std::move(key));
    }
    preferred_later.clear();
  };
  for (auto at = candidates_.begin(); at != candidates_.end() && ready.size() < limit;) {
    const auto& [order, rank, key] = *at;
    if (order != priority) end_of_priority();
    priority = order;
    const auto task = find_(key);
    auto target = task ? held_back_by(**task) : std::nullopt;
    if (!task || target) {  // ready once, and no longer
      if (target) wait(key, std::move(*target));
      at = candidates_.erase(at);
      continue;
    }
    ++at;
    auto& list = waits_by_preference(**task) ? preferred_later : ready;
    if (ready.size() < limit) list.push_back(key);
  }
  end_of_priority();
  return ready;
}

std::vector<std::string> ReadyIndex::ready(std::size_t limit) {
  limit = std::min(limit, max_candidates_);
  std::vector<std::string> found = collect(limit);
  if (found.size() >= limit || !(left_out_from_ || waiting_left_out_)) return found;
  rebuild(for_each_);
  return collect(limit);
}

}  // namespace session::manager
