#pragma once
// Tables that say again what stands elsewhere, compared with it: `revisions` with the commits,
// `children` with the tasks, checkpoints with the revisions they name.

#include "lib/operations/verify_commits.h"
#include "lib/operations/verify_context.h"

namespace session::operations {

// Of the newest trees, as far as they can be read whole.
void check_derived_tables(VerifyContext& context, const NewestTrees& trees);

}  // namespace session::operations
