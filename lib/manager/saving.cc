// How a session reaches the disk: saves, checkpoints, restores, and the end.

#include <algorithm>

#include "lib/manager/background.h"
#include "lib/manager/core.h"

namespace session::manager {
namespace {

using std::chrono::nanoseconds;

// After a failed automatic save the next is not tried before so many more changes, or its interval.
constexpr std::uint64_t kRetryChanges = 1'000;

CheckpointOptions automatic(schema::Trigger trigger, double amount, std::string reason) {
  CheckpointOptions options;
  options.trigger = trigger;
  options.is_automatic = true;
  options.amount = amount;
  options.reason = std::move(reason);
  return options;
}

// A session goes on from there, so its tasks are read before anything is done.
void require_readable(const Snapshot& target) {
  for (Cursor at = target.cursor(Table::kTasks); at.valid(); at.next()) (void)at.record();
}

ErrorCode code_of(const std::exception& error) {
  const auto* ours = dynamic_cast<const Error*>(&error);
  return ours != nullptr ? ours->code() : ErrorCode::kInternal;
}

}  // namespace

void Core::failed(const std::exception& error) {
  ++failed_saves_;
  save_at_changes_ = change_->changes() +
                     (config_.auto_save_changes != 0 ? config_.auto_save_changes : kRetryChanges);
  tell(SaveFailed{code_of(error), error.what(), false});
}

// The one way to the disk. Under the lock, outside units. A failure leaves everything in memory.
CommitResult Core::commit(const std::string& message, const CheckpointOptions* checkpoint) {
  CommitOptions options;
  options.durability = checkpoint != nullptr ? Durability::kDurable : config_.durability;
  options.message = message;
  options.keep_on_failure = true;
  CommitResult result;
  const std::size_t before = change_->savepoint();
  const std::size_t events = events_.mark();
  try {
    if (checkpoint != nullptr) {
      store_statistics();
      if (checkpoint->is_automatic) clean_up_checkpoints();
      result = change_->checkpoint(*checkpoint, options);
    } else {
      result = change_->commit(options);
    }
  } catch (const std::exception& error) {
    change_->roll_back_to(before);
    events_.roll_back_to(events);  // no checkpoint was deleted
    failed(error);
    throw;
  }
  begin(false);
  ++saves_;
  ++statistics_.saves;
  statistics_.save_nanos += static_cast<std::uint64_t>(result.duration_nanos);
  statistics_.written_bytes += result.written_bytes;
  statistics_.raw_bytes += result.raw_bytes;
  statistics_.stored_bytes += result.stored_bytes;
  failed_saves_ = 0;
  save_at_changes_ = config_.auto_save_changes;
  last_save_ = Clock::now();
  if (checkpoint == nullptr) {
    tell(Saved{result});
    return result;
  }
  ++checkpoints_;
  ++statistics_.checkpoints;
  completions_ = 0;
  percent_at_checkpoint_ = std::max(percent_at_checkpoint_, table_.counts().percent_done());
  last_checkpoint_ = last_save_;
  checkpoint_revision_ = result.revision;
  tell(CheckpointMade{result, checkpoint->trigger, checkpoint->is_automatic});
  return result;
}

CommitResult Core::save(const std::string& message) {
  const Teller teller(*this);
  const std::lock_guard lock(mutex_);
  require_open();
  require_no_unit("saving");
  if (!change_->empty()) return commit(message, nullptr);
  CommitResult result;
  const RevisionInfo head = change_->base().info();
  result.revision = head.revision;
  result.kind = head.kind;
  return result;
}

CommitResult Core::checkpoint(const CheckpointOptions& options) {
  const Teller teller(*this);
  const std::lock_guard lock(mutex_);
  require_open();
  require_no_unit("a checkpoint");
  return commit({}, &options);
}

void Core::delete_checkpoint(std::string_view id) {
  const Teller teller(*this);
  const std::lock_guard lock(mutex_);
  require_open();
  require_no_unit("deleting a checkpoint");
  const std::size_t before = change_->savepoint();
  if (!change_->erase(Table::kCheckpoints, id)) {
    change_->release(before);
    throw Error(ErrorCode::kNotFound, "there is no checkpoint " + std::string(id), config_.path);
  }
  try {
    (void)commit("delete checkpoint " + std::string(id), nullptr);
  } catch (...) {
    if (change_) change_->roll_back_to(before);
    throw;
  }
  tell(CheckpointDeleted{std::string(id)});
}

CommitResult Core::restore(std::string_view revision) {
  const Teller teller(*this);
  const std::lock_guard lock(mutex_);
  require_open();
  require_no_unit("restoring");
  const Snapshot target = writer_.at(revision);
  const std::uint64_t number = target.revision();
  require_readable(target);
  if (!change_->empty()) (void)commit({}, nullptr);
  CommitResult result;
  try {
    change_->rollback();
    result = writer_.restore(number);
  } catch (...) {
    begin(true);  // the emergency checkpoint may have been made
    throw;
  }
  begin(true);
  // What was done and how far it is counts from here: the checkpoint before was made just now.
  completions_ = 0;
  percent_at_checkpoint_ = table_.counts().percent_done();
  last_save_ = Clock::now();
  next_message_ = first_free_position(Table::kMessages);
  next_event_ = first_free_position(Table::kEvents);
  tell(Restored{number, result});
  return result;
}

// Which automatic checkpoints the next one makes needless; they go in the same commit.
void Core::clean_up_checkpoints() {
  if (policy_.keep_last == 0 && policy_.keep_within == nanoseconds::zero()) return;
  std::vector<CheckpointInfo> old;
  for (CheckpointInfo& info : change_->base().checkpoints()) {
    const bool is_ours = info.is_automatic && info.trigger != schema::Trigger::BEFORE_RESTORE;
    if (is_ours && change_->find(Table::kCheckpoints, info.id)) old.push_back(std::move(info));
  }
  const std::size_t stay = policy_.keep_last == 0 ? 0 : policy_.keep_last - 1;  // and the new one
  const std::int64_t young = now() - policy_.keep_within.count();
  for (std::size_t i = 0; i + stay < old.size(); ++i) {
    if (policy_.keep_within > nanoseconds::zero() && old[i].time_nanos >= young) continue;
    change_->erase(Table::kCheckpoints, old[i].id);
    tell(CheckpointDeleted{old[i].id});
  }
}

void Core::try_commit(const CheckpointOptions* checkpoint) noexcept {
  try {
    (void)commit({}, checkpoint);
  } catch (...) {
    // Observers are told by commit().
  }
}

// After each change.
void Core::follow_policy() noexcept {
  const std::uint64_t changes = change_->changes();
  if (failed_saves_ != 0 && changes < save_at_changes_) return;
  const double percent = table_.counts().percent_done();
  if (policy_.checkpoint_every_completions != 0 &&
      completions_ >= policy_.checkpoint_every_completions) {
    const auto options =
        automatic(schema::Trigger::TASK_COMPLETION, static_cast<double>(completions_), {});
    try_commit(&options);
  } else if (policy_.checkpoint_every_percent != 0 &&
             percent >= percent_at_checkpoint_ + policy_.checkpoint_every_percent) {
    const auto options = automatic(schema::Trigger::SIGNIFICANT_PROGRESS, percent, {});
    try_commit(&options);
  } else if (config_.auto_save_changes != 0 && changes >= save_at_changes_) {
    try_commit(nullptr);
  }
}

void Core::follow_clock() noexcept {
  const Teller teller(*this);
  const std::lock_guard lock(mutex_);
  if (!is_usable()) return;
  const Clock::time_point time = Clock::now();
  const auto is_due = [&](Clock::time_point last, nanoseconds interval) {
    return interval > nanoseconds::zero() && time - last >= interval;
  };
  const bool is_changed = !change_->empty();
  if (is_due(last_checkpoint_, policy_.auto_checkpoint_interval)) {
    last_checkpoint_ = time;  // a failure waits for the next interval
    if (is_changed || writer_.head().revision() != checkpoint_revision_) {
      const double minutes =
          std::chrono::duration<double, std::ratio<60>>(policy_.auto_checkpoint_interval).count();
      const auto options = automatic(schema::Trigger::TIME_INTERVAL, minutes, {});
      try_commit(&options);
      return;
    }
  }
  if (is_due(last_save_, policy_.auto_save_interval)) {
    last_save_ = time;
    if (is_changed) try_commit(nullptr);
  }
}

nanoseconds Core::until_due() const {
  const std::lock_guard lock(mutex_);
  const Clock::time_point time = Clock::now();
  nanoseconds wait = std::chrono::hours(1);
  if (!is_usable()) return wait;
  const auto consider = [&](Clock::time_point last, nanoseconds interval) {
    if (interval > nanoseconds::zero()) {
      // Not as last + interval: an interval may be as long as it can be said.
      const nanoseconds left = interval - (time - last);
      wait = std::min(wait, std::max(left, nanoseconds::zero()));
    }
  };
  consider(last_save_, policy_.auto_save_interval);
  consider(last_checkpoint_, policy_.auto_checkpoint_interval);
  return wait;
}

void Core::answer_shutdown_request() noexcept {
  const Teller teller(*this);
  const std::lock_guard lock(mutex_);
  if (!is_open_) return;
  if (change_ && !change_->empty()) try_commit(nullptr);
  tell(ShutdownRequested{});
}

void Core::close() {
  is_open_ = false;
  events_.close();
  change_.reset();
  writer_.close();
}

void Core::shutdown() {
  {
    const Teller teller(*this);
    const std::lock_guard lock(mutex_);
    require_no_unit("shutting down");
    if (is_open_) {
      // A session that was only looked at stays as it is.
      if (change_ && (!change_->empty() || writer_.head().revision() != first_revision_)) {
        store_statistics();
        (void)commit({}, nullptr);
      }
      close();
    }
  }
  background_->stop();
}

void Core::give_up() noexcept {
  try {
    shutdown();
    return;
  } catch (const std::exception& error) {
    const Teller teller(*this);
    const std::lock_guard lock(mutex_);
    if (is_open_) tell(SaveFailed{code_of(error), error.what(), true});
  } catch (...) {
    // Not ours; there is nobody left to tell.
  }
  background_->stop();
  const Teller teller(*this);  // what the thread had not told
  try {
    const std::lock_guard lock(mutex_);
    if (is_open_) close();
  } catch (...) {
    // The seal only: what was acknowledged is on the disk.
  }
}

}  // namespace session::manager
