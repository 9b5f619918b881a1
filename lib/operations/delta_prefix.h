#pragma once
// What a session that is written anew compresses its deltas behind. Where all revisions are kept, a
// record stands twice: in the delta that saved it, and in a leaf of the snapshot that folds it.
// Here the leaves come first, and a delta says by reference what it shares with the leaf that has
// most of its records, and with an earlier delta.

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "format/prefix.h"
#include "lib/operations/page_copier.h"
#include "lib/store/overlay.h"
#include "lib/store/writer_core.h"

namespace session::operations {

class DeltaPrefixes {
 public:
  // Of the payload of a delta that others lean on: each of them has it unpacked and looked through.
  static constexpr std::size_t kMaxTemplateBytes = std::size_t{8} << 10;

  explicit DeltaPrefixes(store::WriterCore& draft) : draft_(draft) {}

  // The next deltas are folded by a snapshot whose new leaves are these, in the order of their
  // tables and keys; they stand in the draft already.
  void begin(std::vector<WrittenLeaf> leaves);
  // What the next delta may be compressed behind; null: nothing. Valid until the next call.
  [[nodiscard]] const format::Prefix* choose(const std::array<store::Run, kTableSlots>& changes);
  // That delta stands at `offset` now. One that leans on no other, and is small, is what the next
  // ones lean on.
  void wrote(std::uint64_t offset, bool is_prefixed);

 private:
  struct Template {
    std::uint64_t offset = 0;
    std::vector<std::byte> payload;
  };
  [[nodiscard]] const WrittenLeaf* leaf_of(Table table, std::string_view key) const;
  [[nodiscard]] const WrittenLeaf* best_leaf(
      const std::array<store::Run, kTableSlots>& changes) const;
  void add_template();

  store::WriterCore& draft_;
  std::vector<WrittenLeaf> leaves_;
  std::shared_ptr<const store::PageSource> pages_;  // with those leaves
  std::optional<Template> template_;
  bool is_small_ = false;  // the delta that was asked about last
  format::Prefix prefix_;
};

}  // namespace session::operations
