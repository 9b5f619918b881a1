// Frames: they come back as they went, they know their place and their file, and nothing in them
// can change unnoticed.

#include "format/frame.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "format/compression.h"
#include "tests/support/seed.h"

namespace session::format {
namespace {

constexpr std::uint64_t kTag = 0x1122334455667788;

std::vector<std::byte> random_bytes(std::mt19937_64& random, std::size_t size, bool compressible) {
  std::vector<std::byte> bytes(size);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random() % (compressible ? 3 : 256));
  return bytes;
}

// A file with one frame at offset 64.
std::vector<std::byte> file_with(Bytes payload, int level = 0) {
  std::vector<std::byte> file(kFileHeaderBytes);
  append_frame(file, 0, FrameKind::kLeaf, 0, kTag, payload, level, 2);
  return file;
}

FrameHeader some_header() {
  FrameHeader header;
  header.kind = FrameKind::kIndex;
  header.table = 2;
  header.stored_size = 640;
  header.raw_size = 640;
  header.own_offset = 4096;
  header.home = 1024;
  header.file_tag = kTag;
  header.payload_hash = {1, 2};
  return header;
}

std::array<std::byte, kFrameHeaderBytes> encoded(const FrameHeader& header) {
  std::array<std::byte, kFrameHeaderBytes> bytes;
  encode(header, bytes);
  return bytes;
}

template <class T>
DamageKind damage_of(const OrDamage<T>& result) {
  const Damage* damage = damage_in(result);
  EXPECT_NE(damage, nullptr);
  return damage != nullptr ? damage->kind : DamageKind::kLink;
}

DamageKind header_damage(const FrameHeader& header) {
  return damage_of(decode_frame_header(encoded(header), 4096, kTag));
}

TEST(Frame, APageNamesItsTableAndNothingElseDoes) {
  for (const auto kind : {FrameKind::kLeaf, FrameKind::kIndex, FrameKind::kBlob, FrameKind::kCommit,
                          FrameKind::kSeal, FrameKind::kParity}) {
    const bool is_page = kind == FrameKind::kLeaf || kind == FrameKind::kIndex;
    for (const std::uint16_t table : std::array<std::uint16_t, 4>{0, 1, 13, 65535}) {
      FrameHeader header = some_header();
      header.kind = kind;
      header.table = table;
      const auto decoded = decode_frame_header(encoded(header), header.own_offset, kTag);
      EXPECT_EQ(damage_in(decoded) == nullptr, is_page == (table != 0))
          << frame_kind_name(kind) << " of table " << table;
    }
  }
}

TEST(FrameHeader, ComesBackAsItWent) {
  std::mt19937_64 random(test::random_seed());
  for (int i = 0; i < 200; ++i) {
    FrameHeader header;
    header.kind = static_cast<FrameKind>(random());
    header.table = static_cast<std::uint16_t>(random() | 1);
    if (header.kind > FrameKind::kIndex && header.kind <= FrameKind::kParity) header.table = 0;
    header.codec = static_cast<Codec>(random() % 2);
    header.raw_size = static_cast<std::uint32_t>(random() % (kMaxPayloadBytes + 1));
    header.stored_size = header.codec == Codec::kNone ? header.raw_size : header.raw_size / 2;
    header.own_offset = (random() >> 1) & ~std::uint64_t{kAlignBytes - 1};
    header.home = header.own_offset == 0 ? 0 : random() % header.own_offset & ~std::uint64_t{63};
    header.file_tag = random();
    header.payload_hash = {random(), random()};
    const auto decoded = decode_frame_header(encoded(header), header.own_offset, header.file_tag);
    ASSERT_EQ(damage_in(decoded), nullptr);
    EXPECT_EQ(std::get<FrameHeader>(decoded), header);
  }
}

TEST(FrameHeader, NoBitChangesUnnoticed) {
  const auto bytes = encoded(some_header());
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    auto flipped = bytes;
    flipped[bit / 8] ^= std::byte{1} << (bit % 8);
    const DamageKind kind = damage_of(decode_frame_header(flipped, 4096, kTag));
    EXPECT_EQ(kind, bit < 32 ? DamageKind::kMagic : DamageKind::kHeaderHash) << "bit " << bit;
  }
}

TEST(FrameHeader, IsRefusedAtAnotherPlace) {
  EXPECT_EQ(damage_of(decode_frame_header(encoded(some_header()), 4160, kTag)),
            DamageKind::kMisplaced);
}

TEST(FrameHeader, IsRefusedInAnotherFile) {
  EXPECT_EQ(damage_of(decode_frame_header(encoded(some_header()), 4096, kTag + 1)),
            DamageKind::kForeign);
}

TEST(FrameHeader, IsRefusedWhenCutShort) {
  const auto bytes = encoded(some_header());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(damage_of(decode_frame_header(Bytes(bytes).first(size), 4096, kTag)),
              DamageKind::kBeyondEnd);
  }
}

