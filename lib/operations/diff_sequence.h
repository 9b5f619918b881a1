#pragma once
// How one list becomes another: what both have in common, in order, and what only one of them has.

#include <cstddef>
#include <cstdint>
#include <vector>

namespace session::operations {

enum class Step : std::uint8_t { kSame, kRemoved, kAdded };
struct SequenceStep {
  Step step = Step::kSame;
  std::size_t left = 0;   // positions; that of the other side means nothing where
  std::size_t right = 0;  // only one side has the element
};

// Elements are equal if their numbers are. Between two common ones, first comes what goes. The way
// back has the same in common.
// Memory and time are bounded: where both lists have very many elements of their own, the middle is
// taken out whole and put in whole.
[[nodiscard]] std::vector<SequenceStep> diff_sequences(const std::vector<std::uint32_t>& left,
                                                       const std::vector<std::uint32_t>& right);

}  // namespace session::operations
