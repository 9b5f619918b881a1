// The two levels of the algorithm are the same but for what a page holds, so it is one template
// over a policy: `LeafLevel` (items are records) and `IndexLevel` (items are children). A level
// takes the changes of its items and gives the changes of the level above: the children that went,
// and the children that came.
//
// A page is entered when a change falls into it: the first page whose last key is not below the
// change's key, or the last page. From its start (always a border) old items and changes are merged
// and fed to the chunker. At the end of an old page, if a border fell just there, the old pages
// that follow stay as they are; if not, the next old page is read too.

#include "lib/store/tree_writer.h"

#include <algorithm>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "format/chunker.h"
#include "lib/store/tree.h"

namespace session::store {
namespace {

using format::Bytes;
using format::Child;
using format::FrameKind;
using format::RootRef;

// A change of an index level: a child under its last key, or the removal of the one that was there.
struct ChildChange {
  std::string key;
  std::optional<Child> child;
};

// The index pages just written, which cannot be read back yet: their only child, or nothing when
// they have several.
using FreshPages = std::unordered_map<std::uint64_t, std::optional<Child>>;

// Collects items into pages by the rule and writes each page when it ends.
template <class Policy>
class Chunker {
 public:
  using Item = typename Policy::Item;

  Chunker(const Policy& policy, std::vector<Child>& pages) : policy_(policy), pages_(pages) {}

  // Items come in rising order of their keys. Old pages that do not keep it are damaged, and might
  // lead back to where they were read before.
  void add(Item item) {
    require_behind_last(policy_.key(item));
    const std::uint64_t weight = policy_.weight(item);
    size_ += weight;
    items_.push_back(std::move(item));
    if (policy_.rule().ends_after(policy_.key(items_.back()), weight, size_, items_.size())) {
      finish();
    }
  }
  [[nodiscard]] bool at_border() const { return items_.empty(); }
  void finish() {
    if (items_.empty()) return;
    pages_.push_back(policy_.write(items_));
    items_.clear();
    size_ = 0;
  }

 private:
  void require_behind_last(std::string_view key) const {
    if (!items_.empty() ? key > policy_.key(items_.back())
                        : pages_.empty() || key > pages_.back().key) {
      return;
    }
    throw Error(ErrorCode::kDamaged,
                "the keys of a table's pages are not in rising order; `sessiontool verify` says "
                "where");
  }

  const Policy& policy_;
  std::vector<Child>& pages_;
  std::vector<Item> items_;
  std::uint64_t size_ = 0;
};

class LeafLevel {
 public:
  struct Item {
    format::LeafItem leaf;
    std::uint64_t words;
    std::shared_ptr<const void> keep;
  };
  using ChangeType = Change;

  LeafLevel(const PageSource& pages, const PageTargets& targets, const PageSink& sink)
      : pages_(pages), rule_(targets.leaf_log2, 0), sink_(sink) {}

  [[nodiscard]] const format::PageRule& rule() const { return rule_; }
  [[nodiscard]] std::uint64_t weight(const Item& item) const {
    return format::leaf_item_weight(item.leaf.key.size(), item.words);
  }
  [[nodiscard]] std::string_view key(const Item& item) const { return item.leaf.key; }

  [[nodiscard]] static std::string_view change_key(const Change& change) { return change.key; }
  [[nodiscard]] static std::optional<Item> changed_item(const Change& change) {
    if (change.is_erased) return std::nullopt;
    return Item{{change.key, change.record}, format::canonical_words(change.record), {}};
  }
  [[nodiscard]] std::vector<Item> read(const Child& old) const {
    const Page page = pages_.fetch(old.offset, FrameKind::kLeaf);
    const format::LeafView leaf(page.payload());
    std::vector<Item> items;
    items.reserve(leaf.size());
    for (std::uint32_t i = 0; i < leaf.size(); ++i) {
      const auto record = leaf.record(i);
      items.push_back({{leaf.key(i), record}, format::canonical_words(record), page.keep});
    }
    return items;
  }
  [[nodiscard]] Child write(const std::vector<Item>& items) const {
    std::vector<format::LeafItem> leaf;
    leaf.reserve(items.size());
    std::uint64_t content = 0;
    for (const Item& item : items) {
      leaf.push_back(item.leaf);
      content += item.leaf.key.size() + item.words * sizeof(capnp::word);
    }
    const std::vector<std::byte> payload = format::build_leaf(leaf);
    const PagePlace place = sink_(FrameKind::kLeaf, payload);
    return {std::string(items.back().leaf.key),
            items.size(),
            place.offset,
            place.stored_size,
            content,
            place.frame_bytes,
            format::leaf_digest(payload)};
  }

 private:
  const PageSource& pages_;
  format::PageRule rule_;
  const PageSink& sink_;
};

class IndexLevel {
 public:
  using Item = Child;
  using ChangeType = ChildChange;

  IndexLevel(const PageSource& pages, const PageTargets& targets, const PageSink& sink,
             std::uint32_t level, FreshPages& fresh)
      : pages_(pages),
        rule_(targets.index_log2, level),
        sink_(sink),
        level_(level),
        fresh_(fresh) {}

