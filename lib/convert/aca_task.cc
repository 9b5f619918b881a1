#include "lib/convert/aca_task.h"

#include <algorithm>
#include <array>
#include <utility>

#include "lib/convert/aca_fields.h"
#include "lib/convert/aca_status.h"
#include "lib/convert/residual.h"
#include "lib/convert/text_fields.h"

namespace session::convert::aca {
namespace {

using json::Value;
using schema::Complexity;
using schema::Execution;
using schema::Priority;
using schema::Task;
using schema::TaskPlan;

constexpr std::uint64_t kMebibyte = 1ULL << 20;
constexpr std::string_view kHistory = "execution_history";

// In the order of the enums, from 1 on; 0 is "unset".
constexpr std::array<std::string_view, 6> kPriorities = {"",       "Critical", "High",
                                                         "Normal", "Low",      "Background"};
constexpr std::array<std::string_view, 5> kImportances = {"", "Critical", "High", "Medium", "Low"};
constexpr std::array<std::string_view, 6> kComplexities = {"",         "Trivial", "Simple",
                                                           "Moderate", "Complex", "Epic"};

template <class Enum, std::size_t n>
Enum enum_of(const Value& object, std::string_view name,
             const std::array<std::string_view, n>& words) {
  const auto word = get_text(object, name);
  for (std::size_t i = 1; word && i < n; ++i) {
    if (words[i] == *word) return static_cast<Enum>(i);
  }
  return static_cast<Enum>(0);
}

template <class Enum, std::size_t n>
Value word_of(Enum value, const std::array<std::string_view, n>& words, std::string_view unset) {
  const auto number = static_cast<std::size_t>(value);
  return Value::string(number == 0 || number >= n ? unset : words[number]);
}

// ---- metadata of a task -------------------------------------------------------------------------

// What of `metadata` goes to the plan, if there is any of it.
class PlanFields {
 public:
  PlanFields(Task::Builder task, Room& room) : task_(task), room_(room) {}

  void lists(const Value& object) {
    using Builder = TaskPlan::Builder;
    take(object, "required_files", &Builder::initRequiredFiles);
    take(object, "required_repositories", &Builder::initRequiredRepositories);
    take(object, "build_dependencies", &Builder::initBuildDependencies);
    take(object, "claude_context_keys", &Builder::initContextKeys);
    const Value* environment = get_object(object, "environment_vars");
    if (environment == nullptr || environment->members().empty()) return;
    if (!room_.take(*environment)) return;
    const auto members = sorted_members(*environment, Values::kTexts);
    fill(plan().initEnvironment(list_size(members.size())), members, Values::kTexts);
  }

  void repositories(const Value& object) {
    if (!has_objects(object, "repository_refs") || !room_.take(*object.find("repository_refs"))) {
      return;
    }
    using Builder = schema::Repository::Builder;
    const json::Array& items = get_items(object, "repository_refs");
    auto list = plan().initRepositories(list_size(items.size()));
    for (unsigned i = 0; i < list.size(); ++i) {
      auto repository = list[i];
      set_text_if(items[i], "name", repository, &Builder::initName);
      set_text_if(items[i], "url", repository, &Builder::initUrl);
      set_text_if(items[i], "branch", repository, &Builder::initBranch);
      set_text_if(items[i], "commit", repository, &Builder::initCommit);
    }
  }

  void files(const Value& object) {
    if (!has_objects(object, "file_refs") || !room_.take(*object.find("file_refs"))) return;
    using Builder = schema::FileReference::Builder;
    const json::Array& items = get_items(object, "file_refs");
    auto list = plan().initFiles(list_size(items.size()));
    for (unsigned i = 0; i < list.size(); ++i) {
      auto file = list[i];
      set_text_if(items[i], "path", file, &Builder::initPath);
      set_text_if(items[i], "repository", file, &Builder::initRepository);
      file.setImportance(enum_of<Priority>(items[i], "importance", kImportances));
      set_lines(items[i], file);
    }
  }

 private:
  static void set_lines(const Value& object, schema::FileReference::Builder file) {
    const json::Array& range = get_items(object, "line_range");
    if (range.size() != 2) return;
    Value pair = Value::object();
    pair.add("first", range[0]);
    pair.add("last", range[1]);
    const auto first = get_natural32(pair, "first");
    const auto last = get_natural32(pair, "last");
    if (!first || !last || *first == 0) return;  // 0 is "the whole file"
    file.setFirstLine(*first);
    file.setLastLine(*last);
  }

  void take(const Value& object, std::string_view name,
            capnp::List<capnp::Text>::Builder (TaskPlan::Builder::*init)(unsigned)) {
    const Value* list = object.find(name);
    if (list == nullptr || !list->is_array() || list->items().empty()) return;
    if (!room_.take(*list)) return;
    auto into = plan();
    set_texts_if(object, name, into, init);
  }

  TaskPlan::Builder plan() { return task_.hasPlan() ? task_.getPlan() : task_.initPlan(); }

