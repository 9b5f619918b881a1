#include "lib/convert/aca_check.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <unordered_map>

#include "lib/convert/aca_fields.h"
#include "lib/convert/aca_status.h"
#include "lib/convert/time_text.h"

namespace session::convert::aca {
namespace {

using json::Value;
using schema::TaskStatus;

using Words = std::vector<std::string>;
using Defects = std::vector<Defect>;

std::string task(std::string_view key) {
  return "task " + std::string(json::quote(key));
}

struct Tree {
  const json::Object* tasks = nullptr;
  const Value* tree = nullptr;
};

Tree tree_of(const Value& document) {
  static const json::Object none;
  Tree result;
  result.tree = get_object(document, "task_tree");
  const Value* tasks = result.tree != nullptr ? get_object(*result.tree, "tasks") : nullptr;
  result.tasks = tasks != nullptr ? &tasks->members() : &none;
  return result;
}

// ---- references ---------------------------------------------------------------------------------

// Strongly connected parts of a graph with more than one member, or with an edge to itself: the
// algorithm of Tarjan (1972), without recursion, since a chain may be long.
class Cycles {
 public:
  using Graph = std::vector<std::vector<std::size_t>>;

  explicit Cycles(const Graph& graph)
      : graph_(graph), index_(graph.size(), kUnseen), low_(graph.size()), on_(graph.size()) {
    for (std::size_t node = 0; node < graph.size(); ++node) {
      if (index_[node] == kUnseen) visit(node);
    }
  }
  [[nodiscard]] const std::vector<std::vector<std::size_t>>& found() const { return found_; }

 private:
  static constexpr std::size_t kUnseen = ~std::size_t{0};
  struct Step {
    std::size_t node;
    std::size_t next_edge;
  };

  void enter(std::size_t node) {
    index_[node] = low_[node] = count_++;
    stack_.push_back(node);
    on_[node] = true;
    steps_.push_back({node, 0});
  }

  void visit(std::size_t root) {
    enter(root);
    while (!steps_.empty()) {
      const std::size_t node = steps_.back().node;
      if (steps_.back().next_edge < graph_[node].size()) {
        const std::size_t to = graph_[node][steps_.back().next_edge++];
        if (index_[to] == kUnseen) {
          enter(to);
        } else if (on_[to]) {
          low_[node] = std::min(low_[node], index_[to]);
        }
        continue;
      }
      steps_.pop_back();
      if (!steps_.empty())
        low_[steps_.back().node] = std::min(low_[steps_.back().node], low_[node]);
      if (low_[node] == index_[node]) leave(node);
    }
  }

  void leave(std::size_t node) {
    std::vector<std::size_t> part;
    do {
      part.push_back(stack_.back());
      on_[stack_.back()] = false;
      stack_.pop_back();
    } while (part.back() != node);
    const auto& edges = graph_[node];
    const bool is_own = std::find(edges.begin(), edges.end(), node) != edges.end();
    if (part.size() > 1 || is_own) found_.push_back(std::move(part));
  }

  const Graph& graph_;
  std::vector<std::size_t> index_;
  std::vector<std::size_t> low_;
  std::vector<bool> on_;
  std::vector<std::size_t> stack_;
  std::vector<Step> steps_;
  std::size_t count_ = 0;
  std::vector<std::vector<std::size_t>> found_;
};

class References {
 public:
  References(const Tree& tree, Defects& defects)
      : tasks_(*tree.tasks), tree_(tree.tree), defects_(defects) {
    for (std::size_t i = 0; i < tasks_.size(); ++i) numbers_.emplace(tasks_[i].name(), i);
  }

  void check() {
    for (const json::Member& member : tasks_) check_task(member);
    check_lists();
    check_roots();
    report_cycles(edges_of_dependencies(), " depend on each other in a circle");
    report_cycles(edges_of_parents(), " are each other's parents in a circle");
  }

