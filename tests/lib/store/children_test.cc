// The children of a task, by rank and then by key: in what is pending, in what is folded, and in
// both at once.

#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <string>
#include <vector>

#include "tests/support/disk_session.h"
#include "tests/support/records.h"
#include "tests/support/seed.h"
#include "tests/support/session_state.h"

namespace session::test {
namespace {

class Children : public ::testing::Test {
 protected:
  void put(std::string_view key, std::string_view parent, std::int64_t rank = 0) {
    auto change = writer_.begin();
    put_task(change, key, {.title = "x", .parent = std::string(parent), .rank = rank});
    (void)change.commit(relaxed());
  }
  void erase(std::string_view key) {
    auto change = writer_.begin();
    (void)change.erase(Table::kTasks, key);
    (void)change.commit(relaxed());
  }
  void fold() { (void)writer_.begin().commit(folded()); }
  [[nodiscard]] std::string of(std::string_view parent) {
    std::string keys;
    for (const ChildRef& child : writer_.head().children(parent)) {
      keys += (keys.empty() ? "" : " ") + child.key;
    }
    return keys;
  }

  SimulatedDisk disk_;
  Writer writer_ = create_on(disk_);
};

TEST_F(Children, StandInOrderOfRankThenKey) {
  constexpr std::int64_t kLowest = std::numeric_limits<std::int64_t>::min();
  constexpr std::int64_t kHighest = std::numeric_limits<std::int64_t>::max();
  put("e", "p", kHighest);
  put("d", "p", 3);
  put("c", "p", 0);
  put("b", "p", 0);
  put("a", "p", 12);
  put("f", "p", -7);
  put("g", "p", kLowest);
  EXPECT_EQ(of("p"), "g f b c d a e");
  fold();
  EXPECT_EQ(of("p"), "g f b c d a e");
  const std::vector<ChildRef> children = writer_.head().children("p");
  EXPECT_EQ(children.front().rank, kLowest);
  EXPECT_EQ(children.back().rank, kHighest);
}

TEST_F(Children, OfNobodyAreTheRoots) {
  put("root2", "", 2);
  put("root1", "", 1);
  put("child", "root1");
  put("orphan", "nobody");
  EXPECT_EQ(of(""), "root1 root2");
  EXPECT_EQ(of("root1"), "child");
  EXPECT_EQ(of("root2"), "");
  EXPECT_EQ(of("nobody"), "orphan") << "a parent need not be there";
  EXPECT_EQ(of("strange"), "");
  fold();
  EXPECT_EQ(of(""), "root1 root2");
  EXPECT_EQ(of("nobody"), "orphan");
}

TEST_F(Children, FollowMovesReorderingAndDeletion) {
  put("a", "p", 1);
  put("b", "p", 2);
  put("c", "p", 3);
  fold();
  put("b", "q", 2);  // moved
  put("c", "p", 0);  // reordered
  EXPECT_EQ(of("p"), "c a");
  EXPECT_EQ(of("q"), "b");
  put("a", "p", 1);  // unchanged
  EXPECT_EQ(of("p"), "c a");
  erase("c");
  EXPECT_EQ(of("p"), "a");
  put("b", "p", 2);  // and back
  EXPECT_EQ(of("p"), "a b");
  EXPECT_EQ(of("q"), "");
  fold();
  EXPECT_EQ(of("p"), "a b");
  put("b", "q");
  put("b", "r");
  EXPECT_EQ(of("q"), "");
  EXPECT_EQ(of("r"), "b");
  erase("b");
  EXPECT_EQ(of("r"), "");
  put("b", "r");
  EXPECT_EQ(of("r"), "b");
}

// Keys are bytes: one may begin with another, or hold anything.
TEST_F(Children, OfParentsWithSimilarKeysAreNotMixedUp) {
  const std::string zero("p\0", 2);
  const std::string high("p\xFF\xFF", 3);
  put("1", "p");
  put("2", "pp");
  put("3", "p/");
  put("p", "");
  put("4", high);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(of("p"), "1");
    EXPECT_EQ(of("pp"), "2");
    EXPECT_EQ(of("p/"), "3");
    EXPECT_EQ(of(high), "4");
    EXPECT_EQ(of(zero), "");
    EXPECT_EQ(of(""), "p");
    fold();
  }
}

TEST_F(Children, AreThoseTheTasksNameInEveryRevision) {
  std::mt19937_64 random(random_seed());
  for (int i = 0; i < 350; ++i) {
    auto change = writer_.begin();
    for (std::uint64_t n = random() % 4 + 1; n > 0; --n) {
      const std::string key = numbered("t", random() % 40);
      if (random() % 4 == 0) {
        (void)change.erase(Table::kTasks, key);
      } else {
        put_task(change, key,
                 {.title = "x",
                  .parent = random() % 3 == 0 ? "" : numbered("t", random() % 40),
                  .rank = static_cast<std::int64_t>(random() % 5) - 2});
      }
    }
    (void)change.commit(random() % 60 == 0 ? folded() : relaxed());
    if (i % 5 != 0) continue;
    ASSERT_EQ(contradiction_in(writer_.head()), "") << "commit " << i;
  }
  const Reader reader = read_on(disk_);
  for (std::uint64_t revision = 1; revision <= reader.head().revision(); revision += 7) {
    ASSERT_EQ(contradiction_in(reader.at(revision)), "") << "revision " << revision;
  }
}

}  // namespace
}  // namespace session::test
