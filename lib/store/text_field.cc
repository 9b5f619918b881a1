#include "session/text_field.h"

#include <string>

namespace session {

TextField::TextField(const capnp::StructSchema& schema, const char* name) {
  KJ_IF_MAYBE (field, schema.findFieldByName(name)) {
    const auto proto = field->getProto();
    if (proto.isSlot() && field->getType().isText()) {
      pointer_ = proto.getSlot().getOffset();
      return;
    }
  }
  throw Error(ErrorCode::kUsage, "a record of " + std::string(schema.getShortDisplayName().cStr()) +
                                     " has no text field \"" + name + "\"");
}

std::string_view TextField::in(capnp::AnyStruct::Reader record) const {
  const auto pointers = record.getPointerSection();
  if (pointer_ >= pointers.size()) return {};
  // As data it is the same bytes and the zero behind them, and nobody looks at that.
  const auto bytes = pointers[pointer_].getAs<capnp::Data>();
  if (bytes.size() == 0) return {};
  return {reinterpret_cast<const char*>(bytes.begin()), bytes.size() - 1};
}

}  // namespace session