TEST(FrameHeader, AnUnknownKindPassesAnUnknownCodecDoesNot) {
  FrameHeader header = some_header();
  header.kind = static_cast<FrameKind>(200);
  EXPECT_EQ(damage_in(decode_frame_header(encoded(header), 4096, kTag)), nullptr);
  EXPECT_EQ(frame_kind_name(header.kind), "unknown");
  header.codec = static_cast<Codec>(3);
  EXPECT_EQ(header_damage(header), DamageKind::kHeaderField);
}

TEST(FrameHeader, SizesHaveBounds) {
  const auto sized = [](Codec codec, std::uint32_t stored, std::uint32_t raw) {
    FrameHeader header = some_header();
    header.codec = codec;
    header.stored_size = stored;
    header.raw_size = raw;
    return header;
  };
  const auto passes = [](const FrameHeader& header) {
    const auto decoded = decode_frame_header(encoded(header), 4096, kTag);
    return damage_in(decoded) == nullptr;
  };
  EXPECT_TRUE(passes(sized(Codec::kNone, kMaxPayloadBytes, kMaxPayloadBytes)));
  EXPECT_TRUE(passes(sized(Codec::kZstd, 1, kMaxPayloadBytes)));
  EXPECT_TRUE(passes(sized(Codec::kNone, 0, 0)));
  EXPECT_EQ(header_damage(sized(Codec::kNone, 640, 641)), DamageKind::kHeaderField);
  for (const std::uint32_t huge : {kMaxPayloadBytes + 1, 0x80000000U, 0xFFFFFFC0U, 0xFFFFFFFFU}) {
    EXPECT_EQ(header_damage(sized(Codec::kNone, huge, huge)), DamageKind::kHeaderField);
    EXPECT_EQ(header_damage(sized(Codec::kZstd, huge, 1)), DamageKind::kHeaderField);
    EXPECT_EQ(header_damage(sized(Codec::kZstd, 1, huge)), DamageKind::kHeaderField);
  }
}

TEST(FrameHeader, ItsHomeIsAPlaceBeforeIt) {
  FrameHeader header = some_header();
  for (const std::uint64_t home : {std::uint64_t{4096}, std::uint64_t{4160}, ~std::uint64_t{0},
                                   std::uint64_t{1}, std::uint64_t{4095}}) {
    header.home = home;
    EXPECT_EQ(header_damage(header), DamageKind::kHeaderField);
  }
}

TEST(Frame, ComesBackAsItWent) {
  std::mt19937_64 random(test::random_seed());
  for (int round = 0; round < 20; ++round) {
    // As a writer does: what is there already, then several frames in one write.
    const std::uint64_t begin = kFileHeaderBytes + random() % 50 * kAlignBytes;
    std::vector<std::byte> out;
    std::vector<FrameHeader> headers;
    std::vector<std::vector<std::byte>> payloads;
    for (int i = 0; i < 10; ++i) {
      const std::size_t size = random() % 5 == 0 ? random() % 100000 : random() % 300;
      payloads.push_back(random_bytes(random, size, random() % 2 == 0));
      headers.push_back(append_frame(out, begin, FrameKind::kBlob, begin - kAlignBytes, kTag,
                                     payloads.back(), random() % 2 == 0 ? 3 : 0));
    }
    std::vector<std::byte> file(begin);
    file.insert(file.end(), out.begin(), out.end());
    std::uint64_t offset = begin;
    for (std::size_t i = 0; i < payloads.size(); ++i) {
      const OrDamage<Frame> loaded = load_frame(file, offset, kTag);
      ASSERT_EQ(damage_in(loaded), nullptr) << damage_in(loaded)->detail;
      const Frame& frame = std::get<Frame>(loaded);
      EXPECT_EQ(frame.header, headers[i]);
      std::vector<std::byte> buffer;
      const OrDamage<Bytes> raw = raw_payload(frame, buffer);
      ASSERT_EQ(damage_in(raw), nullptr);
      const Bytes bytes = std::get<Bytes>(raw);
      EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), payloads[i].begin(), payloads[i].end()));
      offset = frame.header.end();
    }
    EXPECT_EQ(offset, file.size());
  }
}

TEST(Frame, NoBitChangesUnnoticed) {
  std::mt19937_64 random(test::random_seed());
  for (const int level : {0, 3}) {
    const std::vector<std::byte> payload = random_bytes(random, 150, true);
    std::vector<std::byte> file = file_with(payload, level);
    ASSERT_EQ(damage_in(load_frame(file, kFileHeaderBytes, kTag)), nullptr);
    const std::uint32_t stored = load<std::uint32_t>(file, kFileHeaderBytes + 8);
    for (std::size_t bit = kFileHeaderBytes * 8; bit < file.size() * 8; ++bit) {
      file[bit / 8] ^= std::byte{1} << (bit % 8);
      const DamageKind kind = damage_of(load_frame(file, kFileHeaderBytes, kTag));
      const std::size_t in_frame = bit / 8 - kFileHeaderBytes;
      if (in_frame >= kFrameHeaderBytes + stored) {
        EXPECT_EQ(kind, DamageKind::kPadding);
      } else if (in_frame >= kFrameHeaderBytes) {
        EXPECT_EQ(kind, DamageKind::kPayloadHash);
      }
      file[bit / 8] ^= std::byte{1} << (bit % 8);
    }
  }
}

