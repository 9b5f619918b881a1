#include "format/parity.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "format/checksum.h"

namespace session::format {
namespace {

constexpr std::size_t kHashAt = 56;
constexpr std::uint64_t kHeadsBytes = kFrameHeaderBytes + kParityHeadBytes;
// Far beyond any file, far below what sums of places could overflow.
constexpr std::uint64_t kMaxOffset = 1ULL << 62;

constexpr std::uint64_t divided_up(std::uint64_t value, std::uint64_t by) {
  return (value + by - 1) / by;
}

void require_percent(std::uint32_t percent) {
  if (percent >= kMinParityPercent && percent <= kMaxParityPercent) return;
  throw Error(ErrorCode::kUsage, "a parity of " + std::to_string(percent) +
                                     " percent is out of range (" +
                                     std::to_string(kMinParityPercent) + " to " +
                                     std::to_string(kMaxParityPercent) + ")");
}

std::uint8_t block_log2_for(std::uint64_t range_bytes) {
  std::uint32_t log2 = kMinParityBlockLog2;
  while (log2 < kParityBlockLog2 && range_bytes >> log2 >= kSmallGroupBlocks) ++log2;
  while (log2 < kMaxParityBlockLog2 && divided_up(range_bytes, 1ULL << log2) > kMaxGroupBlocks) {
    ++log2;
  }
  return static_cast<std::uint8_t>(log2);
}

// Parity blocks each stripe needs for its share, and for the longest burst: one of L bytes touches
// at most L / block + 2 blocks.
std::uint32_t rows_for(const ParityGroup& group, std::uint32_t percent) {
  const std::uint64_t share = divided_up(std::uint64_t{group.width()} * percent, 100);
  const std::uint64_t burst_blocks = std::uint64_t{group.blocks()} * percent * 9 / 1000 + 2;
  return static_cast<std::uint32_t>(std::max(share, divided_up(burst_blocks, group.stripes)));
}

void choose_stripes(ParityGroup& group, std::uint32_t percent) {
  const std::uint32_t most_rows = kMaxStripeBlocks * percent / (100 + percent);
  const std::uint32_t most_width = most_rows * 100 / percent;
  for (group.stripes = (group.blocks() + most_width - 1) / most_width;; ++group.stripes) {
    const std::uint32_t rows = rows_for(group, percent);
    if (group.width() + rows > kMaxStripeBlocks) continue;
    group.rows = static_cast<std::uint8_t>(rows);
    return;
  }
}

ParityGroup plan(std::uint64_t begin, std::uint64_t end, std::uint64_t parity_begin,
                 std::uint32_t percent) {
  ParityGroup group;
  group.begin = begin;
  group.end = end;
  group.parity_begin = parity_begin;
  group.block_log2 = block_log2_for(end - begin);
  choose_stripes(group, percent);
  return group;
}

bool is_within_limits(const ParityGroup& group) {
  return group.blocks() <= kMaxGroupBlocks && group.stream_bytes() <= kMaxGroupParityBytes;
}

// What the fields promise about sizes, checked before anything is computed that could overflow.
std::optional<std::string> wrong_geometry(const ParityGroup& group, std::uint64_t range_bytes) {
  if (group.block_log2 < kMinParityBlockLog2 || group.block_log2 > kMaxParityBlockLog2) {
    return "an impossible size of blocks";
  }
  if (!is_aligned(group.begin) || !is_aligned(group.parity_begin) || range_bytes == 0 ||
      group.parity_begin > kMaxOffset || !fits(group.begin, range_bytes, group.parity_begin)) {
    return "an impossible range";
  }
  if (range_bytes > std::uint64_t{kMaxGroupBlocks} << group.block_log2) {
    return "more blocks than a group can have";
  }
  if (group.rows == 0 || group.stripes == 0 || group.stripes > group.blocks() ||
      group.width() + group.rows > kMaxStripeBlocks) {
    return "impossible stripes";
  }
  if (group.stream_bytes() > kMaxGroupParityBytes) return "more parity than a group can have";
  if (!is_aligned(group.previous) || !is_aligned(group.home) ||
      group.previous >= group.parity_begin || group.home >= group.parity_begin) {
    return "a place before it that is none";
  }
  return std::nullopt;
}

}  // namespace

std::uint64_t ParityGroup::table_bytes() const {
  const std::uint64_t hashes = std::uint64_t{blocks()} + parity_blocks();
  const std::uint64_t pages = divided_up(hashes, kParityPageNumbers - 1);
  return align_up((hashes + pages) * sizeof(std::uint64_t));
}

std::uint64_t ParityGroup::stream_bytes() const {
  return kParityTableCopies * table_bytes() + (std::uint64_t{parity_blocks()} << block_log2);
}

std::uint32_t ParityGroup::body_bytes() const {
  const std::uint64_t third = align_up(divided_up(stream_bytes(), kParityTableCopies));
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>(third, kMaxPayloadBytes - kParityHeadBytes));
}

std::uint64_t ParityGroup::table_at(std::uint32_t copy) const {
  const std::uint64_t blocks_before = copy == 0   ? 0
                                      : copy == 1 ? parity_blocks() / 2
                                                  : parity_blocks();
  return copy * table_bytes() + (blocks_before << block_log2);
}

