#pragma once
// A task of aca, with its executions, as records and back.
//
//   status                 status and statusDetail; result and error with their kinds
//   parent_id, children    parent and rank: the order of `children` (of the roots: of `roots`)
//   dependencies           prerequisites
//   execution_history      a record of its own each, key "<task>#<six digits>"
//   estimated_duration     nanoseconds; megabytes become bytes, seconds nanoseconds
//   everything else in `metadata`   priority, complexity, tags, plan
//
// What the fields cannot say exactly is kept in `extra` (residual.h), so that any object whatever
// comes back as it was.

#include <string>
#include <string_view>
#include <vector>

#include "lib/convert/json.h"
#include "session/schema/record.capnp.h"

namespace session::convert::aca {

// Where a task stands in the tree, which more than one of aca's objects says.
struct Place {
  std::string parent;  // empty: a root
  std::int64_t rank = 0;
  std::vector<std::string> children;  // in order
};

// Fills an empty record. `task` must be an object.
void task_to_record(std::string_view key, const json::Value& task, const Place& place,
                    schema::Task::Builder record);
// The executions of a task that get records of their own: none unless all are objects.
[[nodiscard]] const json::Array& executions_of(const json::Value& task);
void execution_to_record(std::string_view task_key, const json::Value& execution,
                         schema::Execution::Builder record);

// And back. `executions` in their order.
[[nodiscard]] json::Value record_to_task(std::string_view key, schema::Task::Reader record,
                                         const std::vector<std::string>& children,
                                         json::Array executions);
[[nodiscard]] json::Value record_to_execution(schema::Execution::Reader record);

}  // namespace session::convert::aca