  [[nodiscard]] const format::PageRule& rule() const { return rule_; }
  [[nodiscard]] std::uint64_t weight(const Item& item) const {
    return format::index_item_weight(item.key.size());
  }
  [[nodiscard]] std::string_view key(const Item& item) const { return item.key; }

  [[nodiscard]] static std::string_view change_key(const ChildChange& change) { return change.key; }
  [[nodiscard]] static std::optional<Item> changed_item(const ChildChange& change) {
    return change.child;
  }
  [[nodiscard]] std::vector<Item> read(const Child& old) const {
    const Page page = pages_.fetch(old.offset, FrameKind::kIndex);
    const format::IndexView index = open_index(page, old.offset, level_);
    std::vector<Item> items;
    items.reserve(index.size());
    for (std::uint32_t i = 0; i < index.size(); ++i) items.push_back(index.child(i));
    return items;
  }
  [[nodiscard]] Child write(const std::vector<Item>& items) const {
    const std::vector<std::byte> payload = format::build_index(items, level_);
    const PagePlace place = sink_(FrameKind::kIndex, payload);
    Child page{items.back().key,
               0,
               place.offset,
               place.stored_size,
               0,
               place.frame_bytes,
               format::index_digest(items, level_)};
    for (const Item& item : items) {
      page.count += item.count;
      page.content_bytes += item.content_bytes;
      page.stored_bytes += item.stored_bytes;
    }
    fresh_[page.offset] = items.size() == 1 ? std::optional(items.front()) : std::nullopt;
    return page;
  }

 private:
  const PageSource& pages_;
  format::PageRule rule_;
  const PageSink& sink_;
  std::uint32_t level_;
  FreshPages& fresh_;
};

// The pages of one level of the old tree, in order, from any key on.
class OldPages {
 public:
  OldPages(const PageSource& pages, const RootRef& root, std::uint32_t level)
      : pages_(&pages), root_(root), level_(level) {}

  // The page that holds `key` or would; the last one if the key lies behind all.
  void seek(std::string_view key) {
    path_.clear();
    if (root_.level == level_) return;
    enter(root_.offset, root_.level);
    while (true) {
      Step& step = path_.back();
      const std::uint32_t found = step.index.lower_bound(key);
      step.at = std::min(found, step.index.size() - 1);
      if (step.index.level() == level_ + 1) return;
      enter(step.index.offset(step.at), step.index.level() - 1);
    }
  }
  [[nodiscard]] Child current() const {
    if (!path_.empty()) return path_.back().index.child(path_.back().at);
    return {std::string(),       root_.count,        root_.offset, root_.stored_size,
            root_.content_bytes, root_.stored_bytes, root_.digest};
  }
  // False when there is none behind the current one.
  bool next() {
    std::size_t depth = path_.size();
    while (depth > 0 && path_[depth - 1].at + 1 >= path_[depth - 1].index.size()) --depth;
    if (depth == 0) return false;
    path_.resize(depth);
    ++path_.back().at;
    while (path_.back().index.level() > level_ + 1) {
      const Step& step = path_.back();
      enter(step.index.offset(step.at), step.index.level() - 1);
    }
    return true;
  }
  [[nodiscard]] bool is_root() const { return path_.empty(); }

 private:
  struct Step {
    Page page;
    format::IndexView index;
    std::uint32_t at = 0;
  };
  void enter(std::uint64_t offset, std::uint32_t level) {
    Page page = pages_->fetch(offset, FrameKind::kIndex);
    const format::IndexView index = open_index(page, offset, level);
    path_.push_back({std::move(page), index, 0});
  }

