// The tracker "Task Master": `tasks.json`, one document with lists of tasks, which have subtasks
// (taskmaster.h maps a task, taskmaster_document.h takes a document apart). What the document says
// beside its tasks is one value, so that nothing of it is a task which is none.

#include <capnp/message.h>

#include <algorithm>
#include <ostream>
#include <unordered_set>
#include <utility>

#include "format/record.h"
#include "lib/convert/converter.h"
#include "lib/convert/residual.h"
#include "lib/convert/taskmaster.h"
#include "lib/convert/taskmaster_document.h"
#include "lib/convert/text_fields.h"
#include "lib/io/read_whole.h"

namespace session::convert {
namespace {

using json::Value;

constexpr std::uint64_t kProgressTasks = 256;
// More than a source can have, which ends at kMaxJsonDepth.
constexpr std::size_t kMaxTreeDepth = 256;

// ---- in -----------------------------------------------------------------------------------------

void put_tasks(const taskmaster::Taken& taken, std::uint64_t size_bytes, ImportContext& into) {
  std::unordered_set<std::string_view> keys;
  for (const auto& item : taken.tasks) keys.insert(item.key);
  const auto exists = [&](std::string_view key) { return keys.contains(key); };
  std::uint64_t done = 0;
  for (const taskmaster::TaskItem& item : taken.tasks) {
    capnp::MallocMessageBuilder message;
    auto task = message.initRoot<schema::Task>();
    taskmaster::task_to_record(item.key, item.task, {item.list, item.parent, item.rank}, exists,
                               task);
    into.put(item.key, task.asReader());
    if (++done % kProgressTasks == 0) into.progress(size_bytes / taken.tasks.size() * done);
  }
}

void put_document(const Value& document, ImportContext& into) {
  capnp::MallocMessageBuilder message;
  auto value = message.initRoot<schema::Value>();
  value.setOrigin(schema::Origin::TASKMASTER);
  value.setMediaType("application/json");
  set_text(json::to_sorted_text(document), value, &schema::Value::Builder::initText);
  into.put(taskmaster::kDocumentKey, value.asReader());
}

void warn_of_leftovers(const taskmaster::Taken& taken, std::string_view text, ImportContext& into) {
  if (taken.left == 0) return;
  into.warn("line " + std::to_string(json::place_of(text, taken.first_left).line) + ": " +
            (taken.left == 1 ? "an entry of a list of tasks"
                             : "this and " + std::to_string(taken.left - 1) +
                                   " more entries of lists of tasks") +
            " without an id that can be a key; kept, but not shown as a task");
}

// ---- out ----------------------------------------------------------------------------------------

class DocumentWriter {
 public:
  explicit DocumentWriter(ExportContext& out)
      : out_(out), document_(read_document(out.snapshot())), lists_(document_) {}

  void write() {
    read_tasks();
    fill_lists();
    out_.out() << json::to_pretty_text(document_) << '\n';
    warn();
  }

 private:
  struct Node {
    Value task;
    std::string parent;
    std::int64_t rank = 0;
    bool is_written = false;
  };
  using Keys = std::vector<std::string_view>;

  // Of a session from elsewhere: one list, called as Task Master calls its first one.
  static Value new_document(const Snapshot& snapshot) {
    const std::int64_t now = snapshot.info().time_nanos;
    const Value time = Value::string(format_time(now, utc_form(now)));
    Value metadata = Value::object();
    metadata.add("created", time);
    metadata.add("updated", time);
    const auto session = snapshot.get<schema::SessionRecord>("metadata");
    metadata.add("description",
                 Value::string(session ? view((*session)->getMetadata().getName()) : ""));
    Value list = Value::object();
    list.add("tasks", Value::array());
    list.add("metadata", std::move(metadata));
    Value document = Value::object();
    document.add(taskmaster::kLegacyList, std::move(list));
    return document;
  }

