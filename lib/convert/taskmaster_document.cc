#include "lib/convert/taskmaster_document.h"

#include <algorithm>
#include <charconv>
#include <unordered_set>
#include <utility>

#include "format/checksum.h"
#include "format/layout.h"
#include "lib/convert/taskmaster.h"
#include "session/error.h"

namespace session::convert::taskmaster {
namespace {

using json::Member;
using json::Value;

constexpr std::string_view kTasks = "tasks";
constexpr std::string_view kTags = "tags";

constexpr std::int64_t kRanksPerList = std::int64_t{1} << 40;

// The number an id ends with, if it is written plainly: 7 of 7, "7" or 3.7.
std::optional<std::int64_t> number_in(std::string_view id) {
  constexpr std::size_t kMostDigits = 12;
  static_assert(999'999'999'999 < kRanksPerList);
  const std::size_t dot = id.rfind('.');
  if (dot != std::string_view::npos) id.remove_prefix(dot + 1);
  if (id.empty() || id.size() > kMostDigits) return std::nullopt;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), number);
  if (error != std::errc() || end != id.data() + id.size() || number < 0) return std::nullopt;
  return number;
}

class Harvest {
 public:
  Harvest(TaskLists& lists, std::string_view text) : lists_(lists), text_(text) {}

  [[nodiscard]] Taken run() {
    for (TaskList& list : lists_.all()) {
      list_ = &list;
      path_ = list.path;
      take(*list.tasks, "");
    }
    return std::move(taken_);
  }

 private:
  void take(Value& list, const std::string& parent) {
    json::Array elements = std::move(list.items());
    list = Value::array();
    check_ids(elements);
    std::vector<std::size_t> mine;  // of taken_.tasks
    const std::int64_t first = parent.empty() ? first_rank(list_->name) : 0;
    for (std::size_t i = 0; i < elements.size(); ++i) {
      path_.emplace_back(i);
      if (const auto key = key_for(elements[i], parent)) {
        mine.push_back(taken_.tasks.size());
        take_task(*key, parent, first + static_cast<std::int64_t>(i), std::move(elements[i]));
      } else {
        leave(list, i, std::move(elements[i]));
      }
      path_.pop_back();
    }
    if (list.items().empty()) rank_by_number(mine, first);
  }

  // Two of one id among siblings would be one task.
  void check_ids(const json::Array& elements) {
    std::unordered_map<std::string_view, std::size_t> first;
    for (std::size_t i = 0; i < elements.size(); ++i) {
      const auto id = id_text(elements[i]);
      if (!id) continue;
      const auto [at, is_new] = first.try_emplace(*id, i);
      if (is_new) continue;
      const json::TextPlace again = place_of_id(i);
      throw Error(
          ErrorCode::kBadSource,
          "line " + std::to_string(again.line) + ", column " + std::to_string(again.column) +
              ": the id " + json::quote(*id) + " stands twice in one list, first on line " +
              std::to_string(place_of_id(at->second).line) + "; give one of the two another id");
    }
  }
  [[nodiscard]] json::TextPlace place_of_id(std::size_t element) const {
    json::Path path = path_;
    path.emplace_back(element);
    path.emplace_back("id");
    return json::place_of(text_, path);
  }

  // Nothing if the element must stay.
  [[nodiscard]] std::optional<std::string> key_for(const Value& element,
                                                   const std::string& parent) {
    const auto id = id_text(element);
    if (!id) return std::nullopt;
    std::string key = parent.empty() ? list_->name : parent;
    key += '/';
    key += *id;
    if (key.size() > format::kMaxTaskKeyBytes || lists_.of(key) != list_) return std::nullopt;
    // A slash in an id or a tag can make one key of two.
    if (!keys_.insert(key).second) return std::nullopt;
    return key;
  }

  void take_task(const std::string& key, const std::string& parent, std::int64_t rank,
                 Value element) {
    const std::size_t at = taken_.tasks.size();
    taken_.tasks.push_back({key, parent, list_->name, rank, path_, {}});
    Value* subtasks = element.find(kSubtasks);
    if (subtasks != nullptr && subtasks->is_array()) {
      path_.emplace_back(std::string(kSubtasks));
      take(*subtasks, key);
      path_.pop_back();
    }
    taken_.tasks[at].task = std::move(element);
  }

  void leave(Value& list, std::size_t position, Value element) {
    if (taken_.left++ == 0) taken_.first_left = path_;
    Value pair = Value::array();
    pair.items().push_back(Value::natural(position));
    pair.items().push_back(std::move(element));
    list.items().push_back(std::move(pair));
  }

  void rank_by_number(const std::vector<std::size_t>& mine, std::int64_t first) {
    std::vector<std::int64_t> numbers;
    for (const std::size_t at : mine) {
      const auto number = number_in(*id_text(taken_.tasks[at].task));
      if (!number || (!numbers.empty() && *number <= numbers.back())) return;
      numbers.push_back(*number);
    }
    for (std::size_t i = 0; i < mine.size(); ++i) {
      taken_.tasks[mine[i]].rank = first + numbers[i];
    }
  }

  TaskLists& lists_;
  std::string_view text_;
  TaskList* list_ = nullptr;
  json::Path path_;
  Taken taken_;
  std::unordered_set<std::string> keys_;
};

// The path of the value a text is at, and whether it leads to a list of tasks.
class HeadScanner {
 public:
  explicit HeadScanner(std::string_view head) : head_(head) {}

