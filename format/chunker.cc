#include "format/chunker.h"

#include <algorithm>

#include "format/bytes.h"
#include "format/checksum.h"

namespace session::format {

bool PageRule::ends_after(std::string_view key, std::uint64_t weight, std::uint64_t size_with_item,
                          std::uint64_t items) const {
  if (level_ > 0 && items < kMinIndexChildren) return false;
  const std::uint64_t target = std::uint64_t{1} << target_log2_;
  const std::uint64_t most = target << kPageSpreadLog2;
  if (size_with_item >= most) return true;
  if (size_with_item < target >> kPageSpreadLog2) return false;
  // chance = 3/2 * s * w / target^2, in units of 2^-32. Both factors are below 2^18, so nothing
  // overflows.
  const std::uint64_t product = 3 * size_with_item * std::min(weight, most);
  const int shift = 31 - 2 * target_log2_;
  const std::uint64_t threshold = shift >= 0 ? product << shift : product >> -shift;
  return (xxh3_64(as_bytes(key), level_) & 0xFFFFFFFFU) < threshold;
}

}  // namespace session::format
