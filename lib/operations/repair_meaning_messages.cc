// The conversation and the events: names twice, references that lead nowhere, times that fall.

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "format/checksum.h"
#include "format/record.h"
#include "lib/convert/time_text.h"
#include "lib/operations/repair_meaning_parts.h"

namespace session::operations {
namespace {

constexpr std::uint32_t kOnSideChain = 1;

std::uint64_t hash_of(std::string_view text) {
  return format::xxh3_64(format::as_bytes(text));
}

// What is wrong with one message or event. The words that go are looked up when it is edited.
struct Wrong {
  std::optional<std::string> same_as;  // the message with its id that came first
  bool has_no_parent = false;
  bool has_no_task = false;
  std::optional<std::int64_t> time;  // what it has to be
};
using Wrongs = std::map<std::string, Wrong>;

// Times of several clocks, each of which must not fall. `each(visit)` calls visit(key, clock, time)
// for every record that has one, in order.
template <class Each>
void find_mended_times(const std::unordered_set<std::uint64_t>& clocks, Each each, Wrongs& wrongs) {
  struct Line {
    std::vector<std::int64_t> times;
    std::vector<std::int64_t> risen;
    std::size_t at = 0;
  };
  std::unordered_map<std::uint64_t, Line> lines;
  each([&](std::string_view, std::uint64_t clock, std::int64_t time) {
    if (clocks.contains(clock)) lines[clock].times.push_back(time);
  });
  for (auto& [clock, line] : lines) line.risen = rising_times(line.times);
  each([&](std::string_view key, std::uint64_t clock, std::int64_t time) {
    const auto found = lines.find(clock);
    if (found == lines.end()) return;
    const std::int64_t risen = found->second.risen[found->second.at++];
    if (risen != time) wrongs[std::string(key)].time = risen;
  });
}

template <class Record>
void mend_time(Corrections& corrections, std::string_view key, const Wrong& wrong,
               typename Record::Reader before, typename Record::Builder record) {
  if (!wrong.time) return;
  record.setTime(*wrong.time);
  const std::uint32_t form = before.getTimeForm();
  corrections.tell(FindingCode::kTimeOrder, kTableOf<Record>, key,
                   "its time did not fit to those before and behind it",
                   convert::format_time(before.getTime(), form),
                   convert::format_time(*wrong.time, form));
}

template <class Record>
void drop_task(Corrections& corrections, std::string_view key, const Wrong& wrong,
               typename Record::Reader before, typename Record::Builder record) {
  if (!wrong.has_no_task) return;
  record.disownTask();
  corrections.tell(FindingCode::kBrokenReference, kTableOf<Record>, key,
                   "it belonged to a task that does not exist",
                   "task " + quoted(text_view(before.getTask())), "no task");
}

class MessageCorrections {
 public:
  explicit MessageCorrections(Corrections& corrections) : corrections_(corrections) {}

  void run() {
    read_findings();
    if (!same_ids_.empty() || !parents_.empty()) find_ids();
    settle_parents();
    settle_duplicates();
    if (!clocks_.empty()) {
      find_mended_times(
          clocks_,
          [this](auto visit) {
            each([&](std::string_view key, schema::Message::Reader message) {
              if (has_clock(message)) visit(key, clock_of(message), message.getTime());
            });
          },
          wrongs_);
    }
    for (const auto& [key, wrong] : wrongs_) correct(key, wrong);
  }

 private:
  // Side chains run beside the main one.
  static bool has_clock(schema::Message::Reader message) {
    return message.getTimeForm() != convert::kNoTime && (message.getFlags() & kOnSideChain) == 0;
  }
  static std::uint64_t clock_of(schema::Message::Reader message) {
    return hash_of(text_view(message.getAgent()));
  }

  template <class Visit>
  void each(Visit visit) {
    for (Cursor cursor = corrections_.now().cursor(Table::kMessages); cursor.valid();
         cursor.next()) {
      visit(cursor.key(), cursor.record().as<schema::Message>());
      corrections_.advance();
    }
  }

  void read_findings() {
    for (const Finding& finding : corrections_.findings()) {
      if (finding.table != Table::kMessages) continue;
      const auto message = corrections_.now().get<schema::Message>(finding.key);
      if (!message) continue;
      if (finding.code == FindingCode::kTimeOrder) clocks_.insert(clock_of(**message));
      if (finding.code == FindingCode::kDuplicateMessage) {
        same_ids_.emplace(finding.key, hash_of(text_view((*message)->getId())));
      }
      if (finding.code != FindingCode::kBrokenReference) continue;
      const std::string_view task = text_view((*message)->getTask());
      if (!task.empty() && !corrections_.task_exists(task)) wrongs_[finding.key].has_no_task = true;
      const std::string_view parent = text_view((*message)->getParentId());
      if (!parent.empty()) parents_.emplace(finding.key, hash_of(parent));
    }
  }

