#pragma once
// SESSIONTOOL_EXHAUSTIVE=1 asks for tests at their full size, which takes minutes; without it they
// take seconds.

#include <cstdlib>

namespace session::test {

[[nodiscard]] inline bool is_exhaustive() {
  return std::getenv("SESSIONTOOL_EXHAUSTIVE") != nullptr;
}

}  // namespace session::test
