// must fail: (deleted|implicitly-declared).*Transaction
// Two owners of the same changes could both commit them.

#include <utility>

#include "session/writer.h"

session::Transaction pass_on(session::Transaction& change) {
#ifdef MUST_NOT_COMPILE
  session::Transaction copy(change);
  return copy;
#else
  return std::move(change);
#endif
}
