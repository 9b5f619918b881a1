#include "lib/operations/meaning.h"

#include <map>
#include <set>
#include <string>
#include <utility>

#include "lib/operations/erasure.h"
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

namespace {

// Their keys are known by their hashes only, so those of the whole table are hashed.
void find_erased_again(MeaningContext& context, Table table, const std::set<std::string>& names) {
  for (Cursor cursor = context.snapshot().cursor(table); cursor.valid(); cursor.next()) {
    context.advance();
    if (!names.contains(marker_text(table, cursor.key()))) continue;
    context.find(FindingCode::kErasedRecordBack, table, cursor.key(),
                 "the record was erased for good and is there again");
  }
}

}  // namespace

void check_erased(MeaningContext& context) {
  std::map<Table, std::set<std::string>> erased;
  for (const auto& recovery : context.snapshot().all<schema::Recovery>()) {
    for (std::string& name : erased_names(*recovery)) {
      const auto table = table_from_name(name.substr(0, name.find(' ')));
      if (!table || !is_content(*table)) continue;
      context.find(FindingCode::kErasedRecord, Table::kRecoveries, recovery.key(),
                   "a record of table " + std::string(table_name(*table)) + " was erased for good");
      erased[*table].insert(std::move(name));
    }
  }
  for (const auto& [table, names] : erased) find_erased_again(context, table, names);
}

void check_session_meaning(const Snapshot& snapshot, const std::string& workspace,
                           const ProgressCallback& progress, const FindingSink& sink) {
  MeaningContext context(snapshot, progress, sink);
  check_tasks(context);
  check_executions(context);
  check_messages(context);
  check_events(context);
  check_bookkeeping(context);
  check_erased(context);
  check_imported_aca(context);
  if (!workspace.empty()) check_workspace(context, workspace);
}

}  // namespace session::operations
