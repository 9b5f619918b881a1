#pragma once
// Sets of places in a file where frames begin: one bit for each multiple of 64, in pieces made when
// first needed. 2 MiB for each GiB of file where frames stand densely, nothing where there are
// none.

#include <array>
#include <bit>
#include <cstdint>
#include <memory>
#include <vector>

#include "format/layout.h"

namespace session::operations {

// Different threads may write to different pieces at the same time.
class PlaceSet {
 public:
  static constexpr std::uint64_t kPieceBytes = std::uint64_t{2} << 20;  // of file
  static constexpr std::uint64_t kNone = ~std::uint64_t{0};

  explicit PlaceSet(std::uint64_t file_bytes) : pieces_(file_bytes / kPieceBytes + 1) {}

  void add(std::uint64_t offset) {
    std::unique_ptr<Piece>& piece = pieces_[offset / kPieceBytes];
    if (!piece) piece = std::make_unique<Piece>();
    (*piece)[word_of(offset)] |= bit_of(offset);
  }
  [[nodiscard]] bool contains(std::uint64_t offset) const {
    if (offset % format::kAlignBytes != 0 || offset / kPieceBytes >= pieces_.size()) return false;
    const auto& piece = pieces_[offset / kPieceBytes];
    return piece && ((*piece)[word_of(offset)] & bit_of(offset)) != 0;
  }
  // Forgets [begin, end): both multiples of a piece, or beyond the end.
  void clear(std::uint64_t begin, std::uint64_t end) {
    for (std::uint64_t at = begin / kPieceBytes; at * kPieceBytes < end && at < pieces_.size();
         ++at)
      pieces_[at].reset();
  }
  // The first place at or behind `offset`, or kNone.
  [[nodiscard]] std::uint64_t next(std::uint64_t offset) const {
    for (std::uint64_t at = offset / kPieceBytes; at < pieces_.size(); ++at) {
      const std::uint64_t begin = at * kPieceBytes;
      if (!pieces_[at]) continue;
      const std::size_t first = offset > begin ? word_of(offset) : 0;
      for (std::size_t word = first; word < kWords; ++word) {
        std::uint64_t bits = (*pieces_[at])[word];
        if (word == first && offset > begin) bits &= ~(bit_of(offset) - 1);
        if (bits == 0) continue;
        const auto bit = static_cast<std::uint64_t>(std::countr_zero(bits));
        return begin + (word * kBits + bit) * format::kAlignBytes;
      }
    }
    return kNone;
  }
  // The last place before `offset`, or kNone.
  [[nodiscard]] std::uint64_t previous(std::uint64_t offset) const {
    for (std::uint64_t at = std::min<std::uint64_t>(offset / kPieceBytes + 1, pieces_.size());
         at-- > 0;) {
      const std::uint64_t begin = at * kPieceBytes;
      if (!pieces_[at]) continue;
      for (std::size_t word = kWords; word-- > 0;) {
        std::uint64_t bits = (*pieces_[at])[word];
        const std::uint64_t word_begin = begin + word * kBits * format::kAlignBytes;
        if (word_begin >= offset) continue;
        const std::uint64_t places =
            (offset - word_begin + format::kAlignBytes - 1) / format::kAlignBytes;
        if (places < kBits) bits &= (std::uint64_t{1} << places) - 1;
        if (bits == 0) continue;
        const auto bit = kBits - 1 - static_cast<std::uint64_t>(std::countl_zero(bits));
        return word_begin + bit * format::kAlignBytes;
      }
    }
    return kNone;
  }

 private:
  static constexpr std::uint64_t kBits = 64;
  static constexpr std::size_t kWords = kPieceBytes / format::kAlignBytes / kBits;
  using Piece = std::array<std::uint64_t, kWords>;

  static std::size_t word_of(std::uint64_t offset) {
    return offset % kPieceBytes / format::kAlignBytes / kBits;
  }
  static std::uint64_t bit_of(std::uint64_t offset) {
    return std::uint64_t{1} << (offset / format::kAlignBytes % kBits);
  }

  std::vector<std::unique_ptr<Piece>> pieces_;
};

}  // namespace session::operations
