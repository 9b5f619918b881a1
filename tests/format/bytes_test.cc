// Arithmetic of places, numbers in bytes, and the hashes against published values.

#include "format/bytes.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "format/checksum.h"
#include "format/damage.h"
#include "tests/support/seed.h"

namespace session::format {
namespace {

constexpr std::uint64_t kMost = ~std::uint64_t{0};

TEST(Bytes, FitsNeverOverflows) {
  EXPECT_TRUE(fits(0, 0, 0));
  EXPECT_TRUE(fits(64, 64, 128));
  EXPECT_FALSE(fits(64, 65, 128));
  EXPECT_TRUE(fits(128, 0, 128));
  EXPECT_FALSE(fits(129, 0, 128));
  EXPECT_FALSE(fits(64, kMost, 128));
  EXPECT_FALSE(fits(kMost, 64, 128));
  EXPECT_FALSE(fits(kMost, kMost, 128));
}

TEST(Bytes, AlignsUpToTheNextMultiple) {
  EXPECT_EQ(align_up(0), 0U);
  EXPECT_EQ(align_up(1), 64U);
  EXPECT_EQ(align_up(64), 64U);
  EXPECT_EQ(align_up(65), 128U);
  EXPECT_TRUE(is_aligned(128));
  EXPECT_FALSE(is_aligned(127));
}

TEST(Bytes, AllZeroSeesEveryByte) {
  std::vector<std::byte> bytes(200);
  EXPECT_TRUE(all_zero({}));
  EXPECT_TRUE(all_zero(bytes));
  for (std::byte& byte : bytes) {
    byte = std::byte{0x80};
    EXPECT_FALSE(all_zero(bytes));
    byte = std::byte{0};
  }
}

TEST(Bytes, OrderOfBigEndianKeysIsOrderOfNumbers) {
  std::mt19937_64 random(test::random_seed());
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t a = random() >> (random() % 64);
    const std::uint64_t b = random() >> (random() % 64);
    std::string a_key;
    std::string b_key;
    append_big_endian(a_key, a, 8);
    append_big_endian(b_key, b, 8);
    EXPECT_EQ(a < b, a_key < b_key);
    EXPECT_EQ(read_big_endian(a_key), a);
  }
}

TEST(Checksum, Sha256IsTheStandardsOwn) {
  // FIPS 180-2, appendix B.1, and the digest of nothing.
  EXPECT_EQ(to_hex(sha256(as_bytes("abc"))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(to_hex(sha256({})), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Checksum, PiecesHashAsTheWhole) {
  std::mt19937_64 random(test::random_seed());
  std::vector<std::byte> bytes(10000);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  HashStream stream;
  Sha256 sha;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t size = std::min<std::size_t>(random() % 700, bytes.size() - at);
    stream.add(Bytes(bytes).subspan(at, size));
    sha.add(Bytes(bytes).subspan(at, size));
    at += size;
  }
  EXPECT_EQ(stream.value(), xxh3_128(bytes));
  EXPECT_EQ(stream.size_bytes(), bytes.size());
  EXPECT_EQ(sha.finish(), sha256(bytes));
  EXPECT_EQ(sha.finish(), sha256({}));  // afresh
  stream.reset();
  EXPECT_EQ(stream.value(), xxh3_128({}));
}

TEST(Damage, AsAnErrorItNamesPlaceCheckAndRemedy) {
  const Error error = Damage{4096, 64, DamageKind::kPayloadHash, "the payload is bad"}.error();
  EXPECT_EQ(error.code(), ErrorCode::kDamaged);
  EXPECT_EQ(error.offset(), 4096U);
  for (const char* part : {"4096", "payload_hash", "the payload is bad", "sessiontool verify"}) {
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << part;
  }
  EXPECT_NE(std::string(error.in_file("a.session").what()).find("a.session"), std::string::npos);
}

}  // namespace
}  // namespace session::format
