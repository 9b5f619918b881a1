#pragma once
// SHA-256 digests: of pages, of blobs, and of a revision's whole content (its fingerprint).

#include <array>
#include <cstddef>
#include <string>

namespace session {

using Digest = std::array<std::byte, 32>;

// 64 lower-case digits.
[[nodiscard]] std::string to_hex(const Digest& digest);

}  // namespace session
