#pragma once
// The writer behind session::Writer: lock, log, the state a new transaction stands on, and the one
// function through which every commit goes.

#include <array>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "format/file_header.h"
#include "format/parity.h"
#include "format/prefix.h"
#include "lib/io/file.h"
#include "lib/store/head.h"
#include "lib/store/log.h"
#include "lib/store/overlay.h"
#include "lib/store/tree_writer.h"
#include "lib/store/view.h"
#include "session/writer.h"

namespace session::store {

// Trees to stand on and what lies over them. What a transaction reads, and what a commit folds.
struct Base {
  std::shared_ptr<const PageSource> pages;
  format::Roots roots{};
  Overlay overlay;
};

[[nodiscard]] std::string_view program_version();  // "sessiontool 0.1.0"

// What a commit is asked to write: changes over a base, by table.
struct CommitRequest {
  std::array<Run, kTableSlots> changes;
  std::uint32_t upserts = 0;
  std::uint32_t erases = 0;
  std::string message;
  Durability durability = Durability::kDurable;
  bool as_snapshot = false;
  std::optional<CheckpointOptions> checkpoint;
  // A commit of another file that is written here anew: its number, time, words and counts.
  const RevisionInfo* kept = nullptr;
  // Trees that stand in this file already: a snapshot of them, for which nothing but the table
  // `revisions` is written. The changes above are not looked at.
  const format::Roots* trees = nullptr;
  // Instead of the head: an older revision, whose content comes back (restore), or what a large
  // transaction has written already (then for bookkeeping too).
  const Base* content_base = nullptr;
  const Base* bookkeeping_base = nullptr;
  // What a delta may be compressed behind, in a file that says so (allow_prefixes()), and whether
  // that was done.
  const format::Prefix* prefix = nullptr;
  bool is_prefixed = false;
  Log::Position log_begin;  // before the transaction wrote anything
  // How far the log is rolled back when the commit fails; empty: to log_begin.
  std::optional<std::uint64_t> keep_log_to;

  // Sets the counts to what the changes hold. Blobs are not counted.
  void count();
};

// A draft that somebody makes who holds the lock of its path already, or needs none.
enum class DraftLock : std::uint8_t { kTake, kLeave };

using ProtectProgress = std::function<void(std::uint64_t bytes_read)>;

class WriterCore : public std::enable_shared_from_this<WriterCore> {
 public:
  [[nodiscard]] static std::shared_ptr<WriterCore> create_draft(
      const std::string& path, const CreateOptions& options, DraftLock locking = DraftLock::kTake);
  [[nodiscard]] static std::shared_ptr<WriterCore> open(const std::string& path,
                                                        const WriterOptions& options);
  ~WriterCore();
  WriterCore(const WriterCore&) = delete;
  WriterCore& operator=(const WriterCore&) = delete;

  void publish();
  // Where it stands now: of a draft, not at its path.
  [[nodiscard]] const std::string& present_path() const {
    return draft_path_.empty() ? path_ : draft_path_;
  }
  // Nothing adds parity by itself any more; protect() does.
  void leave_parity_to_caller() { keeps_up_parity_ = false; }
  [[nodiscard]] const OpenReport& report() const { return report_; }
  [[nodiscard]] const std::string& path() const { return path_; }

  // One transaction at a time: waits for the one before.
  void acquire();
  void release() noexcept;

  // The calls below need the transaction to be held by the caller.
  CommitResult commit(CommitRequest& request);
  // Stores content in frames of its own; the record is for the table `blobs`.
  [[nodiscard]] format::Record append_blob(format::Bytes content);
  [[nodiscard]] const Base& base() const { return base_; }
  [[nodiscard]] Log& log() { return *log_; }
  [[nodiscard]] bool has_commit() const { return head_.revision != 0; }
  [[nodiscard]] const RevisionInfo& head_info() const { return head_; }
  [[nodiscard]] PageSink page_sink(Table table);
  [[nodiscard]] PageTargets targets() const;
  // Pages written so far, readable.
  [[nodiscard]] std::shared_ptr<const PageSource> pages_so_far();
  [[nodiscard]] const CreateOptions* first_commit() const {
    return first_commit_ ? &*first_commit_ : nullptr;
  }
  // Whether the commit would be a snapshot.
  [[nodiscard]] bool should_fold(const CommitRequest& request) const;
  // Throws unless the file stands at its path and may be replaced there.
  void require_replaceable() const;
  // Goes on in the file that was put at our path meanwhile, by somebody who relied on our lock.
  // Snapshots of the one before stay good. If it throws, the writer is poisoned.
  void move_to_new_file();
  // From the next snapshot on the file says that it may hold deltas with a prefix; who reads it
  // must know them.
  void allow_prefixes() { has_prefixes_ = true; }
  [[nodiscard]] std::int64_t now() const { return clock_(); }
  [[nodiscard]] const std::string& written_by() const { return written_by_; }

