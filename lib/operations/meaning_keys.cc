#include "lib/operations/meaning_keys.h"

#include <algorithm>
#include <utility>

namespace session::operations {
namespace {

// Slots in a row that a hash may be in. With two thirds of the slots in use some hash of a million
// needs two hundred.
constexpr std::size_t kMaxProbes = 256;
// A look-up costs as much as reading so many tasks of the table in order.
constexpr std::uint64_t kTasksPerLookup = 64;
constexpr std::uint64_t kFreeLookups = 256;

}  // namespace

TaskKeys::TaskKeys(const Snapshot& snapshot, std::uint64_t max_slots)
    : snapshot_(snapshot), max_slots_(max_slots) {
  const std::uint64_t tasks = std::min(snapshot.count(Table::kTasks), max_slots);
  slots_.resize(std::min(tasks + tasks / 2, max_slots) + kMaxProbes);
  lookups_left_ = kFreeLookups + tasks / kTasksPerLookup;
}

std::uint64_t TaskKeys::places() const {
  return slots_.size() - kMaxProbes + 1;
}

std::size_t TaskKeys::first_slot(std::uint64_t hash) const {
  return static_cast<std::size_t>((hash >> 32) * places() >> 32);
}

bool TaskKeys::has(std::uint64_t hash) const {
  const std::size_t first = first_slot(hash);
  for (std::size_t i = first; i < first + kMaxProbes && slots_[i] != 0; ++i) {
    if (slots_[i] == (hash | 1)) return true;
  }
  return false;
}

// The root may count fewer tasks than there are.
void TaskKeys::grow() {
  const std::uint64_t wanted = std::min<std::uint64_t>(slots_.size() * 2, max_slots_ + kMaxProbes);
  if (wanted <= slots_.size()) return;
  const std::vector<std::uint64_t> before =
      std::exchange(slots_, std::vector<std::uint64_t>(wanted));
  used_ = 0;
  for (const std::uint64_t hash : before) {
    if (hash != 0) put(hash);
  }
}

void TaskKeys::put(std::uint64_t hash) {
  if (used_ >= places() / 3 * 2 + 1) grow();
  const std::size_t first = first_slot(hash);
  for (std::size_t i = first; i < first + kMaxProbes; ++i) {
    if (slots_[i] == (hash | 1)) return;
    if (slots_[i] != 0) continue;
    if (used_ >= slots_.size() / 4 * 3) break;
    slots_[i] = hash | 1;
    ++used_;
    return;
  }
  forgets_ = true;
}

void TaskKeys::add(std::string_view key, std::uint64_t hash) {
  if (knows_all_) return;
  std::uint64_t& oldest = pending_[added_++ % pending_.size()];
  if (oldest != 0) put(oldest);
  oldest = hash | 1;
  __builtin_prefetch(&slots_[first_slot(hash)]);
  walked_ = key;
}

void TaskKeys::end() {
  for (const std::uint64_t hash : pending_) {
    if (hash != 0) put(hash);
  }
  pending_ = {};
  knows_all_ = true;
}

bool TaskKeys::contains(std::string_view key, std::uint64_t hash) {
  if (has(hash)) return true;
  if (std::find(pending_.begin(), pending_.end(), hash | 1) != pending_.end()) return true;
  if (!forgets_ && (knows_all_ || key <= walked_)) return false;
  return look_up(key, hash);
}

bool TaskKeys::look_up(std::string_view key, std::uint64_t hash) {
  if (lookups_left_ != 0 || knows_all_) {
    lookups_left_ -= lookups_left_ != 0 ? 1 : 0;
    const bool is_there = snapshot_.find(Table::kTasks, key).has_value();
    if (is_there) put(hash);
    return is_there;
  }
  for (Cursor rest = snapshot_.cursor(Table::kTasks, walked_); rest.valid(); rest.next()) {
    put(hash_of(rest.key()));
  }
  end();
  return contains(key, hash);
}

}  // namespace session::operations
