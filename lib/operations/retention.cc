#include "lib/operations/retention.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <string>

namespace session {

bool RetentionPolicy::empty() const {
  return keep_last == 0 && !hourly.given() && !daily.given() && !weekly.given() &&
         !monthly.given() && keep_within_nanos == 0 && keep_tags.empty();
}

namespace operations {
namespace {

using Days = std::chrono::sys_days;
using Nanos = std::chrono::sys_time<std::chrono::nanoseconds>;

Days day_of(std::int64_t nanos) {
  return std::chrono::floor<std::chrono::days>(Nanos(std::chrono::nanoseconds(nanos)));
}

template <class... Values>
std::string formatted(const char* format, Values... values) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), format, values...);
  return text.data();
}

std::string date_text(Days day) {
  const std::chrono::year_month_day date(day);
  return formatted("%04d-%02u-%02u", static_cast<int>(date.year()),
                   static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

std::string hour_name(std::int64_t nanos) {
  const auto hour = std::chrono::floor<std::chrono::hours>(Nanos(std::chrono::nanoseconds(nanos)));
  const Days day = std::chrono::floor<std::chrono::days>(hour);
  return date_text(day) + formatted(" %02d:00", static_cast<int>((hour - day).count()));
}

std::string day_name(std::int64_t nanos) {
  return date_text(day_of(nanos));
}

// ISO 8601: a week belongs to the year that its Thursday is in.
std::string week_name(std::int64_t nanos) {
  const Days day = day_of(nanos);
  const std::chrono::weekday weekday(day);
  const Days thursday = day + std::chrono::days(4 - static_cast<int>(weekday.iso_encoding()));
  const std::chrono::year year = std::chrono::year_month_day(thursday).year();
  const auto days = thursday - Days(year / std::chrono::January / 1);
  return formatted("%04d-W%02d", static_cast<int>(year),
                   static_cast<int>(days / std::chrono::days(7)) + 1);
}

std::string month_name(std::int64_t nanos) {
  const std::chrono::year_month_day date(day_of(nanos));
  return formatted("%04d-%02u", static_cast<int>(date.year()), static_cast<unsigned>(date.month()));
}

// `time` lies at most `span` before `newest`.
bool is_within(std::int64_t time, std::int64_t newest, std::int64_t span) {
  constexpr std::int64_t kFirst = std::numeric_limits<std::int64_t>::min();
  return time >= (newest < kFirst + span ? kFirst : newest - span);
}

class Planner {
 public:
  Planner(const std::vector<RevisionInfo>& history, const std::set<std::uint64_t>& dropped)
      : history_(history), dropped_(dropped), fates_(history.size()) {
    for (std::size_t i = 0; i < history.size(); ++i) {
      fates_[i].revision = history[i].revision;
      fates_[i].time_nanos = history[i].time_nanos;
    }
  }

  void keep_pinned(const std::map<std::uint64_t, std::vector<const CheckpointInfo*>>& checkpoints) {
    for (std::size_t i = 0; i < history_.size(); ++i) {
      if (i + 1 == history_.size()) keep(i, "head");
      const auto found = checkpoints.find(history_[i].revision);
      if (found == checkpoints.end()) continue;
      fates_[i].checkpoint = found->second.front()->id;
      for (const CheckpointInfo* checkpoint : found->second) {
        if (checkpoint->trigger == schema::Trigger::MANUAL) keep(i, "manual checkpoint");
        if (checkpoint->trigger == schema::Trigger::MILESTONE) keep(i, "milestone checkpoint");
      }
    }
  }

  void keep_tagged(const std::map<std::uint64_t, std::vector<const CheckpointInfo*>>& checkpoints,
                   const std::vector<std::string>& tags) {
    for (std::size_t i = 0; i < history_.size(); ++i) {
      const auto found = checkpoints.find(history_[i].revision);
      if (found == checkpoints.end()) continue;
      for (const CheckpointInfo* checkpoint : found->second) {
        for (const std::string& tag : tags) {
          if (std::count(checkpoint->tags.begin(), checkpoint->tags.end(), tag) != 0) {
            keep(i, "tag " + tag);
          }
        }
      }
    }
  }

  void keep_last(std::uint64_t count) {
    for (std::size_t i = history_.size(); i > 0 && count > 0; --i) {
      if (keep(i - 1, "among the last")) --count;
    }
  }

  void keep_within(std::int64_t span) {
    if (span == 0) return;
    for (std::size_t i = 0; i < history_.size(); ++i) {
      if (is_within(history_[i].time_nanos, newest(), span)) keep(i, "within the span");
    }
  }

  void keep_every(const KeepEvery& rule, const std::string& word,
                  const std::function<std::string(std::int64_t)>& name_of) {
    if (!rule.given()) return;
    std::string last;
    std::uint64_t kept = 0;
    for (std::size_t i = history_.size(); i > 0; --i) {
      if (dropped_.contains(history_[i - 1].revision)) continue;
      const std::int64_t time = history_[i - 1].time_nanos;
      const std::string name = name_of(time);
      if (name == last) continue;
      last = name;
      const bool is_wanted =
          rule.count > kept || (rule.span_nanos != 0 && is_within(time, newest(), rule.span_nanos));
      if (!is_wanted) return;
      ++kept;
      keep(i - 1, word + " " + name);
    }
  }

  void keep_all() {
    for (std::size_t i = 0; i < history_.size(); ++i) {
      if (fates_[i].reasons.empty()) keep(i, "no rule of retention");
    }
  }

  std::vector<RevisionFate> take() {
    for (RevisionFate& fate : fates_) {
      fate.kept = !fate.reasons.empty();
      if (fate.kept) continue;
      fate.reasons.emplace_back(dropped_.contains(fate.revision) ? "dropped by name"
                                                                 : "no rule keeps it");
    }
    return std::move(fates_);
  }

 private:
  [[nodiscard]] std::int64_t newest() const { return history_.back().time_nanos; }
  // False for what was dropped by name.
  bool keep(std::size_t i, std::string reason) {
    if (dropped_.contains(history_[i].revision)) return false;
    std::vector<std::string>& reasons = fates_[i].reasons;
    if (std::count(reasons.begin(), reasons.end(), reason) == 0) {
      reasons.push_back(std::move(reason));
    }
    return true;
  }

  const std::vector<RevisionInfo>& history_;
  const std::set<std::uint64_t>& dropped_;
  std::vector<RevisionFate> fates_;
};

}  // namespace

std::vector<RevisionFate> plan_retention(const std::vector<RevisionInfo>& history,
                                         const std::vector<CheckpointInfo>& checkpoints,
                                         const RetentionPolicy& policy,
                                         const std::set<std::uint64_t>& dropped) {
  if (history.empty()) return {};
  std::map<std::uint64_t, std::vector<const CheckpointInfo*>> by_revision;
  for (const CheckpointInfo& checkpoint : checkpoints) {
    by_revision[checkpoint.revision].push_back(&checkpoint);
  }
  Planner planner(history, dropped);
  planner.keep_pinned(by_revision);
  planner.keep_tagged(by_revision, policy.keep_tags);
  planner.keep_last(policy.keep_last);
  planner.keep_within(policy.keep_within_nanos);
  planner.keep_every(policy.hourly, "hourly", hour_name);
  planner.keep_every(policy.daily, "daily", day_name);
  planner.keep_every(policy.weekly, "weekly", week_name);
  planner.keep_every(policy.monthly, "monthly", month_name);
  if (policy.empty()) planner.keep_all();
  return planner.take();
}

}  // namespace operations
}  // namespace session