std::uint64_t ParityGroup::parity_block_at(std::uint32_t block) const {
  const std::uint64_t copies_before = block < parity_blocks() / 2 ? 1 : 2;
  return copies_before * table_bytes() + (std::uint64_t{block} << block_log2);
}

std::uint32_t ParityGroup::frames() const {
  return static_cast<std::uint32_t>(divided_up(stream_bytes(), body_bytes())) + 1;
}

std::uint64_t ParityGroup::frame_offset(std::uint32_t index) const {
  return parity_begin + index * kHeadsBytes +
         std::min(std::uint64_t{index} * body_bytes(), stream_bytes());
}

std::uint32_t ParityGroup::slice_bytes(std::uint32_t index) const {
  const std::uint64_t before = std::min(std::uint64_t{index} * body_bytes(), stream_bytes());
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(body_bytes(), stream_bytes() - before));
}

ParityGroup plan_parity(std::uint64_t begin, std::uint64_t end, std::uint64_t parity_begin,
                        std::uint32_t percent) {
  require_percent(percent);
  if (!is_aligned(begin) || !is_aligned(end) || begin >= end || end > parity_begin ||
      !is_aligned(parity_begin)) {
    throw Error(ErrorCode::kLimit, "a parity group cannot protect this range");
  }
  const ParityGroup group = plan(begin, end, parity_begin, percent);
  if (!is_within_limits(group)) {
    throw Error(ErrorCode::kLimit, "a range of " + std::to_string(end - begin) +
                                       " bytes is too long for one parity group");
  }
  return group;
}

std::uint64_t longest_parity_range(std::uint32_t percent) {
  require_percent(percent);
  // Parity grows with the range but for the jump where blocks get larger: the search ends below or
  // above it, and within the limits either way.
  std::uint64_t fits_units = 1;
  std::uint64_t too_long_units =
      (std::uint64_t{kMaxGroupBlocks} << kMaxParityBlockLog2) / kAlignBytes + 1;
  while (too_long_units - fits_units > 1) {
    const std::uint64_t middle = fits_units + (too_long_units - fits_units) / 2;
    const std::uint64_t bytes = middle * kAlignBytes;
    (is_within_limits(plan(0, bytes, bytes, percent)) ? fits_units : too_long_units) = middle;
  }
  return fits_units * kAlignBytes;
}

void encode(const ParityHead& head, std::uint64_t file_tag,
            std::span<std::byte, kParityHeadBytes> into) {
  const ParityGroup& group = head.group;
  std::fill(into.begin(), into.end(), std::byte{0});
  store(into, 0, kParityMagic);
  store(into, 4, group.block_log2);
  store(into, 5, group.rows);
  store(into, 8, group.begin);
  store(into, 16, group.parity_begin);
  store(into, 24, group.previous);
  store(into, 32, group.home);
  store(into, 40, static_cast<std::uint32_t>(group.range_bytes() / kAlignBytes));
  store(into, 44, group.stripes);
  store(into, 48, head.index);
  store(into, kHashAt, xxh3_64(Bytes(into).first(kHashAt), file_tag));
}

OrDamage<ParityHead> decode_parity_head(Bytes bytes, std::uint64_t offset, std::uint64_t file_tag) {
  const auto bad = [&](DamageKind kind, std::string detail) {
    return Damage{offset, kParityHeadBytes, kind, std::move(detail)};
  };
  if (bytes.size() < kParityHeadBytes) {
    return bad(DamageKind::kBeyondEnd, "the head of a parity group reaches beyond the end");
  }
  bytes = bytes.first(kParityHeadBytes);
  if (load<std::uint32_t>(bytes, 0) != kParityMagic) {
    return bad(DamageKind::kMagic, "no head of a parity group stands here");
  }
  if (load<std::uint64_t>(bytes, kHashAt) != xxh3_64(bytes.first(kHashAt), file_tag)) {
    return bad(DamageKind::kHeaderHash, "the head of a parity group does not hash to what it says");
  }
  ParityHead head;
  ParityGroup& group = head.group;
  group.block_log2 = load<std::uint8_t>(bytes, 4);
  group.rows = load<std::uint8_t>(bytes, 5);
  group.begin = load<std::uint64_t>(bytes, 8);
  group.parity_begin = load<std::uint64_t>(bytes, 16);
  group.previous = load<std::uint64_t>(bytes, 24);
  group.home = load<std::uint64_t>(bytes, 32);
  const std::uint64_t range_bytes = load<std::uint32_t>(bytes, 40) * std::uint64_t{kAlignBytes};
  group.end = group.begin + range_bytes;
  group.stripes = load<std::uint32_t>(bytes, 44);
  head.index = load<std::uint32_t>(bytes, 48);
  if (load<std::uint16_t>(bytes, 6) != 0 || load<std::uint32_t>(bytes, 52) != 0) {
    return bad(DamageKind::kHeaderField, "the head of a parity group has an unknown field");
  }
  if (auto wrong = wrong_geometry(group, range_bytes)) {
    return bad(DamageKind::kHeaderField, "a parity group of " + *wrong);
  }
  if (head.index >= group.frames() ||
      group.frame_offset(head.index) + kFrameHeaderBytes != offset) {
    return bad(DamageKind::kMisplaced, "the head of a parity group that stands elsewhere");
  }
  return head;
}

}  // namespace session::format
