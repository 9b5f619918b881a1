#pragma once
// Little-endian numbers in byte spans, and the arithmetic of places. Pure; no allocation.

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "format/layout.h"

namespace session::format {

static_assert(std::endian::native == std::endian::little,
              "pages are mapped as they are: a big-endian machine would need a copying reader");

using Bytes = std::span<const std::byte>;

template <std::unsigned_integral T>
[[nodiscard]] inline T load(Bytes bytes, std::size_t at) {
  T value;
  std::memcpy(&value, bytes.subspan(at, sizeof value).data(), sizeof value);
  return value;
}

template <std::unsigned_integral T>
inline void store(std::span<std::byte> bytes, std::size_t at, T value) {
  std::memcpy(bytes.subspan(at, sizeof value).data(), &value, sizeof value);
}

[[nodiscard]] constexpr std::uint64_t align_up(std::uint64_t size) {
  return (size + (kAlignBytes - 1)) & ~std::uint64_t{kAlignBytes - 1};
}
[[nodiscard]] constexpr bool is_aligned(std::uint64_t offset) {
  return offset % kAlignBytes == 0;
}

// True if [offset, offset + length) lies in [0, size), without a sum that could overflow.
[[nodiscard]] constexpr bool fits(std::uint64_t offset, std::uint64_t length, std::uint64_t size) {
  return offset <= size && length <= size - offset;
}

[[nodiscard]] inline bool all_zero(Bytes bytes) {
  if (bytes.empty()) return true;
  return bytes[0] == std::byte{0} &&
         std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
}

[[nodiscard]] inline Bytes as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}
[[nodiscard]] inline std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Numbers inside keys are big-endian, so that byte order is number order.
inline void append_big_endian(std::string& to, std::uint64_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) to.push_back(static_cast<char>(value >> (8 * i)));
}
[[nodiscard]] inline std::uint64_t read_big_endian(std::string_view from) {
  std::uint64_t value = 0;
  for (const char c : from) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

}  // namespace session::format
