// JSON text to value, by RapidJSON's event parser. What is ours: depth, duplicate keys, places, and
// the numbers. RapidJSON checks a number's grammar but refuses one that no double can hold, even
// when asked for its text only; so texts with such numbers are parsed once more with harmless ones
// of the same length in their place, and lexemes are always taken from the original text.

#include <algorithm>
#include <boost/locale/utf.hpp>
#include <numeric>

#include "lib/convert/json.h"
#include "lib/convert/rapidjson.h"
#include "session/error.h"

namespace session::convert::json {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

// RapidJSON's idea of an input, over bytes without a terminator. It works on copies of this inside
// a token (StreamTraits below), so during an event Tell() is where a string or number begins.
class Source {
 public:
  using Ch = char;
  explicit Source(std::string_view text)
      : next_(text.data()), begin_(text.data()), end_(text.data() + text.size()) {}

  [[nodiscard]] Ch Peek() const { return next_ == end_ ? '\0' : *next_; }
  Ch Take() { return next_ == end_ ? '\0' : *next_++; }
  [[nodiscard]] std::size_t Tell() const { return static_cast<std::size_t>(next_ - begin_); }
  // Of parsing in place, which we do not do; the parser wants to see them.
  char* PutBegin() { return nullptr; }
  void Put(char) {}
  std::size_t PutEnd(char*) { return 0; }

 private:
  const char* next_;
  const char* begin_;
  const char* end_;
};

}  // namespace
}  // namespace session::convert::json

namespace rapidjson {
template <>
struct StreamTraits<session::convert::json::Source> {
  enum { copyOptimization = 1 };
};
}  // namespace rapidjson

namespace session::convert::json {
namespace {

struct Failure {
  std::size_t offset = 0;
  std::string message;
};

class Builder {
 public:
  Builder(std::string_view text, const Source& source, std::size_t max_depth)
      : text_(text), source_(source), max_depth_(max_depth) {}

  bool Null() { return push(Value()); }
  bool Bool(bool value) { return push(Value::boolean(value)); }
  bool RawNumber(const char* /*masked*/, rapidjson::SizeType size, bool /*copy*/) {
    return push(Value::number(text_.substr(source_.Tell(), size)));
  }
  bool String(const char* data, rapidjson::SizeType size, bool /*copy*/) {
    const std::string_view text(data, size);
    return is_utf8(text) ? push(Value::string(text)) : bad_string();
  }
  bool Key(const char* data, rapidjson::SizeType size, bool /*copy*/) {
    if (!is_utf8({data, size})) return bad_string();
    pending_.push_back({Text(data, size), Value(), source_.Tell()});
    return true;
  }
  bool StartObject() { return open(true); }
  bool StartArray() { return open(false); }
  bool EndObject(rapidjson::SizeType /*count*/) {
    const std::size_t first = close();
    if (!keys_are_unique(first)) return false;
    Object members;
    members.reserve(pending_.size() - first);
    for (std::size_t i = first; i < pending_.size(); ++i) {
      members.emplace_back(std::move(pending_[i].key), std::move(pending_[i].value));
    }
    pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(first), pending_.end());
    return push(Value::object(std::move(members)));
  }
  bool EndArray(rapidjson::SizeType /*count*/) {
    const std::size_t first = close();
    Array items;
    items.reserve(pending_.size() - first);
    for (std::size_t i = first; i < pending_.size(); ++i) {
      items.push_back(std::move(pending_[i].value));
    }
    pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(first), pending_.end());
    return push(Value::array(std::move(items)));
  }
  // Never called: numbers come raw. The parser wants to see them.
  bool Int(int) { return false; }
  bool Uint(unsigned) { return false; }
  bool Int64(std::int64_t) { return false; }
  bool Uint64(std::uint64_t) { return false; }
  bool Double(double) { return false; }

  [[nodiscard]] Value take() { return std::move(root_); }
  [[nodiscard]] const std::optional<Failure>& failure() const { return failure_; }

 private:
  // A finished child of a container that is still open.
  struct Pending {
    Text key;
    Value value;
    std::size_t offset;  // of the key
  };
  struct Frame {
    std::size_t first;  // its first child in pending_
    bool is_object;
  };

  bool push(Value value) {
    if (frames_.empty()) {
      root_ = std::move(value);
    } else if (frames_.back().is_object) {
      pending_.back().value = std::move(value);
    } else {
      pending_.push_back({Text(), std::move(value), 0});
    }
    return true;
  }

  bool open(bool is_object) {
    if (frames_.size() >= max_depth_) {
      return fail(source_.Tell(), "more than " + std::to_string(max_depth_) + " levels of nesting");
    }
    frames_.push_back({pending_.size(), is_object});
    return true;
  }

  std::size_t close() {
    const std::size_t first = frames_.back().first;
    frames_.pop_back();
    return first;
  }

