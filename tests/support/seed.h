#pragma once
// Where a random test starts: from SESSIONTOOL_SEED when set, so that a failure can be repeated,
// else anywhere. The seed is printed either way.

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>

namespace session::test {

[[nodiscard]] inline std::uint64_t random_seed() {
  std::uint64_t seed = 0;
  if (const char* given = std::getenv("SESSIONTOOL_SEED")) {
    seed = std::strtoull(given, nullptr, 0);
  } else {
    std::random_device device;
    seed = (std::uint64_t{device()} << 32) | device();
  }
  std::cout << "seed " << seed << " (repeat with SESSIONTOOL_SEED=" << seed << ")\n";
  return seed;
}

}  // namespace session::test
