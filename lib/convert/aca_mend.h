#pragma once
// Puts right what aca_check.h finds wrong with a state: what its lists, counters and times say once
// more is made anew from the tasks. Nothing here touches a task's own words.

#include <string>
#include <string_view>
#include <vector>

#include "lib/convert/aca_check.h"
#include "lib/convert/aca_state.h"
#include "lib/convert/json.h"

namespace session::convert::aca {

struct Mend {
  DefectKind kind;
  std::string place;  // "metadata.total_tasks"
  json::Value before;
  json::Value after;
};

// Counters, times, version and list of roots of `outline.document`, and ids and lists of the tasks
// that no record holds. `state` is the whole of it.
[[nodiscard]] std::vector<Mend> mend_outline(const json::Value& state, Outline& outline);

// Who lists children that are not its own, or lists one twice, or leaves one out.
[[nodiscard]] std::vector<std::string> tasks_with_wrong_lists(const json::Value& state);

// A task's `extra` that says nothing of these members any more; empty: that was all. They are made
// from the records from now on.
[[nodiscard]] std::string without_members(std::string_view extra,
                                          const std::vector<std::string_view>& members);

// Makes of a state what aca can read: parts and metadata that are missing are added, what no task
// has is left out, and a status that nobody knows becomes "Pending". Says what was done.
std::vector<std::string> mend_shape(json::Value& document);

}  // namespace session::convert::aca
