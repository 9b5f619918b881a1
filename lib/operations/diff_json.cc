#include "lib/operations/diff_json.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>

#include "lib/operations/diff_sequence.h"

namespace session::operations {
namespace {

namespace json = convert::json;
using json::Value;

// What lies deeper is told whole: a path repeats the names of all that is around it.
constexpr std::size_t kMostPathBytes = 256;

FieldValue side_of(const Value* value) {
  if (value == nullptr) return {};
  if (value->is_string()) return {FieldValue::Kind::kText, std::string(value->text()), 0};
  return {FieldValue::Kind::kJson, json::to_text(*value), 0};
}

void add(const std::string& path, const Value* left, const Value* right,
         std::vector<FieldChange>& changes) {
  FieldChange& change = changes.emplace_back();
  change.path = path;
  change.left = side_of(left);
  change.right = side_of(right);
}

void diff_objects(const std::string& path, const json::Object& left, const json::Object& right,
                  std::vector<FieldChange>& changes) {
  const json::Index left_index(left);
  const json::Index right_index(right);
  for (const json::Member& member : left) {
    const auto other = right_index.find(member.name());
    diff_json(member_path(path, member.name()), &member.value,
              other ? &right[*other].value : nullptr, changes);
  }
  for (const json::Member& member : right) {
    if (left_index.find(member.name())) continue;
    diff_json(member_path(path, member.name()), nullptr, &member.value, changes);
  }
}

// ---- lists --------------------------------------------------------------------------------------

// What tells an element from the others of its list, in the order of preference: the task depended
// on, a comment's id, a file, a tool call, a property.
constexpr std::array<std::string_view, 5> kIdentities = {"target", "id", "path", "call_id", "name"};

// Elements that stand in the same place and have the same identity are one element that changed.
// Nothing for what has no parts to change.
std::optional<std::string> identity_of(const Value& element) {
  if (!element.is_object()) return std::nullopt;
  std::string identity;
  if (const Value* kind = element.find("kind")) identity = json::to_text(*kind);
  for (const std::string_view name : kIdentities) {
    const Value* value = element.find(name);
    if (value == nullptr) continue;
    identity += '\0';
    identity += name;
    identity += '\0';
    identity += json::to_text(*value);
    break;
  }
  return identity;
}

// Equal elements get equal numbers.
class Numbering {
 public:
  std::vector<std::uint32_t> of(const json::Array& list) {
    std::vector<std::uint32_t> numbers;
    numbers.reserve(list.size());
    for (const Value& element : list) {
      const auto next = static_cast<std::uint32_t>(known_.size());
      numbers.push_back(known_.emplace(json::to_sorted_text(element), next).first->second);
    }
    return numbers;
  }

 private:
  std::map<std::string, std::uint32_t, std::less<>> known_;
};

// A stretch without anything in common: what was taken out, and what was put in.
class Gap {
 public:
  Gap(const std::string& path, const json::Array& left, const json::Array& right)
      : path_(path), left_(left), right_(right) {}

  void add(const SequenceStep& step) {
    if (step.step == Step::kRemoved) removed_.push_back(step.left);
    if (step.step == Step::kAdded) added_.push_back(step.right);
  }

  void tell(std::vector<FieldChange>& changes) {
    if (removed_.empty() && added_.empty()) return;
    std::vector<bool> is_partner(right_.size());
    const std::vector<std::optional<std::size_t>> partners = pair_up();
    for (std::size_t i = 0; i < removed_.size(); ++i) {
      const Value& before = left_[removed_[i]];
      const std::string path = element_path(path_, removed_[i]);
      if (partners[i]) {
        is_partner[*partners[i]] = true;
        diff_json(path, &before, &right_[*partners[i]], changes);
      } else {
        operations::add(path, &before, nullptr, changes);
      }
    }
    for (const std::size_t at : added_) {
      if (is_partner[at]) continue;
      operations::add(element_path(path_, at), nullptr, &right_[at], changes);
    }
    removed_.clear();
    added_.clear();
  }

 private:
  // For each that was taken out, what it became, if anything. First come, first served.
  std::vector<std::optional<std::size_t>> pair_up() const {
    std::map<std::string, std::vector<std::size_t>, std::less<>> free;
    for (auto at = added_.rbegin(); at != added_.rend(); ++at) {
      if (const auto identity = identity_of(right_[*at])) free[*identity].push_back(*at);
    }
    std::vector<std::optional<std::size_t>> partners;
    for (const std::size_t at : removed_) {
      auto& partner = partners.emplace_back();
      const auto identity = identity_of(left_[at]);
      const auto found = identity ? free.find(*identity) : free.end();
      if (found == free.end() || found->second.empty()) continue;
      const std::size_t candidate = found->second.back();
      if (left_[at] == right_[candidate]) continue;  // the same again: it only moved
      partner = candidate;
      found->second.pop_back();
    }
    return partners;
  }

  const std::string& path_;
  const json::Array& left_;
  const json::Array& right_;
  std::vector<std::size_t> removed_;
  std::vector<std::size_t> added_;
};

void diff_lists(const std::string& path, const json::Array& left, const json::Array& right,
                std::vector<FieldChange>& changes) {
  Numbering numbering;
  const auto before = numbering.of(left);
  const auto after = numbering.of(right);
  Gap gap(path, left, right);
  for (const SequenceStep& step : diff_sequences(before, after)) {
    if (step.step == Step::kSame) {
      gap.tell(changes);
    } else {
      gap.add(step);
    }
  }
  gap.tell(changes);
}

bool is_word(std::string_view name) {
  const auto is_plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  };
  return !name.empty() && std::all_of(name.begin(), name.end(), is_plain);
}

}  // namespace

std::string member_path(const std::string& path, std::string_view name) {
  if (!is_word(name)) return path + "[" + json::to_text(Value::string(name)) + "]";
  return path.empty() ? std::string(name) : path + "." + std::string(name);
}

std::string element_path(const std::string& path, std::size_t index) {
  return path + "[" + std::to_string(index) + "]";
}

void diff_json(const std::string& path, const Value* left, const Value* right,
               std::vector<FieldChange>& changes) {
  if (left != nullptr && right != nullptr && *left == *right) return;
  const std::size_t before = changes.size();
  if (path.size() <= kMostPathBytes) {
    static const Value no_object = Value::object();
    static const Value no_list = Value::array();
    const Value& one = left != nullptr ? *left : (right->is_object() ? no_object : no_list);
    const Value& other = right != nullptr ? *right : (left->is_object() ? no_object : no_list);
    if (one.is_object() && other.is_object()) {
      diff_objects(path, one.members(), other.members(), changes);
    } else if (one.is_array() && other.is_array()) {
      diff_lists(path, one.items(), other.items(), changes);
    }
  }
  // Of another kind; or empty on one side and absent on the other.
  if (changes.size() == before) add(path, left, right, changes);
}

}  // namespace session::operations
