#include "lib/manager/core.h"

#include <capnp/message.h>

#include <algorithm>

#include "format/record_key.h"
#include "lib/manager/background.h"
#include "lib/manager/recovery.h"
#include "lib/manager/redact.h"
#include "lib/manager/statistics.h"
#include "lib/store/view.h"
#include "lib/store/writer_core.h"

namespace session::manager {

using format::kPositions;
using format::position_key;

AnyEntry own(const AnyEntry& entry) {
  struct Kept {
    std::string key;
    format::Record record;
  };
  auto kept =
      std::make_shared<const Kept>(Kept{std::string(entry.key()), format::Record(entry.record())});
  const std::string_view key = kept->key;
  const format::RecordView record = kept->record.view();
  return AnyEntry(key, record, std::move(kept));
}

Writer Core::open_writer(const SessionConfig& config, io::FileSystem& files) {
  WriterOptions options;
  options.files = &files;
  options.clock = config.clock;
  try {
    return Writer::open(config.path, options);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kNotFound || !config.create) throw;
  }
  CreateOptions creating;
  creating.name = config.name;
  creating.description = config.description;
  creating.workspace = config.workspace;
  creating.agent_version = config.agent_version;
  creating.files = &files;
  creating.clock = config.clock;
  return Writer::create(config.path, creating);
}

Core::Core(SessionConfig config, std::optional<SessionRecovery> recovery)
    : config_(std::move(config)),
      recovery_(std::move(recovery)),
      files_(config_.files != nullptr ? *config_.files : io::system_files()),
      writer_(open_writer(config_, files_)) {
  if (config_.observer) observe(config_.observer);
  begin(true);
  first_revision_ = writer_.head().revision();
  next_message_ = first_free_position(Table::kMessages);
  next_event_ = first_free_position(Table::kEvents);
  save_at_changes_ = config_.auto_save_changes;
  percent_at_checkpoint_ = table_.counts().percent_done();
  last_save_ = last_checkpoint_ = Clock::now();
  adopt_policy();
  load_statistics();
  record_recovery();
  const std::lock_guard lock(mutex_);  // its thread may ask for it at once
  background_ = std::make_unique<Background>(*this);
}

Core::~Core() {
  give_up();
}

std::int64_t Core::now() const {
  return config_.clock ? config_.clock() : store::system_nanos();
}

void Core::require_open() const {
  if (is_usable()) return;
  if (!is_open_) throw Error(ErrorCode::kUsage, "this session was shut down", config_.path);
  throw Error(ErrorCode::kPoisoned,
              "this session could not be read any more after a restore; shut it down and open it "
              "again",
              config_.path);
}

void Core::require_no_unit(const char* what) const {
  if (units_ == 0) return;
  throw Error(ErrorCode::kUsage, std::string(what) + " inside a transaction is not possible",
              config_.path);
}

void Core::begin(bool rescan) {
  change_.reset();
  change_.emplace(writer_.begin());
  executions_.stand_on(*change_);
  try {
    table_.stand_on(*change_, rescan);
  } catch (...) {
    change_.reset();  // with figures of another state nothing may go on
    throw;
  }
}