  // Thread-safe.
  [[nodiscard]] std::shared_ptr<const View> head_view() const;
  [[nodiscard]] std::shared_ptr<const View> view_at(std::uint64_t revision) const;
  CommitResult restore(std::uint64_t revision);
  void flush();
  void close();
  // Seals the file and covers with parity what no group covers (0: nothing). `progress` is given
  // the bytes read since its last call and may throw to stop: then nothing was added. Returns the
  // new groups.
  std::vector<format::ParityGroup> protect(std::uint32_t percent, const ProtectProgress& progress);
  [[nodiscard]] std::uint64_t file_bytes() const { return log_->end(); }
  // What no group covers yet, from the end of the newest one on.
  [[nodiscard]] std::uint64_t uncovered_bytes() const { return log_->end() - covered_end_; }

 private:
  WriterCore(io::FileSystem& files, std::string path, std::unique_ptr<io::Lock> lock,
             std::function<std::int64_t()> clock);

  void sync_or_poison(const std::function<void()>& sync);
  void recover(const Head& head);
  void save_tail(const Head& head);
  void seal();
  void append_group(const format::ParityGroup& group, const ProtectProgress& progress);
  std::vector<format::ParityGroup> add_parity(std::uint32_t percent,
                                              const ProtectProgress& progress);
  [[nodiscard]] std::uint32_t wanted_parity() const;
  void keep_up_parity_after_commit();
  void keep_up_parity_on_close();
  void rewrite_unsynced(const Head& head);
  void load_state(const Head& head);
  void check_same_file() const;
  CommitResult commit_delta(CommitRequest& request);
  CommitResult commit_snapshot(CommitRequest& request);
  [[nodiscard]] format::Roots fold(CommitRequest& request, const std::string& checkpoint_id,
                                   std::int64_t time);
  [[nodiscard]] format::Record checkpoint_record(const CheckpointOptions& wanted,
                                                 const format::Roots& roots,
                                                 std::int64_t time) const;
  [[nodiscard]] format::RootRef list_revisions();
  [[nodiscard]] std::vector<std::byte> encode_delta(const CommitRequest& request);
  [[nodiscard]] std::uint64_t number_of(const CommitRequest& request) const;
  [[nodiscard]] std::int64_t time_of(const CommitRequest& request) const;
  void fill_common(schema::Commit::Builder commit, const CommitRequest& request,
                   std::int64_t time) const;
  void finish(const CommitRequest& request, const format::FrameHeader& frame,
              std::vector<std::byte> payload, CommitResult& result);

  io::FileSystem& files_;
  std::string path_;
  std::unique_ptr<io::Lock> lock_;
  std::function<std::int64_t()> clock_;
  std::string written_by_{program_version()};
  std::string draft_path_;  // where an unpublished file stands; empty: published
  std::optional<CreateOptions> first_commit_;
  std::shared_ptr<io::File> file_;
  format::FileHeader header_;
  std::unique_ptr<Log> log_;
  OpenReport report_;
  bool may_overwrite_ = false;
  bool dry_run_ = false;
  bool keeps_up_parity_ = true;
  bool closed_ = true;  // until it is open
  bool sealed_ = false;

  Base base_;
  RevisionInfo head_;  // revision 0: no commit yet
  std::uint64_t head_end_ = 0;
  std::uint64_t parity_offset_ = 0;  // of the newest parity group; 0: none
  std::uint64_t covered_end_ = 0;    // by it and those before it, from the start of the file
  std::uint64_t trees_offset_ = 0;
  std::vector<RevisionInfo> unlisted_;  // revisions not in the `revisions` table yet
  std::uint32_t pending_deltas_ = 0;
  std::uint64_t pending_bytes_ = 0;
  bool has_prefixes_ = false;  // said by every snapshot from the first one on that did

  std::mutex turn_mutex_;
  std::condition_variable turn_;
  bool busy_ = false;
  mutable std::mutex head_mutex_;  // guards what head_view() reads: offset and end
  mutable std::shared_ptr<const View> head_view_;
  std::uint64_t visible_offset_ = 0;
  std::uint64_t visible_end_ = 0;
};

// The tree of a table after the base's pending changes and `changes`.
[[nodiscard]] Run merged_run(const Base& base, Table table, const Run& changes);

// What the table `revisions` says of a commit.
[[nodiscard]] format::Record revision_record(const RevisionInfo& info);

[[nodiscard]] std::int64_t system_nanos();
[[nodiscard]] std::string new_uuid();

}  // namespace session::store