  static Value read_document(const Snapshot& snapshot) {
    const auto entry = snapshot.find(Table::kValues, taskmaster::kDocumentKey);
    if (!entry) return new_document(snapshot);
    const WholeRecord whole = snapshot.whole(Table::kValues, *entry);
    Value document;
    try {
      document = json::parse(view(whole.as<schema::Value>().getText()),
                             {.max_depth = json::kMaxOwnJsonDepth});
    } catch (const Error& error) {
      throw Error(error.code(), "the value " + std::string(taskmaster::kDocumentKey) +
                                    " is no JSON: " + error.message());
    }
    return document.is_object() ? std::move(document) : new_document(snapshot);
  }

  void read_tasks() {
    out_.each(Table::kTasks, [&](std::string_view key, AnyRecord any) {
      const auto record = any.as<schema::Task>();
      const taskmaster::TaskList* list = lists_.of(key);
      Node node;
      node.task = taskmaster::record_to_task(
          key, list != nullptr ? list->name : taskmaster::kLegacyList, record);
      node.parent = view(record.getParent());
      node.rank = record.getRank();
      for (const auto dependency : record.getDependencies()) {
        const bool is_said = taskmaster::has_place_for(dependency.getType()) ||
                             dependency.getType() == schema::DependencyType::PARENT;
        edges_left_out_ += is_said ? 0 : 1;
      }
      nodes_.emplace(key, std::move(node));
    });
    for (const auto& [key, node] : nodes_) {
      const bool is_root = node.parent.empty() || !nodes_.contains(node.parent);
      if (!is_root) children_[node.parent].push_back(key);
    }
  }

  void fill_lists() {
    std::map<taskmaster::TaskList*, Keys> roots;
    for (const auto& [key, node] : nodes_) {
      if (!node.parent.empty() && nodes_.contains(node.parent)) continue;
      taskmaster::TaskList* list = lists_.of(key);
      roots[list != nullptr ? list : &default_list()].push_back(key);
    }
    for (taskmaster::TaskList& list : lists_.all()) {
      list.tasks->items() = taskmaster::filled(
          std::move(list.tasks->items()), take(roots[&list], 1), taskmaster::first_rank(list.name));
    }
    if (other_list_) {
      other_list_->tasks->items() = taskmaster::filled({}, take(roots[&*other_list_], 1), 0);
    }
  }

  // Of tasks that no list is named for.
  taskmaster::TaskList& default_list() {
    if (other_list_) return *other_list_;
    const auto master =
        std::find_if(lists_.all().begin(), lists_.all().end(),
                     [](const auto& list) { return list.name == taskmaster::kLegacyList; });
    if (master != lists_.all().end()) return *master;
    if (!lists_.all().empty()) return lists_.all().front();
    // Without a list nothing refers into the document.
    Value* holder = document_.find(taskmaster::kLegacyList);
    if (holder == nullptr) {
      document_.add(taskmaster::kLegacyList, Value::object());
      holder = &document_.members().back().value;
    }
    if (!holder->is_object()) *holder = Value::object();
    Value* tasks = holder->find("tasks");
    if (tasks == nullptr) {
      holder->add("tasks", Value());
      tasks = &holder->members().back().value;
    }
    *tasks = Value::array();
    other_list_ = taskmaster::TaskList{std::string(taskmaster::kLegacyList), {}, tasks};
    return *other_list_;
  }

  std::vector<taskmaster::Placed> take(const Keys& keys, std::size_t depth) {
    std::vector<taskmaster::Placed> tasks;
    for (const std::string_view key : keys) {
      Node& node = nodes_.find(key)->second;
      node.is_written = true;
      take_subtasks(key, node.task, depth);
      tasks.push_back({node.rank, key, std::move(node.task)});
    }
    deepest_ = keys.empty() ? deepest_ : std::max(deepest_, depth);
    return tasks;
  }