std::uint64_t Core::first_free_position(Table table) const {
  std::uint64_t low = 0;  // no record at or behind `high`
  std::uint64_t high = kPositions;
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    if (change_->cursor(table, position_key(middle)).valid()) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

std::string Core::next_position(Table table) {
  std::uint64_t& next = table == Table::kMessages ? next_message_ : next_event_;
  if (next >= kPositions) {
    throw Error(ErrorCode::kLimit, "there is no position left in " + std::string(table_name(table)),
                config_.path);
  }
  return position_key(next++);
}

void Core::take_position(Table table, std::string_view key) {
  if (table != Table::kMessages && table != Table::kEvents) return;
  std::uint64_t& next = table == Table::kMessages ? next_message_ : next_event_;
  if (next < kPositions && key < position_key(next)) return;
  const auto position = format::position_of(key);
  if (!position) {
    throw Error(ErrorCode::kUsage, "the keys of " + std::string(table_name(table)) +
                                       " are positions of ten digits, not " + std::string(key));
  }
  next = std::max(next, *position + 1);
}

void Core::put(Table table, std::string_view key, AnyRecord record) {
  if (table == Table::kExecutions) {
    executions_.put(key, record);
  } else if (table == Table::kSession) {
    capnp::MallocMessageBuilder message;
    message.setRoot(record.as<schema::SessionRecord>());
    auto copy = message.getRoot<schema::SessionRecord>();
    if (copy.hasContext()) redact(copy.getContext().getEnvironment());
    change_->upsert(key, copy.asReader());
  } else {
    change_->upsert_any(table, key, record);
  }
  take_position(table, key);
  tell(RecordAdded{table, std::string(key)});
}

void Core::redact(capnp::List<schema::Property>::Builder environment) const {
  if (config_.redact_secrets) manager::redact(environment, config_.secret_names);
}

std::optional<format::Record> Core::content(Table table, std::string_view key) const {
  const auto entry = change_->find(table, key);
  if (!entry) return std::nullopt;
  return format::Record(entry->record());
}

void Core::throw_changed_inside(std::string_view key) const {
  throw Error(ErrorCode::kUsage,
              "record " + std::string(key) +
                  " was changed by another call while a function was changing it; do one after "
                  "the other",
              config_.path);
}

Core::Mark Core::mark() {
  require_open();
  return {change_->savepoint(), table_.mark(), events_.mark(),
          next_message_,        next_event_,   completions_};
}

void Core::roll_back_to(const Mark& mark) noexcept {
  change_->roll_back_to(mark.savepoint);
  table_.roll_back_to(mark.tasks);
  events_.roll_back_to(mark.events);
  next_message_ = mark.next_message;
  next_event_ = mark.next_event;
  completions_ = mark.completions;
}

Core::Unit::Unit(Core& core) : core_(core), mark_(core.mark()) {
  ++core_.units_;
}

Core::Unit::~Unit() {
  if (is_done_) return;
  core_.roll_back_to(mark_);
  --core_.units_;
}

void Core::Unit::keep() {
  core_.change_->release(mark_.savepoint);
  is_done_ = true;
  if (--core_.units_ != 0) return;
  core_.table_.forget_marks();
  core_.follow_policy();
}

bool Core::transaction(const std::function<void(Session::Edit&)>& work) {
  const Teller teller(*this);
  const std::lock_guard lock(mutex_);
  Unit unit(*this);
  Session::Edit edit;
  work(edit);
  if (edit.is_rolled_back()) return false;
  unit.keep();
  return true;
}

void Core::tell_observers() noexcept {
  std::unique_lock lock(mutex_);
  if (units_ != 0) return;
  if (events_.tell(lock) && background_) background_->wake();
}

std::uint64_t Core::observe(SessionObserver observer) {
  const std::lock_guard lock(mutex_);
  return events_.observe(std::move(observer));
}

void Core::unobserve(std::uint64_t number) {
  const std::lock_guard lock(mutex_);
  events_.unobserve(number);
}

SessionPolicy Core::policy() const {
  return look([&] { return policy_; });
}

SessionStatus Core::status() const {
  return look([&] {
    SessionStatus status;
    status.revision = writer_.head().revision();
    status.unsaved_changes = change_->changes();
    status.saves = saves_;
    status.checkpoints = checkpoints_;
    status.failed_saves = failed_saves_;
    status.observer_failures = events_.failures();
    status.dropped_events = events_.dropped();
    status.tasks = table_.counts();
    return status;
  });
}

Snapshot Core::saved() const {
  return look([&] { return writer_.head(); });
}

// Recorded at once, so that the next crash does not hide this one.
void Core::record_recovery() {
  if (!recovery_) recovery_ = crash_recovery(writer_.report());
  if (!recovery_) return;
  capnp::MallocMessageBuilder message;
  auto record = message.initRoot<schema::Recovery>();
  write(*recovery_, now(), record);
  change_->upsert(recovery_key(), record.asReader());
  ++statistics_.recoveries;
  tell(Recovered{recovery_->recovered_to, recovery_->reason});
  try_commit(nullptr);
  tell_observers();
}

// A repair that wrote the file anew has recorded it already, with fewer words: one record is
// enough.
std::string Core::recovery_key() const {
  for (Cursor at = change_->cursor(Table::kRecoveries); at.valid(); at.next()) {
    const auto record = at.record().as<schema::Recovery>();
    if (recovery_->preserved_as.empty() || !record.hasPreservedAs()) continue;
    if (name_of(store::to_string(record.getPreservedAs())) == recovery_->preserved_as) {
      return std::string(at.key());
    }
  }
  return position_key(first_free_position(Table::kRecoveries));
}

void Core::load_statistics() {
  if (const auto stored = change_->get<schema::Upkeep>("statistics")) {
    statistics_ = read((*stored)->getStatistics());
  }
  ++statistics_.loads;
  statistics_.load_nanos += static_cast<std::uint64_t>((Clock::now() - opened_).count());
}

SessionStatistics Core::current_statistics() const {
  SessionStatistics now = statistics_;
  now.execution_nanos += static_cast<std::uint64_t>((Clock::now() - opened_).count());
  now.read_calls += files_.counts().reads;
  now.write_calls += files_.counts().writes;
  now.sync_calls += files_.counts().syncs;
  return now;
}

SessionStatistics Core::statistics() const {
  return look([&] { return current_statistics(); });
}

void Core::store_statistics() {
  capnp::MallocMessageBuilder message;
  if (const auto stored = change_->get<schema::Upkeep>("statistics")) {
    message.setRoot(**stored);
  } else {
    message.initRoot<schema::Upkeep>();
  }
  auto record = message.getRoot<schema::Upkeep>();
  write(current_statistics(),
        record.hasStatistics() ? record.getStatistics() : record.initStatistics());
  change_->upsert("statistics", record.asReader());
}

void Core::request_shutdown() noexcept {
  shutdown_requested_ = true;
  if (background_) background_->wake();
}

}  // namespace session::manager
