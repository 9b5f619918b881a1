// must fail: format/frame\.h.*(No such file|file not found)
// Who links the library, as the command-line tool does, sees its public headers and not the bytes.

#include "session/reader.h"
#ifdef MUST_NOT_COMPILE
#include "format/frame.h"
#endif

int main() {
  return session::table_name(session::Table::kTasks).empty() ? 1 : 0;
}
