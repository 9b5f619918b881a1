#include "format/page.h"

#include <algorithm>
#include <cstring>

#include "session/error.h"

namespace session::format {
namespace {

using wire::Word;

// Where the lists stand among the pointers of their structs, in the order of page.capnp and
// commit.capnp. A test builds pages through the schemas and compares.
constexpr std::size_t kPrefixes = 0;
constexpr std::size_t kKeyEnds = 1;
constexpr std::size_t kKeys = 2;
constexpr std::size_t kRecords = 3;
constexpr std::uint32_t kLeafPointers = 4;
constexpr std::size_t kCounts = 3;
constexpr std::size_t kOffsets = 4;
constexpr std::size_t kStoredSizes = 5;
constexpr std::size_t kDigests = 6;
constexpr std::size_t kContentBytes = 7;
constexpr std::size_t kStoredBytes = 8;
constexpr std::uint32_t kIndexPointers = 9;
constexpr int kLevelShift = 32;  // behind `skip` in the only data word

std::uint32_t shared_prefix(std::string_view first, std::string_view last) {
  const auto mismatch = std::mismatch(first.begin(), first.end(), last.begin(), last.end());
  return static_cast<std::uint32_t>(mismatch.first - first.begin());
}

// The 8 bytes behind `skip`, so that comparing numbers compares keys.
std::uint64_t key_prefix(std::string_view key, std::uint32_t skip) {
  std::uint64_t prefix = 0;
  if (key.size() >= skip + sizeof prefix) {  // nearly always, and then one load
    std::memcpy(&prefix, key.data() + skip, sizeof prefix);
    return __builtin_bswap64(prefix);
  }
  // An empty view may have no address, which memcpy must not be given.
  const std::string_view rest = key.substr(std::min<std::size_t>(skip, key.size()));
  if (rest.empty()) return 0;
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

std::uint32_t lower_bound_in(const KeyList& keys, const std::uint64_t* prefixes, std::uint32_t skip,
                             std::string_view key) {
  const std::uint32_t n = keys.size();
  if (n == 0) return 0;
  if (skip != 0) {
    const int order = key.substr(0, skip).compare(keys.shared(skip));
    if (order < 0) return 0;
    if (order > 0) return n;
  }
  const std::uint64_t wanted = key_prefix(key, skip);
  // The answer lies in [first, first + span]. No branch hangs on the comparison: its outcome is a
  // coin toss, and a mispredicted one costs more than the search.
  const std::uint64_t* first = prefixes;
  for (std::uint32_t span = n; span > 1;) {
    const std::uint32_t half = span / 2;
    first = first[half - 1] < wanted ? first + half : first;
    span -= half;
  }
  auto low = static_cast<std::uint32_t>(first - prefixes) + (*first < wanted ? 1U : 0U);
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
  std::copy(data.begin(), data.end(), to.getDataSection().begin());
  const auto pointers = from.getPointerSection();
  auto target = to.getPointerSection();
  for (std::uint32_t i = 0; i < pointers.size(); ++i) {
    if (!pointers[i].isNull()) target[i].set(pointers[i]);
  }
}

std::optional<std::string> check_keys(capnp::AnyStruct::Reader page, std::uint32_t skip) {
  const auto lists = wire::pointers_of(page);
  if (auto wrong = check_key_list(page)) return wrong;
  const KeyList keys(page);
  if (keys.size() == 0) return "the page is empty";
  const auto prefixes = wire::numbers<std::uint64_t>(lists, kPrefixes);
  if (!wire::has_numbers<std::uint64_t>(lists, kPrefixes) || prefixes.size() != keys.size()) {
    return "as many prefixes as keys are expected";
  }
  if (skip != shared_prefix(keys[0], keys[keys.size() - 1])) {
    return "the shared length of the keys is wrong";
  }
  for (std::uint32_t i = 0; i < keys.size(); ++i) {
    if (prefixes[i] != key_prefix(keys[i], skip)) return "a key's prefix is wrong";
  }
  return std::nullopt;
}

constexpr const char* kUnequalLists = "the lists of an index page differ in length";

template <class Number>
bool is_list_of(std::span<const Word> lists, std::size_t at, std::size_t n) {
  return wire::has_numbers<Number>(lists, at) && wire::numbers<Number>(lists, at).size() == n;
}

// Words of the three lists that keys take.
template <class KeyOf>
std::size_t key_words(std::size_t n, KeyOf key_of) {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < n; ++i) bytes += key_of(i).size();
  return n + (n + 1) / 2 + (bytes + 7) / wire::kWordBytes;
}

template <class KeyOf>
void write_keys(wire::MessageWriter& page, std::size_t n, std::uint32_t skip, KeyOf key_of) {
  page.list(wire::list_pointer(wire::ElementSize::kEightBytes, n));
  Word* prefix = page.append(n);
  for (std::size_t i = 0; i < n; ++i) *prefix++ = key_prefix(key_of(i), skip);
  page.list(wire::list_pointer(wire::ElementSize::kFourBytes, n));
  auto* end = reinterpret_cast<std::uint32_t*>(page.append((n + 1) / 2));
  std::uint32_t total = 0;
  for (std::size_t i = 0; i < n; ++i) {
    total += static_cast<std::uint32_t>(key_of(i).size());
    *end++ = total;
  }
  page.list(wire::list_pointer(wire::ElementSize::kByte, total));
  auto* bytes = reinterpret_cast<char*>(page.append((total + 7) / wire::kWordBytes));
  for (std::size_t i = 0; i < n; ++i) {
    bytes = std::copy(key_of(i).begin(), key_of(i).end(), bytes);
  }
}

// Gathered and hashed at once: each piece given to libcrypto by itself costs more than its hashing.
template <class KeyOf, class CountOf, class DigestOf>
Digest digest_of_children(std::uint32_t n, std::uint32_t level, KeyOf key_of, CountOf count_of,
                          DigestOf digest_of) {
  std::string content = "sessiontool index";
  const auto add_number = [&](std::uint64_t value) {
    content.append(reinterpret_cast<const char*>(&value), sizeof value);
  };
  add_number(level);
  add_number(n);
  for (std::uint32_t i = 0; i < n; ++i) {
    const std::string_view key = key_of(i);
    const Digest& digest = digest_of(i);
    add_number(key.size());
    content += key;
    add_number(count_of(i));
    content += as_text(digest);
  }
  return sha256(as_bytes(content));
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
  const auto key_of = [&](std::size_t i) { return items[i].key; };
  const std::uint32_t skip = shared_prefix(items.front().key, items.back().key);
  std::vector<wire::RecordWords> records;
  records.reserve(items.size());
  std::size_t data = 0;
  std::size_t pointers = 0;
  std::size_t body = 0;
  for (const LeafItem& item : items) {
    const wire::RecordWords& record = records.emplace_back(wire::words_of(item.record));
    data = std::max(data, record.data.size());
    pointers = std::max(pointers, record.pointers.size());
    body += record.body.size();
  }
  const wire::Pointer root = wire::struct_pointer(skip != 0 ? 1 : 0, kLeafPointers);
  wire::MessageWriter page(1 + root.data_words() + root.pointers() +
                               key_words(items.size(), key_of) + 1 +
                               items.size() * (data + pointers) + body,
                           root);
  if (skip != 0) *page.root_data() = skip;
  write_keys(page, items.size(), skip, key_of);
  page.records(records, static_cast<std::uint32_t>(data), static_cast<std::uint32_t>(pointers));
  return page.finish();
}

LeafView::LeafView(schema::Leaf::Reader leaf)
    : keys_(leaf),
      prefixes_(wire::numbers<std::uint64_t>(wire::pointers_of(leaf), kPrefixes).data()),
      records_(leaf.getRecords().getAs<capnp::AnyList>().as<capnp::List<capnp::AnyStruct>>()),
      skip_(leaf.getSkip()) {
  const auto lists = wire::pointers_of(leaf);
  if (wire::is_absent(lists, kRecords)) return;
  const Word* const tag = &lists[kRecords] + 1 + wire::Pointer{lists[kRecords]}.offset();
  fixed_ = tag + 1;
  data_words_ = wire::Pointer{*tag}.data_words();
  pointers_ = wire::Pointer{*tag}.pointers();
}

std::uint32_t LeafView::lower_bound(std::string_view key) const {
  return lower_bound_in(keys_, prefixes_, skip_, key);
}

std::optional<std::uint32_t> LeafView::find(std::string_view key) const {
  const std::uint32_t at = lower_bound(key);
  if (at == size() || keys_[at] != key) return std::nullopt;
  return at;
}

RecordSizes::RecordSizes(const LeafView& leaf) : leaf_(leaf) {
  find_body(0);
}

std::uint64_t RecordSizes::next() {
  const std::uint32_t at = at_++;
  const auto data = wire::without_trailing_zeros(leaf_.data(at));
  const auto pointers = wire::without_trailing_zeros(leaf_.pointers(at));
  const std::uint64_t fixed = data.size() + pointers.size();
  if (at != with_body_) return fixed;
  const Word* const begin = body_;
  find_body(at + 1);
  if (with_body_ < leaf_.size()) return fixed + static_cast<std::uint64_t>(body_ - begin);
  return fixed + wire::words_of(leaf_.record(at)).body.size();
}

void RecordSizes::find_body(std::uint32_t from) {
  for (with_body_ = from; with_body_ < leaf_.size(); ++with_body_) {
    for (const Word& word : leaf_.pointers(with_body_)) {
      const wire::Pointer pointer{word};
      if (pointer.is_hollow()) continue;
      body_ = &word + 1 + pointer.offset();
      return;
    }
  }
}

std::vector<std::byte> build_index(std::span<const Child> children, std::uint32_t level) {
  const std::size_t n = children.size();
  const auto key_of = [&](std::size_t i) -> std::string_view { return children[i].key; };
  const std::uint32_t skip = shared_prefix(key_of(0), key_of(n - 1));
  const wire::Pointer root = wire::struct_pointer(1, kIndexPointers);
  const std::size_t lists = 4 * n + (n + 1) / 2 + n * sizeof(Digest) / wire::kWordBytes;
  wire::MessageWriter page(2 + kIndexPointers + key_words(n, key_of) + lists, root);
  *page.root_data() = skip | Word{level} << kLevelShift;
  write_keys(page, n, skip, key_of);
  const auto number_list = [&](std::uint64_t Child::*field) {
    page.list(wire::list_pointer(wire::ElementSize::kEightBytes, n));
    Word* to = page.append(n);
    for (const Child& child : children) *to++ = child.*field;
  };
  number_list(&Child::count);
  number_list(&Child::offset);
  page.list(wire::list_pointer(wire::ElementSize::kFourBytes, n));
  auto* size = reinterpret_cast<std::uint32_t*>(page.append((n + 1) / 2));
  for (const Child& child : children) *size++ = child.stored_size;
  page.list(wire::list_pointer(wire::ElementSize::kByte, n * sizeof(Digest)));
  auto* digest = reinterpret_cast<std::byte*>(page.append(n * sizeof(Digest) / wire::kWordBytes));
  for (const Child& child : children) {
    digest = std::copy(child.digest.begin(), child.digest.end(), digest);
  }
  number_list(&Child::content_bytes);
  number_list(&Child::stored_bytes);
  return page.finish();
}

IndexView::IndexView(Bytes payload) {
  const wire::Root root = wire::root_of(payload);
  lists_ = root.pointers;
  keys_ = KeyList(lists_);
  prefixes_ = wire::numbers<std::uint64_t>(lists_, kPrefixes).data();
  offsets_ = wire::numbers<std::uint64_t>(lists_, kOffsets).data();
  if (root.data.empty()) return;
  skip_ = static_cast<std::uint32_t>(root.data[0]);
  level_ = static_cast<std::uint16_t>(root.data[0] >> kLevelShift);
}

std::uint64_t IndexView::count(std::uint32_t i) const {
  return wire::numbers<std::uint64_t>(lists_, kCounts)[i];
}

Digest IndexView::digest(std::uint32_t i) const {
  Digest digest;
  const auto digests = wire::numbers<std::byte>(lists_, kDigests);
  std::memcpy(digest.data(), digests.data() + i * sizeof(Digest), sizeof(Digest));
  return digest;
}

Child IndexView::child(std::uint32_t i) const {
  return {std::string(key(i)),
          count(i),
          offset(i),
          wire::numbers<std::uint32_t>(lists_, kStoredSizes)[i],
          wire::numbers<std::uint64_t>(lists_, kContentBytes)[i],
          wire::numbers<std::uint64_t>(lists_, kStoredBytes)[i],
          digest(i)};
}

std::uint32_t IndexView::lower_bound(std::string_view key) const {
  return lower_bound_in(keys_, prefixes_, skip_, key);
}

KeyList::KeyList(std::span<const Word> lists) {
  if (wire::is_absent(lists, kKeyEnds)) return;
  ends_ = wire::numbers<std::uint32_t>(lists, kKeyEnds);
  bytes_ = wire::numbers<char>(lists, kKeys).data();
}

std::optional<std::string> check_key_list(capnp::AnyStruct::Reader owner) {
  const auto lists = wire::pointers_of(owner);
  if (wire::is_absent(lists, kKeyEnds) && wire::is_absent(lists, kKeys)) return std::nullopt;
  if (!wire::has_numbers<std::uint32_t>(lists, kKeyEnds) ||
      !wire::has_numbers<char>(lists, kKeys)) {
    return "keys and where they end are expected";
  }
  const auto bytes = wire::numbers<char>(lists, kKeys);
  const std::string_view all(bytes.data(), bytes.size());
  std::uint32_t before = 0;
  std::string_view last;
  for (const std::uint32_t end : wire::numbers<std::uint32_t>(lists, kKeyEnds)) {
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
  if (auto wrong = check_keys(leaf, leaf.getSkip())) return wrong;
  const auto records = leaf.getRecords().getAs<capnp::AnyList>();
  // Only lists of whole structs: the view reads the elements without asking again.
  if (records.getElementSize() != capnp::ElementSize::INLINE_COMPOSITE) {
    return "the records are no list of structs";
  }
  if (records.size() != KeyList(leaf).size()) return "as many records as keys are expected";
  return std::nullopt;
}

std::optional<std::string> check_index(schema::Index::Reader index) {
  if (auto wrong = check_keys(index, index.getSkip())) return wrong;
  if (index.getLevel() == 0 || index.getLevel() > kMaxTreeLevels) return "an impossible level";
  const auto lists = wire::pointers_of(index);
  const std::size_t n = KeyList(index).size();
  for (const std::size_t list : {kCounts, kOffsets, kContentBytes, kStoredBytes}) {
    if (!is_list_of<std::uint64_t>(lists, list, n)) return kUnequalLists;
  }
  if (!is_list_of<std::uint32_t>(lists, kStoredSizes, n) ||
      !is_list_of<std::byte>(lists, kDigests, n * sizeof(Digest))) {
    return kUnequalLists;
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
