#pragma once
// Small steps every converter takes between JSON and record fields.

#include <capnp/blob.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/convert/json.h"
#include "lib/convert/time_text.h"
#include "session/error.h"

namespace session::convert {

[[nodiscard]] inline std::string_view view(kj::StringPtr text) noexcept {
  return {text.begin(), text.size()};
}

// A size as Cap'n Proto takes it. Throws kLimit for what no list can hold.
[[nodiscard]] inline unsigned list_size(std::size_t count) {
  if (count >= (std::size_t{1} << 29) - 1) {
    throw Error(ErrorCode::kLimit, "a text or list of 512 MiB or more fits no record");
  }
  return static_cast<unsigned>(count);
}

inline void copy_text(std::string_view text, capnp::Text::Builder into) {
  if (!text.empty()) std::memcpy(into.begin(), text.data(), text.size());
}

// set_text(text, task, &schema::Task::Builder::initTitle)
template <class Builder>
void set_text(std::string_view text, Builder& record,
              capnp::Text::Builder (Builder::*init)(unsigned)) {
  copy_text(text, (record.*init)(list_size(text.size())));
}

// The member's text; nothing if there is none or it is no string.
[[nodiscard]] inline std::optional<std::string_view> get_text(const json::Value& object,
                                                              std::string_view name) {
  const json::Value* value = object.find(name);
  if (value == nullptr || !value->is_string()) return std::nullopt;
  return value->text();
}

[[nodiscard]] inline std::optional<std::string> owned(std::optional<std::string_view> text) {
  return text ? std::optional<std::string>(*text) : std::nullopt;
}

[[nodiscard]] inline bool is_true(const json::Value& object, std::string_view name) {
  const json::Value* value = object.find(name);
  return value != nullptr && value->is_bool() && value->as_bool();
}

// The member as a time; nothing unless it comes back to the letter.
[[nodiscard]] inline std::optional<TimeText> get_time(const json::Value& object,
                                                      std::string_view name) {
  const auto text = get_text(object, name);
  return text ? parse_time(*text) : std::nullopt;
}

// The member's elements; none if there is no such list.
[[nodiscard]] inline const json::Array& get_items(const json::Value& object,
                                                  std::string_view name) {
  static const json::Array none;
  const json::Value* value = object.find(name);
  return value != nullptr && value->is_array() ? value->items() : none;
}

// Takes the member over if it is a string, else leaves the field null; says which.
template <class Builder>
bool set_text_if(const json::Value& object, std::string_view name, Builder& record,
                 capnp::Text::Builder (Builder::*init)(unsigned)) {
  const auto text = get_text(object, name);
  if (text) set_text(*text, record, init);
  return text.has_value();
}

// Takes the member over if it is a time that comes back to the letter; says whether.
template <class Builder>
bool set_time_if(const json::Value& object, std::string_view name, Builder& record,
                 void (Builder::*set_nanos)(std::int64_t),
                 void (Builder::*set_form)(std::uint32_t)) {
  const auto time = get_time(object, name);
  if (!time) return false;
  (record.*set_nanos)(time->nanos);
  (record.*set_form)(time->form);
  return true;
}

// Takes the strings of a list over, if the member is a list; others among them are passed over.
template <class Builder>
bool set_texts_if(const json::Value& object, std::string_view name, Builder& record,
                  capnp::List<capnp::Text>::Builder (Builder::*init)(unsigned)) {
  const json::Value* value = object.find(name);
  if (value == nullptr || !value->is_array()) return false;
  std::vector<std::string_view> texts;
  for (const json::Value& item : value->items()) {
    if (item.is_string()) texts.push_back(item.text());
  }
  auto list = (record.*init)(list_size(texts.size()));
  for (unsigned i = 0; i < list.size(); ++i) {
    copy_text(texts[i], list.init(i, list_size(texts[i].size())));
  }
  return true;
}

// The other way: members for what is there.
inline void add_text_if(json::Value& object, std::string_view name, bool has, kj::StringPtr text) {
  if (has) object.add(name, json::Value::string(view(text)));
}

inline void add_time_if(json::Value& object, std::string_view name, std::int64_t nanos,
                        std::uint32_t form) {
  if (form != kNoTime) object.add(name, json::Value::string(format_time(nanos, form)));
}

inline void add_texts_if(json::Value& object, std::string_view name, bool has,
                         capnp::List<capnp::Text>::Reader texts) {
  if (!has) return;
  json::Value list = json::Value::array();
  for (const auto text : texts) list.items().push_back(json::Value::string(view(text)));
  object.add(name, std::move(list));
}

}  // namespace session::convert