  void take_subtasks(std::string_view key, Value& task, std::size_t depth) {
    std::vector<taskmaster::Placed> below;
    const auto found = children_.find(key);
    if (found != children_.end() && depth < kMaxTreeDepth) below = take(found->second, depth + 1);
    Value* subtasks = task.find(taskmaster::kSubtasks);
    if (below.empty() && (subtasks == nullptr || !subtasks->is_array())) return;
    if (subtasks == nullptr) {
      task.add(taskmaster::kSubtasks, Value::array());
      subtasks = &task.members().back().value;
    }
    if (!subtasks->is_array()) *subtasks = Value::array();
    subtasks->items() = taskmaster::filled(std::move(subtasks->items()), std::move(below), 0);
  }

  void warn() {
    const auto left_out = std::count_if(nodes_.begin(), nodes_.end(),
                                        [](const auto& entry) { return !entry.second.is_written; });
    if (left_out > 0) {
      out_.warn(std::to_string(left_out) + " tasks hang on no task that is there, or below " +
                std::to_string(kMaxTreeDepth) + " others, and were left out");
    }
    if (edges_left_out_ > 0) {
      out_.warn("taskmaster has no place for " + std::to_string(edges_left_out_) +
                " relations between tasks that are no dependencies");
    }
    constexpr std::size_t kShownLevels = 2;
    if (deepest_ > kShownLevels) {
      out_.warn("the tasks are " + std::to_string(deepest_) +
                " levels deep; Task Master itself shows two");
    }
    for (const Table table : kContentTables) {
      std::uint64_t count = table == Table::kTasks ? 0 : out_.snapshot().count(table);
      if (table == Table::kValues && out_.snapshot().find(table, taskmaster::kDocumentKey)) --count;
      if (count == 0) continue;
      out_.warn("taskmaster has no place for " + std::to_string(count) + " records of table " +
                std::string(table_name(table)));
    }
  }

  ExportContext& out_;
  Value document_;
  taskmaster::TaskLists lists_;
  std::optional<taskmaster::TaskList> other_list_;
  std::map<std::string, Node, std::less<>> nodes_;
  std::map<std::string, Keys, std::less<>> children_;
  std::uint64_t edges_left_out_ = 0;
  std::size_t deepest_ = 0;
};

class TaskmasterConverter : public Converter {
 public:
  [[nodiscard]] SourceFormat format() const override { return SourceFormat::kTaskmaster; }
  [[nodiscard]] schema::Origin origin() const override { return schema::Origin::TASKMASTER; }

  [[nodiscard]] bool recognises(const Probe& source) const override {
    if (source.is_directory || !taskmaster::looks_like_document(source.head)) return false;
    if (!source.first_line) return true;
    // A document on one line; with more lines it is a transcript that tells of tasks.
    const std::size_t begin = source.head.find_first_not_of(" \t\r\n");
    const std::size_t end = source.head.find('\n', begin);
    return end == std::string::npos ||
           source.head.find_first_not_of(" \t\r\n", end) == std::string::npos;
  }

  void read(const std::string& path, ImportContext& into) const override {
    const std::string text = io::read_whole(path);
    Value document = json::parse(text);
    if (!taskmaster::has_place_for_tasks(document)) {
      throw Error(ErrorCode::kBadSource,
                  "line 1, column 1: no list of tasks; Task Master's is an object with \"tasks\", "
                  "or with tags that have \"tasks\"");
    }
    const taskmaster::Taken taken = taskmaster::take_tasks(document, text);
    put_tasks(taken, text.size(), into);
    put_document(document, into);
    warn_of_leftovers(taken, text, into);
    into.progress(text.size());
    into.erase_missing({Table::kTasks, Table::kValues});
  }

  void write(ExportContext& out) const override { DocumentWriter(out).write(); }
};

}  // namespace

std::unique_ptr<Converter> make_taskmaster_converter() {
  return std::make_unique<TaskmasterConverter>();
}

}  // namespace session::convert
