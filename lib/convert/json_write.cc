// Value to JSON text, and what texts need to be shown.

#include <algorithm>
#include <boost/locale/utf.hpp>
#include <cstring>
#include <numeric>

#include "lib/convert/json.h"
#include "lib/convert/rapidjson.h"

namespace session::convert::json {
namespace {

using Utf8 = boost::locale::utf::utf_traits<char>;

// Where the first byte stands that is not UTF-8; the size when there is none.
std::size_t first_bad_byte(std::string_view text) noexcept {
  const char* p = text.data();
  const char* const end = p + text.size();
  while (p != end) {
    // Most texts are ASCII: eight bytes at a time.
    std::uint64_t word = 0;
    while (end - p >= 8) {
      std::memcpy(&word, p, 8);
      if ((word & 0x8080808080808080U) != 0) break;
      p += 8;
    }
    while (p != end && static_cast<unsigned char>(*p) < 0x80) ++p;
    while (p != end && static_cast<unsigned char>(*p) >= 0x80) {
      const char* const start = p;
      if (!boost::locale::utf::is_valid_codepoint(Utf8::decode(p, end))) {
        return static_cast<std::size_t>(start - text.data());
      }
    }
  }
  return text.size();
}

std::string with_bad_bytes_replaced(std::string_view text) {
  std::string clean;
  for (;;) {
    const std::size_t good = first_bad_byte(text);
    clean.append(text.substr(0, good));
    if (good == text.size()) return clean;
    clean.append("\xEF\xBF\xBD");
    text.remove_prefix(good + 1);
  }
}

rapidjson::SizeType size_of(std::string_view text) {
  return static_cast<rapidjson::SizeType>(text.size());
}

template <class Writer>
class Output {
 public:
  Output(Writer& writer, bool sorted) : writer_(writer), sorted_(sorted) {}

  void value(const Value& v) {
    switch (v.kind()) {
      case Kind::kNull:
        writer_.Null();
        break;
      case Kind::kBool:
        writer_.Bool(v.as_bool());
        break;
      case Kind::kNumber:
        writer_.RawValue(v.lexeme().data(), v.lexeme().size(), rapidjson::kNumberType);
        break;
      case Kind::kString:
        clean(v.text(), [&](std::string_view s) { writer_.String(s.data(), size_of(s)); });
        break;
      case Kind::kArray:
        writer_.StartArray();
        for (const Value& item : v.items()) value(item);
        writer_.EndArray();
        break;
      case Kind::kObject:
        object(v.members());
        break;
    }
  }

 private:
  void object(const Object& members) {
    writer_.StartObject();
    if (sorted_) {
      std::vector<const Member*> order(members.size());
      std::transform(members.begin(), members.end(), order.begin(),
                     [](const Member& m) { return &m; });
      std::sort(order.begin(), order.end(),
                [](const Member* a, const Member* b) { return a->name() < b->name(); });
      for (const Member* m : order) member(*m);
    } else {
      for (const Member& m : members) member(m);
    }
    writer_.EndObject();
  }

  void member(const Member& m) {
    clean(m.name(), [&](std::string_view s) { writer_.Key(s.data(), size_of(s)); });
    value(m.value);
  }

  template <class Write>
  void clean(std::string_view text, Write write) {
    if (is_utf8(text)) {
      write(text);
    } else {
      write(with_bad_bytes_replaced(text));
    }
  }

  Writer& writer_;
  bool sorted_;
};

std::string compact(const Value& value, bool sorted) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  Output(writer, sorted).value(value);
  return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace

bool is_utf8(std::string_view text) noexcept {
  return first_bad_byte(text) == text.size();
}

std::string to_text(const Value& value) {
  return compact(value, false);
}

std::string to_sorted_text(const Value& value) {
  return compact(value, true);
}

std::string to_pretty_text(const Value& value) {
  rapidjson::StringBuffer buffer;
  rapidjson::PrettyWriter<rapidjson::StringBuffer> writer(buffer);
  writer.SetIndent(' ', 2);
  Output(writer, false).value(value);
  return {buffer.GetString(), buffer.GetSize()};
}

std::string quote(std::string_view text) {
  constexpr std::size_t kShownBytes = 60;
  if (text.size() <= kShownBytes) return to_text(Value::string(text));
  std::size_t cut = kShownBytes;
  while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0U) == 0x80) --cut;
  return to_text(Value::string(std::string(text.substr(0, cut)) + "..."));
}

}  // namespace session::convert::json
