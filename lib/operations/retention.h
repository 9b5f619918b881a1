#pragma once
// Which revisions stay, and why. Knows nothing of files: a function of what there is.

#include <set>
#include <vector>

#include "session/compact.h"

namespace session::operations {

// `history`: all revisions, oldest first. `dropped`: revisions that go whatever the rules say; the
// newest is not among them. The fates are in the order of the history.
[[nodiscard]] std::vector<RevisionFate> plan_retention(
    const std::vector<RevisionInfo>& history, const std::vector<CheckpointInfo>& checkpoints,
    const RetentionPolicy& policy, const std::set<std::uint64_t>& dropped);

}  // namespace session::operations
