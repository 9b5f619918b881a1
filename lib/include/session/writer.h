#pragma once
// Writes a session file. One writer at a time, across all processes; readers never wait for it.
//
//   session::Writer writer = session::Writer::open("work.session");
//   auto change = writer.begin();
//   change.upsert("st-12", task_reader);
//   change.commit();                       // on disk when it returns
//   writer.close();
//
// A commit is atomic: after a crash the file shows the last committed revision, or the one in
// flight whole. A small commit is one append and one sync. Committed bytes are never changed.
//
// A Writer is thread-safe; it has one transaction at a time: begin() waits for the one before to
// end. After a failed sync the writer is poisoned (kPoisoned): nothing more is acknowledged through
// it; close it and open the file again. After a failed write (a full disk) the transaction is
// rolled back and the next one may succeed.

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "session/error.h"
#include "session/reader.h"
#include "session/revision.h"
#include "session/snapshot.h"

namespace session {

struct CompactOptions;
struct CompactReport;

namespace store {
class WriterCore;
class TransactionCore;
}  // namespace store

enum class Durability : std::uint8_t {
  kDurable,  // synced before commit() returns
  kRelaxed,  // synced by a later commit, at the latest after 1 MiB; a crash may lose the newest
             // ones
};

struct CreateOptions {
  std::string name;  // of the session; empty: none
  std::string description;
  std::string workspace;
  std::string agent_version;
  bool overwrite = false;  // replace an existing file, by rename
  // Parity to keep up as the file grows, in percent of it (1 to 50): at checkpoints and other
  // snapshots when 1 MiB or more is not covered, and on close. 0: none.
  std::uint32_t parity_percent = 0;
  io::FileSystem* files = nullptr;
  std::function<std::int64_t()> clock;  // nanoseconds since 1970; empty: the system's
  std::uint8_t leaf_target_log2 = 0;    // 0: the format's default; frozen in the file
  std::uint8_t index_target_log2 = 0;
  // For files that have to come out the same each time. Left empty: random ids, and this library's
  // name and version.
  std::array<std::byte, 16> file_id{};
  std::string session_id;
  std::string written_by;
};

struct WriterOptions {
  io::FileSystem* files = nullptr;
  // Changes nothing on the disk: transactions can be filled and looked at, and only rolled back.
  bool dry_run = false;
  std::function<std::int64_t()> clock;
};

// What opening for writing found and did.
struct OpenReport {
  std::uint64_t recovered_to = 0;  // the head's revision
  std::uint64_t tail_bytes = 0;    // of a torn tail, cut off
  std::string tail_saved_as;       // where they were kept first
  bool was_sealed = true;
};

struct CommitOptions {
  Durability durability = Durability::kDurable;
  std::string message;
  bool as_snapshot = false;  // fold everything into the trees now
  // A commit that fails leaves the transaction open as it was, to be tried again.
  bool keep_on_failure = false;
};

struct CheckpointOptions {
  std::string description;
  schema::Trigger trigger = schema::Trigger::MANUAL;
  bool is_automatic = false;
  std::string reason;
  double amount = 0;
  std::vector<std::string> tags;
  std::string id;               // empty: a new UUID
  std::int64_t time_nanos = 0;  // 0: now
};

// Figures of one save.
struct CommitResult {
  std::uint64_t revision = 0;
  CommitKind kind = CommitKind::kDelta;
  std::uint64_t written_bytes = 0;  // appended to the file
  std::uint64_t raw_bytes = 0;      // payloads before compression
  std::uint64_t stored_bytes = 0;   // and after it
  std::int64_t duration_nanos = 0;
};

// Changes under way. Rolled back when it goes out of scope without commit().
// Movable; used by one thread at a time. A commit that fails rolls it back too, unless told not to.
class Transaction {
 public:
  ~Transaction();
  Transaction(Transaction&&) noexcept;
  Transaction& operator=(Transaction&&) = delete;

  // Writes a whole record under `key`. Texts above 4 KiB go to blobs. Throws kLimit for a key or
  // record beyond the format's limits, kUsage for an empty key or a derived table.
  template <class RecordReader>
  void upsert(std::string_view key, const RecordReader& record) {
    upsert_any(kTableOf<capnp::FromReader<RecordReader>>, key, AnyRecord(record));
  }
  void upsert_any(Table table, std::string_view key, AnyRecord record);
  // The same unless an equal record is there already; true if it wrote.
  bool upsert_if_different(Table table, std::string_view key, AnyRecord record);
  // False if there was no such record.
  bool erase(Table table, std::string_view key);

