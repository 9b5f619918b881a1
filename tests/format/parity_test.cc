// Parity groups by themselves: where their parts stand, and that whatever is damaged within their
// budget comes back bit for bit (G10), and nothing else is ever written.

#include "format/parity.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "format/frame.h"
#include "format/parity_code.h"
#include "session/error.h"
#include "tests/support/seed.h"

namespace session::format {
namespace {

constexpr std::uint64_t kTag = 0x1234'5678'9ABC'DEF0;

// A file in memory: bytes to be protected, and the group behind them.
struct ProtectedBytes {
  std::vector<std::byte> bytes;
  ParityGroup group;

  [[nodiscard]] ReadAt reader() const {
    return [this](std::uint64_t offset, std::span<std::byte> into) {
      for (std::size_t i = 0; i < into.size(); ++i) {
        into[i] = offset + i < bytes.size() ? bytes[offset + i] : std::byte{0};
      }
    };
  }
  [[nodiscard]] WriteAt writer() {
    return [this](std::uint64_t offset, Bytes from) {
      if (bytes.size() < offset + from.size()) bytes.resize(offset + from.size());
      std::copy(from.begin(), from.end(), bytes.begin() + static_cast<std::ptrdiff_t>(offset));
    };
  }
  [[nodiscard]] ParityCheck check() const { return {group, kTag, reader()}; }
};

std::vector<std::byte> random_bytes(std::size_t size, std::mt19937_64& random) {
  std::vector<std::byte> bytes(size);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  return bytes;
}

ProtectedBytes protect(std::size_t size, std::uint32_t percent, std::mt19937_64& random,
                       std::uint64_t begin = 0) {
  ProtectedBytes file;
  file.bytes = random_bytes(size, random);
  file.group = plan_parity(begin, size, size, percent);
  const auto stream = encode_parity(file.group, file.reader());
  for (std::uint32_t index = 0; index < file.group.frames(); ++index) {
    const auto payload = parity_payload(file.group, kTag, stream, index);
    std::vector<std::byte> frame;
    (void)append_frame(frame, file.bytes.size(), FrameKind::kParity, file.group.home, kTag,
                       payload);
    file.bytes.insert(file.bytes.end(), frame.begin(), frame.end());
  }
  return file;
}

class Parity : public ::testing::Test {
 protected:
  void flip(ProtectedBytes& file, std::uint64_t offset) {
    file.bytes.at(offset) ^= static_cast<std::byte>(1U << random_() % 8);
  }
  void destroy(ProtectedBytes& file, std::uint64_t begin, std::uint64_t end) {
    for (std::uint64_t at = begin; at < end; ++at) {
      file.bytes.at(at) = static_cast<std::byte>(random_());
    }
  }
  // One byte of a data block, counted as the group counts.
  static std::uint64_t inside_block(const ParityGroup& group, std::uint32_t block) {
    return group.end - 1 - (std::uint64_t{group.blocks() - 1 - block} << group.block_log2);
  }
  void expect_restored(ProtectedBytes file, const std::vector<std::byte>& original,
                       const std::string& what) {
    ParityCheck check = file.check();
    EXPECT_TRUE(check.beyond_repair().empty()) << what;
    EXPECT_TRUE(check.restore(file.writer()).empty()) << what;
    EXPECT_TRUE(file.bytes == original) << what << ", seed " << seed_;
    EXPECT_TRUE(file.check().is_clean()) << what;
  }

