#pragma once
// Tasks as a tree that a person likes to read.

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "cli/render/style.h"
#include "cli/render/task_forest.h"
#include "session/snapshot.h"

namespace session::cli {

struct TreeOptions {
  std::size_t columns = 0;   // of the output; 0: lines as long as they are
  std::uint64_t limit = 0;   // tasks drawn; 0: all
  std::vector<bool> wanted;  // by task; empty: all. Their ancestors are drawn faintly
};

// "12 tasks, 41 % done: 5 ✓ completed, 1 ▶ in progress, 6 · pending"
[[nodiscard]] std::string task_summary(const TaskForest& forest, const Style& style);

void draw_task_tree(std::ostream& out, const Style& style, const Snapshot& snapshot,
                    const TaskForest& forest, const TreeOptions& options);

// What stands before the line of a task: "│  └─ ". `more_follow` says for each level above it, and
// last for its own, whether siblings come below. Levels beyond `most_levels` are only counted.
[[nodiscard]] std::string tree_guides(const std::vector<bool>& more_follow,
                                      std::size_t most_levels);

// The title, also when it is so long that it stands in a blob.
[[nodiscard]] std::string task_title(const Snapshot& snapshot, const Entry<schema::Task>& task);

}  // namespace session::cli
