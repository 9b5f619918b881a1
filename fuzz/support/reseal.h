#pragma once
// Makes the checksums of an altered file right again, as somebody who forges one would. Without it
// a fuzzer never gets behind the first hash.

#include <cstddef>
#include <span>
#include <vector>

namespace session::fuzz {

enum class Reseal {
  kHashes,      // of headers and payloads, and what commits vouch for
  kAndPlaces,   // own offsets and file tags too: after bytes moved, frames are at home again
  kAndContent,  // and what frames say of the content of others (reseal_content.h)
};

// Every frame whose magic stands at a multiple of 64, and the file header.
void reseal(std::span<std::byte> file, Reseal how);

// The frames that reseal() would find: offset, and the size of header and stored payload.
struct FramePlace {
  std::size_t offset;
  std::size_t size_bytes;
};
[[nodiscard]] std::vector<FramePlace> frames_of(std::span<const std::byte> file);

}  // namespace session::fuzz