TEST(Frame, IsRefusedWhenCutShort) {
  const std::vector<std::byte> file = file_with(as_bytes("a payload that is not long"));
  for (std::size_t size = 0; size < file.size(); ++size) {
    EXPECT_EQ(damage_of(load_frame(Bytes(file).first(size), kFileHeaderBytes, kTag)),
              DamageKind::kBeyondEnd);
  }
}

TEST(Frame, BeginsAtMultiplesOf64InsideTheFile) {
  const std::vector<std::byte> file = file_with(as_bytes("payload"));
  for (const std::uint64_t offset :
       {std::uint64_t{65}, std::uint64_t{file.size()}, std::uint64_t{file.size() + 64},
        ~std::uint64_t{0}, ~std::uint64_t{63}}) {
    EXPECT_EQ(damage_of(load_frame(file, offset, kTag)), DamageKind::kBeyondEnd) << offset;
  }
  EXPECT_EQ(damage_of(load_frame(file, 0, kTag)), DamageKind::kMagic);
}

TEST(Frame, ASizeThatReachesBeyondTheEndIsRefused) {
  std::vector<std::byte> file = file_with(as_bytes("payload"));
  FrameHeader header = std::get<Frame>(load_frame(file, kFileHeaderBytes, kTag)).header;
  header.stored_size = header.raw_size = kMaxPayloadBytes;
  encode(header, std::span(file).subspan(kFileHeaderBytes).first<kFrameHeaderBytes>());
  EXPECT_EQ(damage_of(load_frame(file, kFileHeaderBytes, kTag)), DamageKind::kBeyondEnd);
}

TEST(Frame, APayloadAboveTheLimitIsRefused) {
  std::vector<std::byte> out;
  std::vector<std::byte> payload(kMaxPayloadBytes);
  EXPECT_EQ(append_frame(out, 0, FrameKind::kBlob, 0, kTag, payload).frame_bytes(), kMaxFrameBytes);
  payload.push_back(std::byte{0});
  try {
    append_frame(out, 0, FrameKind::kBlob, 0, kTag, payload);
    ADD_FAILURE() << "a frame above the limit was made";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kLimit);
  }
  EXPECT_EQ(out.size(), kMaxFrameBytes);
}

TEST(Compression, HappensOnlyWhenItPays) {
  std::mt19937_64 random(test::random_seed());
  for (const std::size_t size : {0U, 1U, 7U, 64U, 1000U, 70000U}) {
    EXPECT_FALSE(compress(random_bytes(random, size, false), kFastLevel)) << size;
  }
  const std::vector<std::byte> text = random_bytes(random, 5000, true);
  const auto packed = compress(text, kFastLevel);
  ASSERT_TRUE(packed);
  EXPECT_LE(packed->size(), text.size() - text.size() / 8);
  std::vector<std::byte> out(text.size());
  EXPECT_TRUE(decompress(*packed, out));
  EXPECT_EQ(out, text);

  std::vector<std::byte> frames;
  const auto noise = random_bytes(random, 5000, false);
  EXPECT_EQ(append_frame(frames, 64, FrameKind::kBlob, 0, kTag, noise, 3).codec, Codec::kNone);
  EXPECT_EQ(append_frame(frames, 64, FrameKind::kBlob, 0, kTag, text, 3).codec, Codec::kZstd);
  EXPECT_EQ(append_frame(frames, 64, FrameKind::kBlob, 0, kTag, text, 0).codec, Codec::kNone);
}

TEST(Compression, OutputIsBoundedByThePromisedSizeHoweverMuchTheStreamHolds) {
  const std::vector<std::byte> zeros(kMaxPayloadBytes);
  const auto packed = compress(zeros, kFastLevel);
  ASSERT_TRUE(packed);
  FrameHeader header = some_header();
  header.codec = Codec::kZstd;
  header.stored_size = static_cast<std::uint32_t>(packed->size());
  for (const std::uint32_t promised : {0U, 1U, 4096U, kMaxPayloadBytes - 1}) {
    header.raw_size = promised;
    std::vector<std::byte> buffer;
    EXPECT_EQ(damage_of(raw_payload({header, *packed}, buffer)), DamageKind::kCompression);
    EXPECT_LE(buffer.capacity(), promised);
  }
  header.raw_size = kMaxPayloadBytes;
  std::vector<std::byte> buffer;
  EXPECT_EQ(damage_in(raw_payload({header, *packed}, buffer)), nullptr);
}

TEST(Compression, APromiseThatIsTooLargeIsDamage) {
  const std::vector<std::byte> zeros(1000);
  const auto packed = compress(zeros, kFastLevel);
  ASSERT_TRUE(packed);
  std::vector<std::byte> out(1001);
  EXPECT_FALSE(decompress(*packed, out));
  EXPECT_FALSE(decompress(as_bytes("no stream at all"), out));
  EXPECT_FALSE(decompress({}, out));
}

}  // namespace
}  // namespace session::format
