// Payloads behind others: they come back as they went, only behind the bytes they were made from,
// and lean on nothing that would make a reader follow chains or hold more than it should.

#include "format/prefix.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "format/compression.h"
#include "tests/support/seed.h"

namespace session::format {
namespace {

constexpr std::uint64_t kTag = 0x1122334455667788;
constexpr int kLevel = 3;

std::vector<std::byte> noise(std::mt19937_64& random, std::size_t size) {
  std::vector<std::byte> bytes(size);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  return bytes;
}

template <class T>
DamageKind damage_of(const OrDamage<T>& result) {
  const Damage* damage = damage_in(result);
  EXPECT_NE(damage, nullptr);
  return damage != nullptr ? damage->kind : DamageKind::kMagic;
}

// A zstd frame that holds nothing, behind what stands there, up to `size` bytes in all.
void fill_up(std::vector<std::byte>& stored, std::size_t size) {
  constexpr std::uint32_t kSkippable = 0x184d2a50;
  constexpr std::size_t kHead = 8;
  const std::size_t at = stored.size();
  stored.resize(size);
  store(stored, at, kSkippable);
  store(stored, at + sizeof kSkippable, static_cast<std::uint32_t>(size - at - kHead));
}

// A file of a leaf, a commit, a seal and a delta that leans on the first two.
class PrefixedFile : public ::testing::Test {
 protected:
  void SetUp() override {
    std::mt19937_64 random(test::random_seed());
    leaf_ = noise(random, 4000);
    other_ = noise(random, 900);
    payload_.assign(other_.begin(), other_.begin() + 600);
    payload_.insert(payload_.end(), leaf_.begin() + 1000, leaf_.begin() + 1800);
    file_.resize(kFileHeaderBytes);
    leaf_at_ = append(FrameKind::kLeaf, leaf_, 2);
    other_at_ = append(FrameKind::kCommit, other_, 0);
    seal_at_ = append(FrameKind::kSeal, other_, 0);
    prefix_ = prefix_of({{other_at_, other_}, {leaf_at_, leaf_}});
    delta_at_ = file_.size();
    delta_ = append_frame(file_, 0, FrameKind::kCommit, other_at_, kTag, payload_, 0, 0, &prefix_);
  }

  std::uint64_t append(FrameKind kind, Bytes payload, std::uint16_t table) {
    return append_frame(file_, 0, kind, 0, kTag, payload, 0, table).own_offset;
  }
  static Prefix prefix_of(
      const std::vector<std::pair<std::uint64_t, std::vector<std::byte>>>& frames) {
    Prefix prefix;
    for (const auto& [offset, payload] : frames) EXPECT_TRUE(prefix.add(offset, payload));
    return prefix;
  }
  [[nodiscard]] OrDamage<Frame> load(std::uint64_t offset) const {
    return load_frame(file_, offset, kTag);
  }
  [[nodiscard]] OrDamage<Bytes> unpacked(const Frame& frame) {
    return unpack(frame, buffer_,
                  [this](std::uint64_t offset, std::vector<std::byte>&) { return load(offset); });
  }
  [[nodiscard]] OrDamage<Bytes> unpacked_at(std::uint64_t offset) {
    return unpacked(std::get<Frame>(load(offset)));
  }
  // The delta with these bytes in place of those at `at` of its stored payload.
  template <class T>
  [[nodiscard]] DamageKind with(std::size_t at, T value) {
    const Frame frame = std::get<Frame>(load(delta_at_));
    std::vector<std::byte> stored(frame.stored.begin(), frame.stored.end());
    store(stored, at, value);
    return damage_of(unpacked({frame.header, stored}));
  }

