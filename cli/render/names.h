#pragma once
// The words and signs for the enumerations of a session.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/render/style.h"
#include "session/schema/record.capnp.h"

namespace session::cli {

inline constexpr std::size_t kTaskStatuses = 6;

// "in_progress": what scripts see and --status takes (there also with a hyphen). An unknown value,
// from a newer version, is "unknown".
[[nodiscard]] std::string_view status_name(schema::TaskStatus status);
[[nodiscard]] std::optional<schema::TaskStatus> status_from_name(std::string_view name);
[[nodiscard]] std::vector<std::string> status_names();
// "in progress"
[[nodiscard]] std::string_view status_words(schema::TaskStatus status);
// One column wide.
[[nodiscard]] std::string_view status_mark(schema::TaskStatus status);
[[nodiscard]] Ink status_ink(schema::TaskStatus status);

// Empty for none and for the usual one.
[[nodiscard]] std::string_view priority_word(schema::Priority priority);
[[nodiscard]] std::string_view complexity_word(schema::Complexity complexity);
[[nodiscard]] std::string_view dependency_word(schema::DependencyType type);
[[nodiscard]] std::string_view role_word(schema::Role role);
[[nodiscard]] std::string_view severity_word(schema::Event::Severity severity);
[[nodiscard]] std::string_view error_kind_word(schema::TaskError::Kind kind);

// "before_risky_operation"
[[nodiscard]] std::string_view trigger_name(schema::Trigger trigger);
// The triggers a person can name; --trigger takes them.
[[nodiscard]] std::vector<std::string> trigger_choices();
[[nodiscard]] std::optional<schema::Trigger> trigger_from_name(std::string_view name);

// A Cap'n Proto text as a view.
[[nodiscard]] inline std::string_view view(capnp::Text::Reader text) {
  return {text.begin(), text.size()};
}

}  // namespace session::cli