  bool keys_are_unique(std::size_t first) {
    const std::size_t count = pending_.size() - first;
    const auto key = [&](std::size_t i) -> const Text& { return pending_[first + i].key; };
    std::size_t again = count;  // the first key that was there before
    if (count <= 12) {
      for (std::size_t i = 1; i < count && again == count; ++i) {
        for (std::size_t j = 0; j < i; ++j) {
          if (key(i) == key(j)) again = i;
        }
      }
    } else {
      std::vector<std::size_t> order(count);
      std::iota(order.begin(), order.end(), std::size_t{0});
      std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        const int way = key(a).compare(key(b));
        return way != 0 ? way < 0 : a < b;
      });
      for (std::size_t i = 1; i < count; ++i) {
        if (key(order[i - 1]) == key(order[i])) again = std::min(again, order[i]);
      }
    }
    if (again == count) return true;
    const Pending& second = pending_[first + again];
    return fail(second.offset, "the key " + quote({second.key.data(), second.key.size()}) +
                                   " stands twice in one object");
  }

  // RapidJSON lets the second half of a surrogate pair stand alone, and was not asked to check
  // the bytes, which we do faster; so both come to light here.
  bool bad_string() {
    const std::size_t start = source_.Tell();
    std::size_t at = start + 1;
    while (at < text_.size() && text_[at] != '"') {
      if (text_[at] == '\\') {
        const std::string_view hex = text_.substr(at + 2, 2);
        if (text_[at + 1] == 'u' && (hex[0] == 'd' || hex[0] == 'D')) {
          const bool is_second =
              std::string_view("cdefCDEF").find(hex[1]) != std::string_view::npos;
          if (is_second) return fail(at, "half of a surrogate pair in a string");
          if (std::string_view("89abAB").find(hex[1]) != std::string_view::npos) at += 6;
        }
        at += text_[at + 1] == 'u' ? 6 : 2;
        continue;
      }
      const auto* next = text_.data() + at;
      const auto code =
          boost::locale::utf::utf_traits<char>::decode(next, text_.data() + text_.size());
      if (!boost::locale::utf::is_valid_codepoint(code))
        return fail(at, "a byte that is not UTF-8");
      at = static_cast<std::size_t>(next - text_.data());
    }
    return fail(start, "a string that is not UTF-8");
  }

  bool fail(std::size_t offset, std::string message) {
    failure_ = Failure{offset, std::move(message)};
    return false;
  }

  std::string_view text_;
  const Source& source_;
  std::size_t max_depth_;
  std::vector<Frame> frames_;
  std::vector<Pending> pending_;
  Value root_;
  std::optional<Failure> failure_;
};

std::string sentence(rapidjson::ParseErrorCode code) {
  std::string text = rapidjson::GetParseError_En(code);
  if (!text.empty() && text.back() == '.') text.pop_back();
  if (!text.empty() && text.front() >= 'A' && text.front() <= 'Z') text.front() |= 0x20;
  return text;
}

[[noreturn]] void refuse(std::string_view text, const ParseOptions& options,
                         const Failure& failure) {
  const std::string_view before = text.substr(0, failure.offset);
  const std::size_t newline = before.rfind('\n');
  const std::size_t line_start = newline == std::string_view::npos ? 0 : newline + 1;
  const auto line = options.first_line +
                    static_cast<std::uint64_t>(std::count(before.begin(), before.end(), '\n'));
  const std::string_view start = text.substr(line_start, 7);
  if (start == "<<<<<<<" || start == "=======" || start == ">>>>>>>" || start == "|||||||") {
    throw Error(ErrorCode::kBadSource,
                "line " + std::to_string(line) + ", column 1: a merge conflict marker (" +
                    std::string(start) + "); resolve the conflict in the source first");
  }
  const auto is_start = [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80; };
  const auto column = 1 + std::count_if(before.begin() + static_cast<std::ptrdiff_t>(line_start),
                                        before.end(), is_start);
  throw Error(ErrorCode::kBadSource, "line " + std::to_string(line) + ", column " +
                                         std::to_string(column) + ": " + failure.message);
}

// Puts "0.11..." over every number that might be too large for a double.
std::string mask_large_numbers(std::string_view text) {
  constexpr std::string_view kNumberBytes = "+-.0123456789Ee";
  std::string masked(text);
  for (std::size_t at = 0; at < masked.size();) {
    if (masked[at] == '"') {
      for (++at; at < masked.size() && masked[at] != '"'; ++at) {
        if (masked[at] == '\\') ++at;
      }
      ++at;
      continue;
    }
    const std::size_t size = std::min(text.find_first_not_of(kNumberBytes, at), text.size()) - at;
    const std::string_view lexeme = text.substr(at, size);
    if (size > 4 && is_number(lexeme)) {
      masked.replace(at, size, size, '1');
      masked.replace(at, 2, "0.");
    }
    at += std::max<std::size_t>(size, 1);
  }
  return masked;
}

struct Outcome {
  rapidjson::ParseResult result;
  std::optional<Failure> failure;
  Value value;
};

// `events` is parsed, `text` is what it stands for, byte for byte.
Outcome run(std::string_view events, std::string_view text, const ParseOptions& options) {
  Source source(events);
  Builder builder(text, source, options.max_depth);
  rapidjson::Reader reader;
  constexpr unsigned kFlags =
      rapidjson::kParseNumbersAsStringsFlag | rapidjson::kParseIterativeFlag;
  Outcome outcome{reader.Parse<kFlags>(source, builder), builder.failure(), builder.take()};
  // A NUL looks like the end to RapidJSON.
  if (!outcome.result.IsError() && source.Tell() != events.size()) {
    outcome.failure = Failure{source.Tell(), "a NUL byte behind the value"};
  }
  return outcome;
}

}  // namespace

Value parse(std::string_view text, const ParseOptions& options) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  Outcome outcome = run(text, text, options);
  if (outcome.result.Code() == rapidjson::kParseErrorNumberTooBig) {
    outcome = run(mask_large_numbers(text), text, options);
  }
  if (outcome.failure) refuse(text, options, *outcome.failure);
  if (outcome.result.IsError()) {
    refuse(text, options, {outcome.result.Offset(), sentence(outcome.result.Code())});
  }
  return std::move(outcome.value);
}

}  // namespace session::convert::json
