// Tasks and their executions: parents, dependencies, titles, details of the status, times.

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/convert/record_json.h"
#include "lib/convert/text_fields.h"
#include "lib/operations/repair_meaning_parts.h"

namespace session::operations {
namespace {

using schema::DependencyType;
using schema::TaskStatus;

using DependencyReader = schema::Dependency::Reader;

std::string_view type_word(DependencyType type) {
  switch (type) {
    case DependencyType::PREREQUISITE:
      return "prerequisite";
    case DependencyType::PREFERRED:
      return "preferred";
    case DependencyType::CONCURRENT:
      return "concurrent";
    case DependencyType::EXCLUSIVE:
      return "exclusive";
    case DependencyType::PARENT:
      return "parent";
    default:
      return "related";
  }
}

std::string time_word(std::int64_t nanos, std::uint32_t form) {
  return convert::format_time(nanos, form);
}

// All that a dependency says.
std::string words_of(DependencyReader dependency) {
  std::string words = quoted(text_view(dependency.getTarget()));
  words += " (" + std::string(type_word(dependency.getType()));
  if (dependency.hasLabel()) words += ", " + std::string(text_view(dependency.getLabel()));
  if (dependency.getCreatedAtForm() != convert::kNoTime) {
    words += ", of " + time_word(dependency.getCreatedAt(), dependency.getCreatedAtForm());
  }
  if (dependency.hasCreatedBy()) {
    words += ", by " + std::string(text_view(dependency.getCreatedBy()));
  }
  return words + ")";
}

// The first line that says something, cut to a title's length; the key where there is none.
std::string title_for(std::string_view key, schema::Task::Reader task) {
  constexpr std::size_t kMaxTitleBytes = 120;
  constexpr std::string_view kBlank = " \t\r";
  for (const auto text : {task.getDescription(), task.getDetails(), task.getNotes()}) {
    std::string_view left = text_view(text);
    while (!left.empty()) {
      const std::size_t end = std::min(left.find('\n'), left.size());
      std::string_view line = left.substr(0, end);
      left.remove_prefix(std::min(end + 1, left.size()));
      line.remove_prefix(std::min(line.find_first_not_of(kBlank), line.size()));
      line = line.substr(0, line.find_last_not_of(kBlank) + 1);
      if (line.empty()) continue;
      std::size_t cut = std::min(line.size(), kMaxTitleBytes);
      const auto is_inside = [&](std::size_t at) {
        return at < line.size() && (static_cast<unsigned char>(line[at]) & 0xC0U) == 0x80U;
      };
      while (cut > 0 && is_inside(cut)) --cut;
      if (cut != 0) return std::string(line.substr(0, cut));
    }
  }
  return std::string(key);
}

// What another status would have goes; the record as it was stays as a value.
template <class Record>
void put_status_in_order(Corrections& corrections, std::string_view key,
                         typename Record::Reader before, typename Record::Builder record) {
  constexpr Table kTable = kTableOf<Record>;
  if (!before.hasStatusDetail()) return;
  const auto detail = before.getStatusDetail();
  const TaskStatus status = before.getStatus();
  const bool result_goes = detail.hasResult() && status != TaskStatus::COMPLETED;
  const bool error_goes = detail.hasError() && status != TaskStatus::FAILED;
  if (result_goes || error_goes) {
    const std::string kept =
        corrections.set_aside(kTable, key, convert::record_to_json<Record>(before));
    const auto tell = [&](const std::string& what, const std::string& other) {
      corrections.tell(FindingCode::kStatusDetail, kTable, key,
                       "a status other than " + other + " had " + what, what,
                       "none; the record as it was is the value " + quoted(kept));
    };
    if (result_goes) tell("a result", "completed");
    if (error_goes) tell("an error", "failed");
  }
  auto edited = record.getStatusDetail();
  if (result_goes) edited.disownResult();
  if (error_goes) edited.disownError();
  if (detail.getRetryCount() == 0 || status == TaskStatus::FAILED) return;
  edited.setRetryCount(0);
  corrections.tell(FindingCode::kStatusDetail, kTable, key,
                   "a status other than failed had a count of retries",
                   std::to_string(detail.getRetryCount()), "0");
}

class TaskCorrection {
 public:
  TaskCorrection(Corrections& corrections, const BrokenCircles& circles, std::string_view key,
                 schema::Task::Reader before, schema::Task::Builder task)
      : corrections_(corrections), circles_(circles), key_(key), before_(before), task_(task) {}

