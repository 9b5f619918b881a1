#include "lib/manager/core.h"

#include <capnp/message.h>

#include <algorithm>
#include <charconv>

#include "format/record.h"
#include "lib/manager/background.h"
#include "lib/manager/recovery.h"
#include "lib/manager/statistics.h"
#include "lib/store/writer_core.h"

namespace session::manager {
namespace {

constexpr std::uint64_t kPositions = 10'000'000'000;  // of ten digits

std::string position_key(std::uint64_t position) {
  constexpr std::size_t kDigits = 10;
  std::string digits = std::to_string(position);
  if (digits.size() < kDigits) digits.insert(0, kDigits - digits.size(), '0');
  return digits;
}

}  // namespace

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
  background_ = std::make_unique<Background>(*this);
}

Core::~Core() {
  give_up();
}

std::int64_t Core::now() const {
  return config_.clock ? config_.clock() : store::system_nanos();
}

void Core::require_open() const {
  if (is_open_) return;
  throw Error(ErrorCode::kUsage, "this session was shut down", config_.path);
}

void Core::require_no_unit(const char* what) const {
  if (units_ == 0) return;
  throw Error(ErrorCode::kUsage, std::string(what) + " inside a transaction is not possible",
              config_.path);
}

void Core::begin(bool rescan) {
  change_.reset();
  change_.emplace(writer_.begin());
  table_.stand_on(*change_, rescan);
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
  if (key < position_key(next)) return;
  std::uint64_t position = 0;
  const auto parsed = std::from_chars(key.data(), key.data() + key.size(), position);
  const bool is_position = parsed.ec == std::errc() && position_key(position) == key;
  if (!is_position) {
    throw Error(ErrorCode::kUsage, "the keys of " + std::string(table_name(table)) +
                                       " are positions of ten digits, not " + std::string(key));
  }
  next = position + 1;
}

Core::Mark Core::mark() {
  require_open();
  return {change_->savepoint(), table_.mark(), events_.size(),
          next_message_,        next_event_,   completions_};
}

void Core::roll_back_to(const Mark& mark) noexcept {
  change_->roll_back_to(mark.savepoint);
  table_.roll_back_to(mark.tasks);
  events_.resize(mark.events);
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

void Core::tell(SessionEvent event) {
  events_.push_back(std::move(event));
}

// One thread at a time, so that the order is kept; the others leave their events to it.
void Core::tell_observers() noexcept {
  std::unique_lock lock(mutex_);
  if (units_ != 0 || is_telling_) return;
  is_telling_ = true;
  while (!events_.empty()) {
    const SessionEvent event = std::move(events_.front());
    events_.pop_front();
    const auto observers = observers_;
    lock.unlock();
    std::uint64_t failures = 0;
    for (const Observer& observer : *observers) {
      try {
        observer.call(event);
      } catch (...) {
        ++failures;  // an observer's trouble is not the session's
      }
    }
    lock.lock();
    observer_failures_ += failures;
  }
  is_telling_ = false;
}

std::uint64_t Core::observe(SessionObserver observer) {
  const std::lock_guard lock(mutex_);
  auto observers = std::make_shared<Observers>(*observers_);
  observers->push_back({next_observer_, std::move(observer)});
  observers_ = std::move(observers);
  return next_observer_++;
}

void Core::unobserve(std::uint64_t number) {
  const std::lock_guard lock(mutex_);
  auto observers = std::make_shared<Observers>(*observers_);
  const auto is_it = [&](const Observer& observer) { return observer.number == number; };
  observers->erase(std::remove_if(observers->begin(), observers->end(), is_it), observers->end());
  observers_ = std::move(observers);
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
    status.observer_failures = observer_failures_;
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
  const std::string key = position_key(first_free_position(Table::kRecoveries));
  change_->upsert(key, record.asReader());
  ++statistics_.recoveries;
  tell(Recovered{recovery_->recovered_to, recovery_->reason});
  try_commit(nullptr);
  tell_observers();
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
