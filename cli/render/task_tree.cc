#include "cli/render/task_tree.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "cli/io/interrupt.h"
#include "cli/render/text.h"
#include "cli/render/units.h"

namespace session::cli {
namespace {

constexpr std::size_t kColumnsPerLevel = 3;
// Deeper tasks are not indented any further: each line stays short whatever the depth.
constexpr std::size_t kMostLevels = 40;
constexpr std::size_t kLeastTitleColumns = 16;
constexpr std::size_t kObstaclesShown = 3;

// One stretch of a line in one colour.
struct Piece {
  std::string text;
  Ink ink = Ink::kPlain;
};

std::size_t width_of(const std::vector<Piece>& pieces) {
  std::size_t columns = 0;
  for (const Piece& piece : pieces) columns += display_width(piece.text);
  return columns;
}

Ink priority_ink(schema::Priority priority) {
  switch (priority) {
    case schema::Priority::CRITICAL:
      return Ink::kRed;
    case schema::Priority::HIGH:
      return Ink::kYellow;
    default:
      return Ink::kDim;
  }
}

class Tree {
 public:
  Tree(std::ostream& out, const Style& style, const Snapshot& snapshot, const TaskForest& forest,
       const TreeOptions& options)
      : out_(out), style_(style), snapshot_(snapshot), forest_(forest), options_(options) {
    const std::size_t fitting = options.columns / 2 / kColumnsPerLevel;
    most_levels_ =
        options.columns == 0 ? kMostLevels : std::clamp<std::size_t>(fitting, 1, kMostLevels);
    mark_ancestors();
  }

  void draw() {
    for (const TaskIndex root : forest_.children(kNoTask)) {
      if (!is_shown(root)) continue;
      if (!draw_line(root)) break;
      if (!draw_below(root)) break;
    }
    const std::uint64_t wanted = wanted_count();
    if (drawn_ < wanted) {
      out_ << style_.paint(Ink::kDim, "… " + grouped(wanted - drawn_) + " more") << '\n';
    }
  }

 private:
  // A task whose children are being drawn.
  struct Level {
    std::span<const TaskIndex> children;
    std::size_t next = 0;
    std::size_t last = 0;  // position of the last that is shown
  };

  void mark_ancestors() {
    if (options_.wanted.empty()) return;
    shown_ = options_.wanted;
    for (TaskIndex i = 0; i < forest_.size(); ++i) {
      if (!options_.wanted[i]) continue;
      for (TaskIndex up = forest_[i].parent; up != kNoTask && !shown_[up];
           up = forest_[up].parent) {
        shown_[up] = true;
      }
    }
  }

  [[nodiscard]] bool is_wanted(TaskIndex task) const {
    return options_.wanted.empty() || options_.wanted[task];
  }
  [[nodiscard]] bool is_shown(TaskIndex task) const { return shown_.empty() || shown_[task]; }
  [[nodiscard]] std::uint64_t wanted_count() const {
    if (options_.wanted.empty()) return forest_.size();
    return static_cast<std::uint64_t>(
        std::count(options_.wanted.begin(), options_.wanted.end(), true));
  }

  std::optional<Level> level_below(TaskIndex task) const {
    const auto children = forest_.children(task);
    for (std::size_t i = children.size(); i-- > 0;) {
      if (is_shown(children[i])) return Level{children, 0, i};
    }
    return std::nullopt;
  }

  // With a stack of our own: a tree may be deeper than the machine's.
  bool draw_below(TaskIndex root) {
    std::vector<Level> levels;
    const auto descend = [&](TaskIndex task) {
      if (auto level = level_below(task)) {
        levels.push_back(*level);
        more_follow_.push_back(true);
      }
    };
    descend(root);
    while (!levels.empty()) {
      stop_if_interrupted();
      Level& level = levels.back();
      while (level.next <= level.last && !is_shown(level.children[level.next])) ++level.next;
      if (level.next > level.last) {
        levels.pop_back();
        more_follow_.pop_back();
        continue;
      }
      const TaskIndex task = level.children[level.next];
      more_follow_.back() = level.next++ < level.last;
      if (!draw_line(task)) {
        more_follow_.clear();
        return false;
      }
      descend(task);
    }
    return true;
  }

  // False if there were enough already.
  bool draw_line(TaskIndex task) {
    const bool wanted = is_wanted(task);
    if (options_.limit > 0 && drawn_ >= options_.limit) return false;
    if (wanted) ++drawn_;
    const TaskNode& node = forest_[task];
    const auto entry = snapshot_.get<schema::Task>(node.key);
    if (!entry) return true;
    const Ink ink = wanted ? status_ink(node.status) : Ink::kDim;
    std::vector<Piece> head = {{tree_guides(more_follow_, most_levels_), Ink::kDim},
                               {std::string(status_mark(node.status)) + " ", ink},
                               {one_line(node.key) + "  ", wanted ? Ink::kBold : Ink::kDim}};
    std::vector<Piece> tail;
    if (wanted) add_notes(task, **entry, tail);
    const bool over = node.status == schema::TaskStatus::SKIPPED || !wanted;
    print(std::move(head),
          {one_line(task_title(snapshot_, *entry)), over ? Ink::kDim : Ink::kPlain},
          std::move(tail));
    return true;
  }

