#pragma once
// A frame: 64 bytes of header, a payload, zeros up to the next multiple of 64.
//
//    0  magic            4
//    4  kind             1
//    5  codec            1
//    6  table            2   of a leaf or index: the number of its table; of all others zero
//    8  stored size      4   of the payload as it stands in the file
//   12  raw size         4   of the payload when decompressed
//   16  own offset       8   where this frame stands
//   24  home             8   the last commit before this frame; of a commit: its parent
//   32  file tag         8   of this file (FileHeader::tag)
//   40  XXH3-128        16   of the stored payload, low half first
//   56  XXH3-64          8   of bytes 0..55
//
// Own offset and tag mean that misdirected writes, stale bytes and a session file embedded in a
// message are never mistaken for frames.

#include <cstdint>
#include <vector>

#include "format/bytes.h"
#include "format/checksum.h"
#include "format/damage.h"

namespace session::format {

enum class FrameKind : std::uint8_t {
  kLeaf = 1,
  kIndex = 2,
  kBlob = 3,
  kCommit = 4,
  kSeal = 5,
  kParity = 6,
};

// kZstdPrefix: zstd behind the payloads of frames that stand before it, see format/prefix.h; only
// of commits.
enum class Codec : std::uint8_t { kNone = 0, kZstd = 1, kZstdPrefix = 2 };

// "none", "zstd", "zstd-prefix".
[[nodiscard]] std::string_view codec_name(Codec codec);

// "leaf", "index", ...; "unknown" for the kinds of a later version.
[[nodiscard]] std::string_view frame_kind_name(FrameKind kind);

struct FrameHeader {
  FrameKind kind = FrameKind::kLeaf;
  Codec codec = Codec::kNone;
  std::uint16_t table = 0;  // 0: it stands in no table's tree
  std::uint32_t stored_size = 0;
  std::uint32_t raw_size = 0;
  std::uint64_t own_offset = 0;
  std::uint64_t home = 0;
  std::uint64_t file_tag = 0;
  Hash128 payload_hash;

  // Header, payload and padding.
  [[nodiscard]] std::uint64_t frame_bytes() const {
    return align_up(kFrameHeaderBytes + std::uint64_t{stored_size});
  }
  [[nodiscard]] std::uint64_t end() const { return own_offset + frame_bytes(); }
  friend bool operator==(const FrameHeader&, const FrameHeader&) = default;
};

void encode(const FrameHeader& header, std::span<std::byte, kFrameHeaderBytes> into);

// The header at `offset` of a file whose tag is `file_tag`, from 64 bytes read there. Trusts
// nothing but what it checked: magic, hash, own offset, tag, sizes. A kind it does not know is no
// damage: a later version may have it, and its size says where to go on.
[[nodiscard]] OrDamage<FrameHeader> decode_frame_header(Bytes header_bytes, std::uint64_t offset,
                                                        std::uint64_t file_tag);

// A frame whose header, payload hash and padding were checked.
struct Frame {
  FrameHeader header;
  Bytes stored;  // the payload as it stands in the file
};

// The frame whose header was checked, from all its bytes: payload hash and padding.
[[nodiscard]] OrDamage<Frame> check_frame(Bytes whole, const FrameHeader& header);

// The frame at `offset` of `file`, the file's bytes from its start.
[[nodiscard]] OrDamage<Frame> load_frame(Bytes file, std::uint64_t offset, std::uint64_t file_tag);

// The raw payload: `frame.stored` itself, or decompressed into `buffer`, which it then points to.
// One that needs other frames is damage here; unpack() of format/prefix.h has them read.
[[nodiscard]] OrDamage<Bytes> raw_payload(const Frame& frame, std::vector<std::byte>& buffer);

// Appends a frame with the payload of another one as it stands there: of the same kind, codec and
// table, in a new place and with another home.
FrameHeader append_stored_frame(std::vector<std::byte>& out, std::uint64_t write_offset,
                                std::uint64_t home, std::uint64_t file_tag, const Frame& frame);

struct Prefix;

// Appends a whole frame to `out`, which will be written at `write_offset` of the file: the new
// frame's own offset is write_offset + out.size() before the call. Compresses with zstd when
// `compression_level` is not 0 and it pays, and behind a `prefix` when that is smaller still.
// Returns the header written. Throws kLimit for a payload above kMaxPayloadBytes.
FrameHeader append_frame(std::vector<std::byte>& out, std::uint64_t write_offset, FrameKind kind,
                         std::uint64_t home, std::uint64_t file_tag, Bytes payload,
                         int compression_level = 0, std::uint16_t table = 0,
                         const Prefix* prefix = nullptr);

}  // namespace session::format
