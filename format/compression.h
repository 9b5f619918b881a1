#pragma once
// zstd, frame by frame. Compression never changes a digest: digests are of the raw payload.

#include <cstddef>
#include <optional>
#include <vector>

#include "format/bytes.h"

namespace session::format {

inline constexpr int kFastLevel = 3;      // for blobs as they are saved
inline constexpr int kArchiveLevel = 12;  // for compact --archive
// Behind a prefix: level 9 and above took 12 times as long for 2 % of such deltas, 3 left every
// seventh a multiple of 64 larger.
inline constexpr int kPrefixLevel = 6;

// The compressed bytes, or nothing if they would not be at least 1/8 smaller. With a `prefix`, what
// `raw` has in common with it is said by reference; whoever decompresses needs the same bytes.
[[nodiscard]] std::optional<std::vector<std::byte>> compress(Bytes raw, int level,
                                                             Bytes prefix = {});

// Exactly `raw_size` bytes into `out`; false if the input is not that. `raw_size` is bounded by the
// caller (kMaxPayloadBytes): the stream's own idea of its size is not believed. Another prefix than
// the one it was compressed with may give other bytes and is not noticed here. zstd reads any
// number of frames, and forgets the prefix behind the first.
[[nodiscard]] bool decompress(Bytes stored, std::span<std::byte> out, Bytes prefix = {});

// Whether that is the length of one zstd frame; what it holds is not looked at.
[[nodiscard]] bool is_one_frame(Bytes stored);

}  // namespace session::format
