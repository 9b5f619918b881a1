#include "lib/convert/taskmaster.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "lib/convert/residual.h"
#include "lib/convert/room.h"
#include "lib/convert/text_fields.h"
#include "session/error.h"

namespace session::convert::taskmaster {
namespace {

using json::Value;
using schema::Priority;
using schema::TaskStatus;
using Builder = schema::Task::Builder;

constexpr std::int64_t kNanosPerHour = 3'600'000'000'000;
// What the edges of one record may take of its size, targets included; more stay in the residual.
constexpr std::size_t kMaxEdgeBytes = std::size_t{96} << 10;
constexpr std::size_t kEdgeBytes = 96;

struct StatusWord {
  std::string_view word;
  TaskStatus status;
};
// The first word of a status is the one written for it.
constexpr std::array<StatusWord, 13> kStatusWords = {{{"pending", TaskStatus::PENDING},
                                                      {"todo", TaskStatus::PENDING},
                                                      {"not-started", TaskStatus::PENDING},
                                                      {"in-progress", TaskStatus::IN_PROGRESS},
                                                      {"in_progress", TaskStatus::IN_PROGRESS},
                                                      {"review", TaskStatus::IN_PROGRESS},
                                                      {"blocked", TaskStatus::BLOCKED},
                                                      {"deferred", TaskStatus::BLOCKED},
                                                      {"done", TaskStatus::COMPLETED},
                                                      {"completed", TaskStatus::COMPLETED},
                                                      {"cancelled", TaskStatus::SKIPPED},
                                                      {"canceled", TaskStatus::SKIPPED},
                                                      {"failed", TaskStatus::FAILED}}};

TaskStatus status_of(std::string_view word) {
  for (const StatusWord& entry : kStatusWords) {
    if (entry.word == word) return entry.status;
  }
  return TaskStatus::PENDING;
}

std::string_view word_of(TaskStatus status) {
  // Task Master knows no failure.
  if (status == TaskStatus::FAILED) return "blocked";
  for (const StatusWord& entry : kStatusWords) {
    if (entry.status == status) return entry.word;
  }
  return "pending";
}

Priority priority_of(std::string_view word) {
  if (word == "critical") return Priority::CRITICAL;
  if (word == "high") return Priority::HIGH;
  if (word == "medium") return Priority::NORMAL;
  if (word == "low") return Priority::LOW;
  return Priority::UNSET;
}

std::string_view word_of(Priority priority) {
  switch (priority) {
    case Priority::CRITICAL:
      return "critical";
    case Priority::HIGH:
      return "high";
    case Priority::LOW:
    case Priority::BACKGROUND:
      return "low";
    default:
      return "medium";
  }
}

std::string below(std::string_view key, std::string_view id) {
  std::string result(key);
  result += '/';
  result += id;
  return result;
}

// The rest of a key that stands below another.
std::optional<std::string_view> rest_below(std::string_view above, std::string_view key) {
  if (key.size() <= above.size() + 1 || !key.starts_with(above) || key[above.size()] != '/') {
    return std::nullopt;
  }
  return key.substr(above.size() + 1);
}

// 7, but not 07, 7.0 or what no program could count to.
Value number_or_text(std::string_view id) {
  constexpr std::size_t kMostDigits = 15;
  const bool is_plain = id.size() <= kMostDigits && json::is_number(id) &&
                        id.find_first_not_of("0123456789") == std::string_view::npos;
  return is_plain ? Value::number(id) : Value::string(id);
}

// The characters of an id or a reference.
std::optional<std::string_view> characters(const Value& value) {
  if (value.is_number()) return value.lexeme();
  if (value.is_string()) return value.text();
  return std::nullopt;
}

// ---- dependencies -------------------------------------------------------------------------------

// The key a reference leads to; where none is, the key it would have.
std::string resolve(std::string_view text, const Place& place, const Exists& exists) {
  std::string sibling = below(place.parent.empty() ? place.list : place.parent, text);
  if (exists(sibling)) return sibling;
  std::string task = below(place.list, text);
  if (exists(task)) return task;
  // "5.2" is subtask 2 of task 5, or one that calls itself "5.2" there.
  const std::size_t dot = text.find('.');
  if (dot == std::string_view::npos) return sibling;
  const std::string owner = below(place.list, text.substr(0, dot));
  std::string subtask = below(owner, text.substr(dot + 1));
  if (exists(subtask)) return subtask;
  std::string dotted = below(owner, text);
  return exists(dotted) ? dotted : subtask;
}

// How a task at this place would write it; resolve() finds the same task or subtask.
Value reference(std::string_view target, std::string_view list, std::string_view parent) {
  if (!parent.empty()) {
    if (const auto sibling = rest_below(parent, target)) return number_or_text(*sibling);
  }
  const auto rest = rest_below(list, target);
  if (!rest) return Value::string(target);
  const std::size_t slash = rest->find('/');
  if (slash == std::string_view::npos) return number_or_text(*rest);
  std::string dotted(*rest);
  const std::string_view owner = rest->substr(0, slash);
  const std::string_view own = rest->substr(slash + 1);
  if (own.starts_with(std::string(owner) + ".")) return Value::string(own);
  std::replace(dotted.begin(), dotted.end(), '/', '.');
  return Value::string(dotted);
}

void read_dependencies(const Value& task, const Place& place, const Exists& exists,
                       Builder record) {
  const Value* list = task.find("dependencies");
  if (list == nullptr || !list->is_array()) return;
  std::vector<std::string> targets;
  std::size_t size_bytes = 0;
  for (const Value& item : list->items()) {
    const auto text = characters(item);
    if (!text || text->empty()) continue;
    targets.push_back(resolve(*text, place, exists));
    size_bytes += targets.back().size() + kEdgeBytes;
    if (size_bytes > kMaxEdgeBytes) return;
  }
  auto dependencies = record.initDependencies(list_size(targets.size()));
  for (unsigned i = 0; i < dependencies.size(); ++i) {
    schema::Dependency::Builder dependency = dependencies[i];
    set_text(targets[i], dependency, &schema::Dependency::Builder::initTarget);
  }
}

// ---- task to record -----------------------------------------------------------------------------

void read_estimate(const Value& task, Builder record) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max() / kNanosPerHour;
  const auto hours = get_integer(task, "estimatedHours");
  if (hours && *hours > 0 && *hours <= kMost) record.setEstimatedNanos(*hours * kNanosPerHour);
}

void read_tags(const Value& task, Builder record) {
  const Value* tags = task.find("tags");
  Room room;
  if (tags != nullptr && tags->is_array() && room.take(*tags)) {
    set_texts_if(task, "tags", record, &Builder::initTags);
  }
}

// ---- record to task -----------------------------------------------------------------------------

// The last part of the key; all of it for a task that was moved here, or has its key from
// elsewhere.
std::string_view own_id(std::string_view key, std::string_view list, schema::Task::Reader record) {
  const std::string_view parent = view(record.getParent());
  return rest_below(parent.empty() ? list : parent, key).value_or(key);
}

void write_dependencies(Value& task, std::string_view list, schema::Task::Reader record,
                        bool is_subtask) {
  if (!record.hasDependencies() && is_subtask) return;
  Value references = Value::array();
  for (const auto dependency : record.getDependencies()) {
    if (!has_place_for(dependency.getType())) continue;
    references.items().push_back(
        reference(view(dependency.getTarget()), list, view(record.getParent())));
  }
  task.add("dependencies", std::move(references));
}

void write_estimate(Value& task, schema::Task::Reader record) {
  const std::int64_t hours = record.getEstimatedNanos() / kNanosPerHour;
  if (hours > 0) task.add("estimatedHours", Value::integer(hours));
}

// What the fields alone say, in the order Task Master writes them.
Value fields_to_task(std::string_view key, std::string_view list, schema::Task::Reader record) {
  const bool is_own = record.getOrigin() == schema::Origin::TASKMASTER;
  const bool is_subtask = record.hasParent();
  Value task = Value::object();
  task.add("id", number_or_text(own_id(key, list, record)));
  add_text_if(task, "title", record.hasTitle(), record.getTitle());
  add_text_if(task, "description", record.hasDescription(), record.getDescription());
  add_text_if(task, "details", record.hasDetails(), record.getDetails());
  add_text_if(task, "testStrategy", record.hasAcceptance(), record.getAcceptance());
  if (record.getPriority() != Priority::UNSET || (!is_own && !is_subtask)) {
    task.add("priority", Value::string(word_of(record.getPriority())));
  }
  write_dependencies(task, list, record, is_subtask);
  task.add("status", Value::string(word_of(record.getStatus())));
  if (!is_subtask) task.add(kSubtasks, Value::array());
  add_text_if(task, "assignee", record.hasAssignee(), record.getAssignee());
  add_texts_if(task, "tags", record.hasTags(), record.getTags());
  write_estimate(task, record);
  add_time_if(task, "createdAt", record.getCreatedAt(), record.getCreatedAtForm());
  add_time_if(task, "updatedAt", record.getUpdatedAt(), record.getUpdatedAtForm());
  return task;
}

}  // namespace

