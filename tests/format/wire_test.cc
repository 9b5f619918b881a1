// The encoding word by word is Cap'n Proto's: what is checked, measured, copied and written here is
// what the library itself would say of it.

#include <capnp/message.h>
#include <capnp/serialize.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "format/page.h"
#include "format/record.h"
#include "format/wire.h"
#include "session/schema/commit.capnp.h"
#include "session/table.h"
#include "tests/support/random_record.h"
#include "tests/support/seed.h"

namespace session::format {
namespace {

using test::RandomRecord;
using Words = std::vector<wire::Word>;

bool capnp_says_canonical(const Words& words) {
  capnp::ReaderOptions options;
  options.traversalLimitInWords = words.size() * 16;  // both bound empty elements, each its own way
  options.nestingLimit = static_cast<int>(kMaxNesting);
  const kj::ArrayPtr<const capnp::word> segments[] = {
      {reinterpret_cast<const capnp::word*>(words.data()), words.size()}};
  try {
    capnp::SegmentArrayMessageReader reader(segments, options);
    return reader.isCanonical();
  } catch (const kj::Exception&) {
    return false;
  }
}

Words segment_of(const Record& record) {
  Words words(record.bytes().size() / wire::kWordBytes);
  std::memcpy(words.data(), record.bytes().data(), record.bytes().size());
  return words;
}

TEST(Wire, CallsCanonicalWhatCapnProtoCalls) {
  RandomRecord random(test::random_seed());
  for (const Table table : kAllTables) {
    for (int i = 0; i < 20; ++i) {
      const Words words = segment_of(random.of(table));
      EXPECT_FALSE(wire::check_canonical(words)) << table_name(table);
      EXPECT_TRUE(capnp_says_canonical(words)) << table_name(table);
    }
  }
}

// Where it passes what Cap'n Proto refuses, reading without bounds checks would be unsafe.
TEST(Wire, PassesNothingThatCapnProtoRefusesWhateverBitIsWrong) {
  RandomRecord random(test::random_seed());
  std::size_t still_canonical = 0;
  for (const Table table : kAllTables) {
    Words words = segment_of(random.of(table));
    const std::size_t count = std::min<std::size_t>(words.size(), 60);
    for (std::size_t bit = 0; bit < count * 64; ++bit) {
      words[bit / 64] ^= wire::Word{1} << (bit % 64);
      if (!wire::check_canonical(words)) {
        ++still_canonical;
        EXPECT_TRUE(capnp_says_canonical(words)) << table_name(table) << ", bit " << bit;
      }
      words[bit / 64] ^= wire::Word{1} << (bit % 64);
    }
  }
  EXPECT_GT(still_canonical, 0U);
}

TEST(Wire, MeasuresARecordAsItsCanonicalForm) {
  RandomRecord random(test::random_seed());
  for (const Table table : kAllTables) {
    for (int i = 0; i < 20; ++i) {
      const Record record = random.of(table);
      const wire::RecordWords words = wire::words_of(record.view());
      EXPECT_EQ(words.size(), record.words()) << table_name(table);
      if (words.body.empty()) continue;
      const auto* const end = reinterpret_cast<const std::byte*>(&words.body.back() + 1);
      EXPECT_EQ(end, record.bytes().data() + record.bytes().size()) << table_name(table);
    }
  }
}

// A builder leaves room, orders objects by when they were made, and keeps trailing zeros.
TEST(Wire, CopiesABuiltMessageAsCapnProtoCanonicalizesIt) {
  RandomRecord random(test::random_seed());
  for (const Table table : kAllTables) {
    for (int i = 0; i < 20; ++i) {
      const Record record = random.of(table);
      capnp::MallocMessageBuilder message(1 << 16);
      message.getRoot<capnp::AnyPointer>().setAs<capnp::AnyStruct>(record.view());
      const RecordView built =
          message.getRoot<capnp::AnyPointer>().asReader().getAs<capnp::AnyStruct>();
      const auto copy = wire::canonical_copy(built);
      ASSERT_TRUE(copy) << table_name(table);
      EXPECT_TRUE(std::ranges::equal(Bytes(*copy).subspan(wire::kWordBytes), record.bytes()))
          << table_name(table);
    }
  }
  capnp::MallocMessageBuilder message(1 << 16);
  auto index = message.initRoot<schema::Index>();
  index.setKeys(capnp::Data::Reader(reinterpret_cast<const kj::byte*>("abc"), 3));
  index.initCounts(2).set(0, 7);
  auto changes =
      message.initRoot<schema::Commit>().initChanges(2);  // what was there is left behind
  changes[1].initErasedEnds(1).set(0, 3);
  const RecordView root(message.getRoot<schema::Commit>().asReader());
  const auto words = RecordView(root).canonicalize();
  const auto copy = wire::canonical_copy(root);
  ASSERT_TRUE(copy);
  EXPECT_FALSE(check_message(*copy));
  const auto bytes = words.asBytes();
  EXPECT_TRUE(std::ranges::equal(Bytes(*copy).subspan(wire::kWordBytes),
                                 std::as_bytes(std::span(bytes.begin(), bytes.size()))));
}

TEST(Wire, LeavesAMessageOfSeveralSegmentsToCapnProto) {
  capnp::MallocMessageBuilder message(1, capnp::AllocationStrategy::FIXED_SIZE);
  message.initRoot<schema::Value>().setText("in a segment of its own");
  const RecordView root(message.getRoot<schema::Value>().asReader());
  EXPECT_FALSE(wire::canonical_copy(root));
  const auto payload = canonical_payload(root);
  ASSERT_FALSE(check_message(payload));
  EXPECT_EQ(read_root<schema::Value>(payload).getText(), "in a segment of its own");
}

TEST(Wire, WritesTheLeafThatTheSchemaWrites) {
  RandomRecord random(test::random_seed());
  for (const Table table : kAllTables) {
    for (const std::size_t n : {1U, 2U, 7U}) {
      std::vector<Record> records;
      std::vector<std::string> keys;
      for (std::size_t i = 0; i < n; ++i) {
        records.push_back(random.of(table));
        keys.push_back(std::string(i * 3, 'k') + static_cast<char>('a' + i));
      }
      std::sort(keys.begin(), keys.end());
      std::vector<LeafItem> items;
      for (std::size_t i = 0; i < n; ++i) items.push_back({keys[i], records[i].view()});
      capnp::MallocMessageBuilder message;
      const auto leaf = message.initRoot<schema::Leaf>();
      fill_leaf(leaf, items);
      const std::vector<std::byte> page = build_leaf(items);
      EXPECT_EQ(page, canonical_payload(leaf.asReader())) << table_name(table) << ", " << n;
      EXPECT_FALSE(check_message(page)) << table_name(table) << ", " << n;

      // And from that page, where records stand wider than they are.
      const LeafView view(page);
      std::vector<LeafItem> again;
      for (std::uint32_t i = 0; i < view.size(); ++i)
        again.push_back({view.key(i), view.record(i)});
      EXPECT_EQ(build_leaf(again), page) << table_name(table) << ", " << n;
    }
  }
}

TEST(Wire, WritesTheIndexThatTheSchemaWrites) {
  const std::vector<std::string> keys = {"shared/a", "shared/bcdefghijk", "shared/x"};
  for (std::uint32_t n = 1; n <= keys.size(); ++n) {
    std::vector<Child> children;
    for (std::uint32_t i = 0; i < n; ++i) {
      Child child{keys[i], 7 + i, 64 * (i + 1), 100 + i, 1000 + i, 2000 + i, {}};
      child.digest.fill(std::byte{static_cast<unsigned char>(i + 1)});
      children.push_back(child);
    }
    const std::vector<std::byte> page = build_index(children, 3);
    EXPECT_FALSE(check_message(page));
    const auto index = read_root<schema::Index>(page);
    EXPECT_FALSE(check_index(index));
    EXPECT_EQ(index.getLevel(), 3);
    ASSERT_EQ(index.getCounts().size(), n);
    ASSERT_EQ(index.getDigests().size(), n * sizeof(Digest));
    for (std::uint32_t i = 0; i < n; ++i) {
      EXPECT_EQ(index.getCounts()[i], children[i].count);
      EXPECT_EQ(index.getOffsets()[i], children[i].offset);
      EXPECT_EQ(index.getStoredSizes()[i], children[i].stored_size);
      EXPECT_EQ(index.getContentBytes()[i], children[i].content_bytes);
      EXPECT_EQ(index.getStoredBytes()[i], children[i].stored_bytes);
      EXPECT_EQ(std::to_integer<unsigned>(std::byte{index.getDigests()[i * sizeof(Digest)]}),
                i + 1);
    }
  }
}

}  // namespace
}  // namespace session::format