 private:
  void add(DefectKind kind, std::string_view key, std::string text) {
    defects_.push_back({kind, std::string(key), std::move(text)});
  }
  [[nodiscard]] bool exists(std::string_view key) const { return numbers_.contains(key); }
  [[nodiscard]] static std::optional<std::string_view> parent_of(const Value& object) {
    return get_text(object, "parent_id");
  }

  void check_task(const json::Member& member) {
    const Value& object = member.value;
    const auto parent = parent_of(object);
    if (parent && !exists(*parent)) {
      add(DefectKind::kReference, member.name(),
          task(member.name()) + " has a parent that does not exist: " + json::quote(*parent));
    }
    for (const Value& child : get_items(object, "children")) {
      if (child.is_string() && !exists(child.text())) {
        add(DefectKind::kChild, member.name(),
            task(member.name()) +
                " lists a child that does not exist: " + json::quote(child.text()));
      }
    }
    for (const Value& other : get_items(object, "dependencies")) {
      if (other.is_string() && !exists(other.text())) {
        add(DefectKind::kReference, member.name(),
            task(member.name()) +
                " depends on one that does not exist: " + json::quote(other.text()));
      }
    }
    const auto id = get_text(object, "id");
    if (id && *id != member.name()) {
      add(DefectKind::kKey, member.name(),
          "the task under the key " + json::quote(member.name()) + " has the id " +
              json::quote(*id));
    }
  }

  // Children named twice, by two, or not at all.
  void check_lists() {
    std::unordered_map<std::string_view, std::map<std::string_view, int>> listed;
    for (const json::Member& member : tasks_) {
      for (const Value& child : get_items(member.value, "children")) {
        if (child.is_string()) ++listed[child.text()][member.name()];
      }
    }
    for (const json::Member& member : tasks_) {
      const auto& parents = listed[member.name()];
      const auto parent = parent_of(member.value);
      for (const auto& [lister, times] : parents) {
        if (times > 1) {
          add(DefectKind::kDuplicate, member.name(),
              task(lister) + " lists the child " + json::quote(member.name()) + " " +
                  std::to_string(times) + " times");
        }
        if (lister != parent.value_or("")) {
          add(DefectKind::kDuplicate, member.name(),
              task(lister) + " lists the child " + json::quote(member.name()) +
                  ", which says it has " +
                  (parent ? "the parent " + json::quote(*parent) : "no parent"));
        }
      }
      if (parent && exists(*parent) && !parents.contains(*parent)) {
        add(DefectKind::kUnlisted, member.name(),
            task(member.name()) + " is not among the children of its parent " +
                json::quote(*parent));
      }
    }
  }

  void check_roots() {
    if (tree_ == nullptr) return;
    std::map<std::string_view, int> roots;
    for (const Value& root : get_items(*tree_, "roots")) {
      if (root.is_string()) ++roots[root.text()];
    }
    for (const auto& [key, times] : roots) {
      const auto at = numbers_.find(key);
      if (times > 1) {
        add(DefectKind::kRoots, key, task(key) + " is listed twice as a root");
      }
      if (at == numbers_.end()) {
        add(DefectKind::kRoots, key, "the root " + json::quote(key) + " does not exist");
      } else if (parent_of(tasks_[at->second].value)) {
        add(DefectKind::kRoots, key, task(key) + " is listed as a root and has a parent");
      }
    }
    for (const json::Member& member : tasks_) {
      if (!parent_of(member.value) && !roots.contains(member.name())) {
        add(DefectKind::kRoots, member.name(),
            task(member.name()) + " has no parent and is not listed as a root");
      }
    }
  }

  [[nodiscard]] Cycles::Graph edges_of_dependencies() const {
    Cycles::Graph graph(tasks_.size());
    for (std::size_t i = 0; i < tasks_.size(); ++i) {
      for (const Value& other : get_items(tasks_[i].value, "dependencies")) {
        const auto at = other.is_string() ? numbers_.find(other.text()) : numbers_.end();
        if (at != numbers_.end()) graph[i].push_back(at->second);
      }
    }
    return graph;
  }

