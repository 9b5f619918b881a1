#pragma once
// A running session: what an agent links so that it never thinks about persistence again.
//
//   session::SessionConfig config;
//   config.path = "work.session";
//   session::Session work = session::Session::open(config);
//   work.tasks().create({.title = "build"});
//   work.save();                     // on the disk when it returns; also done by itself
//   work.shutdown();
//
// Changes gather in memory, in one open transaction over the file, and go out together with the
// next save: memory grows with what changed since the last save, not with the session. Reading goes
// through the changes. When a save fails, everything stays in memory and the next may succeed;
// after a failed sync the session acknowledges nothing more (kPoisoned).
//
// All calls are thread-safe; they take turns, and wait while a save is under way.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "session/events.h"
#include "session/tasks.h"
#include "session/validation.h"
#include "session/writer.h"

namespace session {

// What a session does by itself. Stored in it ("policy"). Zero: not at all.
struct SessionPolicy {
  std::chrono::nanoseconds auto_save_interval = std::chrono::seconds(30);
  std::chrono::nanoseconds auto_checkpoint_interval = std::chrono::minutes(30);
  std::uint32_t checkpoint_every_completions = 0;
  std::uint32_t checkpoint_every_percent = 0;  // of progress; 1 to 100
  // Which automatic checkpoints stay: the newest ones, and those not older than this. Both 0: all.
  // Of deleted ones the bytes go at the next compact. Those made by hand are never deleted.
  std::uint32_t keep_last = 0;
  std::chrono::nanoseconds keep_within{0};
  friend bool operator==(const SessionPolicy&, const SessionPolicy&) = default;
};

struct SessionConfig {
  std::string path;
  bool create = true;  // if there is no such file, with what the next four say
  std::string name = {};
  std::string description = {};
  std::string workspace = {};
  std::string agent_version = {};
  // Empty: what the session has, or for a new one the defaults above.
  std::optional<SessionPolicy> policy = {};
  // A save when so many records changed. 0: never.
  std::uint64_t auto_save_changes = 10'000;
  Durability durability = Durability::kDurable;
  // Environment variables whose names say that they hold a secret ("API_KEY", "GITHUB_TOKEN") are
  // kept as "[redacted]". Parts of further names, in any case.
  bool redact_secrets = true;
  std::vector<std::string> secret_names = {};
  // A damaged file is repaired on opening, at most so often before it is given up (0: never); it is
  // kept beside the repaired one. In this order: parity and what else loses nothing; with
  // `accept_loss` what is left of the newest state, put together, or, to have no state that never
  // was, `prefer_whole` the newest revision that is whole (a commit or a checkpoint), however old,
  // if there is one; and when not even that can be had, `start_anew` a new session, the old file
  // being set aside (one that stands beside an empty place since then is named by its recovery).
  std::uint32_t max_repairs = 1;
  bool accept_loss = false;
  bool prefer_whole = false;
  bool start_anew = false;
  SessionObserver observer = {};             // there from the first event on
  std::size_t max_waiting_events = 100'000;  // for a slow one; some 100 bytes each
  io::FileSystem* files = nullptr;
  std::function<std::int64_t()> clock = {};  // nanoseconds since 1970; empty: the system's
};

struct NewMessage {
  schema::Role role = schema::Role::ASSISTANT;
  std::string text = {};
  std::string model = {};
  std::string task = {};
  std::string agent = {};
  std::uint32_t input_tokens = 0;
  std::uint32_t output_tokens = 0;
  std::function<void(schema::Message::Builder)> fill = {};  // tool calls and the rest; called last
};

struct NewEvent {
  std::string kind = {};
  std::string text = {};
  std::string task = {};
  schema::Event::Severity severity = schema::Event::Severity::INFO;
};

struct TrackOptions {
  bool is_generated = false;
  bool is_temporary = false;
  std::string last_action = {};  // "read", "write", ...
};

// What opening had to do after a crash or damage. Kept in the table `recoveries`.
struct SessionRecovery {
  std::uint64_t recovered_to = 0;   // the revision that the session goes on from
  std::uint64_t bytes_ignored = 0;  // of a commit in flight
  std::string reason;
  std::string method;             // "continue", "repair: " and its verdict, or "started anew"
  std::vector<std::string> lost;  // a sentence each
  std::string preserved_as;       // the name, beside the session, of the file with what was cut off
                                  // or damaged
};

// Since the session was made, in all programs that ran it.
struct SessionStatistics {
  std::uint64_t saves = 0;  // checkpoints included
  std::uint64_t checkpoints = 0;
  std::uint64_t recoveries = 0;
  std::uint64_t loads = 0;
  std::uint64_t save_nanos = 0;  // sums
  std::uint64_t load_nanos = 0;
  std::uint64_t execution_nanos = 0;  // that the session was open
  std::uint64_t written_bytes = 0;
  std::uint64_t raw_bytes = 0;     // before compression
  std::uint64_t stored_bytes = 0;  // after it
  std::uint64_t read_calls = 0;    // to the system
  std::uint64_t write_calls = 0;
  std::uint64_t sync_calls = 0;
};

// What a session is doing now.
struct SessionStatus {
  std::uint64_t revision = 0;  // of the last save
  std::uint64_t unsaved_changes = 0;
  std::uint64_t saves = 0;  // since it was opened; checkpoints included
  std::uint64_t checkpoints = 0;
  std::uint64_t failed_saves = 0;  // since the last good one
  std::uint64_t observer_failures = 0;
  std::uint64_t dropped_events = 0;  // that observers were too slow for
  TaskCounts tasks;
};

class Session {
 public:
  // Creates the file or resumes it, after a crash too; a damaged one is repaired as far as the
  // configuration allows. Throws as Writer::open and Writer::create, kNewerVersion among them;
  // kUsage names the field of a configuration that makes no sense; kNotFound when there is none and
  // `create` is off; kDamaged when it cannot be repaired, or not without loss.
  [[nodiscard]] static Session open(const SessionConfig& config);
  // Shuts down. If the last save fails, observers hear SaveFailed with `is_final`: call shutdown()
  // to have an error, and the session still at hand.
  ~Session();
  Session(Session&&) noexcept;
  Session& operator=(Session&&) = delete;

