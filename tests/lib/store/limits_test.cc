// What a writer refuses, and that it goes on afterwards (G12).

#include <gtest/gtest.h>

#include <capnp/message.h>
#include <sys/mman.h>

#include <span>
#include <string>
#include <vector>

#include "format/layout.h"
#include "tests/support/disk_session.h"
#include "tests/support/records.h"
#include "tests/support/session_state.h"

namespace session::test {
namespace {

// Address space that costs no memory while it is not touched.
class Untouched {
 public:
  explicit Untouched(std::size_t size)
      : size_(size),
        begin_(
            ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)) {}
  Untouched(const Untouched&) = delete;
  Untouched& operator=(const Untouched&) = delete;
  ~Untouched() { ::munmap(begin_, size_); }
  [[nodiscard]] bool ok() const { return begin_ != MAP_FAILED; }
  [[nodiscard]] std::span<const std::byte> bytes() const {
    return {static_cast<const std::byte*>(begin_), size_};
  }

 private:
  std::size_t size_;
  void* begin_;
};

class Limits : public ::testing::Test {
 protected:
  // The error of putting one record, after which the transaction still works.
  template <class Put>
  ErrorCode refused(Put&& put) {
    Transaction change = writer_.begin();
    put_value(change, "before/1", "x");
    const ErrorCode code = error_of([&] { put(change); });
    put_value(change, "after/1", std::to_string(++commits_));
    EXPECT_EQ(change.commit().revision, commits_ + 1);
    EXPECT_EQ(contradiction_in(read_on(disk_).head()), "");
    return code;
  }
  [[nodiscard]] ErrorCode refused_record(Table table, std::string_view key, AnyRecord record) {
    return refused([&](Transaction& change) { change.upsert_any(table, key, record); });
  }

