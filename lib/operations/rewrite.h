#pragma once
// A session written anew: chosen revisions of an old file go into a new one with their numbers,
// times, words and fingerprints, and nothing else does. For repair, which makes every page from its
// records again; compact carries sound pages over (repack.h).
//
// What a revision shares with the one before it is not read again: subtrees of equal digest were
// copied with that one. So a revision that could be added is whole, and one whose own pages are
// damaged throws and leaves the new file as it was before.

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/store/view.h"
#include "lib/store/writer_core.h"
#include "session/writer.h"

namespace session::operations {

struct RewriteOptions {
  io::FileSystem* files = nullptr;
  // Of the file that is written anew: its page parameters and time of creation are kept.
  format::FileHeader header;
  // A checkpoint whose revision was not added stays as a record without one (revision 0).
  bool marks_lost_checkpoints = false;
};

class Rewriter {
 public:
  // Begins a file that appears at `path` with finish(), and of which nothing is left without it.
  // Throws kExists if one is there.
  Rewriter(const std::string& path, const RewriteOptions& options);
  ~Rewriter();
  Rewriter(const Rewriter&) = delete;
  Rewriter& operator=(const Rewriter&) = delete;

  // The next revision, of the file that all others came from. Numbers must rise. Throws kDamaged
  // when a page that no revision before it had is damaged, and has then written nothing.
  void add(const Snapshot& revision);

  // A revision that no other file has: all records there are, by table; blobs are read from
  // `pages`, where their records say. `children` and `revisions` are derived, whatever `state`
  // says.
  using Records = std::map<std::string, format::Record, std::less<>>;
  void add_state(const std::array<Records, kTableSlots>& state, const store::PageSource& pages,
                 std::uint64_t revision, std::int64_t time_nanos, const std::string& message);

  // The content of a revision that was added becomes the newest, as revision `number`; checkpoints
  // and other bookkeeping stay those of the revision added last, with `recovery` in addition.
  void add_again(const Snapshot& revision, std::uint64_t number, std::int64_t time_nanos,
                 const std::string& message, std::string_view recovery_key,
                 const format::Record& recovery);

  [[nodiscard]] std::uint64_t added() const { return added_; }
  void finish();

 private:
  struct Changes;
  [[nodiscard]] bool follows(const RevisionInfo& info) const;
  void collect_commit(const store::View& revision, Changes& into) const;
  void collect_difference(const store::View& revision, Changes& into) const;
  void move_blobs(const store::View& revision, Changes& changes);
  [[nodiscard]] Records blobs_of(const Records& wanted, const store::PageSource& pages);
  void commit(store::CommitRequest& request, const std::function<void()>& fill);
  [[nodiscard]] bool is_lost(format::RecordView checkpoint, std::uint64_t revision) const;
  void mark_lost_checkpoints(std::uint64_t revision, Changes& changes) const;

  std::shared_ptr<store::WriterCore> writer_;
  std::optional<Snapshot> before_;  // the revision added last
  std::uint64_t added_ = 0;
  bool marks_lost_checkpoints_;
  std::vector<std::uint64_t> revisions_;  // in the new file, rising
};

}  // namespace session::operations
