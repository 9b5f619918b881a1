#pragma once
// Changes that are not committed yet, over the writer's base.

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "format/record.h"
#include "lib/store/writer_core.h"

namespace session::store {

class TransactionCore {
 public:
  explicit TransactionCore(std::shared_ptr<WriterCore> writer);
  ~TransactionCore();
  TransactionCore(const TransactionCore&) = delete;
  TransactionCore& operator=(const TransactionCore&) = delete;

  void upsert(Table table, std::string_view key, AnyRecord record);
  bool upsert_if_different(Table table, std::string_view key, AnyRecord record);
  bool erase(Table table, std::string_view key);
  [[nodiscard]] std::optional<AnyEntry> find(Table table, std::string_view key) const;
  [[nodiscard]] std::unique_ptr<ViewCursor> cursor(Table table, std::string_view from) const;
  // All records as a commit would leave them.
  [[nodiscard]] std::shared_ptr<const View> view() const;
  [[nodiscard]] std::uint64_t changes() const { return upserts_ + erases_; }
  // Nothing to commit: not even a blob.
  [[nodiscard]] bool empty() const {
    return changes() == 0 && dirty_[slot(Table::kBlobs)].empty() && staged_ == nullptr;
  }
  [[nodiscard]] const WriterCore& writer() const { return *writer_; }
  void spill_above(std::uint64_t limit_bytes) { spill_bytes_ = limit_bytes; }
  Digest add_blob(format::Bytes content);

  [[nodiscard]] std::size_t savepoint();
  void roll_back_to(std::size_t savepoint);
  void release(std::size_t savepoint);

  CommitResult commit(const CommitOptions& options, const CheckpointOptions* checkpoint);
  void rollback();

 private:
  using Dirty = std::map<std::string, std::optional<format::Record>, std::less<>>;

  // What stood in dirty_ before a change; nothing: no change of that key.
  struct Undo {
    Table table;
    std::string key;
    std::optional<std::optional<format::Record>> before;
  };
  struct Savepoint {
    std::size_t undo_size;
    std::uint64_t upserts;
    std::uint64_t erases;
  };

  void require_open() const;
  void require_savepoint(std::size_t savepoint) const;
  void remember(Table table, std::string_view key);
  void forget(Table table, std::string_view key);
  [[nodiscard]] const Base& below() const { return staged_ ? *staged_ : writer_->base(); }
  [[nodiscard]] std::optional<Found> find_below(Table table, std::string_view key) const;
  [[nodiscard]] format::Record prepare(Table table, AnyRecord record);
  void put(Table table, std::string_view key, std::optional<format::Record> record);
  [[nodiscard]] static Run run_of(const Dirty& dirty);
  [[nodiscard]] Run run_of(Table table) const { return run_of(dirty_[slot(table)]); }
  void spill_if_large();
  void spill();
  void count_changes(CommitRequest& request) const;
  void add_first_records();
  void finish() noexcept;

  std::shared_ptr<WriterCore> writer_;
  Log::Position log_begin_;
  std::array<Dirty, kTableSlots> dirty_;
  std::uint64_t dirty_bytes_ = 0;
  std::uint64_t spill_bytes_ = ~std::uint64_t{0};
  std::unique_ptr<Base> staged_;  // trees with what was spilled
  std::uint64_t upserts_ = 0;
  std::uint64_t erases_ = 0;
  std::vector<Undo> undo_;  // since the oldest savepoint
  std::vector<Savepoint> savepoints_;
  bool open_ = true;
  mutable std::array<Run, kTableSlots> cursor_runs_;  // of the newest cursors
};

// Throws kUsage or kLimit for a key no record may have.
void check_key(Table table, std::string_view key);

}  // namespace session::store
