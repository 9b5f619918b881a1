#pragma once
// What a parity group says and does: Reed-Solomon codes over GF(2^8) (ISA-L), and the table of
// block hashes that tells which blocks are bad, so that all of the parity goes into mending and
// none into searching.
//
// The parity block in row j of a stripe is the sum over its data blocks c of
// 1 / ((width + j) XOR c) times the block: a Cauchy matrix, of which every square part can be
// inverted. So any `rows` blocks of a stripe, data or parity, may be bad.
//
// Everything reads the file through a function, so that it can be a file, a mapping or a buffer.

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "format/parity.h"

namespace session::format {

// Fills `into` with the bytes at `offset` of the file. What is not there or cannot be read comes as
// zeros: if it should not be zero, its hash will say so.
using ReadAt = std::function<void(std::uint64_t offset, std::span<std::byte> into)>;
using WriteAt = std::function<void(std::uint64_t offset, Bytes bytes)>;
// Called with the bytes read since the last call; may throw to stop.
using ReadProgress = std::function<void(std::uint64_t bytes)>;

struct ByteRange {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  [[nodiscard]] std::uint64_t size_bytes() const { return end - begin; }
  friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

// Sorted, and those that touch made one.
[[nodiscard]] std::vector<ByteRange> merged(std::vector<ByteRange> ranges);

// Tables and parity blocks of the group, at most kMaxGroupParityBytes. Reads the range once.
[[nodiscard]] std::vector<std::byte> encode_parity(const ParityGroup& group, const ReadAt& read,
                                                   const ReadProgress& progress = {});

// The payload of a parity frame: the head, and its slice of what encode_parity() made.
[[nodiscard]] std::vector<std::byte> parity_payload(const ParityGroup& group,
                                                    std::uint64_t file_tag, Bytes stream,
                                                    std::uint32_t index);

// What is damaged of a group, data and parity frames alike, and how much of it can be mended.
class ParityCheck {
 public:
  // Reads range and frames whole.
  ParityCheck(const ParityGroup& group, std::uint64_t file_tag, ReadAt read,
              const ReadProgress& progress = {});

  [[nodiscard]] const ParityGroup& group() const { return group_; }
  [[nodiscard]] bool is_clean() const { return bad_blocks_.empty() && bad_frames_.empty(); }
  // Whether the closing frame is sound: the group was finished.
  [[nodiscard]] bool is_closed() const {
    return bad_frames_.empty() || bad_frames_.back() != group_.frames() - 1;
  }
  // Places in the file that differ from what was protected, to the block. A damaged parity frame
  // whose blocks are sound is in it whole.
  [[nodiscard]] std::vector<ByteRange> damaged() const;
  // Those of them that restore() will not be able to mend: more than `rows` bad blocks in a stripe,
  // or a block whose hash is lost in every copy of the table.
  [[nodiscard]] std::vector<ByteRange> beyond_repair() const;

  // Mends what can be mended, in place: what `write` is given, the reader of the constructor must
  // see afterwards. Nothing is written that does not hash to what the table says. Returns what
  // remains damaged; call it once.
  [[nodiscard]] std::vector<ByteRange> restore(const WriteAt& write);

 private:
  // Blocks are numbered through: those of the range first, then those of parity.
  using Block = std::uint32_t;
  class Stripe;

  [[nodiscard]] std::uint32_t all_blocks() const {
    return group_.blocks() + group_.parity_blocks();
  }
  void load_table();
  void check_blocks(const ReadProgress& progress);
  void check_frames();
  [[nodiscard]] bool is_sound_frame(std::uint32_t index) const;
  [[nodiscard]] std::vector<ByteRange> ranges_of(const std::vector<Block>& blocks) const;
  [[nodiscard]] std::uint32_t stripe_of(Block block) const;
  [[nodiscard]] bool can_mend(std::uint32_t stripe) const;
  void restore_stripe(std::uint32_t number, const WriteAt& write);
  bool accept(Block block, Bytes bytes, const WriteAt& write);
  void read_block(Block block, std::span<std::byte> into) const;
  void read_stream(std::uint64_t at, std::span<std::byte> into) const;
  [[nodiscard]] std::vector<std::byte> slice(std::uint32_t index) const;
  [[nodiscard]] bool touches(std::uint32_t index, std::uint64_t at, std::uint64_t bytes) const;
  [[nodiscard]] bool can_rebuild(std::uint32_t index) const;
  void restore_frame(std::uint32_t index, const WriteAt& write) const;

  ParityGroup group_;
  std::uint64_t tag_;
  ReadAt read_;
  std::vector<std::uint64_t> hashes_;
  std::vector<bool> is_known_;  // the hash
  std::vector<bool> is_bad_;
  std::vector<Block> bad_blocks_;          // in order, those without a known hash left out
  std::vector<std::uint32_t> bad_frames_;  // in order
  std::vector<std::uint16_t> bad_in_stripe_;
};

}  // namespace session::format
