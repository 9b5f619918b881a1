#pragma once
// The tasks of a session through its open transaction, and what is known about them without a scan:
// counts, children with pending changes, ranks, who is ready. Not thread-safe.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "lib/manager/ready_index.h"
#include "session/tasks.h"
#include "session/writer.h"

namespace session::manager {

class TaskTable {
 public:
  // Ranks are this far apart, so that most moves change one record only.
  static constexpr std::int64_t kRankGap = std::int64_t{1} << 20;

  TaskTable();
  TaskTable(const TaskTable&) = delete;
  TaskTable& operator=(const TaskTable&) = delete;

  // Stands on `change` from now on; `rescan` if anything may be different, else only what was
  // pending has been saved. Throws what reading throws.
  void stand_on(Transaction& change, bool rescan);

  // A view: valid until the next change.
  [[nodiscard]] std::optional<Entry<schema::Task>> get(std::string_view key) const;
  [[nodiscard]] Entry<schema::Task> require(std::string_view key) const;  // throws kNotFound
  void put(std::string_view key, schema::Task::Reader task);
  void erase(std::string_view key);

  using VisitChild = std::function<bool(std::int64_t rank, std::string_view key)>;
  // In order; false from the callback stops.
  void visit_children(std::string_view parent, const VisitChild& visit) const;
  [[nodiscard]] std::vector<ChildRef> children(std::string_view parent) const;
  [[nodiscard]] bool has_children(std::string_view parent) const;
  // Behind all of its children; nothing when the numbers end there.
  [[nodiscard]] std::optional<std::int64_t> rank_behind(std::string_view parent);

  [[nodiscard]] const TaskCounts& counts() const { return counts_; }
  [[nodiscard]] std::vector<std::string> ready(std::size_t limit) { return ready_.ready(limit); }

  // What put() and erase() have changed here since a mark is undone when their records have been.
  [[nodiscard]] std::size_t mark() const { return log_.size(); }
  void roll_back_to(std::size_t mark);
  void forget_marks() { log_.clear(); }

 private:
  // The last ranks of at most so many parents are kept at hand.
  static constexpr std::size_t kMaxLastRanks = 4096;

  struct Facts {
    std::string parent;
    std::int64_t rank = 0;
    schema::TaskStatus status = schema::TaskStatus::PENDING;
  };
  struct Change {
    std::string key;
    std::optional<Facts> before;
    std::optional<Facts> after;
  };
  using Place = std::pair<std::int64_t, std::string>;  // rank, key

  [[nodiscard]] static Facts facts_of(schema::Task::Reader task);
  static void count(TaskCounts& counts, const std::optional<Facts>& facts, bool add);
  void place(std::string_view key, const std::optional<Facts>& facts, bool present);
  void apply(Change change);
  void scan();
  [[nodiscard]] std::int64_t last_rank(std::string_view parent) const;

  Transaction* change_ = nullptr;
  TaskCounts counts_;
  // Per parent, the newest word on places that changed since the last save.
  std::unordered_map<std::string, std::map<Place, bool>> places_;
  std::unordered_map<std::string, std::int64_t> last_ranks_;  // of a child there, or above it
  std::vector<Change> log_;
  ReadyIndex ready_;
};

}  // namespace session::manager
