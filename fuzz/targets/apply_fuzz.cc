// Any bytes as operations: refused, or applied and out again as operations that change nothing.

#include "fuzz/support/import_source.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  session::fuzz::check_apply(data, size);
  return 0;
}
