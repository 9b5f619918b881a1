#pragma once
// The corrections of meaning, table by table. See repair_meaning.h.

#include <capnp/message.h>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "lib/convert/json.h"
#include "lib/operations/meaning_parts.h"
#include "session/repair.h"
#include "session/writer.h"

namespace session::operations {

// What a correction needs: the findings, the state they were found in, the changes, the report.
class Corrections {
 public:
  Corrections(Transaction& change, const ProgressCallback& progress)
      : change_(change), progress_(progress), now_(change.so_far()) {}

  // Looks for findings in what the changes have made of the session; false if none can be
  // corrected.
  [[nodiscard]] bool look();
  [[nodiscard]] const std::vector<Finding>& findings() const { return findings_; }
  [[nodiscard]] bool has(FindingCode code) const;
  // The records of a table with one of these findings.
  [[nodiscard]] std::set<std::string> keys(Table table,
                                           std::initializer_list<FindingCode> codes) const;

  // The state as of the last look() or refresh().
  [[nodiscard]] const Snapshot& now() const { return now_; }
  void refresh() { now_ = change_.so_far(); }
  [[nodiscard]] Transaction& change() { return change_; }
  [[nodiscard]] bool task_exists(std::string_view key) const {
    return now_.find(Table::kTasks, key).has_value();
  }

  // Reports a correction: what was wrong, what stood there, what stands there now.
  void tell(FindingCode code, Table table, std::string_view key, std::string message,
            std::string before, std::string after);
  // Keeps what a record has to lose as a value of its own, and returns that value's key.
  std::string set_aside(Table table, std::string_view key, const convert::json::Value& content);
  // The same for a value, which is moved as it is.
  std::string move_aside(std::string_view key);

  // `edit(before, record)` changes a copy of the record, which has its large texts in place.
  template <class Record, class Edit>
  void edit(std::string_view key, Edit&& edit) {
    const auto entry = now_.find(kTableOf<Record>, key);
    if (!entry) return;
    const WholeRecord whole = now_.whole(kTableOf<Record>, *entry);
    const auto before = whole.as<Record>();
    capnp::MallocMessageBuilder message;
    message.setRoot(before);
    edit(before, message.getRoot<Record>());
    (void)change_.upsert_if_different(kTableOf<Record>, key,
                                      AnyRecord(message.getRoot<Record>().asReader()));
    advance();
  }

  // Throws kInterrupted when the caller wants no more. Once per record.
  void advance();
  [[nodiscard]] std::size_t told() const { return actions_.size(); }
  // Takes back what was told since, where nothing came of it.
  void take_back(std::size_t told) { actions_.resize(told); }
  [[nodiscard]] std::vector<RepairAction> take_actions() { return std::move(actions_); }

 private:
  [[nodiscard]] std::string free_key(Table table, std::string_view key) const;

  Transaction& change_;
  const ProgressCallback& progress_;
  Snapshot now_;
  std::vector<Finding> findings_;
  std::vector<RepairAction> actions_;
  std::uint64_t records_ = 0;
};

void correct_tasks(Corrections& corrections);
void correct_executions(Corrections& corrections);
void correct_messages(Corrections& corrections);
void correct_events(Corrections& corrections);
void correct_bookkeeping(Corrections& corrections);
void correct_imported_aca(Corrections& corrections);

// Which of the parents and dependencies that go round in circles have to go: of each circle the
// newest.
struct BrokenCircles {
  struct Edge {
    std::string task;
    std::string target;
    schema::DependencyType type = schema::DependencyType::PREREQUISITE;
    friend bool operator<(const Edge& a, const Edge& b) {
      return std::tie(a.task, a.target, a.type) < std::tie(b.task, b.target, b.type);
    }
  };
  std::set<Edge> dependencies;
  std::set<std::string> parents;  // of these tasks
};
[[nodiscard]] BrokenCircles break_circles(Corrections& corrections);

// Times that must not fall, mended: as many as possible stay, and each of the others becomes the
// one before it that stays (before the first, the first).
[[nodiscard]] std::vector<std::int64_t> rising_times(const std::vector<std::int64_t>& times);

// A name as a report shows it.
[[nodiscard]] inline std::string quoted(std::string_view text) {
  std::string result(1, '"');
  result += text;
  return result + '"';
}

}  // namespace session::operations
