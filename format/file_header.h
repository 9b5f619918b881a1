#pragma once
// The first 64 bytes of a file. Never rewritten; repeated in every snapshot commit, so that repair
// can rebuild it.
//
//    0  magic            8
//    8  major version    2
//   10  minor version    2
//   12  leaf target      1   log2 of bytes
//   13  index target     1   log2 of bytes
//   14  zero             2
//   16  file id         16   a UUID, new at each rewrite of the file
//   32  creation time    8   nanoseconds since 1970
//   40  zero            16
//   56  XXH3-64          8   of bytes 0..55

#include <array>
#include <cstdint>
#include <span>

#include "format/bytes.h"
#include "format/damage.h"

namespace session::format {

struct FileHeader {
  std::uint16_t major = kMajorVersion;
  std::uint16_t minor = kMinorVersion;
  std::uint8_t leaf_target_log2 = kLeafTargetLog2;
  std::uint8_t index_target_log2 = kIndexTargetLog2;
  std::array<std::byte, 16> file_id{};
  std::int64_t created_nanos = 0;

  // What every frame of this file carries: XXH3-64 of the file id.
  [[nodiscard]] std::uint64_t tag() const;
  friend bool operator==(const FileHeader&, const FileHeader&) = default;
};

[[nodiscard]] std::array<std::byte, kFileHeaderBytes> encode(const FileHeader& header);

// Checks magic, hash and zeros, then the values. Throws kNewerVersion where the major is another
// one; everything else wrong is damage (kMagic: perhaps no session file at all).
[[nodiscard]] OrDamage<FileHeader> decode_file_header(Bytes bytes);

}  // namespace session::format
