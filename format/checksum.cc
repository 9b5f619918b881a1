#include "format/checksum.h"

#include <openssl/evp.h>
// Compiled here: what the shared library offers keeps its sums in memory and takes twice as long.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <new>

#include "session/error.h"

namespace session::format {
namespace {

// Fetched once: an implicit fetch at each call costs more than hashing a page's head.
const EVP_MD* sha256_algorithm() {
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  if (algorithm == nullptr) throw Error(ErrorCode::kInternal, "libcrypto offers no SHA-256");
  return algorithm;
}

void require(int ok) {
  if (ok != 1) throw Error(ErrorCode::kInternal, "libcrypto failed to compute a SHA-256");
}

}  // namespace

std::uint64_t xxh3_64(Bytes bytes, std::uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

Hash128 xxh3_128(Bytes bytes) {
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return {hash.low64, hash.high64};
}

struct HashStream::State {
  XXH3_state_t* xxh = XXH3_createState();
  ~State() { XXH3_freeState(xxh); }
  State() {
    if (xxh == nullptr) throw std::bad_alloc();
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
};

HashStream::HashStream() : state_(std::make_unique<State>()) {
  reset();
}
HashStream::~HashStream() = default;

void HashStream::reset() {
  XXH3_128bits_reset(state_->xxh);
  size_bytes_ = 0;
}

void HashStream::add(Bytes bytes) {
  XXH3_128bits_update(state_->xxh, bytes.data(), bytes.size());
  size_bytes_ += bytes.size();
}

Hash128 HashStream::value() const {
  const XXH128_hash_t hash = XXH3_128bits_digest(state_->xxh);
  return {hash.low64, hash.high64};
}

struct Sha256::Context {
  EVP_MD_CTX* evp = EVP_MD_CTX_new();
  ~Context() { EVP_MD_CTX_free(evp); }
  Context() {
    if (evp == nullptr) throw std::bad_alloc();
  }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {
  require(EVP_DigestInit_ex2(context_->evp, sha256_algorithm(), nullptr));
}
Sha256::~Sha256() = default;

Sha256& Sha256::add(Bytes bytes) {
  require(EVP_DigestUpdate(context_->evp, bytes.data(), bytes.size()));
  return *this;
}

Sha256& Sha256::add_number(std::uint64_t value) {
  std::array<std::byte, 8> bytes;
  store(bytes, 0, value);
  return add(bytes);
}

Digest Sha256::finish() {
  Digest digest;
  require(
      EVP_DigestFinal_ex(context_->evp, reinterpret_cast<unsigned char*>(digest.data()), nullptr));
  require(EVP_DigestInit_ex2(context_->evp, sha256_algorithm(), nullptr));
  return digest;
}

Digest sha256(Bytes bytes) {
  thread_local Sha256 hasher;
  return hasher.add(bytes).finish();
}

std::string hex(Bytes bytes) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const std::byte byte : bytes) {
    text.push_back(kDigits[std::to_integer<unsigned>(byte) >> 4]);
    text.push_back(kDigits[std::to_integer<unsigned>(byte) & 15]);
  }
  return text;
}

}  // namespace session::format

std::string session::to_hex(const Digest& digest) {
  return format::hex(digest);
}
