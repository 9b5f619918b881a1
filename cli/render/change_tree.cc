#include "cli/render/change_tree.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "cli/io/interrupt.h"
#include "cli/render/change_fields.h"
#include "cli/render/names.h"
#include "cli/render/task_tree.h"
#include "cli/render/text.h"

namespace session::cli {
namespace {

// Of tasks above a change that did not change themselves.
constexpr std::size_t kMostAncestors = 12;
// Deeper tasks are not indented any further.
constexpr std::size_t kMostLevels = 20;
constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();

struct Node {
  std::string key;
  std::string title;
  std::string parent_key;
  std::int64_t rank = 0;
  schema::TaskStatus status = schema::TaskStatus::PENDING;
  const RecordChange* change = nullptr;  // null: here only for what is below it
  std::size_t parent = kNone;
  std::vector<std::size_t> children;
};

class ChangeTree {
 public:
  ChangeTree(std::ostream& out, const Style& style, std::size_t columns, const Diff& difference)
      : out_(out), style_(style), columns_(columns), difference_(difference) {
    for (const RecordChange& change : difference.changes) {
      if (change.table == Table::kTasks) add(change.key, &change);
    }
    const std::size_t changed = nodes_.size();
    for (std::size_t i = 0; i < changed; ++i) add_ancestors(i);
    cut_circles();
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      siblings_below(nodes_[i].parent).push_back(i);
    }
    sort(roots_);
    for (Node& node : nodes_) sort(node.children);
  }

  // With a stack of our own: a tree may be deeper than the machine's.
  void draw() {
    struct Level {
      const std::vector<std::size_t>* nodes;
      std::size_t next = 0;
    };
    std::vector<Level> levels = {{&roots_, 0}};
    std::vector<bool> more_follow;  // of all levels but the roots'
    while (!levels.empty()) {
      stop_if_interrupted();
      Level& level = levels.back();
      if (level.next == level.nodes->size()) {
        levels.pop_back();
        if (!more_follow.empty()) more_follow.pop_back();
        continue;
      }
      const Node& node = nodes_[(*level.nodes)[level.next++]];
      if (!more_follow.empty()) more_follow.back() = level.next < level.nodes->size();
      write(node, more_follow);
      if (node.children.empty()) continue;
      levels.push_back({&node.children, 0});
      more_follow.push_back(true);
    }
  }

 private:
  std::size_t add(const std::string& key, const RecordChange* change) {
    Node node;
    node.key = key;
    node.change = change;
    for (const Snapshot* side : {&difference_.right, &difference_.left}) {
      const auto task = side->get<schema::Task>(key);
      if (!task) continue;
      node.title = task_title(*side, *task);
      node.parent_key = view((*task)->getParent());
      node.rank = (*task)->getRank();
      node.status = (*task)->getStatus();
      break;
    }
    by_key_.emplace(key, nodes_.size());
    nodes_.push_back(std::move(node));
    return nodes_.size() - 1;
  }

  void add_ancestors(std::size_t at) {
    for (std::size_t i = 0; i <= kMostAncestors; ++i) {
      const std::string parent = nodes_[at].parent_key;
      if (parent.empty()) return;
      const auto known = by_key_.find(parent);
      if (known != by_key_.end()) {
        nodes_[at].parent = known->second;
        return;
      }
      if (i == kMostAncestors || !is_there(parent)) return;
      const std::size_t above = add(parent, nullptr);
      nodes_[at].parent = above;
      at = above;
    }
  }

  [[nodiscard]] bool is_there(const std::string& key) const {
    return difference_.right.find(Table::kTasks, key) || difference_.left.find(Table::kTasks, key);
  }

  // A task that is its own ancestor, by what somebody wrote, is drawn as a root.
  void cut_circles() {
    std::vector<std::size_t> climbed_from(nodes_.size(), kNone);
    for (std::size_t start = 0; start < nodes_.size(); ++start) {
      for (std::size_t at = start; at != kNone; at = nodes_[at].parent) {
        if (climbed_from[at] == start) nodes_[at].parent = kNone;
        if (climbed_from[at] != kNone) break;
        climbed_from[at] = start;
      }
    }
  }

  std::vector<std::size_t>& siblings_below(std::size_t parent) {
    return parent == kNone ? roots_ : nodes_[parent].children;
  }

  void sort(std::vector<std::size_t>& siblings) const {
    std::sort(siblings.begin(), siblings.end(), [this](std::size_t a, std::size_t b) {
      return std::tie(nodes_[a].rank, nodes_[a].key) < std::tie(nodes_[b].rank, nodes_[b].key);
    });
  }

  [[nodiscard]] std::string note_on(const Node& node) const {
    if (node.change == nullptr) return {};
    if (node.change->kind == ChangeKind::kAdded) return std::string(status_words(node.status));
    return nature_of(*node.change) == ChangeNature::kMoved ? "moved" : "";
  }

  void write(const Node& node, const std::vector<bool>& more_follow) {
    const std::string guides = tree_guides(more_follow, kMostLevels);
    const std::string note = note_on(node);
    const std::string key = one_line(node.key);
    std::string title = one_line(node.title);
    if (columns_ > 0) {
      const std::size_t taken = display_width(guides) + display_width(key) + 4 +
                                (note.empty() ? 0 : display_width(note) + 2);
      title = cut_to_width(title, columns_ > taken ? columns_ - taken : 1);
    }
    out_ << style_.paint(Ink::kDim, guides);
    if (node.change == nullptr) {
      out_ << style_.paint(Ink::kDim, "  " + key + "  " + title) << '\n';
      return;
    }
    const Ink ink = change_ink(node.change->kind);
    out_ << style_.paint(ink, change_mark(node.change->kind)) << ' '
         << style_.paint(Ink::kBold, key) << "  " << title;
    if (!note.empty()) out_ << "  " << style_.paint(Ink::kDim, note);
    out_ << '\n';
    if (node.change->kind != ChangeKind::kChanged) return;
    write_change_fields(out_, style_, columns_, margin(node, more_follow), *node.change,
                        difference_);
  }

  // Under a task's line, past the lines that lead to what is drawn below.
  [[nodiscard]] static std::string margin(const Node& node, std::vector<bool> more_follow) {
    more_follow.push_back(!node.children.empty());
    more_follow.push_back(false);
    std::string text = tree_guides(more_follow, kMostLevels + 2);
    constexpr std::string_view kOwn = "└─ ";
    text.replace(text.size() - kOwn.size(), kOwn.size(), "  ");
    return text;
  }

  std::ostream& out_;
  const Style& style_;
  std::size_t columns_;
  const Diff& difference_;
  std::vector<Node> nodes_;
  std::map<std::string, std::size_t, std::less<>> by_key_;
  std::vector<std::size_t> roots_;
};

}  // namespace

void draw_change_tree(std::ostream& out, const Style& style, std::size_t columns,
                      const Diff& difference) {
  ChangeTree(out, style, columns, difference).draw();
}

}  // namespace session::cli
