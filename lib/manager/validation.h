#pragma once
// Checks a running session: Session::validate().

#include "session/validation.h"

namespace session::manager {

class Core;

[[nodiscard]] ValidationReport validate(const Core& core, const ValidationOptions& options);

}  // namespace session::manager