  void run() {
    correct_parent();
    correct_dependencies();
    if (before_.getTitle().size() == 0) {
      const std::string title = title_for(key_, before_);
      convert::set_text(title, task_, &schema::Task::Builder::initTitle);
      tell(FindingCode::kMissingMetadata, "the task had no title", "", quoted(title));
    }
    put_status_in_order<schema::Task>(corrections_, key_, before_, task_);
    correct_times();
  }

 private:
  void correct_parent() {
    const std::string_view parent = text_view(before_.getParent());
    if (parent.empty()) return;
    const bool is_orphan = !corrections_.task_exists(parent);
    if (!is_orphan && !circles_.parents.contains(std::string(key_))) return;
    task_.disownParent();
    lost_parent_ = parent;
    tell(is_orphan ? FindingCode::kOrphanTask : FindingCode::kParentCycle,
         is_orphan ? "the task's parent does not exist"
                   : "the task's parent was, in a circle, its child",
         "parent " + quoted(parent), "a root");
  }

  void correct_dependencies() {
    const auto list = before_.getDependencies();
    std::vector<std::uint32_t> kept;
    std::map<std::uint32_t, std::vector<std::uint32_t>> twice;  // by the one that stays
    std::map<std::pair<std::string_view, std::uint16_t>, std::uint32_t> seen;
    for (std::uint32_t i = 0; i < list.size(); ++i) {
      const std::pair named(text_view(list[i].getTarget()),
                            static_cast<std::uint16_t>(list[i].getType()));
      const auto [first, is_new] = seen.try_emplace(named, i);
      if (!is_new) {
        twice[first->second].push_back(i);
      } else if (stays(list[i])) {
        kept.push_back(i);
      }
    }
    if (kept.size() == list.size()) return;
    if (kept.empty()) {
      task_.disownDependencies();
    } else {
      auto edited = task_.initDependencies(static_cast<std::uint32_t>(kept.size()));
      for (std::uint32_t i = 0; i < kept.size(); ++i) {
        edited.setWithCaveats(i, list[kept[i]]);
        for (const std::uint32_t other : twice[kept[i]]) complete(edited[i], list[other]);
      }
    }
    for (const auto& [first, others] : twice) {
      for (const std::uint32_t other : others) {
        const bool is_kept = std::find(kept.begin(), kept.end(), first) != kept.end();
        tell(FindingCode::kDuplicateDependency, "the task named a dependency twice",
             words_of(list[first]) + " and " + words_of(list[other]),
             is_kept ? "once" : "no such dependency");
      }
    }
  }

  [[nodiscard]] bool stays(DependencyReader dependency) {
    const std::string_view target = text_view(dependency.getTarget());
    if (!corrections_.task_exists(target)) {
      tell(FindingCode::kMissingDependency, "the task depends on one that does not exist",
           words_of(dependency), "no such dependency");
      return false;
    }
    // Some sources say both; the parent would come back with it.
    if (dependency.getType() == DependencyType::PARENT && target == lost_parent_) {
      tell(FindingCode::kParentCycle, "a dependency named the parent that closed a circle",
           words_of(dependency), "no such dependency");
      return false;
    }
    const BrokenCircles::Edge edge{std::string(key_), std::string(target), dependency.getType()};
    if (!circles_.dependencies.contains(edge)) return true;
    tell(FindingCode::kDependencyCycle, "the newest of the dependencies that go round in a circle",
         words_of(dependency), "no such dependency");
    return false;
  }

  // What the first mention leaves open a later one may say.
  static void complete(schema::Dependency::Builder dependency, DependencyReader other) {
    if (!dependency.hasLabel() && other.hasLabel()) dependency.setLabel(other.getLabel());
    if (!dependency.hasCreatedBy() && other.hasCreatedBy()) {
      dependency.setCreatedBy(other.getCreatedBy());
    }
    if (dependency.getCreatedAtForm() == convert::kNoTime) {
      dependency.setCreatedAt(other.getCreatedAt());
      dependency.setCreatedAtForm(other.getCreatedAtForm());
    }
  }

