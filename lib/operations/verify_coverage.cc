#include "lib/operations/verify_coverage.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "lib/operations/parity_groups.h"
#include "lib/operations/verify_log.h"
#include "lib/store/parity.h"

namespace session::operations {
namespace {

using format::ByteRange;

// Bytes of [begin, end) that lie in none of the ranges, which are sorted and apart.
std::uint64_t outside(const std::vector<ByteRange>& ranges, std::uint64_t begin,
                      std::uint64_t end) {
  std::uint64_t bytes = begin < end ? end - begin : 0;
  for (const ByteRange& range : ranges) {
    const std::uint64_t from = std::max(begin, range.begin);
    const std::uint64_t to = std::min(end, range.end);
    if (from < to) bytes -= to - from;
  }
  return bytes;
}

class ParityCoverage : public Coverage {
 public:
  ParityCoverage(PatientFile& file, std::uint64_t file_tag, std::uint64_t end,
                 std::optional<std::uint64_t> newest_group)
      : file_(file), tag_(file_tag), end_(end) {
    if (newest_group) {
      use(store::parity_groups(file, file.path(), file_tag, *newest_group));
    } else {
      search();
    }
  }

  // Reads what the groups cover, but only if something is damaged.
  [[nodiscard]] std::vector<bool> restorable(std::span<const Span> damaged) const override {
    std::vector<bool> answers(damaged.size(), false);
    if (damaged.empty()) return answers;
    if (!is_searched_) search();
    if (groups_.empty()) return answers;
    const ParityOutcome& found = outcome();
    for (std::size_t i = 0; i < damaged.size(); ++i) {
      const std::uint64_t begin = damaged[i].offset;
      const std::uint64_t end = begin + std::max<std::uint64_t>(damaged[i].length, 1);
      answers[i] =
          outside(covered_, begin, end) == 0 && outside(found.remaining, begin, end) == end - begin;
    }
    return answers;
  }

  [[nodiscard]] std::uint64_t uncovered_bytes() const override {
    return outside(covered_, 0, end_);
  }

  [[nodiscard]] std::vector<Finding> findings() const override {
    std::vector<Finding> findings;
    if (groups_.empty()) return findings;
    for (const ByteRange& range : outcome().remaining) {
      Finding finding =
          FindingLog::make(FindingCode::kParity, FindingEffect::kNone,
                           "more is damaged here than the parity of this range can restore");
      finding.offset = range.begin;
      finding.length = range.size_bytes();
      findings.push_back(std::move(finding));
    }
    for (const ByteRange& range : outcome().restored) {
      Finding finding = FindingLog::make(
          FindingCode::kParity, FindingEffect::kRestorable,
          "these bytes differ from what the parity says they were, and it restores them");
      finding.offset = range.begin;
      finding.length = range.size_bytes();
      findings.push_back(std::move(finding));
    }
    return findings;
  }

 private:
  void use(std::vector<format::ParityGroup> groups) const {
    groups_ = std::move(groups);
    covered_.clear();
    for (const format::ParityGroup& group : groups_) {
      covered_.push_back({group.begin, group.end});
      covered_.push_back({group.parity_begin, group.parity_end()});
    }
    covered_ = format::merged(std::move(covered_));
  }
  // Finds groups that the head does not lead to, by reading the whole file.
  void search() const {
    use(find_parity_groups(file_, tag_));
    is_searched_ = true;
  }
  [[nodiscard]] const ParityOutcome& outcome() const {
    if (!outcome_) outcome_ = check_by_parity(file_, groups_, tag_);
    return *outcome_;
  }

  PatientFile& file_;
  std::uint64_t tag_;
  std::uint64_t end_;
  mutable std::vector<format::ParityGroup> groups_;
  mutable std::vector<ByteRange> covered_;
  mutable bool is_searched_ = false;
  mutable std::optional<ParityOutcome> outcome_;
};

class NoCoverage : public Coverage {
 public:
  [[nodiscard]] std::vector<bool> restorable(std::span<const Span> damaged) const override {
    return std::vector<bool>(damaged.size(), false);
  }
  [[nodiscard]] std::uint64_t uncovered_bytes() const override { return 0; }
  [[nodiscard]] std::vector<Finding> findings() const override { return {}; }
};

}  // namespace

std::unique_ptr<Coverage> no_coverage() {
  return std::make_unique<NoCoverage>();
}

std::unique_ptr<Coverage> coverage_of(PatientFile& file, std::uint64_t file_tag, std::uint64_t end,
                                      std::optional<std::uint64_t> newest_group) {
  return std::make_unique<ParityCoverage>(file, file_tag, end, newest_group);
}

}  // namespace session::operations
