#include "lib/convert/record_plan.h"

#include <algorithm>
#include <limits>
#include <map>
#include <memory>

#include "lib/convert/text_fields.h"
#include "session/error.h"
#include "session/table.h"

namespace session::convert {
namespace {

using capnp::StructSchema;
using capnp::schema::Type;

std::string_view view(kj::StringPtr text) {
  return {text.begin(), text.size()};
}

class Plans {
 public:
  Plans() {
    for (const Table table : kAllTables) add(table_schema(table));
  }

  [[nodiscard]] const StructPlan& of(StructSchema schema) const {
    const auto found = plans_.find(schema.getProto().getId());
    if (found == plans_.end()) throw Error(ErrorCode::kInternal, "no record of any table");
    return *found->second;
  }

 private:
  const StructPlan& add(StructSchema schema) {
    auto& plan = plans_[schema.getProto().getId()];
    if (plan) return *plan;
    plan = std::make_unique<StructPlan>();
    StructPlan& result = *plan;
    for (const auto field : schema.getFields()) {
      if (auto entry = plan_field(schema, field)) result.fields.push_back(std::move(*entry));
    }
    for (const FieldPlan& field : result.fields) {
      result.by_name.push_back(&field);
      if (field.shape == Shape::kExtra) result.extra = &field;
      if (field.name == "origin") result.origin = &field;
    }
    std::sort(result.by_name.begin(), result.by_name.end(),
              [](const FieldPlan* a, const FieldPlan* b) { return a->name < b->name; });
    return result;
  }

  // Nothing for the form of a time.
  std::optional<FieldPlan> plan_field(StructSchema schema, StructSchema::Field field) {
    const std::string_view name = view(field.getProto().getName());
    if (name.ends_with("Form") && is_there(schema, name.substr(0, name.size() - 4))) {
      return std::nullopt;
    }
    FieldPlan plan;
    plan.name = json_name(name);
    plan.field = field;
    const auto type = field.getType();
    switch (type.which()) {
      case Type::BOOL:
        plan.shape = Shape::kBool;
        break;
      case Type::INT32:
        integer<std::int32_t>(plan);
        break;
      case Type::INT64:
        integer<std::int64_t>(plan);
        break;
      case Type::UINT16:
        integer<std::uint16_t>(plan);
        break;
      case Type::UINT32:
        integer<std::uint32_t>(plan);
        break;
      case Type::UINT64:
        integer<std::uint64_t>(plan);
        break;
      case Type::FLOAT64:
        plan.shape = Shape::kReal;
        break;
      case Type::ENUM:
        enumeration(plan, type.asEnum());
        break;
      case Type::TEXT:
        plan.shape = name == "extra" ? Shape::kExtra : Shape::kText;
        break;
      case Type::DATA:
        plan.shape = Shape::kData;
        break;
      case Type::STRUCT:
        plan.shape = Shape::kStruct;
        plan.inner = &add(type.asStruct());
        break;
      case Type::LIST:
        list(plan, type.asList().getElementType());
        break;
      default:
        throw Error(ErrorCode::kInternal, "a field type without JSON: " + plan.name);
    }
    if (name == "blobs") plan.is_read = false;
    if (type.isInt64()) {
      const std::string form = std::string(name) + "Form";
      if (is_there(schema, form)) {
        plan.shape = Shape::kTime;
        plan.form = schema.getFieldByName(form.c_str());
      }
    }
    return plan;
  }

  static bool is_there(StructSchema schema, std::string_view name) {
    return schema.findFieldByName(std::string(name).c_str()) != nullptr;
  }

  template <class Integer>
  static void integer(FieldPlan& plan) {
    plan.shape = Shape::kInteger;
    plan.is_signed = std::numeric_limits<Integer>::is_signed;
    plan.min = static_cast<std::int64_t>(std::numeric_limits<Integer>::min());
    plan.max = static_cast<std::uint64_t>(std::numeric_limits<Integer>::max());
  }

  static void enumeration(FieldPlan& plan, capnp::EnumSchema schema) {
    plan.shape = Shape::kEnum;
    for (const auto enumerant : schema.getEnumerants()) {
      const std::string name = json_name(view(enumerant.getProto().getName()));
      if (name == "unset" || name == "native") plan.silent = enumerant.getOrdinal();
      plan.enumerants.push_back(name);
    }
  }

  void list(FieldPlan& plan, capnp::Type element) {
    if (element.isText()) {
      plan.shape = Shape::kTexts;
      return;
    }
    if (!element.isStruct()) throw Error(ErrorCode::kInternal, "a list without JSON: " + plan.name);
    const bool is_property = element.asStruct() == capnp::Schema::from<schema::Property>();
    plan.shape = is_property ? Shape::kProperties : Shape::kStructs;
    plan.holds_json = plan.name == "properties";
    plan.inner = &add(element.asStruct());
  }

  std::map<std::uint64_t, std::unique_ptr<StructPlan>> plans_;
};

}  // namespace

std::string json_name(std::string_view name) {
  std::string result;
  for (const char c : name) {
    if (c >= 'A' && c <= 'Z') {
      result += '_';
      result += static_cast<char>(c - 'A' + 'a');
    } else {
      result += c;
    }
  }
  return result;
}

const FieldPlan* StructPlan::find(std::string_view name) const noexcept {
  const auto at = std::lower_bound(
      by_name.begin(), by_name.end(), name,
      [](const FieldPlan* field, std::string_view wanted) { return field->name < wanted; });
  return at != by_name.end() && (*at)->name == name ? *at : nullptr;
}

const StructPlan& plan_of(StructSchema schema) {
  static const Plans plans;
  return plans.of(schema);
}

}  // namespace session::convert