  std::uint64_t seed_ = session::test::random_seed();
  std::mt19937_64 random_{seed_};
};

constexpr std::size_t kSizes[] = {64, 896, 10'240, 65'536, 102'400, 300'032, 2'097'152};

TEST_F(Parity, EachPartOfAGroupStandsBehindTheOneBefore) {
  for (const std::uint32_t percent : {1U, 2U, 6U, 13U, 50U}) {
    for (const std::size_t size : kSizes) {
      const ParityGroup group = plan_parity(0, size, size, percent);
      EXPECT_LE(group.width() + group.rows, kMaxStripeBlocks);
      EXPECT_GE(std::uint64_t{group.rows} * 100, std::uint64_t{group.width()} * percent);
      EXPECT_GE(group.frames(), kParityTableCopies + 1);
      std::uint64_t at = size;
      std::uint64_t stream = 0;
      for (std::uint32_t index = 0; index < group.frames(); ++index) {
        EXPECT_EQ(group.frame_offset(index), at);
        EXPECT_LE(group.frame_bytes(index), kMaxFrameBytes);
        at += group.frame_bytes(index);
        stream += group.slice_bytes(index);
      }
      EXPECT_EQ(group.parity_end(), at);
      EXPECT_EQ(group.stream_bytes(), stream);
      EXPECT_EQ(group.slice_bytes(group.frames() - 1), 0U);
    }
  }
}

TEST_F(Parity, FramesAreFramesLikeAnyOther) {
  const ProtectedBytes file = protect(102'400, 6, random_);
  std::uint64_t at = file.group.parity_begin;
  for (std::uint32_t index = 0; index < file.group.frames(); ++index) {
    const auto loaded = load_frame(file.bytes, at, kTag);
    ASSERT_EQ(damage_in(loaded), nullptr);
    const auto& frame = std::get<Frame>(loaded);
    const auto head = decode_parity_head(frame.stored, at + kFrameHeaderBytes, kTag);
    ASSERT_EQ(damage_in(head), nullptr);
    EXPECT_EQ(std::get<ParityHead>(head).group, file.group);
    EXPECT_EQ(std::get<ParityHead>(head).index, index);
    at = frame.header.end();
  }
  EXPECT_EQ(at, file.bytes.size());
}

TEST_F(Parity, AHeadIsBelievedOnlyAtItsPlaceInItsFile) {
  const ParityGroup group = plan_parity(0, 10'240, 10'240, 6);
  std::array<std::byte, kParityHeadBytes> bytes{};
  encode({group, 1}, kTag, bytes);
  const std::uint64_t offset = group.frame_offset(1) + kFrameHeaderBytes;
  EXPECT_EQ(damage_in(decode_parity_head(bytes, offset, kTag)), nullptr);
  EXPECT_NE(damage_in(decode_parity_head(bytes, offset + 64, kTag)), nullptr);
  EXPECT_NE(damage_in(decode_parity_head(bytes, offset, kTag + 1)), nullptr);
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    auto flipped = bytes;
    flipped[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
    EXPECT_NE(damage_in(decode_parity_head(flipped, offset, kTag)), nullptr) << "bit " << bit;
  }
}

TEST_F(Parity, RefusesHeadsWhoseSizesAreImpossible) {
  const ParityGroup good = plan_parity(64, 10'240, 10'240, 6);
  std::vector<ParityGroup> forged(8, good);
  forged[0].block_log2 = kMaxParityBlockLog2 + 1;
  forged[1].rows = 0;
  forged[2].stripes = 0;
  forged[3].stripes = good.blocks() + 1;
  forged[4].rows = 255;
  forged[5].begin = good.parity_begin;
  forged[5].end = good.parity_begin + 64;
  forged[6].previous = good.parity_begin;
  forged[7].home = good.parity_begin + 64;
  for (const ParityGroup& group : forged) {
    std::array<std::byte, kParityHeadBytes> bytes{};
    encode({group, 0}, kTag, bytes);
    EXPECT_NE(damage_in(decode_parity_head(bytes, group.parity_begin + kFrameHeaderBytes, kTag)),
              nullptr);
  }
}

TEST_F(Parity, RefusesPercentagesAndRangesOutOfBounds) {
  EXPECT_THROW((void)plan_parity(0, 640, 640, 0), Error);
  EXPECT_THROW((void)plan_parity(0, 640, 640, 51), Error);
  EXPECT_THROW((void)plan_parity(0, 0, 640, 6), Error);
  EXPECT_THROW((void)plan_parity(0, 641, 704, 6), Error);
  EXPECT_THROW((void)plan_parity(0, 704, 640, 6), Error);
  const std::uint64_t longest = longest_parity_range(6);
  EXPECT_GT(longest, 1'000'000'000U);
  EXPECT_LE(plan_parity(0, longest, longest, 6).stream_bytes(), kMaxGroupParityBytes);
  EXPECT_THROW((void)plan_parity(0, longest + 64, longest + 64, 6), Error);
}

TEST_F(Parity, CostsWhatWasAskedForAndLittleMore) {
  const auto cost = [](std::uint64_t size, std::uint32_t percent) {
    return plan_parity(0, size, size, percent).parity_bytes();
  };
  EXPECT_LE(cost(896, 6), 2'048U);
  EXPECT_LE(cost(10'240, 6), 4'096U);
  EXPECT_LE(cost(2 << 20, 6) * 1000, 75ULL * (2 << 20));
  EXPECT_LE(cost(64 << 20, 6) * 1000, 70ULL * (64 << 20));
}

TEST_F(Parity, UndamagedGroupsAreClean) {
  for (const std::size_t size : kSizes) {
    const ProtectedBytes file = protect(size, 6, random_);
    const ParityCheck check = file.check();
    EXPECT_TRUE(check.is_clean());
    EXPECT_TRUE(check.damaged().empty());
    EXPECT_TRUE(check.beyond_repair().empty());
  }
}

TEST_F(Parity, FindsAFlippedBitWhereverItIsAndMendsIt) {
  const ProtectedBytes whole = protect(896, 6, random_);
  for (std::size_t at = 0; at < whole.bytes.size(); at += 5) {
    ProtectedBytes file = whole;
    flip(file, at);
    const auto damaged = file.check().damaged();
    ASSERT_EQ(damaged.size(), 1U) << at;
    EXPECT_TRUE(damaged[0].begin <= at && at < damaged[0].end) << at;
    expect_restored(std::move(file), whole.bytes, "bit of byte " + std::to_string(at));
  }
}

TEST_F(Parity, MendsAnyBadBlocksUpToTheRowsOfEachStripe) {
  for (const std::size_t size : kSizes) {
    const ProtectedBytes whole = protect(size, 6, random_);
    const ParityGroup& group = whole.group;
    ProtectedBytes file = whole;
    std::vector<std::uint32_t> bad(group.stripes);
    std::vector<std::uint32_t> order(group.blocks());
    for (std::uint32_t i = 0; i < order.size(); ++i) order[i] = i;
    std::shuffle(order.begin(), order.end(), random_);
    for (const std::uint32_t block : order) {
      std::uint32_t& count = bad[(block + group.pad()) % group.stripes];
      if (count == group.rows) continue;
      ++count;
      flip(file, inside_block(group, block));
    }
    expect_restored(std::move(file), whole.bytes, std::to_string(size) + " bytes");
  }
}

TEST_F(Parity, MendsABurstWhereverItFalls) {
  for (const std::size_t size : kSizes) {
    for (const std::uint32_t percent : {2U, 6U, 50U}) {
      const ProtectedBytes whole = protect(size, percent, random_);
      const std::uint64_t burst = std::max<std::uint64_t>(1, size * percent * 9 / 1000);
      const std::uint64_t last = whole.bytes.size() - burst;
      for (const std::uint64_t at :
           {std::uint64_t{0}, size - burst / 2, size - burst, size - 1, size + 1, last / 2, last,
            random_() % last, random_() % last}) {
        const std::uint64_t begin = std::min(at, last);
        ProtectedBytes file = whole;
        destroy(file, begin, begin + burst);
        expect_restored(std::move(file), whole.bytes,
                        std::to_string(burst) + " bytes at " + std::to_string(begin) + " of " +
                            std::to_string(size));
      }
    }
  }
}

TEST_F(Parity, NeedsOneCopyOfTheTable) {
  const ProtectedBytes whole = protect(300'032, 6, random_);
  const ParityGroup& group = whole.group;
  const auto place = [&](std::uint64_t stream_at) {
    return group.frame_offset(static_cast<std::uint32_t>(stream_at / group.body_bytes())) +
           kFrameHeaderBytes + kParityHeadBytes + stream_at % group.body_bytes();
  };
  for (std::uint32_t kept = 0; kept < kParityTableCopies; ++kept) {
    ProtectedBytes file = whole;
    flip(file, 1000);
    for (std::uint32_t copy = 0; copy < kParityTableCopies; ++copy) {
      if (copy == kept) continue;
      for (std::uint64_t at = 0; at < group.table_bytes(); ++at) {
        file.bytes[place(group.table_at(copy) + at)] = std::byte{0x5A};
      }
    }
    expect_restored(std::move(file), whole.bytes, "kept copy " + std::to_string(kept));
  }
}

TEST_F(Parity, TakesEachPageOfTheTableFromACopyThatHasIt) {
  const ProtectedBytes whole = protect(2'097'152, 6, random_);
  ProtectedBytes file = whole;
  const ParityGroup& group = whole.group;
  const auto place = [&](std::uint64_t stream_at) {
    return group.frame_offset(static_cast<std::uint32_t>(stream_at / group.body_bytes())) +
           kFrameHeaderBytes + kParityHeadBytes + stream_at % group.body_bytes();
  };
  flip(file, place(group.table_at(0) + 8));
  flip(file, place(group.table_at(1) + 600));
  flip(file, place(group.table_at(2) + 1200));
  flip(file, 5);
  expect_restored(std::move(file), whole.bytes, "a page in each copy");
}

TEST_F(Parity, MendsItsOwnFramesWhenTheyAreLost) {
  const ProtectedBytes whole = protect(102'400, 6, random_);
  for (std::uint32_t index = 0; index < whole.group.frames(); ++index) {
    ProtectedBytes file = whole;
    const std::uint64_t begin = whole.group.frame_offset(index);
    destroy(file, begin, begin + whole.group.frame_bytes(index));
    expect_restored(std::move(file), whole.bytes, "frame " + std::to_string(index));
  }
  ProtectedBytes cut = whole;
  cut.bytes.resize(whole.group.parity_begin + whole.group.frame_bytes(0));
  expect_restored(std::move(cut), whole.bytes, "cut behind the first frame");
}

// Somebody may have altered parity and made the frame's own hash right again: then it is the frame
// that must come back as it was, not a block inside a frame that says otherwise.
TEST_F(Parity, MendsAFrameThatHashesToWhatItSaysButHoldsSomethingElse) {
  const ProtectedBytes whole = protect(102'400, 6, random_);
  for (std::uint32_t index = 0; index + 1 < whole.group.frames(); ++index) {
    for (const std::uint64_t at : {std::uint64_t{0}, std::uint64_t{1'000}}) {
      ProtectedBytes file = whole;
      const std::uint64_t begin = whole.group.frame_offset(index);
      flip(file, begin + kFrameHeaderBytes + kParityHeadBytes + at);
      const auto frame = std::span(file.bytes).subspan(begin, whole.group.frame_bytes(index));
      const Hash128 hash = xxh3_128(Bytes(frame).subspan(kFrameHeaderBytes));
      store(frame, 40, hash.low);
      store(frame, 48, hash.high);
      store(frame, 56, xxh3_64(Bytes(frame).first(56)));
      ASSERT_EQ(damage_in(load_frame(file.bytes, begin, kTag)), nullptr);
      EXPECT_FALSE(file.check().is_clean());
      expect_restored(std::move(file), whole.bytes, "frame " + std::to_string(index));
    }
  }
}

// A stripe beyond its budget stays as it is, byte for byte, and is named; the others are mended.
TEST_F(Parity, ReportsWhatIsBeyondItsBudgetAndWritesNothingThere) {
  const ProtectedBytes whole = protect(2'097'152, 6, random_);
  const ParityGroup& group = whole.group;
  ASSERT_GE(group.stripes, 2U);
  ProtectedBytes file = whole;
  std::vector<ByteRange> expected;
  for (std::uint32_t i = 0; i <= group.rows; ++i) {
    const std::uint32_t block = i * group.stripes + group.stripes - group.pad() % group.stripes;
    const std::uint64_t at = inside_block(group, block);
    flip(file, at);
    expected.push_back({at + 1 - group.block_bytes(), at + 1});
  }
  const ProtectedBytes beyond = file;
  const std::uint64_t mended = inside_block(group, 1 + group.stripes - group.pad() % group.stripes);
  flip(file, mended);
  ParityCheck check = file.check();
  EXPECT_EQ(check.beyond_repair(), merged(expected));
  EXPECT_EQ(check.restore(file.writer()), merged(expected));
  EXPECT_TRUE(file.bytes == beyond.bytes);
}

// Whatever is damaged, what was sound stays and what is mended is right.
TEST_F(Parity, NeverWritesAnythingWrong) {
  for (int round = 0; round < 60; ++round) {
    const ProtectedBytes whole = protect(kSizes[2 + round % 4], 6, random_);
    ProtectedBytes file = whole;
    const std::uint64_t size = file.bytes.size();
    for (std::uint64_t i = 0, n = 1 + random_() % 80; i < n; ++i) {
      const std::uint64_t begin = random_() % size;
      destroy(file, begin, std::min(size, begin + random_() % 2'000));
    }
    const ProtectedBytes damaged = file;
    ParityCheck check = file.check();
    const auto remaining = check.restore(file.writer());
    for (std::uint64_t at = 0; at < size; ++at) {
      const bool was_left = std::any_of(remaining.begin(), remaining.end(), [at](const auto& r) {
        return r.begin <= at && at < r.end;
      });
      if (file.bytes[at] == whole.bytes[at]) continue;
      ASSERT_TRUE(was_left) << at << ", seed " << seed_;
      if (at >= whole.group.end) continue;
      ASSERT_EQ(file.bytes[at], damaged.bytes[at]) << at;
    }
  }
}

TEST_F(Parity, ProtectsARangeThatBeginsBehindAnother) {
  const ProtectedBytes whole = protect(300'032, 6, random_, 100'032);
  ProtectedBytes file = whole;
  flip(file, 100'032);
  flip(file, 300'031);
  expect_restored(file, whole.bytes, "both ends");
  ProtectedBytes outside = whole;
  flip(outside, 100'031);
  EXPECT_TRUE(outside.check().is_clean());
}

}  // namespace
}  // namespace session::format
