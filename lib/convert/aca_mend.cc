#include "lib/convert/aca_mend.h"

#include <algorithm>
#include <map>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "lib/convert/aca_fields.h"
#include "lib/convert/aca_session.h"
#include "lib/convert/aca_status.h"
#include "lib/convert/aca_task.h"
#include "lib/convert/time_text.h"

namespace session::convert::aca {
namespace {

using json::Value;
using schema::TaskStatus;

const json::Object& tasks_of(const Value& state) {
  static const json::Object none;
  const Value* tree = get_object(state, "task_tree");
  const Value* tasks = tree != nullptr ? get_object(*tree, "tasks") : nullptr;
  return tasks != nullptr ? tasks->members() : none;
}

Value* find_object(Value& object, std::string_view name) {
  Value* member = object.find(name);
  return member != nullptr && member->is_object() ? member : nullptr;
}

std::optional<std::string_view> parent_of(const Value& task) {
  return get_text(task, "parent_id");
}

using Children = std::unordered_map<std::string_view, std::vector<std::string_view>>;

// Who is whose child, by the children's word.
Children children_of(const json::Object& tasks) {
  Children children;
  for (const json::Member& task : tasks) {
    if (const auto parent = parent_of(task.value)) children[*parent].push_back(task.name());
  }
  return children;
}

// Whether the task lists these children and no others, each once.
bool lists(const Value& task, std::vector<std::string_view> children) {
  std::vector<std::string_view> listed;
  for (const Value& child : get_items(task, "children")) {
    if (child.is_string()) listed.push_back(child.text());
  }
  std::sort(listed.begin(), listed.end());
  std::sort(children.begin(), children.end());
  return listed == children;
}

// ---- counters, times, roots ---------------------------------------------------------------------

class OutlineMender {
 public:
  OutlineMender(const Value& state, Outline& outline) : tasks_(tasks_of(state)), outline_(outline) {
    for (const json::Member& task : tasks_) count(task.value);
  }

  [[nodiscard]] std::vector<Mend> run() {
    if (Value* metadata = find_object(outline_.document, "metadata")) mend_metadata(*metadata);
    Value* tree = find_object(outline_.document, "task_tree");
    if (tree == nullptr) return std::move(mends_);
    mend_roots(*tree);
    mend_other_tasks(*tree);
    if (Value* metadata = find_object(*tree, "metadata")) mend_tree_metadata(*metadata);
    return std::move(mends_);
  }

 private:
  void count(const Value& task) {
    const auto status = status_of(task.find("status"));
    if (!status) return;
    ++by_status_[static_cast<std::size_t>(*status)];
    if (*status != TaskStatus::COMPLETED) return;
    const auto created = get_time(task, "created_at");
    const auto completed = get_time(*get_variant(task.find("status"))->body, "completed_at");
    if (!created || !completed) return;
    // What was over before it began took no time.
    std::int64_t took = 0;
    if (__builtin_sub_overflow(completed->nanos, created->nanos, &took)) return;
    if (__builtin_add_overflow(took_nanos_, std::max<std::int64_t>(took, 0), &took_nanos_)) return;
    ++timed_;
  }
  [[nodiscard]] std::uint64_t of(TaskStatus status) const {
    return by_status_[static_cast<std::size_t>(status)];
  }

  void set(Value& object, std::string_view name, DefectKind kind, const std::string& where,
           Value to) {
    Value* said = object.find(name);
    if (said == nullptr || *said == to) return;
    mends_.push_back({kind, where + std::string(name), *said, to});
    *said = std::move(to);
  }
  void set_count(Value& object, std::string_view name, const std::string& where,
                 std::uint64_t count) {
    set(object, name, DefectKind::kCount, where, Value::natural(count));
  }
  void set_later(Value& object, std::string_view earlier, std::string_view later,
                 const std::string& where) {
    const auto a = get_time(object, earlier);
    const auto b = get_time(object, later);
    if (a && b && b->nanos < a->nanos) {
      set(object, later, DefectKind::kTime, where, Value(*object.find(earlier)));
    }
  }

