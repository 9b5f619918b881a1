// Circles are opened where they were closed. The edges of each tangle come in again, oldest first,
// and one that would close a circle stays out: it is the newest of that circle. An edge is as old
// as it says, else as the last change of the task it stands in.

#include <algorithm>
#include <limits>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "lib/operations/repair_meaning_parts.h"

namespace session::operations {
namespace {

constexpr std::int64_t kEver = std::numeric_limits<std::int64_t>::min();

// A graph that stays without circles: an order of its nodes is kept up while edges come in, after
// Pearce and Kelly, "A dynamic topological sort algorithm for directed acyclic graphs" (2006).
class OrderedGraph {
 public:
  explicit OrderedGraph(std::uint32_t nodes)
      : out_(nodes), in_(nodes), place_(nodes), is_seen_(nodes) {
    for (std::uint32_t i = 0; i < nodes; ++i) place_[i] = i;
  }

  // False if the edge would close a circle; then it is not there.
  [[nodiscard]] bool add(std::uint32_t from, std::uint32_t to) {
    if (from == to) return false;
    if (place_[from] > place_[to] && !make_room(from, to)) return false;
    out_[from].push_back(to);
    in_[to].push_back(from);
    return true;
  }

 private:
  using Nodes = std::vector<std::uint32_t>;

  // What can be reached from `start` within the two places.
  [[nodiscard]] Nodes reach(std::uint32_t start, const std::vector<Nodes>& edges,
                            std::uint32_t first, std::uint32_t last) {
    Nodes reached = {start};
    is_seen_[start] = true;
    for (std::size_t i = 0; i < reached.size(); ++i) {
      for (const std::uint32_t next : edges[reached[i]]) {
        if (is_seen_[next] || place_[next] < first || place_[next] > last) continue;
        is_seen_[next] = true;
        reached.push_back(next);
      }
    }
    for (const std::uint32_t node : reached) is_seen_[node] = false;
    std::sort(reached.begin(), reached.end(),
              [&](std::uint32_t a, std::uint32_t b) { return place_[a] < place_[b]; });
    return reached;
  }

  // Puts all that leads to `from` before all that `to` leads to; false if that cannot be.
  [[nodiscard]] bool make_room(std::uint32_t from, std::uint32_t to) {
    const std::uint32_t first = place_[to];
    const std::uint32_t last = place_[from];
    const Nodes behind = reach(to, out_, first, last);
    if (std::find(behind.begin(), behind.end(), from) != behind.end()) return false;
    Nodes moved = reach(from, in_, first, last);
    moved.insert(moved.end(), behind.begin(), behind.end());
    Nodes places;
    for (const std::uint32_t node : moved) places.push_back(place_[node]);
    std::sort(places.begin(), places.end());
    for (std::size_t i = 0; i < moved.size(); ++i) place_[moved[i]] = places[i];
    return true;
  }

  std::vector<Nodes> out_;
  std::vector<Nodes> in_;
  Nodes place_;
  std::vector<bool> is_seen_;
};

std::int64_t last_change(schema::Task::Reader task) {
  if (task.getUpdatedAtForm() != 0) return task.getUpdatedAt();
  return task.getCreatedAtForm() != 0 ? task.getCreatedAt() : kEver;
}

class CircleBreaker {
 public:
  explicit CircleBreaker(Corrections& corrections) : corrections_(corrections) {}

  [[nodiscard]] BrokenCircles take() {
    const bool has_dependencies = corrections_.has(FindingCode::kDependencyCycle);
    const bool has_parents = corrections_.has(FindingCode::kParentCycle);
    if (has_dependencies || has_parents) read(has_dependencies, has_parents);
    if (has_dependencies) {
      for (const auto& part : find_circles(needs_begin_, needs_)) untangle(part);
    }
    if (has_parents) {
      for (const auto& circle : find_circles(parents_begin_, parents_)) cut_off(circle);
    }
    return std::move(broken_);
  }

