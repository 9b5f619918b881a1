#include "tests/support/random_json.h"

#include <set>

namespace session::test {

using convert::json::Value;

std::string RandomJson::lexeme() {
  static constexpr std::string_view kOdd[] = {"0",
                                              "-0",
                                              "0.0",
                                              "1",
                                              "1.0",
                                              "1.10",
                                              "-1",
                                              "2",
                                              "3",
                                              "4",
                                              "5",
                                              "1e5",
                                              "1E+5",
                                              "1e-400",
                                              "1e400",
                                              "-1.5e999",
                                              "4294967296",
                                              "9007199254740993",
                                              "9223372036854775807",
                                              "9223372036854775808",
                                              "-9223372036854775808",
                                              "-9223372036854775809",
                                              "18446744073709551615",
                                              "18446744073709551616",
                                              "0.1",
                                              "0.10513600000000001",
                                              "31.1",
                                              "31.10"};
  if (chance(0.7)) return std::string(one_of(kOdd));
  std::string digits = chance(0.5) ? "-" : "";
  digits += static_cast<char>('1' + below(9));
  const std::size_t count = chance(0.1) ? 400 : below(25);
  for (std::size_t i = 0; i < count; ++i) digits += static_cast<char>('0' + below(10));
  if (chance(0.3)) digits += "." + std::to_string(below(100000));
  if (chance(0.2)) digits += "e" + std::to_string(below(5000));
  return digits;
}

std::string RandomJson::text() {
  static constexpr std::string_view kOdd[] = {"",
                                              "open",
                                              "closed",
                                              "in_progress",
                                              "pending",
                                              "beads",
                                              "native",
                                              "unset",
                                              "2025-12-13T10:00:00Z",
                                              "2025-12-13T10:00:00.120-08:00",
                                              "2025-12-13t10:00:00z",
                                              "2025-02-30T00:00:00Z",
                                              "undefined",
                                              "AAEC",
                                              "{}",
                                              "null",
                                              "[1,2"};
  if (chance(0.4)) return std::string(one_of(kOdd));
  // A few characters from everywhere: controls, ASCII, every plane.
  std::string result;
  for (std::size_t i = below(12); i > 0; --i) {
    std::uint32_t code = static_cast<std::uint32_t>(chance(0.3)   ? below(0x20)
                                                    : chance(0.5) ? 0x20 + below(0x60)
                                                                  : below(0x110000));
    if (code >= 0xD800 && code <= 0xDFFF) code = 0xFFFD;
    const auto put = [&](std::uint32_t byte) { result += static_cast<char>(byte); };
    if (code < 0x80) {
      put(code);
    } else if (code < 0x800) {
      put(0xC0 | code >> 6), put(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
      put(0xE0 | code >> 12), put(0x80 | (code >> 6 & 0x3F)), put(0x80 | (code & 0x3F));
    } else {
      put(0xF0 | code >> 18), put(0x80 | (code >> 12 & 0x3F));
      put(0x80 | (code >> 6 & 0x3F)), put(0x80 | (code & 0x3F));
    }
  }
  return result;
}

std::string RandomJson::name() {
  if (!names_.empty() && chance(0.8)) return one_of(names_);
  return chance(0.5) ? std::string(1, static_cast<char>('a' + below(5))) : text();
}

Value RandomJson::object(std::size_t depth) {
  Value result = Value::object();
  std::set<std::string> used;
  const std::size_t count = chance(0.05) ? 40 : below(7);
  for (std::size_t i = 0; i < count; ++i) {
    std::string key = name();
    if (used.insert(key).second) result.add(key, value(depth == 0 ? 0 : depth - 1));
  }
  return result;
}

Value RandomJson::value(std::size_t depth) {
  switch (below(depth == 0 ? 4 : 7)) {
    case 0:
      return Value();
    case 1:
      return Value::boolean(chance(0.5));
    case 2:
      return Value::number(lexeme());
    case 3:
      return Value::string(text());
    case 4: {
      Value result = Value::array();
      for (std::size_t i = below(5); i > 0; --i) result.items().push_back(value(depth - 1));
      return result;
    }
    default:
      return object(depth - 1);
  }
}

Value RandomJson::deep() {
  Value result = value(1);
  for (std::size_t i = 300; i > 0; --i) {
    Value outer = chance(0.5) ? Value::object() : Value::array();
    if (outer.is_object()) {
      outer.add(name(), std::move(result));
    } else {
      outer.items().push_back(std::move(result));
    }
    result = std::move(outer);
  }
  return result;
}

void RandomJson::mutate(Value& target) {
  const bool has_children = (target.is_array() && !target.items().empty()) ||
                            (target.is_object() && !target.members().empty());
  if (!has_children || chance(0.1)) {
    target = chance(0.02) ? deep() : value(3);
    return;
  }
  if (target.is_array()) {
    auto& items = target.items();
    const auto at = items.begin() + static_cast<std::ptrdiff_t>(below(items.size()));
    switch (below(4)) {
      case 0:
        items.erase(at);
        break;
      case 1:
        items.insert(at, value(2));
        break;
      default:
        mutate(*at);
    }
    return;
  }
  auto& members = target.members();
  const std::size_t at = below(members.size());
  switch (below(5)) {
    case 0:
      members.erase(members.begin() + static_cast<std::ptrdiff_t>(at));
      break;
    case 1: {
      const std::string key = name();
      if (target.find(key) == nullptr) target.add(key, value(2));
      break;
    }
    case 2:
      members[at].value = Value();
      break;
    default:
      mutate(members[at].value);
  }
}

Value RandomJson::mutated(Value target) {
  for (std::size_t times = 1 + below(4); times > 0; --times) mutate(target);
  return target;
}

}  // namespace session::test
