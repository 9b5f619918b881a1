#include "cli/render/names.h"

#include <array>

namespace session::cli {
namespace {

using schema::TaskStatus;
using schema::Trigger;

constexpr std::string_view kUnknown = "unknown";

struct StatusLook {
  std::string_view name;
  std::string_view words;
  std::string_view mark;
  Ink ink;
};

constexpr std::array<StatusLook, kTaskStatuses> kStatuses = {{
    {"pending", "pending", "·", Ink::kPlain},
    {"in_progress", "in progress", "▶", Ink::kCyan},
    {"blocked", "blocked", "‼", Ink::kYellow},
    {"completed", "completed", "✓", Ink::kGreen},
    {"failed", "failed", "✗", Ink::kRed},
    {"skipped", "skipped", "⊘", Ink::kDim},
}};
constexpr StatusLook kUnknownStatus = {kUnknown, kUnknown, "?", Ink::kPlain};

const StatusLook& look_of(TaskStatus status) {
  const auto index = static_cast<std::size_t>(status);
  return index < kStatuses.size() ? kStatuses.at(index) : kUnknownStatus;
}

constexpr std::array<std::string_view, 9> kTriggers = {"manual",
                                                       "time_interval",
                                                       "task_completion",
                                                       "significant_progress",
                                                       "before_risky_operation",
                                                       "error",
                                                       "milestone",
                                                       "before_restore",
                                                       "bound"};
// The last two are made by the library for itself.
constexpr std::size_t kTriggerChoices = 7;

template <class Enum, std::size_t kCount>
std::string_view word_of(Enum value, const std::array<std::string_view, kCount>& words) {
  const auto index = static_cast<std::size_t>(value);
  return index < kCount ? words.at(index) : kUnknown;
}

}  // namespace

std::string_view status_name(TaskStatus status) {
  return look_of(status).name;
}
std::string_view status_words(TaskStatus status) {
  return look_of(status).words;
}
std::string_view status_mark(TaskStatus status) {
  return look_of(status).mark;
}
Ink status_ink(TaskStatus status) {
  return look_of(status).ink;
}

std::optional<TaskStatus> status_from_name(std::string_view name) {
  for (std::size_t i = 0; i < kStatuses.size(); ++i) {
    if (kStatuses.at(i).name == name) return static_cast<TaskStatus>(i);
  }
  return std::nullopt;
}

std::vector<std::string> status_names() {
  std::vector<std::string> names;
  for (const StatusLook& look : kStatuses) names.emplace_back(look.name);
  return names;
}

std::string_view priority_word(schema::Priority priority) {
  return word_of(priority,
                 std::array<std::string_view, 6>{"", "critical", "high", "", "low", "background"});
}

std::string_view complexity_word(schema::Complexity complexity) {
  return word_of(complexity, std::array<std::string_view, 6>{"", "trivial", "simple", "moderate",
                                                             "complex", "epic"});
}

std::string_view dependency_word(schema::DependencyType type) {
  return word_of(type, std::array<std::string_view, 6>{"needs", "prefers", "together with",
                                                       "not beside", "part of", "related to"});
}

std::string_view role_word(schema::Role role) {
  return word_of(role, std::array<std::string_view, 8>{"message", "user", "assistant", "system",
                                                       "tool", "developer", "summary", "event"});
}

std::string_view severity_word(schema::Event::Severity severity) {
  return word_of(severity, std::array<std::string_view, 3>{"info", "warning", "error"});
}

std::string_view error_kind_word(schema::TaskError::Kind kind) {
  return word_of(kind, std::array<std::string_view, 7>{"error", "agent", "build", "file system",
                                                       "resource", "dependency", "timeout"});
}

std::string_view trigger_name(Trigger trigger) {
  return word_of(trigger, kTriggers);
}

std::vector<std::string> trigger_choices() {
  return {kTriggers.begin(), kTriggers.begin() + kTriggerChoices};
}

std::optional<Trigger> trigger_from_name(std::string_view name) {
  for (std::size_t i = 0; i < kTriggers.size(); ++i) {
    if (kTriggers.at(i) == name) return static_cast<Trigger>(i);
  }
  return std::nullopt;
}

}  // namespace session::cli
