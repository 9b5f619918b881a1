#include "lib/convert/aca_state.h"

#include <capnp/message.h>

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>
#include <utility>

#include "format/layout.h"
#include "format/record.h"
#include "format/record_key.h"
#include "lib/convert/aca_fields.h"
#include "lib/convert/aca_session.h"
#include "lib/convert/aca_task.h"

namespace session::convert::aca {
namespace {

using json::Member;
using json::Value;

constexpr std::string_view kMetadataKey = "metadata";
constexpr std::string_view kContextKey = "context";

std::string text_of(capnp::Text::Reader text) {
  return {text.begin(), text.size()};
}

// ---- the tree -----------------------------------------------------------------------------------

// Who is whose child, in which order: ties of rank by key.
class Tree {
 public:
  void add(std::string_view parent, std::int64_t rank, std::string_view key) {
    places_[std::string(parent)].emplace_back(rank, key);
  }
  [[nodiscard]] std::vector<std::string> children(std::string_view parent) {
    std::vector<std::string> keys;
    const auto found = places_.find(std::string(parent));
    if (found == places_.end()) return keys;
    std::sort(found->second.begin(), found->second.end());
    for (const auto& place : found->second) keys.push_back(place.second);
    return keys;
  }

 private:
  std::unordered_map<std::string, std::vector<std::pair<std::int64_t, std::string>>> places_;
};

// Where a list of children puts each of them; the first mention counts.
class Ranks {
 public:
  explicit Ranks(const json::Array& list) {
    for (const Value& item : list) {
      if (item.is_string()) {
        ranks_.try_emplace(item.text(), static_cast<std::int64_t>(ranks_.size()));
      }
    }
  }
  // Behind all others if the list does not name it.
  [[nodiscard]] std::int64_t of(std::string_view key) const {
    const auto found = ranks_.find(key);
    return found != ranks_.end() ? found->second : static_cast<std::int64_t>(ranks_.size());
  }

 private:
  std::unordered_map<std::string_view, std::int64_t> ranks_;
};

// A parent no key may have stays in the residual.
std::string_view parent_of(const Value& task) {
  const std::string_view parent = get_text(task, "parent_id").value_or("");
  return parent.size() <= format::kMaxTaskKeyBytes ? parent : std::string_view();
}

// ---- into records -------------------------------------------------------------------------------

Value* find_object(Value& document, std::string_view outer, std::string_view inner) {
  Value* object = document.find(outer);
  if (object == nullptr || !object->is_object()) return nullptr;
  Value* map = object->find(inner);
  return map != nullptr && map->is_object() ? map : nullptr;
}

// Takes the members out that can be records: objects under a key a table takes.
json::Object take_records(Value& document, std::string_view outer, std::string_view inner,
                          std::size_t max_key_bytes) {
  json::Object taken;
  Value* map = find_object(document, outer, inner);
  if (map == nullptr) return taken;
  json::Object left;
  for (Member& member : map->members()) {
    const bool fits =
        member.value.is_object() && !member.name().empty() && member.name().size() <= max_key_bytes;
    (fits ? taken : left).push_back(std::move(member));
  }
  map->members() = std::move(left);
  return taken;
}

class TaskRecords {
 public:
  TaskRecords(const json::Object& tasks, const Value& document, ImportContext& into)
      : tasks_(tasks), into_(into) {
    if (const Value* tree = get_object(document, "task_tree")) {
      ranks_.try_emplace("", get_items(*tree, "roots"));
    }
    for (const Member& task : tasks) {
      ranks_.try_emplace(task.name(), get_items(task.value, "children"));
    }
    for (const Member& task : tasks) {
      tree_.add(parent_of(task.value), rank_of(task), task.name());
    }
  }

  void put(Summary& summary) {
    for (const Member& task : tasks_) {
      capnp::MallocMessageBuilder message;
      auto record = message.initRoot<schema::Task>();
      Place place;
      place.parent = parent_of(task.value);
      place.rank = rank_of(task);
      place.children = tree_.children(task.name());
      task_to_record(task.name(), task.value, place, record);
      ++summary.tasks_by_status[static_cast<std::size_t>(record.getStatus())];
      into_.put(task.name(), record.asReader());
      put_executions(task);
    }
    summary.roots = tree_.children("");
  }

 private:
  [[nodiscard]] std::int64_t rank_of(const Member& task) const {
    const auto ranks = ranks_.find(parent_of(task.value));
    return ranks != ranks_.end() ? ranks->second.of(task.name()) : 0;
  }

  void put_executions(const Member& task) {
    const json::Array& executions = executions_of(task.value);
    for (std::size_t i = 0; i < executions.size(); ++i) {
      capnp::MallocMessageBuilder message;
      auto record = message.initRoot<schema::Execution>();
      execution_to_record(task.name(), executions[i], record);
      into_.put(format::execution_key(task.name(), i), record.asReader());
    }
  }

