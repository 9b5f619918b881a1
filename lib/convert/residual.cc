#include "lib/convert/residual.h"

#include <algorithm>
#include <boost/crc.hpp>
#include <charconv>
#include <string>
#include <unordered_map>
#include <vector>

#include "format/canary.h"
#include "session/error.h"

namespace session::convert {
namespace {

using json::Index;
using json::Member;
using json::Value;

constexpr char kAdd = '=';
constexpr char kReplace = '~';
constexpr char kRemove = '-';
constexpr char kInside = '/';
constexpr std::string_view kWhich = "?";
constexpr std::string_view kWhole = "!";

std::uint32_t guard_of(const Value& value) {
  const std::string text = json::to_sorted_text(value);
  boost::crc_32_type crc;
  crc.process_bytes(text.data(), text.size());
  return crc.checksum();
}

std::optional<std::uint32_t> read_guard(const Value& value) {
  if (!value.is_number()) return std::nullopt;
  const std::string_view digits = value.lexeme();
  std::uint32_t guard = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), guard);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return guard;
}

bool fits(const Value& value, const Value& guard) {
  return read_guard(guard) == guard_of(value);
}

std::string named(char what, std::string_view name) {
  std::string result(1, what);
  result += name;
  return result;
}

// ---- making -------------------------------------------------------------------------------------

Value replacement(const Value& from, const Value& to) {
  Value pair = Value::array();
  pair.items().push_back(Value::natural(guard_of(from)));
  pair.items().push_back(to);
  return pair;
}

// The patch from one container to another of its kind; nothing if they are equal or only a
// replacement will do.
struct Change {
  bool equal = false;
  std::optional<Value> patch;
};
Change change(const Value& from, const Value& to);

// Enters into `patch` what makes `to` of `from`, which both have the name.
void add_change(Value& patch, std::string_view name, const Value& from, const Value& to,
                bool is_element) {
  Change inside = change(from, to);
  if (inside.equal) return;
  if (!inside.patch) {
    patch.add(named(kReplace, name), replacement(from, to));
    return;
  }
  if (is_element) inside.patch->add(kWhich, Value::natural(guard_of(from)));
  patch.add(named(kInside, name), std::move(*inside.patch));
}

Value change_of_objects(const json::Object& from, const json::Object& to) {
  Value patch = Value::object();
  const Index in_from(from);
  const Index in_to(to);
  for (const Member& member : from) {
    const auto at = in_to.find(member.name());
    if (at) {
      add_change(patch, member.name(), member.value, to[*at].value, false);
    } else {
      patch.add(named(kRemove, member.name()), Value::natural(guard_of(member.value)));
    }
  }
  for (const Member& member : to) {
    if (format::planted("import") && member.value.is_null()) continue;
    if (!in_from.find(member.name())) patch.add(named(kAdd, member.name()), member.value);
  }
  return patch;
}

Change change(const Value& from, const Value& to) {
  if (from.is_object() && to.is_object()) {
    Value patch = change_of_objects(from.members(), to.members());
    if (patch.members().empty()) return {true, std::nullopt};
    return {false, std::move(patch)};
  }
  if (from.is_array() && to.is_array() && from.items().size() == to.items().size()) {
    Value patch = Value::object();
    for (std::size_t i = 0; i < from.items().size(); ++i) {
      add_change(patch, std::to_string(i), from.items()[i], to.items()[i], true);
    }
    if (patch.members().empty()) return {true, std::nullopt};
    if (json::approximate_size_bytes(patch) < json::approximate_size_bytes(to)) {
      return {false, std::move(patch)};
    }
    return {};
  }
  return {from == to, std::nullopt};
}

// ---- applying -----------------------------------------------------------------------------------

void apply(Value& target, const Value& patch);

void apply_to_object(json::Object& target, const json::Object& patch) {
  const std::size_t known = target.size();
  std::vector<bool> removed(known);
  {
    // Members are only changed in place while the index is in use; additions come after.
    const Index index(target);
    for (const Member& step : patch) {
      const auto at = index.find(step.name().substr(1));
      if (!at) continue;
      Value& value = target[*at].value;
      switch (step.name().front()) {
        case kReplace:
          if (fits(value, step.value.items()[0])) value = step.value.items()[1];
          break;
        case kRemove:
          removed[*at] = fits(value, step.value);
          break;
        case kInside:
          apply(value, step.value);
          break;
        default:
          break;
      }
    }
  }
  const Index index(target);
  std::vector<const Member*> added;
  for (const Member& step : patch) {
    if (step.name().front() == kAdd && !index.find(step.name().substr(1))) added.push_back(&step);
  }
  std::size_t kept = 0;
  for (std::size_t i = 0; i < known; ++i) {
    if (removed[i]) continue;
    if (kept != i) target[kept] = std::move(target[i]);
    ++kept;
  }
  target.erase(target.begin() + static_cast<std::ptrdiff_t>(kept), target.end());
  for (const Member* step : added) {
    if (format::planted("apply") && step->value.is_null()) continue;
    target.emplace_back(step->name().substr(1), step->value);
  }
}

