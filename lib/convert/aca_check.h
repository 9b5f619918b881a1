#pragma once
// What is wrong with a state of aca that is sound JSON: references that lead nowhere, cycles,
// lists that contradict each other, counts that are wrong, variants nobody knows.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/convert/json.h"

namespace session::convert::aca {

inline constexpr std::array<std::string_view, 4> kStateParts = {
    "metadata", "task_tree", "execution_context", "file_system_state"};
[[nodiscard]] bool is_task_member(std::string_view name);

// What aca itself would refuse to read: no metadata of a task, unknown variants, ...
[[nodiscard]] std::vector<std::string> shape_findings(const json::Value& document);
// What it would read and stumble over.
enum class DefectKind : std::uint8_t {
  kReference,  // a parent or dependency that does not exist
  kChild,      // a listed child that does not exist
  kKey,        // a key that is not the task's id
  kDuplicate,  // a child listed twice, or by somebody who is not its parent
  kUnlisted,   // a child its parent does not list
  kRoots,      // a list of roots that contradicts the tasks
  kCircle,     // of dependencies or parents
  kTaskTime,   // times of a task that run backwards
  kTime,       // times of the session that do
  kCount,      // a counter that is wrong
  kVersion,    // of another program
};
struct Defect {
  DefectKind kind;
  std::string key;  // of the task; empty: of the session
  std::string text;
};
[[nodiscard]] std::vector<Defect> meaning_findings(const json::Value& document);

}  // namespace session::convert::aca