  // Who has the ids that are asked for first.
  void find_ids() {
    std::unordered_set<std::uint64_t> asked;
    for (const auto& [key, id] : same_ids_) asked.insert(id);
    for (const auto& [key, id] : parents_) asked.insert(id);
    each([&](std::string_view key, schema::Message::Reader message) {
      const std::string_view id = text_view(message.getId());
      if (!id.empty() && asked.contains(hash_of(id))) first_.try_emplace(hash_of(id), key);
    });
  }

  void settle_parents() {
    for (const auto& [key, id] : parents_) {
      if (!first_.contains(id)) wrongs_[key].has_no_parent = true;
    }
  }

  void settle_duplicates() {
    for (const auto& [key, id] : same_ids_) {
      const auto found = first_.find(id);
      if (found != first_.end() && found->second != key) wrongs_[key].same_as = found->second;
    }
  }

  void correct(const std::string& key, const Wrong& wrong) {
    if (wrong.same_as && is_same(key, *wrong.same_as)) {
      (void)corrections_.change().erase(Table::kMessages, key);
      tell(FindingCode::kDuplicateMessage, key, "the message stood here a second time",
           "the same as " + quoted(*wrong.same_as), "there alone");
      return;
    }
    corrections_.edit<schema::Message>(key, [&](schema::Message::Reader before, auto message) {
      if (wrong.same_as) {
        message.disownId();
        tell(FindingCode::kDuplicateMessage, key,
             "another message, " + quoted(*wrong.same_as) + ", has the same id and other content",
             "id " + quoted(text_view(before.getId())), "no id; the message stays");
      }
      if (wrong.has_no_parent) {
        message.disownParentId();
        tell(FindingCode::kBrokenReference, key, "the message followed one that does not exist",
             "behind " + quoted(text_view(before.getParentId())), "behind none by name");
      }
      drop_task<schema::Message>(corrections_, key, wrong, before, message);
      mend_time<schema::Message>(corrections_, key, wrong, before, message);
    });
  }

  [[nodiscard]] bool is_same(std::string_view a, std::string_view b) const {
    const auto one = corrections_.now().find(Table::kMessages, a);
    const auto other = corrections_.now().find(Table::kMessages, b);
    return one && other && format::Record(one->record()) == format::Record(other->record());
  }

  void tell(FindingCode code, std::string_view key, std::string message, std::string before,
            std::string after) {
    corrections_.tell(code, Table::kMessages, key, std::move(message), std::move(before),
                      std::move(after));
  }

  Corrections& corrections_;
  Wrongs wrongs_;
  std::unordered_set<std::uint64_t> clocks_;       // that run backwards
  std::map<std::string, std::uint64_t> same_ids_;  // messages with an id that was there before
  std::map<std::string, std::uint64_t> parents_;   // and those behind one that may not exist
  std::unordered_map<std::uint64_t, std::string> first_;  // the first message with an id
};

void correct_event(Corrections& corrections, std::string_view key, const Wrong& wrong) {
  corrections.edit<schema::Event>(key, [&](schema::Event::Reader before, auto event) {
    drop_task<schema::Event>(corrections, key, wrong, before, event);
    mend_time<schema::Event>(corrections, key, wrong, before, event);
  });
}

}  // namespace

void correct_messages(Corrections& corrections) {
  MessageCorrections(corrections).run();
}

void correct_events(Corrections& corrections) {
  Wrongs wrongs;
  std::unordered_set<std::uint64_t> clocks;
  for (const Finding& finding : corrections.findings()) {
    if (finding.table != Table::kEvents) continue;
    if (finding.code == FindingCode::kTimeOrder) clocks.insert(0);
    if (finding.code == FindingCode::kBrokenReference) wrongs[finding.key].has_no_task = true;
  }
  if (!clocks.empty()) {
    find_mended_times(
        clocks,
        [&](auto visit) {
          for (Cursor cursor = corrections.now().cursor(Table::kEvents); cursor.valid();
               cursor.next()) {
            const auto event = cursor.record().as<schema::Event>();
            if (event.getTimeForm() != convert::kNoTime) visit(cursor.key(), 0, event.getTime());
            corrections.advance();
          }
        },
        wrongs);
  }
  for (const auto& [key, wrong] : wrongs) correct_event(corrections, key, wrong);
}

}  // namespace session::operations