  [[nodiscard]] TaskManager& tasks();
  [[nodiscard]] const OpenReport& report() const;  // what opening found
  // What it did about it; nothing after a clean shutdown.
  [[nodiscard]] const std::optional<SessionRecovery>& recovery() const;
  [[nodiscard]] SessionPolicy policy() const;
  [[nodiscard]] SessionStatus status() const;
  // Written to the session with each checkpoint and at the end.
  [[nodiscard]] SessionStatistics statistics() const;

  // The key of the new record.
  std::string add_message(const NewMessage& message);
  std::string add_event(const NewEvent& event);
  void set_value(std::string_view key, std::string_view text, std::string_view media_type = {});
  // `change` leaves the record alone otherwise: no set_context() inside it. The next one too.
  // kUsage.
  void set_context(const std::function<void(schema::ExecutionContext::Builder)>& change);
  void set_metadata(const std::function<void(schema::Metadata::Builder)>& change);
  // Reads a file of the workspace and remembers its size, time and SHA-256; of a directory, that it
  // was created. `path` is relative to the session's workspace, or to the current directory if it
  // has none. True if it changed since it was tracked last. Throws kNotFound, kIo.
  bool track_file(const std::string& path, const TrackOptions& options = {});
  // Any record of a table that is not `tasks`, derived or kept by the session itself.
  void put(Table table, std::string_view key, AnyRecord record);
  bool erase(Table table, std::string_view key);
  // Through the changes that are not saved yet. A copy.
  [[nodiscard]] std::optional<AnyEntry> find(Table table, std::string_view key) const;
  template <class Record>
  [[nodiscard]] std::optional<Entry<Record>> get(std::string_view key) const {
    if (auto entry = find(kTableOf<Record>, key)) return Entry<Record>(std::move(*entry));
    return std::nullopt;
  }
  // As it was saved last.
  [[nodiscard]] Snapshot saved() const;
  // Looks for what is wrong in it; other calls wait until its meaning has been checked. Throws kIo,
  // kInterrupted.
  [[nodiscard]] ValidationReport validate(const ValidationOptions& options = {}) const;

  // Everything `work` does with this session and its tasks, in this thread, happens whole or not at
  // all: an exception undoes it and goes on, Edit::rollback() undoes it quietly. Other threads
  // wait. Units nest. The result goes out with the next save; saving inside is refused. False if it
  // was rolled back.
  class Edit {
   public:
    void rollback() { is_rolled_back_ = true; }
    [[nodiscard]] bool is_rolled_back() const { return is_rolled_back_; }

   private:
    bool is_rolled_back_ = false;
  };
  bool transaction(const std::function<void(Edit&)>& work);

  // Commits what changed. Nothing changed: no new revision.
  CommitResult save(const std::string& message = {});
  // Commits it as a snapshot that stays. A trigger other than manual says why.
  CommitResult checkpoint(const CheckpointOptions& options);
  // Before something that may go wrong, and after something went wrong or well.
  CommitResult before_risky_operation(const std::string& what);
  CommitResult checkpoint_after_error(const std::string& what);
  CommitResult milestone(const std::string& what);
  void delete_checkpoint(std::string_view id);
  // Brings the content of a revision back: a number, or what Writer::at takes. Saves first and
  // makes an emergency checkpoint, so nothing is lost. kDamaged, and nothing is done, if the tasks
  // of that revision cannot all be read.
  CommitResult restore(std::string_view revision);

  // The number is for unobserve().
  std::uint64_t observe(SessionObserver observer);
  void unobserve(std::uint64_t number);

  // For a signal handler: async-signal-safe. The session saves itself soon after, tells its
  // observers, and shutdown_requested() says so to whoever works with it.
  void request_shutdown() noexcept;
  [[nodiscard]] bool shutdown_requested() const noexcept;
  // The final save; threads are joined and the lock is released. If the save fails, throws and the
  // session goes on. Idempotent; every other call throws kUsage from then on.
  void shutdown();

 private:
  explicit Session(std::unique_ptr<manager::Core> core);
  std::unique_ptr<manager::Core> core_;
};

}  // namespace session
