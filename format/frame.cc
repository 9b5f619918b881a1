#include "format/frame.h"

#include <algorithm>
#include <string>

#include "format/canary.h"
#include "format/compression.h"
#include "format/prefix.h"

namespace session::format {
namespace {

constexpr std::size_t kHashAt = 56;

Damage damage(std::uint64_t offset, std::uint64_t length, DamageKind kind, std::string detail) {
  return {offset, length, kind, std::move(detail)};
}

// Pages say which table they belong to, other frames have none. What the field means for a kind of
// a later version is not for us to say.
bool table_fits(FrameKind kind, std::uint16_t table) {
  switch (kind) {
    case FrameKind::kLeaf:
    case FrameKind::kIndex:
      return table != 0;
    case FrameKind::kBlob:
    case FrameKind::kCommit:
    case FrameKind::kSeal:
    case FrameKind::kParity:
      return table == 0;
  }
  return true;
}

bool sizes_agree(const FrameHeader& header) {
  if (header.stored_size > kMaxPayloadBytes || header.raw_size > kMaxPayloadBytes) return false;
  return header.codec != Codec::kNone || header.stored_size == header.raw_size;
}

}  // namespace

std::string_view frame_kind_name(FrameKind kind) {
  switch (kind) {
    case FrameKind::kLeaf:
      return "leaf";
    case FrameKind::kIndex:
      return "index";
    case FrameKind::kBlob:
      return "blob";
    case FrameKind::kCommit:
      return "commit";
    case FrameKind::kSeal:
      return "seal";
    case FrameKind::kParity:
      return "parity";
  }
  return "unknown";
}

std::string_view codec_name(Codec codec) {
  switch (codec) {
    case Codec::kNone:
      return "none";
    case Codec::kZstd:
      return "zstd";
    case Codec::kZstdPrefix:
      return "zstd-prefix";
  }
  return "unknown";
}

void encode(const FrameHeader& header, std::span<std::byte, kFrameHeaderBytes> into) {
  std::fill(into.begin(), into.end(), std::byte{0});
  store(into, 0, kFrameMagic);
  store(into, 4, static_cast<std::uint8_t>(header.kind));
  store(into, 5, static_cast<std::uint8_t>(header.codec));
  store(into, 6, header.table);
  store(into, 8, header.stored_size);
  store(into, 12, header.raw_size);
  store(into, 16, header.own_offset);
  store(into, 24, header.home);
  store(into, 32, header.file_tag);
  store(into, 40, header.payload_hash.low);
  store(into, 48, header.payload_hash.high);
  store(into, kHashAt, xxh3_64(Bytes(into).first(kHashAt)));
}

OrDamage<FrameHeader> decode_frame_header(Bytes bytes, std::uint64_t offset,
                                          std::uint64_t file_tag) {
  const auto bad = [&](DamageKind kind, std::string detail) {
    return damage(offset, kFrameHeaderBytes, kind, std::move(detail));
  };
  if (bytes.size() < kFrameHeaderBytes) {
    return bad(DamageKind::kBeyondEnd, "a frame header would reach beyond the end");
  }
  bytes = bytes.first(kFrameHeaderBytes);
  if (load<std::uint32_t>(bytes, 0) != kFrameMagic) {
    return bad(DamageKind::kMagic, "no frame begins here");
  }
  if (load<std::uint64_t>(bytes, kHashAt) != xxh3_64(bytes.first(kHashAt))) {
    return bad(DamageKind::kHeaderHash, "the frame header does not hash to what it says");
  }
  FrameHeader header;
  header.kind = static_cast<FrameKind>(load<std::uint8_t>(bytes, 4));
  header.codec = static_cast<Codec>(load<std::uint8_t>(bytes, 5));
  header.table = load<std::uint16_t>(bytes, 6);
  header.stored_size = load<std::uint32_t>(bytes, 8);
  header.raw_size = load<std::uint32_t>(bytes, 12);
  header.own_offset = load<std::uint64_t>(bytes, 16);
  header.home = load<std::uint64_t>(bytes, 24);
  header.file_tag = load<std::uint64_t>(bytes, 32);
  header.payload_hash = {load<std::uint64_t>(bytes, 40), load<std::uint64_t>(bytes, 48)};
  if (header.file_tag != file_tag) {
    return bad(DamageKind::kForeign, "a frame of another session file stands here");
  }
  if (header.own_offset != offset) {
    return bad(DamageKind::kMisplaced,
               "the frame that stands here belongs to offset " + std::to_string(header.own_offset));
  }
  if (header.codec > Codec::kZstdPrefix) {
    return bad(DamageKind::kHeaderField, "the frame has an unknown codec");
  }
  if (header.codec == Codec::kZstdPrefix && header.kind != FrameKind::kCommit) {
    return bad(DamageKind::kHeaderField, "only commits are compressed with a prefix");
  }
  if (!table_fits(header.kind, header.table)) {
    return bad(DamageKind::kHeaderField,
               header.table == 0 ? "the page names no table" : "only pages belong to a table");
  }
  if (!sizes_agree(header)) {
    return bad(DamageKind::kHeaderField, "the frame's sizes are impossible");
  }
  if (header.home >= offset || !is_aligned(header.home)) {
    return bad(DamageKind::kHeaderField, "the frame's home is no place before it");
  }
  return header;
}

OrDamage<Frame> check_frame(Bytes whole, const FrameHeader& header) {
  const Bytes stored = whole.subspan(kFrameHeaderBytes, header.stored_size);
  const std::uint64_t payload_at = header.own_offset + kFrameHeaderBytes;
  if (xxh3_128(stored) != header.payload_hash) {
    return damage(payload_at, header.stored_size, DamageKind::kPayloadHash,
                  "the payload of the " + std::string(frame_kind_name(header.kind)) +
                      " frame does not hash to what its header says");
  }
  if (!all_zero(whole.subspan(kFrameHeaderBytes + header.stored_size))) {
    return damage(payload_at + header.stored_size,
                  whole.size() - kFrameHeaderBytes - header.stored_size, DamageKind::kPadding,
                  "the padding behind a frame is not zero");
  }
  return Frame{header, stored};
}

OrDamage<Frame> load_frame(Bytes file, std::uint64_t offset, std::uint64_t file_tag) {
  if (!is_aligned(offset) || !fits(offset, kFrameHeaderBytes, file.size())) {
    return damage(offset, 0, DamageKind::kBeyondEnd, "no frame can stand here");
  }
  OrDamage<FrameHeader> decoded =
      decode_frame_header(file.subspan(offset, kFrameHeaderBytes), offset, file_tag);
  if (const Damage* found = damage_in(decoded)) return *found;
  const FrameHeader& header = std::get<FrameHeader>(decoded);
  if (!fits(offset, header.frame_bytes(), file.size()) && !planted("frame")) {
    return damage(offset, file.size() - offset, DamageKind::kBeyondEnd,
                  "the frame reaches beyond the end");
  }
  return check_frame(file.subspan(offset, header.frame_bytes()), header);
}

OrDamage<Bytes> raw_payload(const Frame& frame, std::vector<std::byte>& buffer) {
  if (frame.header.codec == Codec::kNone) return frame.stored;
  if (frame.header.codec == Codec::kZstdPrefix) {
    return damage(frame.header.own_offset, frame.header.frame_bytes(), DamageKind::kCompression,
                  "the payload cannot be decompressed without the frames it names");
  }
  buffer.resize(frame.header.raw_size);
  if (!decompress(frame.stored, buffer)) {
    return damage(frame.header.own_offset, frame.header.frame_bytes(), DamageKind::kCompression,
                  "the payload does not decompress to the size its header promises");
  }
  return Bytes(buffer);
}

namespace {

void append_with_header(std::vector<std::byte>& out, const FrameHeader& header, Bytes stored) {
  const std::size_t at = out.size();
  out.resize(at + header.frame_bytes());
  encode(header, std::span(out).subspan(at).first<kFrameHeaderBytes>());
  std::copy(stored.begin(), stored.end(),
            out.begin() + static_cast<std::ptrdiff_t>(at) +
                static_cast<std::ptrdiff_t>(kFrameHeaderBytes));
}

}  // namespace

FrameHeader append_stored_frame(std::vector<std::byte>& out, std::uint64_t write_offset,
                                std::uint64_t home, std::uint64_t file_tag, const Frame& frame) {
  FrameHeader header = frame.header;
  header.own_offset = write_offset + out.size();
  header.home = home;
  header.file_tag = file_tag;
  append_with_header(out, header, frame.stored);
  return header;
}

FrameHeader append_frame(std::vector<std::byte>& out, std::uint64_t write_offset, FrameKind kind,
                         std::uint64_t home, std::uint64_t file_tag, Bytes payload,
                         int compression_level, std::uint16_t table, const Prefix* prefix) {
  if (payload.size() > kMaxPayloadBytes) {
    throw Error(ErrorCode::kLimit, "a " + std::string(frame_kind_name(kind)) + " payload of " +
                                       std::to_string(payload.size()) +
                                       " bytes is above the limit of " +
                                       std::to_string(kMaxPayloadBytes));
  }
  FrameHeader header;
  header.kind = kind;
  header.table = table;
  header.raw_size = static_cast<std::uint32_t>(payload.size());
  std::optional<std::vector<std::byte>> packed;
  if (compression_level != 0) packed = compress(payload, compression_level);
  // What padding takes back would only cost the reader a copy.
  const auto pays = [](const auto& smaller, std::size_t size) {
    return smaller && align_up(smaller->size()) < align_up(size);
  };
  if (!pays(packed, payload.size())) packed.reset();
  header.codec = packed ? Codec::kZstd : Codec::kNone;
  if (prefix != nullptr) {
    auto behind = pack_behind(*prefix, payload);
    if (pays(behind, packed ? packed->size() : payload.size())) {
      packed = std::move(behind);
      header.codec = Codec::kZstdPrefix;
    }
  }
  const Bytes stored = packed ? Bytes(*packed) : payload;
  header.stored_size = static_cast<std::uint32_t>(stored.size());
  header.own_offset = write_offset + out.size();
  header.home = home;
  header.file_tag = file_tag;
  header.payload_hash = xxh3_128(stored);
  append_with_header(out, header, stored);
  return header;
}

}  // namespace session::format
