// Bugs for the fuzzers to find stand in the code, and in no program that anybody uses.

#include "format/canary.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace session::format {
namespace {

TEST(Canary, IsPlantedInNoOrdinaryBuild) {
  ASSERT_EQ(::setenv("SESSIONTOOL_CANARY", "frame", 1), 0);
  static_assert(!planted("frame"));
  EXPECT_FALSE(planted("frame"));
  ::unsetenv("SESSIONTOOL_CANARY");
}

}  // namespace
}  // namespace session::format
