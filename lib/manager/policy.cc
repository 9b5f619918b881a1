// What a session is told to do by itself: checked, and kept in the session.

#include <capnp/message.h>

#include "lib/manager/core.h"

namespace session::manager {
namespace {

using std::chrono::nanoseconds;

[[noreturn]] void wrong(const char* field, const char* what) {
  throw Error(ErrorCode::kUsage, std::string(field) + ' ' + what);
}

void check_not_negative(const char* field, nanoseconds value) {
  if (value < nanoseconds::zero()) wrong(field, "must not be negative");
}

// Below this a session would do nothing but save.
void check_interval(const char* field, nanoseconds value) {
  check_not_negative(field, value);
  if (value > nanoseconds::zero() && value < std::chrono::milliseconds(1)) {
    wrong(field, "must be 0 or at least a millisecond");
  }
}

// Told to do nothing is not the same as told nothing: a policy about parity alone is all 0 here.
constexpr std::int64_t kNothingAtAll = -1;

SessionPolicy read(schema::Policy::Reader stored) {
  SessionPolicy policy;
  const std::int64_t auto_save = stored.getAutoSaveNanos();
  policy.auto_save_interval = nanoseconds(auto_save == kNothingAtAll ? 0 : auto_save);
  policy.auto_checkpoint_interval = nanoseconds(stored.getAutoCheckpointNanos());
  policy.checkpoint_every_completions = stored.getCheckpointEveryCompletions();
  policy.checkpoint_every_percent = stored.getCheckpointEveryPercent();
  policy.keep_last = stored.getKeepLast();
  policy.keep_within = nanoseconds(stored.getKeepWithinNanos());
  return policy;
}

constexpr SessionPolicy kNothing{nanoseconds::zero(), nanoseconds::zero(), 0, 0, 0,
                                 nanoseconds::zero()};

void write(const SessionPolicy& policy, schema::Policy::Builder stored) {
  stored.setAutoSaveNanos(policy == kNothing ? kNothingAtAll : policy.auto_save_interval.count());
  stored.setAutoCheckpointNanos(policy.auto_checkpoint_interval.count());
  stored.setCheckpointEveryCompletions(policy.checkpoint_every_completions);
  stored.setCheckpointEveryPercent(policy.checkpoint_every_percent);
  stored.setKeepLast(policy.keep_last);
  stored.setKeepWithinNanos(policy.keep_within.count());
}

bool says_nothing(schema::Policy::Reader stored) {
  return stored.getAutoSaveNanos() == 0 && read(stored) == kNothing;
}

}  // namespace

void check(const SessionPolicy& policy) {
  check_interval("auto_save_interval", policy.auto_save_interval);
  check_interval("auto_checkpoint_interval", policy.auto_checkpoint_interval);
  check_not_negative("keep_within", policy.keep_within);
  if (policy.checkpoint_every_percent > 100) {
    wrong("checkpoint_every_percent", "must be at most 100");
  }
}

void check(const SessionConfig& config) {
  if (config.path.empty()) wrong("path", "must name the session's file");
  if (config.max_waiting_events == 0) wrong("max_waiting_events", "must be at least 1");
  if (config.prefer_whole && !config.accept_loss) {
    wrong("prefer_whole", "goes back behind what was saved last; accept_loss has to allow that");
  }
  if (config.start_anew && !(config.accept_loss && config.create)) {
    wrong("start_anew", "gives up everything; accept_loss and create have to allow that");
  }
  if (config.policy) check(*config.policy);
}

void Core::adopt_policy() {
  const auto stored = change_->get<schema::Upkeep>("policy");
  capnp::MallocMessageBuilder message;
  if (stored) {
    message.setRoot(**stored);
    policy_ = read((*stored)->getPolicy());
    try {
      check(policy_);
    } catch (const Error&) {
      policy_ = SessionPolicy();  // somebody else's; the default is safe
    }
  } else {
    message.initRoot<schema::Upkeep>();
  }
  if (config_.policy) {
    policy_ = *config_.policy;
  } else if (!stored || says_nothing((*stored)->getPolicy())) {
    policy_ = SessionPolicy();
  }
  auto record = message.getRoot<schema::Upkeep>();
  write(policy_, record.hasPolicy() ? record.getPolicy() : record.initPolicy());
  change_->upsert_if_different(Table::kUpkeep, "policy", record.asReader());
}

}  // namespace session::manager
