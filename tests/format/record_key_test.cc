// The keys of records that are counted.

#include "format/record_key.h"

#include <gtest/gtest.h>

namespace session::format {
namespace {

TEST(RecordKeys, OfPositionsHaveTenDigitsAndNothingElse) {
  EXPECT_EQ(position_key(0), "0000000000");
  EXPECT_EQ(position_key(1'234), "0000001234");
  EXPECT_EQ(position_key(kPositions - 1), "9999999999");
  for (const std::uint64_t position : {std::uint64_t{0}, std::uint64_t{7}, kPositions - 1}) {
    EXPECT_EQ(position_of(position_key(position)), position);
  }
  for (const char* key :
       {"", "7", "000000007", "00000000007", "12345678901", "000000000x", "-000000007"}) {
    EXPECT_FALSE(position_of(key)) << key;
  }
}

TEST(RecordKeys, OfExecutionsNameTheirTaskAndANumber) {
  EXPECT_EQ(execution_key("a", 3), "a#000003");
  EXPECT_EQ(execution_key("a", 12'345'678), "a#12345678");
  for (const std::uint64_t number : {0, 1, 999'999, 1'000'000}) {
    EXPECT_EQ(execution_number(execution_key("a#1", number), "a#1"), number);
  }
  EXPECT_EQ(execution_number("a#7", "a"), 7U) << "as others may write it";
  for (const char* key : {"a", "a#", "a000001", "ab#000001", "a#1#000001", "a#x", "a#-1",
                          "b#000001", "a#9999999999999999999"}) {
    EXPECT_FALSE(execution_number(key, "a")) << key;
  }
}

}  // namespace
}  // namespace session::format
