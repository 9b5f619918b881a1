// Any bytes as a source of the format: refused, or in and out again unchanged.

#include "fuzz/support/import_source.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  session::fuzz::check_import(session::SourceFormat::kJson, data, size);
  return 0;
}
