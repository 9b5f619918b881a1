#include "lib/manager/validation.h"

#include <kj/exception.h>

#include <string>
#include <utility>

#include "lib/manager/core.h"
#include "lib/operations/meaning.h"
#include "lib/store/view.h"
#include "session/verify.h"

namespace session::manager {
namespace {

void add(ValidationReport& report, Finding finding) {
  ++report.total;
  if (finding.severity == Severity::kWarning) ++report.warnings;
  if (finding.severity >= Severity::kError) ++report.errors;
  if (report.findings.size() < ValidationReport::kMaxFindings) {
    report.findings.push_back(std::move(finding));
  }
}

Finding unreadable(const std::string& why, std::optional<std::uint64_t> offset) {
  Finding finding;
  finding.code = FindingCode::kStructure;
  finding.severity = Severity::kCritical;
  finding.effect = FindingEffect::kLoss;
  finding.offset = offset;
  finding.message = "what the session says cannot be read to its end: " + why;
  return finding;
}

// Under the lock: the view through the changes is good until the next save.
void check_meaning(const Core& core, const ValidationOptions& options, ValidationReport& report) {
  const Snapshot now = core.records().so_far();
  std::string workspace;
  if (options.workspace_files) {
    const auto metadata = now.get<schema::SessionRecord>("metadata");
    if (metadata) workspace = store::to_string((*metadata)->getMetadata().getWorkspace());
    if (workspace.empty()) workspace = ".";
  }
  try {
    operations::check_session_meaning(now, workspace, options.progress,
                                      [&](Finding finding) { add(report, std::move(finding)); });
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kDamaged && error.code() != ErrorCode::kNotFound) throw;
    add(report, unreadable(error.message(), error.offset()));
  } catch (const kj::Exception& exception) {
    add(report, unreadable(exception.getDescription().cStr(), std::nullopt));
  }
}

// That it is not closed, and that bytes of no commit stand behind its head, is its running. A file
// whose last commits are damaged looks like that too, but we know where they are.
void check_saved_file(const Core& core, const ValidationOptions& options,
                      ValidationReport& report) {
  const std::uint64_t head_offset = core.saved().info().offset;
  VerifyOptions verifying;
  verifying.files = core.config().files;
  verifying.progress = options.progress;
  verifying.on_finding = [&](Finding finding) {
    if (finding.code == FindingCode::kNotClosed) return;
    if (finding.code == FindingCode::kTornTail) {
      if (finding.offset.value_or(0) > head_offset) return;
      finding.severity = Severity::kCritical;
      finding.effect = FindingEffect::kLoss;
      finding.message = "commits of this session that were saved are not there any more";
    }
    add(report, std::move(finding));
  };
  (void)verify(core.config().path, verifying);
}

}  // namespace

ValidationReport validate(const Core& core, const ValidationOptions& options) {
  ValidationReport report;
  core.look([&] { check_meaning(core, options, report); });
  if (options.saved_file) check_saved_file(core, options, report);
  return report;
}

}  // namespace session::manager
