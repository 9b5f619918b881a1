// must fail: lib/store/tree\.h.*(No such file|file not found)
// The public face is all there is: no way past it to the library's own headers.

#include "session/writer.h"
#ifdef MUST_NOT_COMPILE
#include "lib/store/tree.h"
#endif

int main() {
  return session::CommitOptions().as_snapshot ? 1 : 0;
}
