#pragma once
// What checking a running session finds.
//
//   const ValidationReport report = session.validate();
//   for (const Finding& finding : report.findings) show(finding.message);
//
// The meaning of everything in it, what is not saved yet included: broken references, circles,
// times that run backwards, counters that are wrong. Asked for, also the bytes of what was saved
// and the files of the workspace. Changes nothing; Session::tasks() puts right what is wrong in a
// task, and of a session that was shut down `repair --fix-semantics` corrects what is_correctable()
// says.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "session/finding.h"
#include "session/progress.h"

namespace session {

struct ValidationOptions {
  bool saved_file = false;  // every frame, link and count up to the last save, as verify() does
  bool workspace_files = false;    // whether tracked files are what they were
  ProgressCallback progress = {};  // must not call the session
};

struct ValidationReport {
  std::vector<Finding> findings;  // the first kMaxFindings; the numbers are of all
  std::uint64_t total = 0;
  std::uint64_t errors = 0;  // of severity error and critical
  std::uint64_t warnings = 0;

  static constexpr std::size_t kMaxFindings = 1'000;
};

}  // namespace session
