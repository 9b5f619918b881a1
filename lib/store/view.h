#pragma once
// One revision: the trees of the newest commit that has them, overlaid with the deltas since. What
// Snapshot shows; also what a transaction stands on. Immutable, so any number of threads may read
// it; what is computed late (children, counts) is computed once.

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "format/commit.h"
#include "format/file_header.h"
#include "lib/store/lazy.h"
#include "lib/store/overlay.h"
#include "lib/store/page_source.h"
#include "lib/store/tree.h"
#include "session/revision.h"
#include "session/snapshot.h"

namespace session::store {

// A commit frame in memory.
struct LoadedCommit {
  std::uint64_t offset = 0;
  std::uint64_t end = 0;
  std::uint64_t home = 0;
  Page page;
  schema::Commit::Reader reader;
};

[[nodiscard]] LoadedCommit load_commit(const PageSource& pages, std::uint64_t offset);
[[nodiscard]] RevisionInfo describe(const LoadedCommit& commit);

// The content of a blob, as its record in `blobs` says where it stands; checked against `digest`.
// Throws kDamaged.
[[nodiscard]] std::vector<std::byte> read_blob(const PageSource& pages, const Digest& digest,
                                               schema::Blob::Reader record);

class View {
 public:
  // The revision whose commit stands at `commit_offset`. Throws kDamaged, kNewerVersion.
  [[nodiscard]] static std::shared_ptr<const View> open(std::shared_ptr<const PageSource> pages,
                                                        const format::FileHeader& header,
                                                        std::uint64_t commit_offset);

  // A revision as it would be with other records: what `roots` and `overlay` hold, on `pages`.
  // Number, history and commits are those of `revision`.
  [[nodiscard]] static std::shared_ptr<const View> changed(const View& revision,
                                                           std::shared_ptr<const PageSource> pages,
                                                           const format::Roots& roots,
                                                           Overlay overlay);

  [[nodiscard]] const RevisionInfo& info() const { return info_; }
  [[nodiscard]] const format::FileHeader& header() const { return header_; }
  [[nodiscard]] const std::shared_ptr<const PageSource>& pages() const { return pages_; }
  [[nodiscard]] const format::Roots& roots() const { return roots_; }
  [[nodiscard]] const Overlay& overlay() const { return overlay_; }
  // The commits above the trees, oldest first.
  [[nodiscard]] const std::vector<RevisionInfo>& pending() const { return pending_; }
  [[nodiscard]] std::uint64_t pending_bytes() const { return pending_bytes_; }  // of their frames
  [[nodiscard]] const RevisionInfo& trees_commit() const { return trees_commit_; }
  [[nodiscard]] const std::string& writer() const { return writer_; }
  // The file may hold deltas that are compressed with a prefix.
  [[nodiscard]] bool has_prefixes() const { return has_prefixes_; }

  [[nodiscard]] std::optional<Found> find(Table table, std::string_view key) const;
  // What lies over the tree of a table; for `children` it is derived from `tasks`.
  [[nodiscard]] const Run& run(Table table) const;
  [[nodiscard]] TableSize size(Table table) const;
  [[nodiscard]] std::vector<ChildRef> children(std::string_view parent) const;
  // The same one by one; false from the callback stops. The key lives for the call.
  void visit_children(
      std::string_view parent,
      const std::function<bool(std::int64_t rank, std::string_view key)>& visit) const;
  [[nodiscard]] std::vector<std::byte> blob(const Digest& digest) const;
  [[nodiscard]] Digest fingerprint() const;

  // Newest first, this one included; false from the callback stops.
  void history(const std::function<bool(const RevisionInfo&)>& visit) const;
  // Oldest first, from the first revision after `revision` up to this one.
  void history_after(std::uint64_t revision,
                     const std::function<bool(const RevisionInfo&)>& visit) const;
  [[nodiscard]] std::optional<std::uint64_t> commit_offset(std::uint64_t revision) const;
  // The newest revision at or before a time; 0 if all are later.
  [[nodiscard]] std::uint64_t revision_at(std::int64_t time_nanos) const;
  [[nodiscard]] std::uint64_t revision_count() const;
  // Kept revisions around one that is not: the nearest below and above, where there are any.
  [[nodiscard]] std::vector<std::uint64_t> nearest_revisions(std::uint64_t revision) const;
  [[nodiscard]] std::vector<CheckpointInfo> checkpoints() const;

 private:
  View(std::shared_ptr<const PageSource> pages, const format::FileHeader& header);
  void load(std::uint64_t commit_offset);
  [[nodiscard]] RevisionInfo stored_revision(std::uint64_t rank) const;
  [[nodiscard]] std::uint64_t stored_revisions() const;
  [[nodiscard]] RevisionInfo stored_commit(std::uint64_t rank) const;
  [[nodiscard]] std::uint64_t first_rank_after(std::uint64_t revision) const;
  [[nodiscard]] bool trees_are_pending() const;
  [[nodiscard]] TableSize compute_size(Table table) const;

  std::shared_ptr<const PageSource> pages_;
  format::FileHeader header_;
  RevisionInfo info_;
  RevisionInfo trees_commit_;
  std::vector<RevisionInfo> pending_;
  std::uint64_t pending_bytes_ = 0;
  format::Roots roots_{};
  std::string writer_;
  bool has_prefixes_ = false;
  Overlay overlay_;

  Lazy<OwnedRun> children_;
  std::array<Lazy<TableSize>, kTableSlots> sizes_;
  Lazy<Digest> fingerprint_;
};

// Walks a table in key order: its tree merged with runs over it, the later run winning.
class ViewCursor {
 public:
  ViewCursor(std::shared_ptr<const View> owner, const PageSource& pages,
             const format::RootRef& root, std::vector<const Run*> runs);

  void seek(std::string_view key);
  [[nodiscard]] bool valid() const { return current_ != kNone; }
  [[nodiscard]] std::string_view key() const;
  [[nodiscard]] format::RecordView record() const;
  [[nodiscard]] std::shared_ptr<const void> keep() const;
  void next();

 private:
  static constexpr std::size_t kNone = ~std::size_t{0};
  struct Layer {
    const Run* run;
    Run::const_iterator at;
  };
  void settle();  // picks the smallest key, passing over erasures
  void pass(std::string_view key);

  std::shared_ptr<const View> owner_;
  TreeCursor tree_;
  std::vector<Layer> layers_;    // oldest first
  std::size_t current_ = kNone;  // 0: the tree, n: layer n - 1
};

[[nodiscard]] inline std::string to_string(capnp::Text::Reader text) {
  return {text.begin(), text.size()};
}
[[nodiscard]] CheckpointInfo describe(std::string_view id, schema::Checkpoint::Reader checkpoint);

}  // namespace session::store
