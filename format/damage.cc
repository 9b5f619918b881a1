#include "format/damage.h"

#include <array>

namespace session::format {
namespace {

constexpr std::array<std::string_view, 12> kNames = {
    "beyond_end",    "frame_magic",   "header_hash",  "misplaced_frame",
    "foreign_frame", "header_field",  "payload_hash", "padding",
    "compression",   "not_canonical", "structure",    "link"};
static_assert(kNames.size() == static_cast<std::size_t>(DamageKind::kLink) + 1);

}  // namespace

std::string_view damage_name(DamageKind kind) {
  return kNames.at(static_cast<std::size_t>(kind));
}

Error Damage::error() const {
  return Error(ErrorCode::kDamaged,
               "damaged (" + std::string(damage_name(kind)) + "): " + detail +
                   "; revisions that do not need these bytes can still be read (FILE@REV), and "
                   "`sessiontool verify` names all that is damaged",
               {}, offset);
}

}  // namespace session::format
