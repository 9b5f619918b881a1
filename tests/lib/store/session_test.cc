// What a user of the library relies on: what was committed is there, in every revision.

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "session/reader.h"
#include "session/writer.h"
#include "tests/support/records.h"
#include "tests/support/seed.h"
#include "tests/support/temp_dir.h"

namespace session::test {
namespace {

class Session : public ::testing::Test {
 protected:
  TempDir dir_;
  std::string path_ = dir_.path() + "/work.session";
};

TEST_F(Session, StartsWithAnEmptySnapshotAsRevisionOne) {
  Writer::create(path_).close();
  const Reader reader = Reader::open(path_);
  EXPECT_EQ(reader.head().revision(), 1U);
  EXPECT_EQ(reader.head().info().kind, CommitKind::kSnapshot);
  EXPECT_EQ(reader.head().count(Table::kTasks), 0U);
  EXPECT_TRUE(reader.info().sealed);
}

TEST_F(Session, ReadsBackWhatWasCommitted) {
  Writer writer = Writer::create(path_);
  auto change = writer.begin();
  put_task(change, "a", {.title = "first"});
  const CommitResult result = change.commit();
  EXPECT_EQ(result.revision, 2U);
  EXPECT_EQ(result.kind, CommitKind::kDelta);
  const Snapshot head = Reader::open(path_).head();
  const auto task = head.get<schema::Task>("a");
  ASSERT_TRUE(task);
  EXPECT_EQ(text((*task)->getTitle()), "first");
  EXPECT_FALSE(head.get<schema::Task>("b"));
}

TEST_F(Session, ShowsEveryRevisionAsItWas) {
  const std::uint64_t seed = random_seed();
  std::mt19937_64 random(seed);
  Writer writer = Writer::create(path_);
  std::map<std::string, std::string> tasks;
  std::vector<std::map<std::string, std::string>> history = {{}, tasks};
  for (int revision = 2; revision <= 700; ++revision) {
    auto change = writer.begin();
    for (std::uint64_t n = random() % 4 + 1; n > 0; --n) {
      const std::string key = numbered("t-", random() % 300);
      if (random() % 4 == 0 && tasks.contains(key)) {
        EXPECT_TRUE(change.erase(Table::kTasks, key));
        tasks.erase(key);
      } else {
        const std::string title = std::string(random() % 200, 'x') + std::to_string(random());
        put_task(change, key, {.title = title});
        tasks[key] = title;
      }
    }
    CommitOptions options;
    options.durability = Durability::kRelaxed;
    // An erased-again key can leave a transaction without a change, which commits nothing.
    if (change.empty()) put_value(change, "test/filler", std::to_string(revision));
    EXPECT_EQ(change.commit(options).revision, static_cast<std::uint64_t>(revision));
    history.push_back(tasks);
  }
  writer.close();
  const Reader reader = Reader::open(path_);
  for (std::uint64_t revision = 1; revision < history.size(); ++revision) {
    const Snapshot snapshot = reader.at(revision);
    std::map<std::string, std::string> seen;
    for (const auto& entry : snapshot.all<schema::Task>()) {
      seen[std::string(entry.key())] = text(entry->getTitle());
    }
    ASSERT_EQ(seen, history[revision]) << "revision " << revision << ", seed " << seed;
    ASSERT_EQ(snapshot.count(Table::kTasks), seen.size());
  }
}

}  // namespace
}  // namespace session::test