  [[nodiscard]] Cycles::Graph edges_of_parents() const {
    Cycles::Graph graph(tasks_.size());
    for (std::size_t i = 0; i < tasks_.size(); ++i) {
      const auto at = numbers_.find(parent_of(tasks_[i].value).value_or(""));
      if (at != numbers_.end()) graph[i].push_back(at->second);
    }
    return graph;
  }

  void report_cycles(const Cycles::Graph& graph, std::string_view what) {
    constexpr std::size_t kShown = 8;
    const Cycles cycles(graph);
    for (const auto& cycle : cycles.found()) {
      std::string text = "the tasks";
      for (std::size_t i = 0; i < cycle.size() && i < kShown; ++i) {
        text += (i == 0 ? " " : ", ") + json::quote(tasks_[cycle[i]].name());
      }
      if (cycle.size() > kShown) text += " and " + std::to_string(cycle.size() - kShown) + " more";
      add(DefectKind::kCircle, tasks_[cycle.front()].name(), text + std::string(what));
    }
  }

  const json::Object& tasks_;
  const Value* tree_;
  Defects& defects_;
  std::unordered_map<std::string_view, std::size_t> numbers_;
};

// ---- times and counts ---------------------------------------------------------------------------

bool is_before(const Value& object, std::string_view earlier, std::string_view later) {
  const auto a = get_time(object, earlier);
  const auto b = get_time(object, later);
  return a && b && b->nanos < a->nanos;
}

void check_times(const Tree& tree, Defects& defects) {
  for (const json::Member& member : *tree.tasks) {
    if (is_before(member.value, "created_at", "updated_at")) {
      defects.push_back({DefectKind::kTaskTime, std::string(member.name()),
                         task(member.name()) + " was updated before it was created"});
    }
    const auto created = get_time(member.value, "created_at");
    const auto status = get_variant(member.value.find("status"));
    if (!created || !status || status->name != "Completed") continue;
    const auto completed = get_time(*status->body, "completed_at");
    if (completed && completed->nanos < created->nanos) {
      defects.push_back({DefectKind::kTaskTime, std::string(member.name()),
                         task(member.name()) + " was completed before it was created"});
    }
  }
}

void check_count(const Value& object, const std::string& where, std::string_view name,
                 std::uint64_t count, Defects& defects) {
  const Value* said = object.find(name);
  if (said == nullptr || (said->is_number() && get_natural(object, name) == count)) return;
  defects.push_back({DefectKind::kCount,
                     {},
                     where + std::string(name) + " is " +
                         (said->is_number() ? std::string(said->lexeme()) : "no number") +
                         "; there are " + std::to_string(count)});
}

void check_counts(const Value& document, const Tree& tree, Defects& defects) {
  std::vector<std::uint64_t> by_status(6);
  for (const json::Member& member : *tree.tasks) {
    const auto status = status_of(member.value.find("status"));
    if (status) ++by_status[static_cast<std::size_t>(*status)];
  }
  const auto count = [&](TaskStatus status) { return by_status[static_cast<std::size_t>(status)]; };
  const std::uint64_t total = tree.tasks->size();
  if (const Value* metadata = get_object(document, "metadata")) {
    check_count(*metadata, "metadata.", "total_tasks", total, defects);
    check_count(*metadata, "metadata.", "completed_tasks", count(TaskStatus::COMPLETED), defects);
    check_count(*metadata, "metadata.", "failed_tasks", count(TaskStatus::FAILED), defects);
    if (is_before(*metadata, "created_at", "last_updated")) {
      defects.push_back(
          {DefectKind::kTime, {}, "metadata.last_updated is before metadata.created_at"});
    }
  }
  const Value* metadata = tree.tree != nullptr ? get_object(*tree.tree, "metadata") : nullptr;
  if (metadata == nullptr) return;
  if (is_before(*metadata, "created_at", "updated_at")) {
    defects.push_back(
        {DefectKind::kTime, {}, "task_tree.metadata.updated_at is before created_at"});
  }
  const auto created = get_natural(*metadata, "total_tasks_created");
  if (created && *created < total) {
    defects.push_back({DefectKind::kCount,
                       {},
                       "task_tree.metadata.total_tasks_created is " + std::to_string(*created) +
                           "; there are " + std::to_string(total)});
  }
  const Value* statistics = get_object(*metadata, "statistics");
  if (statistics == nullptr) return;
  const std::string where = "task_tree.metadata.statistics.";
  check_count(*statistics, where, "total_tasks", total, defects);
  check_count(*statistics, where, "pending_tasks", count(TaskStatus::PENDING), defects);
  check_count(*statistics, where, "in_progress_tasks", count(TaskStatus::IN_PROGRESS), defects);
  check_count(*statistics, where, "completed_tasks", count(TaskStatus::COMPLETED), defects);
  check_count(*statistics, where, "failed_tasks", count(TaskStatus::FAILED), defects);
  check_count(*statistics, where, "blocked_tasks", count(TaskStatus::BLOCKED), defects);
  check_count(*statistics, where, "skipped_tasks", count(TaskStatus::SKIPPED), defects);
  if (get_real(*statistics, "success_rate").value_or(0) > 1) {
    defects.push_back({DefectKind::kCount, {}, where + "success_rate is above 1"});
  }
  if (get_duration(*statistics, "average_completion_time").value_or(0) < 0) {
    defects.push_back({DefectKind::kCount, {}, where + "average_completion_time is negative"});
  }
}

void check_version(const Value& document, Defects& defects) {
  const Value* metadata = get_object(document, "metadata");
  const Value* version = metadata != nullptr ? get_object(*metadata, "version") : nullptr;
  if (version == nullptr) return;
  const auto format = get_text(*version, "format_version");
  if (format && *format != "1.0") {
    defects.push_back(
        {DefectKind::kVersion,
         {},
         "metadata.version.format_version is " + json::quote(*format) + "; 1.0 is expected"});
  }
}

// aca passes over what it does not know, and so loses it at its next save.
void check_members(const json::Member& member, Words& words) {
  for (const json::Member& field : member.value.members()) {
    if (!is_task_member(field.name())) {
      words.push_back(task(member.name()) + " has an unknown member " + json::quote(field.name()));
    }
  }
}

}  // namespace

bool is_task_member(std::string_view name) {
  constexpr std::array<std::string_view, 11> kKnown = {
      "id",           "title",      "description", "status",   "parent_id",        "children",
      "dependencies", "created_at", "updated_at",  "metadata", "execution_history"};
  return std::find(kKnown.begin(), kKnown.end(), name) != kKnown.end();
}

Words shape_findings(const Value& document) {
  Words words;
  for (const std::string_view part : kStateParts) {
    if (get_object(document, part) == nullptr) words.push_back("has no " + std::string(part));
  }
  for (const json::Member& member : *tree_of(document).tasks) {
    if (!member.value.is_object()) {
      words.push_back(task(member.name()) + " is no object");
      continue;
    }
    check_members(member, words);
    if (get_object(member.value, "metadata") == nullptr) {
      words.push_back(task(member.name()) + " has no metadata");
    }
    const Value* status = member.value.find("status");
    if (status_of(status)) continue;
    const auto variant = get_variant(status);
    words.push_back(task(member.name()) + " has an unknown status" +
                    (variant                                    ? " " + json::quote(variant->name)
                     : status != nullptr && status->is_string() ? " " + json::quote(status->text())
                                                                : std::string()));
  }
  return words;
}

Defects meaning_findings(const Value& document) {
  Defects defects;
  const Tree tree = tree_of(document);
  References(tree, defects).check();
  check_times(tree, defects);
  check_counts(document, tree, defects);
  check_version(document, defects);
  return defects;
}

}  // namespace session::convert::aca
