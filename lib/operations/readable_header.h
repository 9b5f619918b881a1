#pragma once
// File headers among damage: one that cannot be read may have a copy elsewhere that can.

#include <optional>

#include "format/file_header.h"

namespace session::operations {

// Nothing of one that is damaged or of a version that this one does not read.
[[nodiscard]] std::optional<format::FileHeader> readable_header(format::Bytes bytes);

}  // namespace session::operations