  void add_notes(TaskIndex task, schema::Task::Reader record, std::vector<Piece>& tail) const {
    if (const auto word = priority_word(record.getPriority()); !word.empty()) {
      tail.push_back({"  " + std::string(word), priority_ink(record.getPriority())});
    }
    if (const auto odd = forest_.odd().find(task); odd != forest_.odd().end()) {
      const std::string parent = one_line(odd->second.parent);
      tail.push_back({odd->second.why == OddParent::kMissing
                          ? "  parent " + parent + " is missing"
                          : "  parent " + parent + " is below it",
                      Ink::kYellow});
    }
    const schema::TaskStatus status = record.getStatus();
    if (status == schema::TaskStatus::COMPLETED || status == schema::TaskStatus::SKIPPED) return;
    if (std::string note = obstacle_note(task); !note.empty()) {
      tail.push_back({"  " + std::move(note), Ink::kYellow});
    }
  }

  [[nodiscard]] std::string obstacle_note(TaskIndex task) const {
    const std::vector<Obstacle> obstacles = forest_.obstacles(task);
    std::string text;
    for (std::size_t i = 0; i < obstacles.size() && i < kObstaclesShown; ++i) {
      text += (i == 0 ? "blocked by " : ", ") + one_line(obstacles[i].key);
      if (obstacles[i].missing) text += " (missing)";
    }
    if (obstacles.size() > kObstaclesShown) {
      text += " +" + std::to_string(obstacles.size() - kObstaclesShown);
    }
    return text;
  }

  // The title gives way first, then the notes, then whatever is left.
  void print(std::vector<Piece> head, Piece title, std::vector<Piece> tail) const {
    if (options_.columns > 0) {
      const std::size_t room = left_of(options_.columns, width_of(head) + width_of(tail));
      const std::size_t title_columns = display_width(title.text);
      title.text =
          cut_to_width(title.text, std::max(room, std::min(title_columns, kLeastTitleColumns)));
    }
    std::vector<Piece> line = std::move(head);
    line.push_back(std::move(title));
    std::move(tail.begin(), tail.end(), std::back_inserter(line));
    std::size_t room = options_.columns;
    for (Piece& piece : line) {
      if (options_.columns > 0) {
        piece.text = cut_to_width(piece.text, room);
        room = left_of(room, display_width(piece.text));
      }
      out_ << style_.paint(piece.ink, piece.text);
    }
    out_ << '\n';
  }

  static std::size_t left_of(std::size_t whole, std::size_t taken) {
    return whole > taken ? whole - taken : 0;
  }

  std::ostream& out_;
  const Style& style_;
  const Snapshot& snapshot_;
  const TaskForest& forest_;
  const TreeOptions& options_;
  std::size_t most_levels_ = kMostLevels;
  std::vector<bool> shown_;        // wanted ones and their ancestors; empty: all
  std::vector<bool> more_follow_;  // per level of indentation: siblings below this line
  std::uint64_t drawn_ = 0;        // wanted ones
};

}  // namespace

std::string task_summary(const TaskForest& forest, const Style& style) {
  if (forest.size() == 0) return "no tasks";
  std::string text = counted(forest.size(), "task") + ", " +
                     std::to_string(forest.progress_percent()) + " % done: ";
  bool first = true;
  for (const auto status :
       {schema::TaskStatus::COMPLETED, schema::TaskStatus::IN_PROGRESS, schema::TaskStatus::PENDING,
        schema::TaskStatus::BLOCKED, schema::TaskStatus::FAILED, schema::TaskStatus::SKIPPED}) {
    const std::uint64_t count = forest.count(status);
    if (count == 0) continue;
    if (!first) text += ", ";
    first = false;
    text += grouped(count) + " " + style.paint(status_ink(status), status_mark(status)) + " ";
    text += status_words(status);
  }
  return text;
}

void draw_task_tree(std::ostream& out, const Style& style, const Snapshot& snapshot,
                    const TaskForest& forest, const TreeOptions& options) {
  Tree(out, style, snapshot, forest, options).draw();
}

std::string tree_guides(const std::vector<bool>& more_follow, std::size_t most_levels) {
  std::string text;
  const std::size_t depth = more_follow.size();
  std::size_t level = 0;
  if (depth > most_levels) {
    level = depth - most_levels;
    text = "⋯" + std::to_string(level) + " ";
  }
  for (; level < depth; ++level) {
    const bool own = level + 1 == depth;
    if (own) {
      text += more_follow[level] ? "├─ " : "└─ ";
    } else {
      text += more_follow[level] ? "│  " : "   ";
    }
  }
  return text;
}

std::string task_title(const Snapshot& snapshot, const Entry<schema::Task>& task) {
  if (task->hasTitle()) return std::string(view(task->getTitle()));
  for (const auto blob : task->getBlobs()) {
    if (view(blob.getPath()) != "title") continue;
    const WholeRecord whole = snapshot.whole(Table::kTasks, task.any());
    return std::string(view(whole.as<schema::Task>().getTitle()));
  }
  return {};
}

}  // namespace session::cli
