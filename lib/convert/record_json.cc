#include "lib/convert/record_json.h"

#include <kj/encoding.h>

#include <charconv>
#include <cmath>
#include <cstring>
#include <set>
#include <string>
#include <utility>

#include "lib/convert/record_plan.h"
#include "lib/convert/residual.h"
#include "lib/convert/text_fields.h"
#include "lib/convert/time_text.h"
#include "session/error.h"

namespace session::convert {
namespace {

using capnp::DynamicEnum;
using capnp::DynamicList;
using capnp::DynamicStruct;
using json::Value;

// ---- record to JSON -----------------------------------------------------------------------------

Value fields_to_json(const StructPlan& plan, DynamicStruct::Reader record);

Value enum_to_json(const FieldPlan& plan, DynamicEnum value) {
  const std::uint16_t number = value.getRaw();
  if (number < plan.enumerants.size()) return Value::string(plan.enumerants[number]);
  return Value::natural(number);
}

// Nothing unless every property has both parts, no name stands twice, and JSON values are written
// as we would.
std::optional<Value> properties_to_object(const FieldPlan& plan, DynamicList::Reader list) {
  Value result = Value::object();
  std::set<std::string_view> names;
  for (const auto element : list) {
    const auto property = element.as<DynamicStruct>().as<schema::Property>();
    if (!property.hasName() || !property.hasValue()) return std::nullopt;
    const std::string_view name = view(property.getName());
    const std::string_view text = view(property.getValue());
    if (!names.insert(name).second) return std::nullopt;
    Value value;
    if (plan.holds_json) {
      try {
        value = json::parse(text);
      } catch (const Error&) {
        return std::nullopt;
      }
      if (json::to_text(value) != text) return std::nullopt;
    } else {
      value = Value::string(text);
    }
    result.add(name, std::move(value));
  }
  return result;
}

Value list_to_json(const FieldPlan& plan, DynamicList::Reader list) {
  if (plan.shape == Shape::kProperties) {
    if (auto object = properties_to_object(plan, list)) return std::move(*object);
  }
  Value result = Value::array();
  result.items().reserve(list.size());
  for (const auto element : list) {
    result.items().push_back(plan.shape == Shape::kTexts
                                 ? Value::string(view(element.as<capnp::Text>()))
                                 : fields_to_json(*plan.inner, element.as<DynamicStruct>()));
  }
  return result;
}

// Nothing for what is left out.
std::optional<Value> field_to_json(const FieldPlan& plan, DynamicStruct::Reader record) {
  const auto get = [&] { return record.get(plan.field); };
  switch (plan.shape) {
    case Shape::kBool: {
      if (!get().as<bool>()) return std::nullopt;
      return Value::boolean(true);
    }
    case Shape::kInteger: {
      if (plan.is_signed) {
        const auto number = get().as<std::int64_t>();
        return number == 0 ? std::nullopt : std::optional(Value::integer(number));
      }
      const auto number = get().as<std::uint64_t>();
      return number == 0 ? std::nullopt : std::optional(Value::natural(number));
    }
    case Shape::kReal: {
      const auto number = get().as<double>();
      if (number == 0 && !std::signbit(number)) return std::nullopt;
      return Value::real(number);
    }
    case Shape::kEnum: {
      const auto value = get().as<DynamicEnum>();
      if (value.getRaw() == plan.silent) return std::nullopt;
      return enum_to_json(plan, value);
    }
    case Shape::kTime: {
      const auto form = record.get(plan.form).as<std::uint32_t>();
      if (form == kNoTime) return std::nullopt;
      return Value::string(format_time(get().as<std::int64_t>(), form));
    }
    default:
      break;
  }
  if (!record.has(plan.field)) return std::nullopt;
  switch (plan.shape) {
    case Shape::kText:
      return Value::string(view(get().as<capnp::Text>()));
    case Shape::kData: {
      const auto text = kj::encodeBase64(get().as<capnp::Data>());
      return Value::string(view(text));
    }
    case Shape::kStruct:
      return fields_to_json(*plan.inner, get().as<DynamicStruct>());
    case Shape::kTexts:
    case Shape::kStructs:
    case Shape::kProperties:
      return list_to_json(plan, get().as<DynamicList>());
    default:
      return std::nullopt;  // extra: see below
  }
}

Value fields_to_json(const StructPlan& plan, DynamicStruct::Reader record) {
  Value result = Value::object();
  for (const FieldPlan& field : plan.fields) {
    if (auto value = field_to_json(field, record)) result.add(field.name, std::move(*value));
  }
  return result;
}

bool is_native(const StructPlan& plan, DynamicStruct::Reader record) {
  return plan.origin == nullptr ||
         record.get(plan.origin->field).as<DynamicEnum>().getRaw() == plan.origin->silent;
}

// `shown` without `extra`, completed by it.
Value with_extra(Value shown, std::string_view extra, bool native) {
  Value patch;
  try {
    patch = parse_patch(extra);
  } catch (const Error&) {
    shown.add("extra", Value::string(extra));
    return shown;
  }
  if (native) {
    Value merged = merge(shown, patch);
    if (merged.is_object()) return merged;
    shown.add("extra", Value::string(extra));
    return shown;
  }
  const std::optional<Value> own = take_own_patch(patch);
  if (!own || !patch.members().empty()) shown.add("extra", std::move(patch));
  if (!own) return shown;
  Value merged = merge(shown, *own);
  return merged.is_object() ? merged : shown;
}

// ---- JSON to record -----------------------------------------------------------------------------

void fields_from_json(const StructPlan& plan, const Value& value, DynamicStruct::Builder record);

template <class Number>
std::optional<Number> number_of(std::string_view lexeme) {
  Number number{};
  const char* const end = lexeme.data() + lexeme.size();
  const auto result = std::from_chars(lexeme.data(), end, number);
  if (result.ec != std::errc() || result.ptr != end) return std::nullopt;
  return number;
}

void integer_from_json(const FieldPlan& plan, const Value& value, DynamicStruct::Builder record) {
  if (!value.is_number()) return;
  if (plan.is_signed) {
    const auto number = number_of<std::int64_t>(value.lexeme());
    if (number && *number >= plan.min && *number <= static_cast<std::int64_t>(plan.max)) {
      record.set(plan.field, *number);
    }
  } else {
    const auto number = number_of<std::uint64_t>(value.lexeme());
    if (number && *number <= plan.max) record.set(plan.field, *number);
  }
}

void enum_from_json(const FieldPlan& plan, const Value& value, DynamicStruct::Builder record) {
  if (!value.is_string()) return;
  for (std::size_t i = 0; i < plan.enumerants.size(); ++i) {
    if (value.text() != plan.enumerants[i]) continue;
    record.set(plan.field,
               DynamicEnum(plan.field.getType().asEnum(), static_cast<std::uint16_t>(i)));
  }
}

void time_from_json(const FieldPlan& plan, const Value& value, DynamicStruct::Builder record) {
  if (!value.is_string()) return;
  if (const auto time = parse_time(value.text())) {
    record.set(plan.field, time->nanos);
    record.set(plan.form, time->form);
  }
}

void data_from_json(const FieldPlan& plan, const Value& value, DynamicStruct::Builder record) {
  if (!value.is_string()) return;
  const auto bytes = kj::decodeBase64(kj::arrayPtr(value.text().data(), value.text().size()));
  // Only what we would write again: anything else decodes to something, too.
  if (bytes.hadErrors || view(kj::encodeBase64(bytes)) != value.text()) return;
  auto data = record.init(plan.field, list_size(bytes.size())).as<capnp::Data>();
  if (bytes.size() > 0) std::memcpy(data.begin(), bytes.begin(), bytes.size());
}

// Elements of another kind are passed over: an empty record in their place would be an invention.
void list_from_json(const FieldPlan& plan, const Value& value, DynamicStruct::Builder record) {
  if (!value.is_array()) return;
  const bool texts = plan.shape == Shape::kTexts;
  std::vector<const Value*> fitting;
  for (const Value& item : value.items()) {
    if (texts ? item.is_string() : item.is_object()) fitting.push_back(&item);
  }
  auto list = record.init(plan.field, list_size(fitting.size())).as<DynamicList>();
  for (unsigned i = 0; i < list.size(); ++i) {
    if (texts) {
      const std::string_view text = fitting[i]->text();
      copy_text(text, list.init(i, list_size(text.size())).as<capnp::Text>());
    } else {
      fields_from_json(*plan.inner, *fitting[i], list[i].as<DynamicStruct>());
    }
  }
}

void properties_from_json(const FieldPlan& plan, const Value& value,
                          DynamicStruct::Builder record) {
  if (!value.is_object()) return list_from_json(plan, value, record);
  std::vector<const json::Member*> fitting;
  for (const json::Member& member : value.members()) {
    if (plan.holds_json || member.value.is_string()) fitting.push_back(&member);
  }
  auto list = record.init(plan.field, list_size(fitting.size())).as<DynamicList>();
  for (unsigned i = 0; i < list.size(); ++i) {
    auto property = list[i].as<DynamicStruct>().as<schema::Property>();
    const Value& content = fitting[i]->value;
    const std::string text = plan.holds_json ? json::to_text(content) : std::string(content.text());
    set_text(fitting[i]->name(), property, &schema::Property::Builder::initName);
    set_text(text, property, &schema::Property::Builder::initValue);
  }
}

void field_from_json(const FieldPlan& plan, const Value& value, DynamicStruct::Builder record) {
  switch (plan.shape) {
    case Shape::kBool:
      if (value.is_bool()) record.set(plan.field, value.as_bool());
      break;
    case Shape::kInteger:
      integer_from_json(plan, value, record);
      break;
    case Shape::kReal:
      if (value.is_number()) {
        if (const auto number = number_of<double>(value.lexeme())) record.set(plan.field, *number);
      }
      break;
    case Shape::kEnum:
      enum_from_json(plan, value, record);
      break;
    case Shape::kText:
      if (value.is_string()) {
        const std::string_view text = value.text();
        copy_text(text, record.init(plan.field, list_size(text.size())).as<capnp::Text>());
      }
      break;
    case Shape::kData:
      data_from_json(plan, value, record);
      break;
    case Shape::kTime:
      time_from_json(plan, value, record);
      break;
    case Shape::kStruct:
      if (value.is_object()) {
        fields_from_json(*plan.inner, value, record.init(plan.field).as<DynamicStruct>());
      }
      break;
    case Shape::kTexts:
    case Shape::kStructs:
      list_from_json(plan, value, record);
      break;
    case Shape::kProperties:
      properties_from_json(plan, value, record);
      break;
    case Shape::kExtra:
      break;
  }
}

void fields_from_json(const StructPlan& plan, const Value& value, DynamicStruct::Builder record) {
  for (const json::Member& member : value.members()) {
    const FieldPlan* field = plan.find(member.name());
    if (field != nullptr && field->is_read) field_from_json(*field, member.value, record);
  }
}

// The source's patch, as an imported record shows it.
std::optional<Value> foreign_patch(const Value& value) {
  const Value* extra = value.find("extra");
  if (extra == nullptr || !extra->is_object() || extra->members().empty()) return std::nullopt;
  if (patch_fault(*extra) || extra->find(kOwnPatch) != nullptr) return std::nullopt;
  return *extra;
}

}  // namespace

Value record_to_json(Table table, DynamicStruct::Reader record) {
  const StructPlan& plan = plan_of(table_schema(table));
  Value shown = fields_to_json(plan, record);
  if (plan.extra == nullptr || !record.has(plan.extra->field)) return shown;
  const auto extra = record.get(plan.extra->field).as<capnp::Text>();
  return with_extra(std::move(shown), view(extra), is_native(plan, record));
}

void record_from_json(Table table, const Value& value, DynamicStruct::Builder record) {
  const StructPlan& plan = plan_of(table_schema(table));
  if (plan.extra == nullptr) {
    throw Error(ErrorCode::kUsage, "the table " + std::string(table_name(table)) +
                                       " is derived from the others and cannot be written");
  }
  if (!value.is_object()) throw Error(ErrorCode::kBadSource, "a record must be a JSON object");
  fields_from_json(plan, value, record);

  const bool native = is_native(plan, record.asReader());
  Value shown = fields_to_json(plan, record.asReader());
  std::optional<Value> extra = native ? std::nullopt : foreign_patch(value);
  if (extra) shown.add("extra", *extra);
  if (auto rest = difference(shown, value)) {
    if (native) {
      extra = std::move(rest);
    } else {
      if (!extra) extra = Value::object();
      extra->add(kOwnPatch, std::move(*rest));
    }
  }
  if (!extra) return;
  const std::string text = json::to_text(*extra);
  copy_text(text, record.init(plan.extra->field, list_size(text.size())).as<capnp::Text>());
}

}  // namespace session::convert
