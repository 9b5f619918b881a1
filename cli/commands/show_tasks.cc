// The views of `show` that are about tasks: the tree, one task, the summary.

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "cli/commands/show.h"
#include "cli/render/page.h"
#include "cli/render/revision.h"
#include "cli/render/task_forest.h"
#include "cli/render/task_page.h"
#include "cli/render/task_tree.h"
#include "cli/render/text.h"
#include "cli/render/units.h"
#include "session/error.h"

namespace session::cli {
namespace {

constexpr std::array kStatusesInOrder = {
    schema::TaskStatus::PENDING,   schema::TaskStatus::IN_PROGRESS, schema::TaskStatus::BLOCKED,
    schema::TaskStatus::COMPLETED, schema::TaskStatus::FAILED,      schema::TaskStatus::SKIPPED};
constexpr std::size_t kNeighbours = 3;

bool is_filtered(const ShowRequest& request) {
  return !request.statuses.empty() || request.ready_only || request.since_nanos.has_value();
}

bool is_wanted(const ShowRequest& request, const TaskForest& forest, TaskIndex index) {
  const TaskNode& task = forest[index];
  const auto& statuses = request.statuses;
  if (!statuses.empty() &&
      std::find(statuses.begin(), statuses.end(), task.status) == statuses.end()) {
    return false;
  }
  if (request.since_nanos && task.changed_nanos.value_or(INT64_MIN) < *request.since_nanos) {
    return false;
  }
  return !request.ready_only || forest.is_ready(index);
}

void write_counts(Json& document, const TaskForest& forest) {
  document.field("total", forest.size());
  for (const auto status : kStatusesInOrder) {
    document.field(status_name(status), forest.count(status));
  }
}

void write_tasks_json(Context& context, const ShowRequest& request, const TaskForest& forest) {
  ShowDocument document(context, request);
  document.key("counts").begin_object();
  write_counts(document, forest);
  document.end_object().field("progress_percent", forest.progress_percent());
  document.key("tasks").begin_array();
  std::uint64_t shown = 0;
  for (TaskIndex i = 0; i < forest.size(); ++i) {
    if (!is_wanted(request, forest, i)) continue;
    const auto entry = request.snapshot.find(Table::kTasks, forest[i].key);
    if (entry) document.record(request.snapshot, Table::kTasks, *entry);
    if (++shown == request.limit) break;
  }
  document.end_array();
  document.finish();
}

void write_tasks_text(Context& context, const ShowRequest& request, const TaskForest& forest) {
  const Style style = context.style();
  std::ostream& out = context.out();
  out << style.paint(Ink::kBold, one_line(request.file)) << "  revision "
      << request.snapshot.revision() << ", " << short_time(request.snapshot.info().time_nanos)
      << '\n'
      << task_summary(forest, style) << '\n';
  if (forest.size() == 0) return;
  out << '\n';
  TreeOptions options;
  options.columns = context.columns();
  options.limit = request.limit;
  if (is_filtered(request)) {
    for (TaskIndex i = 0; i < forest.size(); ++i) {
      options.wanted.push_back(is_wanted(request, forest, i));
    }
  }
  draw_task_tree(out, style, request.snapshot, forest, options);
  std::uint64_t missing = 0;
  for (const auto& [task, odd] : forest.odd()) missing += odd.why == OddParent::kMissing ? 1 : 0;
  const std::uint64_t circular = forest.odd().size() - missing;
  if (missing > 0) {
    context.remark(counted(missing, "task") +
                   " with a parent that is not in the session, shown as " +
                   (missing == 1 ? "a root" : "roots"));
  }
  if (circular > 0) {
    context.remark(counted(circular, "circle") +
                   " of parents, each opened at the task with the first key");
  }
}

// A task that is there, or an error that names some with keys like it.
AnyEntry find_task(const ShowRequest& request) {
  if (auto entry = request.snapshot.find(Table::kTasks, request.key)) return *std::move(entry);
  std::string text = "there is no task '" + request.key + "' in revision " +
                     std::to_string(request.snapshot.revision());
  Cursor cursor = request.snapshot.cursor(Table::kTasks, request.key);
  for (std::size_t i = 0; i < kNeighbours && cursor.valid(); ++i, cursor.next()) {
    text += (i == 0 ? "; the next keys are '" : "', '") + std::string(cursor.key());
    if (i + 1 == kNeighbours) text += "'";
  }
  throw Error(ErrorCode::kNotFound, text + "; `sessiontool show FILE` lists the tasks",
              request.file);
}

struct Running {
  std::string key;
  std::string title;
  std::optional<std::int64_t> since_nanos;
};

// What `show FILE status` says.
struct Status {
  std::vector<Running> running;
  std::uint64_t ready = 0;
  std::optional<std::int64_t> last_message_nanos;
  std::optional<CheckpointInfo> last_checkpoint;
  std::int64_t age_nanos = 0;  // of the revision
  FileInfo file;
};

std::optional<std::int64_t> last_message_time(const Snapshot& snapshot) {
  std::optional<std::int64_t> last;
  for (const auto& message : snapshot.all<schema::Message>()) {
    if (message->getTimeForm() != 0) last = std::max(last.value_or(INT64_MIN), message->getTime());
  }
  return last;
}

Status status_of(const ShowRequest& request, const TaskForest& forest) {
  const Snapshot& snapshot = request.snapshot;
  Status status;
  status.file = request.reader.info();
  // A clock may have been set back.
  status.age_nanos = std::max(std::int64_t{0}, now_nanos() - snapshot.info().time_nanos);
  for (TaskIndex i = 0; i < forest.size(); ++i) {
    if (forest.is_ready(i)) ++status.ready;
    if (forest[i].status != schema::TaskStatus::IN_PROGRESS) continue;
    const auto task = snapshot.get<schema::Task>(forest[i].key);
    if (!task) continue;
    const auto detail = (*task)->getStatusDetail();
    status.running.push_back(
        {forest[i].key, task_title(snapshot, *task),
         detail.getAtForm() != 0 ? std::optional(detail.getAt()) : std::nullopt});
  }
  status.last_message_nanos = last_message_time(snapshot);
  auto checkpoints = snapshot.checkpoints();
  if (!checkpoints.empty()) status.last_checkpoint = std::move(checkpoints.back());
  return status;
}

std::optional<std::string> optional_time(std::optional<std::int64_t> nanos) {
  return nanos ? std::optional(rfc3339(*nanos)) : std::nullopt;
}

void write_status_json(Context& context, const ShowRequest& request, const TaskForest& forest,
                       const Status& status) {
  const Snapshot& snapshot = request.snapshot;
  ShowDocument document(context, request);
  document.field("time", rfc3339(snapshot.info().time_nanos));
  document.field("age_seconds", status.age_nanos / 1'000'000'000);
  document.field("bytes", status.file.file_bytes);
  write_writer(document, status.file);
  document.key("tasks").begin_object();
  write_counts(document, forest);
  document.field("ready", status.ready).end_object();
  document.field("progress_percent", forest.progress_percent());
  document.key("running").begin_array();
  for (const Running& task : status.running) {
    document.begin_object().field("key", task.key).field("title", task.title);
    document.field("since", optional_time(task.since_nanos)).end_object();
  }
  document.end_array();
  document.field("messages", snapshot.count(Table::kMessages));
  document.field("last_message", optional_time(status.last_message_nanos));
  document.field("files", snapshot.count(Table::kFiles));
  document.field("events", snapshot.count(Table::kEvents));
  document.key("last_checkpoint");
  if (const auto& checkpoint = status.last_checkpoint) {
    document.begin_object().field("id", checkpoint->id).field("revision", checkpoint->revision);
    document.field("time", rfc3339(checkpoint->time_nanos));
    document.field("description", checkpoint->description).end_object();
  } else {
    document.null();
  }
  document.finish();
}

void write_status_text(Context& context, const ShowRequest& request, const TaskForest& forest,
                       const Status& status) {
  const Snapshot& snapshot = request.snapshot;
  const Style style = context.style();
  Page page(context.out(), style);
  page.line(task_summary(forest, style));
  page.fact("ready", grouped(status.ready));
  for (const Running& task : status.running) {
    std::string line = task.key + "  " + task.title;
    if (task.since_nanos) line += "  since " + short_time(*task.since_nanos);
    page.fact("running", line, Ink::kCyan);
  }
  std::string messages = grouped(snapshot.count(Table::kMessages));
  if (status.last_message_nanos)
    messages += ", the last at " + short_time(*status.last_message_nanos);
  page.fact("messages", messages);
  page.fact("files", grouped(snapshot.count(Table::kFiles)));
  page.fact("events", grouped(snapshot.count(Table::kEvents)));
  if (const auto& checkpoint = status.last_checkpoint) {
    page.fact("checkpoint", checkpoint->id + ", revision " + std::to_string(checkpoint->revision) +
                                ", " + short_time(checkpoint->time_nanos) + "  " +
                                checkpoint->description);
  }
  page.fact("revision", std::to_string(snapshot.revision()) + ", " +
                            short_time(snapshot.info().time_nanos) + ", " +
                            human_duration(status.age_nanos) + " ago");
  page.fact("file", human_bytes(status.file.file_bytes) + ", " + writer_words(status.file));
}

}  // namespace

void show_tasks(Context& context, const ShowRequest& request) {
  const TaskForest forest(request.snapshot);
  if (context.options.json) {
    write_tasks_json(context, request, forest);
  } else {
    write_tasks_text(context, request, forest);
  }
}

void show_task(Context& context, const ShowRequest& request) {
  const AnyEntry entry = find_task(request);
  const Snapshot& snapshot = request.snapshot;
  if (!context.options.json) {
    const Style style = context.style();
    Page page(context.out(), style);
    write_task_page(page, snapshot, snapshot.whole(Table::kTasks, entry));
    return;
  }
  ShowDocument document(context, request);
  document.key("task");
  document.record(snapshot, Table::kTasks, entry);
  document.key("executions").begin_array();
  for (const AnyEntry& execution : executions_of(snapshot, request.key)) {
    document.record(snapshot, Table::kExecutions, execution);
  }
  document.end_array().key("children").begin_array();
  for (const ChildRef& child : snapshot.children(request.key)) document.text(child.key);
  document.end_array().key("dependents").begin_array();
  for (const std::string& key : dependents_of(snapshot, request.key)) document.text(key);
  document.end_array();
  document.finish();
}

void show_status(Context& context, const ShowRequest& request) {
  const TaskForest forest(request.snapshot);
  const Status status = status_of(request, forest);
  if (context.options.json) {
    write_status_json(context, request, forest, status);
  } else {
    write_status_text(context, request, forest, status);
  }
}

}  // namespace session::cli