 private:
  struct Edge {
    std::int64_t time = kEver;
    std::uint32_t from = 0;
    std::uint32_t to = 0;
    schema::DependencyType type = schema::DependencyType::PREREQUISITE;
    friend bool operator<(const Edge& a, const Edge& b) {
      return std::tie(a.time, a.from, a.to, a.type) < std::tie(b.time, b.from, b.to, b.type);
    }
  };

  template <class Visit>
  void each_task(Visit visit) {
    for (Cursor cursor = corrections_.now().cursor(Table::kTasks); cursor.valid(); cursor.next()) {
      visit(cursor);
      corrections_.advance();
    }
  }

  void read(bool has_dependencies, bool has_parents) {
    each_task([&](const Cursor& cursor) { keys_.add(cursor.key()); });
    needs_begin_.push_back(0);
    parents_begin_.push_back(0);
    each_task([&](const Cursor& cursor) {
      const auto task = cursor.record().as<schema::Task>();
      if (has_dependencies) {
        for (const auto dependency : task.getDependencies()) {
          const std::uint32_t to = keys_.find(text_view(dependency.getTarget()));
          if (to != KeyArena::kNone && comes_before(dependency.getType())) needs_.push_back(to);
        }
        needs_begin_.push_back(static_cast<std::uint32_t>(needs_.size()));
      }
      if (has_parents) {
        const std::uint32_t parent = keys_.find(text_view(task.getParent()));
        if (parent != KeyArena::kNone) parents_.push_back(parent);
        parents_begin_.push_back(static_cast<std::uint32_t>(parents_.size()));
      }
    });
  }

  // The edges between the members of one tangle, which are sorted.
  [[nodiscard]] std::vector<Edge> edges_within(const std::vector<std::uint32_t>& part) const {
    std::vector<Edge> edges;
    for (std::uint32_t i = 0; i < part.size(); ++i) {
      const auto task = corrections_.now().get<schema::Task>(keys_[part[i]]);
      for (const auto dependency : (*task)->getDependencies()) {
        const std::uint32_t to = keys_.find(text_view(dependency.getTarget()));
        const auto at = std::lower_bound(part.begin(), part.end(), to);
        const bool is_inside = at != part.end() && *at == to && to != KeyArena::kNone;
        if (!is_inside || !comes_before(dependency.getType())) continue;
        const bool has_time = dependency.getCreatedAtForm() != 0;
        edges.push_back({has_time ? dependency.getCreatedAt() : last_change(**task), i,
                         static_cast<std::uint32_t>(at - part.begin()), dependency.getType()});
      }
    }
    std::sort(edges.begin(), edges.end());
    return edges;
  }

  void untangle(const std::vector<std::uint32_t>& part) {
    OrderedGraph graph(static_cast<std::uint32_t>(part.size()));
    for (const Edge& edge : edges_within(part)) {
      corrections_.advance();
      if (graph.add(edge.from, edge.to)) continue;
      broken_.dependencies.insert(
          {std::string(keys_[part[edge.from]]), std::string(keys_[part[edge.to]]), edge.type});
    }
  }

  // Who has one parent is in one circle at most.
  void cut_off(const std::vector<std::uint32_t>& circle) {
    std::pair<std::int64_t, std::uint32_t> newest(kEver, circle.front());
    for (const std::uint32_t member : circle) {
      const auto task = corrections_.now().get<schema::Task>(keys_[member]);
      newest = std::max(newest, {last_change(**task), member});
    }
    broken_.parents.emplace(keys_[newest.second]);
  }

  Corrections& corrections_;
  KeyArena keys_;
  std::vector<std::uint32_t> needs_begin_;
  std::vector<std::uint32_t> needs_;
  std::vector<std::uint32_t> parents_begin_;
  std::vector<std::uint32_t> parents_;
  BrokenCircles broken_;
};

}  // namespace

BrokenCircles break_circles(Corrections& corrections) {
  return CircleBreaker(corrections).take();
}

}  // namespace session::operations
