#pragma once
// What a transcript says, beside the conversation, about the work itself: the last state of its
// todo lists becomes tasks, the files its tools touched become files, and where it ran becomes the
// session's metadata. All of it is made anew from the messages at each import, and no export reads
// it.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/convert/converter.h"
#include "lib/convert/json.h"
#include "lib/convert/time_text.h"
#include "session/schema/record.capnp.h"

namespace session::convert::transcript {

// One entry of a todo list, as a tool wrote it.
struct TodoItem {
  std::string title;
  std::string id;  // the source's, if it has one
  schema::TaskStatus status = schema::TaskStatus::PENDING;
  schema::Priority priority = schema::Priority::UNSET;
};

// From a list of objects: the member `title_name` is the title, "status" a word such as
// "in_progress", "priority" one such as "high". Nothing if this is no such list.
[[nodiscard]] std::optional<std::vector<TodoItem>> todo_items(const json::Value& list,
                                                              std::string_view title_name);

// A todo list through its states. An item keeps its number as long as it can be told which one it
// is: by its id, by its title, or, where most of the list stayed, by its place. So a status that
// changes is an update of one task, and so is a title that was edited.
class TodoList {
 public:
  void become(std::vector<TodoItem> items, std::optional<TimeText> time);
  [[nodiscard]] bool empty() const { return items_.empty(); }
  [[nodiscard]] std::size_t size() const { return items_.size(); }
  // The status of the whole.
  [[nodiscard]] schema::TaskStatus status() const;
  // Keys are `prefix` and "todo/", then the number.
  void put(ImportContext& into, const std::string& prefix, std::string_view parent) const;

 private:
  struct Entry {
    TodoItem item;
    std::uint64_t number = 0;
    std::optional<TimeText> created;
    std::optional<TimeText> updated;
    std::optional<TimeText> entered;  // its status
  };
  void adopt(std::vector<Entry>& next, std::vector<bool>& taken);

  std::vector<Entry> items_;
  std::uint64_t next_number_ = 1;
};

// Everything one transcript says about the work.
class Work {
 public:
  // The list of the main conversation ("") or of a side chain.
  [[nodiscard]] TodoList& todos(std::string_view chain) { return chains_[number_of(chain)].todos; }
  void name_chain(std::string_view chain, std::string_view title);

  // "read", "write", "edit" or "delete". A path that cannot be a key is passed over.
  void touch(std::string_view path, std::string_view action, std::optional<TimeText> time);

  // The first directory is the workspace, the last one the working directory.
  void ran_in(std::string_view directory);
  // A property of the session; the first value stays. An empty text is none.
  void property(std::string_view name, std::string_view text);
  void property(std::string_view name, const json::Value& value);

  // Enters it all and erases what an earlier import of this format made and this one has not:
  // messages, tasks, files and the session's own records.
  void finish(ImportContext& into) const;

 private:
  struct Chain {
    std::string title;
    TodoList todos;
  };
  struct Touched {
    std::string action;
    std::optional<TimeText> changed;  // the last time it was not only read
  };
  std::size_t number_of(std::string_view chain);
  void put_tasks(ImportContext& into) const;
  void put_files(ImportContext& into) const;
  void put_session(ImportContext& into) const;

  std::map<std::string, std::size_t, std::less<>> numbers_;
  std::vector<Chain> chains_;
  std::map<std::string, Touched, std::less<>> files_;
  std::uint64_t files_left_out_ = 0;
  std::string workspace_;
  std::string directory_;
  std::vector<std::pair<std::string, std::string>> properties_;  // name and JSON
};

// The first line that is not blank, cut to a readable length.
[[nodiscard]] std::string short_title(std::string_view text);

// A file a patch in the form of apply_patch names, with what happens to it.
struct PatchedFile {
  std::string path;
  std::string_view action;
};
[[nodiscard]] std::vector<PatchedFile> patched_files(std::string_view patch);

// `path`, if it is relative below `directory`.
[[nodiscard]] std::string below(std::string_view directory, std::string_view path);

}  // namespace session::convert::transcript
