#include "lib/convert/aca_fields.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <vector>

#include "lib/convert/text_fields.h"
#include "session/error.h"

namespace session::convert::aca {
namespace {

using json::Value;

constexpr std::int64_t kNanosPerSecond = 1'000'000'000;
constexpr std::size_t kFractionDigits = 9;

template <class Number>
std::optional<Number> number_of(const Value* value) {
  if (value == nullptr || !value->is_number()) return std::nullopt;
  const std::string_view text = value->lexeme();
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

Value texts_of(const std::vector<std::string_view>& list) {
  Value result = Value::array();
  for (const std::string_view text : list) result.items().push_back(Value::string(text));
  return result;
}

}  // namespace

std::optional<std::uint64_t> get_natural(const Value& object, std::string_view name) {
  return number_of<std::uint64_t>(object.find(name));
}

std::optional<std::uint32_t> get_natural32(const Value& object, std::string_view name) {
  return number_of<std::uint32_t>(object.find(name));
}

std::optional<double> get_real(const Value& object, std::string_view name) {
  return number_of<double>(object.find(name));
}

Value real(double value) {
  Value result = Value::real(value);
  if (!result.is_number()) return result;
  const std::string_view text = result.lexeme();
  if (text.find_first_of(".eE") != std::string_view::npos) return result;
  return Value::number(std::string(text) + ".0");
}

std::optional<std::int64_t> get_duration(const Value& object, std::string_view name) {
  const json::Array& parts = get_items(object, name);
  if (parts.size() != 2) return std::nullopt;
  const auto whole = number_of<std::int64_t>(&parts[0]);
  const auto fraction = number_of<std::int64_t>(&parts[1]);
  if (!whole || !fraction || *fraction < 0 || *fraction >= kNanosPerSecond) return std::nullopt;
  std::int64_t nanos = 0;
  if (__builtin_mul_overflow(*whole, kNanosPerSecond, &nanos) ||
      __builtin_add_overflow(nanos, *fraction, &nanos)) {
    return std::nullopt;
  }
  return nanos;
}

Value duration(std::int64_t nanos) {
  std::int64_t whole = nanos / kNanosPerSecond;
  std::int64_t fraction = nanos % kNanosPerSecond;
  if (fraction < 0) {
    --whole;
    fraction += kNanosPerSecond;
  }
  Value parts = Value::array();
  parts.items().push_back(Value::integer(whole));
  parts.items().push_back(Value::integer(fraction));
  return parts;
}

std::optional<std::int64_t> get_seconds(const Value& object, std::string_view name) {
  const Value* value = object.find(name);
  if (value == nullptr || !value->is_number()) return std::nullopt;
  const std::string_view text = value->lexeme();
  const std::size_t point = text.find('.');
  if (point == std::string_view::npos || text.front() == '-') return std::nullopt;
  std::string digits(text.substr(point + 1));
  if (digits.size() > kFractionDigits) return std::nullopt;
  digits.append(kFractionDigits - digits.size(), '0');
  digits.insert(0, text.substr(0, point));
  std::int64_t nanos = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), nanos);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return nanos;
}

Value seconds(std::int64_t nanos) {
  if (nanos < 0) return real(static_cast<double>(nanos) / static_cast<double>(kNanosPerSecond));
  std::string fraction = std::to_string(nanos % kNanosPerSecond);
  fraction.insert(0, kFractionDigits - fraction.size(), '0');
  while (fraction.size() > 1 && fraction.back() == '0') fraction.pop_back();
  return Value::number(std::to_string(nanos / kNanosPerSecond) + "." + fraction);
}

std::optional<Variant> get_variant(const Value* value) {
  if (value == nullptr || !value->is_object() || value->members().size() != 1) return std::nullopt;
  const json::Member& member = value->members().front();
  return Variant{member.name(), &member.value};
}

Value variant(std::string_view name, Value body) {
  Value result = Value::object();
  result.add(name, std::move(body));
  return result;
}

const Value* get_object(const Value& object, std::string_view name) {
  const Value* value = object.find(name);
  return value != nullptr && value->is_object() ? value : nullptr;
}

bool has_objects(const Value& object, std::string_view name) {
  const json::Array& items = get_items(object, name);
  return !items.empty() &&
         std::all_of(items.begin(), items.end(), [](const Value& v) { return v.is_object(); });
}

Value text_or_null(bool has, kj::StringPtr text) {
  return has ? Value::string(view(text)) : Value();
}

Value text_or_empty(kj::StringPtr text) {
  return Value::string(view(text));
}

Value time_or_null(std::int64_t nanos, std::uint32_t form) {
  return form == kNoTime ? Value() : Value::string(format_time(nanos, form));
}

Value time_or_epoch(std::int64_t nanos, std::uint32_t form) {
  return Value::string(form == kNoTime ? format_time(0, utc_form(0)) : format_time(nanos, form));
}

Value texts(capnp::List<capnp::Text>::Reader list) {
  std::vector<std::string_view> views;
  for (const auto text : list) views.push_back(view(text));
  return texts_of(views);
}

Value parsed(kj::StringPtr text) {
  try {
    return json::parse(view(text));
  } catch (const Error&) {
    return Value::string(view(text));
  }
}

std::vector<const json::Member*> sorted_members(const Value& object, Values values) {
  std::vector<const json::Member*> members;
  for (const json::Member& member : object.members()) {
    if (values == Values::kJson || member.value.is_string()) members.push_back(&member);
  }
  std::sort(members.begin(), members.end(),
            [](const json::Member* a, const json::Member* b) { return a->name() < b->name(); });
  return members;
}

void fill(Properties::Builder list, const std::vector<const json::Member*>& members,
          Values values) {
  for (unsigned i = 0; i < list.size(); ++i) {
    auto property = list[i];
    const Value& value = members[i]->value;
    set_text(members[i]->name(), property, &schema::Property::Builder::initName);
    set_text(values == Values::kJson ? json::to_sorted_text(value) : std::string(value.text()),
             property, &schema::Property::Builder::initValue);
  }
}

Value properties(Properties::Reader list, Values values) {
  std::vector<schema::Property::Reader> sorted;
  for (const auto property : list) sorted.push_back(property);
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](auto a, auto b) { return view(a.getName()) < view(b.getName()); });
  Value result = Value::object();
  for (const auto property : sorted) {
    const std::string_view name = view(property.getName());
    // A name twice would be no JSON; the last one wins.
    if (!result.members().empty() && result.members().back().name() == name) {
      result.members().pop_back();
    }
    result.add(name, values == Values::kJson ? parsed(property.getValue())
                                             : text_or_empty(property.getValue()));
  }
  return result;
}

}  // namespace session::convert::aca
