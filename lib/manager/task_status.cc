// The status of a task: what may follow what, what is kept about it, and its executions.

#include <capnp/message.h>

#include <algorithm>
#include <utility>

#include "lib/convert/time_text.h"
#include "lib/manager/task_change.h"

namespace session {
namespace manager {

TaskChange::TaskChange(Core& core) : core_(core), task_(message_.initRoot<schema::Task>()) {}

TaskChange::TaskChange(Core& core, std::string_view key) : core_(core), key_(key), task_(nullptr) {
  message_.setRoot(*core.tasks().require(key));
  task_ = message_.getRoot<schema::Task>();
}

void TaskChange::put_as(std::string_view key) {
  const std::int64_t now = core_.now();
  task_.setUpdatedAt(now);
  task_.setUpdatedAtForm(convert::utc_form(now));
  if (task_.hasPlan()) core_.redact(task_.getPlan().getEnvironment());
  core_.tasks().put(key, task_.asReader());
}

}  // namespace manager

using manager::as_text;
using manager::Core;
using manager::set_list;
using manager::size_of;
using manager::TaskChange;
using schema::TaskStatus;

namespace {

const char* word(TaskStatus status) {
  constexpr std::array<const char*, kTaskStatuses> kWords = {"pending",   "in progress", "blocked",
                                                             "completed", "failed",      "skipped"};
  const auto index = static_cast<std::size_t>(status);
  return index < kWords.size() ? kWords[index] : "in a status of a later version";
}

void stamp(schema::StatusDetail::Builder detail, std::int64_t now) {
  detail.setAt(now);
  detail.setAtForm(convert::utc_form(now));
}

void expect(schema::StatusDetail::Builder detail, std::int64_t at_nanos) {
  if (at_nanos == 0) return;
  detail.setExpected(at_nanos);
  detail.setExpectedForm(convert::utc_form(at_nanos));
}

// What an execution is closed with.
struct Closing {
  const ResourceUse* used = nullptr;
  const std::vector<std::string>* files_modified = nullptr;
  std::string error = {};
};

void close_execution(Core& core, const Entry<schema::Execution>& open, schema::Task::Reader task,
                     const Closing& closing) {
  capnp::MallocMessageBuilder message;
  message.setRoot(*open);
  auto record = message.getRoot<schema::Execution>();
  record.setStatus(task.getStatus());
  record.setStatusDetail(task.getStatusDetail());
  record.setCompletedAt(task.getStatusDetail().getAt());
  record.setCompletedAtForm(task.getStatusDetail().getAtForm());
  if (closing.used != nullptr) {
    record.setCpuNanos(closing.used->cpu_nanos);
    record.setMemoryBytes(closing.used->memory_bytes);
    record.setDiskBytes(closing.used->disk_bytes);
    record.setNetworkRequests(closing.used->network_requests);
  }
  if (closing.files_modified != nullptr && !closing.files_modified->empty()) {
    set_list(record.initFilesModified(size_of(*closing.files_modified)), *closing.files_modified);
  }
  if (!closing.error.empty()) record.initErrors(1).set(0, as_text(closing.error));
  core.executions().put(open.key(), record.asReader());
}

// One is open, and it is the newest; another program may have left more.
void close_executions(Core& core, std::string_view key, schema::Task::Reader task,
                      const Closing& closing) {
  auto open = core.executions().of(key);
  std::erase_if(open, [](const auto& one) { return one->getStatus() != TaskStatus::IN_PROGRESS; });
  for (const auto& one : open) {
    close_execution(core, one, task, &one == &open.back() ? closing : Closing{});
  }
}

void open_execution(Core& core, std::string_view key, const TaskStart& start, std::int64_t now) {
  capnp::MallocMessageBuilder message;
  auto record = message.initRoot<schema::Execution>();
  record.setTask(as_text(std::string(key)));
  record.setStatus(TaskStatus::IN_PROGRESS);
  record.setStartedAt(now);
  record.setStartedAtForm(convert::utc_form(now));
  if (!start.agent_session.empty()) record.setAgentSession(as_text(start.agent_session));
  core.executions().put(core.executions().next_key(key), record.asReader());
}

// Checks the step and takes it; `fill` sets the details of the new status.
template <class Fill>
void enter(Core& core, std::string_view key, TaskStatus to, const Closing& closing, Fill&& fill) {
  TaskChange change(core, key);
  auto task = change.task();
  const TaskStatus from = task.getStatus();
  if (!may_follow(from, to)) {
    throw Error(ErrorCode::kUsage, "task " + std::string(key) + " is " + word(from) +
                                       " and cannot become " + word(to) + " from there");
  }
  task.setStatus(to);
  auto detail = task.initStatusDetail();
  stamp(detail, core.now());
  fill(detail);
  if (from == TaskStatus::IN_PROGRESS) close_executions(core, key, task.asReader(), closing);
  change.put();
  core.tell(TaskChanged{std::string(key), from, to});
  if (to == TaskStatus::COMPLETED) core.count_completion();
}

std::uint32_t failures_of(Core& core, std::string_view key) {
  const auto executions = core.executions().of(key);
  return static_cast<std::uint32_t>(std::count_if(
      executions.begin(), executions.end(),
      [](const auto& execution) { return execution->getStatus() == TaskStatus::FAILED; }));
}

void fill(schema::TaskResult::Builder result, const TaskCompletion& completion) {
  using Kind = schema::TaskResult::Kind;
  result.setKind(completion.is_partial ? Kind::PARTIAL : Kind::SUCCESS);
  if (!completion.output.empty()) result.setOutput(as_text(completion.output));
  if (!completion.remaining.empty()) result.setRemaining(as_text(completion.remaining));
  const auto set = [&](const std::vector<std::string>& texts, auto init) {
    if (!texts.empty()) set_list((result.*init)(size_of(texts)), texts);
  };
  set(completion.files_created, &schema::TaskResult::Builder::initFilesCreated);
  set(completion.files_modified, &schema::TaskResult::Builder::initFilesModified);
  set(completion.artifacts, &schema::TaskResult::Builder::initArtifacts);
}

void fill(schema::TaskError::Builder error, const TaskFailure& failure) {
  error.setKind(failure.kind);
  error.setExitCode(failure.exit_code);
  error.setElapsedNanos(failure.elapsed_nanos);
  if (!failure.message.empty()) error.setMessage(as_text(failure.message));
  if (!failure.output.empty()) error.setOutput(as_text(failure.output));
  if (!failure.error_output.empty()) error.setErrorOutput(as_text(failure.error_output));
  if (!failure.path.empty()) error.setPath(as_text(failure.path));
  if (!failure.operation.empty()) error.setOperation(as_text(failure.operation));
  if (!failure.files.empty()) set_list(error.initFiles(size_of(failure.files)), failure.files);
}

}  // namespace

void TaskManager::start(std::string_view key, const TaskStart& start) {
  core_.change([&] {
    enter(core_, key, TaskStatus::IN_PROGRESS, {}, [&](schema::StatusDetail::Builder detail) {
      expect(detail, start.expected_at_nanos);
      open_execution(core_, key, start, detail.getAt());
    });
  });
}

void TaskManager::complete(std::string_view key, const TaskCompletion& completion) {
  core_.change([&] {
    const Closing closing{&completion.used, &completion.files_modified};
    enter(core_, key, TaskStatus::COMPLETED, closing, [&](schema::StatusDetail::Builder detail) {
      if (!completion.reason.empty()) detail.setReason(as_text(completion.reason));
      fill(detail.initResult(), completion);
    });
  });
}

void TaskManager::fail(std::string_view key, const TaskFailure& failure) {
  core_.change([&] {
    const Closing closing{&failure.used, &failure.files_modified, failure.message};
    enter(core_, key, TaskStatus::FAILED, closing, [&](schema::StatusDetail::Builder detail) {
      detail.setRetryCount(failures_of(core_, key));
      fill(detail.initError(), failure);
    });
  });
}

void TaskManager::block(std::string_view key, const TaskBlocking& blocking) {
  core_.change([&] {
    const Closing closing{&blocking.used};
    enter(core_, key, TaskStatus::BLOCKED, closing, [&](schema::StatusDetail::Builder detail) {
      if (!blocking.reason.empty()) detail.setReason(as_text(blocking.reason));
      expect(detail, blocking.retry_at_nanos);
    });
  });
}

void TaskManager::skip(std::string_view key, std::string_view reason) {
  core_.change([&] {
    enter(core_, key, TaskStatus::SKIPPED, {}, [&](schema::StatusDetail::Builder detail) {
      if (!reason.empty()) detail.setReason(as_text(std::string(reason)));
    });
  });
}

void TaskManager::reset(std::string_view key) {
  core_.change(
      [&] { enter(core_, key, TaskStatus::PENDING, {}, [](schema::StatusDetail::Builder) {}); });
}

}  // namespace session
