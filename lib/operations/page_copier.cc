#include "lib/operations/page_copier.h"

#include <utility>

#include "format/compression.h"
#include "format/page.h"
#include "lib/store/tree.h"

namespace session::operations {

using format::Codec;
using format::FrameHeader;
using format::FrameKind;
using format::RootRef;

namespace {

void require_each_once(const store::PageSource& from, std::uint64_t bytes) {
  if (bytes <= from.size_bytes()) return;
  throw Error(ErrorCode::kDamaged,
              "pages are referred to under several digests; `sessiontool verify --full` says "
              "where");
}

}  // namespace

store::PageSink StagedPages::sink() {
  return [this](FrameKind, format::Bytes payload) {
    payloads_.emplace_back(payload.begin(), payload.end());
    return store::PagePlace{kFirst + payloads_.size() - 1, 0, 0};
  };
}

format::Bytes StagedPages::payload(std::uint64_t offset) const {
  if (offset - kFirst < payloads_.size()) return payloads_[offset - kFirst];
  throw Error(ErrorCode::kDamaged, "a page stands at an impossible place", {}, offset);
}

PageCopier::PageCopier(store::WriterCore& to, int least_level,
                       std::function<void(std::uint64_t)> copied)
    : to_(to), least_level_(least_level), copied_(std::move(copied)) {}

RootRef PageCopier::copy(const store::PageSource& from, const StagedPages& staged, Table table,
                         const RootRef& root) {
  if (root.empty()) return {};
  const Place place = copy_page({from, staged, table}, root.offset, root.digest, root.level);
  RootRef copied = root;
  copied.offset = place.offset;
  copied.stored_size = place.stored_size;
  copied.stored_bytes = place.stored_bytes;
  return copied;
}

void PageCopier::copy_leaves(const store::PageSource& from, const StagedPages& staged, Table table,
                             const RootRef& root, std::vector<WrittenLeaf>& written) {
  passed_.clear();
  passed_bytes_ = 0;
  if (root.empty()) return;
  copy_new_leaves({from, staged, table}, root.offset, root.digest, root.level, written);
}

// An index page that was copied or passed has no new leaves below it: so each is looked at once.
void PageCopier::copy_new_leaves(const Source& from, std::uint64_t offset, const Digest& digest,
                                 std::uint32_t level, std::vector<WrittenLeaf>& written) {
  if (places_[slot(from.table)].contains(digest)) return;
  if (level > format::kMaxTreeLevels) {
    throw Error(ErrorCode::kDamaged, "a tree of an impossible height");
  }
  const store::Page page = page_at(from, offset, level);
  if (level == 0) {
    const format::LeafView leaf(page.payload());
    const std::uint64_t place = copy_page(from, offset, digest, level).offset;
    if (written.size() >= kMaxWritten) return;
    written.push_back(
        {from.table, std::string(leaf.key(0)), std::string(leaf.key(leaf.size() - 1)), place});
    return;
  }
  if (!passed_.insert(digest).second) return;
  if (offset < StagedPages::kFirst) pass(from.file, from.file.header(offset).frame_bytes());
  const format::IndexView index = store::open_index(page, offset, level);
  for (std::uint32_t i = 0; i < index.size(); ++i) {
    const format::Child child = index.child(i);
    copy_new_leaves(from, child.offset, child.digest, level - 1, written);
  }
}

void PageCopier::pack_all_but(const store::PageSource& from, const format::Roots& newest) {
  plain_.emplace();
  passed_bytes_ = 0;
  for (const RootRef& root : newest) {
    if (root.level != 0) note_index_pages(from, root.offset, root.digest, root.level);
  }
}

void PageCopier::note_index_pages(const store::PageSource& from, std::uint64_t offset,
                                  const Digest& digest, std::uint32_t level) {
  if (level == 0 || !plain_->insert(digest).second) return;
  const store::Page page = from.fetch(offset, FrameKind::kIndex);
  pass(from, from.header(offset).frame_bytes());
  const format::IndexView index = store::open_index(page, offset, level);
  for (std::uint32_t i = 0; i < index.size(); ++i) {
    const format::Child child = index.child(i);
    note_index_pages(from, child.offset, child.digest, level - 1);
  }
}

store::Page PageCopier::page_at(const Source& from, std::uint64_t offset, std::uint32_t level) {
  if (offset < StagedPages::kFirst) return from.file.fetch(offset, store::page_kind(level));
  const format::Bytes payload = from.staged.payload(offset);
  store::Page page;
  page.data = payload.data();
  page.size_bytes = static_cast<std::uint32_t>(payload.size());
  return page;
}

PageCopier::Place PageCopier::copy_page(const Source& from, std::uint64_t offset,
                                        const Digest& digest, std::uint32_t level) {
  auto& places = places_[slot(from.table)];
  if (const auto known = places.find(digest); known != places.end()) return known->second;
  const Place place =
      level == 0 ? copy_leaf(from, offset) : copy_index(from, offset, digest, level);
  places.emplace(digest, place);
  return place;
}

PageCopier::Place PageCopier::copy_leaf(const Source& from, std::uint64_t offset) {
  const FrameHeader frame =
      offset >= StagedPages::kFirst
          ? append(FrameKind::kLeaf, from.table, from.staged.payload(offset), 0)
          : copy_frame(from.file, offset, FrameKind::kLeaf, from.table);
  return {frame.own_offset, frame.frame_bytes(), frame.stored_size};
}

PageCopier::Place PageCopier::copy_index(const Source& from, std::uint64_t offset,
                                         const Digest& digest, std::uint32_t level) {
  if (level > format::kMaxTreeLevels) {
    throw Error(ErrorCode::kDamaged, "a tree of an impossible height");
  }
  const store::Page page = page_at(from, offset, level);
  int codec_level = plain_ && !plain_->contains(digest) ? format::kArchiveLevel : 0;
  if (offset < StagedPages::kFirst) {
    const FrameHeader header = from.file.header(offset);
    if (header.codec != Codec::kNone) codec_level = format::kArchiveLevel;
    count(from.file, header.frame_bytes());
  }
  const format::IndexView index = store::open_index(page, offset, level);
  std::vector<format::Child> children;
  children.reserve(index.size());
  std::uint64_t stored_bytes = 0;
  for (std::uint32_t i = 0; i < index.size(); ++i) {
    format::Child child = index.child(i);
    const Place place = copy_page(from, child.offset, child.digest, level - 1);
    child.offset = place.offset;
    child.stored_size = place.stored_size;
    child.stored_bytes = place.stored_bytes;
    stored_bytes += place.stored_bytes;
    children.push_back(std::move(child));
  }
  const FrameHeader frame =
      append(FrameKind::kIndex, from.table, format::build_index(children, level), codec_level);
  return {frame.own_offset, stored_bytes + frame.frame_bytes(), frame.stored_size};
}

FrameHeader PageCopier::copy_blob_part(const store::PageSource& from, std::uint64_t offset) {
  return copy_frame(from, offset, FrameKind::kBlob, Table{});
}

FrameHeader PageCopier::copy_frame(const store::PageSource& from, std::uint64_t offset,
                                   FrameKind kind, Table table) {
  const store::PageSource::Stored stored = from.stored(offset, kind);
  if (kind == FrameKind::kLeaf && stored.frame.header.table != static_cast<std::uint16_t>(table)) {
    throw Error(ErrorCode::kDamaged,
                "the page at offset " + std::to_string(offset) + " belongs to another table");
  }
  count(from, stored.frame.header.frame_bytes());
  if (least_level_ == 0) return to_.log().append_stored(to_.head_info().offset, stored.frame);
  std::vector<std::byte> buffer;
  const format::Bytes payload = value_or_throw(format::raw_payload(stored.frame, buffer));
  return append(kind, table, payload, least_level_);
}

// No frame is copied twice. A forged file could ask for it, by many names for one page, and make a
// small file a large one.
void PageCopier::count(const store::PageSource& from, std::uint64_t bytes) {
  copied_bytes_ += bytes;
  require_each_once(from, copied_bytes_);
  copied_(bytes);
}

// Nor is an index page looked at twice in one walk: many names for one page on each of many levels
// would make that the product of all.
void PageCopier::pass(const store::PageSource& from, std::uint64_t bytes) {
  passed_bytes_ += bytes;
  require_each_once(from, passed_bytes_);
  copied_(0);
}

FrameHeader PageCopier::append(FrameKind kind, Table table, format::Bytes payload, int level) {
  return to_.log().append(kind, to_.head_info().offset, payload, level,
                          static_cast<std::uint16_t>(table));
}

}  // namespace session::operations
