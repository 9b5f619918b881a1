#include "lib/convert/beads.h"

#include <array>
#include <charconv>
#include <limits>
#include <string>
#include <vector>

#include "format/layout.h"
#include "lib/convert/residual.h"
#include "lib/convert/room.h"
#include "lib/convert/text_fields.h"
#include "session/error.h"

namespace session::convert {
namespace {

using json::Value;
using schema::DependencyType;
using schema::Priority;
using schema::TaskStatus;

constexpr std::int64_t kNanosPerMinute = 60'000'000'000;

struct StatusWord {
  std::string_view word;
  TaskStatus status;
};
// The first word of a status is the one written for it.
constexpr std::array<StatusWord, 8> kStatusWords = {{{"open", TaskStatus::PENDING},
                                                     {"pinned", TaskStatus::PENDING},
                                                     {"in_progress", TaskStatus::IN_PROGRESS},
                                                     {"hooked", TaskStatus::IN_PROGRESS},
                                                     {"blocked", TaskStatus::BLOCKED},
                                                     {"deferred", TaskStatus::BLOCKED},
                                                     {"closed", TaskStatus::COMPLETED},
                                                     {"tombstone", TaskStatus::SKIPPED}}};

TaskStatus status_of(std::string_view word) {
  for (const StatusWord& entry : kStatusWords) {
    if (entry.word == word) return entry.status;
  }
  return TaskStatus::PENDING;
}

std::string_view word_of(TaskStatus status) {
  for (const StatusWord& entry : kStatusWords) {
    if (entry.status == status) return entry.word;
  }
  return status == TaskStatus::FAILED ? "blocked" : "open";
}

// Where the details of a status stand in an issue; empty: nowhere.
struct DetailNames {
  std::string_view at;
  std::string_view reason;
  std::string_view expected;
};
DetailNames detail_names(TaskStatus status, bool skipped_is_tombstone) {
  switch (status) {
    case TaskStatus::COMPLETED:
      return {"closed_at", "close_reason", ""};
    case TaskStatus::SKIPPED:
      if (skipped_is_tombstone) return {"deleted_at", "delete_reason", ""};
      return {"closed_at", "close_reason", ""};
    case TaskStatus::BLOCKED:
      return {"", "", "defer_until"};
    default:
      return {};
  }
}

DependencyType type_of(std::string_view word) {
  if (word == "blocks") return DependencyType::PREREQUISITE;
  if (word == "parent-child") return DependencyType::PARENT;
  return DependencyType::RELATED;
}

std::string_view word_of(DependencyType type) {
  switch (type) {
    case DependencyType::PREREQUISITE:
      return "blocks";
    case DependencyType::PARENT:
      return "parent-child";
    default:
      return "related";
  }
}

// A number only if it is written the way we would.
template <class Number>
std::optional<Number> plain_number(std::string_view digits) {
  Number number{};
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || std::to_string(number) != digits) return std::nullopt;
  return number;
}

// ---- issue to task ------------------------------------------------------------------------------

void read_priority(const Value& issue, schema::Task::Builder task) {
  const Value* priority = issue.find("priority");
  if (priority == nullptr || !priority->is_number()) return;
  const auto number = plain_number<unsigned>(priority->lexeme());
  if (number && *number <= 4) task.setPriority(static_cast<Priority>(*number + 1));
}

void read_estimate(const Value& issue, schema::Task::Builder task) {
  const Value* minutes = issue.find("estimated_minutes");
  if (minutes == nullptr || !minutes->is_number()) return;
  const auto number = plain_number<std::int64_t>(minutes->lexeme());
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max() / kNanosPerMinute;
  if (number && *number >= -kMost && *number <= kMost) {
    task.setEstimatedNanos(*number * kNanosPerMinute);
  }
}

void read_status(const Value& issue, schema::Task::Builder task) {
  const TaskStatus status = status_of(get_text(issue, "status").value_or(""));
  task.setStatus(status);
  const DetailNames names = detail_names(status, true);
  const auto at = get_time(issue, names.at);
  const auto reason = get_text(issue, names.reason);
  const auto expected = get_time(issue, names.expected);
  if (!at && !reason && !expected) return;
  auto detail = task.initStatusDetail();
  if (at) {
    detail.setAt(at->nanos);
    detail.setAtForm(at->form);
  }
  if (reason) set_text(*reason, detail, &schema::StatusDetail::Builder::initReason);
  if (expected) {
    detail.setExpected(expected->nanos);
    detail.setExpectedForm(expected->form);
  }
}

// An edge whose owner is this issue.
bool is_edge_of(const Value& edge, std::string_view id) {
  if (!get_text(edge, "depends_on_id")) return false;
  return edge.find("issue_id") == nullptr || get_text(edge, "issue_id") == id;
}

void read_labels(const Value& issue, Room& room, schema::Task::Builder task) {
  const Value* labels = issue.find("labels");
  if (labels != nullptr && labels->is_array() && room.take(*labels)) {
    set_texts_if(issue, "labels", task, &schema::Task::Builder::initTags);
  }
}

// The first parent edge makes the task's parent, also where the list has no room for it.
void read_parent(const Value& edge, schema::Task::Builder task) {
  if (task.hasParent() || get_text(edge, "type") != word_of(DependencyType::PARENT)) return;
  set_text(*get_text(edge, "depends_on_id"), task, &schema::Task::Builder::initParent);
}

void read_dependencies(const Value& issue, std::string_view id, Room& room,
                       schema::Task::Builder task) {
  const Value* list = issue.find("dependencies");
  if (list == nullptr || !list->is_array()) return;
  std::vector<const Value*> edges;
  bool has_room = true;
  for (const Value& edge : list->items()) {
    if (!is_edge_of(edge, id)) continue;
    read_parent(edge, task);
    has_room = has_room && room.take_element(edge);
    if (has_room) edges.push_back(&edge);
  }
  auto dependencies = task.initDependencies(list_size(edges.size()));
  using Builder = schema::Dependency::Builder;
  for (unsigned i = 0; i < dependencies.size(); ++i) {
    const Value& edge = *edges[i];
    Builder dependency = dependencies[i];
    const std::string_view word = get_text(edge, "type").value_or("related");
    const DependencyType type = type_of(word);
    dependency.setType(type);
    if (word != word_of(type)) set_text(word, dependency, &Builder::initLabel);
    set_text(*get_text(edge, "depends_on_id"), dependency, &Builder::initTarget);
    set_time_if(edge, "created_at", dependency, &Builder::setCreatedAt, &Builder::setCreatedAtForm);
    set_text_if(edge, "created_by", dependency, &Builder::initCreatedBy);
  }
}

void read_comments(const Value& issue, Room& room, schema::Task::Builder task) {
  const Value* list = issue.find("comments");
  if (list == nullptr || !list->is_array()) return;
  std::vector<const Value*> found;
  for (const Value& item : list->items()) {
    if (!item.is_object()) continue;
    if (!room.take_element(item)) break;
    found.push_back(&item);
  }
  auto comments = task.initComments(list_size(found.size()));
  using Builder = schema::Comment::Builder;
  for (unsigned i = 0; i < comments.size(); ++i) {
    Builder comment = comments[i];
    const Value* number = found[i]->find("id");
    if (number != nullptr && number->is_number()) {
      set_text(number->lexeme(), comment, &Builder::initId);
    } else {
      set_text_if(*found[i], "id", comment, &Builder::initId);
    }
    set_text_if(*found[i], "author", comment, &Builder::initAuthor);
    set_text_if(*found[i], "text", comment, &Builder::initText);
    set_time_if(*found[i], "created_at", comment, &Builder::setTime, &Builder::setTimeForm);
  }
}

// ---- task to issue ------------------------------------------------------------------------------

void write_status(Value& issue, schema::Task::Reader task, bool from_beads) {
  const bool closes = task.getStatus() == TaskStatus::SKIPPED && !from_beads;
  const TaskStatus status = closes ? TaskStatus::COMPLETED : task.getStatus();
  issue.add("status", Value::string(word_of(status)));
  const DetailNames names = detail_names(status, from_beads);
  const auto detail = task.getStatusDetail();
  if (!names.at.empty()) add_time_if(issue, names.at, detail.getAt(), detail.getAtForm());
  if (!names.reason.empty()) {
    add_text_if(issue, names.reason, detail.hasReason(), detail.getReason());
  }
  if (!names.expected.empty()) {
    add_time_if(issue, names.expected, detail.getExpected(), detail.getExpectedForm());
  }
}

void write_priority(Value& issue, schema::Task::Reader task, bool from_beads) {
  // To beads an absent priority is its highest.
  constexpr std::int64_t kNormal = 2;
  const auto raw = static_cast<std::int64_t>(task.getPriority());
  if (raw >= 1 && raw <= 5) {
    issue.add("priority", Value::integer(raw - 1));
  } else if (!from_beads) {
    issue.add("priority", Value::integer(kNormal));
  }
}

Value edge(std::string_view key, std::string_view target, std::string_view word) {
  Value result = Value::object();
  result.add("issue_id", Value::string(key));
  result.add("depends_on_id", Value::string(target));
  result.add("type", Value::string(word));
  return result;
}

// The task's parent is what counts: the first parent edge leads there, and there is one if and only
// if the task has a parent.
void write_dependencies(Value& issue, std::string_view key, schema::Task::Reader task) {
  Value list = Value::array();
  bool parent_written = !task.hasParent();
  bool first_parent = true;
  for (const auto dependency : task.getDependencies()) {
    std::string_view target = view(dependency.getTarget());
    if (dependency.getType() == DependencyType::PARENT && first_parent) {
      first_parent = false;
      if (!task.hasParent()) continue;
      target = view(task.getParent());
      parent_written = true;
    }
    const std::string_view word =
        dependency.hasLabel() ? view(dependency.getLabel()) : word_of(dependency.getType());
    Value item = edge(key, target, word);
    add_time_if(item, "created_at", dependency.getCreatedAt(), dependency.getCreatedAtForm());
    add_text_if(item, "created_by", dependency.hasCreatedBy(), dependency.getCreatedBy());
    list.items().push_back(std::move(item));
  }
  if (!parent_written) {
    list.items().push_back(edge(key, view(task.getParent()), word_of(DependencyType::PARENT)));
  }
  if (task.hasDependencies() || !list.items().empty()) issue.add("dependencies", std::move(list));
}

void write_comments(Value& issue, std::string_view key, schema::Task::Reader task) {
  if (!task.hasComments()) return;
  Value list = Value::array();
  for (const auto comment : task.getComments()) {
    Value item = Value::object();
    const std::string_view id = view(comment.getId());
    if (comment.hasId()) {
      item.add("id", plain_number<std::uint64_t>(id) ? Value::number(id) : Value::string(id));
    }
    item.add("issue_id", Value::string(key));
    add_text_if(item, "author", comment.hasAuthor(), comment.getAuthor());
    add_text_if(item, "text", comment.hasText(), comment.getText());
    add_time_if(item, "created_at", comment.getTime(), comment.getTimeForm());
    list.items().push_back(std::move(item));
  }
  issue.add("comments", std::move(list));
}

void write_estimate(Value& issue, schema::Task::Reader task) {
  const std::int64_t minutes = task.getEstimatedNanos() / kNanosPerMinute;
  if (minutes != 0) issue.add("estimated_minutes", Value::integer(minutes));
}

// What the fields alone say, in the order beads writes them.
Value fields_to_issue(std::string_view key, schema::Task::Reader task) {
  const bool from_beads = task.getOrigin() == schema::Origin::BEADS;
  Value issue = Value::object();
  issue.add("id", Value::string(key));
  add_text_if(issue, "title", task.hasTitle(), task.getTitle());
  add_text_if(issue, "description", task.hasDescription(), task.getDescription());
  add_text_if(issue, "design", task.hasDetails(), task.getDetails());
  add_text_if(issue, "acceptance_criteria", task.hasAcceptance(), task.getAcceptance());
  add_text_if(issue, "notes", task.hasNotes(), task.getNotes());
  write_status(issue, task, from_beads);
  write_priority(issue, task, from_beads);
  if (task.hasKind() || !from_beads) {
    issue.add("issue_type", Value::string(task.hasKind() ? view(task.getKind()) : "task"));
  }
  add_text_if(issue, "assignee", task.hasAssignee(), task.getAssignee());
  add_text_if(issue, "created_by", task.hasCreatedBy(), task.getCreatedBy());
  write_estimate(issue, task);
  add_time_if(issue, "created_at", task.getCreatedAt(), task.getCreatedAtForm());
  add_time_if(issue, "updated_at", task.getUpdatedAt(), task.getUpdatedAtForm());
  add_texts_if(issue, "labels", task.hasTags(), task.getTags());
  write_dependencies(issue, key, task);
  write_comments(issue, key, task);
  return issue;
}

}  // namespace

