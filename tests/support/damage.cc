#include "tests/support/damage.h"

#include "format/frame.h"

namespace session::test {
namespace {

constexpr std::size_t kHashAt = 56;
constexpr std::size_t kSizeAt = 8;
constexpr std::size_t kHomeAt = 24;
constexpr std::size_t kTagAt = 32;
constexpr std::size_t kPayloadHashAt = 40;

std::span<std::byte> block(FileBytes& file, std::size_t offset, std::size_t size) {
  return std::span(file).subspan(offset, size);
}

std::size_t below(std::size_t limit, std::mt19937_64& random) {
  return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random);
}

}  // namespace

void flip_bit(FileBytes& file, std::size_t bit) {
  file.at(bit / 8) ^= std::byte{1} << (bit % 8);
}

void zero_block(FileBytes& file, std::size_t offset, std::size_t size) {
  std::ranges::fill(block(file, offset, size), std::byte{0});
}

void fill_block(FileBytes& file, std::size_t offset, std::size_t size, std::mt19937_64& random) {
  for (std::byte& byte : block(file, offset, size)) byte = static_cast<std::byte>(random());
}

void duplicate_block(FileBytes& file, std::size_t from, std::size_t to, std::size_t size) {
  const auto source = block(file, from, size);
  const FileBytes copy(source.begin(), source.end());
  std::ranges::copy(copy, block(file, to, size).begin());
}

void swap_blocks(FileBytes& file, std::size_t a, std::size_t b, std::size_t size) {
  const auto first = block(file, a, size);
  const auto second = block(file, b, size);
  const FileBytes copy(first.begin(), first.end());
  std::ranges::copy(FileBytes(second.begin(), second.end()), first.begin());
  std::ranges::copy(copy, block(file, b, size).begin());
}

void cut(FileBytes& file, std::size_t size) {
  file.resize(std::min(size, file.size()));
}

std::vector<FramePlace> frames_in(std::span<const std::byte> file) {
  std::vector<FramePlace> frames;
  const auto tag = format::load<std::uint64_t>(file, format::kFileHeaderBytes + kTagAt);
  for (std::size_t at = format::kFileHeaderBytes; at + format::kFrameHeaderBytes <= file.size();) {
    const auto decoded =
        format::decode_frame_header(file.subspan(at, format::kFrameHeaderBytes), at, tag);
    if (format::damage_in(decoded) != nullptr) break;
    const auto& header = std::get<format::FrameHeader>(decoded);
    frames.push_back({at, header.frame_bytes(), static_cast<int>(header.kind)});
    at += header.frame_bytes();
  }
  return frames;
}

void misdirect_frame(FileBytes& file, std::size_t from, std::size_t to) {
  for (const FramePlace& frame : frames_in(file)) {
    if (frame.offset != from) continue;
    duplicate_block(file, from, to, std::min(frame.size, file.size() - to));
    return;
  }
  throw std::logic_error("no frame begins there");
}

void reseal_frame(FileBytes& file, std::size_t offset) {
  const auto header = block(file, offset, format::kFrameHeaderBytes);
  const auto size = format::load<std::uint32_t>(header, 8);
  const auto hash = format::xxh3_128(block(file, offset + format::kFrameHeaderBytes, size));
  format::store(header, kPayloadHashAt, hash.low);
  format::store(header, kPayloadHashAt + 8, hash.high);
  format::store(header, kHashAt, format::xxh3_64(format::Bytes(header).first(kHashAt)));
}

void make_stale(FileBytes& file, std::size_t offset, std::uint64_t home) {
  format::store(block(file, offset, format::kFrameHeaderBytes), kHomeAt, home);
  reseal_frame(file, offset);
}

void make_foreign(FileBytes& file, std::size_t offset) {
  const auto header = block(file, offset, format::kFrameHeaderBytes);
  format::store(header, kTagAt, format::load<std::uint64_t>(header, kTagAt) + 1);
  reseal_frame(file, offset);
}

std::span<std::byte> payload_of(FileBytes& file, std::size_t offset) {
  const auto size =
      format::load<std::uint32_t>(block(file, offset, format::kFrameHeaderBytes), kSizeAt);
  return block(file, offset + format::kFrameHeaderBytes, size);
}

void reseal_file(FileBytes& file) {
  // Words of a commit's message, behind framing and root pointer.
  constexpr std::size_t kUnsyncedBytes = 4 * 8;
  constexpr std::size_t kUnsyncedHigh = 5 * 8;
  constexpr std::size_t kUnsyncedLow = 6 * 8;
  for (std::size_t at = format::kFileHeaderBytes; at + format::kFrameHeaderBytes <= file.size();) {
    const auto header = block(file, at, format::kFrameHeaderBytes);
    if (format::load<std::uint32_t>(header, 0) != format::kFrameMagic) return;
    const auto payload = payload_of(file, at);
    const bool is_plain = header[5] == static_cast<std::byte>(format::Codec::kNone);
    if (header[4] == static_cast<std::byte>(format::FrameKind::kCommit) && is_plain) {
      const auto length = format::load<std::uint64_t>(payload, kUnsyncedBytes);
      if (length != 0 && length <= at) {
        const auto hash = format::xxh3_128(block(file, at - length, length));
        format::store(payload, kUnsyncedHigh, hash.high);
        format::store(payload, kUnsyncedLow, hash.low);
      }
    }
    reseal_frame(file, at);
    at += format::align_up(format::kFrameHeaderBytes + payload.size());
  }
}

std::string damage_at_random(FileBytes& file, std::size_t max_size, std::mt19937_64& random) {
  const std::size_t most = std::min(max_size, file.size());
  // Small sizes as often as large ones.
  const std::size_t size = std::min(most, std::size_t{1} << below(21, random));
  const std::size_t at = below(file.size() - size + 1, random);
  const std::size_t other = below(file.size() - size + 1, random);
  const std::string where = std::to_string(size) + " bytes at " + std::to_string(at);
  switch (below(6, random)) {
    case 0: {
      const std::size_t bit = below(file.size() * 8, random);
      flip_bit(file, bit);
      return "bit " + std::to_string(bit) + " flipped";
    }
    case 1:
      zero_block(file, at, size);
      return where + " zeroed";
    case 2:
      fill_block(file, at, size, random);
      return where + " filled with noise";
    case 3:
      duplicate_block(file, at, other, size);
      return where + " written again at " + std::to_string(other);
    case 4:
      swap_blocks(file, at, other, size);
      return where + " swapped with those at " + std::to_string(other);
    default:
      cut(file, at);
      return "cut at " + std::to_string(at);
  }
}

}  // namespace session::test
