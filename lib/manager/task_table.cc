#include "lib/manager/task_table.h"

#include <algorithm>
#include <limits>

#include "lib/store/view.h"

namespace session::manager {

using store::to_string;

TaskTable::TaskTable()
    : ready_([this](std::string_view key) { return get(key); },
             [this](const ReadyIndex::Visit& visit) {
               for (Cursor at = change_->cursor(Table::kTasks); at.valid(); at.next()) {
                 visit(at.key(), at.record().as<schema::Task>());
               }
             },
             TaskManager::kMaxReady) {}

void TaskTable::stand_on(Transaction& change, bool rescan) {
  change_ = &change;
  places_.clear();
  log_.clear();
  if (rescan) scan();
}

void TaskTable::scan() {
  TaskCounts counts;
  ready_.rebuild([&](const ReadyIndex::Visit& add) {
    for (Cursor at = change_->cursor(Table::kTasks); at.valid(); at.next()) {
      const auto task = at.record().as<schema::Task>();
      count(counts, facts_of(task), true);
      add(at.key(), task);
    }
  });
  counts_ = counts;
  last_ranks_.clear();
}

std::optional<Entry<schema::Task>> TaskTable::get(std::string_view key) const {
  if (key.empty()) return std::nullopt;
  return change_->get<schema::Task>(key);
}

Entry<schema::Task> TaskTable::require(std::string_view key) const {
  if (auto task = get(key)) return std::move(*task);
  throw Error(ErrorCode::kNotFound, "there is no task " + std::string(key));
}

TaskTable::Facts TaskTable::facts_of(schema::Task::Reader task) {
  return {to_string(task.getParent()), task.getRank(), task.getStatus()};
}

void TaskTable::count(TaskCounts& counts, const std::optional<Facts>& facts, bool add) {
  if (!facts) return;
  // A status of a later version counts as pending: it is not done.
  auto status = static_cast<std::size_t>(facts->status);
  if (status >= kTaskStatuses) status = 0;
  std::uint64_t& number = counts.by_status[status];
  number = add ? number + 1 : number - 1;
}

void TaskTable::place(std::string_view key, const std::optional<Facts>& facts, bool present) {
  if (!facts) return;
  places_[facts->parent].insert_or_assign({facts->rank, std::string(key)}, present);
  if (!present) return;
  const auto last = last_ranks_.find(facts->parent);
  if (last != last_ranks_.end()) last->second = std::max(last->second, facts->rank);
}

void TaskTable::apply(Change change) {
  count(counts_, change.before, false);
  count(counts_, change.after, true);
  if (change.before && change.after && change.before->parent == change.after->parent &&
      change.before->rank == change.after->rank) {
    return;
  }
  place(change.key, change.before, false);
  place(change.key, change.after, true);
}

void TaskTable::put(std::string_view key, schema::Task::Reader task) {
  Change change{std::string(key), std::nullopt, facts_of(task)};
  if (const auto before = get(key)) {
    change.before = facts_of(**before);
    ready_.drop(key, **before);
  }
  try {
    change_->upsert(key, task);
  } catch (...) {
    if (const auto before = get(key)) ready_.add(key, **before);
    throw;
  }
  log_.push_back(change);
  apply(change);
  ready_.add(key, task);
  const bool was_running =
      change.before && change.before->status == schema::TaskStatus::IN_PROGRESS;
  const bool is_running = change.after->status == schema::TaskStatus::IN_PROGRESS;
  if (is_satisfying(change.after->status) || (was_running && !is_running)) ready_.release(key);
}

void TaskTable::erase(std::string_view key) {
  const auto before = require(key);
  const Change change{std::string(key), facts_of(*before), std::nullopt};
  ready_.drop(key, *before);
  change_->erase(Table::kTasks, key);
  log_.push_back(change);
  apply(change);
  ready_.release(key);
}

void TaskTable::roll_back_to(std::size_t mark) {
  if (log_.size() == mark) return;
  for (; log_.size() > mark; log_.pop_back()) {
    Change& change = log_.back();
    std::swap(change.before, change.after);
    apply(change);
  }
  // The index has seen what is undone now, in an order that cannot be followed back.
  ready_.leave_all_out();
}

void TaskTable::visit_children(std::string_view parent, const VisitChild& visit) const {
  static const std::map<Place, bool> none;
  const auto at = places_.find(std::string(parent));
  const auto& changed = at == places_.end() ? none : at->second;
  auto next = changed.begin();
  bool go_on = true;
  const auto visit_changed_until = [&](const Place* limit) {
    for (; go_on && next != changed.end() && (limit == nullptr || next->first < *limit); ++next) {
      if (next->second) go_on = visit(next->first.first, next->first.second);
    }
  };
  const Snapshot base = change_->base();
  base.view().visit_children(parent, [&](std::int64_t rank, std::string_view key) {
    const Place place{rank, std::string(key)};
    visit_changed_until(&place);
    const bool is_changed = next != changed.end() && next->first == place;
    if (go_on && !is_changed) go_on = visit(rank, key);
    return go_on;
  });
  visit_changed_until(nullptr);
}

std::vector<ChildRef> TaskTable::children(std::string_view parent) const {
  std::vector<ChildRef> children;
  visit_children(parent, [&](std::int64_t rank, std::string_view key) {
    children.push_back({std::string(key), rank});
    return true;
  });
  return children;
}

bool TaskTable::has_children(std::string_view parent) const {
  bool has = false;
  visit_children(parent, [&](std::int64_t, std::string_view) {
    has = true;
    return false;
  });
  return has;
}

std::optional<std::int64_t> TaskTable::rank_behind(std::string_view parent) {
  constexpr std::int64_t kHighest = std::numeric_limits<std::int64_t>::max() - kRankGap;
  auto at = last_ranks_.find(std::string(parent));
  if (at == last_ranks_.end()) {
    if (last_ranks_.size() >= kMaxLastRanks) last_ranks_.clear();
    at = last_ranks_.emplace(parent, last_rank(parent)).first;
  } else if (at->second > kHighest) {
    at->second = last_rank(parent);  // they may have new ranks since, or be gone
  }
  if (at->second > kHighest) return std::nullopt;
  return at->second + kRankGap;
}

std::int64_t TaskTable::last_rank(std::string_view parent) const {
  std::int64_t last = 0;
  visit_children(parent, [&](std::int64_t rank, std::string_view) {
    last = rank;
    return true;
  });
  return last;
}

}  // namespace session::manager
