#include "lib/store/opened_indexes.h"

namespace session::store {

OpenedIndexes::~OpenedIndexes() {
  const Slots* const slots = slots_.load(std::memory_order_acquire);
  if (slots == nullptr) return;
  for (const auto& slot : *slots) delete slot.load(std::memory_order_relaxed);
  delete slots;
}

std::size_t OpenedIndexes::first_slot(std::uint64_t offset) {
  // Knuth's multiplicative hash: the upper bits of the product depend on all of the offset.
  constexpr std::uint64_t kGolden = 0x9E3779B97F4A7C15;
  return static_cast<std::size_t>(offset / format::kAlignBytes * kGolden >> (64 - kSlotBits));
}

const format::IndexView* OpenedIndexes::find(std::uint64_t offset) const {
  const Slots* const slots = slots_.load(std::memory_order_acquire);
  if (slots == nullptr) return nullptr;
  const std::size_t first = first_slot(offset);
  for (std::size_t i = 0; i < kWays; ++i) {
    const Entry* const entry = (*slots)[first + i].load(std::memory_order_acquire);
    if (entry == nullptr) return nullptr;
    if (entry->offset == offset) return &entry->index;
  }
  return nullptr;
}

void OpenedIndexes::keep(std::uint64_t offset, const format::IndexView& index) {
  Slots* slots = slots_.load(std::memory_order_acquire);
  if (slots == nullptr) {
    auto fresh = std::make_unique<Slots>();
    if (slots_.compare_exchange_strong(slots, fresh.get(), std::memory_order_acq_rel)) {
      slots = fresh.release();
    }
  }
  auto entry = std::make_unique<Entry>(Entry{offset, index});
  const std::size_t first = first_slot(offset);
  for (std::size_t i = 0; i < kWays; ++i) {
    const Entry* there = nullptr;
    if ((*slots)[first + i].compare_exchange_strong(there, entry.get(),
                                                    std::memory_order_acq_rel)) {
      (void)entry.release();  // the slot has it
      return;
    }
    if (there->offset == offset) return;
  }
}

}  // namespace session::store
