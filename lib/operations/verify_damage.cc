#include "lib/operations/verify_damage.h"

#include <algorithm>
#include <utility>

namespace session::operations {
namespace {

// Many lost pages are told apart by their places; beyond this their revisions are not collected.
constexpr std::size_t kMaxLost = 65536;

bool is_derived(const std::optional<Table>& table) {
  return table == Table::kChildren || table == Table::kRevisions || table == Table::kBlobs;
}

bool can_be_rebuilt(const LostFrame& lost) {
  if (lost.hides_deltas) return false;
  switch (lost.role) {
    case LostRole::kLeaf:
      return is_derived(lost.table);
    case LostRole::kIndex:
      return true;
    case LostRole::kBlob:
    case LostRole::kCommit:
      break;
  }
  return false;
}

std::string what_is_lost(const LostFrame& lost) {
  const std::string table = lost.table ? std::string(table_name(*lost.table)) : "unknown";
  switch (lost.role) {
    case LostRole::kLeaf:
      return "a page of the table " + table;
    case LostRole::kIndex:
      return "an index page of the table " + table;
    case LostRole::kBlob:
      return "a part of a large text or file";
    case LostRole::kCommit:
      break;
  }
  return "a commit";
}

}  // namespace

void DamageBook::lose(std::uint64_t offset, LostFrame lost) {
  if (lost_.size() >= kMaxLost && !lost_.contains(offset)) offset = lost_.rbegin()->first;
  const auto [known, is_new] = lost_.try_emplace(offset, lost);
  if (is_new) return;
  LostFrame& there = known->second;
  there.hides_deltas = there.hides_deltas || lost.hides_deltas;
  if (there.table || !lost.table || there.role != lost.role) return;
  there.table = lost.table;
  there.key = std::move(lost.key);
  there.after_key = std::move(lost.after_key);
  if (there.length == 0) there.length = lost.length;
}

void DamageBook::concern(std::uint64_t offset, std::uint64_t revision) {
  const auto found = lost_.find(offset);
  if (found == lost_.end()) return;
  auto& revisions = found->second.revisions;
  if (!revisions.empty() && revisions.back() == revision) return;
  if (revisions.size() < kMaxRevisionsNamed) revisions.push_back(revision);
}

std::vector<Span> DamageBook::ranges() const {
  std::vector<Span> all;
  if (scan_ != nullptr) {
    for (const ScanDamage& damage : scan_->damages) {
      all.push_back({damage.offset, damage.end - damage.offset});
    }
  }
  for (const auto& [offset, lost] : lost_) {
    if (scan_ == nullptr || scan_->damage_at(offset) == nullptr) {
      all.push_back({offset, std::max<std::uint64_t>(lost.length, lost.damage.length)});
    }
  }
  std::sort(all.begin(), all.end(),
            [](const Span& a, const Span& b) { return a.offset < b.offset; });
  return all;
}

Finding DamageBook::finding_of(std::uint64_t offset, const LostFrame& lost) const {
  const ScanDamage* const scanned = scan_ != nullptr ? scan_->damage_at(offset) : nullptr;
  const format::Damage& damage = scanned != nullptr ? scanned->damage : lost.damage;
  Finding finding = FindingLog::make(code_of(damage.kind), FindingEffect::kLoss, {});
  if (scanned != nullptr && scanned->is_bad_sector) finding.code = FindingCode::kBadSector;
  finding.offset = offset;
  finding.length = lost.length;
  if (scanned != nullptr) {
    const bool is_alone = scanned->offset == offset;
    const std::uint64_t reach = scanned->end - offset;
    if (is_alone && (finding.length == 0 || finding.length > reach)) finding.length = reach;
    if (finding.length == 0) finding.length = std::min<std::uint64_t>(reach, damage.length);
  } else if (finding.length == 0) {
    finding.length = damage.length;
  }
  finding.table = lost.table;
  finding.key = lost.key;
  finding.after_key = lost.after_key;
  finding.revisions = lost.revisions;
  finding.message = what_is_lost(lost) + " cannot be read: " + damage.detail;
  if (lost.hides_deltas) {
    finding.message += "; commits that are compressed with it cannot be read either";
  }
  return finding;
}

Finding DamageBook::finding_of(const ScanDamage& damage) const {
  Finding finding =
      FindingLog::make(damage.is_bad_sector ? FindingCode::kBadSector : code_of(damage.damage.kind),
                       FindingEffect::kRestorable, damage.damage.detail);
  finding.offset = damage.offset;
  finding.length = damage.end - damage.offset;
  return finding;
}

void DamageBook::report(const Coverage& coverage, FindingLog& log) const {
  const std::vector<Span> damaged = ranges();
  const std::vector<bool> restorable = coverage.restorable(damaged);
  const auto is_covered = [&](std::uint64_t offset) {
    auto at = std::upper_bound(damaged.begin(), damaged.end(), offset,
                               [](std::uint64_t o, const Span& span) { return o < span.offset; });
    if (at == damaged.begin()) return false;
    --at;
    return offset - at->offset < std::max<std::uint64_t>(at->length, 1) &&
           restorable[static_cast<std::size_t>(at - damaged.begin())];
  };
  // Behind a lost index page or commit nobody was asked what he needs.
  const bool has_holes =
      has_hole_ || std::any_of(lost_.begin(), lost_.end(), [&](const auto& entry) {
        const bool hides = entry.second.role == LostRole::kIndex ||
                           entry.second.role == LostRole::kCommit || entry.second.hides_deltas;
        return hides && !is_covered(entry.first);
      });
  for (const auto& [offset, lost] : lost_) {
    Finding finding = finding_of(offset, lost);
    if (is_covered(offset) || can_be_rebuilt(lost)) finding.effect = FindingEffect::kRestorable;
    log.add(std::move(finding));
  }
  if (scan_ == nullptr) return;
  for (const ScanDamage& damage : scan_->damages) {
    const auto inside = lost_.lower_bound(damage.offset);
    if (inside != lost_.end() && inside->first == damage.offset) continue;
    const bool is_explained = inside != lost_.end() && inside->first < damage.end;
    Finding finding = finding_of(damage);
    if (has_holes && !is_covered(damage.offset)) {
      finding.effect = FindingEffect::kLoss;
    } else if (!is_explained) {
      finding.severity = Severity::kWarning;
      finding.message += "; no kept revision needs these bytes";
    }
    log.add(std::move(finding));
  }
}

}  // namespace session::operations
