// Any files as a session's directory of aca: refused, or in and out again file by file.

#include "fuzz/support/import_source.h"
#include "fuzz/support/mutate_json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  session::fuzz::check_aca_import(data, size);
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned seed) {
  return session::fuzz::mutate_source(data, size, max_size, seed);
}
