#include "lib/operations/meaning_parts.h"

namespace session::operations {

void check_imported_aca(MeaningContext&) {}

}  // namespace session::operations
