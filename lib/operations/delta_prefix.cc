#include "lib/operations/delta_prefix.h"

#include <algorithm>
#include <map>
#include <utility>

namespace session::operations {

using format::FrameKind;

void DeltaPrefixes::begin(std::vector<WrittenLeaf> leaves) {
  leaves_ = std::move(leaves);
  pages_ = draft_.pages_so_far();
  template_.reset();
}

const WrittenLeaf* DeltaPrefixes::leaf_of(Table table, std::string_view key) const {
  const auto found =
      std::lower_bound(leaves_.begin(), leaves_.end(), key,
                       [table](const WrittenLeaf& leaf, std::string_view wanted) {
                         return leaf.table != table ? leaf.table < table : leaf.last_key < wanted;
                       });
  const bool has_key = found != leaves_.end() && found->table == table && found->first_key <= key;
  return has_key ? &*found : nullptr;
}

const WrittenLeaf* DeltaPrefixes::best_leaf(
    const std::array<store::Run, kTableSlots>& changes) const {
  std::map<const WrittenLeaf*, std::uint64_t> words;
  const WrittenLeaf* best = nullptr;
  for (const Table table : kContentTables) {
    for (const store::Change& change : changes[slot(table)]) {
      if (change.is_erased) continue;
      const WrittenLeaf* const leaf = leaf_of(table, change.key);
      if (leaf == nullptr) continue;
      words[leaf] += format::canonical_words(change.record);
      if (best == nullptr || words[leaf] > words[best]) best = leaf;
    }
  }
  return best;
}

void DeltaPrefixes::add_template() {
  if (template_->payload.empty()) {
    const auto pages = draft_.pages_so_far();
    const store::Page page = pages->fetch(template_->offset, FrameKind::kCommit);
    const format::Bytes payload = page.payload();
    template_->payload.assign(payload.begin(), payload.end());
  }
  (void)prefix_.add(template_->offset, template_->payload);
}

const format::Prefix* DeltaPrefixes::choose(const std::array<store::Run, kTableSlots>& changes) {
  std::uint64_t bytes = 0;
  for (const store::Run& run : changes) {
    for (const store::Change& change : run) {
      bytes += change.key.size();
      if (!change.is_erased) bytes += format::canonical_words(change.record) * sizeof(capnp::word);
    }
  }
  is_small_ = bytes <= kMaxTemplateBytes;
  if (!template_ && is_small_) return nullptr;
  prefix_ = {};
  if (template_) add_template();
  if (const WrittenLeaf* const leaf = best_leaf(changes)) {
    const store::Page page = pages_->fetch(leaf->offset, FrameKind::kLeaf);
    (void)prefix_.add(leaf->offset, page.payload());
  }
  return prefix_.offsets.empty() ? nullptr : &prefix_;
}

void DeltaPrefixes::wrote(std::uint64_t offset, bool is_prefixed) {
  if (!is_prefixed && is_small_) template_ = Template{offset, {}};
}

}  // namespace session::operations
