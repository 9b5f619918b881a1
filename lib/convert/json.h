#pragma once
// JSON as a value: what every converter reads from and writes to.
//
// A number is kept as the text it was written with, so that 1.10, 1.1 and 18446744073709551616 stay
// what they are. Objects keep the order of their members, and compare without regard to it. Strings
// are UTF-8 and may hold NUL.
//
// Parsing refuses what two readers could understand differently: a key twice in one object, half a
// surrogate pair, text behind the value, bytes that are not UTF-8. Values are as deep as the depth
// limit lets them be, which is what makes the recursion in here safe.

#include <boost/container/string.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace session::convert::json {

// How many arrays and objects may stand inside each other in a source.
inline constexpr std::size_t kMaxJsonDepth = 512;
// The same for our own JSON, in which records and what they keep of a source are wrapped again.
inline constexpr std::size_t kMaxOwnJsonDepth = kMaxJsonDepth + 32;

enum class Kind : std::uint8_t { kNull, kBool, kNumber, kString, kArray, kObject };

// 24 bytes with up to 22 characters inside, against 32 and 15 of std::string.
using Text = boost::container::string;

class Value;
struct Member;
using Array = std::vector<Value>;
using Object = std::vector<Member>;

class Value {
 public:
  Value() noexcept = default;  // null

  [[nodiscard]] static Value boolean(bool value);
  // `lexeme` must be a number as JSON writes it (is_number); throws kInternal if it is not.
  [[nodiscard]] static Value number(std::string_view lexeme);
  [[nodiscard]] static Value integer(std::int64_t value);
  [[nodiscard]] static Value natural(std::uint64_t value);
  // The shortest text that reads back as the same double; a string for what is not finite.
  [[nodiscard]] static Value real(double value);
  [[nodiscard]] static Value string(std::string_view text);
  [[nodiscard]] static Value array();
  [[nodiscard]] static Value array(Array items);
  // The caller answers for it that no key stands twice.
  [[nodiscard]] static Value object();
  [[nodiscard]] static Value object(Object members);

  [[nodiscard]] Kind kind() const noexcept { return static_cast<Kind>(data_.index()); }
  [[nodiscard]] bool is_null() const noexcept { return kind() == Kind::kNull; }
  [[nodiscard]] bool is_bool() const noexcept { return kind() == Kind::kBool; }
  [[nodiscard]] bool is_number() const noexcept { return kind() == Kind::kNumber; }
  [[nodiscard]] bool is_string() const noexcept { return kind() == Kind::kString; }
  [[nodiscard]] bool is_array() const noexcept { return kind() == Kind::kArray; }
  [[nodiscard]] bool is_object() const noexcept { return kind() == Kind::kObject; }

  // Each needs the kind it is for; anything else throws std::bad_variant_access, a bug. Views live
  // as long as the value is neither changed nor moved.
  [[nodiscard]] bool as_bool() const { return std::get<bool>(data_); }
  [[nodiscard]] std::string_view lexeme() const { return view(std::get<Number>(data_).text); }
  [[nodiscard]] std::string_view text() const { return view(std::get<String>(data_).text); }
  [[nodiscard]] const Array& items() const { return std::get<Array>(data_); }
  [[nodiscard]] Array& items() { return std::get<Array>(data_); }
  [[nodiscard]] const Object& members() const { return std::get<Object>(data_); }
  [[nodiscard]] Object& members() { return std::get<Object>(data_); }

  // The member of that name; nothing when there is none or this is no object. Looks at one after
  // the other: for objects of unknown size go through members(), or use an Index.
  [[nodiscard]] const Value* find(std::string_view name) const noexcept;
  [[nodiscard]] Value* find(std::string_view name) noexcept;
  // Appends without looking whether the name is there already.
  void add(std::string_view name, Value value);

  friend bool operator==(const Value& a, const Value& b);

 private:
  // Two alternatives of one type, told apart by name.
  struct Number {
    Text text;
  };
  struct String {
    Text text;
  };
  static std::string_view view(const Text& text) noexcept { return {text.data(), text.size()}; }

  std::variant<std::nullptr_t, bool, Number, String, Array, Object> data_;
};

struct Member {
  Text key;
  Value value;

  Member(std::string_view name, Value v) : key(name.data(), name.size()), value(std::move(v)) {}
  Member(Text&& name, Value&& v) noexcept : key(std::move(name)), value(std::move(v)) {}
  [[nodiscard]] std::string_view name() const noexcept { return {key.data(), key.size()}; }
};

// Finds members by name in O(log n) however large the object is. Refers to it: the object must not
// change its members while the index lives.
class Index {
 public:
  explicit Index(const Object& members);
  // The position in the object.
  [[nodiscard]] std::optional<std::size_t> find(std::string_view name) const noexcept;

 private:
  const Object* members_;
  std::vector<std::uint32_t> order_;  // by name; empty for a small object
};

struct ParseOptions {
  std::size_t max_depth = kMaxJsonDepth;
  // Of the text in its file: what an error calls the first line.
  std::uint64_t first_line = 1;
};

// The value `text` consists of, a byte order mark in front of it aside. Throws kBadSource with the
// message "line L, column C: ..." (columns count characters) when it is no JSON, is deeper than the
// options say, or is refused as said above. Needs no terminating NUL.
[[nodiscard]] Value parse(std::string_view text, const ParseOptions& options = {});

// One line without spaces, or lines indented by two, without a final newline. Always valid UTF-8: a
// byte that is not becomes U+FFFD (only records of a hand-made session file can hold such).
[[nodiscard]] std::string to_text(const Value& value);
[[nodiscard]] std::string to_pretty_text(const Value& value);
// Compact, with the members of every object sorted by the bytes of their names: equal values, equal
// texts.
[[nodiscard]] std::string to_sorted_text(const Value& value);

// About how long the compact text is; escapes are not counted.
[[nodiscard]] std::size_t approximate_size_bytes(const Value& value);

[[nodiscard]] bool is_number(std::string_view lexeme) noexcept;
[[nodiscard]] bool is_utf8(std::string_view text) noexcept;

// A foreign text as an error message shows it: in quotes, escaped, cut to a readable length.
[[nodiscard]] std::string quote(std::string_view text);

}  // namespace session::convert::json
