#pragma once
// What a record's fields cannot say, as a patch.
//
// A foreign object is mapped into a record as far as it fits; the record, exported again, gives an
// object that may differ from the original. The difference is kept as JSON text in the record's
// `extra`, and merging it into the export gives the original back, whatever odd things were in it.
//
// A patch is an object. The first character of a member's name says what to do with the member (of
// an object) or element (of an array) that the rest of the name names:
//
//   "=name": value            the member is added, if it is not there
//   "~name": [guard, value]   it is replaced, if it is what it was
//   "-name": guard            it is removed, if it is what it was
//   "/name": patch            it is patched itself, if it is an object or an array
//   "?": guard                in the patch of an array's element: which element is meant
//   "!": value                at the top: everything is replaced
//   "$": patch                at the top: see below
//
// Elements have their index as name, in digits, and only `~` and `/`: an array of another length is
// replaced whole. A guard is the CRC-32 (as in zlib) of the sorted compact text of what was there.
// So an edit wins over the patch: when somebody completes a task whose source had a status we do
// not know, the guard no longer fits, and the export says "closed" and not the source's old word.
// An element that moved is found by its guard, and is left alone if there is none like it.
//
// Of an imported record, the patch completes the JSON of its source. What our own JSON of the same
// record (record_json.h) may say beyond its fields is a second patch, kept as "$" in the first.
//
// Stored patches are relative to what the exporters wrote when they were made: whoever changes an
// exporter's output changes what stored records give back.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "lib/convert/json.h"

namespace session::convert {

// A patch is one level deeper than what it was made from, and may be kept in another one.
inline constexpr std::size_t kMaxPatchDepth = json::kMaxOwnJsonDepth + 8;

// The patch that makes `to` of `from`; nothing when they are equal. For all values, merge(from,
// *difference(from, to)) == to.
[[nodiscard]] std::optional<json::Value> difference(const json::Value& from, const json::Value& to);

// `from` with the patch applied as far as it fits. Throws kBadSource if `patch` is none.
[[nodiscard]] json::Value merge(json::Value from, const json::Value& patch);

// Nothing if `patch` is one; otherwise what is wrong with it.
[[nodiscard]] std::optional<std::string> patch_fault(const json::Value& patch);

inline constexpr std::string_view kOwnPatch = "$";

// Takes the second patch out of the first; nothing if there is none.
[[nodiscard]] std::optional<json::Value> take_own_patch(json::Value& patch);

// A record's `extra` as a patch. Throws kBadSource when it is not JSON, or no patch.
[[nodiscard]] json::Value parse_patch(std::string_view extra);

}  // namespace session::convert
