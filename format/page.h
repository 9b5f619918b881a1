#pragma once
// Leaf and index pages: the payloads of their frames, built and read.
//
// All keys of a page share `skip` first bytes; the next 8 bytes of each stand in one packed list,
// so that a search touches whole keys only where prefixes tie.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "format/bytes.h"
#include "format/checksum.h"
#include "format/record.h"
#include "format/wire.h"
#include "session/schema/page.capnp.h"

namespace session::format {

// Keys of a page, or those a delta erases, in order. Valid as long as the page's bytes.
class KeyList {
 public:
  KeyList() = default;
  // Of a Leaf, an Index or a TableChanges that check_key_list() passed.
  explicit KeyList(capnp::AnyStruct::Reader owner) : KeyList(wire::pointers_of(owner)) {}
  explicit KeyList(std::span<const wire::Word> owner_pointers);

  [[nodiscard]] std::uint32_t size() const { return static_cast<std::uint32_t>(ends_.size()); }
  [[nodiscard]] std::string_view operator[](std::uint32_t i) const {
    const std::uint32_t begin = i == 0 ? 0 : ends_[i - 1];
    return {bytes_ + begin, ends_[i] - begin};
  }
  // What all keys begin with, if they share that many bytes; without looking where the first ends.
  [[nodiscard]] std::string_view shared(std::uint32_t size) const { return {bytes_, size}; }

 private:
  std::span<const std::uint32_t> ends_;
  const char* bytes_ = nullptr;
};

struct LeafItem {
  std::string_view key;
  RecordView record;
};

// `items` sorted by key, at least one; their records canonical, as a Record, a page or a delta
// gives them.
void fill_leaf(schema::Leaf::Builder leaf, std::span<const LeafItem> items);
[[nodiscard]] std::vector<std::byte> build_leaf(std::span<const LeafItem> items);

// Reads a leaf, or the upserts of a delta, which have the same form.
class LeafView {
 public:
  LeafView() = default;
  explicit LeafView(schema::Leaf::Reader leaf);
  explicit LeafView(Bytes payload) : LeafView(read_root<schema::Leaf>(payload)) {}

  [[nodiscard]] std::uint32_t size() const { return keys_.size(); }
  [[nodiscard]] std::string_view key(std::uint32_t i) const { return keys_[i]; }
  [[nodiscard]] RecordView record(std::uint32_t i) const { return records_[i]; }
  // The two parts of a record as they stand, for who looks at every one: a view costs more.
  [[nodiscard]] std::span<const wire::Word> data(std::uint32_t i) const {
    return {fixed_ + std::size_t{i} * (data_words_ + pointers_), data_words_};
  }
  [[nodiscard]] std::span<const wire::Word> pointers(std::uint32_t i) const {
    return {fixed_ + std::size_t{i} * (data_words_ + pointers_) + data_words_, pointers_};
  }
  // The first position whose key is not below `key`; size() if there is none.
  [[nodiscard]] std::uint32_t lower_bound(std::string_view key) const;
  [[nodiscard]] std::optional<std::uint32_t> find(std::string_view key) const;

 private:
  KeyList keys_;
  const std::uint64_t* prefixes_ = nullptr;
  capnp::List<capnp::AnyStruct>::Reader records_;
  std::uint32_t skip_ = 0;
  const wire::Word* fixed_ = nullptr;  // of the records, one behind the other
  std::uint32_t data_words_ = 0;
  std::uint32_t pointers_ = 0;
};

// canonical_words() of a leaf's records, one after the other. What a record's pointers lead to ends
// where that of the next one begins, so nothing is followed. `leaf` lives longer.
class RecordSizes {
 public:
  explicit RecordSizes(const LeafView& leaf);
  [[nodiscard]] std::uint64_t next();

 private:
  void find_body(std::uint32_t from);

  const LeafView& leaf_;
  std::uint32_t at_ = 0;
  std::uint32_t with_body_ = 0;       // the first from at_ on whose pointers lead somewhere
  const wire::Word* body_ = nullptr;  // and where they do
};

struct Child {
  std::string key;  // the last below it
  std::uint64_t count = 0;
  std::uint64_t offset = 0;
  std::uint32_t stored_size = 0;
  std::uint64_t content_bytes = 0;
  std::uint64_t stored_bytes = 0;
  Digest digest{};
};

// `level` is 1 above leaves. `children` sorted by key, at least one.
[[nodiscard]] std::vector<std::byte> build_index(std::span<const Child> children,
                                                 std::uint32_t level);

class IndexView {
 public:
  IndexView() = default;
  explicit IndexView(Bytes payload);

  [[nodiscard]] std::uint32_t size() const { return keys_.size(); }
  [[nodiscard]] std::uint32_t level() const { return level_; }
  [[nodiscard]] std::string_view key(std::uint32_t i) const { return keys_[i]; }
  [[nodiscard]] std::uint64_t count(std::uint32_t i) const;
  [[nodiscard]] std::uint64_t offset(std::uint32_t i) const { return offsets_[i]; }
  [[nodiscard]] Digest digest(std::uint32_t i) const;
  [[nodiscard]] Child child(std::uint32_t i) const;
  // The child that holds `key` if any does; size() if the key lies behind the last.
  [[nodiscard]] std::uint32_t lower_bound(std::string_view key) const;

 private:
  std::span<const wire::Word> lists_;  // the index's pointers
  KeyList keys_;
  const std::uint64_t* prefixes_ = nullptr;
  const std::uint64_t* offsets_ = nullptr;
  std::uint32_t skip_ = 0;
  std::uint32_t level_ = 0;
};

// What must hold before a view may be used on a payload that check_message() passed: lists of the
// same length, keys inside their bytes and in rising order, prefixes right. One clause, or nothing.
[[nodiscard]] std::optional<std::string> check_leaf(schema::Leaf::Reader leaf);
[[nodiscard]] std::optional<std::string> check_index(schema::Index::Reader index);
// `owner` as for KeyList; a list that is not there is empty.
[[nodiscard]] std::optional<std::string> check_key_list(capnp::AnyStruct::Reader owner);

// Digests cover content and the children's keys, counts and digests; never offsets, stored sizes or
// codecs: equal content has equal digests wherever it stands and however it is packed.
[[nodiscard]] Digest leaf_digest(Bytes payload);
[[nodiscard]] Digest index_digest(std::span<const Child> children, std::uint32_t level);
[[nodiscard]] Digest index_digest(const IndexView& index);

}  // namespace session::format
