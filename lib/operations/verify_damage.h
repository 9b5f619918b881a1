#pragma once
// What is damaged and who needs it. The scan knows bytes, the walk through the trees knows whose
// they were; a finding says both, so findings of damaged frames wait here until both are known.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "format/damage.h"
#include "lib/operations/scan.h"
#include "lib/operations/verify_coverage.h"
#include "lib/operations/verify_log.h"

namespace session::operations {

enum class LostRole : std::uint8_t { kLeaf, kIndex, kBlob, kCommit };

// A frame that something needs and that is not there.
struct LostFrame {
  LostRole role = LostRole::kLeaf;
  std::uint64_t length = 0;  // 0: not known
  format::Damage damage;
  std::optional<Table> table;
  std::string key;
  std::optional<std::string> after_key;
  std::vector<std::uint64_t> revisions;
  bool hides_deltas = false;  // some are compressed with it and cannot be read either
};

class DamageBook {
 public:
  explicit DamageBook(const Scan* scan) : scan_(scan) {}

  // Somebody who needs the frame at `offset` met `lost`. Revisions are added by concern(). Of what
  // several say of one frame everything is kept.
  void lose(std::uint64_t offset, LostFrame lost);
  void concern(std::uint64_t offset, std::uint64_t revision);
  // Something was not gone into: what needs the bytes behind it is not known.
  void add_hole() { has_hole_ = true; }

  // All of it as findings.
  void report(const Coverage& coverage, FindingLog& log) const;

 private:
  [[nodiscard]] std::vector<Span> ranges() const;
  [[nodiscard]] Finding finding_of(std::uint64_t offset, const LostFrame& lost) const;
  [[nodiscard]] Finding finding_of(const ScanDamage& damage) const;

  const Scan* scan_;  // nothing when only a part of the file was looked at
  std::map<std::uint64_t, LostFrame> lost_;
  bool has_hole_ = false;
};

}  // namespace session::operations
