#include "lib/operations/leaf_facts.h"

#include <algorithm>
#include <span>

#include "lib/store/blob_fields.h"
#include "lib/store/overlay.h"
#include "lib/store/page_source.h"
#include "lib/store/view.h"

namespace session::operations {
namespace {

using format::LeafView;

std::uint64_t hash_of(std::string_view text) {
  return format::xxh3_64(format::as_bytes(text));
}

std::uint64_t summary_of(Table table, std::uint64_t stored_size, std::uint64_t stored_bytes,
                         const LeafSums& sums, std::uint64_t last_key_hash, const Digest* digest) {
  std::array<std::uint64_t, 9> said{
      slot(table), stored_size, stored_bytes, sums.count, sums.content_bytes, 0, 0, 0, 0};
  static_assert(sizeof(Digest) == 4 * sizeof(std::uint64_t));
  if (digest != nullptr)
    std::copy_n(digest->data(), digest->size(),
                std::as_writable_bytes(std::span(said)).data() + 40);
  return format::xxh3_64(std::as_bytes(std::span(said)), last_key_hash);
}

// From its parts, so that a task's key in the index need not be put together. Each part is hashed
// to a word of its own: as seeds, ranks and short names would cancel each other out.
std::uint64_t hash_of_place(std::string_view parent, std::int64_t rank, std::string_view child) {
  const std::array<std::uint64_t, 3> place{parent.empty() ? 0 : hash_of(parent),
                                           static_cast<std::uint64_t>(rank), hash_of(child)};
  return format::xxh3_64(std::as_bytes(std::span(place)));
}

std::uint64_t hash_of_child_key(std::string_view key) {
  try {
    const store::ChildKey place = store::parse_child_key(key);
    return hash_of_place(place.parent, place.rank, place.child);
  } catch (const Error&) {
    constexpr std::uint64_t kOfNoPlace = 1;
    const std::array<std::uint64_t, 2> whole{hash_of(key), kOfNoPlace};
    return format::xxh3_64(std::as_bytes(std::span(whole)));
  }
}

std::array<char, 8> eight_bytes(std::string_view text) {
  std::array<char, 8> bytes{};
  std::copy_n(text.data(), std::min(text.size(), bytes.size()), bytes.data());
  return bytes;
}

// The first key begins with the bytes it shares with the last one, so the last one, which the
// parent knows, and eight bytes more mostly tell where it stands. Siblings, whose keys in the index
// of children have a long beginning in common, are known by the leaf before.
bool lies_behind(const LeafFacts& facts, std::string_view last_key, std::string_view after_key) {
  if (facts.behind != 0 && facts.behind == hash_of(after_key)) return true;
  const int order = after_key.substr(0, facts.common).compare(last_key.substr(0, facts.common));
  if (order != 0) return order < 0;
  const std::array<char, 8> rest = eight_bytes(after_key.substr(facts.common));
  return std::string_view(rest.data(), rest.size()) <
         std::string_view(facts.next.data(), facts.next.size());
}

std::optional<LeafFacts> facts_of_sound_leaf(const format::FrameHeader& header,
                                             format::Bytes payload, const LeafRules& rules,
                                             LeafBefore& before) {
  const auto table = static_cast<Table>(header.table);
  const LeafView leaf(payload);
  LeafFacts facts;
  bool is_alone = true;
  const format::PageRule rule(rules.leaf_target_log2, 0);
  const LeafSums sums = walk_leaf(leaf, rule, [&](std::uint32_t i, std::string_view, bool ends) {
    const bool is_last = i + 1 == leaf.size();
    if (is_last) facts.ends_page = ends;
    const auto pointers = leaf.pointers(i);
    const bool has_blobs = !format::wire::is_absent(pointers, store::kBlobsPointer);
    is_alone = is_alone && (is_last || !ends) && !has_blobs;
  });
  if (!is_alone) return std::nullopt;
  const std::string_view first = leaf.key(0);
  const std::string_view last = leaf.key(leaf.size() - 1);
  const auto shared = std::mismatch(first.begin(), first.end(), last.begin(), last.end()).first;
  facts.common = static_cast<std::uint16_t>(shared - first.begin());
  facts.next = eight_bytes(first.substr(facts.common));
  facts.place = static_cast<std::uint32_t>(header.own_offset / format::kAlignBytes);
  facts.places = sum_of_places(table, leaf);
  std::optional<Digest> digest;
  if (rules.digests) digest = format::leaf_digest(payload);
  if (before.hash != 0 && first > before.last_key) facts.behind = before.hash;
  before = {std::string(last), hash_of(last)};
  facts.summary = summary_of(table, header.stored_size, header.frame_bytes(), sums, before.hash,
                             digest ? &*digest : nullptr);
  return facts;
}

}  // namespace

std::optional<LeafFacts> facts_of_leaf(const format::FrameHeader& header, format::Bytes payload,
                                       const LeafRules& rules, LeafBefore& before) {
  constexpr std::uint64_t kPlaces = std::uint64_t{1} << 32;
  if (header.own_offset / format::kAlignBytes >= kPlaces) return std::nullopt;
  if (!table_from_number(header.table) || header.table == slot(Table::kBlobs)) return std::nullopt;
  if (store::check_payload(format::FrameKind::kLeaf, header.table, payload)) return std::nullopt;
  try {
    return facts_of_sound_leaf(header, payload, rules, before);
  } catch (const kj::Exception&) {
    return std::nullopt;  // the walk says what is wrong with it
  } catch (const Error&) {
    return std::nullopt;
  }
}

bool agrees(const LeafFacts& facts, Table table, const format::Child& child,
            std::optional<std::string_view> after_key, bool ends_level, bool digests) {
  const LeafSums sums{child.count, child.content_bytes};
  return facts.summary == summary_of(table, child.stored_size, child.stored_bytes, sums,
                                     hash_of(child.key), digests ? &child.digest : nullptr) &&
         (facts.ends_page || ends_level) &&
         (!after_key || lies_behind(facts, child.key, *after_key));
}

std::uint64_t sum_of_places(Table table, const LeafView& leaf) {
  if (table != Table::kTasks && table != Table::kChildren) return 0;
  std::uint64_t sum = 0;
  for (std::uint32_t i = 0; i < leaf.size(); ++i) {
    if (table == Table::kChildren) {
      sum += hash_of_child_key(leaf.key(i));
      continue;
    }
    const auto task = leaf.record(i).as<schema::Task>();
    const auto parent = task.getParent();
    sum += hash_of_place({parent.begin(), parent.size()}, task.getRank(), leaf.key(i));
  }
  return sum;
}

}  // namespace session::operations
