#pragma once
// A parity group: what makes good again what is damaged in a range of the file. Here is where its
// parts stand and how they are named; format/parity_code.h has the arithmetic.
//
// The range [begin, end) is cut into blocks, counted so that the last one ends at `end`; what the
// first one lacks is zeros. Block v of the `width * stripes` blocks (those before the range are
// zeros) belongs to stripe v mod stripes: a burst meets each of them equally. Every stripe has
// `rows` parity blocks, and these follow in the same order, so that a burst over the border between
// data and parity is a burst like any other.
//
// The group itself is a row of parity frames from `parity_begin` on. Each holds the head of the
// group and then a slice of one stream:
//
//    table copy | first half of the parity blocks | table copy | second half | table copy
//
// The last frame, the closing one, holds a head and nothing of the stream. It is written when all
// others are on the disk, so where it stands, the group is whole or was damaged since; where it is
// missing, the group may never have been finished.

#include <cstdint>
#include <span>

#include "format/bytes.h"
#include "format/damage.h"

namespace session::format {

struct ParityGroup {
  std::uint64_t begin = 0;  // of the protected range; both multiples of 64
  std::uint64_t end = 0;
  std::uint64_t parity_begin = 0;  // offset of the first frame
  std::uint64_t previous = 0;      // parity_begin of the group before; 0: none
  std::uint64_t home = 0;          // of all its frames
  std::uint32_t stripes = 1;
  std::uint8_t block_log2 = 0;
  std::uint8_t rows = 0;  // parity blocks in a stripe

  [[nodiscard]] std::uint32_t block_bytes() const { return 1U << block_log2; }
  [[nodiscard]] std::uint64_t range_bytes() const { return end - begin; }
  // Blocks of data, and of data in the widest stripe.
  [[nodiscard]] std::uint32_t blocks() const {
    return static_cast<std::uint32_t>((range_bytes() + block_bytes() - 1) >> block_log2);
  }
  [[nodiscard]] std::uint32_t width() const { return (blocks() + stripes - 1) / stripes; }
  // Blocks of zeros before the first of the range.
  [[nodiscard]] std::uint32_t pad() const { return width() * stripes - blocks(); }
  [[nodiscard]] std::uint32_t parity_blocks() const { return rows * stripes; }

  [[nodiscard]] std::uint64_t table_bytes() const;   // of one copy
  [[nodiscard]] std::uint64_t stream_bytes() const;  // tables and parity blocks
  [[nodiscard]] std::uint32_t body_bytes() const;    // of the stream in one frame
  // Where parts stand in the stream.
  [[nodiscard]] std::uint64_t table_at(std::uint32_t copy) const;
  [[nodiscard]] std::uint64_t parity_block_at(std::uint32_t block) const;

  [[nodiscard]] std::uint32_t frames() const;
  [[nodiscard]] std::uint64_t frame_offset(std::uint32_t index) const;
  [[nodiscard]] std::uint32_t slice_bytes(std::uint32_t index) const;  // 0: the closing frame
  [[nodiscard]] std::uint64_t frame_bytes(std::uint32_t index) const {
    return kFrameHeaderBytes + kParityHeadBytes + slice_bytes(index);
  }
  [[nodiscard]] std::uint64_t closing_offset() const { return frame_offset(frames() - 1); }
  [[nodiscard]] std::uint64_t parity_end() const {
    return closing_offset() + kFrameHeaderBytes + kParityHeadBytes;
  }
  [[nodiscard]] std::uint64_t parity_bytes() const { return parity_end() - parity_begin; }

  friend bool operator==(const ParityGroup&, const ParityGroup&) = default;
};

// The group that protects [begin, end) with `percent` of it, or a little more where blocks are
// whole; its frames are to stand at `parity_begin`. A burst of 0.9 * percent of the range damages
// no stripe beyond repair. Throws kUsage for a percentage out of range, kLimit for a range that is
// empty, unaligned or longer than longest_parity_range().
[[nodiscard]] ParityGroup plan_parity(std::uint64_t begin, std::uint64_t end,
                                      std::uint64_t parity_begin, std::uint32_t percent);

// What one group can protect: bounded by the memory that making it takes.
[[nodiscard]] std::uint64_t longest_parity_range(std::uint32_t percent);

// ---- the head, 64 bytes at the start of each parity frame's payload -----------------------------
//
//    0  magic            4
//    4  block size       1   log2 of bytes
//    5  rows             1   parity blocks in a stripe
//    6  zero             2
//    8  begin            8
//   16  parity begin     8
//   24  previous         8
//   32  home             8
//   40  range            4   in units of 64 bytes
//   44  stripes          4
//   48  index            4   of this frame in its group
//   52  zero             4
//   56  XXH3-64          8   of bytes 0..55, seeded with the file tag
//
// It can be believed without its frame: damage to the rest of the frame does not hide the group.

inline constexpr std::uint32_t kParityMagic = 0x52415053;  // "SPAR" as bytes on disk

struct ParityHead {
  ParityGroup group;
  std::uint32_t index = 0;
};

void encode(const ParityHead& head, std::uint64_t file_tag,
            std::span<std::byte, kParityHeadBytes> into);

// The head that stands at `offset` of the file. Every size derived from what it says is within the
// limits of the format.
[[nodiscard]] OrDamage<ParityHead> decode_parity_head(Bytes bytes, std::uint64_t offset,
                                                      std::uint64_t file_tag);

}  // namespace session::format