bool has_place_for(schema::DependencyType type) {
  return type == schema::DependencyType::PREREQUISITE || type == schema::DependencyType::PREFERRED;
}

std::optional<std::string_view> id_text(const Value& task) {
  if (!task.is_object()) return std::nullopt;
  const Value* id = task.find("id");
  const auto text = id != nullptr ? characters(*id) : std::nullopt;
  if (!text || text->empty() || text->find('\0') != std::string_view::npos) return std::nullopt;
  return text;
}

void task_to_record(std::string_view key, const Value& task, const Place& place,
                    const Exists& exists, Builder record) {
  record.setOrigin(schema::Origin::TASKMASTER);
  record.setRank(place.rank);
  if (!place.parent.empty()) set_text(place.parent, record, &Builder::initParent);
  set_text_if(task, "title", record, &Builder::initTitle);
  set_text_if(task, "description", record, &Builder::initDescription);
  set_text_if(task, "details", record, &Builder::initDetails);
  set_text_if(task, "testStrategy", record, &Builder::initAcceptance);
  set_text_if(task, "assignee", record, &Builder::initAssignee);
  set_time_if(task, "createdAt", record, &Builder::setCreatedAt, &Builder::setCreatedAtForm);
  set_time_if(task, "updatedAt", record, &Builder::setUpdatedAt, &Builder::setUpdatedAtForm);
  record.setStatus(status_of(get_text(task, "status").value_or("")));
  record.setPriority(priority_of(get_text(task, "priority").value_or("")));
  read_estimate(task, record);
  read_tags(task, record);
  read_dependencies(task, place, exists, record);
  if (const auto rest = difference(fields_to_task(key, place.list, record.asReader()), task)) {
    set_text(json::to_sorted_text(*rest), record, &Builder::initExtra);
  }
}

Value record_to_task(std::string_view key, std::string_view list, schema::Task::Reader record) {
  Value task = fields_to_task(key, list, record);
  if (record.getOrigin() != schema::Origin::TASKMASTER || !record.hasExtra()) return task;
  try {
    return merge(std::move(task), parse_patch(view(record.getExtra())));
  } catch (const Error& error) {
    throw Error(error.code(), "task " + json::quote(key) + ": " + error.message());
  }
}

}  // namespace session::convert::taskmaster
