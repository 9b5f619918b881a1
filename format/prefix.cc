#include "format/prefix.h"

#include <string>

#include "format/compression.h"

namespace session::format {
namespace {

constexpr std::size_t kCountAt = 8;
constexpr std::size_t kOffsetsAt = 12;

Damage damage(const Frame& frame, DamageKind kind, std::string detail) {
  return {frame.header.own_offset, frame.header.frame_bytes(), kind, std::move(detail)};
}

// Leaves and commits only, and none that leans on others itself: so no chain has to be followed.
bool has_form_to_lean_on(const FrameHeader& header) {
  const bool has_kind = header.kind == FrameKind::kLeaf || header.kind == FrameKind::kCommit;
  return has_kind && header.codec != Codec::kZstdPrefix;
}

}  // namespace

bool may_be_leant_on(const FrameHeader& header) {
  return has_form_to_lean_on(header) && header.raw_size <= kMaxPrefixBytes &&
         header.stored_size <= kMaxPrefixBytes;
}

bool Prefix::add(std::uint64_t offset, Bytes payload) {
  if (offsets.size() >= kMaxPrefixFrames || payload.size() > kMaxPrefixBytes - bytes.size()) {
    return false;
  }
  offsets.push_back(offset);
  bytes.insert(bytes.end(), payload.begin(), payload.end());
  return true;
}

std::optional<std::vector<std::byte>> pack_behind(const Prefix& prefix, Bytes raw) {
  if (prefix.bytes.empty()) return std::nullopt;
  const auto packed = compress(raw, kPrefixLevel, prefix.bytes);
  if (!packed) return std::nullopt;
  std::vector<std::byte> stored(kOffsetsAt + prefix.offsets.size() * sizeof(std::uint64_t));
  store(stored, 0, xxh3_64(raw));
  store(stored, kCountAt, static_cast<std::uint32_t>(prefix.offsets.size()));
  for (std::size_t i = 0; i < prefix.offsets.size(); ++i) {
    store(stored, kOffsetsAt + i * sizeof(std::uint64_t), prefix.offsets[i]);
  }
  stored.insert(stored.end(), packed->begin(), packed->end());
  return stored;
}

OrDamage<PrefixedPayload> read_prefixed(const Frame& frame) {
  const Bytes stored = frame.stored;
  if (stored.size() < kOffsetsAt) {
    return damage(frame, DamageKind::kCompression, "the payload names no frames to lean on");
  }
  PrefixedPayload payload;
  payload.raw_hash = load<std::uint64_t>(stored, 0);
  const auto count = load<std::uint32_t>(stored, kCountAt);
  const bool fits_in =
      count != 0 && count <= kMaxPrefixFrames &&
      fits(kOffsetsAt, std::uint64_t{count} * sizeof(std::uint64_t), stored.size());
  if (!fits_in) {
    return damage(frame, DamageKind::kCompression,
                  "the payload names an impossible number of frames to lean on");
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto offset = load<std::uint64_t>(stored, kOffsetsAt + i * sizeof(std::uint64_t));
    if (!is_aligned(offset) || offset < kFileHeaderBytes || offset >= frame.header.own_offset) {
      return damage(frame, DamageKind::kLink,
                    "the payload leans on a frame at an impossible place");
    }
    payload.offsets.push_back(offset);
  }
  payload.packed = stored.subspan(kOffsetsAt + count * sizeof(std::uint64_t));
  return payload;
}

OrDamage<Prefix> read_prefix(const Frame& frame, const PrefixedPayload& payload,
                             const FrameLoader& load) {
  Prefix prefix;
  std::size_t stored_bytes = 0;
  for (const std::uint64_t offset : payload.offsets) {
    std::vector<std::byte> bytes;
    const OrDamage<Frame> loaded = load(offset, bytes);
    if (const Damage* found = damage_in(loaded)) return *found;
    const Frame& other = std::get<Frame>(loaded);
    if (!has_form_to_lean_on(other.header)) {
      return damage(frame, DamageKind::kLink,
                    "the payload leans on the frame at offset " + std::to_string(offset) +
                        ", which is none to lean on");
    }
    // What is stored may be more than what it holds, and has to be read and hashed all the same.
    if (other.header.raw_size > kMaxPrefixBytes - prefix.bytes.size() ||
        other.header.stored_size > kMaxPrefixBytes - stored_bytes) {
      return damage(frame, DamageKind::kLink,
                    "the payload leans on more bytes than a reader has to hold");
    }
    stored_bytes += other.header.stored_size;
    std::vector<std::byte> unpacked;
    const OrDamage<Bytes> raw = raw_payload(other, unpacked);
    if (const Damage* found = damage_in(raw)) return *found;
    (void)prefix.add(offset, std::get<Bytes>(raw));
  }
  return prefix;
}

OrDamage<Bytes> unpack_behind(const Frame& frame, const PrefixedPayload& payload, Bytes prefix,
                              std::vector<std::byte>& buffer) {
  if (!is_one_frame(payload.packed)) {
    return damage(frame, DamageKind::kCompression, "the payload is more or less than a zstd frame");
  }
  buffer.resize(frame.header.raw_size);
  if (!decompress(payload.packed, buffer, prefix)) {
    return damage(frame, DamageKind::kCompression,
                  "the payload does not decompress to the size its header promises");
  }
  if (xxh3_64(buffer) != payload.raw_hash) {
    return damage(frame, DamageKind::kCompression,
                  "the payload does not decompress to what it was: it leans on other bytes than it "
                  "was made from");
  }
  return Bytes(buffer);
}

OrDamage<Bytes> unpack(const Frame& frame, std::vector<std::byte>& buffer,
                       const FrameLoader& load) {
  if (frame.header.codec != Codec::kZstdPrefix) return raw_payload(frame, buffer);
  const OrDamage<PrefixedPayload> payload = read_prefixed(frame);
  if (const Damage* found = damage_in(payload)) return *found;
  const auto& described = std::get<PrefixedPayload>(payload);
  const OrDamage<Prefix> prefix = read_prefix(frame, described, load);
  if (const Damage* found = damage_in(prefix)) return *found;
  return unpack_behind(frame, described, std::get<Prefix>(prefix).bytes, buffer);
}

}  // namespace session::format
