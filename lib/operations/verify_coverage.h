#pragma once
// What verifying asks of parity: which bytes it covers, and whether what is damaged can be brought
// back from it.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "lib/operations/scan.h"
#include "session/finding.h"

namespace session::operations {

class Coverage {
 public:
  virtual ~Coverage() = default;

  // For each of the damaged ranges, which are all there are, in rising order: whether parity
  // restores it bit for bit.
  [[nodiscard]] virtual std::vector<bool> restorable(std::span<const Span> damaged) const = 0;
  // Committed bytes that no group covers.
  [[nodiscard]] virtual std::uint64_t uncovered_bytes() const = 0;
  // What is wrong with the groups themselves, asked for at VerifyLevel::kFull.
  [[nodiscard]] virtual std::vector<Finding> findings() const = 0;
};

// Of a file whose committed bytes end at `end`. A file without parity has a coverage too: of
// nothing. `newest_group` is the parity group that the head of a file without damage names (0:
// none), which leads to all others; without it, and once damage is asked about, the whole file is
// searched for groups.
[[nodiscard]] std::unique_ptr<Coverage> coverage_of(PatientFile& file, std::uint64_t file_tag,
                                                    std::uint64_t end,
                                                    std::optional<std::uint64_t> newest_group);
// Of nothing, and without a search: for who asks parity himself.
[[nodiscard]] std::unique_ptr<Coverage> no_coverage();

}  // namespace session::operations
