#pragma once
// Where two records of a table differ, field by field.
//
// Both are compared as the JSON of our own that `show --json` prints, which is made by reflection:
// a field of a later schema needs nothing here. Of large texts, kept apart in blobs, those of equal
// digest under one name are not read. Whatever differs without showing in that JSON (fields of a
// newer version; a text kept apart on one side and in the record on the other) is still reported,
// under kUnnamedPath.

#include <cstdint>
#include <string_view>
#include <vector>

#include "session/diff.h"

namespace session::operations {

inline constexpr std::string_view kUnnamedPath = "*";

// The two are of one table and key, and differ; at least one is there. Never empty. Throws kDamaged
// for a record that is not what its schema says, or whose blobs are damaged.
[[nodiscard]] std::vector<FieldChange> diff_fields(const Snapshot& left, const Snapshot& right,
                                                   const RecordChange& change,
                                                   std::uint64_t max_text_bytes);

}  // namespace session::operations
