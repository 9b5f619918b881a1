// What the checks of meaning keep in bounded memory says the same as what would keep everything.

#include "lib/operations/meaning_parts.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "lib/operations/scan_file.h"
#include "tests/lib/operations/meaning_support.h"
#include "tests/support/disk_session.h"
#include "tests/support/random_record.h"
#include "tests/support/records.h"
#include "tests/support/seed.h"

namespace session::operations {
namespace {

using test::RandomRecord;
using Edges = std::vector<std::pair<std::uint32_t, std::uint32_t>>;

bool has_circle(std::uint32_t nodes, const Edges& edges) {
  std::vector<std::uint32_t> begin = {0};
  std::vector<std::uint32_t> targets;
  for (std::uint32_t node = 0; node < nodes; ++node) {
    for (const auto& [from, to] : edges) {
      if (from == node) targets.push_back(to);
    }
    begin.push_back(static_cast<std::uint32_t>(targets.size()));
  }
  return !find_circles(begin, targets).empty();
}

TEST(CircleSearch, MissesNoCircleAndSuspectsFew) {
  RandomRecord random(test::random_seed());
  int circles = 0;
  int several_rounds = 0;
  int wrongly = 0;
  constexpr int kRounds = 3000;
  for (int round = 0; round < kRounds; ++round) {
    const auto nodes = static_cast<std::uint32_t>(2 + random.below(40));
    Edges edges;
    for (std::uint32_t node = 0; node < nodes; ++node) {
      if (random.one_in(4)) continue;
      // Mostly a forest, as parents are: downwards, with a few edges that may go anywhere.
      const bool is_any = random.one_in(30);
      if (node > 0 || is_any) edges.emplace_back(node, random.below(is_any ? nodes : node));
    }
    // Names in another order than the nodes, so that a forest rises and falls.
    std::vector<std::string> names(nodes);
    for (std::string& name : names) name = std::to_string(random.number());
    const auto most_edges = static_cast<std::size_t>(1 + random.below(64));
    CircleSearch search(most_edges);
    int walks = 0;
    do {
      ASSERT_LT(++walks, 100);
      for (const auto& [from, to] : edges) {
        search.add(TaskKeys::hash_of(names[from]), TaskKeys::hash_of(names[to]),
                   names[from] < names[to]);
      }
    } while (search.end_round());
    const bool is_there = has_circle(nodes, edges);
    if (is_there || edges.size() < most_edges) {
      ASSERT_EQ(search.may_have_one(), is_there) << "round " << round;
    }
    circles += is_there ? 1 : 0;
    several_rounds += walks > 1 ? 1 : 0;
    wrongly += search.may_have_one() && !is_there ? 1 : 0;
  }
  EXPECT_LT(wrongly, kRounds / 50);
  EXPECT_GT(circles, kRounds / 50);
  EXPECT_GT(several_rounds, kRounds / 50);
}

// A chain with one edge against the order of its keys: each round takes but its first away.
TEST(CircleSearch, LeavesOpenWhatDoesNotFitAndDoesNotShrink) {
  constexpr std::uint64_t kNodes = 1000;
  CircleSearch search(16);
  int walks = 0;
  do {
    for (std::uint64_t node = 1; node < kNodes; ++node) {
      const auto hash_of = [](std::uint64_t i) { return TaskKeys::hash_of(std::to_string(i)); };
      search.add(hash_of(node), hash_of(node + 1), node > 1);
    }
    ASSERT_LT(++walks, 5);
  } while (search.end_round());
  EXPECT_TRUE(search.may_have_one());
}

// Whatever does not fit, and however little of the table was walked.
TEST(TaskKeys, KnowEveryTaskAndNoOther) {
  RandomRecord random(test::random_seed());
  test::SimulatedDisk disk;
  std::set<std::string> keys;
  {
    Writer writer = test::create_on(disk);
    auto change = writer.begin();
    while (keys.size() < 400) keys.insert(random.key());
    for (const std::string& key : keys) test::task(change, key);
    (void)change.commit();
    writer.close();
  }
  const Snapshot snapshot = test::read_on(disk).head();
  for (const std::uint64_t max_slots : {std::uint64_t{1}, std::uint64_t{64}, TaskKeys::kMaxSlots}) {
    TaskKeys known(snapshot, max_slots);
    for (const std::string& key : keys) {
      known.add(key, TaskKeys::hash_of(key));
      for (int i = 0; i < 3; ++i) {
        auto asked =
            std::next(keys.begin(), static_cast<std::ptrdiff_t>(random.below(keys.size())));
        ASSERT_TRUE(known.contains(*asked));
        const std::string other = *asked + "x";
        ASSERT_EQ(known.contains(other), keys.contains(other));
      }
    }
    known.end();
    for (const std::string& key : keys) ASSERT_TRUE(known.contains(key));
    ASSERT_FALSE(known.contains("no such task"));
  }
}

// A forged root may count one task and have many: each of those that did not fit would be a
// look-up.
TEST(TaskKeys, KnowMoreTasksThanTheRootCounts) {
  test::SimulatedDisk disk;
  {
    Writer writer = test::create_on(disk);
    auto change = writer.begin();
    test::task(change, "only");
    (void)change.commit();
    writer.close();
  }
  const Snapshot snapshot = test::read_on(disk).head();
  TaskKeys known(snapshot);
  std::vector<std::string> keys;
  for (int i = 1000; i < 5000; ++i) keys.push_back("t" + std::to_string(i));
  for (const std::string& key : keys) known.add(key, TaskKeys::hash_of(key));
  known.end();
  const std::size_t calls = disk.calls();
  for (const std::string& key : keys) {
    ASSERT_TRUE(known.contains(key)) << key;
    ASSERT_FALSE(known.contains(key + "x")) << key;
  }
  EXPECT_EQ(disk.calls(), calls);
}

TEST(ReadAheadFile, GivesTheBytesOfTheFile) {
  RandomRecord random(test::random_seed());
  test::SimulatedDisk disk;
  std::vector<std::byte> bytes(3 << 20);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random.number());
  disk.put("/d/file", bytes);
  ReadAheadFile file(std::make_shared<PatientFile>(disk.open("/d/file", io::OpenMode::kRead), ""));
  const std::size_t calls = disk.calls();
  constexpr std::size_t kReads = 20'000;
  std::vector<std::uint64_t> rows(20);  // more than it holds
  for (std::uint64_t& row : rows) row = random.below(bytes.size());
  std::size_t row = 0;
  for (std::size_t i = 0; i < kReads; ++i) {
    if (random.one_in(20)) row = random.below(random.one_in(4) ? rows.size() : 4);
    std::uint64_t& at = rows[row];
    if (random.one_in(200)) at = random.below(bytes.size() + 100);
    std::vector<std::byte> into(random.one_in(300) ? random.below(200'000) : random.below(6000));
    const std::size_t want =
        at < bytes.size() ? std::min<std::size_t>(into.size(), bytes.size() - at) : 0;
    ASSERT_EQ(file.read_at(at, into), want) << i;
    ASSERT_TRUE(std::equal(into.begin(), into.begin() + static_cast<std::ptrdiff_t>(want),
                           bytes.begin() + static_cast<std::ptrdiff_t>(std::min(at, bytes.size()))))
        << i;
    at += want;
  }
  EXPECT_LT(disk.calls() - calls, kReads / 2);
}

}  // namespace
}  // namespace session::operations
