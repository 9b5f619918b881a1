#include "lib/store/revision_name.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <vector>

#include "format/canary.h"
#include "lib/convert/time_text.h"

namespace session::store {
namespace {

// Shorter prefixes of an id would be numbers or words by chance.
constexpr std::size_t kMinIdPrefix = 4;

std::optional<std::uint64_t> as_number(std::string_view text) {
  std::uint64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return std::nullopt;
  return number;
}

std::uint64_t back_from_head(const View& head, std::uint64_t steps) {
  std::uint64_t found = 0;
  std::uint64_t left = steps;
  head.history([&](const RevisionInfo& info) {
    found = info.revision;
    return left-- > 0;
  });
  const std::uint64_t limit = head.revision_count() + (format::planted("revision") ? 1 : 0);
  if (steps < limit) return found;
  throw Error(ErrorCode::kNotFound, "there is no revision ~" + std::to_string(steps) + ": only " +
                                        std::to_string(head.revision_count()) + " are kept");
}

// The one checkpoint that `matches`; null if none does.
template <class Matches>
const CheckpointInfo* only_checkpoint(const std::vector<CheckpointInfo>& checkpoints,
                                      std::string_view name, Matches matches) {
  const CheckpointInfo* found = nullptr;
  std::string candidates;
  std::size_t count = 0;
  for (const CheckpointInfo& checkpoint : checkpoints) {
    if (!matches(checkpoint)) continue;
    found = &checkpoint;
    ++count;
    candidates += (count > 1 ? ", " : "") + checkpoint.id;
  }
  if (count > 1) {
    throw Error(ErrorCode::kUsage,
                "\"" + std::string(name) + "\" means several checkpoints: " + candidates);
  }
  return found;
}

// By id, description or a beginning of the id, in this order; null if there is none.
const CheckpointInfo* find_checkpoint(const std::vector<CheckpointInfo>& checkpoints,
                                      std::string_view name) {
  const CheckpointInfo* found =
      only_checkpoint(checkpoints, name, [&](const CheckpointInfo& c) { return c.id == name; });
  if (found != nullptr) return found;
  found = only_checkpoint(checkpoints, name,
                          [&](const CheckpointInfo& c) { return c.description == name; });
  if (found != nullptr || name.size() < kMinIdPrefix) return found;
  return only_checkpoint(checkpoints, name,
                         [&](const CheckpointInfo& c) { return c.id.starts_with(name); });
}

}  // namespace

void throw_no_such_revision(const View& head, std::uint64_t revision) {
  std::string text = "there is no revision " + std::to_string(revision);
  const std::vector<std::uint64_t> near = head.nearest_revisions(revision);
  for (std::size_t i = 0; i < near.size(); ++i) {
    text += (i == 0 ? "; the nearest kept: " : " and ") + std::to_string(near[i]);
  }
  throw Error(ErrorCode::kNotFound, text);
}

CheckpointInfo resolve_checkpoint(const View& head, std::string_view name) {
  const std::vector<CheckpointInfo> checkpoints = head.checkpoints();
  if (const CheckpointInfo* found = find_checkpoint(checkpoints, name)) return *found;
  throw Error(ErrorCode::kNotFound, "there is no checkpoint \"" + std::string(name) +
                                        "\"; `sessiontool checkpoint FILE --list` shows all");
}

std::uint64_t resolve_revision(const View& head, std::string_view name) {
  if (name == "head") return head.info().revision;
  if (name.starts_with('~')) {
    if (const auto steps = as_number(name.substr(1))) return back_from_head(head, *steps);
  }
  if (const auto number = as_number(name)) {
    if (head.commit_offset(*number)) return *number;
    throw_no_such_revision(head, *number);
  }
  const std::vector<CheckpointInfo> checkpoints = head.checkpoints();
  if (const CheckpointInfo* found = find_checkpoint(checkpoints, name)) return found->revision;
  if (const auto time = convert::parse_time(name)) {
    const std::uint64_t revision = head.revision_at(time->nanos);
    if (revision != 0) return revision;
    throw Error(ErrorCode::kNotFound,
                "no revision is as old as " + std::string(name) + "; `sessiontool log` lists them");
  }
  throw Error(ErrorCode::kNotFound,
              "\"" + std::string(name) +
                  "\" is no revision: expected a number, head, ~N, a checkpoint's id, prefix or "
                  "description, or a time like 2026-11-22T10:00:00Z; `sessiontool log` lists them");
}

}  // namespace session::store