  std::vector<std::byte> leaf_, other_, payload_, file_, buffer_;
  std::uint64_t leaf_at_ = 0, other_at_ = 0, seal_at_ = 0, delta_at_ = 0;
  Prefix prefix_;
  FrameHeader delta_;
};

constexpr std::size_t kCountAt = 8;
constexpr std::size_t kFirstAt = 12;

TEST_F(PrefixedFile, ThePayloadComesBack) {
  ASSERT_EQ(delta_.codec, Codec::kZstdPrefix);
  EXPECT_LT(delta_.stored_size, 100U) << "noise, all of which stands in the prefix";
  EXPECT_EQ(codec_name(delta_.codec), "zstd-prefix");
  const auto raw = unpacked_at(delta_at_);
  ASSERT_EQ(damage_in(raw), nullptr);
  EXPECT_TRUE(std::ranges::equal(std::get<Bytes>(raw), payload_));
}

TEST_F(PrefixedFile, AFrameLeansOnOthersOnlyWhereItGetsSmallerSo) {
  std::mt19937_64 random(test::random_seed());
  for (const std::size_t size : {0U, 10U, 64U, 700U}) {
    const auto alone = noise(random, size);
    const FrameHeader header =
        append_frame(file_, 0, FrameKind::kCommit, 0, kTag, alone, kLevel, 0, &prefix_);
    EXPECT_EQ(header.codec, Codec::kNone) << size;
  }
  const std::vector<std::byte> zeros(3000);
  EXPECT_EQ(append_frame(file_, 0, FrameKind::kCommit, 0, kTag, zeros, kLevel, 0, &prefix_).codec,
            Codec::kZstd)
      << "what needs nobody is read sooner";
  const Prefix none;
  EXPECT_EQ(append_frame(file_, 0, FrameKind::kCommit, 0, kTag, payload_, 0, 0, &none).codec,
            Codec::kNone);
}

TEST_F(PrefixedFile, CannotBeUnpackedWithoutTheOthers) {
  EXPECT_EQ(damage_of(raw_payload(std::get<Frame>(load(delta_at_)), buffer_)),
            DamageKind::kCompression);
}

TEST_F(PrefixedFile, NamesFramesBeforeItAndNotTooMany) {
  EXPECT_EQ(with<std::uint32_t>(kCountAt, 0), DamageKind::kCompression);
  EXPECT_EQ(with<std::uint32_t>(kCountAt, kMaxPrefixFrames + 1), DamageKind::kCompression);
  EXPECT_EQ(with<std::uint32_t>(kCountAt, ~0U), DamageKind::kCompression);
  for (const std::uint64_t offset :
       {std::uint64_t{0}, std::uint64_t{63}, leaf_at_ + 1, delta_at_, delta_at_ + kAlignBytes,
        ~std::uint64_t{0}, ~std::uint64_t{63}}) {
    EXPECT_EQ(with<std::uint64_t>(kFirstAt, offset), DamageKind::kLink) << offset;
  }
  const Frame frame = std::get<Frame>(load(delta_at_));
  for (const std::size_t size : {0U, 8U, 11U, 12U, 27U}) {
    EXPECT_EQ(damage_of(unpacked({frame.header, frame.stored.first(size)})),
              DamageKind::kCompression)
        << size;
  }
}

TEST_F(PrefixedFile, LeansOnLeavesAndCommitsOnlyAndOnNoneThatLeansItself) {
  EXPECT_EQ(with<std::uint64_t>(kFirstAt, seal_at_), DamageKind::kLink);
  EXPECT_EQ(with<std::uint64_t>(kFirstAt, leaf_at_ + kAlignBytes), DamageKind::kMagic)
      << "where no frame begins it is that place that is damaged";
  const std::uint64_t first = delta_at_;
  const Prefix chained = prefix_of({{first, payload_}});
  delta_at_ = file_.size();
  ASSERT_EQ(append_frame(file_, 0, FrameKind::kCommit, 0, kTag, payload_, 0, 0, &chained).codec,
            Codec::kZstdPrefix);
  EXPECT_EQ(damage_of(unpacked_at(delta_at_)), DamageKind::kLink);
}

TEST_F(PrefixedFile, LeansOnNoMoreBytesThanAReaderHasToHold) {
  std::mt19937_64 random(test::random_seed());
  const auto large = noise(random, kMaxPrefixBytes - other_.size());
  const std::uint64_t large_at = append(FrameKind::kLeaf, large, 2);
  Prefix prefix = prefix_of({{other_at_, other_}, {large_at, large}});
  EXPECT_FALSE(prefix.add(leaf_at_, leaf_)) << "no third";
  delta_at_ = file_.size();
  append_frame(file_, 0, FrameKind::kCommit, 0, kTag, payload_, 0, 0, &prefix);
  EXPECT_EQ(damage_in(unpacked_at(delta_at_)), nullptr);
  EXPECT_FALSE(prefix_of({{leaf_at_, leaf_}}).add(large_at, large));
  EXPECT_EQ(with<std::uint64_t>(kFirstAt, leaf_at_), DamageKind::kLink) << "a larger one";
}

// What zstd stores may be larger than what it holds.
TEST_F(PrefixedFile, LeansOnNoMoreStoredBytesThanAReaderHasToHash) {
  const std::vector<std::byte> zeros(4000);
  for (const bool is_too_much : {false, true}) {
    auto stored = compress(zeros, kLevel).value();
    fill_up(stored, kMaxPrefixBytes - other_.size() + (is_too_much ? 1 : 0));
    FrameHeader header;
    header.codec = Codec::kZstd;
    header.table = 2;
    header.stored_size = static_cast<std::uint32_t>(stored.size());
    header.raw_size = static_cast<std::uint32_t>(zeros.size());
    header.payload_hash = xxh3_128(stored);
    const std::uint64_t at = append_stored_frame(file_, 0, 0, kTag, {header, stored}).own_offset;
    EXPECT_TRUE(may_be_leant_on(std::get<Frame>(load(at)).header)) << "alone";
    const Prefix prefix = prefix_of({{other_at_, other_}, {at, zeros}});
    delta_at_ = file_.size();
    append_frame(file_, 0, FrameKind::kCommit, 0, kTag, payload_, 0, 0, &prefix);
    const auto raw = unpacked_at(delta_at_);
    EXPECT_EQ(damage_in(raw) != nullptr, is_too_much);
    if (is_too_much) {
      EXPECT_EQ(damage_of(raw), DamageKind::kLink);
    }
  }
  FrameHeader header = std::get<Frame>(load(leaf_at_)).header;
  header.stored_size = kMaxPrefixBytes + 1;
  EXPECT_FALSE(may_be_leant_on(header));
}

// A reader without dictionaries sees the first frame only.
TEST_F(PrefixedFile, ThePayloadIsOneZstdFrameAndNothingElse) {
  const Frame frame = std::get<Frame>(load(delta_at_));
  std::vector<std::byte> stored(frame.stored.begin(), frame.stored.end());
  fill_up(stored, stored.size() + 20);
  EXPECT_EQ(damage_of(unpacked({frame.header, stored})), DamageKind::kCompression);
}

// Sound frames all of them, but others than those it was made from.
TEST_F(PrefixedFile, OtherBytesThanThoseItWasMadeFromAreNoticed) {
  std::mt19937_64 random(test::random_seed());
  for (int i = 0; i < 200; ++i) {
    auto changed = leaf_;
    // Where the delta leans on it: zstd would make a wrong byte of that.
    changed[1000 + random() % 800] ^= std::byte{1} << (random() % 8);
    std::vector<std::byte> other_file(kFileHeaderBytes);
    append_frame(other_file, 0, FrameKind::kLeaf, 0, kTag, changed, 0, 2);
    const auto load_changed = [&](std::uint64_t offset, std::vector<std::byte>&) {
      return offset == leaf_at_ ? load_frame(other_file, offset, kTag) : load(offset);
    };
    EXPECT_EQ(damage_of(unpack(std::get<Frame>(load(delta_at_)), buffer_, load_changed)),
              DamageKind::kCompression);
  }
}

TEST_F(PrefixedFile, DamageToWhatItLeansOnIsTheDamage) {
  file_[leaf_at_ + kFrameHeaderBytes + 17] ^= std::byte{1};
  const auto raw = unpacked_at(delta_at_);
  ASSERT_NE(damage_in(raw), nullptr);
  EXPECT_EQ(damage_in(raw)->kind, DamageKind::kPayloadHash);
  EXPECT_EQ(damage_in(raw)->offset, leaf_at_ + kFrameHeaderBytes);
}

TEST_F(PrefixedFile, NoBitOfTheStoredPayloadChangesUnnoticed) {
  const Frame frame = std::get<Frame>(load(delta_at_));
  for (std::size_t bit = 0; bit < frame.stored.size() * 8; ++bit) {
    std::vector<std::byte> stored(frame.stored.begin(), frame.stored.end());
    stored[bit / 8] ^= std::byte{1} << (bit % 8);
    const auto raw = unpacked({frame.header, stored});
    if (damage_in(raw) != nullptr) continue;
    EXPECT_TRUE(std::ranges::equal(std::get<Bytes>(raw), payload_)) << bit;
  }
}

TEST_F(PrefixedFile, OnlyCommitsLeanOnOthers) {
  for (const auto kind : {FrameKind::kLeaf, FrameKind::kIndex, FrameKind::kBlob, FrameKind::kSeal,
                          FrameKind::kParity}) {
    FrameHeader header = delta_;
    header.kind = kind;
    header.table = kind == FrameKind::kLeaf || kind == FrameKind::kIndex ? 2 : 0;
    std::array<std::byte, kFrameHeaderBytes> bytes;
    encode(header, bytes);
    EXPECT_EQ(damage_of(decode_frame_header(bytes, header.own_offset, kTag)),
              DamageKind::kHeaderField);
  }
}

}  // namespace
}  // namespace session::format
