#pragma once
// zstd, frame by frame. Compression never changes a digest: digests are of the raw payload.

#include <cstddef>
#include <optional>
#include <vector>

#include "format/bytes.h"

namespace session::format {

inline constexpr int kFastLevel = 3;      // for blobs as they are saved
inline constexpr int kArchiveLevel = 12;  // for compact --archive

// The compressed bytes, or nothing if they would not be at least 1/8 smaller.
[[nodiscard]] std::optional<std::vector<std::byte>> compress(Bytes raw, int level);

// Exactly `raw_size` bytes into `out`; false if the input is not that. `raw_size` is bounded by the
// caller (kMaxPayloadBytes): the stream's own idea of its size is not believed.
[[nodiscard]] bool decompress(Bytes stored, std::span<std::byte> out);

}  // namespace session::format
