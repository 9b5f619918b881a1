#pragma once
// Small steps between aca's JSON and record fields, beyond those of text_fields.h. As everywhere:
// what is taken over must come back to the letter; what does not fit is left to the residual.

#include <capnp/list.h>

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/convert/json.h"
#include "lib/convert/residual.h"
#include "lib/convert/room.h"
#include "lib/convert/text_fields.h"
#include "session/schema/record.capnp.h"

namespace session::convert::aca {

// Numbers, if they are written as we would write them.
[[nodiscard]] std::optional<std::uint64_t> get_natural(const json::Value& object,
                                                       std::string_view name);
[[nodiscard]] std::optional<std::uint32_t> get_natural32(const json::Value& object,
                                                         std::string_view name);
[[nodiscard]] std::optional<double> get_real(const json::Value& object, std::string_view name);
[[nodiscard]] json::Value real(double value);  // always with a point, as aca's library writes it

// [seconds, nanoseconds], the latter never negative: -1.5 s is [-2, 500000000].
[[nodiscard]] std::optional<std::int64_t> get_duration(const json::Value& object,
                                                       std::string_view name);
[[nodiscard]] json::Value duration(std::int64_t nanos);

// Seconds with a fraction of at most nine digits, as nanoseconds: exact, unlike a double.
[[nodiscard]] std::optional<std::int64_t> get_seconds(const json::Value& object,
                                                      std::string_view name);
[[nodiscard]] json::Value seconds(std::int64_t nanos);

// {"Name": {...}}: a variant of an enum with its body.
struct Variant {
  std::string_view name;
  const json::Value* body;
};
[[nodiscard]] std::optional<Variant> get_variant(const json::Value* value);
[[nodiscard]] json::Value variant(std::string_view name, json::Value body);

[[nodiscard]] const json::Value* get_object(const json::Value& object, std::string_view name);
// True if the member is a list of nothing but objects, and not empty.
[[nodiscard]] bool has_objects(const json::Value& object, std::string_view name);

[[nodiscard]] json::Value text_or_null(bool has, kj::StringPtr text);
[[nodiscard]] json::Value text_or_empty(kj::StringPtr text);
[[nodiscard]] json::Value time_or_null(std::int64_t nanos, std::uint32_t form);
// A member that must be there; 1970 where the record has no time.
[[nodiscard]] json::Value time_or_epoch(std::int64_t nanos, std::uint32_t form);
[[nodiscard]] json::Value texts(capnp::List<capnp::Text>::Reader list);

// JSON kept as a text, members sorted; a text that is no JSON is shown as a string.
[[nodiscard]] json::Value parsed(kj::StringPtr text);

// A map of names and values, sorted by name: its order is no content.
enum class Values : std::uint8_t { kTexts, kJson };
using Properties = capnp::List<schema::Property>;
[[nodiscard]] std::vector<const json::Member*> sorted_members(const json::Value& object,
                                                              Values values);
void fill(Properties::Builder list, const std::vector<const json::Member*>& members, Values values);
[[nodiscard]] json::Value properties(Properties::Reader list, Values values);

// The residual: what `wanted` says beyond what the record makes.
template <class Builder>
void set_extra(const json::Value& made, const json::Value& wanted, Builder record) {
  if (const auto patch = difference(made, wanted)) {
    set_text(json::to_sorted_text(*patch), record, &Builder::initExtra);
  }
}

// What the record makes, completed by what its source said beyond that.
template <class Reader>
[[nodiscard]] json::Value with_extra(json::Value made, Reader record) {
  if (!record.hasExtra() || record.getOrigin() != schema::Origin::ACA) return made;
  return merge(std::move(made), parse_patch(view(record.getExtra())));
}

}  // namespace session::convert::aca
