#include "lib/convert/aca_text.h"

#include <array>
#include <bit>
#include <charconv>
#include <cstring>
#include <utility>
#include <vector>

namespace session::convert::aca {
namespace {

using json::Value;

// ---- JSON ---------------------------------------------------------------------------------------

class Text {
 public:
  void value(const Value& v) {
    switch (v.kind()) {
      case json::Kind::kNull:
        out_ += "null";
        break;
      case json::Kind::kBool:
        out_ += v.as_bool() ? "true" : "false";
        break;
      case json::Kind::kNumber:
        out_ += v.lexeme();
        break;
      case json::Kind::kString:
        string(v.text());
        break;
      case json::Kind::kArray:
        items(v.items(), '[', ']', [&](const Value& item) { value(item); });
        break;
      case json::Kind::kObject:
        items(v.members(), '{', '}', [&](const json::Member& member) {
          string(member.name());
          out_ += ": ";
          value(member.value);
        });
        break;
    }
  }
  [[nodiscard]] std::string take() { return std::move(out_); }

 private:
  template <class Items, class Each>
  void items(const Items& list, char open, char close, Each each) {
    out_ += open;
    if (!list.empty()) {
      ++depth_;
      bool first = true;
      for (const auto& item : list) {
        if (!first) out_ += ',';
        first = false;
        new_line();
        each(item);
      }
      --depth_;
      new_line();
    }
    out_ += close;
  }

  void new_line() {
    out_ += '\n';
    out_.append(2 * depth_, ' ');
  }

  void string(std::string_view text) {
    out_ += '"';
    std::size_t plain = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
      const auto c = static_cast<unsigned char>(text[i]);
      if (c >= 0x20 && c != '"' && c != '\\') continue;
      out_.append(text.substr(plain, i - plain));
      escape(c);
      plain = i + 1;
    }
    out_.append(text.substr(plain));
    out_ += '"';
  }

  void escape(unsigned char c) {
    constexpr std::string_view kFrom = "\"\\\b\f\n\r\t";
    constexpr std::string_view kTo = "\"\\bfnrt";
    constexpr std::string_view kDigits = "0123456789abcdef";
    out_ += '\\';
    const std::size_t at = kFrom.find(static_cast<char>(c));
    if (at != std::string_view::npos) {
      out_ += kTo[at];
      return;
    }
    out_ += "u00";
    out_ += kDigits[c >> 4U];
    out_ += kDigits[c & 15U];
  }

  std::string out_;
  std::size_t depth_ = 0;
};

// ---- SipHash ------------------------------------------------------------------------------------

class SipHash13 {
 public:
  void word(std::uint64_t m) {
    v_[3] ^= m;
    round();
    v_[0] ^= m;
  }
  [[nodiscard]] std::uint64_t finish() {
    v_[2] ^= 0xff;
    for (int i = 0; i < 3; ++i) round();
    return v_[0] ^ v_[1] ^ v_[2] ^ v_[3];
  }

 private:
  void round() {
    v_[0] += v_[1];
    v_[2] += v_[3];
    v_[1] = std::rotl(v_[1], 13) ^ v_[0];
    v_[3] = std::rotl(v_[3], 16) ^ v_[2];
    v_[0] = std::rotl(v_[0], 32);
    v_[2] += v_[1];
    v_[0] += v_[3];
    v_[1] = std::rotl(v_[1], 17) ^ v_[2];
    v_[3] = std::rotl(v_[3], 21) ^ v_[0];
    v_[2] = std::rotl(v_[2], 32);
  }

  // The constants of the paper, for a key of zeros.
  std::array<std::uint64_t, 4> v_ = {0x736f6d6570736575, 0x646f72616e646f6d, 0x6c7967656e657261,
                                     0x7465646279746573};
};

// Little-endian, missing bytes as zeros.
std::uint64_t word_at(std::string_view bytes, std::size_t at) {
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < 8 && at + i < bytes.size(); ++i) {
    word |= std::uint64_t{static_cast<unsigned char>(bytes[at + i])} << (8 * i);
  }
  return word;
}