  // True as soon as there is an array in a place for tasks that is empty or has an object first.
  [[nodiscard]] bool finds_list() {
    while (at_ < head_.size()) {
      const char c = head_[at_];
      if (c == '"') {
        read_string();
        continue;
      }
      ++at_;
      if (c == '{' || c == '[') {
        if (c == '[' && is_place_for_tasks()) return has_task_first();
        open_.push_back({c == '{', {}});
        if (open_.size() > kMaxDepth) return false;
      } else if (c == '}' || c == ']') {
        if (open_.empty()) return false;
        open_.pop_back();
      }
    }
    return false;
  }

 private:
  static constexpr std::size_t kMaxDepth = json::kMaxJsonDepth;
  struct Open {
    bool is_object;
    std::string_view name;  // of the member it is at, as written
  };

  void read_string() {
    const std::size_t start = ++at_;
    while (at_ < head_.size() && head_[at_] != '"') at_ += head_[at_] == '\\' ? 2 : 1;
    const std::string_view text = head_.substr(start, at_ - start);
    at_ = std::min(at_ + 1, head_.size());
    const std::size_t next = head_.find_first_not_of(" \t\r\n", at_);
    const bool is_name = next != std::string_view::npos && head_[next] == ':';
    if (is_name && !open_.empty() && open_.back().is_object) open_.back().name = text;
  }

  [[nodiscard]] bool is_place_for_tasks() const {
    if (open_.empty() || open_.size() > 3 || open_.back().name != kTasks) return false;
    for (const Open& open : open_) {
      if (!open.is_object) return false;
    }
    return open_.size() < 3 || open_.front().name == kTags;
  }

  [[nodiscard]] bool has_task_first() const {
    const std::size_t next = head_.find_first_not_of(" \t\r\n", at_);
    return next != std::string_view::npos && (head_[next] == '{' || head_[next] == ']');
  }

  std::string_view head_;
  std::size_t at_ = 0;
  std::vector<Open> open_;
};

}  // namespace

TaskLists::TaskLists(Value& document) {
  if (!document.is_object()) return;
  for (Member& tag : document.members()) {
    std::string name(tag.name());
    add(name, name, {name}, tag.value);
  }
  if (Value* tags = document.find(kTags); tags != nullptr && tags->is_object()) {
    for (Member& tag : tags->members()) {
      std::string name(tag.name());
      add(name, std::string(kTags) + "." + name, {std::string(kTags), name}, tag.value);
    }
  }
  add(std::string(kLegacyList), std::string(kTasks), {}, document);
}

void TaskLists::add(std::string name, std::string other_name, json::Path path, Value& holder) {
  Value* tasks = holder.find(kTasks);
  if (tasks == nullptr || !tasks->is_array()) return;
  if (by_name_.contains(name)) name = std::move(other_name);
  if (!by_name_.try_emplace(name, lists_.size()).second) return;
  path.emplace_back(std::string(kTasks));
  lists_.push_back({std::move(name), std::move(path), tasks});
}

TaskList* TaskLists::of(std::string_view key) {
  for (std::size_t slash = key.rfind('/'); slash != std::string_view::npos;
       slash = slash == 0 ? std::string_view::npos : key.rfind('/', slash - 1)) {
    const auto found = by_name_.find(std::string(key.substr(0, slash)));
    if (found != by_name_.end()) return &lists_[found->second];
  }
  return nullptr;
}

std::int64_t first_rank(std::string_view list) {
  constexpr std::uint64_t kPlaces = 1U << 22;
  if (list == kLegacyList) return 0;
  const std::uint64_t place = 1 + format::xxh3_64(format::as_bytes(list)) % (kPlaces - 1);
  return static_cast<std::int64_t>(place) * kRanksPerList;
}

Taken take_tasks(Value& document, std::string_view text) {
  TaskLists lists(document);
  return Harvest(lists, text).run();
}

json::Array filled(json::Array leftovers, std::vector<Placed> tasks, std::int64_t first_rank) {
  std::sort(tasks.begin(), tasks.end(), [](const Placed& a, const Placed& b) {
    return a.rank != b.rank ? a.rank < b.rank : a.key < b.key;
  });
  json::Array result;
  result.reserve(leftovers.size() + tasks.size());
  auto next = tasks.begin();
  json::Array homeless;
  for (Value& leftover : leftovers) {
    const bool is_pair = leftover.is_array() && leftover.items().size() == 2 &&
                         leftover.items()[0].is_number() && number_in(leftover.items()[0].lexeme());
    if (!is_pair) {
      homeless.push_back(std::move(leftover));
      continue;
    }
    const std::int64_t position = first_rank + *number_in(leftover.items()[0].lexeme());
    while (next != tasks.end() && next->rank < position) result.push_back(std::move(next++->task));
    result.push_back(std::move(leftover.items()[1]));
  }
  for (; next != tasks.end(); ++next) result.push_back(std::move(next->task));
  for (Value& value : homeless) result.push_back(std::move(value));
  return result;
}

bool looks_like_document(std::string_view head) {
  return HeadScanner(head).finds_list();
}

bool has_place_for_tasks(const Value& document) {
  // Others keep their tasks as objects by id.
  const auto is_place = [](const Value& holder) {
    const Value* tasks = holder.find(kTasks);
    return tasks != nullptr && !tasks->is_object();
  };
  const auto has_one = [&](const Value& holder) {
    return holder.is_object() &&
           std::any_of(holder.members().begin(), holder.members().end(),
                       [&](const Member& tag) { return is_place(tag.value); });
  };
  const Value* tags = document.find(kTags);
  return is_place(document) || has_one(document) || (tags != nullptr && has_one(*tags));
}

}  // namespace session::convert::taskmaster