std::string_view issue_id(const Value& issue) {
  const auto bad = [](const std::string& what) { return Error(ErrorCode::kBadSource, what); };
  if (!issue.is_object()) throw bad("an issue must be a JSON object");
  const Value* id = issue.find("id");
  if (id == nullptr) throw bad("the issue has no \"id\"");
  if (!id->is_string())
    throw bad("the issue's \"id\" must be a text, not " + json::to_text(*id).substr(0, 40));
  const std::string_view text = id->text();
  if (text.empty()) throw bad("the issue's \"id\" is empty");
  if (text.size() > format::kMaxKeyBytes) {
    throw bad("the issue's \"id\" is longer than " + std::to_string(format::kMaxKeyBytes) +
              " bytes: " + json::quote(text));
  }
  if (text.find('\0') != std::string_view::npos) {
    throw bad("the issue's \"id\" has a NUL in it: " + json::quote(text));
  }
  return text;
}

void issue_to_task(const Value& issue, schema::Task::Builder task) {
  using Builder = schema::Task::Builder;
  const std::string_view id = issue_id(issue);
  task.setOrigin(schema::Origin::BEADS);
  set_text_if(issue, "title", task, &Builder::initTitle);
  set_text_if(issue, "description", task, &Builder::initDescription);
  set_text_if(issue, "design", task, &Builder::initDetails);
  set_text_if(issue, "acceptance_criteria", task, &Builder::initAcceptance);
  set_text_if(issue, "notes", task, &Builder::initNotes);
  set_text_if(issue, "issue_type", task, &Builder::initKind);
  set_text_if(issue, "assignee", task, &Builder::initAssignee);
  set_text_if(issue, "created_by", task, &Builder::initCreatedBy);
  set_time_if(issue, "created_at", task, &Builder::setCreatedAt, &Builder::setCreatedAtForm);
  set_time_if(issue, "updated_at", task, &Builder::setUpdatedAt, &Builder::setUpdatedAtForm);
  read_status(issue, task);
  read_priority(issue, task);
  read_estimate(issue, task);
  Room room;
  read_labels(issue, room, task);
  read_dependencies(issue, id, room, task);
  read_comments(issue, room, task);
  if (const auto rest = difference(fields_to_issue(id, task.asReader()), issue)) {
    set_text(json::to_text(*rest), task, &Builder::initExtra);
  }
}

Value task_to_issue(std::string_view key, schema::Task::Reader task) {
  Value issue = fields_to_issue(key, task);
  if (task.getOrigin() != schema::Origin::BEADS || !task.hasExtra()) return issue;
  try {
    return merge(std::move(issue), parse_patch(view(task.getExtra())));
  } catch (const Error& error) {
    throw Error(error.code(), "task " + json::quote(key) + ": " + error.message());
  }
}

}  // namespace session::convert
