#include "lib/convert/json.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <numeric>

#include "session/error.h"

namespace session::convert::json {
namespace {

// Up to here comparing one by one beats building an order.
constexpr std::size_t kSmallObject = 16;

static_assert(sizeof(Value) == 32 && sizeof(Member) == 56, "large documents are held whole");

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool same_members(const Object& a, const Object& b) {
  if (a.size() != b.size()) return false;
  std::optional<Index> index;
  for (std::size_t i = 0; i < a.size(); ++i) {
    // The usual case is the same order.
    if (a[i].key == b[i].key) {
      if (!(a[i].value == b[i].value)) return false;
      continue;
    }
    if (!index) index.emplace(b);
    const auto at = index->find(a[i].name());
    if (!at || !(a[i].value == b[*at].value)) return false;
  }
  return true;
}

template <class Integer>
std::string_view digits_of(Integer value, std::array<char, 24>& buffer) {
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  return {buffer.data(), static_cast<std::size_t>(end - buffer.data())};
}

}  // namespace

Value Value::boolean(bool value) {
  Value result;
  result.data_.emplace<bool>(value);
  return result;
}

Value Value::number(std::string_view lexeme) {
  if (!json::is_number(lexeme)) {
    throw Error(ErrorCode::kInternal, "no JSON number: " + quote(lexeme));
  }
  Value result;
  result.data_.emplace<Number>(Number{Text(lexeme.data(), lexeme.size())});
  return result;
}

Value Value::integer(std::int64_t value) {
  std::array<char, 24> buffer{};
  return number(digits_of(value, buffer));
}

Value Value::natural(std::uint64_t value) {
  std::array<char, 24> buffer{};
  return number(digits_of(value, buffer));
}

Value Value::real(double value) {
  if (std::isnan(value)) return string("NaN");
  if (std::isinf(value)) return string(value < 0 ? "-Infinity" : "Infinity");
  std::array<char, 32> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  return number({buffer.data(), static_cast<std::size_t>(end - buffer.data())});
}

Value Value::string(std::string_view text) {
  Value result;
  result.data_.emplace<String>(String{Text(text.data(), text.size())});
  return result;
}

Value Value::array() {
  return array(Array());
}

Value Value::array(Array items) {
  Value result;
  result.data_.emplace<Array>(std::move(items));
  return result;
}

Value Value::object() {
  return object(Object());
}

Value Value::object(Object members) {
  Value result;
  result.data_.emplace<Object>(std::move(members));
  return result;
}

const Value* Value::find(std::string_view name) const noexcept {
  const auto* members = std::get_if<Object>(&data_);
  if (members == nullptr) return nullptr;
  const auto found = std::find_if(members->begin(), members->end(),
                                  [&](const Member& m) { return m.name() == name; });
  return found == members->end() ? nullptr : &found->value;
}

Value* Value::find(std::string_view name) noexcept {
  return const_cast<Value*>(std::as_const(*this).find(name));
}

void Value::add(std::string_view name, Value value) {
  members().emplace_back(name, std::move(value));
}

bool operator==(const Value& a, const Value& b) {
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Kind::kNull:
      return true;
    case Kind::kBool:
      return a.as_bool() == b.as_bool();
    case Kind::kNumber:
      return a.lexeme() == b.lexeme();
    case Kind::kString:
      return a.text() == b.text();
    case Kind::kArray:
      return a.items() == b.items();
    case Kind::kObject:
      return same_members(a.members(), b.members());
  }
  return false;
}

Index::Index(const Object& members) : members_(&members) {
  if (members.size() <= kSmallObject) return;
  order_.resize(members.size());
  std::iota(order_.begin(), order_.end(), 0U);
  std::sort(order_.begin(), order_.end(), [&](std::uint32_t a, std::uint32_t b) {
    return members[a].name() < members[b].name();
  });
}

std::optional<std::size_t> Index::find(std::string_view name) const noexcept {
  if (order_.empty()) {
    for (std::size_t i = 0; i < members_->size(); ++i) {
      if ((*members_)[i].name() == name) return i;
    }
    return std::nullopt;
  }
  const auto at = std::lower_bound(
      order_.begin(), order_.end(), name,
      [&](std::uint32_t i, std::string_view wanted) { return (*members_)[i].name() < wanted; });
  if (at == order_.end() || (*members_)[*at].name() != name) return std::nullopt;
  return *at;
}

std::size_t approximate_size_bytes(const Value& value) {
  switch (value.kind()) {
    case Kind::kNull:
      return 4;
    case Kind::kBool:
      return value.as_bool() ? 4 : 5;
    case Kind::kNumber:
      return value.lexeme().size();
    case Kind::kString:
      return value.text().size() + 2;
    case Kind::kArray: {
      std::size_t sum = 2;
      for (const Value& item : value.items()) sum += approximate_size_bytes(item) + 1;
      return sum;
    }
    case Kind::kObject: {
      std::size_t sum = 2;
      for (const Member& member : value.members()) {
        sum += member.key.size() + 4 + approximate_size_bytes(member.value);
      }
      return sum;
    }
  }
  return 0;
}

bool is_number(std::string_view lexeme) noexcept {
  const char* p = lexeme.data();
  const char* const end = p + lexeme.size();
  const auto digits = [&] {
    const char* const first = p;
    while (p != end && is_digit(*p)) ++p;
    return p != first;
  };
  if (p != end && *p == '-') ++p;
  if (p != end && *p == '0') {
    ++p;
  } else if (!digits()) {
    return false;
  }
  if (p != end && *p == '.') {
    ++p;
    if (!digits()) return false;
  }
  if (p != end && (*p == 'e' || *p == 'E')) {
    ++p;
    if (p != end && (*p == '+' || *p == '-')) ++p;
    if (!digits()) return false;
  }
  return p == end;
}

}  // namespace session::convert::json