// Finds the element a step means: at its index, or where it moved to.
class Elements {
 public:
  explicit Elements(const json::Array& items) : items_(items) {}

  [[nodiscard]] std::optional<std::size_t> find(std::size_t index, std::uint32_t guard) {
    if (index < items_.size() && guard_of(items_[index]) == guard) return index;
    if (!indexed_) {
      for (std::size_t i = items_.size(); i > 0; --i) by_guard_[guard_of(items_[i - 1])] = i - 1;
      indexed_ = true;
    }
    const auto found = by_guard_.find(guard);
    if (found == by_guard_.end()) return std::nullopt;
    return found->second;
  }

 private:
  const json::Array& items_;
  std::unordered_map<std::uint32_t, std::size_t> by_guard_;
  bool indexed_ = false;
};

void apply_to_array(json::Array& target, const json::Object& patch) {
  // All places are found before the first change.
  Elements elements(target);
  std::vector<std::pair<std::size_t, const Member*>> steps;
  for (const Member& step : patch) {
    const char what = step.name().front();
    if (what != kInside && what != kReplace) continue;
    const std::string_view digits = step.name().substr(1);
    std::size_t index = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), index);
    const Value* guard = what == kInside ? step.value.find(kWhich) : &step.value.items()[0];
    if (guard == nullptr) continue;
    if (const auto at = elements.find(index, *read_guard(*guard))) steps.emplace_back(*at, &step);
  }
  for (const auto& [at, step] : steps) {
    if (step->name().front() == kInside) {
      apply(target[at], step->value);
    } else {
      target[at] = step->value.items()[1];
    }
  }
}

void apply(Value& target, const Value& patch) {
  if (target.is_object()) apply_to_object(target.members(), patch.members());
  if (target.is_array()) apply_to_array(target.items(), patch.members());
}

std::optional<std::string> fault_inside(const Value& patch);

bool is_step_sound(const Member& step) {
  if (step.name() == kWhich) return read_guard(step.value).has_value();
  if (step.name().empty()) return false;
  switch (step.name().front()) {
    case kAdd:
      return true;
    case kReplace:
      return step.value.is_array() && step.value.items().size() == 2 &&
             read_guard(step.value.items()[0]);
    case kRemove:
      return read_guard(step.value).has_value();
    case kInside:
      return !fault_inside(step.value);
    default:
      return false;
  }
}

std::optional<std::string> fault_of_steps(const Value& patch, bool at_top) {
  for (const Member& step : patch.members()) {
    if (at_top && step.name() == kOwnPatch) continue;
    if (!is_step_sound(step)) {
      return "its member " + json::quote(step.name()) + " is no step of a patch";
    }
  }
  return std::nullopt;
}

std::optional<std::string> fault_inside(const Value& patch) {
  if (!patch.is_object()) return "it is no object";
  return fault_of_steps(patch, false);
}

}  // namespace

std::optional<Value> difference(const Value& from, const Value& to) {
  Change result = change(from, to);
  if (result.equal) return std::nullopt;
  if (result.patch) return std::move(result.patch);
  Value patch = Value::object();
  patch.add(kWhole, to);
  return patch;
}

std::optional<std::string> patch_fault(const Value& patch) {
  if (!patch.is_object()) return "it is no object";
  const Value* own = patch.find(kOwnPatch);
  if (own != nullptr && fault_inside(*own)) return "its own patch is none";
  if (patch.find(kWhole) != nullptr) {
    const std::size_t others = patch.members().size() - (own != nullptr ? 2 : 1);
    return others == 0 ? std::nullopt : std::optional<std::string>("it replaces all, and more");
  }
  return fault_of_steps(patch, true);
}

std::optional<Value> take_own_patch(Value& patch) {
  auto& members = patch.members();
  const auto found = std::find_if(members.begin(), members.end(),
                                  [](const Member& m) { return m.name() == kOwnPatch; });
  if (found == members.end()) return std::nullopt;
  std::optional<Value> own = std::move(found->value);
  members.erase(found);
  return own;
}

Value merge(Value from, const Value& patch) {
  if (const auto fault = patch_fault(patch)) {
    throw Error(ErrorCode::kBadSource,
                "the patch in the record's `extra` cannot be used: " + *fault);
  }
  if (const Value* whole = patch.find(kWhole)) return *whole;
  apply(from, patch);
  return from;
}

Value parse_patch(std::string_view extra) {
  try {
    Value patch = json::parse(extra, {.max_depth = kMaxPatchDepth});
    if (const auto fault = patch_fault(patch)) throw Error(ErrorCode::kBadSource, *fault);
    return patch;
  } catch (const Error& error) {
    throw Error(error.code(), "the record's `extra` is no patch: " + error.message());
  }
}

}  // namespace session::convert