  SimulatedDisk disk_;
  Writer writer_ = create_on(disk_);
  std::uint64_t commits_ = 0;
};

TEST_F(Limits, AKeyIsNeitherEmptyNorTooLong) {
  for (const auto& [table, limit] : {std::pair(Table::kValues, format::kMaxKeyBytes),
                                     std::pair(Table::kTasks, format::kMaxTaskKeyBytes)}) {
    capnp::MallocMessageBuilder message;
    const auto any = message.initRoot<capnp::AnyPointer>().initAsAnyStruct(1, 1).asReader();
    EXPECT_EQ(refused_record(table, "", any), ErrorCode::kUsage);
    EXPECT_EQ(refused_record(table, std::string(limit + 1, 'k'), any), ErrorCode::kLimit);
    EXPECT_EQ(refused_record(table, std::string(limit, 'k'), any), ErrorCode::kInternal);
  }
  EXPECT_TRUE(writer_.head().find(Table::kValues, std::string(format::kMaxKeyBytes, 'k')));
}

TEST_F(Limits, AParentsKeyIsNotTooLong) {
  const auto put_child = [](std::size_t length) {
    return [length](Transaction& change) {
      put_task(change, std::string(format::kMaxTaskKeyBytes, 't'),
               {.title = "child", .parent = std::string(length, 'p')});
    };
  };
  EXPECT_EQ(refused(put_child(format::kMaxTaskKeyBytes + 1)), ErrorCode::kLimit);
  EXPECT_EQ(refused(put_child(format::kMaxTaskKeyBytes)), ErrorCode::kInternal);
  (void)writer_.begin().commit(folded());  // the longest keys there are, in the children table
  EXPECT_EQ(writer_.head().children(std::string(format::kMaxTaskKeyBytes, 'p')).size(), 1U);
}

TEST_F(Limits, DerivedTablesAreNotWritten) {
  capnp::MallocMessageBuilder message;
  const auto any = message.initRoot<capnp::AnyPointer>().initAsAnyStruct(1, 1).asReader();
  for (const Table table : {Table::kChildren, Table::kBlobs, Table::kRevisions}) {
    EXPECT_EQ(refused_record(table, "key", any), ErrorCode::kUsage);
    EXPECT_EQ(refused([&](Transaction& change) { (void)change.erase(table, "key"); }),
              ErrorCode::kUsage);
    EXPECT_EQ(
        refused([&](Transaction& change) { (void)change.upsert_if_different(table, "key", any); }),
        ErrorCode::kUsage);
  }
}

TEST_F(Limits, ARecordIsNotTooLarge) {
  const auto with_tags = [](std::uint32_t tags) {
    return [tags](Transaction& change) {
      capnp::MallocMessageBuilder message;
      auto list = message.initRoot<schema::Task>().initTags(tags);
      for (std::uint32_t i = 0; i < tags; ++i) list.set(i, "a tag of some length");
      change.upsert("large", message.getRoot<schema::Task>().asReader());
    };
  };
  EXPECT_EQ(refused(with_tags(format::kMaxRecordBytes / 32 + 1)), ErrorCode::kLimit);
  EXPECT_EQ(refused(with_tags(format::kMaxRecordBytes / 32 - 100)), ErrorCode::kInternal);
}

TEST_F(Limits, ARecordIsNotTooWide) {
  const auto wide = [&](std::uint16_t data_words, std::uint16_t pointers) {
    capnp::MallocMessageBuilder message;
    auto record = message.initRoot<capnp::AnyPointer>().initAsAnyStruct(data_words, pointers);
    if (data_words > 0) record.getDataSection()[data_words * 8 - 1] = 1;
    if (pointers > 0) record.getPointerSection()[pointers - 1U].setAs<capnp::Text>("x");
    return refused_record(Table::kValues, "wide/1", record.asReader());
  };
  EXPECT_EQ(wide(format::kMaxRecordDataWords + 1, 0), ErrorCode::kLimit);
  EXPECT_EQ(wide(0, format::kMaxRecordPointers + 1), ErrorCode::kLimit);
  EXPECT_EQ(wide(format::kMaxRecordDataWords, format::kMaxRecordPointers), ErrorCode::kInternal);
}

// What no reader would open, no writer writes.
TEST_F(Limits, ARecordIsNotTooDeep) {
  for (const std::uint32_t depth : {10U, format::kMaxRecordNesting - 1, format::kMaxRecordNesting,
                                    format::kMaxNesting, 5'000U}) {
    capnp::MallocMessageBuilder message;
    auto at = message.initRoot<capnp::AnyPointer>().initAsAnyStruct(0, 10);
    for (std::uint32_t i = 1; i < depth; ++i) {
      at = at.getPointerSection()[i == 1 ? 9U : 0U].initAsAnyStruct(1, 1);
    }
    at.getDataSection()[0] = 1;
    const ErrorCode code = refused_record(
        Table::kValues, "deep/1", message.getRoot<capnp::AnyPointer>().getAs<capnp::AnyStruct>());
    const bool fits = depth <= format::kMaxRecordNesting;
    EXPECT_EQ(code, fits ? ErrorCode::kInternal : ErrorCode::kLimit) << depth;
    (void)writer_.begin().commit(folded());
    ++commits_;
    EXPECT_EQ(contradiction_in(read_on(disk_).head()), "");
  }
}

// Elements that take no room could cost a reader more than the record is worth.
TEST_F(Limits, ARecordHasNoCrowdOfEmptyElements) {
  for (const std::uint32_t comments : {10U, 1'000U, 100'000U}) {
    capnp::MallocMessageBuilder message;
    message.initRoot<schema::Task>().initComments(comments);
    const ErrorCode code = refused([&](Transaction& change) {
      change.upsert("t", message.getRoot<schema::Task>().asReader());
    });
    EXPECT_EQ(code, comments > 10 ? ErrorCode::kLimit : ErrorCode::kInternal);
  }
}

TEST_F(Limits, ABlobIsNotTooLarge) {
  const Untouched gigabyte(format::kMaxBlobBytes + 1);
  ASSERT_TRUE(gigabyte.ok());
  EXPECT_EQ(refused([&](Transaction& change) { (void)change.add_blob(gigabyte.bytes()); }),
            ErrorCode::kLimit);
}

TEST_F(Limits, WordsAboutACommitAreNotTooLong) {
  CommitOptions options;
  options.message = std::string(format::kMaxDescriptionBytes + 1, 'm');
  {
    auto change = writer_.begin();
    put_value(change, "a/1", "x");
    EXPECT_EQ(error_of([&] { (void)change.commit(options); }), ErrorCode::kLimit);
  }
  CheckpointOptions checkpoint;
  checkpoint.description = options.message;
  EXPECT_EQ(error_of([&] { (void)writer_.checkpoint(checkpoint); }), ErrorCode::kLimit);
  checkpoint.description.clear();
  checkpoint.reason = options.message;
  EXPECT_EQ(error_of([&] { (void)writer_.checkpoint(checkpoint); }), ErrorCode::kLimit);
  EXPECT_EQ(writer_.head().revision(), 1U);
  options.message.pop_back();
  auto change = writer_.begin();
  put_value(change, "a/1", "x");
  EXPECT_EQ(change.commit(options).revision, 2U);
  EXPECT_EQ(read_on(disk_).head().info().message, options.message);
}

// A list pads each record to the widest: thousands of tiny ones beside a wide one are much more on
// the disk than together.
TEST_F(Limits, TakesManyTinyRecordsBesideAWideOne) {
  for (const CommitOptions& options : {CommitOptions(), folded()}) {
    auto change = writer_.begin();
    capnp::MallocMessageBuilder tiny;
    const auto empty = tiny.initRoot<schema::Value>().asReader();
    for (std::uint64_t i = 0; i < 12'000; ++i) change.upsert(numbered("v", i), empty);
    capnp::MallocMessageBuilder wide;
    auto record = wide.initRoot<capnp::AnyPointer>().initAsAnyStruct(format::kMaxRecordDataWords,
                                                                     format::kMaxRecordPointers);
    record.getDataSection()[format::kMaxRecordDataWords * 8 - 1] = 1;
    record.getPointerSection()[format::kMaxRecordPointers - 1].setAs<capnp::Text>("x");
    change.upsert_any(Table::kValues, "v", record.asReader());
    EXPECT_EQ(error_of([&] { (void)change.commit(options); }), ErrorCode::kInternal);
    EXPECT_EQ(read_on(disk_).head().count(Table::kValues), 12'001U);
  }
}

TEST_F(Limits, PageTargetsAreInRange) {
  for (const std::uint8_t target : {format::kMinTargetLog2, format::kMaxTargetLog2}) {
    SimulatedDisk disk;
    CreateOptions options = creating_on(disk);
    options.leaf_target_log2 = target;
    EXPECT_EQ(error_of([&] { (void)Writer::create(kDiskPath, options); }), ErrorCode::kInternal);
  }
  for (const int target : {format::kMinTargetLog2 - 1, format::kMaxTargetLog2 + 1, 255}) {
    SimulatedDisk disk;
    CreateOptions options = creating_on(disk);
    options.index_target_log2 = static_cast<std::uint8_t>(target);
    EXPECT_EQ(error_of([&] { (void)Writer::create(kDiskPath, options); }), ErrorCode::kUsage);
    EXPECT_FALSE(disk.exists(kDiskPath));
  }
}

}  // namespace
}  // namespace session::test