// ---- order --------------------------------------------------------------------------------------

void add_inside(Value& places, std::size_t place, std::optional<Value> inside) {
  if (inside) places.add(std::to_string(place), std::move(*inside));
}

std::optional<std::size_t> number_in(std::string_view digits, std::size_t below) {
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return number < below ? std::optional(number) : std::nullopt;
}

Value* child_at(Value& value, std::size_t place) {
  if (value.is_object() && place < value.members().size()) return &value.members()[place].value;
  if (value.is_array() && place < value.items().size()) return &value.items()[place];
  return nullptr;
}

// Nothing unless it names each place once.
std::optional<std::vector<std::size_t>> places_in(const Value& order, std::size_t count) {
  if (!order.is_array() || order.items().size() != count) return std::nullopt;
  std::vector<bool> taken(count);
  std::vector<std::size_t> places;
  for (const Value& item : order.items()) {
    const auto place = item.is_number() ? number_in(item.lexeme(), count) : std::nullopt;
    if (!place || taken[*place]) return std::nullopt;
    taken[*place] = true;
    places.push_back(*place);
  }
  return places;
}

}  // namespace

std::string file_text(const Value& value) {
  Text text;
  text.value(value);
  return text.take();
}

std::uint64_t siphash13(std::string_view bytes) {
  SipHash13 hash;
  const std::size_t whole = bytes.size() / 8 * 8;
  for (std::size_t at = 0; at < whole; at += 8) hash.word(word_at(bytes, at));
  hash.word(word_at(bytes, whole) | std::uint64_t{bytes.size() & 0xff} << 56U);
  return hash.finish();
}

std::string checksum(std::string_view bytes) {
  std::string message;
  message.reserve(bytes.size() + 8);
  for (std::size_t i = 0; i < 8; ++i) {
    message.push_back(static_cast<char>(std::uint64_t{bytes.size()} >> (8 * i) & 0xff));
  }
  message += bytes;
  std::array<char, 16> digits{};
  const auto end =
      std::to_chars(digits.data(), digits.data() + digits.size(), siphash13(message), 16);
  return {digits.data(), end.ptr};
}

std::optional<Value> order_of(const Value& made, const Value& wanted) {
  Value inside = Value::object();
  Value order = Value::object();
  if (made.is_object() && wanted.is_object()) {
    const json::Index index(made.members());
    Value places = Value::array();
    bool is_moved = false;
    for (std::size_t i = 0; i < wanted.members().size(); ++i) {
      const json::Member& member = wanted.members()[i];
      const auto at = index.find(member.name());
      if (!at) return std::nullopt;  // not equal, then
      is_moved = is_moved || *at != i;
      places.items().push_back(Value::natural(*at));
      add_inside(inside, *at, order_of(made.members()[*at].value, member.value));
    }
    if (is_moved) order.add("o", std::move(places));
  } else if (made.is_array() && wanted.is_array()) {
    for (std::size_t i = 0; i < wanted.items().size() && i < made.items().size(); ++i) {
      add_inside(inside, i, order_of(made.items()[i], wanted.items()[i]));
    }
  }
  if (!inside.members().empty()) order.add("c", std::move(inside));
  if (order.members().empty()) return std::nullopt;
  return order;
}

void put_in_order(Value& made, const Value& order) {
  if (const Value* inside = order.find("c"); inside != nullptr && inside->is_object()) {
    for (const json::Member& member : inside->members()) {
      const auto place = number_in(member.name(), ~std::size_t{0});
      Value* child = place ? child_at(made, *place) : nullptr;
      if (child != nullptr) put_in_order(*child, member.value);
    }
  }
  const Value* wanted = order.find("o");
  if (wanted == nullptr || !made.is_object()) return;
  const auto places = places_in(*wanted, made.members().size());
  if (!places) return;
  json::Object members;
  members.reserve(places->size());
  for (const std::size_t place : *places) members.push_back(std::move(made.members()[place]));
  made.members() = std::move(members);
}

}  // namespace session::convert::aca
