#pragma once
// Where two JSON values differ: members of objects by name, elements of lists as a list becomes
// another, everything else whole.

#include <string>
#include <string_view>
#include <vector>

#include "lib/convert/json.h"
#include "session/diff.h"

namespace session::operations {

// Appends the differences to `changes`, in the order of the left side's members, then of the
// right's. A null pointer is a side that is absent (not both); objects and lists are then told part
// by part.
void diff_json(const std::string& path, const convert::json::Value* left,
               const convert::json::Value* right, std::vector<FieldChange>& changes);

// `path` with a member behind it.
[[nodiscard]] std::string member_path(const std::string& path, std::string_view name);
[[nodiscard]] std::string element_path(const std::string& path, std::size_t index);

}  // namespace session::operations