  const PageSource* pages_;
  RootRef root_;
  std::uint32_t level_;
  std::vector<Step> path_;
};

struct LevelResult {
  std::vector<ChildChange> changes;  // for the level above, sorted
  std::vector<Child> pages;          // all pages of the level, if it was the root's
};

// Merges the old items of one page with the changes up to `last_key` (all of them without one).
template <class Policy, class Changes>
std::size_t merge_page(const Policy& policy, std::vector<typename Policy::Item> items,
                       const Changes& changes, std::size_t at, const std::string* last_key,
                       Chunker<Policy>& chunker) {
  std::size_t next_item = 0;
  const auto emit_items_below = [&](std::string_view key) {
    while (next_item < items.size() && policy.key(items[next_item]) < key) {
      chunker.add(std::move(items[next_item++]));
    }
  };
  for (; at < changes.size(); ++at) {
    const std::string_view key = Policy::change_key(changes[at]);
    if (last_key != nullptr && key > *last_key) break;
    emit_items_below(key);
    if (next_item < items.size() && policy.key(items[next_item]) == key) ++next_item;
    if (auto item = Policy::changed_item(changes[at])) chunker.add(std::move(*item));
  }
  while (next_item < items.size()) chunker.add(std::move(items[next_item++]));
  return at;
}

// Sorted union of what went and what came; a key that did both came.
std::vector<ChildChange> child_changes(std::vector<std::string> gone, std::vector<Child> came) {
  std::vector<ChildChange> changes;
  changes.reserve(gone.size() + came.size());
  std::size_t g = 0;
  for (Child& child : came) {
    while (g < gone.size() && gone[g] < child.key) {
      changes.push_back({std::move(gone[g++]), std::nullopt});
    }
    if (g < gone.size() && gone[g] == child.key) ++g;
    std::string key = child.key;
    changes.push_back({std::move(key), std::move(child)});
  }
  while (g < gone.size()) changes.push_back({std::move(gone[g++]), std::nullopt});
  return changes;
}

template <class Policy>
LevelResult update_level(const PageSource& source, const RootRef& root, std::uint32_t level,
                         const std::vector<typename Policy::ChangeType>& changes,
                         const Policy& policy) {
  std::vector<std::string> gone;
  std::vector<Child> came;
  Chunker<Policy> chunker(policy, came);
  const bool is_root = root.empty() || root.level == level;
  OldPages old(source, root, level);
  for (std::size_t at = 0; at < changes.size();) {
    if (root.empty()) {
      at = merge_page(policy, {}, changes, at, nullptr, chunker);
      break;
    }
    old.seek(Policy::change_key(changes[at]));
    while (true) {
      const Child page = old.current();
      OldPages behind = old;
      const bool is_last = !behind.next();
      if (!is_root) gone.push_back(page.key);
      at = merge_page(policy, policy.read(page), changes, at, is_last ? nullptr : &page.key,
                      chunker);
      if (is_last || chunker.at_border()) break;
      old = std::move(behind);
    }
    if (chunker.at_border()) continue;
    break;  // the end of the table
  }
  chunker.finish();
  if (is_root) return {{}, std::move(came)};
  return {child_changes(std::move(gone), std::move(came)), {}};
}

RootRef root_of(const Child& page, std::uint32_t level) {
  return {level,      page.stored_size,   page.offset,
          page.count, page.content_bytes, page.stored_bytes,
          page.digest};
}

// A root with a single child is dropped: built afresh, the tree would end below it.
RootRef drop_single_children(RootRef root, const PageSource& pages, const FreshPages& fresh) {
  while (root.level > 0) {
    const auto known = fresh.find(root.offset);
    std::optional<Child> only;
    if (known != fresh.end()) {
      only = known->second;
    } else {
      const Page page = pages.fetch(root.offset, FrameKind::kIndex);
      const format::IndexView index = open_index(page, root.offset, root.level);
      if (index.size() == 1) only = index.child(0);
    }
    if (!only) break;
    root = root_of(*only, root.level - 1);
  }
  return root;
}

// One pass over a tree: the levels that exist, then those that grow on top.
class Update {
 public:
  Update(const PageSource& pages, const RootRef& root, const PageTargets& targets,
         const PageSink& sink)
      : pages_(pages), root_(root), targets_(targets), sink_(sink) {}

  RootRef run(const std::vector<Change>& changes) {
    LevelResult result =
        update_level(pages_, root_, 0, changes, LeafLevel(pages_, targets_, sink_));
    std::uint32_t level = 0;
    while (!root_.empty() && level < root_.level) {
      if (result.changes.empty()) return root_;
      const std::vector<ChildChange> children = std::move(result.changes);
      ++level;
      result = update_level(pages_, root_, level, children, index_level(level));
    }
    return build_up(std::move(result.pages), level);
  }

  RootRef build(const RecordSource& next) {
    std::vector<Child> leaves;
    const LeafLevel policy(pages_, targets_, sink_);
    Chunker<LeafLevel> chunker(policy, leaves);
    while (auto record = next()) {
      auto item = LeafLevel::changed_item(record->change);
      if (!item) continue;
      item->keep = std::move(record->keep);
      chunker.add(std::move(*item));
    }
    chunker.finish();
    return build_up(std::move(leaves), 0);
  }

 private:
  IndexLevel index_level(std::uint32_t level) {
    return IndexLevel(pages_, targets_, sink_, level, fresh_);
  }

  RootRef build_up(std::vector<Child> level_pages, std::uint32_t level) {
    if (level_pages.empty()) return {};
    while (level_pages.size() > 1) {
      std::vector<Child> above;
      const IndexLevel policy = index_level(++level);
      Chunker<IndexLevel> chunker(policy, above);
      for (Child& page : level_pages) chunker.add(std::move(page));
      chunker.finish();
      level_pages = std::move(above);
    }
    return drop_single_children(root_of(level_pages.front(), level), pages_, fresh_);
  }

  const PageSource& pages_;
  const RootRef& root_;
  const PageTargets& targets_;
  const PageSink& sink_;
  FreshPages fresh_;
};

}  // namespace

RootRef update_tree(const PageSource& pages, const RootRef& root,
                    const std::vector<Change>& changes, const PageTargets& targets,
                    const PageSink& sink) {
  if (changes.empty()) return root;
  return Update(pages, root, targets, sink).run(changes);
}

RootRef build_tree(const PageSource& pages, const RecordSource& next, const PageTargets& targets,
                   const PageSink& sink) {
  const RootRef none;
  return Update(pages, none, targets, sink).build(next);
}

}  // namespace session::store
