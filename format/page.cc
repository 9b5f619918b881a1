#include "format/page.h"

#include <algorithm>
#include <cstring>

#include "session/error.h"

namespace session::format {
namespace {

std::uint32_t shared_prefix(std::string_view first, std::string_view last) {
  const auto mismatch = std::mismatch(first.begin(), first.end(), last.begin(), last.end());
  return static_cast<std::uint32_t>(mismatch.first - first.begin());
}

// The 8 bytes behind `skip`, so that comparing numbers compares keys.
std::uint64_t key_prefix(std::string_view key, std::uint32_t skip) {
  std::uint64_t prefix = 0;
  const std::string_view rest = key.substr(std::min<std::size_t>(skip, key.size()));
  std::memcpy(&prefix, rest.data(), std::min(rest.size(), sizeof prefix));
  return __builtin_bswap64(prefix);
}

// Fills the key lists of either page from `key_of(0..n-1)`, sorted.
template <class Builder, class KeyOf>
void fill_keys(Builder page, std::uint32_t n, KeyOf key_of) {
  const std::uint32_t skip = shared_prefix(key_of(0), key_of(n - 1));
  if (skip != 0) page.setSkip(skip);
  std::uint32_t total = 0;
  auto prefixes = page.initPrefixes(n);
  auto ends = page.initKeyEnds(n);
  for (std::uint32_t i = 0; i < n; ++i) {
    const std::string_view key = key_of(i);
    total += static_cast<std::uint32_t>(key.size());
    prefixes.set(i, key_prefix(key, skip));
    ends.set(i, total);
  }
  auto bytes = page.initKeys(total);
  for (std::uint32_t i = 0, at = 0; i < n; ++i) {
    const std::string_view key = key_of(i);
    std::memcpy(bytes.begin() + at, key.data(), key.size());
    at += static_cast<std::uint32_t>(key.size());
  }
}

std::uint32_t lower_bound_in(const KeyList& keys, capnp::List<std::uint64_t>::Reader prefixes,
                             std::uint32_t skip, std::string_view key) {
  const std::uint32_t n = keys.size();
  if (n == 0) return 0;
  if (skip != 0) {
    const std::string_view shared = keys[0].substr(0, skip);
    const int order = key.substr(0, skip).compare(shared);
    if (order < 0) return 0;
    if (order > 0) return n;
  }
  const std::uint64_t wanted = key_prefix(key, skip);
  std::uint32_t low = 0;
  for (std::uint32_t span = n; span > 0;) {
    const std::uint32_t half = span / 2;
    if (prefixes[low + half] < wanted) {
      low += half + 1;
      span -= half + 1;
    } else {
      span = half;
    }
  }
  while (low < n && prefixes[low] == wanted && keys[low] < key) ++low;
  return low;
}

struct Stride {
  std::uint16_t data_words = 0;
  std::uint16_t pointers = 0;
};

Stride widest(std::span<const LeafItem> items) {
  std::size_t data_bytes = 0;
  std::uint32_t pointers = 0;
  for (const LeafItem& item : items) {
    data_bytes = std::max<std::size_t>(data_bytes, item.record.getDataSection().size());
    pointers = std::max(pointers, item.record.getPointerSection().size());
  }
  return {static_cast<std::uint16_t>((data_bytes + 7) / 8), static_cast<std::uint16_t>(pointers)};
}

// Word by word and pointer by pointer, never through a schema: fields this version does not know
// are carried along (G13).
void copy_record(RecordView from, capnp::AnyStruct::Builder to) {
  const auto data = from.getDataSection();
  std::memcpy(to.getDataSection().begin(), data.begin(), data.size());
  const auto pointers = from.getPointerSection();
  auto target = to.getPointerSection();
  for (std::uint32_t i = 0; i < pointers.size(); ++i) {
    if (!pointers[i].isNull()) target[i].set(pointers[i]);
  }
}

template <class Reader>
std::optional<std::string> check_keys(Reader page) {
  const auto ends = page.getKeyEnds();
  if (ends.size() == 0) return "the page is empty";
  if (page.getPrefixes().size() != ends.size()) return "as many prefixes as keys are expected";
  if (auto wrong = check_key_list(ends, page.getKeys())) return wrong;
  const KeyList keys(ends, page.getKeys());
  const std::uint32_t skip = page.getSkip();
  if (skip != shared_prefix(keys[0], keys[keys.size() - 1])) {
    return "the shared length of the keys is wrong";
  }
  for (std::uint32_t i = 0; i < keys.size(); ++i) {
    if (page.getPrefixes()[i] != key_prefix(keys[i], skip)) return "a key's prefix is wrong";
  }
  return std::nullopt;
}

template <class KeyOf, class CountOf, class DigestOf>
Digest digest_of_children(std::uint32_t n, std::uint32_t level, KeyOf key_of, CountOf count_of,
                          DigestOf digest_of) {
  Sha256 hash;
  hash.add("sessiontool index").add_number(level).add_number(n);
  for (std::uint32_t i = 0; i < n; ++i) {
    const std::string_view key = key_of(i);
    hash.add_number(key.size()).add(key).add_number(count_of(i)).add(Bytes(digest_of(i)));
  }
  return hash.finish();
}

}  // namespace

void fill_leaf(schema::Leaf::Builder leaf, std::span<const LeafItem> items) {
  const auto n = static_cast<std::uint32_t>(items.size());
  fill_keys(leaf, n, [&](std::uint32_t i) { return items[i].key; });
  const Stride stride = widest(items);
  auto records = leaf.getRecords().initAsListOfAnyStruct(stride.data_words, stride.pointers, n);
  for (std::uint32_t i = 0; i < n; ++i) copy_record(items[i].record, records[i]);
}

std::vector<std::byte> build_leaf(std::span<const LeafItem> items) {
  capnp::MallocMessageBuilder message;
  const auto leaf = message.initRoot<schema::Leaf>();
  fill_leaf(leaf, items);
  return canonical_payload(leaf.asReader());
}

LeafView::LeafView(schema::Leaf::Reader leaf)
    : keys_(leaf.getKeyEnds(), leaf.getKeys()),
      prefixes_(leaf.getPrefixes()),
      records_(leaf.getRecords().getAs<capnp::AnyList>().as<capnp::List<capnp::AnyStruct>>()),
      skip_(leaf.getSkip()) {}

std::uint32_t LeafView::lower_bound(std::string_view key) const {
  return lower_bound_in(keys_, prefixes_, skip_, key);
}

std::optional<std::uint32_t> LeafView::find(std::string_view key) const {
  const std::uint32_t at = lower_bound(key);
  if (at == size() || keys_[at] != key) return std::nullopt;
  return at;
}

std::vector<std::byte> build_index(std::span<const Child> children, std::uint32_t level) {
  capnp::MallocMessageBuilder message;
  auto index = message.initRoot<schema::Index>();
  const auto n = static_cast<std::uint32_t>(children.size());
  index.setLevel(static_cast<std::uint16_t>(level));
  fill_keys(index, n, [&](std::uint32_t i) -> std::string_view { return children[i].key; });
  auto counts = index.initCounts(n);
  auto offsets = index.initOffsets(n);
  auto sizes = index.initStoredSizes(n);
  auto digests = index.initDigests(n * static_cast<std::uint32_t>(sizeof(Digest)));
  auto content = index.initContentBytes(n);
  auto stored = index.initStoredBytes(n);
  for (std::uint32_t i = 0; i < n; ++i) {
    counts.set(i, children[i].count);
    offsets.set(i, children[i].offset);
    sizes.set(i, children[i].stored_size);
    std::memcpy(digests.begin() + i * sizeof(Digest), children[i].digest.data(), sizeof(Digest));
    content.set(i, children[i].content_bytes);
    stored.set(i, children[i].stored_bytes);
  }
  return canonical_payload(index.asReader());
}

IndexView::IndexView(Bytes payload)
    : index_(read_root<schema::Index>(payload)),
      keys_(index_.getKeyEnds(), index_.getKeys()),
      prefixes_(index_.getPrefixes()) {}

Digest IndexView::digest(std::uint32_t i) const {
  Digest digest;
  std::memcpy(digest.data(), index_.getDigests().begin() + i * sizeof(Digest), sizeof(Digest));
  return digest;
}

Child IndexView::child(std::uint32_t i) const {
  return {std::string(key(i)),
          count(i),
          offset(i),
          index_.getStoredSizes()[i],
          index_.getContentBytes()[i],
          index_.getStoredBytes()[i],
          digest(i)};
}

std::uint32_t IndexView::lower_bound(std::string_view key) const {
  return lower_bound_in(keys_, prefixes_, index_.getSkip(), key);
}

std::optional<std::string> check_key_list(capnp::List<std::uint32_t>::Reader ends,
                                          capnp::Data::Reader bytes) {
  std::uint32_t before = 0;
  std::string_view last;
  const std::string_view all(reinterpret_cast<const char*>(bytes.begin()), bytes.size());
  for (const std::uint32_t end : ends) {
    if (end <= before || end > all.size()) return "a key is empty or reaches beyond its bytes";
    if (end - before > kMaxKeyBytes) return "a key is longer than the format allows";
    const std::string_view key = all.substr(before, end - before);
    if (key <= last) return "the keys are not in rising order";
    last = key;
    before = end;
  }
  if (before != all.size()) return "bytes are left over behind the last key";
  return std::nullopt;
}

std::optional<std::string> check_leaf(schema::Leaf::Reader leaf) {
  if (auto wrong = check_keys(leaf)) return wrong;
  const auto records = leaf.getRecords().getAs<capnp::AnyList>();
  // Only lists of whole structs: the view reads the elements without asking again.
  if (records.getElementSize() != capnp::ElementSize::INLINE_COMPOSITE) {
    return "the records are no list of structs";
  }
  if (records.size() != leaf.getKeyEnds().size()) return "as many records as keys are expected";
  return std::nullopt;
}

std::optional<std::string> check_index(schema::Index::Reader index) {
  if (auto wrong = check_keys(index)) return wrong;
  const std::uint32_t n = index.getKeyEnds().size();
  if (index.getLevel() == 0 || index.getLevel() > kMaxTreeLevels) return "an impossible level";
  if (index.getCounts().size() != n || index.getOffsets().size() != n ||
      index.getStoredSizes().size() != n || index.getDigests().size() != n * sizeof(Digest) ||
      index.getContentBytes().size() != n || index.getStoredBytes().size() != n) {
    return "the lists of an index page differ in length";
  }
  return std::nullopt;
}

Digest leaf_digest(Bytes payload) {
  thread_local Sha256 hash;
  return hash.add("sessiontool leaf").add(payload).finish();
}

Digest index_digest(std::span<const Child> children, std::uint32_t level) {
  return digest_of_children(
      static_cast<std::uint32_t>(children.size()), level,
      [&](std::uint32_t i) -> std::string_view { return children[i].key; },
      [&](std::uint32_t i) { return children[i].count; },
      [&](std::uint32_t i) -> const Digest& { return children[i].digest; });
}

Digest index_digest(const IndexView& index) {
  return digest_of_children(
      index.size(), index.level(), [&](std::uint32_t i) { return index.key(i); },
      [&](std::uint32_t i) { return index.count(i); },
      [&](std::uint32_t i) { return index.digest(i); });
}

}  // namespace session::format
