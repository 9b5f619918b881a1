#pragma once
// The automatic corrections of what a session means: everything check_session_meaning finds that
// can be put right without inventing anything. All of them go into one transaction.

#include <vector>

#include "session/progress.h"
#include "session/repair.h"
#include "session/writer.h"

namespace session::operations {

// One action for each correction, in the order in which they were made. Corrects until nothing is
// found any more that can be: what one correction lays bare is found by the next look. Throws what
// checking the meaning throws.
[[nodiscard]] std::vector<RepairAction> correct_meaning(Transaction& change,
                                                        const ProgressCallback& progress);

}  // namespace session::operations