  const json::Object& tasks_;
  ImportContext& into_;
  std::unordered_map<std::string_view, Ranks> ranks_;
  Tree tree_;
};

struct FileFacts {
  const Value* tracked = nullptr;
  bool is_workspace = false;
  bool is_temporary = false;
  bool is_created_directory = false;
};
using FileMap = std::map<std::string, FileFacts, std::less<>>;

void mark(FileMap& files, const Value& state, std::string_view list, bool FileFacts::*flag) {
  for (const Value& item : get_items(state, list)) {
    if (!item.is_string() || item.text().empty()) continue;
    if (item.text().size() <= format::kMaxKeyBytes) files[std::string(item.text())].*flag = true;
  }
}

Value tracked_to_json(schema::File::Reader file) {
  Value object = Value::object();
  object.add("size", Value::natural(file.getSizeBytes()));
  object.add("modified", time_or_epoch(file.getModifiedAt(), file.getModifiedAtForm()));
  object.add("checksum", text_or_empty(file.getChecksum()));
  object.add("is_generated", Value::boolean(file.getIsGenerated()));
  return object;
}

void file_to_record(const FileFacts& facts, schema::File::Builder record) {
  using Builder = schema::File::Builder;
  record.setOrigin(schema::Origin::ACA);
  record.setIsWorkspace(facts.is_workspace);
  record.setIsTemporary(facts.is_temporary);
  record.setIsCreatedDirectory(facts.is_created_directory);
  if (facts.tracked == nullptr) return;
  record.setIsTracked(true);
  record.setSizeBytes(get_natural(*facts.tracked, "size").value_or(0));
  set_time_if(*facts.tracked, "modified", record, &Builder::setModifiedAt,
              &Builder::setModifiedAtForm);
  set_text_if(*facts.tracked, "checksum", record, &Builder::initChecksum);
  const Value* generated = facts.tracked->find("is_generated");
  record.setIsGenerated(generated != nullptr && generated->is_bool() && generated->as_bool());
  set_extra(tracked_to_json(record.asReader()), *facts.tracked, record);
}

void put_files(const json::Object& tracked, const Value& document, ImportContext& into,
               Summary& summary) {
  FileMap files;
  for (const Member& member : tracked) files[std::string(member.name())].tracked = &member.value;
  if (const Value* state = get_object(document, "file_system_state")) {
    mark(files, *state, "workspace_files", &FileFacts::is_workspace);
    mark(files, *state, "temp_files", &FileFacts::is_temporary);
    mark(files, *state, "created_directories", &FileFacts::is_created_directory);
  }
  for (const auto& [path, facts] : files) {
    capnp::MallocMessageBuilder message;
    auto record = message.initRoot<schema::File>();
    file_to_record(facts, record);
    into.put(path, record.asReader());
    if (facts.is_workspace) summary.workspace_files.push_back(path);
    if (facts.is_temporary) summary.temporary_files.push_back(path);
    if (facts.is_created_directory) summary.created_directories.push_back(path);
  }
}

void put_session(const Value& document, ImportContext& into, const Summary& summary) {
  capnp::MallocMessageBuilder context_message;
  auto context = context_message.initRoot<schema::SessionRecord>();
  if (get_object(document, "execution_context") != nullptr) {
    document_to_context(document, context);
    into.put(kContextKey, context.asReader());
  }
  capnp::MallocMessageBuilder message;
  auto metadata = message.initRoot<schema::SessionRecord>();
  document_to_metadata(document, metadata);
  set_document_extra(document, context.asReader(), summary, metadata);
  into.put(kMetadataKey, metadata.asReader());
}

// ---- and back -----------------------------------------------------------------------------------

class StateWriter {
 public:
  StateWriter(const Snapshot& snapshot, const std::function<void()>& visit)
      : snapshot_(snapshot), visit_(visit) {}

  [[nodiscard]] Value write() {
    json::Object tracked = read_files();
    std::map<std::string, json::Array, std::less<>> executions = read_executions();
    Tree tree = read_tree();
    json::Object tasks;
    each<schema::Task>([&](std::string_view key, schema::Task::Reader task) {
      const auto found = executions.find(key);
      tasks.emplace_back(key, record_to_task(key, task, tree.children(key),
                                             found != executions.end() ? std::move(found->second)
                                                                       : json::Array()));
    });
    Value document = read_document(true);
    place(document, "task_tree", "tasks", std::move(tasks));
    place(document, "file_system_state", "tracked_files", std::move(tracked));
    return document;
  }

  [[nodiscard]] Outline outline() {
    (void)read_files();
    (void)read_tree();
    return {read_document(true), read_document(false)};
  }

