#include "lib/manager/recovery.h"

#include <algorithm>
#include <utility>

#include "lib/convert/time_text.h"
#include "lib/io/file.h"
#include "lib/manager/core.h"
#include "lib/store/writer_core.h"
#include "session/repair.h"

namespace session::manager {
namespace {

// Of what was lost, the record names so many; the report of a repair by hand names all.
constexpr std::size_t kMaxLostNamed = 500;
// Behind the name of a file that was set aside; the time follows.
constexpr std::string_view kAside = ".damaged-";

std::vector<std::string> losses(const RepairReport& report) {
  std::vector<std::string> lost;
  std::size_t left_out = 0;
  const auto add = [&](std::string what) {
    if (lost.size() < kMaxLostNamed) {
      lost.push_back(std::move(what));
    } else {
      ++left_out;
    }
  };
  for (const LostItem& item : report.lost) add(item.message);
  for (const StaleRecord& record : report.stale) {
    add("only an older version is left of " + std::string(table_name(record.table)) + ' ' +
        record.key);
  }
  if (left_out != 0) lost.push_back("and " + std::to_string(left_out) + " more");
  return lost;
}

RepairReport repair_within(const SessionConfig& config) {
  RepairOptions options;
  options.files = config.files;
  options.clock = config.clock;
  options.accept_loss = config.accept_loss && !config.prefer_whole;
  RepairReport report = repair(config.path, options);
  if (!report.refused || !config.accept_loss || options.accept_loss) return report;
  options.accept_loss = true;
  if (report.verdict == RepairVerdict::kLossy) {
    options.from = "head";  // of those that are whole
    report = repair(config.path, options);
    if (!report.refused) return report;
    options.from.clear();
  }
  return repair(config.path, options);
}

SessionRecovery repair_damage(const SessionConfig& config, const Error& damage) {
  const RepairReport report = repair_within(config);
  if (report.refused) {
    throw Error(ErrorCode::kDamaged,
                damage.message() + "; a repair would lose " +
                    std::to_string(report.lost.size() + report.stale.size()) +
                    " things: accept that (accept_loss), or look first with sessiontool verify",
                config.path, damage.offset());
  }
  if (report.verdict == RepairVerdict::kClean) throw Error(damage);
  SessionRecovery recovery;
  recovery.recovered_to = report.revision;
  recovery.reason = damage.message();
  recovery.method = "repair: " + std::string(repair_verdict_name(report.verdict));
  for (const RepairAction& action : report.actions) {
    if (action.step == RepairStep::kFrom) recovery.method += ", " + action.message;
  }
  recovery.lost = losses(report);
  recovery.preserved_as = name_of(report.backup);
  return recovery;
}

// What failed, and which file it was.
struct Failure {
  Error error;
  std::optional<io::FileIdentity> file;
};

io::FileSystem& files_of(const SessionConfig& config) {
  return config.files != nullptr ? *config.files : io::system_files();
}

SessionRecovery started_anew(const std::string& aside, std::string reason) {
  SessionRecovery recovery;
  recovery.reason = std::move(reason);
  recovery.method = "started anew";
  recovery.lost = {"everything that was in " + aside};
  recovery.preserved_as = aside;
  return recovery;
}

// The last resort: what stands there is set aside whole, and a new session takes its name. Not if
// somebody else has put another file there meanwhile.
SessionRecovery set_aside(const SessionConfig& config, const Failure& failure) {
  io::FileSystem& files = files_of(config);
  const std::string path = files.real_path(config.path);
  const auto lock = files.lock(path);  // refused for what is no file
  if (files.identity(path) != failure.file) throw Error(failure.error);
  const std::int64_t now = config.clock ? config.clock() : store::system_nanos();
  const std::string aside = path + std::string(kAside) + std::to_string(now);
  files.rename_new(path, aside);
  files.sync_directory(path);
  return started_anew(name_of(aside), failure.error.message());
}

// Whoever set a file aside may have ended before there was a session in its place that says so.
std::optional<SessionRecovery> unfinished_start(const SessionConfig& config) {
  if (!config.start_anew || !config.create) return std::nullopt;
  io::FileSystem& files = files_of(config);
  if (files.exists(config.path)) return std::nullopt;
  const std::string path = files.real_path(config.path);
  const std::string begin = name_of(path) + std::string(kAside);
  std::string newest;
  for (const std::string& name : files.list(path.substr(0, path.rfind('/') + 1))) {
    if (name.starts_with(begin)) newest = name;
  }
  if (newest.empty()) return std::nullopt;
  return started_anew(newest, "no session stood here, and a damaged one is kept beside its place");
}

SessionRecovery put_in_order(const SessionConfig& config, const Failure& failure, bool may_repair) {
  if (may_repair) {
    try {
      return repair_damage(config, failure.error);
    } catch (const Error& error) {
      const bool is_lost =
          error.code() == ErrorCode::kDamaged || error.code() == ErrorCode::kNotASession;
      if (!is_lost || !config.start_anew) throw;
    }
  }
  return set_aside(config, failure);
}

}  // namespace

std::unique_ptr<Core> open_core(const SessionConfig& config) {
  check(config);
  std::optional<SessionRecovery> recovery = unfinished_start(config);
  for (std::uint32_t repairs = 0;; ++repairs) {
    std::optional<io::FileIdentity> file;
    if (config.start_anew) file = files_of(config).identity(config.path);
    try {
      return std::make_unique<Core>(config, recovery);
    } catch (const Error& error) {
      // A destroyed header looks like no session at all; repair knows better.
      const bool may_be_damaged =
          error.code() == ErrorCode::kDamaged || error.code() == ErrorCode::kNotASession;
      const bool may_repair = repairs < config.max_repairs;
      if (!may_be_damaged || repairs > config.max_repairs) throw;
      if (!may_repair && !config.start_anew) throw;
      recovery = put_in_order(config, {error, file}, may_repair);
    }
  }
}

std::optional<SessionRecovery> crash_recovery(const OpenReport& report) {
  if (report.was_sealed && report.tail_bytes == 0) return std::nullopt;
  SessionRecovery recovery;
  recovery.recovered_to = report.recovered_to;
  recovery.bytes_ignored = report.tail_bytes;
  recovery.method = "continue";
  recovery.reason = report.tail_bytes == 0
                        ? "the session was not closed; nothing was in flight"
                        : "the session was not closed; a commit in flight was cut off";
  recovery.preserved_as = name_of(report.tail_saved_as);
  return recovery;
}

std::string name_of(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

void write(const SessionRecovery& recovery, std::int64_t now, schema::Recovery::Builder record) {
  record.setTime(now);
  record.setTimeForm(convert::utc_form(now));
  record.setRecoveredTo(recovery.recovered_to);
  record.setBytesIgnored(recovery.bytes_ignored);
  record.setReason(as_text(recovery.reason));
  record.setMethod(as_text(recovery.method));
  if (!recovery.preserved_as.empty()) record.setPreservedAs(as_text(recovery.preserved_as));
  if (recovery.lost.empty()) return;
  auto lost = record.initLost(static_cast<std::uint32_t>(recovery.lost.size()));
  for (std::uint32_t i = 0; i < lost.size(); ++i) lost.set(i, as_text(recovery.lost[i]));
}

}  // namespace session::manager
