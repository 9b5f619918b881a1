#pragma once
// The bytes of aca's files: its JSON to the letter, and the checksums that stand beside it.
//
// aca writes its state with two spaces of indent and no final newline, the members of its structs
// in the order of their declaration, those of its maps in an order that is new at each save. That
// order is no content, but a checksum covers it: where there is one, the order is kept, so that the
// file comes back byte for byte and its checksum stays right.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lib/convert/json.h"

namespace session::convert::aca {

// As aca's JSON library writes it.
[[nodiscard]] std::string file_text(const json::Value& value);

// What a file's ".checksum" holds: SipHash-1-3 with the key 0 (Aumasson and Bernstein, "SipHash: a
// fast short-input PRF", 2012; the variant with 1 and 3 rounds is the one of Rust's standard
// library) over the length as eight bytes, little-endian, and the bytes; hexadecimal, small
// letters, no leading zeros.
[[nodiscard]] std::string checksum(std::string_view bytes);

// SipHash-1-3 with the key 0.
[[nodiscard]] std::uint64_t siphash13(std::string_view bytes);

// How the members of `wanted` are ordered, compared with those of an equal value `made`; nothing if
// the order is the same everywhere. {"o": [the place in `made` of each member of `wanted`], "c":
// {"<place in made>": the same for what is inside}}.
[[nodiscard]] std::optional<json::Value> order_of(const json::Value& made,
                                                  const json::Value& wanted);

// `made` in that order. What does not fit is left as it is: the value may have been changed since.
void put_in_order(json::Value& made, const json::Value& order);

}  // namespace session::convert::aca
