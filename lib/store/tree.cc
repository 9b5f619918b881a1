#include "lib/store/tree.h"

#include <string>

namespace session::store {

using format::IndexView;
using format::LeafView;
using format::RootRef;

namespace {

// A page's header, its pointers and its first list; and of a leaf the fixed parts of its records.
constexpr std::uint64_t kHeadBytes = 256;
constexpr std::uint64_t kRecordsBytes = 1536;

}  // namespace

std::optional<Found> tree_find(const PageSource& pages, const RootRef& root, std::string_view key) {
  if (root.empty()) return std::nullopt;
  std::uint64_t offset = root.offset;
  for (std::uint32_t level = root.level; level > 0; --level) {
    const OpenIndex index = pages.index(offset, level);
    const std::uint32_t at = index->lower_bound(key);
    if (at == index->size()) return std::nullopt;
    offset = index->offset(at);
  }
  pages.prefetch(offset, kHeadBytes);
  Page page = pages.fetch(offset, format::FrameKind::kLeaf);
  const LeafView leaf(page.payload());
  const auto at = leaf.find(key);
  if (!at) return std::nullopt;
  return Found{leaf.key(*at), leaf.record(*at), std::move(page.keep)};
}

void TreeCursor::enter(std::uint64_t offset, std::uint32_t level) {
  if (level == 0) {
    leaf_page_ = pages_->fetch(offset, format::FrameKind::kLeaf);
    leaf_ = LeafView(leaf_page_.payload());
    return;
  }
  Page page = pages_->fetch(offset, format::FrameKind::kIndex);
  const IndexView index = open_index(page, offset, level);
  path_.push_back({std::move(page), index, 0});
}

void TreeCursor::open_root() {
  path_.clear();
  valid_ = !root_.empty();
  if (valid_) enter(root_.offset, root_.level);
}

void TreeCursor::seek(std::string_view key) {
  open_root();
  if (!valid_) return;
  for (std::uint32_t level = root_.level; level > 0; --level) {
    Level& inner = path_.back();
    inner.at = inner.index.lower_bound(key);
    if (inner.at == inner.index.size()) {
      valid_ = false;
      return;
    }
    enter(inner.index.offset(inner.at), level - 1);
  }
  at_ = leaf_.lower_bound(key);
  if (at_ < leaf_.size()) return;
  // Behind the last key of the last leaf, or of a page that lies about its last key.
  next_leaf();
}

void TreeCursor::seek_rank(std::uint64_t rank) {
  open_root();
  if (!valid_) return;
  if (rank >= root_.count) {
    valid_ = false;
    return;
  }
  for (std::uint32_t level = root_.level; level > 0; --level) {
    Level& inner = path_.back();
    while (inner.at + 1 < inner.index.size() && rank >= inner.index.count(inner.at)) {
      rank -= inner.index.count(inner.at++);
    }
    enter(inner.index.offset(inner.at), level - 1);
  }
  at_ = static_cast<std::uint32_t>(rank);
  valid_ = rank < leaf_.size();
}

void TreeCursor::descend_first() {
  while (true) {
    const Level& inner = path_.back();
    const std::uint32_t level = inner.index.level() - 1;
    enter(inner.index.offset(inner.at), level);
    if (level == 0) break;
  }
  at_ = 0;
}

bool TreeCursor::advance() {
  while (!path_.empty() && path_.back().at + 1 >= path_.back().index.size()) path_.pop_back();
  if (path_.empty()) return false;
  ++path_.back().at;
  return true;
}

void TreeCursor::next_leaf() {
  const Page before = leaf_page_;
  const std::string_view last = leaf_.key(leaf_.size() - 1);
  valid_ = advance();
  if (!valid_) return;
  descend_first();
  // Pages that refer to the same page again and again would make a walk as long as somebody likes;
  // keys that rise from leaf to leaf bound it by the leaves there are.
  const Level& parent = path_.back();
  if (parent.at + 1 < parent.index.size()) {
    pages_->prefetch(parent.index.offset(parent.at + 1), kRecordsBytes);
  }
  if (leaf_.key(0) > last) return;
  pages_->fail({parent.index.offset(parent.at), leaf_page_.size_bytes, format::DamageKind::kLink,
                "the keys of this leaf do not lie behind those of the leaf before it"});
}

void TreeCursor::next() {
  if (++at_ >= leaf_.size()) next_leaf();
}

}  // namespace session::store