 private:
  Tree read_tree() {
    Tree tree;
    for (Cursor cursor = snapshot_.cursor(Table::kTasks); cursor.valid(); cursor.next()) {
      const auto task = cursor.record().as<schema::Task>();
      tree.add(text_of(task.getParent()), task.getRank(), cursor.key());
      const auto status = static_cast<std::size_t>(task.getStatus());
      if (status < summary_.tasks_by_status.size()) ++summary_.tasks_by_status[status];
    }
    summary_.roots = tree.children("");
    return tree;
  }

  template <class Record, class Use>
  void each(Use use) {
    for (Cursor cursor = snapshot_.cursor(kTableOf<Record>); cursor.valid(); cursor.next()) {
      const WholeRecord whole = snapshot_.whole(kTableOf<Record>, cursor.entry());
      use(whole.key(), whole.template as<Record>());
      if (visit_) visit_();
    }
  }

  json::Object read_files() {
    json::Object tracked;
    each<schema::File>([&](std::string_view path, schema::File::Reader file) {
      if (file.getIsTracked()) {
        tracked.emplace_back(path, with_extra(tracked_to_json(file), file));
      }
      if (file.getIsWorkspace()) summary_.workspace_files.emplace_back(path);
      if (file.getIsTemporary()) summary_.temporary_files.emplace_back(path);
      if (file.getIsCreatedDirectory()) summary_.created_directories.emplace_back(path);
    });
    return tracked;
  }

  std::map<std::string, json::Array, std::less<>> read_executions() {
    std::map<std::string, json::Array, std::less<>> executions;
    each<schema::Execution>([&](std::string_view, schema::Execution::Reader execution) {
      executions[text_of(execution.getTask())].push_back(record_to_execution(execution));
    });
    return executions;
  }

  // With what the source said beyond the records, or without.
  Value read_document(bool is_complete) {
    const auto whole = [&](std::string_view key) -> std::optional<WholeRecord> {
      if (const auto entry = snapshot_.find(Table::kSession, key)) {
        return snapshot_.whole(Table::kSession, *entry);
      }
      return std::nullopt;
    };
    const auto reader = [](const std::optional<WholeRecord>& record) {
      return record ? record->as<schema::SessionRecord>() : schema::SessionRecord::Reader();
    };
    const auto metadata = whole(kMetadataKey);
    const auto context = whole(kContextKey);
    if (is_complete) return records_to_document(reader(metadata), reader(context), summary_);
    capnp::MallocMessageBuilder message;
    message.setRoot(reader(metadata));
    auto bare = message.getRoot<schema::SessionRecord>();
    bare.disownExtra();
    return records_to_document(bare.asReader(), reader(context), summary_);
  }

  // Into the object at outer/inner; makes the way there only for what is to be placed.
  static void place(Value& document, std::string_view outer, std::string_view inner,
                    json::Object members) {
    if (members.empty()) return;
    json::Object& map = object_in(object_in(document, outer), inner).members();
    // What the source had there and no record could take, unless a record has its name now.
    std::erase_if(map, [&](const Member& old) {
      return std::any_of(members.begin(), members.end(),
                         [&](const Member& member) { return member.name() == old.name(); });
    });
    for (Member& member : members) map.push_back(std::move(member));
  }
  static Value& object_in(Value& object, std::string_view name) {
    if (!object.is_object()) object = Value::object();
    Value* member = object.find(name);
    if (member == nullptr) {
      object.add(name, Value::object());
      member = &object.members().back().value;
    }
    if (!member->is_object()) *member = Value::object();
    return *member;
  }

  const Snapshot& snapshot_;
  const std::function<void()>& visit_;
  Summary summary_;
};

}  // namespace

void state_to_records(Value document, ImportContext& into) {
  if (!document.is_object()) {
    throw Error(ErrorCode::kBadSource, "line 1, column 1: a session's state is a JSON object");
  }
  const json::Object tasks = take_records(document, "task_tree", "tasks", format::kMaxTaskKeyBytes);
  const json::Object tracked =
      take_records(document, "file_system_state", "tracked_files", format::kMaxKeyBytes);
  Summary summary;
  TaskRecords(tasks, document, into).put(summary);
  put_files(tracked, document, into, summary);
  put_session(document, into, summary);
  into.erase_missing({Table::kSession, Table::kTasks, Table::kExecutions, Table::kFiles});
}

Value records_to_state(const Snapshot& snapshot, const std::function<void()>& visit) {
  return format::guarded([&] { return StateWriter(snapshot, visit).write(); });
}

Outline records_to_outline(const Snapshot& snapshot, const std::function<void()>& visit) {
  return format::guarded([&] { return StateWriter(snapshot, visit).outline(); });
}

}  // namespace session::convert::aca
