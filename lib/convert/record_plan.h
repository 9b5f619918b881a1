#pragma once
// What the JSON of each record type looks like, worked out once from the schema: so that no record
// costs a look at names.

#include <capnp/dynamic.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace session::convert {

enum class Shape : std::uint8_t {
  kBool,
  kInteger,
  kReal,
  kEnum,
  kText,
  kData,
  kTime,  // with its form in the field beside it
  kStruct,
  kTexts,
  kStructs,
  kProperties,  // List(Property)
  kExtra,
};

struct StructPlan;

struct FieldPlan {
  std::string name;  // in JSON
  Shape shape = Shape::kBool;
  capnp::StructSchema::Field field;
  capnp::StructSchema::Field form;  // kTime
  bool is_signed = false;           // kInteger, with its range
  std::int64_t min = 0;
  std::uint64_t max = 0;
  std::vector<std::string> enumerants;  // kEnum, by number
  std::optional<std::uint16_t> silent;  // the enumerant that is left out
  bool holds_json = false;              // kProperties
  bool is_read = true;                  // false: shown only
  const StructPlan* inner = nullptr;    // kStruct, kStructs, kProperties
};

struct StructPlan {
  std::vector<FieldPlan> fields;          // in the schema's order
  std::vector<const FieldPlan*> by_name;  // sorted
  const FieldPlan* extra = nullptr;       // these two are among the fields, if they are at all
  const FieldPlan* origin = nullptr;

  [[nodiscard]] const FieldPlan* find(std::string_view name) const noexcept;
};

// What a field of the schema is called in JSON: "createdAt" -> "created_at".
[[nodiscard]] std::string json_name(std::string_view field);

// Lives as long as the program; any thread.
[[nodiscard]] const StructPlan& plan_of(capnp::StructSchema schema);

}  // namespace session::convert
