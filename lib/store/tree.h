#pragma once
// Reading a table's tree: look-up, ordered walk, position by rank.

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "format/commit.h"
#include "format/page.h"
#include "lib/store/page_source.h"

namespace session::store {

struct Found {
  std::string_view key;
  format::RecordView record;
  std::shared_ptr<const void> keep;  // as Page::keep
};

// The record under `key`, if there is one.
[[nodiscard]] std::optional<Found> tree_find(const PageSource& pages, const format::RootRef& root,
                                             std::string_view key);

// Walks a tree in key order. Holds one page per level. Not thread-safe.
class TreeCursor {
 public:
  TreeCursor(const PageSource& pages, const format::RootRef& root) : pages_(&pages), root_(root) {}

  void seek(std::string_view key);     // to the first key not below `key`
  void seek_rank(std::uint64_t rank);  // to the rank-th key, from 0
  [[nodiscard]] bool valid() const { return valid_; }
  [[nodiscard]] std::string_view key() const { return leaf_.key(at_); }
  [[nodiscard]] format::RecordView record() const { return leaf_.record(at_); }
  [[nodiscard]] const std::shared_ptr<const void>& keep() const { return leaf_page_.keep; }
  void next();

  // The leaf under the cursor and where it stands, for those who work page by page.
  [[nodiscard]] const format::LeafView& leaf() const { return leaf_; }
  void next_leaf();

 private:
  struct Level {
    Page page;
    format::IndexView index;
    std::uint32_t at = 0;
  };

  void open_root();
  void enter(std::uint64_t offset, std::uint32_t level);
  void descend_first();  // from the innermost open level down to its first leaf
  bool advance();        // moves the innermost level that can; false at the end

  const PageSource* pages_;
  format::RootRef root_;
  std::vector<Level> path_;  // outermost first
  Page leaf_page_;
  format::LeafView leaf_;
  std::uint32_t at_ = 0;
  bool valid_ = false;
};

[[nodiscard]] constexpr format::FrameKind page_kind(std::uint32_t level) {
  return level == 0 ? format::FrameKind::kLeaf : format::FrameKind::kIndex;
}

}  // namespace session::store
