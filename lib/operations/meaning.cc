#include "lib/operations/meaning.h"

#include <utility>

#include "lib/operations/meaning_parts.h"
#include "lib/store/view.h"

namespace session::operations {

void MeaningContext::find(FindingCode code, Table table, std::string_view key,
                          std::string message) {
  Finding finding;
  finding.code = code;
  finding.severity = finding_kinds().at(static_cast<std::size_t>(code)).severity;
  finding.table = table;
  finding.key = std::string(key);
  finding.revisions = {snapshot_.revision()};
  finding.message = std::move(message);
  sink_(std::move(finding));
}

void MeaningContext::advance() {
  constexpr std::uint64_t kStep = 4096;
  if (++records_ % kStep != 0 || !progress_) return;
  if (!progress_({"checking the meaning", 0, 0})) {
    throw Error(ErrorCode::kInterrupted, "stopped on request");
  }
}

// What a session says of itself, and the counts its checkpoints keep.
void check_bookkeeping(MeaningContext& context) {
  const Snapshot& snapshot = context.snapshot();
  const auto identity = snapshot.get<schema::Upkeep>("identity");
  if (!identity || (*identity)->getIdentity().getSessionId().size() == 0) {
    context.find(FindingCode::kMissingMetadata, Table::kUpkeep, "identity",
                 "the session has no id of its own");
  }
  const store::View& view = snapshot.view();
  for (const CheckpointInfo& checkpoint : snapshot.checkpoints()) {
    context.advance();
    const auto offset = view.commit_offset(checkpoint.revision);
    if (!offset) continue;
    const auto then = store::View::open(view.pages(), view.header(), *offset);
    const std::uint64_t tasks = then->size(Table::kTasks).count;
    if (tasks == checkpoint.task_count) continue;
    context.find(FindingCode::kInconsistentCounter, Table::kCheckpoints, checkpoint.id,
                 "the checkpoint says it has " + std::to_string(checkpoint.task_count) +
                     " tasks; it has " + std::to_string(tasks));
  }
}

void check_session_meaning(const Snapshot& snapshot, const std::string& workspace,
                           const ProgressCallback& progress, const FindingSink& sink) {
  MeaningContext context(snapshot, progress, sink);
  check_tasks(context);
  check_executions(context);
  check_messages(context);
  check_events(context);
  check_bookkeeping(context);
  check_imported_aca(context);
  if (!workspace.empty()) check_workspace(context, workspace);
}

}  // namespace session::operations
