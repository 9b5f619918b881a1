#pragma once
// Bugs planted on purpose, to see that each fuzz target finds what it is there to find (see
// fuzz/README.md). Only a build with SESSIONTOOL_CANARY holds them, and of them only the one that
// the environment variable of this name names. In every other build none is there.

#include <string_view>

#ifdef SESSIONTOOL_CANARY
#include <cstdlib>
#endif

namespace session::format {

#ifdef SESSIONTOOL_CANARY
[[nodiscard]] inline bool planted(std::string_view bug) {
  const char* name = std::getenv("SESSIONTOOL_CANARY");
  return name != nullptr && bug == name;
}
#else
[[nodiscard]] constexpr bool planted(std::string_view /*bug*/) {
  return false;
}
#endif

}  // namespace session::format
