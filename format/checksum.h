#pragma once
// The hashes of the format. XXH3 (Yann Collet) guards against accidents and is checked on every
// first touch; SHA-256 (FIPS 180-4, OpenSSL's libcrypto) names content: digests, fingerprints,
// blobs.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "format/bytes.h"
#include "session/digest.h"

namespace session::format {

struct Hash128 {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  friend bool operator==(const Hash128&, const Hash128&) = default;
};

[[nodiscard]] std::uint64_t xxh3_64(Bytes bytes, std::uint64_t seed = 0);
[[nodiscard]] Hash128 xxh3_128(Bytes bytes);

// XXH3-128 of bytes that come in pieces. Not thread-safe.
class HashStream {
 public:
  HashStream();
  ~HashStream();
  HashStream(const HashStream&) = delete;
  HashStream& operator=(const HashStream&) = delete;

  void reset();
  void add(Bytes bytes);
  [[nodiscard]] Hash128 value() const;  // of what was added since the last reset
  [[nodiscard]] std::uint64_t size_bytes() const { return size_bytes_; }

 private:
  struct State;
  std::unique_ptr<State> state_;
  std::uint64_t size_bytes_ = 0;
};

using session::Digest;

[[nodiscard]] Digest sha256(Bytes bytes);
[[nodiscard]] std::string hex(Bytes bytes);

// SHA-256 of content that comes in pieces. Not thread-safe.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  Sha256& add(Bytes bytes);
  Sha256& add(std::string_view text) { return add(as_bytes(text)); }
  Sha256& add_number(std::uint64_t value);  // 8 bytes, little-endian
  [[nodiscard]] Digest finish();            // and starts afresh

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

}  // namespace session::format
