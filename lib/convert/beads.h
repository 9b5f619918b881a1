#pragma once
// An issue of the tracker "beads" and a task, both ways: the mapping alone, without files.
//
//   status   open pending, in_progress in progress, hooked in progress, closed completed,
//            blocked and deferred blocked, tombstone skipped, pinned pending
//   details  closed_at and close_reason, or deleted_at and delete_reason of a tombstone, or
//            defer_until, are the status' time, reason and expected time
//   edges    all in the task's dependencies: blocks a prerequisite, parent-child a parent, the rest
//            related with the source's word as label. The first parent edge is the task's parent
//
// What the fields do not say exactly is kept in `extra`, so an issue comes back as it was
// (residual.h). Issues have no order among siblings: rank stays 0.

#include <string_view>

#include "lib/convert/json.h"
#include "session/schema/record.capnp.h"

namespace session::convert {

// The id, which is the task's key. Throws kBadSource (without a place) when this is no issue: no
// object, or without an id that can be a key.
[[nodiscard]] std::string_view issue_id(const json::Value& issue);

// Fills an empty task. Throws as issue_id.
void issue_to_task(const json::Value& issue, schema::Task::Builder task);

// For a task that came from beads, the issue as it was but for what was changed since; for any
// other, the nearest issue: a skipped task is closed, a failed one blocked. Throws kBadSource when
// the task's `extra` is no patch.
[[nodiscard]] json::Value task_to_issue(std::string_view key, schema::Task::Reader task);

}  // namespace session::convert
