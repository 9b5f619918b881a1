#include "fuzz/support/reseal.h"

#include <algorithm>
#include <cstdint>

#include "format/bytes.h"
#include "format/checksum.h"
#include "format/frame.h"
#include "format/layout.h"
#include "fuzz/support/reseal_content.h"

namespace session::fuzz {
namespace {

using format::Bytes;
using format::kFileHeaderBytes;
using format::kFrameHeaderBytes;

constexpr std::size_t kFileIdAt = 16;
constexpr std::size_t kFileIdBytes = 16;
constexpr std::size_t kKindAt = 4;
constexpr std::size_t kCodecAt = 5;
constexpr std::size_t kStoredSizeAt = 8;
constexpr std::size_t kOwnOffsetAt = 16;
constexpr std::size_t kTagAt = 32;
constexpr std::size_t kPayloadHashAt = 40;
constexpr std::size_t kHeaderHashAt = 56;

bool has_frame_magic(Bytes file, std::size_t offset) {
  return format::load<std::uint32_t>(file, offset) == format::kFrameMagic;
}

format::FrameKind kind_of(Bytes frame) {
  return static_cast<format::FrameKind>(format::load<std::uint8_t>(frame, kKindAt));
}

// The head of a parity group, which has a hash of its own.
void seal_parity_head(std::span<std::byte> frame, std::uint64_t tag) {
  if (frame.size() < kFrameHeaderBytes + format::kParityHeadBytes) return;
  const auto head = frame.subspan(kFrameHeaderBytes, format::kParityHeadBytes);
  format::store(head, kHeaderHashAt, format::xxh3_64(Bytes(head).first(kHeaderHashAt), tag));
}

void seal_frame(std::span<std::byte> file, std::size_t offset) {
  const std::uint64_t size =
      kFrameHeaderBytes + format::load<std::uint32_t>(file, offset + kStoredSizeAt);
  // Another size than it was found with: parity of a forged group was written over it.
  if (!format::fits(offset, size, file.size())) return;
  const auto frame = file.subspan(offset, size);
  const format::Hash128 hash = format::xxh3_128(Bytes(frame).subspan(kFrameHeaderBytes));
  format::store(frame, kPayloadHashAt, hash.low);
  format::store(frame, kPayloadHashAt + 8, hash.high);
  format::store(frame, kHeaderHashAt, format::xxh3_64(Bytes(frame).first(kHeaderHashAt)));
}

}  // namespace

std::vector<FramePlace> frames_of(std::span<const std::byte> file) {
  std::vector<FramePlace> frames;
  for (std::size_t at = kFileHeaderBytes; format::fits(at, kFrameHeaderBytes, file.size());) {
    std::uint64_t end = at + format::kAlignBytes;
    if (has_frame_magic(file, at)) {
      const std::uint64_t size =
          kFrameHeaderBytes + format::load<std::uint32_t>(file, at + kStoredSizeAt);
      if (format::fits(at, size, file.size())) {
        frames.push_back({at, size});
        end = format::align_up(at + size);
      }
    }
    at = end;
  }
  return frames;
}

void reseal(std::span<std::byte> file, Reseal how) {
  if (file.size() < kFileHeaderBytes) return;
  format::store(file, kHeaderHashAt, format::xxh3_64(Bytes(file).first(kHeaderHashAt)));
  const std::uint64_t tag = format::xxh3_64(Bytes(file).subspan(kFileIdAt, kFileIdBytes));
  ContentSeals content(file, tag);
  const std::vector<FramePlace> places = frames_of(file);
  for (const FramePlace& place : places) {
    const auto frame = file.subspan(place.offset, place.size_bytes);
    if (how != Reseal::kHashes) {
      format::store(frame, kOwnOffsetAt, std::uint64_t{place.offset});
      format::store(frame, kTagAt, tag);
    }
    if (kind_of(frame) == format::FrameKind::kParity) seal_parity_head(frame, tag);
    seal_frame(file, place.offset);
  }
  const bool with_content = how == Reseal::kAndContent;
  for (const FramePlace& place : places) {
    if (with_content) content.unpack(place.offset);
  }
  for (const FramePlace& place : places) {
    const auto frame = file.subspan(place.offset, place.size_bytes);
    const bool is_plain = format::load<std::uint8_t>(frame, kCodecAt) == 0;
    if (kind_of(frame) == format::FrameKind::kCommit && is_plain) {
      vouch(frame.subspan(kFrameHeaderBytes), Bytes(file).first(place.offset));
      seal_frame(file, place.offset);
    }
    if (with_content) content.seal(place.offset);
    seal_frame(file, place.offset);
  }
}

}  // namespace session::fuzz
