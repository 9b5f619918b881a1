// The first 64 bytes: they come back as they went, and no bit of them can change unnoticed.

#include "format/file_header.h"

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <vector>

#include "format/checksum.h"
#include "tests/support/seed.h"

namespace session::format {
namespace {

using HeaderBytes = std::array<std::byte, kFileHeaderBytes>;

FileHeader random_header(std::mt19937_64& random) {
  FileHeader header;
  header.minor = static_cast<std::uint16_t>(random());
  const auto targets = std::uint64_t{kMaxTargetLog2 - kMinTargetLog2 + 1};
  header.leaf_target_log2 = static_cast<std::uint8_t>(kMinTargetLog2 + random() % targets);
  header.index_target_log2 = static_cast<std::uint8_t>(kMinTargetLog2 + random() % targets);
  for (std::byte& byte : header.file_id) byte = static_cast<std::byte>(random());
  header.created_nanos = static_cast<std::int64_t>(random());
  return header;
}

// After a change that only a forger would make.
HeaderBytes resealed(HeaderBytes bytes) {
  store(bytes, 56, xxh3_64(Bytes(bytes).first(56)));
  return bytes;
}

DamageKind damage_of(Bytes bytes) {
  const OrDamage<FileHeader> decoded = decode_file_header(bytes);
  const Damage* damage = damage_in(decoded);
  EXPECT_NE(damage, nullptr);
  return damage != nullptr ? damage->kind : DamageKind::kLink;
}

TEST(FileHeader, ComesBackAsItWent) {
  std::mt19937_64 random(test::random_seed());
  for (int i = 0; i < 200; ++i) {
    const FileHeader header = random_header(random);
    const OrDamage<FileHeader> decoded = decode_file_header(encode(header));
    ASSERT_EQ(damage_in(decoded), nullptr);
    EXPECT_EQ(std::get<FileHeader>(decoded), header);
  }
}

TEST(FileHeader, NoBitChangesUnnoticed) {
  std::mt19937_64 random(test::random_seed());
  const HeaderBytes bytes = encode(random_header(random));
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    HeaderBytes flipped = bytes;
    flipped[bit / 8] ^= std::byte{1} << (bit % 8);
    const DamageKind kind = damage_of(flipped);
    EXPECT_EQ(kind, bit < 64 ? DamageKind::kMagic : DamageKind::kHeaderHash) << "bit " << bit;
  }
}

TEST(FileHeader, TheEndOfAShortFileIsSaid) {
  const HeaderBytes bytes = encode({});
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(damage_of(Bytes(bytes).first(size)), DamageKind::kBeyondEnd);
  }
}

TEST(FileHeader, PageTargetsHaveBounds) {
  const auto accepted = [](std::uint8_t leaf, std::uint8_t index) {
    FileHeader header;
    header.leaf_target_log2 = leaf;
    header.index_target_log2 = index;
    const OrDamage<FileHeader> decoded = decode_file_header(encode(header));
    const Damage* damage = damage_in(decoded);
    if (damage != nullptr) {
      EXPECT_EQ(damage->kind, DamageKind::kHeaderField);
    }
    return damage == nullptr;
  };
  EXPECT_TRUE(accepted(kMinTargetLog2, kMaxTargetLog2));
  EXPECT_TRUE(accepted(kMaxTargetLog2, kMinTargetLog2));
  EXPECT_FALSE(accepted(kMinTargetLog2 - 1, kIndexTargetLog2));
  EXPECT_FALSE(accepted(kLeafTargetLog2, kMinTargetLog2 - 1));
  EXPECT_FALSE(accepted(kMaxTargetLog2 + 1, kIndexTargetLog2));
  EXPECT_FALSE(accepted(kLeafTargetLog2, kMaxTargetLog2 + 1));
  EXPECT_FALSE(accepted(0, 255));
}

TEST(FileHeader, ReservedBytesMustBeZero) {
  for (const std::size_t at : {14U, 15U, 40U, 47U, 55U}) {
    HeaderBytes bytes = encode({});
    bytes[at] = std::byte{1};
    EXPECT_EQ(damage_of(resealed(bytes)), DamageKind::kPadding) << "byte " << at;
  }
}

TEST(FileHeader, AnotherMajorVersionIsRefusedByItsNumber) {
  for (const std::uint16_t major : std::to_array<std::uint16_t>({1, 3, 65535})) {
    FileHeader header;
    header.major = major;
    try {
      (void)decode_file_header(encode(header));
      ADD_FAILURE() << "major " << major << " was read";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kNewerVersion);
      EXPECT_NE(error.message().find(std::to_string(major)), std::string::npos);
    }
  }
}

TEST(FileHeader, ALaterMinorVersionIsRead) {
  FileHeader header;
  header.minor = kMinorVersion + 9;
  EXPECT_EQ(damage_in(decode_file_header(encode(header))), nullptr);
}

TEST(FileHeader, FilesWithDifferentIdsHaveDifferentTags) {
  FileHeader a;
  FileHeader b;
  b.file_id[15] = std::byte{1};
  EXPECT_NE(a.tag(), b.tag());
  b.file_id = a.file_id;
  b.created_nanos = 7;
  EXPECT_EQ(a.tag(), b.tag());
}

}  // namespace
}  // namespace session::format
