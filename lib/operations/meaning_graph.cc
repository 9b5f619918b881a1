#include <algorithm>

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

std::vector<std::vector<std::uint32_t>> find_circles(const std::vector<std::uint32_t>& begin,
                                                     const std::vector<std::uint32_t>& edges) {
  if (begin.size() < 2) return {};
  return Circles(begin, edges).take();
}

}  // namespace session::operations
