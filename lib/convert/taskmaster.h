#pragma once
// A task of the tracker "Task Master" and a record, both ways: the mapping alone. How tasks stand
// in a document is taskmaster_document.h.
//
//   status     pending, todo, not-started pending; in-progress, review in progress; blocked,
//              deferred blocked; done, completed completed; cancelled skipped
//   priority   critical, high, medium, low
//   texts      details; testStrategy as acceptance; assignee; tags
//   edges      each of `dependencies` a prerequisite: what is written as 3, "3" or "3.1" leads to
//              the key of a sibling (in a subtask), a subtask or a task of the same list, whichever
//              is there. One that leads nowhere is kept, with the key it would have
//   times      createdAt, updatedAt; estimatedHours
//
// What the fields do not say exactly is kept in `extra`, so a task comes back as it was
// (residual.h). A task's id is the last part of its key, to the letter: 31.1 is not 31.10.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "lib/convert/json.h"
#include "session/schema/record.capnp.h"

namespace session::convert::taskmaster {

// Where the tasks below a task stand.
inline constexpr std::string_view kSubtasks = "subtasks";

// The id as it stands in a key: a string's characters, a number's text. Nothing for what is no task
// or has no id that could be part of a key.
[[nodiscard]] std::optional<std::string_view> id_text(const json::Value& task);

struct Place {
  std::string_view list;    // the name of the list that all keys of it begin with
  std::string_view parent;  // the key of the task it is a subtask of; empty: of none
  std::int64_t rank = 0;
};

// Says whether a key is a task's.
using Exists = std::function<bool(std::string_view key)>;

// To Task Master an edge means that one task waits for the other, and nothing else.
[[nodiscard]] bool has_place_for(schema::DependencyType type);

// Fills an empty record. The subtasks of `task` are what is left there of them.
void task_to_record(std::string_view key, const json::Value& task, const Place& place,
                    const Exists& exists, schema::Task::Builder record);

// For a record that came from Task Master, the task as it was but for what was changed since; for
// any other the nearest there is. Throws kBadSource when the record's `extra` is no patch.
[[nodiscard]] json::Value record_to_task(std::string_view key, std::string_view list,
                                         schema::Task::Reader record);

}  // namespace session::convert::taskmaster
