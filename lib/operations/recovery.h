#pragma once
// What a session keeps of its recoveries: records of the table `recoveries`.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "format/record.h"

namespace session::operations {

struct RecoveryFacts {
  std::int64_t time_nanos = 0;
  std::uint64_t revision = 0;  // the head afterwards
  std::string reason;
  std::string method;
  std::string preserved_as;       // the file as it was
  std::vector<std::string> lost;  // as many as are worth naming
};
[[nodiscard]] format::Record recovery_record(const RecoveryFacts& facts);

// The next one's key where there are `count` already: the first behind that number that is free,
// since damage and erasing leave gaps.
[[nodiscard]] std::string recovery_key(std::uint64_t count,
                                       const std::function<bool(std::string_view)>& is_taken);

}  // namespace session::operations
