#pragma once
// Which tasks a session has, for the many references to them: hashes of their keys, learnt while
// the table is walked. Memory is bounded whatever the session's size: what does not fit, and what
// the walk has not come to yet, is looked up in the table, and who looks up too often has the rest
// of it read at once.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "format/checksum.h"
#include "session/snapshot.h"

namespace session::operations {

class TaskKeys {
 public:
  static constexpr std::uint64_t kMaxSlots = std::uint64_t{4} << 20;  // 32 MiB
  explicit TaskKeys(const Snapshot& snapshot, std::uint64_t max_slots = kMaxSlots);

  [[nodiscard]] static std::uint64_t hash_of(std::string_view key) {
    return format::xxh3_64(format::as_bytes(key));
  }

  // Each of them, in rising order, once; then end().
  void add(std::string_view key, std::uint64_t hash);
  void end();

  // Whether there is such a task, anywhere in the table. "No" is certain; "yes" is as certain as
  // 64 bits of hash.
  [[nodiscard]] bool contains(std::string_view key, std::uint64_t hash);
  [[nodiscard]] bool contains(std::string_view key) { return contains(key, hash_of(key)); }

 private:
  [[nodiscard]] std::uint64_t places() const;  // where a hash may come first
  [[nodiscard]] std::size_t first_slot(std::uint64_t hash) const;
  [[nodiscard]] bool has(std::uint64_t hash) const;
  void put(std::uint64_t hash);
  void grow();
  [[nodiscard]] bool look_up(std::string_view key, std::uint64_t hash);

  const Snapshot& snapshot_;
  std::uint64_t max_slots_;
  std::vector<std::uint64_t> slots_;  // linear probing; 0 is an empty one
  // The last ones, whose slots are on their way from memory; 0: none.
  std::array<std::uint64_t, 8> pending_{};
  std::size_t added_ = 0;
  std::size_t used_ = 0;
  bool forgets_ = false;    // some did not fit
  bool knows_all_ = false;  // but for those
  std::string walked_;      // up to here, if not
  std::uint64_t lookups_left_;
};

}  // namespace session::operations
