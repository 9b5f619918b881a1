#pragma once
// What the scan, which has every frame in hand, learns of a leaf, so that the walk through the
// trees need not read it a second time: a leaf with nothing wrong in itself agrees with what its
// parent says of it, or is looked at again to say how it does not.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "format/chunker.h"
#include "format/frame.h"
#include "format/page.h"
#include "session/table.h"

namespace session::operations {

struct LeafRules {
  std::uint8_t leaf_target_log2 = 0;
  bool digests = false;  // SHA-256 too
};

// 40 bytes a leaf.
struct LeafFacts {
  // A hash of what a parent says of the leaf: its table, counts, sizes, last key, and digest.
  std::uint64_t summary = 0;
  std::uint64_t places = 0;    // sum_of_places()
  std::uint64_t behind = 0;    // a hash of a key that lies before all of its own; 0: of none
  std::array<char, 8> next{};  // of the first key behind `common`; zeros behind its end
  std::uint32_t place = 0;     // offset / kAlignBytes: only files below 256 GiB have facts
  std::uint16_t common = 0;    // bytes that the first and the last key share
  bool ends_page = false;      // the chunker ends a page after the last record
};
static_assert(sizeof(LeafFacts) == 40);

// The leaf that was looked at last. Where a tree was written at once the next one lies behind it.
struct LeafBefore {
  std::string last_key;
  std::uint64_t hash = 0;  // of that; 0 if there is none
};

struct LeafSums {
  std::uint64_t count = 0;
  std::uint64_t content_bytes = 0;
};

// Calls `on_item(i, key, ends)` for each record, `ends`: the rule ends the page after it.
template <class OnItem>
LeafSums walk_leaf(const format::LeafView& leaf, const format::PageRule& rule, OnItem on_item) {
  LeafSums sums{leaf.size(), 0};
  std::uint64_t size = 0;
  format::RecordSizes sizes(leaf);
  for (std::uint32_t i = 0; i < leaf.size(); ++i) {
    const std::string_view key = leaf.key(i);
    const std::uint64_t words = sizes.next();
    const std::uint64_t weight = format::leaf_item_weight(key.size(), words);
    size += weight;
    sums.content_bytes += key.size() + words * sizeof(std::uint64_t);
    on_item(i, key, rule.ends_after(key, weight, size, i + 1));
  }
  return sums;
}

// Of the raw payload of a leaf's frame that is sound as bytes; nothing if something is wrong with
// the leaf, or if only the trees can tell (blobs, and records that refer to them). `before` becomes
// this leaf if it has facts.
[[nodiscard]] std::optional<LeafFacts> facts_of_leaf(const format::FrameHeader& header,
                                                     format::Bytes payload, const LeafRules& rules,
                                                     LeafBefore& before);

// Whether the leaf is what `child`, its entry in the page above, says; its keys lie behind
// `after_key`; and it ends where the chunker wants it to, or `ends_level`. False also where the
// facts do not suffice to tell.
[[nodiscard]] bool agrees(const LeafFacts& facts, Table table, const format::Child& child,
                          std::optional<std::string_view> after_key, bool ends_level, bool digests);

// Sum of the hashes of the places that the leaf's tasks have, or should have, in the index of
// children; 0 of other tables. Throws kj::Exception for a record that is no task.
[[nodiscard]] std::uint64_t sum_of_places(Table table, const format::LeafView& leaf);

}  // namespace session::operations
