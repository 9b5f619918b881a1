#pragma once
// Which pending tasks could be started, without looking at all of them.
//
// A task that nothing holds back is a candidate. One that waits is filed under the first task that
// holds it back only, and is looked at again when that one lets go: the watched literal of SAT
// solvers (Moskewicz et al., "Chaff", DAC 2001). So a change costs what waits for it, not what
// depends on it. A candidate is checked again before it is handed out, so one that stopped being
// ready needs no notice.
//
// Both sets are bounded. Of the candidates the best stay; when something was left out and the set
// does not fill what is asked for, all tasks are walked again.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "session/snapshot.h"

namespace session::manager {

// A task's dependency of this type holds it back until the target has this behind it.
[[nodiscard]] constexpr bool is_satisfying(schema::TaskStatus status) {
  return status == schema::TaskStatus::COMPLETED || status == schema::TaskStatus::SKIPPED;
}

class ReadyIndex {
 public:
  static constexpr std::size_t kMaxWaiting = 65'536;

  using Task = schema::Task::Reader;
  using Find = std::function<std::optional<Entry<schema::Task>>(std::string_view key)>;
  using Visit = std::function<void(std::string_view key, Task task)>;
  using ForEach = std::function<void(const Visit& visit)>;

  ReadyIndex(Find find, ForEach for_each, std::size_t max_candidates,
             std::size_t max_waiting = kMaxWaiting);

  // Files all that `for_each` shows, and nothing else. If it throws, all are left out.
  void rebuild(const ForEach& for_each);
  // Forgets everything; the next question walks all tasks.
  void leave_all_out();
  // Files a task by what it says now; what it said before must have been dropped.
  void add(std::string_view key, Task task);
  void drop(std::string_view key, Task task);
  // The task was completed or skipped, is not in progress any more, or is gone: looks at those that
  // waited for it.
  void release(std::string_view key);

  [[nodiscard]] std::vector<std::string> ready(std::size_t limit);

 private:
  using Candidate = std::tuple<int, std::int64_t, std::string>;  // priority, rank, key

  [[nodiscard]] static Candidate candidate(std::string_view key, Task task);
  // The first task that keeps it from being started.
  [[nodiscard]] std::optional<std::string> held_back_by(Task task) const;
  [[nodiscard]] bool waits_by_preference(Task task) const;
  void wait(std::string_view key, std::string target);
  void stop_waiting(std::string_view key);
  void clear();
  void insert(Candidate candidate);
  [[nodiscard]] std::vector<std::string> collect(std::size_t limit);

  Find find_;
  ForEach for_each_;
  std::size_t max_candidates_;
  std::size_t max_waiting_;
  std::set<Candidate> candidates_;
  std::optional<Candidate> left_out_from_;  // candidates from here on are not all in the set
  std::map<std::string, std::string, std::less<>> waits_for_;  // task -> target
  std::set<std::pair<std::string, std::string>> waiting_;      // target, task
  bool waiting_left_out_ = false;
};

}  // namespace session::manager
