#include "session/manager.h"

#include <capnp/message.h>

#include <utility>

#include "lib/convert/time_text.h"
#include "lib/manager/core.h"
#include "lib/manager/recovery.h"
#include "lib/manager/tracked_file.h"
#include "lib/manager/validation.h"
#include "lib/store/view.h"

namespace session {

using manager::as_text;

namespace {

void require_open_table(Table table) {
  if (table == Table::kTasks) {
    throw Error(ErrorCode::kUsage, "tasks are changed through Session::tasks()");
  }
  if (!is_content(table)) {
    throw Error(ErrorCode::kUsage,
                "the table " + std::string(table_name(table)) + " is kept by the session itself");
  }
}

// The record under `key` of the table `session`, changed in place.
template <class Change>
void change_session_record(manager::Core& core, const std::string& key, const Change& change) {
  capnp::MallocMessageBuilder message;
  if (const auto old = core.records().get<schema::SessionRecord>(key)) {
    message.setRoot(**old);
  } else {
    message.initRoot<schema::SessionRecord>();
  }
  core.leaving_alone(Table::kSession, key,
                     [&] { change(message.getRoot<schema::SessionRecord>()); });
  core.put(Table::kSession, key, message.getRoot<schema::SessionRecord>().asReader());
}

}  // namespace

Session::Session(std::unique_ptr<manager::Core> core) : core_(std::move(core)) {}
Session::~Session() = default;
Session::Session(Session&&) noexcept = default;

Session Session::open(const SessionConfig& config) {
  return Session(manager::open_core(config));
}

TaskManager& Session::tasks() {
  return core_->manager();
}
const OpenReport& Session::report() const {
  return core_->report();
}
const std::optional<SessionRecovery>& Session::recovery() const {
  return core_->recovery();
}
SessionStatistics Session::statistics() const {
  return core_->statistics();
}
SessionPolicy Session::policy() const {
  return core_->policy();
}
SessionStatus Session::status() const {
  return core_->status();
}
Snapshot Session::saved() const {
  return core_->saved();
}

ValidationReport Session::validate(const ValidationOptions& options) const {
  return manager::validate(*core_, options);
}

std::string Session::add_message(const NewMessage& message) {
  return core_->change([&] {
    capnp::MallocMessageBuilder builder;
    auto record = builder.initRoot<schema::Message>();
    const std::int64_t now = core_->now();
    record.setRole(message.role);
    record.setText(as_text(message.text));
    record.setTime(now);
    record.setTimeForm(convert::utc_form(now));
    record.setInputTokens(message.input_tokens);
    record.setOutputTokens(message.output_tokens);
    if (!message.model.empty()) record.setModel(as_text(message.model));
    if (!message.task.empty()) record.setTask(as_text(message.task));
    if (!message.agent.empty()) record.setAgent(as_text(message.agent));
    if (message.fill) message.fill(record);
    std::string key = core_->next_position(Table::kMessages);
    core_->records().upsert(key, record.asReader());
    core_->tell(RecordAdded{Table::kMessages, key});
    return key;
  });
}

std::string Session::add_event(const NewEvent& event) {
  return core_->change([&] {
    capnp::MallocMessageBuilder builder;
    auto record = builder.initRoot<schema::Event>();
    const std::int64_t now = core_->now();
    record.setTime(now);
    record.setTimeForm(convert::utc_form(now));
    record.setSeverity(event.severity);
    if (!event.kind.empty()) record.setKind(as_text(event.kind));
    if (!event.text.empty()) record.setText(as_text(event.text));
    if (!event.task.empty()) record.setTask(as_text(event.task));
    std::string key = core_->next_position(Table::kEvents);
    core_->records().upsert(key, record.asReader());
    core_->tell(RecordAdded{Table::kEvents, key});
    return key;
  });
}

void Session::set_value(std::string_view key, std::string_view text, std::string_view media_type) {
  capnp::MallocMessageBuilder message;
  auto record = message.initRoot<schema::Value>();
  record.setText(as_text(std::string(text)));
  if (!media_type.empty()) record.setMediaType(as_text(std::string(media_type)));
  put(Table::kValues, key, record.asReader());
}

void Session::set_context(const std::function<void(schema::ExecutionContext::Builder)>& change) {
  core_->change([&] {
    change_session_record(*core_, "context", [&](schema::SessionRecord::Builder record) {
      change(record.hasContext() ? record.getContext() : record.initContext());
    });
  });
}

void Session::set_metadata(const std::function<void(schema::Metadata::Builder)>& change) {
  core_->change([&] {
    change_session_record(*core_, "metadata", [&](schema::SessionRecord::Builder record) {
      change(record.hasMetadata() ? record.getMetadata() : record.initMetadata());
    });
  });
}

bool Session::track_file(const std::string& path, const TrackOptions& options) {
  std::string workspace;
  if (const auto metadata = get<schema::SessionRecord>("metadata")) {
    workspace = store::to_string((*metadata)->getMetadata().getWorkspace());
  }
  capnp::MallocMessageBuilder message;
  auto record = message.initRoot<schema::File>();
  manager::read_tracked_file(workspace, path, options, record);  // others need not wait for it
  return core_->change([&] {
    if (!core_->records().upsert_if_different(Table::kFiles, path, record.asReader())) {
      return false;
    }
    core_->tell(RecordAdded{Table::kFiles, path});
    return true;
  });
}

void Session::put(Table table, std::string_view key, AnyRecord record) {
  require_open_table(table);
  core_->change([&] { core_->put(table, key, record); });
}

bool Session::erase(Table table, std::string_view key) {
  require_open_table(table);
  return core_->change([&] {
    if (!core_->records().erase(table, key)) return false;
    core_->tell(RecordErased{table, std::string(key)});
    return true;
  });
}

std::optional<AnyEntry> Session::find(Table table, std::string_view key) const {
  return core_->look([&]() -> std::optional<AnyEntry> {
    const auto entry = std::as_const(*core_).records().find(table, key);
    if (!entry) return std::nullopt;
    return manager::own(*entry);
  });
}

bool Session::transaction(const std::function<void(Edit&)>& work) {
  return core_->transaction(work);
}

CommitResult Session::save(const std::string& message) {
  return core_->save(message);
}

CommitResult Session::checkpoint(const CheckpointOptions& options) {
  return core_->checkpoint(options);
}

CommitResult Session::before_risky_operation(const std::string& what) {
  CheckpointOptions options;
  options.trigger = schema::Trigger::BEFORE_RISKY_OPERATION;
  options.is_automatic = true;
  options.reason = what;
  return core_->checkpoint(options);
}

CommitResult Session::checkpoint_after_error(const std::string& what) {
  CheckpointOptions options;
  options.trigger = schema::Trigger::ERROR;
  options.is_automatic = true;
  options.reason = what;
  return core_->checkpoint(options);
}

CommitResult Session::milestone(const std::string& what) {
  CheckpointOptions options;
  options.trigger = schema::Trigger::MILESTONE;
  options.reason = what;
  return core_->checkpoint(options);
}

void Session::delete_checkpoint(std::string_view id) {
  core_->delete_checkpoint(id);
}
CommitResult Session::restore(std::string_view revision) {
  return core_->restore(revision);
}
std::uint64_t Session::observe(SessionObserver observer) {
  return core_->observe(std::move(observer));
}
void Session::unobserve(std::uint64_t number) {
  core_->unobserve(number);
}
void Session::request_shutdown() noexcept {
  core_->request_shutdown();
}
bool Session::shutdown_requested() const noexcept {
  return core_->shutdown_requested();
}
void Session::shutdown() {
  core_->shutdown();
}

}  // namespace session
