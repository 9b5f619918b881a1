#include "lib/operations/retention.h"

#include <gtest/gtest.h>

#include <ctime>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tests/support/random_record.h"
#include "tests/support/seed.h"

namespace session::operations {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kHour = 3'600 * kSecond;
constexpr std::int64_t kDay = 24 * kHour;
// 2026-11-22T00:00:00Z, a Sunday.
constexpr std::int64_t kSunday = 1'795'305'600 * kSecond;

std::vector<RevisionInfo> revisions_at(const std::vector<std::int64_t>& times) {
  std::vector<RevisionInfo> history;
  for (const std::int64_t time : times) {
    RevisionInfo info;
    info.revision = history.size() + 1;
    info.time_nanos = time;
    history.push_back(info);
  }
  return history;
}

CheckpointInfo checkpoint_at(std::uint64_t revision, schema::Trigger trigger,
                             std::vector<std::string> tags = {}) {
  CheckpointInfo checkpoint;
  checkpoint.id = "c" + std::to_string(revision);
  checkpoint.revision = revision;
  checkpoint.trigger = trigger;
  checkpoint.tags = std::move(tags);
  return checkpoint;
}

// "1,3: head": what stays and the reasons of the newest.
std::string kept(const std::vector<RevisionFate>& fates) {
  std::string text;
  for (const RevisionFate& fate : fates) {
    if (fate.kept) text += (text.empty() ? "" : ",") + std::to_string(fate.revision);
  }
  return text;
}

std::string reasons(const RevisionFate& fate) {
  std::string text;
  for (const std::string& reason : fate.reasons) text += (text.empty() ? "" : ", ") + reason;
  return text;
}

TEST(Retention, WithoutARuleEverythingStays) {
  const auto fates = plan_retention(revisions_at({1, 2, 3}), {}, {}, {});
  EXPECT_EQ(kept(fates), "1,2,3");
  EXPECT_EQ(reasons(fates[2]), "head");
}

TEST(Retention, TheHeadStaysWhateverTheRules) {
  RetentionPolicy policy;
  policy.keep_tags = {"nobody has this"};
  EXPECT_EQ(kept(plan_retention(revisions_at({1, 2, 3}), {}, policy, {})), "3");
}

TEST(Retention, ManualAndMilestoneCheckpointsStayAndAutomaticOnesDoNot) {
  RetentionPolicy policy;
  policy.keep_last = 1;
  const std::vector<CheckpointInfo> checkpoints = {
      checkpoint_at(1, schema::Trigger::MANUAL), checkpoint_at(2, schema::Trigger::MILESTONE),
      checkpoint_at(3, schema::Trigger::TIME_INTERVAL), checkpoint_at(4, schema::Trigger::ERROR)};
  const auto fates = plan_retention(revisions_at({1, 2, 3, 4, 5}), checkpoints, policy, {});
  EXPECT_EQ(kept(fates), "1,2,5");
  EXPECT_EQ(reasons(fates[0]), "manual checkpoint");
  EXPECT_EQ(reasons(fates[1]), "milestone checkpoint");
  EXPECT_EQ(reasons(fates[2]), "no rule keeps it");
  EXPECT_EQ(reasons(fates[4]), "head, among the last");
}

TEST(Retention, WhatIsDroppedByNameGoesAndCountsForNoRule) {
  RetentionPolicy policy;
  policy.keep_last = 2;
  const auto fates = plan_retention(revisions_at({1, 2, 3}),
                                    {checkpoint_at(2, schema::Trigger::MANUAL)}, policy, {2});
  EXPECT_EQ(kept(fates), "1,3");
  EXPECT_EQ(reasons(fates[1]), "dropped by name");
}

TEST(Retention, TagsKeepTheirCheckpoints) {
  RetentionPolicy policy;
  policy.keep_tags = {"release"};
  const auto fates =
      plan_retention(revisions_at({1, 2, 3}),
                     {checkpoint_at(1, schema::Trigger::TIME_INTERVAL, {"release", "x"}),
                      checkpoint_at(2, schema::Trigger::TIME_INTERVAL, {"x"})},
                     policy, {});
  EXPECT_EQ(kept(fates), "1,3");
  EXPECT_EQ(reasons(fates[0]), "tag release");
}

TEST(Retention, ADayKeepsItsNewest) {
  RetentionPolicy policy;
  policy.daily.count = 2;
  const auto fates = plan_retention(
      revisions_at({kSunday - kDay, kSunday, kSunday + kHour, kSunday + kDay - 1, kSunday + kDay}),
      {}, policy, {});
  EXPECT_EQ(kept(fates), "4,5");
  EXPECT_EQ(reasons(fates[3]), "daily 2026-11-22");
  EXPECT_EQ(reasons(fates[4]), "head, daily 2026-11-23");
}

TEST(Retention, DaysWithoutARevisionCountForNothing) {
  RetentionPolicy policy;
  policy.daily.count = 2;
  EXPECT_EQ(kept(plan_retention(revisions_at({0, kSunday - 100 * kDay, kSunday}), {}, policy, {})),
            "2,3");
}

TEST(Retention, ASpanCountsBackFromTheNewest) {
  RetentionPolicy policy;
  policy.daily.span_nanos = 2 * kDay;
  const auto history =
      revisions_at({kSunday - 3 * kDay, kSunday - 2 * kDay, kSunday - kHour, kSunday});
  EXPECT_EQ(kept(plan_retention(history, {}, policy, {})), "2,3,4");
  RetentionPolicy within;
  within.keep_within_nanos = kHour;
  EXPECT_EQ(kept(plan_retention(history, {}, within, {})), "3,4");
}

TEST(Retention, AWeekBeginsOnMondayAndBelongsToTheYearOfItsThursday) {
  RetentionPolicy policy;
  policy.weekly.count = 3;
  // 2025-12-28 is a Sunday, 2025-12-29 the Monday of 2026-W01.
  const std::int64_t monday = 1'766'966'400 * kSecond;
  const auto fates =
      plan_retention(revisions_at({monday - 1, monday, monday + 4 * kDay}), {}, policy, {});
  EXPECT_EQ(kept(fates), "1,3");
  EXPECT_EQ(reasons(fates[0]), "weekly 2025-W52");
  EXPECT_EQ(reasons(fates[2]), "head, weekly 2026-W01");
}

TEST(Retention, HoursAndMonthsHaveTheirNames) {
  RetentionPolicy policy;
  policy.hourly.count = 1;
  policy.monthly.count = 1;
  const auto fates = plan_retention(revisions_at({kSunday + 13 * kHour + 5}), {}, policy, {});
  EXPECT_EQ(reasons(fates[0]), "head, hourly 2026-11-22 13:00, monthly 2026-11");
}

TEST(Retention, TimesBefore1970AndAtTheEdgesHaveDaysToo) {
  RetentionPolicy policy;
  policy.daily.count = 5;
  policy.keep_within_nanos = std::numeric_limits<std::int64_t>::max();
  const auto fates = plan_retention(revisions_at({std::numeric_limits<std::int64_t>::min(), -1, 0}),
                                    {}, policy, {});
  EXPECT_EQ(reasons(fates[1]), "within the span, daily 1969-12-31");
}

// ---- against the definition ---------------------------------------------------------------------

using BucketOf = std::function<std::int64_t(std::int64_t)>;

std::int64_t month_of(std::int64_t nanos) {
  const std::time_t seconds = static_cast<std::time_t>(nanos / kSecond);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  return parts.tm_year * 12 + parts.tm_mon;
}

void keep_buckets(const std::vector<RevisionInfo>& history, const std::set<std::uint64_t>& dropped,
                  const KeepEvery& rule, const BucketOf& bucket_of, std::set<std::uint64_t>& kept) {
  std::map<std::int64_t, RevisionInfo, std::greater<>> newest;
  for (const RevisionInfo& info : history) {
    if (!dropped.contains(info.revision)) newest[bucket_of(info.time_nanos)] = info;
  }
  std::uint64_t rank = 0;
  for (const auto& [bucket, info] : newest) {
    const bool in_span =
        rule.span_nanos != 0 && history.back().time_nanos - info.time_nanos <= rule.span_nanos;
    if (rank++ < rule.count || in_span) kept.insert(info.revision);
  }
}

KeepEvery random_rule(test::RandomRecord& random, std::int64_t unit) {
  KeepEvery rule;
  if (random.one_in(2)) return rule;
  if (random.one_in(2)) {
    rule.count = 1 + random.below(6);
  } else {
    rule.span_nanos = static_cast<std::int64_t>(1 + random.below(6)) * unit;
  }
  return rule;
}

TEST(RetentionProperty, KeepsWhatTheRulesSayOneByOne) {
  test::RandomRecord random(test::random_seed());
  for (int round = 0; round < 300; ++round) {
    std::vector<std::int64_t> times;
    std::int64_t time = kSunday;
    for (std::size_t n = 1 + random.below(60); n > 0; --n) {
      time += static_cast<std::int64_t>(random.below(random.one_in(4) ? 20 * kDay : 3 * kHour));
      times.push_back(time);
    }
    const auto history = revisions_at(times);
    RetentionPolicy policy;
    policy.keep_last = random.below(4);
    policy.hourly = random_rule(random, kHour);
    policy.daily = random_rule(random, kDay);
    policy.weekly = random_rule(random, 7 * kDay);
    policy.monthly = random_rule(random, 30 * kDay);
    policy.keep_within_nanos = random.one_in(3) ? 5 * kDay : 0;
    std::set<std::uint64_t> dropped;
    std::set<std::uint64_t> expected = {history.back().revision};
    for (std::size_t i = 0; i + 1 < history.size(); ++i) {
      if (random.one_in(10)) dropped.insert(i + 1);
    }
    std::uint64_t last = policy.keep_last;
    for (auto info = history.rbegin(); info != history.rend(); ++info) {
      if (dropped.contains(info->revision)) continue;
      const bool in_span =
          policy.keep_within_nanos != 0 && time - info->time_nanos <= policy.keep_within_nanos;
      if (last > 0 || in_span || policy.empty()) expected.insert(info->revision);
      if (last > 0) --last;
    }
    keep_buckets(
        history, dropped, policy.hourly, [](auto t) { return t / kHour; }, expected);
    keep_buckets(
        history, dropped, policy.daily, [](auto t) { return t / kDay; }, expected);
    keep_buckets(
        history, dropped, policy.weekly, [](auto t) { return (t / kDay + 3) / 7; }, expected);
    keep_buckets(history, dropped, policy.monthly, month_of, expected);
    std::set<std::uint64_t> found;
    for (const RevisionFate& fate : plan_retention(history, {}, policy, dropped)) {
      EXPECT_FALSE(fate.reasons.empty());
      if (fate.kept) found.insert(fate.revision);
    }
    ASSERT_EQ(found, expected) << "round " << round;
  }
}

}  // namespace
}  // namespace session::operations
