#pragma once
// Payloads compressed behind others (codec zstd-prefix). A delta repeats what stands in the leaf
// its records went to, and in the delta before it; what it has in common with them is said by
// reference. The stored payload:
//
//    0  XXH3-64           8   of the raw payload
//    8  count             4   of frames, 1 to kMaxPrefixFrames
//   12  offsets   count * 8   of them: leaves and commits before this frame, not of this codec
//       zstd frame            compressed behind their raw payloads, one behind the other
//
// The hash is of the raw payload, because the one in the header is of the stored bytes, which say
// nothing of the frames they lean on: another payload than the one meant is noticed by this one.

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "format/frame.h"

namespace session::format {

// What a payload is compressed behind.
struct Prefix {
  std::vector<std::uint64_t> offsets;
  std::vector<std::byte> bytes;  // the raw payloads of those frames, at most kMaxPrefixBytes

  // A frame more, if there is room for it.
  bool add(std::uint64_t offset, Bytes payload);
};

// The stored payload of a frame with codec zstd-prefix, taken apart.
struct PrefixedPayload {
  std::uint64_t raw_hash = 0;
  std::vector<std::uint64_t> offsets;
  Bytes packed;
};

// A frame by its offset, checked as load_frame() does; `buffer` may own its bytes.
using FrameLoader =
    std::function<OrDamage<Frame>(std::uint64_t offset, std::vector<std::byte>& buffer)>;

// The stored payload of codec zstd-prefix, or nothing if it would not be at least 1/8 smaller.
[[nodiscard]] std::optional<std::vector<std::byte>> pack_behind(const Prefix& prefix, Bytes raw);

[[nodiscard]] OrDamage<PrefixedPayload> read_prefixed(const Frame& frame);

// Whether others may lean on a frame, by its header: a leaf or a commit that leans on none itself,
// neither stored nor raw larger than a whole prefix. A loader that asks first reads no more.
[[nodiscard]] bool may_be_leant_on(const FrameHeader& header);

// The frames that `frame`, which is described by `payload`, names. The damage is that of one of
// them, where it is theirs.
[[nodiscard]] OrDamage<Prefix> read_prefix(const Frame& frame, const PrefixedPayload& payload,
                                           const FrameLoader& load);

// The raw payload, in `buffer`.
[[nodiscard]] OrDamage<Bytes> unpack_behind(const Frame& frame, const PrefixedPayload& payload,
                                            Bytes prefix, std::vector<std::byte>& buffer);

// raw_payload() of a frame of any codec.
[[nodiscard]] OrDamage<Bytes> unpack(const Frame& frame, std::vector<std::byte>& buffer,
                                     const FrameLoader& load);

}  // namespace session::format
