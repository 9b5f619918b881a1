#pragma once
// The chain of commits, oldest first: parents, numbers, times, what each vouches for, what it says
// of itself; and the trees of those that have them.

#include <cstdint>
#include <optional>
#include <vector>

#include "lib/operations/verify_context.h"
#include "lib/operations/verify_tree.h"
#include "lib/store/view.h"

namespace session::operations {

// The newest trees of the chain, and which of their tables can be read whole.
struct NewestTrees {
  std::uint64_t commit_offset = 0;
  std::uint64_t revision = 0;
  format::Roots roots{};
  std::array<bool, kTableSlots> whole{};
  bool has_prefixes = false;  // the file says that deltas behind them may be compressed so
};

class CommitCheck {
 public:
  CommitCheck(VerifyContext& context, TreeCheck& trees);

  // The next commit of the file; at kQuick the first may have any parent.
  void check(std::uint64_t offset);

  [[nodiscard]] std::uint64_t revisions() const { return revisions_; }
  [[nodiscard]] const std::optional<NewestTrees>& newest_trees() const { return newest_trees_; }
  // All of the last commit's chain could be read.
  [[nodiscard]] bool last_is_whole() const { return is_chain_whole_; }

 private:
  void lose_commit(std::uint64_t offset, const format::Damage& damage);
  void lose_unread(std::uint64_t offset, const format::Damage& damage);
  void lose_parent(std::uint64_t home);
  [[nodiscard]] std::vector<std::uint64_t> lost_prefix_of(std::uint64_t offset);
  [[nodiscard]] std::uint64_t number_at(std::uint64_t offset);
  void find_listing(std::uint64_t offset);
  void check_codec(const store::LoadedCommit& commit);
  void lose_between(const store::LoadedCommit& next);
  void check_chain(const store::LoadedCommit& commit);
  void check_first(const store::LoadedCommit& commit);
  void check_unsynced(const store::LoadedCommit& commit);
  void check_delta(const store::LoadedCommit& commit);
  void check_pending(const store::LoadedCommit& commit);
  void check_trees(const store::LoadedCommit& commit);
  void check_checkpoint(const store::LoadedCommit& commit);
  void find(FindingCode code, FindingEffect effect, const store::LoadedCommit& commit,
            std::string message);

  struct Last {
    std::uint64_t offset = 0;
    std::uint64_t end = 0;
    std::uint64_t revision = 0;
    std::int64_t time = 0;
  };

  VerifyContext& context_;
  TreeCheck& trees_;
  std::uint64_t revisions_ = 0;
  std::uint64_t first_revision_ = 0;  // of the file; 0: not known
  std::optional<Last> last_;
  std::optional<NewestTrees> newest_trees_;
  std::vector<std::uint64_t> lost_;  // frames that the commits from here on need
  // The last commit whose frame is sound and that cannot be read for want of others.
  std::optional<std::uint64_t> unread_;
  // Where commits that cannot be read are listed: the next trees behind them.
  struct Listing {
    std::uint64_t commit_offset = 0;
    format::RootRef revisions;
    // The last entry that was looked at: places rise with the numbers, so nobody asks for those
    // before it again.
    std::uint64_t revision = 0;
    std::uint64_t place = 0;
  };
  std::optional<Listing> listing_;
  bool is_chain_whole_ = true;
  std::uint32_t pending_deltas_ = 0;
  std::uint64_t pending_bytes_ = 0;
  bool knows_pending_ = true;
  // What commits vouch for, hashed in one pass: many begin at the same sync.
  format::HashStream unsynced_;
  std::uint64_t unsynced_begin_ = 0;
  std::vector<std::byte> buffer_;
};

}  // namespace session::operations
