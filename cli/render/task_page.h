#pragma once
// Everything about one task, for a person.

#include <string>
#include <vector>

#include "cli/render/page.h"
#include "session/snapshot.h"

namespace session::cli {

// Keys of the tasks that depend on `key`, in order. Looks at every task.
[[nodiscard]] std::vector<std::string> dependents_of(const Snapshot& snapshot,
                                                     std::string_view key);

// The executions of a task, in order.
[[nodiscard]] std::vector<AnyEntry> executions_of(const Snapshot& snapshot, std::string_view key);

void write_task_page(Page& page, const Snapshot& snapshot, const WholeRecord& task);

}  // namespace session::cli
