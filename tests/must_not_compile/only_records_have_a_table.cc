// must fail: not a record of any table
// A struct that is part of a record cannot be stored as one.

#include "session/snapshot.h"

bool holds(const session::Snapshot& snapshot) {
#ifdef MUST_NOT_COMPILE
  return snapshot.get<session::schema::BlobRef>("key").has_value();
#else
  return snapshot.get<session::schema::Blob>("key").has_value();
#endif
}
