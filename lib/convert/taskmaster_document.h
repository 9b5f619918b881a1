#pragma once
// A document of Task Master: where its tasks stand, and what is left of it without them.
//
// A list of tasks is an array called "tasks" in one of three places, and several may be in one
// document:
//
//   {"TAG": {"tasks": [..]}}             list TAG
//   {"tags": {"TAG": {"tasks": [..]}}}   list TAG; list tags.TAG if there is a TAG as above
//   {"tasks": [..]}                      the legacy shape: list master; list tasks if there is one
//
// A task's key is LIST/ID, that of its subtasks LIST/ID/ID and so on. The order among siblings is
// their rank: the number in their ids where these ascend (so that a task removed changes no other
// one), else the position; each list has a range of ranks of its own.
//
// Everything else - which lists there were and how, metadata of tags, fields of one's own - stays
// where it was in the document, which is kept as the value "taskmaster/document". A list in it
// holds only what is no task or has no id that could be a key, as pairs [position, element].

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "lib/convert/json.h"
#include "lib/convert/json_place.h"

namespace session::convert::taskmaster {

inline constexpr std::string_view kDocumentKey = "taskmaster/document";
inline constexpr std::string_view kLegacyList = "master";

struct TaskList {
  std::string name;
  json::Path path;
  json::Value* tasks = nullptr;  // the array, in the document
};

// Of a list's tasks, which all are siblings without a parent: those of one list stand together, and
// master first. A list that comes or goes moves no other one. Subtasks begin with 0.
[[nodiscard]] std::int64_t first_rank(std::string_view list);

// The lists of a document, by the rules above.
class TaskLists {
 public:
  // Refers to the document, whose shape must stay.
  explicit TaskLists(json::Value& document);

  [[nodiscard]] std::vector<TaskList>& all() { return lists_; }
  // The list a key begins with, the longest name first.
  [[nodiscard]] TaskList* of(std::string_view key);

 private:
  void add(std::string name, std::string other_name, json::Path path, json::Value& holder);

  std::vector<TaskList> lists_;
  std::unordered_map<std::string, std::size_t> by_name_;
};

struct TaskItem {
  std::string key;
  std::string parent;
  std::string list;
  std::int64_t rank = 0;
  json::Path path;   // in the source
  json::Value task;  // its subtasks are what is left of them
};

struct Taken {
  std::vector<TaskItem> tasks;  // each before its subtasks
  std::size_t left = 0;         // elements of lists that stay in the document
  json::Path first_left;
};

// Takes the tasks out of a document. Throws kBadSource when an id stands twice in a list, with both
// places in `text`, which the document was parsed from.
[[nodiscard]] Taken take_tasks(json::Value& document, std::string_view text);

// One that goes back into a list.
struct Placed {
  std::int64_t rank = 0;
  std::string_view key;
  json::Value task;
};
// The list with its leftovers and these tasks, in the order of their ranks, of which the first
// would be `first_rank`. Takes any list for what it is: what is no pair comes last.
[[nodiscard]] json::Array filled(json::Array leftovers, std::vector<Placed> tasks,
                                 std::int64_t first_rank);

// Is this the beginning of a document with a list of tasks?
[[nodiscard]] bool looks_like_document(std::string_view head);

// Is there a place for tasks, if not a list in it?
[[nodiscard]] bool has_place_for_tasks(const json::Value& document);

}  // namespace session::convert::taskmaster
