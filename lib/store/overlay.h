#pragma once
// What pending deltas say on top of the trees: per table, the newest word on each key, sorted.
// Small by construction (kMaxPendingDeltas, kMaxPendingBytes), so a sorted vector serves look-up,
// merge and walk alike.

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "format/commit.h"
#include "lib/store/tree_writer.h"
#include "session/table.h"

namespace session::store {

// Changes of one table, sorted by key, each key once. Views into memory owned elsewhere.
using Run = std::vector<Change>;

[[nodiscard]] const Change* find_change(const Run& run, std::string_view key);
// The first change whose key is not below `key`.
[[nodiscard]] Run::const_iterator lower_bound_change(const Run& run, std::string_view key);
// `newer` wins where both have a key.
void apply_run(Run& to, const Run& newer);

class Overlay {
 public:
  // Adds the changes of a commit on top. `keep` owns the memory they stand in.
  void apply(schema::Commit::Reader commit, std::shared_ptr<const void> keep);
  // The same for many commits at once, oldest first: one sort instead of an insert each.
  void apply_all(const std::vector<schema::Commit::Reader>& commits,
                 std::vector<std::shared_ptr<const void>> keeps);

  // Changes of every table on top, which `keep` owns.
  void apply_runs(const std::array<Run, kTableSlots>& runs, std::shared_ptr<const void> keep);

  [[nodiscard]] const Run& table(Table table) const { return runs_[slot(table)]; }
  [[nodiscard]] bool empty() const;
  void clear();

 private:
  std::array<Run, kTableSlots> runs_;
  std::vector<std::shared_ptr<const void>> keeps_;
};

// The changes a commit carries for each table, sorted.
[[nodiscard]] std::array<Run, kTableSlots> runs_of(schema::Commit::Reader commit);

// Changes whose keys were made for them.
struct OwnedRun {
  std::vector<std::string> keys;
  Run run;
};

// What changes of `tasks` mean for `children`, the derived table: each task stands under its
// parent, at its rank. `tasks_root` is the tree the changes lie on.
[[nodiscard]] OwnedRun derive_children(const PageSource& pages, const format::RootRef& tasks_root,
                                       const Run& tasks);

// Key of the `children` table.
[[nodiscard]] std::string child_key(std::string_view parent, std::int64_t rank,
                                    std::string_view child);
void append_child_key(std::string& to, std::string_view parent, std::int64_t rank,
                      std::string_view child);
[[nodiscard]] std::string child_key_prefix(std::string_view parent);
struct ChildKey {
  std::string_view parent;
  std::int64_t rank;
  std::string_view child;
};
[[nodiscard]] ChildKey parse_child_key(std::string_view key);  // throws kDamaged

}  // namespace session::store
