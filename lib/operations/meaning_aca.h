#pragma once
// What is checked, and corrected, of a session that came from aca.

#include <optional>

#include "lib/convert/aca_check.h"
#include "session/finding.h"
#include "session/snapshot.h"

namespace session::operations {

[[nodiscard]] bool is_imported_from_aca(const Snapshot& snapshot);

// Nothing for what the records themselves show.
[[nodiscard]] std::optional<FindingCode> code_of(convert::aca::DefectKind kind);

}  // namespace session::operations
