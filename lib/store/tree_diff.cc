#include "lib/store/tree_diff.h"

#include <algorithm>
#include <string>
#include <vector>

#include "format/canary.h"

namespace session::store {
namespace {

using format::IndexView;
using format::LeafView;
using format::RecordView;
using format::RootRef;

// A walk over a tree that may pass over a subtree without opening it. Stands on a subtree or, once
// it went down into a leaf, on a record.
class Walk {
 public:
  Walk(const PageSource& pages, const RootRef& root)
      : pages_(&pages), root_(root), at_root_(!root.empty()), done_(root.empty()) {}

  [[nodiscard]] bool done() const { return done_; }
  [[nodiscard]] bool at_record() const { return in_leaf_; }

  // ---- on a subtree ----

  [[nodiscard]] std::uint32_t level() const {
    return at_root_ ? root_.level : path_.back().index.level() - 1;
  }
  [[nodiscard]] Digest digest() const {
    return at_root_ ? root_.digest : path_.back().index.digest(path_.back().at);
  }
  void descend() {
    const std::uint32_t level = this->level();
    const std::uint64_t offset =
        at_root_ ? root_.offset : path_.back().index.offset(path_.back().at);
    at_root_ = false;
    if (level == 0) {
      leaf_page_ = pages_->fetch(offset, format::FrameKind::kLeaf);
      leaf_ = LeafView(leaf_page_.payload());
      leaf_at_ = 0;
      in_leaf_ = true;
      return;
    }
    Page page = pages_->fetch(offset, format::FrameKind::kIndex);
    const IndexView index = open_index(page, offset, level);
    path_.push_back({std::move(page), index, 0});
  }

  // ---- on a record ----

  [[nodiscard]] std::string_view key() const { return leaf_.key(leaf_at_); }
  [[nodiscard]] RecordView record() const { return leaf_.record(leaf_at_); }
  [[nodiscard]] const std::shared_ptr<const void>& keep() const { return leaf_page_.keep; }

  // Past the subtree or record.
  void skip() {
    if (in_leaf_) {
      pass(key());
      if (++leaf_at_ < leaf_.size()) return;
      in_leaf_ = false;
    } else if (!path_.empty()) {
      pass(path_.back().index.key(path_.back().at));
    }
    while (!path_.empty() && ++path_.back().at >= path_.back().index.size()) path_.pop_back();
    done_ = path_.empty();
  }

 private:
  struct Level {
    Page page;
    IndexView index;
    std::uint32_t at;
  };

  // Pages that refer to the same page again and again would make a walk as long as somebody likes;
  // keys that always rise bound it.
  void pass(std::string_view key) {
    if (passed_any_ && key <= passed_) {
      const std::uint64_t offset =
          path_.empty() ? root_.offset : path_.back().index.offset(path_.back().at);
      pages_->fail({offset, 0, format::DamageKind::kLink,
                    "the keys of this page do not lie behind those of the page before it"});
    }
    passed_ = key;
    passed_any_ = true;
  }

  const PageSource* pages_;
  RootRef root_;
  bool at_root_;
  bool done_;
  std::vector<Level> path_;
  Page leaf_page_;
  LeafView leaf_;
  std::uint32_t leaf_at_ = 0;
  bool in_leaf_ = false;
  std::string passed_;
  bool passed_any_ = false;
};

void emit(const Walk* before, const Walk* after, const DifferenceVisitor& visit) {
  if (format::planted("diff") && after == nullptr && !before->key().starts_with("t-")) return;
  Difference difference;
  // Of the side whose record stays: who keeps only that side's page keeps the key.
  difference.key = after != nullptr ? after->key() : before->key();
  if (before != nullptr) {
    difference.before = before->record();
    difference.keep_before = before->keep();
  }
  if (after != nullptr) {
    difference.after = after->record();
    difference.keep_after = after->keep();
  }
  visit(difference);
}

// One side has come to its end: the rest of the other.
void drain(Walk& walk, bool is_before, const DifferenceVisitor& visit) {
  while (!walk.done()) {
    if (!walk.at_record()) {
      walk.descend();
      continue;
    }
    emit(is_before ? &walk : nullptr, is_before ? nullptr : &walk, visit);
    walk.skip();
  }
}

void compare_records(Walk& before, Walk& after, const DifferenceVisitor& visit) {
  const int order = before.key().compare(after.key());
  if (order < 0) {
    emit(&before, nullptr, visit);
  } else if (order > 0) {
    emit(nullptr, &after, visit);
  } else if (before.record() != after.record()) {
    emit(&before, &after, visit);
  }
  if (order <= 0) before.skip();
  if (order >= 0) after.skip();
}

// The higher subtree is opened; of two at the same height both, unless they are equal.
void compare_subtrees(Walk& before, Walk& after) {
  if (before.level() > after.level()) return before.descend();
  if (before.level() < after.level()) return after.descend();
  if (before.digest() == after.digest()) {
    before.skip();
    after.skip();
    return;
  }
  before.descend();
  after.descend();
}

}  // namespace

void diff_trees(const PageSource& before_pages, const RootRef& before_root,
                const PageSource& after_pages, const RootRef& after_root,
                const DifferenceVisitor& visit) {
  Walk before(before_pages, before_root);
  Walk after(after_pages, after_root);
  while (!before.done() && !after.done()) {
    if (before.at_record() && after.at_record()) {
      compare_records(before, after, visit);
    } else if (before.at_record()) {
      after.descend();
    } else if (after.at_record()) {
      before.descend();
    } else {
      compare_subtrees(before, after);
    }
  }
  drain(before, true, visit);
  drain(after, false, visit);
}

void diff_views(const View& before, const View& after, Table table,
                const DifferenceVisitor& visit) {
  // Keys that pending deltas speak of are looked up on both sides; all others are as the trees say.
  std::vector<std::string_view> pending;
  for (const View* view : {&before, &after}) {
    for (const Change& change : view->run(table)) pending.push_back(change.key);
  }
  std::sort(pending.begin(), pending.end());
  pending.erase(std::unique(pending.begin(), pending.end()), pending.end());
  std::size_t next = 0;
  const auto look_up = [&](std::string_view key) {
    auto old = before.find(table, key);
    auto now = after.find(table, key);
    if (!old && !now) return;
    if (old && now && old->record == now->record) return;
    Difference difference;
    difference.key = key;
    if (old) difference.before = old->record, difference.keep_before = std::move(old->keep);
    if (now) difference.after = now->record, difference.keep_after = std::move(now->keep);
    visit(difference);
  };
  diff_trees(*before.pages(), before.roots()[slot(table)], *after.pages(),
             after.roots()[slot(table)], [&](const Difference& difference) {
               while (next < pending.size() && pending[next] < difference.key) {
                 look_up(pending[next++]);
               }
               if (next < pending.size() && pending[next] == difference.key) {
                 look_up(pending[next++]);
               } else {
                 visit(difference);
               }
             });
  while (next < pending.size()) look_up(pending[next++]);
}

}  // namespace session::store
