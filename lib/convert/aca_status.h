#pragma once
// The status of a task or of one execution, with the details each variant carries.

#include "lib/convert/aca_fields.h"
#include "lib/convert/json.h"
#include "session/schema/record.capnp.h"

namespace session::convert::aca {

// What a status is; nothing if this version knows no such variant.
[[nodiscard]] std::optional<schema::TaskStatus> status_of(const json::Value* value);

// `value` must be a status that status_of knows, and not "Pending", which has no details.
void status_to_detail(const json::Value& value, Room& room, schema::StatusDetail::Builder detail);

[[nodiscard]] json::Value detail_to_status(schema::TaskStatus status,
                                           schema::StatusDetail::Reader detail);

// For a record with `status` and `statusDetail`.
template <class Builder>
void set_status_if(const json::Value& object, Room& room, Builder& record) {
  const json::Value* value = object.find("status");
  const auto status = status_of(value);
  if (!status) return;
  record.setStatus(*status);
  if (*status != schema::TaskStatus::PENDING) {
    status_to_detail(*value, room, record.initStatusDetail());
  }
}

}  // namespace session::convert::aca
