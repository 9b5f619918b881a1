// must fail: ignoring return value
// A transaction that nobody holds is rolled back at once; begin() for nothing is a mistake.

#include "session/writer.h"

void work(session::Writer& writer) {
#ifdef MUST_NOT_COMPILE
  writer.begin();
#else
  writer.begin().commit();
#endif
}
