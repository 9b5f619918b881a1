// Any files as a session's directory of aca: refused, or in and out again file by file.

#include "fuzz/support/import_source.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  session::fuzz::check_aca_import(data, size);
  return 0;
}
