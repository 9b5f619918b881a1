#pragma once
// Whether what a revision says makes sense: references that lead nowhere, circles, times that run
// backwards, counters that are wrong, calls without results, files that are not what they were.
// Each kind of finding has its own code; none of them is damage.

#include <functional>
#include <string>

#include "session/finding.h"
#include "session/progress.h"
#include "session/snapshot.h"

namespace session::operations {

using FindingSink = std::function<void(Finding)>;

// `workspace`: the directory that relative paths of tracked files are in; empty: files are not
// looked at. Throws what reading the snapshot throws, kInterrupted, and kj::Exception for a record
// that somebody forged.
void check_session_meaning(const Snapshot& snapshot, const std::string& workspace,
                           const ProgressCallback& progress, const FindingSink& sink);

}  // namespace session::operations
