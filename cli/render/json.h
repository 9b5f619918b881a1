#pragma once
// Writes JSON as it goes, on one line: a document of any size in constant memory. Invalid bytes in
// a text become U+FFFD, so that what comes out is always JSON.

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>

namespace session::cli {

class Json {
 public:
  explicit Json(std::ostream& out);
  ~Json();
  Json(const Json&) = delete;
  Json& operator=(const Json&) = delete;

  Json& begin_object();
  Json& end_object();
  Json& begin_array();
  Json& end_array();
  Json& key(std::string_view name);

  Json& text(std::string_view value);
  Json& number(std::uint64_t value);
  Json& number(std::int64_t value);
  Json& real(double value);  // null where it is not finite
  Json& boolean(bool value);
  Json& null();
  // What is JSON already.
  Json& raw(std::string_view json);

  // A name and its value: a text, a number, a bool, or an optional of one (nothing is null).
  template <class Value>
  Json& field(std::string_view name, const Value& value) {
    return key(name).value(value);
  }
  template <class Value>
  Json& value(const Value& value) {
    if constexpr (std::same_as<Value, bool>) {
      return boolean(value);
    } else if constexpr (std::unsigned_integral<Value>) {
      return number(std::uint64_t{value});
    } else if constexpr (std::signed_integral<Value>) {
      return number(std::int64_t{value});
    } else if constexpr (std::floating_point<Value>) {
      return real(value);
    } else if constexpr (std::convertible_to<Value, std::string_view>) {
      return text(value);
    } else {
      return value ? this->value(*value) : null();
    }
  }

  // The value is whole: ends the line.
  void finish();

 private:
  struct Impl;
  std::ostream& out_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace session::cli
