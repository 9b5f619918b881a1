#include "cli/render/task_page.h"

#include <optional>

#include "cli/io/interrupt.h"
#include "cli/render/names.h"
#include "cli/render/task_tree.h"
#include "cli/render/text.h"
#include "cli/render/units.h"

namespace session::cli {
namespace {

using Texts = capnp::List<capnp::Text>::Reader;

std::string joined(Texts texts) {
  std::string out;
  for (const auto text : texts) {
    if (!out.empty()) out += ", ";
    out += view(text);
  }
  return out;
}

std::string time_or_nothing(std::int64_t nanos, std::uint32_t form) {
  return form == 0 ? std::string() : short_time(nanos);
}

// "✓ st-12  Its title", with what is special about it behind.
void write_reference(Page& page, const Snapshot& snapshot, std::string_view key,
                     std::string_view relation) {
  std::string line = "  ";
  const auto task = snapshot.get<schema::Task>(key);
  const Ink ink = task ? status_ink((*task)->getStatus()) : Ink::kYellow;
  line += page.style().paint(ink, task ? status_mark((*task)->getStatus()) : "?") + " ";
  line += page.style().paint(Ink::kBold, one_line(key)) + "  ";
  line += task ? one_line(task_title(snapshot, *task)) : "is not in this session";
  if (!relation.empty()) line += page.style().paint(Ink::kDim, "  " + one_line(relation));
  page.line(line);
}

void write_facts(Page& page, const Snapshot& snapshot, schema::Task::Reader task) {
  const schema::TaskStatus status = task.getStatus();
  const auto detail = task.getStatusDetail();
  std::string words = std::string(status_mark(status)) + " " + std::string(status_words(status));
  if (detail.getAtForm() != 0) words += " since " + short_time(detail.getAt());
  page.fact("status", words, status_ink(status));
  page.fact("reason", view(detail.getReason()));
  page.fact("expected", time_or_nothing(detail.getExpected(), detail.getExpectedForm()));
  page.fact("kind", view(task.getKind()));
  page.fact("priority", priority_word(task.getPriority()));
  page.fact("complexity", complexity_word(task.getComplexity()));
  page.fact("assignee", view(task.getAssignee()));
  page.fact("tags", joined(task.getTags()));
  page.fact("created", time_or_nothing(task.getCreatedAt(), task.getCreatedAtForm()));
  page.fact("updated", time_or_nothing(task.getUpdatedAt(), task.getUpdatedAtForm()));
  if (task.getEstimatedNanos() != 0) {
    page.fact("estimated", human_duration(task.getEstimatedNanos()));
  }
  if (!task.getParent().size()) return;
  page.heading("Part of");
  write_reference(page, snapshot, view(task.getParent()), "");
}

void write_outcome(Page& page, schema::StatusDetail::Reader detail) {
  if (detail.hasResult()) {
    const auto result = detail.getResult();
    page.heading(result.getKind() == schema::TaskResult::Kind::PARTIAL ? "Partial result"
                                                                       : "Result");
    page.fact("created", joined(result.getFilesCreated()));
    page.fact("modified", joined(result.getFilesModified()));
    page.fact("artifacts", joined(result.getArtifacts()));
    page.block(view(result.getOutput()), 2);
    page.paragraph("Remaining", view(result.getRemaining()));
  }
  if (detail.hasError()) {
    const auto error = detail.getError();
    page.heading("Error");
    page.fact("kind", error_kind_word(error.getKind()), Ink::kRed);
    page.fact("path", view(error.getPath()));
    page.fact("operation", view(error.getOperation()));
    if (error.getExitCode() != 0) page.fact("exit code", std::to_string(error.getExitCode()));
    if (detail.getRetryCount() != 0) page.fact("retries", std::to_string(detail.getRetryCount()));
    page.fact("files", joined(error.getFiles()));
    page.block(view(error.getMessage()), 2);
    page.paragraph("Error output", view(error.getErrorOutput()));
    page.paragraph("Output", view(error.getOutput()));
  }
}

void write_plan(Page& page, schema::TaskPlan::Reader plan) {
  if (plan.getRepositories().size() > 0) page.heading("Repositories");
  for (const auto repository : plan.getRepositories()) {
    std::string line = "  " + one_line(view(repository.getName()));
    if (repository.hasUrl()) line += "  " + one_line(view(repository.getUrl()));
    if (repository.hasBranch()) line += "  " + one_line(view(repository.getBranch()));
    page.line(line);
  }
  if (plan.getFiles().size() > 0) page.heading("Files");
  for (const auto file : plan.getFiles()) {
    std::string line = "  " + one_line(view(file.getPath()));
    if (file.getFirstLine() != 0) {
      line += ":" + std::to_string(file.getFirstLine()) + "-" + std::to_string(file.getLastLine());
    }
    page.line(line);
  }
}

void write_comments(Page& page, capnp::List<schema::Comment>::Reader comments) {
  if (comments.size() > 0) page.heading("Comments");
  for (const auto comment : comments) {
    std::string head = "  " + one_line(view(comment.getAuthor()));
    if (comment.getTimeForm() != 0) head += "  " + short_time(comment.getTime());
    page.line(page.style().paint(Ink::kDim, head));
    page.block(view(comment.getText()), 4);
  }
}

void write_relations(Page& page, const Snapshot& snapshot, std::string_view key,
                     schema::Task::Reader task) {
  if (task.getDependencies().size() > 0) page.heading("Depends on");
  for (const auto dependency : task.getDependencies()) {
    const std::string_view label = view(dependency.getLabel());
    write_reference(page, snapshot, view(dependency.getTarget()),
                    label.empty() ? dependency_word(dependency.getType()) : label);
  }
  const auto dependents = dependents_of(snapshot, key);
  if (!dependents.empty()) page.heading("Depended on by");
  for (const std::string& dependent : dependents) write_reference(page, snapshot, dependent, "");
  const auto children = snapshot.children(key);
  if (!children.empty()) page.heading("Consists of");
  for (const ChildRef& child : children) write_reference(page, snapshot, child.key, "");
}

void write_execution(Page& page, std::string_view key, schema::Execution::Reader execution) {
  const schema::TaskStatus status = execution.getStatus();
  std::string line = "  " + page.style().paint(status_ink(status), status_mark(status)) + " " +
                     one_line(key) + "  " + std::string(status_words(status));
  if (execution.getStartedAtForm() != 0) line += ", from " + short_time(execution.getStartedAt());
  if (execution.getCompletedAtForm() != 0) {
    line += " to " + short_time(execution.getCompletedAt());
  }
  page.line(line);
  std::string used;
  const auto add = [&used](bool any, const std::string& text) {
    if (any) used += (used.empty() ? "" : ", ") + text;
  };
  add(execution.getCpuNanos() != 0, human_duration(execution.getCpuNanos()) + " processor");
  add(execution.getMemoryBytes() != 0, human_bytes(execution.getMemoryBytes()) + " memory");
  add(execution.getDiskBytes() != 0, human_bytes(execution.getDiskBytes()) + " disk");
  add(execution.getNetworkRequests() != 0, counted(execution.getNetworkRequests(), "request"));
  page.block(used, 6, 0, Ink::kDim);
  page.block(joined(execution.getFilesModified()), 6);
  for (const auto error : execution.getErrors()) page.block(view(error), 6, 0, Ink::kRed);
}

}  // namespace

std::vector<std::string> dependents_of(const Snapshot& snapshot, std::string_view key) {
  std::vector<std::string> dependents;
  for (const auto& entry : snapshot.all<schema::Task>()) {
    stop_if_interrupted();
    for (const auto dependency : entry->getDependencies()) {
      if (view(dependency.getTarget()) != key) continue;
      dependents.emplace_back(entry.key());
      break;
    }
  }
  return dependents;
}

std::vector<AnyEntry> executions_of(const Snapshot& snapshot, std::string_view key) {
  // Keys are "<task>#<number>", and $ comes after #. Another task's key may begin like this one's.
  const std::string prefix(key);
  std::vector<AnyEntry> executions;
  for (const auto& entry : snapshot.range<schema::Execution>(prefix + "#", prefix + "$")) {
    if (view(entry->getTask()) == key) executions.push_back(entry.any());
  }
  return executions;
}

void write_task_page(Page& page, const Snapshot& snapshot, const WholeRecord& whole) {
  const auto task = whole.as<schema::Task>();
  page.line(page.style().paint(Ink::kBold, one_line(whole.key())) + "  " +
            one_line(view(task.getTitle())));
  write_facts(page, snapshot, task);
  page.paragraph("Description", view(task.getDescription()));
  page.paragraph("Details", view(task.getDetails()));
  page.paragraph("Done when", view(task.getAcceptance()));
  page.paragraph("Notes", view(task.getNotes()));
  write_plan(page, task.getPlan());
  write_outcome(page, task.getStatusDetail());
  write_relations(page, snapshot, whole.key(), task);
  write_comments(page, task.getComments());
  const auto executions = executions_of(snapshot, whole.key());
  if (!executions.empty()) page.heading("Executions");
  for (const AnyEntry& entry : executions) {
    const WholeRecord execution = snapshot.whole(Table::kExecutions, entry);
    write_execution(page, entry.key(), execution.as<schema::Execution>());
  }
  page.paragraph("What its source said besides", view(task.getExtra()));
}

}  // namespace session::cli
