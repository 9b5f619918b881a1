#pragma once
// Is a canonical record what its schema says? A pointer that leads to a list where a struct should
// be, or a text whose last byte is not zero, is well-formed to whoever does not know the schema,
// and throws when the field is read. Asked once for each page, so that what passed can be read
// whole.

#include <optional>
#include <string>

#include "format/bytes.h"
#include "session/schema/page.capnp.h"

namespace session::format {

// Nothing if every record of `leaf`, a leaf of that table or a delta's changes of it, can be read
// in every field this version knows; else one clause. Fields and tables of a later version are not
// looked at. For a leaf of a payload that check_message() passed, and whose records are a list of
// structs (check_leaf()).
[[nodiscard]] std::optional<std::string> check_records(schema::Leaf::Reader leaf,
                                                       std::uint16_t table);

}  // namespace session::format