  void mend_metadata(Value& metadata) {
    const std::string where = "metadata.";
    set_count(metadata, "total_tasks", where, tasks_.size());
    set_count(metadata, "completed_tasks", where, of(TaskStatus::COMPLETED));
    set_count(metadata, "failed_tasks", where, of(TaskStatus::FAILED));
    set_later(metadata, "created_at", "last_updated", where);
    Value* version = find_object(metadata, "version");
    if (version == nullptr || !get_text(*version, "format_version")) return;
    set(*version, "format_version", DefectKind::kVersion, where + "version.", Value::string("1.0"));
  }

  void mend_tree_metadata(Value& metadata) {
    const std::string where = "task_tree.metadata.";
    set_later(metadata, "created_at", "updated_at", where);
    const auto created = get_natural(metadata, "total_tasks_created");
    if (created && *created < tasks_.size()) {
      set_count(metadata, "total_tasks_created", where, tasks_.size());
    }
    if (Value* statistics = find_object(metadata, "statistics")) mend_statistics(*statistics);
  }

  void mend_statistics(Value& statistics) {
    const std::string where = "task_tree.metadata.statistics.";
    set_count(statistics, "total_tasks", where, tasks_.size());
    set_count(statistics, "pending_tasks", where, of(TaskStatus::PENDING));
    set_count(statistics, "in_progress_tasks", where, of(TaskStatus::IN_PROGRESS));
    set_count(statistics, "completed_tasks", where, of(TaskStatus::COMPLETED));
    set_count(statistics, "failed_tasks", where, of(TaskStatus::FAILED));
    set_count(statistics, "blocked_tasks", where, of(TaskStatus::BLOCKED));
    set_count(statistics, "skipped_tasks", where, of(TaskStatus::SKIPPED));
    // As aca reckons them: of what is over, and of what is done.
    const std::uint64_t over =
        of(TaskStatus::COMPLETED) + of(TaskStatus::FAILED) + of(TaskStatus::SKIPPED);
    if (get_real(statistics, "success_rate").value_or(0) > 1) {
      const double rate =
          over == 0 ? 0
                    : static_cast<double>(of(TaskStatus::COMPLETED)) / static_cast<double>(over);
      set(statistics, "success_rate", DefectKind::kCount, where, real(rate));
    }
    if (get_duration(statistics, "average_completion_time").value_or(0) < 0) {
      set(statistics, "average_completion_time", DefectKind::kCount, where,
          timed_ == 0 ? Value() : duration(took_nanos_ / timed_));
    }
  }

  // The records' roots in their order, then those that are no records.
  void mend_roots(Value& tree) {
    const Value* derived = get_object(outline_.derived, "task_tree");
    Value roots = Value::array();
    std::unordered_set<std::string_view> known;
    if (derived != nullptr) {
      for (const Value& root : get_items(*derived, "roots")) {
        known.insert(root.text());
        roots.items().push_back(root);
      }
    }
    for (const json::Member& task : tasks_) {
      if (parent_of(task.value) || known.contains(task.name())) continue;
      roots.items().push_back(Value::string(task.name()));
    }
    if (are_roots(get_items(tree, "roots"), roots.items())) return;
    Value* said = tree.find("roots");
    mends_.push_back(
        {DefectKind::kRoots, "task_tree.roots", said != nullptr ? *said : Value(), roots});
    if (said == nullptr) {
      tree.add("roots", std::move(roots));
    } else {
      *said = std::move(roots);
    }
  }

  // Tasks that no record holds: their lists and ids stand here alone.
  void mend_other_tasks(Value& tree) {
    Value* others = find_object(tree, "tasks");
    if (others == nullptr) return;
    Children children = children_of(tasks_);
    for (json::Member& task : others->members()) {
      if (!task.value.is_object()) continue;
      const std::string where = "task_tree.tasks." + std::string(task.name()) + ".";
      if (get_text(task.value, "id")) {
        set(task.value, "id", DefectKind::kKey, where, Value::string(task.name()));
      }
      const std::vector<std::string_view>& own = children[task.name()];
      if (lists(task.value, own)) continue;
      Value list = Value::array();
      for (const std::string_view child : own) list.items().push_back(Value::string(child));
      if (task.value.find("children") == nullptr) task.value.add("children", Value());
      set(task.value, "children", DefectKind::kChild, where, std::move(list));
    }
  }

