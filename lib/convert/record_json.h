#pragma once
// A record as our own JSON (formats "json" and "jsonl", `apply`, `show --json`), by reflection.
//
//  * A field `createdAt` is the member "created_at"; a time with its form beside it is one RFC 3339
//    text; other numbers are numbers, durations in nanoseconds.
//  * Absent pointers, zero, false and the enumerants "unset" and "native" are left out; every other
//    enumerant is there ("in_progress"), a number if it is of a newer version.
//  * Data is base64. A text that holds JSON stays a text.
//  * A list of properties is an object of name and value (JSON values in "properties", texts in
//    "environment") where that says it exactly, else a list of {"name", "value"}.
//  * Of a record of our own, `extra` is merged into the object and does not show. Of an imported
//    one (its "origin" says so), the source's patch is the member "extra".
//
// Reading takes any object: what fits a field goes there, and what does not - an unknown member, a
// number beyond its field's range, a null - is kept in `extra` (residual.h), so that the record
// gives back the same JSON. `blobs` is shown when it is there and never read.

#include <capnp/dynamic.h>

#include "lib/convert/json.h"
#include "session/table.h"

namespace session::convert {

// Never fails for what a field holds; an `extra` that is no patch is shown as text.
[[nodiscard]] json::Value record_to_json(Table table, capnp::DynamicStruct::Reader record);

// Fills an empty record. Throws kBadSource if `value` is no object, kUsage for a table that is
// derived from others. A value deeper than kMaxOwnJsonDepth may not come back.
void record_from_json(Table table, const json::Value& value, capnp::DynamicStruct::Builder record);

template <class Record>
[[nodiscard]] json::Value record_to_json(typename Record::Reader record) {
  return record_to_json(kTableOf<Record>, capnp::DynamicStruct::Reader(record));
}
template <class Record>
void record_from_json(const json::Value& value, typename Record::Builder record) {
  record_from_json(kTableOf<Record>, value, capnp::DynamicStruct::Builder(record));
}

}  // namespace session::convert
