#include <algorithm>
#include <bit>
#include <utility>

#include "lib/operations/meaning_parts.h"

namespace session::operations {
namespace {

class Circles {
 public:
  Circles(const std::vector<std::uint32_t>& begin, const std::vector<std::uint32_t>& edges)
      : begin_(begin),
        edges_(edges),
        order_(begin.size() - 1, kUnseen),
        low_(begin.size() - 1),
        is_open_(begin.size() - 1) {
    for (std::uint32_t node = 0; node < order_.size(); ++node) {
      if (order_[node] == kUnseen) visit(node);
    }
  }
  [[nodiscard]] std::vector<std::vector<std::uint32_t>> take() { return std::move(found_); }

 private:
  static constexpr std::uint32_t kUnseen = ~std::uint32_t{0};
  struct Step {
    std::uint32_t node;
    std::uint32_t edge;
  };

  void enter(std::uint32_t node) {
    order_[node] = low_[node] = next_++;
    open_.push_back(node);
    is_open_[node] = true;
    path_.push_back({node, begin_[node]});
  }

  void visit(std::uint32_t root) {
    enter(root);
    while (!path_.empty()) {
      const std::uint32_t node = path_.back().node;
      if (path_.back().edge < begin_[node + 1]) {
        const std::uint32_t to = edges_[path_.back().edge++];
        if (order_[to] == kUnseen) {
          enter(to);
        } else if (is_open_[to]) {
          low_[node] = std::min(low_[node], order_[to]);
        }
        continue;
      }
      path_.pop_back();
      if (!path_.empty()) {
        low_[path_.back().node] = std::min(low_[path_.back().node], low_[node]);
      }
      if (low_[node] == order_[node]) close(node);
    }
  }

  void close(std::uint32_t node) {
    std::vector<std::uint32_t> part;
    while (true) {
      const std::uint32_t member = open_.back();
      open_.pop_back();
      is_open_[member] = false;
      part.push_back(member);
      if (member == node) break;
    }
    const auto first = edges_.begin() + begin_[node];
    const auto last = edges_.begin() + begin_[node + 1];
    if (part.size() > 1 || std::find(first, last, node) != last) {
      std::sort(part.begin(), part.end());
      found_.push_back(std::move(part));
    }
  }

  const std::vector<std::uint32_t>& begin_;
  const std::vector<std::uint32_t>& edges_;
  std::vector<std::uint32_t> order_;
  std::vector<std::uint32_t> low_;
  std::vector<bool> is_open_;
  std::vector<std::uint32_t> open_;
  std::vector<Step> path_;
  std::vector<std::vector<std::uint32_t>> found_;
  std::uint32_t next_ = 0;
};

}  // namespace

CircleSearch::Filter::Filter(std::size_t min_bits) : bits_(std::bit_ceil(min_bits)) {}

// A circle rises somewhere and falls somewhere, or is of one task alone. Most sessions name tasks
// in the order they come up, and are done here.
void CircleSearch::add(std::uint64_t from, std::uint64_t to, bool is_rising) {
  constexpr std::size_t kFilterBitsPerEdge = 64;
  if (may_have_one_ || (may_return_ && !may_return_->has(from))) return;
  (is_rising ? rises_ : falls_) = true;
  if (from == to) may_have_one_ = true;
  ++count_;
  if (targets_) {
    targets_->add(to);
    return;
  }
  edges_.push_back({from, to});
  if (edges_.size() < most_edges_) return;
  targets_.emplace(most_edges_ * kFilterBitsPerEdge);
  for (const Edge& edge : edges_) targets_->add(edge.to);
  edges_.clear();
}

bool CircleSearch::end_round() {
  if (may_have_one_ || !rises_ || !falls_) return false;
  if (!targets_) {
    may_have_one_ = has_circle(std::move(edges_));
    return false;
  }
  if (may_return_ && count_ >= count_before_ - count_before_ / 8) {
    may_have_one_ = true;  // rounds do not help
    return false;
  }
  count_before_ = std::exchange(count_, 0);
  may_return_ = std::exchange(targets_, std::nullopt);
  return true;
}

// Edges that begin where none leads to, or lead to where none begins, are dropped as long as that
// makes the graph a good deal smaller; of a forest nothing stays.
bool CircleSearch::has_circle(std::vector<Edge> edges) {
  constexpr std::size_t kBitsPerEdge = 16;
  for (std::size_t before = 0; before != edges.size() && !edges.empty();) {
    before = edges.size();
    Filter begins(before * kBitsPerEdge);
    Filter ends(before * kBitsPerEdge);
    for (const Edge& edge : edges) {
      begins.add(edge.from);
      ends.add(edge.to);
    }
    std::erase_if(edges,
                  [&](const Edge& edge) { return !ends.has(edge.from) || !begins.has(edge.to); });
    if (edges.size() > before - before / 8) break;
  }
  std::sort(edges.begin(), edges.end(),
            [](const Edge& a, const Edge& b) { return a.from < b.from; });
  std::vector<std::uint64_t> nodes;
  for (const Edge& edge : edges) {
    if (nodes.empty() || nodes.back() != edge.from) nodes.push_back(edge.from);
  }
  std::vector<std::uint32_t> begin = {0};
  std::vector<std::uint32_t> targets;
  std::size_t at = 0;
  for (const std::uint64_t node : nodes) {
    for (; at < edges.size() && edges[at].from == node; ++at) {
      const auto to = std::lower_bound(nodes.begin(), nodes.end(), edges[at].to);
      if (to == nodes.end() || *to != edges[at].to) continue;
      targets.push_back(static_cast<std::uint32_t>(to - nodes.begin()));
    }
    begin.push_back(static_cast<std::uint32_t>(targets.size()));
  }
  return !find_circles(begin, targets).empty();
}

std::vector<std::vector<std::uint32_t>> find_circles(const std::vector<std::uint32_t>& begin,
                                                     const std::vector<std::uint32_t>& edges) {
  if (begin.size() < 2) return {};
  return Circles(begin, edges).take();
}

}  // namespace session::operations