  Task::Builder task_;
  Room& room_;
};

void metadata_to_record(const Value& metadata, Room& room, Task::Builder record) {
  record.setPriority(enum_of<Priority>(metadata, "priority", kPriorities));
  record.setComplexity(enum_of<Complexity>(metadata, "estimated_complexity", kComplexities));
  record.setEstimatedNanos(get_duration(metadata, "estimated_duration").value_or(0));
  PlanFields plan(record, room);
  plan.repositories(metadata);
  plan.files(metadata);
  if (const Value* context = get_object(metadata, "context_requirements")) plan.lists(*context);
  const Value* tags = metadata.find("tags");
  if (tags != nullptr && tags->is_array() && !tags->items().empty() && room.take(*tags)) {
    set_texts_if(metadata, "tags", record, &Task::Builder::initTags);
  }
}

Value plan_repositories(TaskPlan::Reader plan) {
  Value list = Value::array();
  for (const auto repository : plan.getRepositories()) {
    Value item = Value::object();
    item.add("name", text_or_empty(repository.getName()));
    item.add("url", text_or_empty(repository.getUrl()));
    item.add("branch", text_or_null(repository.hasBranch(), repository.getBranch()));
    item.add("commit", text_or_null(repository.hasCommit(), repository.getCommit()));
    list.items().push_back(std::move(item));
  }
  return list;
}

Value plan_files(TaskPlan::Reader plan) {
  Value list = Value::array();
  for (const auto file : plan.getFiles()) {
    Value item = Value::object();
    item.add("path", text_or_empty(file.getPath()));
    item.add("repository", text_or_empty(file.getRepository()));
    Value range;
    if (file.getFirstLine() != 0) {
      range = Value::array();
      range.items().push_back(Value::natural(file.getFirstLine()));
      range.items().push_back(Value::natural(file.getLastLine()));
    }
    item.add("line_range", std::move(range));
    item.add("importance", word_of(file.getImportance(), kImportances, "Medium"));
    list.items().push_back(std::move(item));
  }
  return list;
}

Value plan_context(TaskPlan::Reader plan) {
  Value context = Value::object();
  context.add("required_files", texts(plan.getRequiredFiles()));
  context.add("required_repositories", texts(plan.getRequiredRepositories()));
  context.add("build_dependencies", texts(plan.getBuildDependencies()));
  context.add("environment_vars", properties(plan.getEnvironment(), Values::kTexts));
  context.add("claude_context_keys", texts(plan.getContextKeys()));
  return context;
}

Value record_to_metadata(Task::Reader record) {
  Value metadata = Value::object();
  metadata.add("priority", word_of(record.getPriority(), kPriorities, "Normal"));
  metadata.add("estimated_complexity", record.getComplexity() == Complexity::UNSET
                                           ? Value()
                                           : word_of(record.getComplexity(), kComplexities, ""));
  metadata.add("estimated_duration",
               record.getEstimatedNanos() == 0 ? Value() : duration(record.getEstimatedNanos()));
  metadata.add("repository_refs", plan_repositories(record.getPlan()));
  metadata.add("file_refs", plan_files(record.getPlan()));
  metadata.add("tags", texts(record.getTags()));
  metadata.add("context_requirements", plan_context(record.getPlan()));
  return metadata;
}

// ---- the rest of a task -------------------------------------------------------------------------

void dependencies_to_record(const Value& task, Room& room, Task::Builder record) {
  const Value* list = task.find("dependencies");
  if (list == nullptr || !list->is_array() || list->items().empty() || !room.take(*list)) return;
  std::vector<std::string_view> targets;
  for (const Value& item : list->items()) {
    if (item.is_string()) targets.push_back(item.text());
  }
  auto dependencies = record.initDependencies(list_size(targets.size()));
  for (unsigned i = 0; i < dependencies.size(); ++i) {
    auto dependency = dependencies[i];
    set_text(targets[i], dependency, &schema::Dependency::Builder::initTarget);
  }
}

Value fields_to_task(std::string_view key, Task::Reader record,
                     const std::vector<std::string>& children) {
  Value task = Value::object();
  task.add("id", Value::string(key));
  task.add("title", text_or_empty(record.getTitle()));
  task.add("description", text_or_empty(record.getDescription()));
  task.add("status", detail_to_status(record.getStatus(), record.getStatusDetail()));
  task.add("parent_id", text_or_null(record.hasParent(), record.getParent()));
  Value list = Value::array();
  for (const std::string& child : children) list.items().push_back(Value::string(child));
  task.add("children", std::move(list));
  Value dependencies = Value::array();
  for (const auto dependency : record.getDependencies()) {
    dependencies.items().push_back(text_or_empty(dependency.getTarget()));
  }
  task.add("dependencies", std::move(dependencies));
  task.add("created_at", time_or_epoch(record.getCreatedAt(), record.getCreatedAtForm()));
  task.add("updated_at", time_or_epoch(record.getUpdatedAt(), record.getUpdatedAtForm()));
  task.add("metadata", record_to_metadata(record));
  task.add(kHistory, Value::array());
  return task;
}

// The task without the executions that get records of their own.
Value without_executions(const Value& task) {
  if (executions_of(task).empty()) return task;
  Value copy = Value::object();
  for (const json::Member& member : task.members()) {
    copy.add(member.name(), member.name() == kHistory ? Value::array() : member.value);
  }
  return copy;
}

Value fields_to_execution(Execution::Reader record) {
  Value execution = Value::object();
  execution.add("started_at", time_or_epoch(record.getStartedAt(), record.getStartedAtForm()));
  execution.add("completed_at", time_or_null(record.getCompletedAt(), record.getCompletedAtForm()));
  execution.add("status", detail_to_status(record.getStatus(), record.getStatusDetail()));
  execution.add("claude_session_id",
                text_or_null(record.hasAgentSession(), record.getAgentSession()));
  Value used = Value::object();
  used.add("max_memory_mb", Value::natural(record.getMemoryBytes() / kMebibyte));
  used.add("cpu_time_seconds", seconds(record.getCpuNanos()));
  used.add("disk_io_mb", Value::natural(record.getDiskBytes() / kMebibyte));
  used.add("network_requests", Value::natural(record.getNetworkRequests()));
  execution.add("resources_used", std::move(used));
  execution.add("files_modified", texts(record.getFilesModified()));
  execution.add("errors", texts(record.getErrors()));
  return execution;
}

std::uint64_t mebibytes(const Value& object, std::string_view name) {
  const std::uint64_t count = get_natural(object, name).value_or(0);
  return count <= ~std::uint64_t{0} / kMebibyte ? count * kMebibyte : 0;
}

template <class Builder>
void take_texts(const Value& object, std::string_view name, Room& room, Builder& record,
                capnp::List<capnp::Text>::Builder (Builder::*init)(unsigned)) {
  const json::Array& items = get_items(object, name);
  if (!items.empty() && room.take(*object.find(name))) set_texts_if(object, name, record, init);
}

}  // namespace

const json::Array& executions_of(const Value& task) {
  static const json::Array none;
  return has_objects(task, kHistory) ? get_items(task, kHistory) : none;
}

void task_to_record(std::string_view key, const Value& task, const Place& place,
                    Task::Builder record) {
  using Builder = Task::Builder;
  Room room;
  record.setOrigin(schema::Origin::ACA);
  set_text_if(task, "title", record, &Builder::initTitle);
  set_text_if(task, "description", record, &Builder::initDescription);
  set_status_if(task, room, record);
  if (!place.parent.empty()) set_text(place.parent, record, &Builder::initParent);
  record.setRank(place.rank);
  dependencies_to_record(task, room, record);
  set_time_if(task, "created_at", record, &Builder::setCreatedAt, &Builder::setCreatedAtForm);
  set_time_if(task, "updated_at", record, &Builder::setUpdatedAt, &Builder::setUpdatedAtForm);
  if (const Value* metadata = get_object(task, "metadata")) {
    metadata_to_record(*metadata, room, record);
  }
  set_extra(fields_to_task(key, record.asReader(), place.children), without_executions(task),
            record);
}

void execution_to_record(std::string_view task_key, const Value& execution,
                         Execution::Builder record) {
  using Builder = Execution::Builder;
  Room room;
  record.setOrigin(schema::Origin::ACA);
  set_text(task_key, record, &Builder::initTask);
  set_time_if(execution, "started_at", record, &Builder::setStartedAt, &Builder::setStartedAtForm);
  set_time_if(execution, "completed_at", record, &Builder::setCompletedAt,
              &Builder::setCompletedAtForm);
  set_status_if(execution, room, record);
  set_text_if(execution, "claude_session_id", record, &Builder::initAgentSession);
  if (const Value* used = get_object(execution, "resources_used")) {
    record.setMemoryBytes(mebibytes(*used, "max_memory_mb"));
    record.setCpuNanos(get_seconds(*used, "cpu_time_seconds").value_or(0));
    record.setDiskBytes(mebibytes(*used, "disk_io_mb"));
    record.setNetworkRequests(get_natural(*used, "network_requests").value_or(0));
  }
  take_texts(execution, "files_modified", room, record, &Builder::initFilesModified);
  take_texts(execution, "errors", room, record, &Builder::initErrors);
  set_extra(fields_to_execution(record.asReader()), execution, record);
}

Value record_to_task(std::string_view key, Task::Reader record,
                     const std::vector<std::string>& children, json::Array executions) {
  Value task = with_extra(fields_to_task(key, record, children), record);
  if (executions.empty() || !task.is_object()) return task;
  // An edit wins: executions made since are shown even where the source had something else.
  if (Value* history = task.find(kHistory)) {
    *history = Value::array(std::move(executions));
  } else {
    task.add(kHistory, Value::array(std::move(executions)));
  }
  return task;
}

Value record_to_execution(Execution::Reader record) {
  return with_extra(fields_to_execution(record), record);
}

}  // namespace session::convert::aca
