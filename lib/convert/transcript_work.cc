#include "lib/convert/transcript_work.h"

#include <capnp/message.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "format/layout.h"
#include "lib/convert/text_fields.h"

namespace session::convert::transcript {
namespace {

using schema::Priority;
using schema::TaskStatus;

// Far above what any conversation touches; bounds what a forged one can cost.
constexpr std::size_t kMostFiles = 100'000;
constexpr std::size_t kMostProperties = 32;
constexpr std::size_t kTitleBytes = 120;
// Side chains stand behind the main list, however long that grows.
constexpr std::int64_t kFirstChainRank = std::int64_t{1} << 32;

TaskStatus status_of(std::string_view word) {
  if (word == "in_progress" || word == "in-progress") return TaskStatus::IN_PROGRESS;
  if (word == "completed" || word == "done") return TaskStatus::COMPLETED;
  if (word == "cancelled" || word == "canceled" || word == "skipped") return TaskStatus::SKIPPED;
  if (word == "blocked") return TaskStatus::BLOCKED;
  if (word == "failed") return TaskStatus::FAILED;
  return TaskStatus::PENDING;
}

Priority priority_of(std::string_view word) {
  if (word == "critical") return Priority::CRITICAL;
  if (word == "high") return Priority::HIGH;
  if (word == "medium" || word == "normal") return Priority::NORMAL;
  if (word == "low") return Priority::LOW;
  return Priority::UNSET;
}

bool can_be_key(std::string_view text) {
  return !text.empty() && text.size() <= format::kMaxKeyBytes &&
         text.find('\0') == std::string_view::npos;
}

struct NewTask {
  std::string_view title;
  std::string_view parent;
  std::int64_t rank = 0;
  TaskStatus status = TaskStatus::PENDING;
  Priority priority = Priority::UNSET;
  std::optional<TimeText> created;
  std::optional<TimeText> updated;
  std::optional<TimeText> entered;
};

void put_task(ImportContext& into, const std::string& key, const NewTask& task) {
  capnp::MallocMessageBuilder message;
  auto record = message.initRoot<schema::Task>();
  using Builder = schema::Task::Builder;
  record.setOrigin(into.origin());
  record.setStatus(task.status);
  record.setPriority(task.priority);
  record.setRank(task.rank);
  set_text(task.title, record, &Builder::initTitle);
  if (!task.parent.empty()) set_text(task.parent, record, &Builder::initParent);
  if (task.created) {
    record.setCreatedAt(task.created->nanos);
    record.setCreatedAtForm(task.created->form);
  }
  if (task.updated) {
    record.setUpdatedAt(task.updated->nanos);
    record.setUpdatedAtForm(task.updated->form);
  }
  if (task.entered && task.status != TaskStatus::PENDING) {
    auto detail = record.initStatusDetail();
    detail.setAt(task.entered->nanos);
    detail.setAtForm(task.entered->form);
  }
  into.put_derived(key, record.asReader());
}

}  // namespace

std::string short_title(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  text.remove_prefix(begin);
  text = text.substr(0, text.find_first_of("\r\n"));
  if (text.size() <= kTitleBytes) return std::string(text);
  std::size_t end = kTitleBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return std::string(text.substr(0, end)) + "…";
}

std::optional<std::vector<TodoItem>> todo_items(const json::Value& list,
                                                std::string_view title_name) {
  if (!list.is_array()) return std::nullopt;
  std::vector<TodoItem> items;
  for (const json::Value& entry : list.items()) {
    const auto title = get_text(entry, title_name);
    if (!title) return std::nullopt;
    TodoItem item;
    item.title = std::string(*title);
    item.id = std::string(get_text(entry, "id").value_or(""));
    item.status = status_of(get_text(entry, "status").value_or(""));
    item.priority = priority_of(get_text(entry, "priority").value_or(""));
    items.push_back(std::move(item));
  }
  return items;
}

// Gives each item of the next state the number of the one it was.
void TodoList::adopt(std::vector<Entry>& next, std::vector<bool>& taken) {
  const auto take = [&](Entry& entry, std::size_t old) {
    entry.number = items_[old].number;
    entry.created = items_[old].created;
    taken[old] = true;
  };
  const auto match = [&](const auto& is_same) {
    bool found = false;
    for (std::size_t i = 0; i < next.size(); ++i) {
      if (next[i].number != 0) continue;
      // Most items stay where they were; the rest is looked for.
      for (std::size_t k = 0; k <= items_.size(); ++k) {
        const std::size_t old = k == 0 ? i : k - 1;
        if (old >= items_.size() || taken[old] || !is_same(items_[old].item, next[i].item))
          continue;
        take(next[i], old);
        found = true;
        break;
      }
    }
    return found;
  };
  bool is_same_list =
      match([](const TodoItem& a, const TodoItem& b) { return !a.id.empty() && a.id == b.id; });
  is_same_list |= match([](const TodoItem& a, const TodoItem& b) { return a.title == b.title; });
  if (!is_same_list || next.size() != items_.size()) return;
  for (std::size_t i = 0; i < next.size(); ++i) {
    if (next[i].number == 0 && !taken[i]) take(next[i], i);
  }
}

void TodoList::become(std::vector<TodoItem> items, std::optional<TimeText> time) {
  std::vector<Entry> next;
  for (TodoItem& item : items) {
    Entry entry;
    entry.item = std::move(item);
    entry.created = time;
    next.push_back(std::move(entry));
  }
  std::vector<bool> taken(items_.size());
  // Beyond this the search for what moved would cost too much; no list a person reads is so long.
  constexpr std::size_t kMostSearched = 1000;
  if (items_.size() <= kMostSearched && next.size() <= kMostSearched) adopt(next, taken);
  for (Entry& entry : next) {
    entry.updated = entry.entered = time;
    if (entry.number == 0) {
      entry.number = next_number_++;
      continue;
    }
    const auto old = std::find_if(items_.begin(), items_.end(),
                                  [&](const Entry& e) { return e.number == entry.number; });
    if (old->item.status == entry.item.status) entry.entered = old->entered;
    if (old->item.status == entry.item.status && old->item.title == entry.item.title &&
        old->item.priority == entry.item.priority) {
      entry.updated = old->updated;
    }
  }
  items_ = std::move(next);
}

TaskStatus TodoList::status() const {
  const auto is_done = [](const Entry& entry) {
    return entry.item.status == TaskStatus::COMPLETED || entry.item.status == TaskStatus::SKIPPED;
  };
  if (std::all_of(items_.begin(), items_.end(), is_done)) return TaskStatus::COMPLETED;
  const bool is_untouched = std::all_of(items_.begin(), items_.end(), [](const Entry& entry) {
    return entry.item.status == TaskStatus::PENDING;
  });
  return is_untouched ? TaskStatus::PENDING : TaskStatus::IN_PROGRESS;
}

void TodoList::put(ImportContext& into, const std::string& prefix, std::string_view parent) const {
  std::int64_t rank = 0;
  for (const Entry& entry : items_) {
    put_task(into, prefix + "todo/" + std::to_string(entry.number),
             {entry.item.title, parent, rank++, entry.item.status, entry.item.priority,
              entry.created, entry.updated, entry.entered});
  }
}

std::size_t Work::number_of(std::string_view chain) {
  const auto found = numbers_.find(chain);
  if (found != numbers_.end()) return found->second;
  numbers_.emplace(chain, chains_.size());
  chains_.emplace_back();
  return chains_.size() - 1;
}

void Work::name_chain(std::string_view chain, std::string_view title) {
  std::string& mine = chains_[number_of(chain)].title;
  if (mine.empty()) mine = short_title(title);
}

void Work::touch(std::string_view path, std::string_view action, std::optional<TimeText> time) {
  if (!can_be_key(path)) return;
  auto found = files_.find(path);
  if (found == files_.end()) {
    if (files_.size() == kMostFiles) {
      ++files_left_out_;
      return;
    }
    found = files_.emplace(std::string(path), Touched{}).first;
  }
  found->second.action = std::string(action);
  if (action != "read" && time) found->second.changed = time;
}

void Work::ran_in(std::string_view directory) {
  if (directory.empty() || directory == directory_) return;
  if (workspace_.empty()) workspace_ = std::string(directory);
  directory_ = std::string(directory);
}

void Work::property(std::string_view name, std::string_view text) {
  if (!text.empty()) property(name, json::Value::string(text));
}

void Work::property(std::string_view name, const json::Value& value) {
  if (properties_.size() == kMostProperties) return;
  for (const auto& [known, _] : properties_) {
    if (known == name) return;
  }
  properties_.emplace_back(name, json::to_text(value));
}

void Work::put_tasks(ImportContext& into) const {
  const auto main = numbers_.find("");
  if (main != numbers_.end()) chains_[main->second].todos.put(into, "", "");
  std::size_t number = 0;
  for (const Chain& chain : chains_) {
    if (main != numbers_.end() && &chain == &chains_[main->second]) continue;
    if (chain.todos.empty()) continue;
    const std::string key = "agent/" + std::to_string(++number);
    const std::string title = chain.title.empty() ? "Side chain" : chain.title;
    NewTask task;
    task.title = title;
    task.rank = kFirstChainRank + static_cast<std::int64_t>(number);
    task.status = chain.todos.status();
    put_task(into, key, task);
    chain.todos.put(into, key + "/", key);
  }
}

void Work::put_files(ImportContext& into) const {
  const std::string inside = workspace_.empty() ? "" : workspace_ + "/";
  for (const auto& [path, touched] : files_) {
    capnp::MallocMessageBuilder message;
    auto file = message.initRoot<schema::File>();
    file.setOrigin(into.origin());
    set_text(touched.action, file, &schema::File::Builder::initLastAction);
    file.setIsWorkspace(!inside.empty() && path.starts_with(inside));
    if (touched.changed) {
      file.setModifiedAt(touched.changed->nanos);
      file.setModifiedAtForm(touched.changed->form);
    }
    into.put(path, file.asReader());
  }
  if (files_left_out_ != 0) {
    into.warn("more than " + std::to_string(kMostFiles) +
              " files were touched; the list of files is not complete");
  }
}

void Work::put_session(ImportContext& into) const {
  const auto is_ours = [&](std::string_view key) {
    const auto found = into.change().get<schema::SessionRecord>(key);
    return !found || (*found)->getOrigin() == into.origin();
  };
  // What somebody else said about the session stays.
  if ((!workspace_.empty() || !properties_.empty()) && is_ours("metadata")) {
    capnp::MallocMessageBuilder message;
    auto record = message.initRoot<schema::SessionRecord>();
    record.setOrigin(into.origin());
    auto metadata = record.initMetadata();
    if (!workspace_.empty()) {
      set_text(workspace_, metadata, &schema::Metadata::Builder::initWorkspace);
    }
    if (!properties_.empty()) {
      auto list = metadata.initProperties(list_size(properties_.size()));
      for (unsigned i = 0; i < list.size(); ++i) {
        schema::Property::Builder property = list[i];
        set_text(properties_[i].first, property, &schema::Property::Builder::initName);
        set_text(properties_[i].second, property, &schema::Property::Builder::initValue);
      }
    }
    into.put("metadata", record.asReader());
  }
  if (!directory_.empty() && is_ours("context")) {
    capnp::MallocMessageBuilder message;
    auto record = message.initRoot<schema::SessionRecord>();
    record.setOrigin(into.origin());
    auto context = record.initContext();
    set_text(directory_, context, &schema::ExecutionContext::Builder::initWorkingDirectory);
    into.put("context", record.asReader());
  }
}

void Work::finish(ImportContext& into) const {
  put_tasks(into);
  put_files(into);
  put_session(into);
  into.erase_missing({Table::kMessages, Table::kTasks, Table::kFiles, Table::kSession});
}

std::vector<PatchedFile> patched_files(std::string_view patch) {
  struct Head {
    std::string_view words;
    std::string_view action;
  };
  static constexpr std::array<Head, 4> kHeads = {{{"*** Add File: ", "write"},
                                                  {"*** Update File: ", "edit"},
                                                  {"*** Delete File: ", "delete"},
                                                  {"*** Move to: ", "write"}}};
  std::vector<PatchedFile> files;
  bool has_source = false;  // of a move: the last file is the one the patch speaks of
  while (!patch.empty()) {
    const std::size_t end = patch.find('\n');
    std::string_view line = patch.substr(0, end);
    patch = end == std::string_view::npos ? std::string_view() : patch.substr(end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    for (const Head& head : kHeads) {
      if (!line.starts_with(head.words)) continue;
      // The file that moved is there no more.
      const bool moves = head.words.starts_with("*** Move");
      if (moves && has_source) files.back().action = "delete";
      const std::string_view path = line.substr(head.words.size());
      has_source = path.size() <= format::kMaxKeyBytes;
      if (has_source) files.push_back({std::string(path), head.action});
    }
  }
  return files;
}

std::string below(std::string_view directory, std::string_view path) {
  if (path.starts_with('/') || directory.empty() || path.empty()) return std::string(path);
  std::string result = (std::filesystem::path(directory) / path).lexically_normal().string();
  return result;
}

}  // namespace session::convert::transcript