  // Reads through the changes made so far.
  template <class Record>
  [[nodiscard]] std::optional<Entry<Record>> get(std::string_view key) const {
    if (auto entry = find(kTableOf<Record>, key)) return Entry<Record>(std::move(*entry));
    return std::nullopt;
  }
  [[nodiscard]] std::optional<AnyEntry> find(Table table, std::string_view key) const;
  // The committed state this transaction started from.
  [[nodiscard]] Snapshot base() const;
  // That state with the changes made so far, as a reader would see it after a commit; later changes
  // do not show. Good until the transaction ends. Copies the keys that were changed.
  [[nodiscard]] Snapshot so_far() const;
  [[nodiscard]] bool empty() const;             // nothing changed yet
  [[nodiscard]] std::uint64_t changes() const;  // records written or erased so far

  // Everything in a table as it would be after a commit, from the first key not below `from`. Ends
  // with the next change.
  [[nodiscard]] Cursor cursor(Table table, std::string_view from = {}) const;
  // Memory held by changes that are not written yet, in bytes; above `limit` they go to the file as
  // pages that no commit refers to yet, so that a transaction can be larger than memory.
  void spill_above(std::uint64_t limit_bytes);

  // Stores content apart and returns its digest; equal content is stored once.
  Digest add_blob(std::span<const std::byte> content);

  // A point to come back to. Savepoints nest: ending one, either way, ends those made after it.
  // Nothing is spilled while one is there. The bytes of blobs added since stay in the file.
  [[nodiscard]] std::size_t savepoint();
  void roll_back_to(std::size_t savepoint);  // undoes what was changed since, and ends it
  void release(std::size_t savepoint);       // ends it and keeps the changes

  // An empty transaction commits nothing and returns the head's revision, unless it is to be a
  // snapshot.
  CommitResult commit(const CommitOptions& options = {});
  // Commits, empty or not, as a snapshot with a checkpoint record.
  CommitResult checkpoint(const CheckpointOptions& options, const std::string& message = {});
  CommitResult checkpoint(const CheckpointOptions& options, const CommitOptions& commit);
  void rollback();

 private:
  friend class Writer;
  explicit Transaction(std::unique_ptr<store::TransactionCore> core);
  std::unique_ptr<store::TransactionCore> core_;
};

class Writer {
 public:
  // A new file, revision 1 an empty snapshot, put in place by rename when it is whole. Throws
  // kExists unless told to overwrite.
  [[nodiscard]] static Writer create(const std::string& path, CreateOptions options = {});
  // The same, but nothing appears at `path` before publish(), and revision 1 is whatever the first
  // transaction commits. A draft that is never published leaves nothing behind.
  [[nodiscard]] static Writer create_draft(const std::string& path, CreateOptions options = {});
  void publish();
  // An existing one. A torn tail is saved beside the file and cut off. Throws kLocked and names the
  // holder's process id; otherwise as Reader::open.
  [[nodiscard]] static Writer open(const std::string& path, WriterOptions options = {});
  // Closes without throwing; an error in sealing is no loss: the commits are on disk already.
  ~Writer();
  Writer(Writer&&) noexcept;
  Writer& operator=(Writer&&) noexcept;

  [[nodiscard]] const OpenReport& report() const;
  [[nodiscard]] const std::string& path() const;  // links resolved

  [[nodiscard]] Transaction begin();
  // The head, as a reader would see it.
  [[nodiscard]] Snapshot head() const;
  [[nodiscard]] Snapshot at(std::uint64_t revision) const;
  [[nodiscard]] Snapshot at(std::string_view revision) const;

  // A snapshot of the head with a checkpoint record; always a new revision.
  CommitResult checkpoint(const CheckpointOptions& options);
  // Unpins it: its bytes go at the next compact. Throws kNotFound.
  CommitResult delete_checkpoint(std::string_view id);
  // Makes the content of `revision` the head's, as a new revision, after an emergency checkpoint of
  // the present head. Checkpoints and history stay. Returns the restoring commit.
  CommitResult restore(std::uint64_t revision);

  // Writes the file anew with what is to be kept (session/compact.h) and goes on in the new one;
  // the lock is not let go. Waits for the transaction under way. Snapshots of before stay good.
  CompactReport compact(const CompactOptions& options);

  // Syncs relaxed commits.
  void flush();
  // Trims the reserve, seals the file, covers what its policy wants covered with parity, and lets
  // go of the lock. Throws kIo, and kPoisoned if commits may not be on the disk; idempotent.
  void close();

 private:
  explicit Writer(std::shared_ptr<store::WriterCore> core);
  std::shared_ptr<store::WriterCore> core_;
};

}  // namespace session