  void correct_times() {
    if (before_.getCreatedAtForm() == convert::kNoTime) return;
    const std::int64_t created = before_.getCreatedAt();
    const std::uint32_t form = before_.getCreatedAtForm();
    if (before_.getUpdatedAtForm() != convert::kNoTime && before_.getUpdatedAt() < created) {
      task_.setUpdatedAt(created);
      task_.setUpdatedAtForm(form);
      tell(FindingCode::kTimeOrder, "the task was updated before it was created",
           time_word(before_.getUpdatedAt(), before_.getUpdatedAtForm()), time_word(created, form));
    }
    const auto detail = before_.getStatusDetail();
    if (detail.getAtForm() == convert::kNoTime || detail.getAt() >= created) return;
    task_.getStatusDetail().setAt(created);
    task_.getStatusDetail().setAtForm(form);
    tell(FindingCode::kTimeOrder, "the task came to its status before it was created",
         time_word(detail.getAt(), detail.getAtForm()), time_word(created, form));
  }

  void tell(FindingCode code, std::string message, std::string before, std::string after) {
    corrections_.tell(code, Table::kTasks, key_, std::move(message), std::move(before),
                      std::move(after));
  }

  Corrections& corrections_;
  const BrokenCircles& circles_;
  std::string_view key_;
  schema::Task::Reader before_;
  schema::Task::Builder task_;
  std::string_view lost_parent_;
};

// An execution's key begins with its task's.
std::optional<std::string> task_in_key(const Corrections& corrections, std::string_view key) {
  const std::size_t end = key.rfind('#');
  if (end == std::string_view::npos || !corrections.task_exists(key.substr(0, end))) {
    return std::nullopt;
  }
  return std::string(key.substr(0, end));
}

// Of the right task, where the key tells; else it stays as a value.
void correct_reference(Corrections& corrections, const std::string& key) {
  const std::string message = "the execution was of a task that does not exist";
  std::string before;
  std::optional<std::string> kept;
  corrections.edit<schema::Execution>(key, [&](schema::Execution::Reader old, auto execution) {
    before = "task " + quoted(text_view(old.getTask()));
    const auto task = task_in_key(corrections, key);
    if (task) {
      convert::set_text(*task, execution, &schema::Execution::Builder::initTask);
      corrections.tell(FindingCode::kBrokenReference, Table::kExecutions, key, message, before,
                       "task " + quoted(*task));
    } else {
      kept = corrections.set_aside(Table::kExecutions, key,
                                   convert::record_to_json<schema::Execution>(old));
    }
  });
  if (!kept) return;
  (void)corrections.change().erase(Table::kExecutions, key);
  corrections.tell(FindingCode::kBrokenReference, Table::kExecutions, key, message, before,
                   "no execution; the record as it was is the value " + quoted(*kept));
}

}  // namespace

void correct_tasks(Corrections& corrections) {
  const BrokenCircles circles = break_circles(corrections);
  std::set<std::string> keys =
      corrections.keys(Table::kTasks, {FindingCode::kOrphanTask, FindingCode::kMissingDependency,
                                       FindingCode::kDuplicateDependency, FindingCode::kTimeOrder,
                                       FindingCode::kStatusDetail, FindingCode::kMissingMetadata});
  keys.insert(circles.parents.begin(), circles.parents.end());
  for (const BrokenCircles::Edge& edge : circles.dependencies) keys.insert(edge.task);
  for (const std::string& key : keys) {
    corrections.edit<schema::Task>(key, [&](schema::Task::Reader before, auto task) {
      TaskCorrection(corrections, circles, key, before, task).run();
    });
  }
}

void correct_executions(Corrections& corrections) {
  const auto keys =
      corrections.keys(Table::kExecutions, {FindingCode::kTimeOrder, FindingCode::kStatusDetail});
  for (const std::string& key : keys) {
    corrections.edit<schema::Execution>(key, [&](schema::Execution::Reader before, auto execution) {
      put_status_in_order<schema::Execution>(corrections, key, before, execution);
      const bool is_over = before.getCompletedAtForm() != convert::kNoTime &&
                           before.getStartedAtForm() != convert::kNoTime;
      if (!is_over || before.getCompletedAt() >= before.getStartedAt()) return;
      execution.setCompletedAt(before.getStartedAt());
      execution.setCompletedAtForm(before.getStartedAtForm());
      corrections.tell(FindingCode::kTimeOrder, Table::kExecutions, key,
                       "the execution was over before it began",
                       time_word(before.getCompletedAt(), before.getCompletedAtForm()),
                       time_word(before.getStartedAt(), before.getStartedAtForm()));
    });
  }
  corrections.refresh();
  for (const std::string& key :
       corrections.keys(Table::kExecutions, {FindingCode::kBrokenReference})) {
    correct_reference(corrections, key);
  }
}

}  // namespace session::operations
