// check_message: what is no canonical message is refused, in time and memory linear in its size,
// before anything reads it without bounds checks. The messages are made word by word.

#include <capnp/message.h>
#include <capnp/serialize.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstring>
#include <initializer_list>
#include <vector>

#include "format/record.h"
#include "session/error.h"
#include "session/schema/page.capnp.h"
#include "session/table.h"
#include "tests/support/random_record.h"
#include "tests/support/seed.h"

namespace session::format {
namespace {

using Words = std::vector<std::uint64_t>;

// capnproto.org/encoding.html: an offset counts words from the end of the pointer.
constexpr std::uint64_t struct_pointer(std::int32_t offset, std::uint64_t data,
                                       std::uint64_t pointers) {
  return (static_cast<std::uint32_t>(offset) << 2) | data << 32 | pointers << 48;
}
constexpr std::uint64_t kVoid = 0;
constexpr std::uint64_t kByte = 2;
constexpr std::uint64_t kComposite = 7;
constexpr std::uint64_t list_pointer(std::int32_t offset, std::uint64_t size, std::uint64_t count) {
  return ((static_cast<std::uint32_t>(offset) << 2) | 1U) | size << 32 | count << 35;
}
constexpr std::uint64_t list_tag(std::uint64_t count, std::uint64_t data, std::uint64_t pointers) {
  return count << 2 | data << 32 | pointers << 48;
}

std::vector<std::byte> message_of(const Words& words, std::uint64_t framing_words) {
  std::vector<std::byte> payload((words.size() + 1) * 8);
  store(payload, 4, static_cast<std::uint32_t>(framing_words));
  if (!words.empty()) std::memcpy(payload.data() + 8, words.data(), words.size() * 8);
  return payload;
}

bool passes(const Words& words) {
  return !check_message(message_of(words, words.size()));
}

TEST(Message, OfRecordsOfEveryTablePasses) {
  test::RandomRecord random(test::random_seed());
  for (const Table table : kAllTables) {
    for (int i = 0; i < 40; ++i) {
      const Record record = random.of(table);
      const auto wrong = check_message(canonical_payload(record.view()));
      EXPECT_FALSE(wrong) << table_name(table) << ": " << *wrong;
    }
  }
}

TEST(Message, InCanonicalFormPasses) {
  EXPECT_TRUE(passes({struct_pointer(0, 1, 0), 42}));
  EXPECT_TRUE(passes({struct_pointer(0, 1, 1), 42, list_pointer(0, kByte, 3), 0x636261}));
  EXPECT_TRUE(
      passes({struct_pointer(0, 0, 1), list_pointer(0, kComposite, 2), list_tag(2, 1, 0), 1, 2}));
}

TEST(Message, MustBeFramedAsOneSegmentOfThePayloadsSize) {
  const Words words = {struct_pointer(0, 1, 0), 42};
  EXPECT_FALSE(check_message(message_of(words, 2)));
  EXPECT_TRUE(check_message(message_of(words, 1)));
  EXPECT_TRUE(check_message(message_of(words, 3)));
  EXPECT_TRUE(check_message(message_of(words, 0xFFFFFFFF)));
  std::vector<std::byte> payload = message_of(words, 2);
  EXPECT_TRUE(check_message(Bytes(payload).first(payload.size() - 1)));
  EXPECT_TRUE(check_message(Bytes(payload).first(8)));
  EXPECT_TRUE(check_message({}));
  store(payload, 0, std::uint32_t{1});  // one segment more
  EXPECT_TRUE(check_message(payload));
  store(payload, 0, ~std::uint32_t{0});
  EXPECT_TRUE(check_message(payload));
}

TEST(Message, InSeveralSegmentsIsRefused) {
  capnp::MallocMessageBuilder message(1, capnp::AllocationStrategy::FIXED_SIZE);
  auto task = message.initRoot<schema::Task>();
  task.setTitle("in a segment of its own");
  ASSERT_GT(message.getSegmentsForOutput().size(), 1U);
  const kj::Array<capnp::word> flat = capnp::messageToFlatArray(message);
  const auto bytes = flat.asBytes();
  EXPECT_TRUE(check_message(std::as_bytes(std::span(bytes.begin(), bytes.size()))));
}

TEST(Message, NotInCanonicalFormIsRefused) {
  // A trailing word of zeros, a trailing null pointer.
  EXPECT_FALSE(passes({struct_pointer(0, 2, 0), 42, 0}));
  EXPECT_FALSE(passes({struct_pointer(0, 1, 1), 42, 0}));
  // The same in every element of a list.
  EXPECT_FALSE(
      passes({struct_pointer(0, 0, 1), list_pointer(0, kComposite, 2), list_tag(1, 2, 0), 1, 0}));
  // Objects out of order, a gap between them, words behind the last.
  EXPECT_FALSE(passes(
      {struct_pointer(0, 0, 2), list_pointer(2, kByte, 1), list_pointer(0, kByte, 1), 'b', 'a'}));
  EXPECT_FALSE(passes({struct_pointer(1, 1, 0), 0, 42}));
  EXPECT_FALSE(passes({struct_pointer(0, 1, 0), 42, 0}));
  // Bytes behind the end of a text.
  EXPECT_FALSE(passes({struct_pointer(0, 0, 1), list_pointer(0, kByte, 3), 0xFF636261}));
}

TEST(Message, WithObjectsThatOverlapIsRefused) {
  // Two pointers to one text; a struct inside the list before it; a pointer to itself.
  EXPECT_FALSE(passes({struct_pointer(0, 0, 2), list_pointer(1, kByte, 8),
                       list_pointer(0, kByte, 8), 0x6867666564636261}));
  EXPECT_FALSE(
      passes({struct_pointer(0, 0, 2), list_pointer(1, kByte, 16), struct_pointer(1, 1, 0), 1, 2}));
  EXPECT_FALSE(passes({struct_pointer(-1, 0, 1)}));
  EXPECT_FALSE(passes({struct_pointer(0, 0, 1), struct_pointer(-1, 0, 1)}));
  EXPECT_FALSE(passes({struct_pointer(0, 0, 1), struct_pointer(-2, 0, 1)}));
}

TEST(Message, ThatPointsOutsideIsRefused) {
  EXPECT_FALSE(passes({struct_pointer(0, 2, 0), 42}));
  EXPECT_FALSE(passes({struct_pointer(1000, 1, 0), 42}));
  EXPECT_FALSE(passes({struct_pointer(-1000, 1, 0), 42}));
  EXPECT_FALSE(passes({struct_pointer(0, 0, 1), list_pointer(0, kByte, (1U << 29) - 1), 1}));
  EXPECT_FALSE(
      passes({struct_pointer(0, 0, 1), list_pointer(0, kComposite, 1), list_tag(1000, 1, 0), 1}));
}

TEST(Message, WithFarOrCapabilityPointersIsRefused) {
  constexpr std::uint64_t kFar = 2;         // segment 0, word 0
  constexpr std::uint64_t kDoubleFar = 6;   // landing pad of two words
  constexpr std::uint64_t kCapability = 3;  // table index 0
  for (const std::uint64_t pointer :
       {kFar, kDoubleFar, kCapability, kFar | 8, kFar | std::uint64_t{1} << 32}) {
    EXPECT_FALSE(passes({pointer, struct_pointer(0, 1, 0), 42}));
    EXPECT_FALSE(passes({struct_pointer(0, 0, 1), pointer, struct_pointer(0, 1, 0), 42}));
  }
}

TEST(Message, DeeperThanTheLimitIsRefused) {
  const auto nested = [](std::size_t depth) {
    Words words(depth, struct_pointer(0, 0, 1));
    words.push_back(struct_pointer(0, 1, 0));
    words.push_back(42);
    return words;
  };
  EXPECT_TRUE(passes(nested(kMaxNesting - 2)));
  EXPECT_FALSE(passes(nested(kMaxNesting + 1)));
  EXPECT_FALSE(passes(nested(100000)));
}

TEST(Message, WithABillionEmptyElementsIsRefusedAtOnce) {
  constexpr std::uint64_t kMany = (1U << 29) - 1;
  const auto begin = std::chrono::steady_clock::now();
  // A list of structs without a word, of voids, and a page full of such lists.
  EXPECT_FALSE(passes(
      {struct_pointer(0, 0, 1), list_pointer(0, kComposite, 0), list_tag((1U << 30) - 1, 0, 0)}));
  EXPECT_FALSE(passes({struct_pointer(0, 0, 1), list_pointer(0, kVoid, kMany)}));
  constexpr std::uint64_t kLists = 10000;
  Words words = {struct_pointer(0, 0, kLists)};
  for (std::uint64_t i = 0; i < kLists; ++i) words.push_back(list_pointer(0, kVoid, kMany));
  EXPECT_FALSE(passes(words));
  // Time has no place in a test but to tell linear from endless.
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
}

TEST(Message, OfTheLargestSizeIsCheckedInLinearTime) {
  // As many pointers as fit, each to a list of its own.
  constexpr std::uint64_t kLists = kMaxPayloadBytes / 8 / 2 - 4;
  Words words = {struct_pointer(0, 0, 1), list_pointer(0, 6, kLists)};  // 6: a list of pointers
  for (std::uint64_t i = 0; i < kLists; ++i) {
    words.push_back(list_pointer(static_cast<std::int32_t>(kLists - 1), kByte, 8));
  }
  for (std::uint64_t i = 0; i < kLists; ++i) words.push_back(0x6867666564636261);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_TRUE(passes(words));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
}

TEST(Message, AFieldOfAnotherTypeIsDamageAndNoCrash) {
  // Canonical, but the prefixes of a leaf are a text.
  const auto payload =
      message_of({struct_pointer(0, 0, 1), list_pointer(0, kByte, 3), 0x636261}, 3);
  ASSERT_FALSE(check_message(payload));
  try {
    guarded([&] { return read_root<schema::Leaf>(payload).getPrefixes().size(); });
    ADD_FAILURE() << "bytes were read as 64-bit numbers";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kDamaged);
  }
}

}  // namespace
}  // namespace session::format
