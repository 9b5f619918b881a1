// Any bytes as the life of a session: changes, commits, crashes, failing calls, time travel,
// compactions, against a model that keeps every version in a map.

#include "fuzz/support/model.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  session::fuzz::check_against_model(data, size);
  return 0;
}
