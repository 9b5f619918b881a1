// Records in canonical form: the same content is the same bytes, and their size is known before.

#include "format/record.h"

#include <capnp/message.h>
#include <gtest/gtest.h>

#include "format/layout.h"
#include "session/error.h"
#include "session/table.h"
#include "tests/support/random_record.h"
#include "tests/support/seed.h"

namespace session::format {
namespace {

using test::RandomRecord;

TEST(Record, ItsSizeIsThatOfItsCanonicalForm) {
  RandomRecord random(test::random_seed());
  for (const Table table : kAllTables) {
    for (int i = 0; i < 60; ++i) {
      const Record record = random.of(table);
      EXPECT_EQ(canonical_words(record.view()), record.words()) << table_name(table);
      EXPECT_EQ(record.bytes().size(), (record.words() + 1) * sizeof(capnp::word));
    }
  }
}

TEST(Record, OfARecordIsTheSameRecord) {
  RandomRecord random(test::random_seed());
  for (const Table table : kAllTables) {
    for (int i = 0; i < 30; ++i) {
      const Record record = random.of(table);
      EXPECT_TRUE(Record(record.view()) == record);
    }
  }
}

TEST(Record, EqualContentIsEqualWhateverTheWayItWasMade) {
  capnp::MallocMessageBuilder one;
  auto task = one.initRoot<schema::Task>();
  task.setTitle("a title");
  task.setRank(7);
  task.setCreatedAt(1);
  task.setCreatedAt(0);  // a trailing word that is zero again

  capnp::MallocMessageBuilder other;
  auto same = other.initRoot<schema::Task>();
  same.setDescription("dropped");
  same.disownDescription();  // leaves a hole in the message
  same.setRank(7);
  same.setTitle("a title");

  EXPECT_TRUE(Record::of(task.asReader()) == Record::of(same.asReader()));
  same.setRank(8);
  EXPECT_FALSE(Record::of(task.asReader()) == Record::of(same.asReader()));
}

TEST(Record, AbsentDiffersFromEmpty) {
  capnp::MallocMessageBuilder one;
  capnp::MallocMessageBuilder other;
  const auto absent = one.initRoot<schema::Task>();
  auto empty = other.initRoot<schema::Task>();
  empty.setTitle("");
  EXPECT_FALSE(Record::of(absent.asReader()) == Record::of(empty.asReader()));
}

TEST(Record, NoRecordIsEqualToNoRecordOnly) {
  capnp::MallocMessageBuilder message;
  const Record record = Record::of(message.initRoot<schema::Child>().asReader());
  EXPECT_TRUE(Record() == Record());
  EXPECT_FALSE(Record() == record);
  EXPECT_TRUE(Record().empty());
  EXPECT_FALSE(record.empty());
}

ErrorCode refusal(RecordView record) {
  try {
    const Record accepted(record);
    ADD_FAILURE() << "accepted with " << accepted.words() << " words";
    return ErrorCode::kInternal;
  } catch (const Error& error) {
    return error.code();
  }
}

TEST(Record, ASizeAboveTheLimitIsRefused) {
  const auto record_of = [](capnp::MallocMessageBuilder& message, std::uint32_t text_bytes) {
    auto value = message.initRoot<schema::Value>();
    auto bytes = value.initBytes(text_bytes);
    std::fill(bytes.begin(), bytes.end(), kj::byte{7});
    return value.asReader();
  };
  // A data word and three pointers go beside the bytes at most.
  capnp::MallocMessageBuilder fits;
  EXPECT_NO_THROW((void)Record::of(record_of(fits, kMaxRecordBytes - 64)));
  capnp::MallocMessageBuilder large;
  EXPECT_EQ(refusal(RecordView(record_of(large, kMaxRecordBytes))), ErrorCode::kLimit);
}

TEST(Record, AFixedPartAboveTheLimitIsRefused) {
  const auto refused = [](std::uint32_t data_words, std::uint32_t pointers) {
    capnp::MallocMessageBuilder message;
    auto record = message.getRoot<capnp::AnyPointer>().initAsAnyStruct(
        static_cast<std::uint16_t>(data_words), static_cast<std::uint16_t>(pointers));
    if (data_words != 0) record.getDataSection().back() = 1;
    if (pointers != 0) record.getPointerSection()[pointers - 1].setAs<capnp::Text>("last");
    try {
      return Record(record.asReader()).empty();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kLimit);
      return true;
    }
  };
  EXPECT_FALSE(refused(kMaxRecordDataWords, kMaxRecordPointers));
  EXPECT_TRUE(refused(kMaxRecordDataWords + 1, 0));
  EXPECT_TRUE(refused(0, kMaxRecordPointers + 1));
}

TEST(Record, WidthThatHoldsNothingDoesNotCount) {
  capnp::MallocMessageBuilder message;
  auto record = message.getRoot<capnp::AnyPointer>().initAsAnyStruct(1000, 1000);
  record.getDataSection()[0] = 1;
  EXPECT_EQ(Record(record.asReader()).words(), 1U);
}

}  // namespace
}  // namespace session::format
