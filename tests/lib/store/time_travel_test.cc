// Any kept revision opens (G6), by all the names a person may give it.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "format/layout.h"
#include "lib/store/view.h"
#include "tests/support/disk_session.h"
#include "tests/support/records.h"
#include "tests/support/seed.h"
#include "tests/support/session_state.h"

namespace session::test {
namespace {

class TimeTravel : public ::testing::Test {
 protected:
  // A revision that says its own number, a second after the one before.
  static std::uint64_t commit_number(Writer& writer, const CommitOptions& options = relaxed()) {
    auto change = writer.begin();
    put_value(change, "test/number", std::to_string(writer.head().revision() + 1));
    return change.commit(options).revision;
  }
  static std::string number_in(const Snapshot& snapshot) {
    const auto value = snapshot.get<schema::Value>("test/number");
    return value ? text((*value)->getText()) : "none";
  }
  static std::string checkpoint_at(Writer& writer, const std::string& id,
                                   const std::string& description) {
    CheckpointOptions options;
    options.id = id;
    options.description = description;
    return std::to_string(writer.checkpoint(options).revision);
  }

  SimulatedDisk disk_;
};

TEST_F(TimeTravel, OpensAnyOfThousandsOfRevisions) {
  constexpr std::uint64_t kRevisions = 3'000;
  std::mt19937_64 random(random_seed());
  Writer writer = create_on(disk_);
  for (std::uint64_t i = 2; i <= kRevisions; ++i) {
    ASSERT_EQ(commit_number(writer, random() % 400 == 0 ? folded() : relaxed()), i);
    if (random() % 1'000 == 0) {
      writer.close();
      writer = open_on(disk_);
    }
  }
  const Reader reader = read_on(disk_);
  EXPECT_EQ(reader.info().revisions, kRevisions);
  for (std::uint64_t i = 2; i <= kRevisions; i += random() % 20 + 1) {
    const Snapshot old = reader.at(i);
    ASSERT_EQ(old.revision(), i);
    ASSERT_EQ(old.info().revision, i);
    ASSERT_EQ(number_in(old), std::to_string(i));
    ASSERT_LE(old.view().pending().size(), format::kMaxPendingDeltas);
    ASSERT_EQ(number_in(writer.at(i)), std::to_string(i));
  }
  EXPECT_EQ(number_in(reader.at(1)), "none");
  // And from an old revision one sees its past, and nothing else.
  EXPECT_EQ(contradiction_in(reader.at(1'234)), "");
}

TEST_F(TimeTravel, CountsBackFromTheHead) {
  Writer writer = create_on(disk_);
  for (int i = 0; i < 300; ++i) commit_number(writer);
  const Reader reader = read_on(disk_);
  EXPECT_EQ(reader.at("head").revision(), 301U);
  for (const std::uint64_t steps : {0U, 1U, 2U, 40U, 299U, 300U}) {
    EXPECT_EQ(reader.at("~" + std::to_string(steps)).revision(), 301U - steps);
    EXPECT_EQ(writer.at("~" + std::to_string(steps)).revision(), 301U - steps);
  }
  EXPECT_EQ(error_of([&] { (void)reader.at("~301"); }), ErrorCode::kNotFound);
  EXPECT_NE(words_of([&] { (void)reader.at("~301"); }).find("only 301"), std::string::npos);
}

TEST_F(TimeTravel, FindsTheNewestRevisionAtOrBeforeATime) {
  // Created at second 1 (the file) and 2 (its identity); revision 1 is committed at second 3.
  Writer writer = create_on(disk_);
  for (int i = 0; i < 300; ++i) commit_number(writer);
  const Reader reader = read_on(disk_);
  std::map<std::uint64_t, std::int64_t> times;
  reader.head().history([&](const RevisionInfo& info) {
    times[info.revision] = info.time_nanos;
    return true;
  });
  ASSERT_EQ(times.size(), 301U);
  const auto at_second = [](std::int64_t second) {
    // 22:13:20 is the clock's beginning.
    const std::int64_t of_hour = 13 * 60 + 20 + second;
    char written[32];
    std::snprintf(written, sizeof written, "2023-11-14T22:%02d:%02dZ",
                  static_cast<int>(of_hour / 60), static_cast<int>(of_hour % 60));
    return std::string(written);
  };
  for (const auto& [revision, time] : times) {
    const std::int64_t second = (time - kClockBegin) / kClockStep;
    ASSERT_EQ(reader.at(at_second(second)).revision(), revision);
  }
  EXPECT_EQ(reader.at("2100-01-01T00:00:00Z").revision(), 301U);
  EXPECT_EQ(reader.at("2023-11-14T23:13:25+01:00").revision(),
            reader.at("2023-11-14T22:13:25Z").revision());
  EXPECT_EQ(error_of([&] { (void)reader.at("2001-01-01T00:00:00Z"); }), ErrorCode::kNotFound);
}

TEST_F(TimeTravel, HistoryAfterARevisionIsTheRestOfHistoryForwards) {
  std::mt19937_64 random(random_seed());
  Writer writer = create_on(disk_);
  for (int i = 0; i < 120; ++i) commit_number(writer, random() % 9 == 0 ? folded() : relaxed());
  const Reader reader = read_on(disk_);
  for (const std::uint64_t shown : {1, 2, 77, 120, 121}) {
    const Snapshot snapshot = reader.at(shown);
    for (std::uint64_t after = 0; after <= shown + 1; ++after) {
      std::uint64_t next = after;
      snapshot.history_after(after, [&](const RevisionInfo& info) {
        EXPECT_EQ(info.revision, ++next);
        return true;
      });
      ASSERT_EQ(next, std::max(after, shown));
      std::uint64_t asked = 0;
      snapshot.history_after(after, [&](const RevisionInfo&) { return ++asked < 3; });
      ASSERT_EQ(asked, std::min<std::uint64_t>(3, shown - std::min(after, shown)));
    }
  }
}

TEST_F(TimeTravel, KeepsTimesInOrderWhenTheClockGoesBack) {
  CreateOptions options = creating_on(disk_);
  std::int64_t now = kClockBegin;
  options.clock = [&now] { return now; };
  Writer writer = Writer::create(kDiskPath, options);
  for (const std::int64_t step : {5, -100, 7, -1, 200}) {
    now += step * kClockStep;
    commit_number(writer);
  }
  std::int64_t last = std::numeric_limits<std::int64_t>::max();
  writer.head().history([&](const RevisionInfo& info) {
    EXPECT_LE(info.time_nanos, last);
    last = info.time_nanos;
    return true;
  });
}

TEST_F(TimeTravel, FindsCheckpointsByIdPrefixAndDescription) {
  Writer writer = create_on(disk_);
  commit_number(writer);
  const std::string first = checkpoint_at(writer, "aaaa1111-0000-4000-8000-000000000001", "one");
  commit_number(writer);
  const std::string second = checkpoint_at(writer, "aaaa2222-0000-4000-8000-000000000002", "two");
  const std::string twin = checkpoint_at(writer, "bbbb3333-0000-4000-8000-000000000003", "two");
  for (int i = 0; i < 5; ++i) commit_number(writer);
  const Reader reader = read_on(disk_);
  const auto find = [&](std::string_view name) {
    return std::to_string(reader.at(name).revision());
  };
  EXPECT_EQ(find("aaaa1111-0000-4000-8000-000000000001"), first);
  EXPECT_EQ(find("aaaa1"), first);
  EXPECT_EQ(find("aaaa2222"), second);
  EXPECT_EQ(find("bbbb"), twin);
  EXPECT_EQ(find("one"), first);
  EXPECT_EQ(error_of([&] { (void)reader.at("two"); }), ErrorCode::kUsage);
  EXPECT_EQ(error_of([&] { (void)reader.at("aaaa"); }), ErrorCode::kUsage);
  EXPECT_NE(words_of([&] { (void)reader.at("aaaa"); }).find("aaaa1111"), std::string::npos);
  EXPECT_EQ(error_of([&] { (void)reader.at("bbb"); }), ErrorCode::kNotFound);
  EXPECT_EQ(error_of([&] { (void)reader.at("three"); }), ErrorCode::kNotFound);
  EXPECT_EQ(error_of([&] { (void)reader.at(""); }), ErrorCode::kNotFound);
  EXPECT_EQ(error_of([&] { (void)reader.at("~"); }), ErrorCode::kNotFound);
  EXPECT_EQ(error_of([&] { (void)reader.at("-1"); }), ErrorCode::kNotFound);
}

TEST_F(TimeTravel, ErrorsNameTheNearestRevisions) {
  Writer writer = create_on(disk_);
  for (int i = 0; i < 300; ++i) commit_number(writer);
  const Reader reader = read_on(disk_);
  for (const std::string name : {"302", "99999999999999999999", "0"}) {
    EXPECT_EQ(error_of([&] { (void)reader.at(name); }), ErrorCode::kNotFound) << name;
  }
  const std::string words = words_of([&] { (void)reader.at(302); });
  EXPECT_NE(words.find("nearest"), std::string::npos);
  EXPECT_NE(words.find("301"), std::string::npos);
  EXPECT_NE(words.find(kDiskPath), std::string::npos);
  EXPECT_NE(words_of([&] { (void)reader.at(0); }).find("1"), std::string::npos);
  EXPECT_EQ(error_of([&] { (void)writer.at(302); }), ErrorCode::kNotFound);
}

TEST_F(TimeTravel, SaysOfEachRevisionWhatItDid) {
  Writer writer = create_on(disk_);
  auto change = writer.begin();
  for (std::uint64_t i = 0; i < 3; ++i) put_task(change, numbered("t", i), {.title = "x"});
  CommitOptions options;
  options.message = "three tasks";
  const CommitResult three = change.commit(options);
  auto erasing = writer.begin();
  (void)erasing.erase(Table::kTasks, numbered("t", 0));
  (void)erasing.commit();
  const std::string id = "aaaa1111-0000-4000-8000-000000000001";
  checkpoint_at(writer, id, "one");
  std::vector<RevisionInfo> history;
  read_on(disk_).head().history([&](const RevisionInfo& info) {
    history.push_back(info);
    return true;
  });
  ASSERT_EQ(history.size(), 4U);
  EXPECT_EQ(history[0].checkpoint, id);
  EXPECT_EQ(history[0].kind, CommitKind::kSnapshot);
  EXPECT_TRUE(history[0].fingerprint);
  EXPECT_EQ(history[1].erases, 1U);
  EXPECT_EQ(history[1].upserts, 0U);
  EXPECT_EQ(history[2].upserts, 3U);
  EXPECT_EQ(history[2].message, "three tasks");
  EXPECT_EQ(history[2].kind, CommitKind::kDelta);
  EXPECT_EQ(history[2].size_bytes, three.written_bytes);
  EXPECT_FALSE(history[2].fingerprint);
  for (std::size_t i = 0; i < history.size(); ++i) {
    EXPECT_EQ(history[i].revision, 4 - i);
    EXPECT_EQ(history[i].parent, 3 - i);
  }
}

}  // namespace
}  // namespace session::test
