#pragma once
// The rules of meaning, part by part. See meaning.h.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/operations/meaning.h"
#include "lib/operations/meaning_keys.h"
#include "session/schema/record.capnp.h"

namespace session::operations {

// Keys in rising order, one behind the other in memory: as many tasks as there are fit.
class KeyArena {
 public:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  void add(std::string_view key) {
    bytes_ += key;
    ends_.push_back(bytes_.size());
  }
  [[nodiscard]] std::uint32_t size() const { return static_cast<std::uint32_t>(ends_.size()); }
  [[nodiscard]] std::string_view operator[](std::uint32_t i) const {
    const std::uint64_t begin = i == 0 ? 0 : ends_[i - 1];
    return std::string_view(bytes_).substr(begin, ends_[i] - begin);
  }
  // Its position, or kNone.
  [[nodiscard]] std::uint32_t find(std::string_view key) const;

 private:
  std::string bytes_;
  std::vector<std::uint64_t> ends_;
};

class MeaningContext {
 public:
  MeaningContext(const Snapshot& snapshot, const ProgressCallback& progress,
                 const FindingSink& sink)
      : snapshot_(snapshot), progress_(progress), sink_(sink), tasks_(snapshot) {}

  [[nodiscard]] const Snapshot& snapshot() const { return snapshot_; }
  void find(FindingCode code, Table table, std::string_view key, std::string message);
  // Throws kInterrupted when the caller wants no more. Once per record.
  void advance();
  [[nodiscard]] TaskKeys& tasks() { return tasks_; }

 private:
  const Snapshot& snapshot_;
  const ProgressCallback& progress_;
  const FindingSink& sink_;
  std::uint64_t records_ = 0;
  TaskKeys tasks_;
};

[[nodiscard]] inline std::string_view text_view(capnp::Text::Reader text) {
  return {text.begin(), text.size()};
}

// Fills MeaningContext::tasks(); the others rely on it.
void check_tasks(MeaningContext& context);
void check_executions(MeaningContext& context);
void check_messages(MeaningContext& context);
void check_events(MeaningContext& context);
void check_bookkeeping(MeaningContext& context);
void check_erased(MeaningContext& context);
void check_imported_aca(MeaningContext& context);
void check_workspace(MeaningContext& context, const std::string& directory);

// What has to be done before: of these a circle can never be worked off. Tasks that are concurrent
// or exclude each other say so on both sides.
[[nodiscard]] inline bool comes_before(schema::DependencyType type) {
  return type == schema::DependencyType::PREREQUISITE || type == schema::DependencyType::PREFERRED;
}

// Details that another status would have.
void check_status(MeaningContext& context, Table table, std::string_view key,
                  schema::TaskStatus status, schema::StatusDetail::Reader detail);

// Asks whether a graph may have a circle, in memory that is bounded whatever its size, so that the
// circles themselves are looked for, in memory that is not, only where there may be any. "No" is
// certain. "Yes" is but for hashes, which the nodes are, unless more edges than can be kept are
// left and do not become fewer.
class CircleSearch {
 public:
  // So many edges are kept, 8 MiB of them, and to search through these takes twice as much again;
  // of more, only a filter of where they lead is.
  static constexpr std::size_t kMostEdges = std::size_t{1} << 19;
  explicit CircleSearch(std::size_t most_edges = kMostEdges) : most_edges_(most_edges) {}

  // An edge; all of them, in any order. `is_rising`: the key it leads to lies behind the key it
  // comes from.
  void add(std::uint64_t from, std::uint64_t to, bool is_rising);
  // True: the same edges are wanted once more.
  [[nodiscard]] bool end_round();
  [[nodiscard]] bool may_have_one() const { return may_have_one_; }

 private:
  struct Edge {
    std::uint64_t from;
    std::uint64_t to;
  };
  // A set of hashes, which also has some that were not put in.
  class Filter {
   public:
    explicit Filter(std::size_t min_bits);
    void add(std::uint64_t hash) { bits_[place(hash)] = true; }
    [[nodiscard]] bool has(std::uint64_t hash) const { return bits_[place(hash)]; }

   private:
    [[nodiscard]] std::size_t place(std::uint64_t hash) const { return hash & (bits_.size() - 1); }
    std::vector<bool> bits_;
  };

  [[nodiscard]] static bool has_circle(std::vector<Edge> edges);

  std::size_t most_edges_;
  bool rises_ = false;
  bool falls_ = false;
  bool may_have_one_ = false;
  std::vector<Edge> edges_;
  std::uint64_t count_ = 0;           // of this round's edges
  std::uint64_t count_before_ = 0;    // of the round before
  std::optional<Filter> targets_;     // where this round's edges lead, if there are too many
  std::optional<Filter> may_return_;  // the same of the round before: where else an edge begins
                                      // is in no circle
};

// Circles of a graph: every strongly connected part with more than one member or an edge to itself,
// by the algorithm of Tarjan (1972), without recursion. `begin` has one entry more than there are
// nodes; the edges of node i are edges[begin[i] .. begin[i + 1]).
[[nodiscard]] std::vector<std::vector<std::uint32_t>> find_circles(
    const std::vector<std::uint32_t>& begin, const std::vector<std::uint32_t>& edges);

}  // namespace session::operations
