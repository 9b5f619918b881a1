#pragma once
// What a Session and its TaskManager share: the lock, the writer with its one open transaction, the
// events that wait to be told, and the units that are undone whole.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "format/record.h"
#include "lib/io/counting_files.h"
#include "lib/manager/event_queue.h"
#include "lib/manager/execution_table.h"
#include "lib/manager/task_table.h"
#include "session/manager.h"

namespace session::manager {

class Background;

// Throws kUsage and names the field.
void check(const SessionConfig& config);
void check(const SessionPolicy& policy);

class Core {
 public:
  // `recovery`: what was done to the file before.
  Core(SessionConfig config, std::optional<SessionRecovery> recovery);
  ~Core();
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  // Runs `work` under the lock as one unit: what it changed is undone when it throws. Afterwards,
  // outside the outermost unit, the policy is followed and events are told.
  template <class F>
  auto change(F&& work) {
    const Teller teller(*this);
    const std::lock_guard lock(mutex_);
    Unit unit(*this);
    if constexpr (std::is_void_v<decltype(work())>) {
      work();
      unit.keep();
    } else {
      auto result = work();
      unit.keep();
      return result;
    }
  }
  template <class F>
  auto look(F&& work) const {
    const std::lock_guard lock(mutex_);
    require_open();
    return work();
  }

  // For work inside change() and look().
  [[nodiscard]] Transaction& records() { return *change_; }
  [[nodiscard]] const Transaction& records() const { return *change_; }
  [[nodiscard]] TaskTable& tasks() { return table_; }
  [[nodiscard]] ExecutionTable& executions() { return executions_; }
  [[nodiscard]] std::int64_t now() const;
  void tell(SessionEvent event) { events_.push(std::move(event)); }
  // Any record of the tables that are nobody's own, redacted if need be.
  void put(Table table, std::string_view key, AnyRecord record);
  void redact(capnp::List<schema::Property>::Builder environment) const;
  // Runs a function of the caller's that fills this record. Throws kUsage if it also changed the
  // record by other calls: one of the two changes would be lost.
  template <class F>
  void leaving_alone(Table table, std::string_view key, F&& work) {
    const auto before = content(table, key);
    work();
    if (content(table, key) != before) throw_changed_inside(key);
  }
  // Ten digits: the next free position of messages or events.
  [[nodiscard]] std::string next_position(Table table);
  void count_completion() { ++completions_; }

  bool transaction(const std::function<void(Session::Edit&)>& work);

  // Each takes the lock.
  CommitResult save(const std::string& message);
  CommitResult checkpoint(const CheckpointOptions& options);
  void delete_checkpoint(std::string_view id);
  CommitResult restore(std::string_view revision);
  void shutdown();
  void give_up() noexcept;  // the last resort of a destructor: shuts down, saved or not
  // What is due by the clock; errors become events. For the background thread.
  void follow_clock() noexcept;
  void answer_shutdown_request() noexcept;
  [[nodiscard]] std::chrono::nanoseconds until_due() const;
  // Events that other threads left to it.
  void tell_observers() noexcept;

  [[nodiscard]] const OpenReport& report() const { return writer_.report(); }
  [[nodiscard]] const std::optional<SessionRecovery>& recovery() const { return recovery_; }
  [[nodiscard]] const SessionConfig& config() const { return config_; }
  [[nodiscard]] SessionStatistics statistics() const;
  [[nodiscard]] SessionPolicy policy() const;
  [[nodiscard]] SessionStatus status() const;
  [[nodiscard]] Snapshot saved() const;
  std::uint64_t observe(SessionObserver observer);
  void unobserve(std::uint64_t number);
  void request_shutdown() noexcept;
  [[nodiscard]] bool shutdown_requested() const noexcept { return shutdown_requested_; }

  TaskManager& manager() { return manager_; }

 private:
  using Clock = std::chrono::steady_clock;

  struct Mark {
    std::size_t savepoint;
    std::size_t tasks;
    std::size_t events;
    std::uint64_t next_message;
    std::uint64_t next_event;
    std::uint64_t completions;
  };
  class Unit {
   public:
    explicit Unit(Core& core);
    ~Unit();
    Unit(const Unit&) = delete;
    Unit& operator=(const Unit&) = delete;
    void keep();

   private:
    Core& core_;
    Mark mark_;
    bool is_done_ = false;
  };
  // Tells what happened when it goes, which is after the lock has gone.
  class Teller {
   public:
    explicit Teller(Core& core) : core_(core) {}
    ~Teller() { core_.tell_observers(); }
    Teller(const Teller&) = delete;
    Teller& operator=(const Teller&) = delete;

   private:
    Core& core_;
  };
  [[nodiscard]] static Writer open_writer(const SessionConfig& config, io::FileSystem& files);
  void record_recovery();
  void load_statistics();
  void store_statistics();
  [[nodiscard]] SessionStatistics current_statistics() const;
  // Open, and standing on a transaction: after a failed restore there may be none.
  [[nodiscard]] bool is_usable() const { return is_open_ && change_; }
  void require_open() const;
  void require_no_unit(const char* what) const;
  [[nodiscard]] Mark mark();
  void roll_back_to(const Mark& mark) noexcept;
  void begin(bool rescan);
  void adopt_policy();
  [[nodiscard]] std::uint64_t first_free_position(Table table) const;
  [[nodiscard]] std::optional<format::Record> content(Table table, std::string_view key) const;
  [[noreturn]] void throw_changed_inside(std::string_view key) const;
  void take_position(Table table, std::string_view key);
  [[nodiscard]] std::string recovery_key() const;
  void failed(const std::exception& error);

  CommitResult commit(const std::string& message, const CheckpointOptions* checkpoint);
  void close();
  // Without throwing: a failure is an event, and waits for the next occasion.
  void try_commit(const CheckpointOptions* checkpoint) noexcept;
  void follow_policy() noexcept;
  void clean_up_checkpoints();

  SessionConfig config_;
  std::optional<SessionRecovery> recovery_;
  io::CountingFiles files_;
  Clock::time_point opened_ = Clock::now();
  mutable std::recursive_mutex mutex_;
  Writer writer_;
  SessionPolicy policy_;
  std::optional<Transaction> change_;
  TaskTable table_;
  ExecutionTable executions_;
  TaskManager manager_{*this};
  int units_ = 0;  // nested ones under way
  bool is_open_ = true;

  std::uint64_t next_message_ = 0;
  std::uint64_t next_event_ = 0;

  EventQueue events_{config_.max_waiting_events};

  SessionStatistics statistics_;  // without what runs on by itself: time and calls
  std::uint64_t first_revision_ = 0;
  std::uint64_t saves_ = 0;
  std::uint64_t checkpoints_ = 0;
  std::uint64_t failed_saves_ = 0;     // since the last good one
  std::uint64_t save_at_changes_ = 0;  // when the transaction has so many
  std::uint64_t completions_ = 0;      // since the last checkpoint
  double percent_at_checkpoint_ = 0;
  Clock::time_point last_save_;
  Clock::time_point last_checkpoint_;
  std::uint64_t checkpoint_revision_ = 0;  // of the newest one made here
  std::atomic<bool> shutdown_requested_ = false;
  std::unique_ptr<Background> background_;
};

// The same record, owning its memory: for whoever gets it outside the lock.
[[nodiscard]] AnyEntry own(const AnyEntry& entry);

// What Cap'n Proto takes; the string lives on.
[[nodiscard]] inline capnp::Text::Reader as_text(const std::string& text) {
  return {text.c_str(), text.size()};
}

}  // namespace session::manager
