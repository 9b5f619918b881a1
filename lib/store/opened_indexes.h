#pragma once
// Index pages that were opened before: where their lists stand is known, so a look-up touches the
// keys it compares and the offset it follows, and neither the page's header nor its pointers. At a
// million records that is a third of a look-up's time.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "format/page.h"

namespace session::store {

// Of one mapping, which outlives it. Finding waits for nobody. Any thread.
class OpenedIndexes {
 public:
  OpenedIndexes() = default;
  ~OpenedIndexes();
  OpenedIndexes(const OpenedIndexes&) = delete;
  OpenedIndexes& operator=(const OpenedIndexes&) = delete;

  // Valid as long as this is; null if nobody kept it, or where there was no room.
  [[nodiscard]] const format::IndexView* find(std::uint64_t offset) const;
  // Nothing is ever taken out: who follows a growing file maps it anew, and begins with none.
  void keep(std::uint64_t offset, const format::IndexView& index);

 private:
  struct Entry {
    std::uint64_t offset;
    format::IndexView index;
  };
  // Half a MiB for the pages that lead to some 20 GiB of leaves.
  static constexpr std::size_t kSlotBits = 13;
  static constexpr std::size_t kWays = 4;
  using Slots = std::array<std::atomic<const Entry*>, (std::size_t{1} << kSlotBits) + kWays>;

  [[nodiscard]] static std::size_t first_slot(std::uint64_t offset);

  std::atomic<Slots*> slots_ = nullptr;  // made with the first: opening a file costs nothing
};

}  // namespace session::store
