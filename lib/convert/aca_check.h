#pragma once
// What is wrong with a state of aca that is sound JSON: references that lead nowhere, cycles,
// lists that contradict each other, counts that are wrong, variants nobody knows.

#include <string>
#include <vector>

#include "lib/convert/json.h"

namespace session::convert::aca {

// What aca itself would refuse to read: no metadata of a task, unknown variants, ...
[[nodiscard]] std::vector<std::string> shape_findings(const json::Value& document);
// What it would read and stumble over.
[[nodiscard]] std::vector<std::string> meaning_findings(const json::Value& document);

}  // namespace session::convert::aca