  // The same, in any order; what is no string is nobody's business.
  static bool are_roots(const json::Array& said, const json::Array& roots) {
    std::vector<std::string_view> a;
    std::vector<std::string_view> b;
    for (const Value& root : said) {
      if (root.is_string()) a.push_back(root.text());
    }
    for (const Value& root : roots) b.push_back(root.text());
    std::sort(a.begin(), a.end());
    std::sort(b.begin(), b.end());
    return a == b;
  }

  const json::Object& tasks_;
  Outline& outline_;
  std::vector<std::uint64_t> by_status_ = std::vector<std::uint64_t>(6);
  std::int64_t took_nanos_ = 0;
  std::int64_t timed_ = 0;
  std::vector<Mend> mends_;
};

}  // namespace

std::vector<Mend> mend_outline(const Value& state, Outline& outline) {
  return OutlineMender(state, outline).run();
}

std::vector<std::string> tasks_with_wrong_lists(const Value& state) {
  const json::Object& tasks = tasks_of(state);
  Children children = children_of(tasks);
  std::vector<std::string> wrong;
  for (const json::Member& task : tasks) {
    if (!lists(task.value, children[task.name()])) wrong.emplace_back(task.name());
  }
  return wrong;
}

std::string without_members(std::string_view extra, const std::vector<std::string_view>& members) {
  Value patch = parse_patch(extra);
  std::erase_if(patch.members(), [&](const json::Member& step) {
    const std::string_view name = step.name().substr(std::min<std::size_t>(1, step.name().size()));
    return std::find(members.begin(), members.end(), name) != members.end();
  });
  return patch.members().empty() ? std::string() : json::to_sorted_text(patch);
}

std::vector<std::string> mend_shape(Value& document) {
  std::vector<std::string> words;
  const Value bare = records_to_document({}, {}, {});
  for (const std::string_view part : kStateParts) {
    if (get_object(document, part) != nullptr) continue;
    words.push_back(std::string(part) + " was added");
    if (Value* said = document.find(part)) {
      *said = *bare.find(part);
    } else {
      document.add(part, *bare.find(part));
    }
  }
  Value* tasks = find_object(*document.find("task_tree"), "tasks");
  if (tasks == nullptr) return words;
  std::erase_if(tasks->members(), [&](const json::Member& task) {
    if (task.value.is_object()) return false;
    words.push_back("task " + std::string(json::quote(task.name())) +
                    " was no object: " + json::to_text(task.value));
    return true;
  });
  for (json::Member& member : tasks->members()) {
    const std::string task = "of task " + std::string(json::quote(member.name())) + " ";
    std::erase_if(member.value.members(), [&](const json::Member& field) {
      if (is_task_member(field.name())) return false;
      words.push_back(task + "the member " + json::quote(field.name()) +
                      " was left out: " + json::to_text(field.value));
      return true;
    });
    if (get_object(member.value, "metadata") == nullptr) {
      words.push_back(task + "the metadata were added");
      std::erase_if(member.value.members(),
                    [](const json::Member& field) { return field.name() == "metadata"; });
      const Value made = record_to_task(member.name(), {}, {}, {});
      member.value.add("metadata", *made.find("metadata"));
    }
    const Value* status = member.value.find("status");
    if (status_of(status)) continue;
    words.push_back(task + "the status became \"Pending\": " +
                    (status != nullptr ? json::to_text(*status) : "none"));
    if (Value* said = member.value.find("status")) {
      *said = Value::string("Pending");
    } else {
      member.value.add("status", Value::string("Pending"));
    }
  }
  return words;
}

}  // namespace session::convert::aca
