#include "lib/operations/page_copier.h"

#include <gtest/gtest.h>

#include "format/page.h"
#include "lib/store/view.h"
#include "tests/support/disk_session.h"
#include "tests/support/records.h"

namespace session::operations {
namespace {

using test::SimulatedDisk;

// A tree of several levels in one file, and a draft of another.
class PageCopierTest : public ::testing::Test {
 protected:
  PageCopierTest() {
    Writer writer = test::create_on(disk_);
    Transaction change = writer.begin();
    for (std::uint64_t i = 0; i < 400; ++i) {
      test::put_task(change, test::numbered("t", i), {.title = "a task of some length"});
    }
    (void)change.commit(test::folded());
    view_ = store::View::open(writer.head().view().pages(), writer.head().view().header(),
                              writer.head().info().offset);
    draft_ = store::WriterCore::create_draft("/d/new.session", test::creating_on(disk_));
  }

  [[nodiscard]] const format::RootRef& tasks() const { return view_->roots()[slot(Table::kTasks)]; }

  SimulatedDisk disk_;
  std::shared_ptr<const store::View> view_;
  std::shared_ptr<store::WriterCore> draft_;
  StagedPages staged_;
};

TEST_F(PageCopierTest, TheTreeIsTheSameInTheNewFile) {
  ASSERT_GT(tasks().level, 1U);
  std::uint64_t told = 0;
  PageCopier copier(*draft_, 0, [&](std::uint64_t bytes) { told += bytes; });
  const format::RootRef root = copier.copy(*view_->pages(), staged_, Table::kTasks, tasks());
  EXPECT_EQ(root.digest, tasks().digest);
  EXPECT_EQ(root.stored_bytes, tasks().stored_bytes);
  EXPECT_EQ(told, tasks().stored_bytes);
  const auto pages = draft_->pages_so_far();
  store::TreeCursor was(*view_->pages(), tasks());
  store::TreeCursor is(*pages, root);
  is.seek({});
  std::size_t records = 0;
  for (was.seek({}); was.valid(); was.next(), is.next(), ++records) {
    ASSERT_TRUE(is.valid());
    EXPECT_EQ(is.key(), was.key());
    EXPECT_EQ(format::Record(is.record()), format::Record(was.record()));
  }
  EXPECT_EQ(records, 400U);
  EXPECT_FALSE(is.valid());
}

TEST_F(PageCopierTest, WhatIsThereAlreadyIsNotCopiedAgain) {
  PageCopier copier(*draft_, 0, [](std::uint64_t) {});
  const auto first = copier.copy(*view_->pages(), staged_, Table::kTasks, tasks());
  const std::uint64_t end = draft_->file_bytes();
  const auto second = copier.copy(*view_->pages(), staged_, Table::kTasks, tasks());
  EXPECT_EQ(second.offset, first.offset);
  EXPECT_EQ(draft_->file_bytes(), end);
}

TEST_F(PageCopierTest, LeavesThatWereWrittenAheadAreTheTreesOwn) {
  PageCopier copier(*draft_, 0, [](std::uint64_t) {});
  std::vector<WrittenLeaf> leaves;
  copier.copy_leaves(*view_->pages(), staged_, Table::kTasks, tasks(), leaves);
  const std::uint64_t end = draft_->log().end();
  std::vector<WrittenLeaf> again;
  copier.copy_leaves(*view_->pages(), staged_, Table::kTasks, tasks(), again);
  EXPECT_TRUE(again.empty());
  EXPECT_EQ(draft_->log().end(), end);
  const format::RootRef root = copier.copy(*view_->pages(), staged_, Table::kTasks, tasks());
  EXPECT_EQ(root.digest, tasks().digest);
  const auto pages = draft_->pages_so_far();
  store::TreeCursor cursor(*pages, root);
  cursor.seek({});
  for (const WrittenLeaf& leaf : leaves) {
    ASSERT_TRUE(cursor.valid());
    EXPECT_EQ(cursor.leaf().key(0), leaf.first_key);
    EXPECT_EQ(cursor.leaf().key(cursor.leaf().size() - 1), leaf.last_key);
    EXPECT_LT(leaf.offset, end) << "index pages stand behind all of them";
    cursor.next_leaf();
  }
  EXPECT_FALSE(cursor.valid());
}

// As a forged index page may name one: places of pages in memory, of which there are none.
TEST_F(PageCopierTest, APageAtAPlaceThatNoFileHasIsDamage) {
  PageCopier copier(*draft_, 0, [](std::uint64_t) {});
  for (const std::uint64_t offset : {StagedPages::kFirst, ~std::uint64_t{0}}) {
    format::RootRef forged = tasks();
    forged.offset = offset;
    std::vector<WrittenLeaf> leaves;
    const auto damaged = [](auto&& f) { return test::error_of(f) == ErrorCode::kDamaged; };
    EXPECT_TRUE(
        damaged([&] { (void)copier.copy(*view_->pages(), staged_, Table::kTasks, forged); }));
    EXPECT_TRUE(damaged(
        [&] { copier.copy_leaves(*view_->pages(), staged_, Table::kTasks, forged, leaves); }));
  }
}

TEST_F(PageCopierTest, APageUnderManyNamesDoesNotMakeTheFileGrowWithoutEnd) {
  PageCopier copier(*draft_, 0, [](std::uint64_t) {});
  format::RootRef forged = tasks();
  const auto copy_under_many_names = [&] {
    for (std::uint32_t name = 0; name < 10'000; ++name) {
      forged.digest[0] = std::byte(name & 255);
      forged.digest[1] = std::byte(name >> 8);
      // Only the root goes again each time: what is below it has its name still.
      (void)copier.copy(*view_->pages(), staged_, Table::kTasks, forged);
    }
  };
  EXPECT_EQ(test::error_of(copy_under_many_names), ErrorCode::kDamaged);
  EXPECT_LE(draft_->file_bytes(), 2 * view_->pages()->size_bytes());
}

// One page on each level, and that under many names.
TEST_F(PageCopierTest, PagesUnderManyNamesOnEachLevelAreNotLookedAtWithoutEnd) {
  constexpr std::uint64_t kTag = 7;
  constexpr std::uint32_t kNames = 6;
  constexpr std::uint32_t kLevels = 14;
  store::TreeCursor first(*view_->pages(), tasks());
  first.seek({});
  const format::Record record(first.record());
  const format::LeafItem item{first.key(), record.view()};
  std::vector<std::byte> file(format::kFileHeaderBytes);
  const auto append = [&](format::FrameKind kind, const std::vector<std::byte>& payload) {
    return format::append_frame(file, 0, kind, 0, kTag, payload, 0, slot(Table::kTasks));
  };
  format::FrameHeader below = append(format::FrameKind::kLeaf, format::build_leaf({&item, 1}));
  for (std::uint32_t level = 1; level <= kLevels; ++level) {
    std::vector<format::Child> children(kNames);
    for (std::uint32_t i = 0; i < kNames; ++i) {
      children[i].key = test::numbered("t", i);
      children[i].count = 1;
      children[i].offset = below.own_offset;
      children[i].stored_size = below.stored_size;
      children[i].digest[0] = std::byte(i);
      children[i].digest[1] = std::byte(level);
    }
    below = append(format::FrameKind::kIndex, format::build_index(children, level));
  }
  disk_.put("/d/forged.session", file);
  const store::PageSource forged(disk_.open("/d/forged.session", io::OpenMode::kRead), file.size(),
                                 kTag, true);
  format::Roots roots{};
  roots[slot(Table::kTasks)] = {kLevels, below.stored_size, below.own_offset, 1, 0, 0, {}};
  std::uint64_t told = 0;
  PageCopier copier(*draft_, 0, [&](std::uint64_t) { ++told; });
  std::vector<WrittenLeaf> leaves;
  EXPECT_EQ(test::error_of([&] { copier.pack_all_but(forged, roots); }), ErrorCode::kDamaged);
  EXPECT_EQ(test::error_of([&] {
              copier.copy_leaves(forged, staged_, Table::kTasks, roots[slot(Table::kTasks)],
                                 leaves);
            }),
            ErrorCode::kDamaged);
  EXPECT_GT(told, 0U) << "who waits may break it off";
  EXPECT_LT(told, 4 * file.size() / format::kFrameHeaderBytes);
}

TEST_F(PageCopierTest, APageOfAnotherTableIsRefused) {
  PageCopier copier(*draft_, 0, [](std::uint64_t) {});
  EXPECT_EQ(
      test::error_of([&] { (void)copier.copy(*view_->pages(), staged_, Table::kValues, tasks()); }),
      ErrorCode::kDamaged);
}

}  // namespace
}  // namespace session::operations
