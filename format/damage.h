#pragma once
// Damage is a value: where, how much, and which check failed. Whoever meets it decides whether to
// stop, to skip or to count. The names are the finding codes of spec/recovery.md.

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "session/error.h"

namespace session::format {

enum class DamageKind : std::uint8_t {
  kBeyondEnd,     // the place lies outside the file
  kMagic,         // no frame (or file header) begins here
  kHeaderHash,    // its header does not hash to what it says
  kMisplaced,     // a whole frame, but of another place
  kForeign,       // a whole frame, but of another file
  kHeaderField,   // a header field has an impossible value
  kPayloadHash,   // its payload does not hash to what the header says
  kPadding,       // padding that is not zero
  kCompression,   // the payload does not decompress to the size it promises
  kNotCanonical,  // the payload is no canonical Cap'n Proto message
  kStructure,     // a message whose parts contradict each other
  kLink,          // what a page points to is not what it says
};

[[nodiscard]] std::string_view damage_name(DamageKind kind);

struct Damage {
  std::uint64_t offset = 0;  // bytes from the start of the file
  std::uint64_t length = 0;  // how far the damage is known to reach
  DamageKind kind = DamageKind::kMagic;
  std::string detail;  // one clause, for a person

  [[nodiscard]] Error error() const;  // kDamaged, with the offset
};

template <class T>
using OrDamage = std::variant<T, Damage>;

template <class T>
[[nodiscard]] const Damage* damage_in(const OrDamage<T>& result) {
  return std::get_if<Damage>(&result);
}

// The value, or the damage thrown.
template <class T>
[[nodiscard]] T value_or_throw(OrDamage<T>&& result) {
  if (const Damage* damage = damage_in(result)) throw damage->error();
  return std::get<T>(std::move(result));
}

}  // namespace session::format
