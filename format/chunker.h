#pragma once
// Where pages end: the rule that makes the same records always give the same pages, whatever the
// order in which they came. Tables are prolly trees (the structure of Noms and Dolt).
//
// A page may end after an item with key k and weight w, when the page with it weighs s: never while
// s < target/4, always when s >= 4*target, and in between if a 32-bit hash of k lies under a
// threshold proportional to s*w. The chance per byte thus rises with the size of the page (a
// Rayleigh distribution with a mean near the target), which keeps sizes closer together than a
// constant chance would. Weights are canonical sizes, so pages do not depend on padding; integers
// only, so every machine agrees.

#include <cstdint>
#include <string_view>

#include "format/layout.h"

namespace session::format {

class PageRule {
 public:
  // `level` 0 is the leaves; it seeds the hash, else the keys that end a leaf, all of which have a
  // small hash, would end index pages as well.
  PageRule(std::uint8_t target_log2, std::uint32_t level)
      : target_log2_(target_log2), level_(level) {}

  // Does the page end after the item (`key`, `weight`), when it weighs `size_with_item` and has
  // `items` items, this one included?
  [[nodiscard]] bool ends_after(std::string_view key, std::uint64_t weight,
                                std::uint64_t size_with_item, std::uint64_t items) const;

 private:
  std::uint8_t target_log2_;
  std::uint32_t level_;
};

[[nodiscard]] constexpr std::uint64_t leaf_item_weight(std::size_t key_bytes,
                                                       std::uint64_t record_words) {
  return key_bytes + record_words * 8 + kRecordOverheadBytes;
}
[[nodiscard]] constexpr std::uint64_t index_item_weight(std::size_t key_bytes) {
  return key_bytes + kChildOverheadBytes;
}

}  // namespace session::format
