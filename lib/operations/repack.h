#pragma once
// What compact writes: kept revisions of a sound file, one behind the other, into a draft of a new
// one, with their numbers, times, words and fingerprints. (The Rewriter makes pages anew from their
// records, because it does not trust what it reads; here they are carried over as they are, and
// whoever uses this verifies the result.)
//
// A delta whose parent is kept stays one. Behind dropped revisions it becomes the difference to the
// last kept one, or a snapshot where that is too much. Snapshots stay snapshots. Deltas that a kept
// snapshot folds stand behind its leaves and are compressed with them (delta_prefix.h), where one
// of them gets smaller so.

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_set>
#include <vector>

#include "lib/operations/delta_prefix.h"
#include "lib/operations/page_copier.h"
#include "lib/store/view.h"
#include "lib/store/writer_core.h"
#include "session/compact.h"

namespace session::operations {

// The old file, and what is to become of it.
struct RepackPlan {
  std::shared_ptr<const store::PageSource> pages;
  format::FileHeader header;
  std::vector<RevisionInfo> kept;  // oldest first; the last is the head
  std::vector<RecordName> erase;
  std::int64_t now_nanos = 0;  // the time that the marker of what was erased says
  bool archive = false;
  std::function<void(std::uint64_t bytes)> copied = [](std::uint64_t) {};
};

class Repacker {
 public:
  Repacker(std::shared_ptr<store::WriterCore> draft, RepackPlan plan);
  void run();

  // How many kept revisions had each of `RepackPlan::erase`, and which had any of them.
  [[nodiscard]] const std::vector<std::uint64_t>& erased() const { return erased_; }
  [[nodiscard]] const std::vector<std::uint64_t>& changed() const { return changed_; }

 private:
  struct Changes;
  using Run = store::Run;
  using Keys = std::set<std::string, std::less<>>;
  using Runs = std::array<Run, kTableSlots>;

  [[nodiscard]] std::shared_ptr<const store::View> open(const RevisionInfo& info) const;
  [[nodiscard]] bool follows(std::size_t index) const;
  // ---- which blobs stay
  void mark_blobs();
  bool mark_tree(Table table, const format::RootRef& root, const Run& over,
                 std::optional<std::string>& passed);
  void mark_run(Table table, const Run& run);
  void mark_record(Table table, std::string_view key, format::RecordView record);
  // ---- what goes
  [[nodiscard]] bool is_erased(Table table, std::string_view key) const;
  [[nodiscard]] bool is_dropped(Table table, const store::Change& change) const;
  void drop_from(Runs& runs) const;
  void note_erased(const RevisionInfo& info, const std::function<bool(const RecordName&)>& has);
  void note_erased_after(const RevisionInfo& info, const Runs& runs);
  void require_no_orphans(const store::View& view) const;
  void add_marker(const RevisionInfo& info, const store::View& view, Changes& changes);
  // ---- one revision
  void add(std::size_t index);
  [[nodiscard]] bool add_delta(std::size_t index, Changes& changes);
  [[nodiscard]] bool collect_difference(const store::View& view, Changes& into) const;
  void pack_like(const std::vector<std::uint64_t>& frames);
  void pack_like_trees(const RevisionInfo& info, const store::View& view);
  [[nodiscard]] bool is_packed(std::uint64_t offset) const;
  // ---- deltas behind the leaves they are folded into
  [[nodiscard]] std::size_t end_of_window(std::size_t index) const;
  [[nodiscard]] bool window_pays(std::size_t index) const;
  void allow_prefixes();
  void begin_window(std::size_t index);
  [[nodiscard]] format::RootRef fold(const store::View& view, Table table, const Run& over,
                                     StagedPages& staged) const;
  void add_snapshot(const RevisionInfo& info, const store::View& view, Changes& changes);
  [[nodiscard]] Runs over_trees(const store::View& view, Changes& keeps) const;
  [[nodiscard]] format::RootRef copy_blobs(const store::View& view);
  [[nodiscard]] format::Record move_blob(schema::Blob::Reader blob);
  void move_blobs(Run& run, Changes& keeps);
  void commit(store::CommitRequest& request);

  std::shared_ptr<store::WriterCore> draft_;
  RepackPlan plan_;
  PageCopier copier_;
  DeltaPrefixes prefixes_;
  bool allows_prefixes_ = false;
  std::size_t window_end_ = 0;  // the snapshot whose leaves were written last, ahead of it
  store::Log::Position begin_;  // of the revision that is being added
  std::array<Keys, kTableSlots> erase_;
  std::set<std::uint64_t> kept_;
  std::unordered_set<std::string> live_blobs_;
  std::array<std::set<Digest>, kTableSlots> marked_;  // pages
  std::shared_ptr<const store::View> before_;         // the revision added last, when opened
  std::vector<bool> has_record_;                      // of plan_.erase, in the revision added last
  std::vector<std::uint64_t> erased_;
  std::vector<std::uint64_t> changed_;
};

}  // namespace session::operations
