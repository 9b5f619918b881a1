#include "lib/operations/verify_tree.h"

#include <algorithm>
#include <bit>
#include <new>
#include <utility>

#include "format/record.h"
#include "lib/store/blob_fields.h"
#include "lib/store/overlay.h"
#include "lib/store/tree.h"

namespace session::operations {
namespace {

using format::Damage;
using format::DamageKind;
using format::FrameKind;
using format::IndexView;
using format::LeafView;

// Slots of 8 bytes, for pages of some 2 KiB: 16 MiB of memory serve 8 GiB of file.
constexpr std::uint64_t kMinSlots = 1024;
constexpr std::uint64_t kMaxSlots = std::uint64_t{2} << 20;
constexpr std::uint64_t kFileBytesPerSlot = 1024;

}  // namespace

std::string key_text(Table table, std::string_view key) {
  constexpr std::size_t kRevisionKeyBytes = 8;
  if (table == Table::kBlobs) return format::hex(format::as_bytes(key));
  if (table == Table::kRevisions && key.size() == kRevisionKeyBytes) {
    return std::to_string(format::read_big_endian(key));
  }
  if (table == Table::kChildren) {
    try {
      return std::string(store::parse_child_key(key).child);
    } catch (const Error&) {
      return format::hex(format::as_bytes(key));
    }
  }
  return std::string(key);
}

CheckedSet::CheckedSet(std::uint64_t file_bytes)
    : slots_(std::clamp(std::bit_ceil(file_bytes / kFileBytesPerSlot + 1), kMinSlots, kMaxSlots)),
      memory_(static_cast<std::uint64_t*>(std::calloc(slots_, sizeof(std::uint64_t)))) {
  if (memory_ == nullptr) throw std::bad_alloc();
}

CheckedSet::Group CheckedSet::group_of(std::uint64_t hash) const {
  return Group(memory_.get() + hash % (slots_ / kWays) * kWays, kWays);
}

bool CheckedSet::contains(std::uint64_t hash) const {
  const auto group = group_of(hash);
  return std::find(group.begin(), group.end(), hash | 1) != group.end();
}

void CheckedSet::add(std::uint64_t hash) {
  const auto group = group_of(hash);
  auto slot = std::find(group.begin(), group.end(), 0);
  if (slot == group.end()) slot = group.begin() + static_cast<std::ptrdiff_t>(hash >> 62);
  *slot = hash | 1;  // 0 is an empty one
}

TreeCheck::TreeCheck(VerifyContext& context)
    : context_(context),
      leaf_rule_(context.header.leaf_target_log2, 0),
      checked_(context.pages.size_bytes()) {
  if (context.scan != nullptr) leaves_.emplace(*context.scan);
}

std::array<bool, kTableSlots> TreeCheck::check(const format::Roots& roots, std::uint64_t revision) {
  std::array<bool, kTableSlots> whole;
  whole.fill(true);
  lost_.clear();
  pending_blobs_.clear();
  last_roots_ = roots;
  roots_ = &last_roots_;
  revision_ = revision;
  for (const Table table : kAllTables) {
    const format::RootRef& root = roots[slot(table)];
    if (root.empty()) continue;
    table_ = table;
    Expected page;
    page.facts = {{},
                  root.count,
                  root.offset,
                  root.stored_size,
                  root.content_bytes,
                  root.stored_bytes,
                  root.digest};
    page.level = root.level;
    whole[slot(table)] = visit(page);
  }
  return whole;
}

void TreeCheck::check_changes(schema::Commit::Reader commit, std::uint64_t revision) {
  revision_ = revision;
  const auto runs = store::runs_of(commit);
  for (const store::Change& change : runs[slot(Table::kBlobs)]) {
    if (!change.is_erased) pending_blobs_.emplace_back(change.key);
  }
  std::sort(pending_blobs_.begin(), pending_blobs_.end());
  for (const Table table : kAllTables) {
    table_ = table;
    for (const store::Change& change : runs[slot(table)]) {
      if (!change.is_erased) check_record(change.key, change.record);
    }
  }
}

// ---- pages --------------------------------------------------------------------------------------

std::uint64_t TreeCheck::hash_of(const Expected& page) const {
  std::string facts;
  const auto add = [&](std::uint64_t number) {
    facts.append(reinterpret_cast<const char*>(&number), sizeof number);
  };
  add(page.facts.offset);
  add(std::uint64_t{page.level} << 32 | slot(table_));
  add(page.facts.count);
  add(page.facts.content_bytes);
  add(page.facts.stored_bytes);
  add(page.facts.stored_size);
  add((page.ends_level ? 1U : 0U) | (page.has_last_key ? 2U : 0U) | (page.after_key ? 4U : 0U));
  facts.append(format::as_text(page.facts.digest));
  add(page.facts.key.size());
  facts += page.facts.key;
  if (page.after_key) facts += *page.after_key;
  return format::xxh3_64(format::as_bytes(facts));
}

bool TreeCheck::visit(const Expected& page) {
  if (page.level > format::kMaxTreeLevels) {
    find(FindingCode::kLink, FindingEffect::kLoss, page, "a tree of too many levels");
    return false;
  }
  const std::uint64_t hash = hash_of(page);
  if (checked_.contains(hash)) return true;
  auto loaded =
      context_.load(page.facts.offset, store::page_kind(page.level), page.facts.stored_size);
  if (const Damage* damage = format::damage_in(loaded)) {
    lose(page, *damage);
    return false;
  }
  const store::Page& bytes = std::get<store::Page>(loaded);
  ++context_.frames;
  context_.bytes += format::align_up(format::kFrameHeaderBytes + bytes.stored_size);
  if (context_.advance) context_.advance(bytes.stored_size);
  if (context_.scan != nullptr && context_.scan->knows_frames &&
      !context_.scan->frames.contains(page.facts.offset)) {
    find(FindingCode::kOverlap, FindingEffect::kLoss, page,
         "a page stands inside of another frame");
  }
  if (bytes.table != slot(table_)) {
    find(FindingCode::kLink, FindingEffect::kRestorable, page,
         "the page says it belongs to table " + std::to_string(bytes.table) +
             "; it stands in the tree of table " + std::to_string(slot(table_)));
  }
  if (bytes.stored_size != page.facts.stored_size) {
    find(FindingCode::kCount, FindingEffect::kRestorable, page,
         "the page has a stored size of " + std::to_string(bytes.stored_size) +
             " bytes; what points to it says " + std::to_string(page.facts.stored_size));
  }
  const bool whole = page.level == 0 ? visit_leaf(page, bytes) : visit_index(page, bytes);
  if (whole) checked_.add(hash);
  return whole;
}

// If the scan found nothing wrong in it, and it is what the page above says.
const LeafFacts* TreeCheck::known_leaf(const Expected& page) {
  if (page.level != 0 || !leaves_) return nullptr;
  const LeafFacts* const known = leaves_->at(page.facts.offset);
  if (known == nullptr) return nullptr;
  const bool digests = context_.level == VerifyLevel::kFull;
  return agrees(*known, table_, page.facts, page.after_key, page.ends_level, digests) ? known
                                                                                      : nullptr;
}

bool TreeCheck::visit_leaf(const Expected& page, const store::Page& bytes) {
  const LeafView leaf(bytes.payload());
  if (!check_keys(page, leaf.key(0), leaf.key(leaf.size() - 1))) return false;
  const LeafSums sums =
      walk_leaf(leaf, leaf_rule_, [&](std::uint32_t i, std::string_view key, bool ends) {
        check_border(page, ends, i + 1 == leaf.size(), key);
        check_record(key, leaf.record(i));
      });
  check_sums(page, {sums.count, sums.content_bytes,
                    format::align_up(format::kFrameHeaderBytes + bytes.stored_size)});
  if (context_.level == VerifyLevel::kFull)
    check_digest(page, format::leaf_digest(bytes.payload()));
  return true;
}

bool TreeCheck::visit_index(const Expected& page, const store::Page& bytes) {
  const IndexView index(bytes.payload());
  if (index.level() != page.level) {
    lose(page, {page.facts.offset, bytes.stored_size, DamageKind::kLink,
                "an index page of level " + std::to_string(page.level) + " was expected here"});
    return false;
  }
  if (!check_keys(page, index.key(0), index.key(index.size() - 1))) return false;
  if (!page.has_last_key && index.size() == 1) {
    find(FindingCode::kBorder, FindingEffect::kRestorable, page,
         "the root is an index page with a single child");
  }
  const format::PageRule rule(context_.header.index_target_log2, page.level);
  Sums sums{0, 0, format::align_up(format::kFrameHeaderBytes + bytes.stored_size)};
  std::uint64_t size = 0;
  bool whole = true;
  std::uint64_t places = 0;
  bool knows_places = page.level == 1 && (table_ == Table::kTasks || table_ == Table::kChildren);
  for (std::uint32_t i = 0; i < index.size(); ++i) {
    const Expected child = child_of(page, index, i);
    sums.count += child.facts.count;
    sums.content_bytes += child.facts.content_bytes;
    sums.stored_bytes += child.facts.stored_bytes;
    const std::uint64_t weight = format::index_item_weight(child.facts.key.size());
    size += weight;
    check_border(page, rule.ends_after(child.facts.key, weight, size, i + 1), i + 1 == index.size(),
                 child.facts.key);
    if (const LeafFacts* const known = known_leaf(child)) {
      places += known->places;
      if (context_.advance) context_.advance(0);  // nothing was read
      continue;
    }
    knows_places = false;
    const bool is_asked = child.level > 0 || context_.level != VerifyLevel::kQuick;
    if (is_asked && !visit(child)) whole = false;
  }
  if (knows_places) context_.remember_places(page.facts.offset, places);
  check_sums(page, sums);
  if (context_.level == VerifyLevel::kFull) check_digest(page, format::index_digest(index));
  return whole;
}

TreeCheck::Expected TreeCheck::child_of(const Expected& parent, const IndexView& index,
                                        std::uint32_t at) {
  Expected child;
  child.facts = index.child(at);
  child.level = parent.level - 1;
  child.has_last_key = true;
  child.ends_level = parent.ends_level && at + 1 == index.size();
  child.after_key = at == 0 ? parent.after_key : std::optional(index.key(at - 1));
  return child;
}

// Pages that keep to their part of the keys cannot refer to each other in a circle, nor to the same
// page again and again: this bounds the walk whatever somebody forged.
bool TreeCheck::check_keys(const Expected& page, std::string_view first, std::string_view last) {
  const bool is_behind = !page.after_key || first > *page.after_key;
  const bool ends_right = !page.has_last_key || last == page.facts.key;
  if (is_behind && ends_right) return true;
  find(FindingCode::kKeyOrder, FindingEffect::kRestorable, page,
       is_behind ? "the page ends with another key than the page above it says"
                 : "the keys of this page do not lie behind those of the page before it");
  context_.book.add_hole();
  return false;
}

void TreeCheck::check_border(const Expected& page, bool ends, bool is_last, std::string_view key) {
  if (ends == is_last || (is_last && page.ends_level)) return;
  find(FindingCode::kBorder, FindingEffect::kRestorable, page,
       ends ? "the page should have ended after the key \"" + key_text(table_, key) + "\""
            : "the page ends after the key \"" + key_text(table_, key) + "\", where none should");
}

void TreeCheck::check_sums(const Expected& page, const Sums& sums) {
  const auto compare = [&](std::uint64_t said, std::uint64_t found, std::string_view what) {
    if (said == found) return;
    find(FindingCode::kCount, FindingEffect::kRestorable, page,
         "there are " + std::to_string(found) + " " + std::string(what) +
             " below this page; what points to it says " + std::to_string(said));
  };
  compare(page.facts.count, sums.count, "records");
  compare(page.facts.content_bytes, sums.content_bytes, "bytes of content");
  compare(page.facts.stored_bytes, sums.stored_bytes, "bytes of frames");
}

void TreeCheck::check_digest(const Expected& page, const Digest& digest) {
  if (digest == page.facts.digest) return;
  find(FindingCode::kDigest, FindingEffect::kLoss, page,
       "the page has another SHA-256 digest than what points to it says");
}

// ---- records ------------------------------------------------------------------------------------

void TreeCheck::check_record(std::string_view key, format::RecordView record) {
  try {
    if (table_ == Table::kBlobs) check_blob(key, record.as<schema::Blob>());
    if (store::has_blobs(record)) check_references(key, record);
  } catch (const Error& error) {
    find_record(FindingCode::kStructure, FindingEffect::kLoss, key, error.message());
  } catch (const kj::Exception& exception) {
    find_record(FindingCode::kStructure, FindingEffect::kLoss, key,
                "the record is not what its schema says: " +
                    std::string(exception.getDescription().cStr()));
  }
}

bool TreeCheck::has_blob(std::string_view digest) const {
  if (std::binary_search(pending_blobs_.begin(), pending_blobs_.end(), digest)) return true;
  if (roots_ == nullptr) return true;
  try {
    return store::tree_find(context_.pages, (*roots_)[slot(Table::kBlobs)], digest).has_value();
  } catch (const Error&) {
    return true;  // the table is damaged, which is said elsewhere
  }
}

void TreeCheck::check_references(std::string_view key, format::RecordView record) {
  if (const auto wrong = store::wrong_blob_list(table_, record)) {
    find_record(FindingCode::kBlobReference, FindingEffect::kLoss, key,
                "the record's list of what it keeps outside itself is out of form: " + *wrong);
    return;
  }
  const auto blobs = record.getPointerSection()[0].getAs<capnp::List<schema::BlobRef>>();
  for (const auto blob : blobs) {
    const std::string_view digest = format::as_text(
        std::as_bytes(std::span(blob.getDigest().begin(), blob.getDigest().size())));
    const std::string_view path(blob.getPath().begin(), blob.getPath().size());
    const std::uint64_t hash = format::xxh3_64(format::as_bytes(digest), 1);
    if (checked_.contains(hash)) continue;
    if (has_blob(digest)) {
      checked_.add(hash);
    } else {
      find_record(FindingCode::kBlobMissing, FindingEffect::kLoss, key,
                  "what the record keeps outside itself as \"" + std::string(path) +
                      "\" is in no table: " + format::hex(format::as_bytes(digest)));
    }
  }
}

// Of all that a blob's record says.
std::uint64_t TreeCheck::hash_of(std::string_view key, schema::Blob::Reader blob) {
  std::vector<std::uint64_t> said{format::xxh3_64(format::as_bytes(key), 2), blob.getSizeBytes()};
  for (const auto part : blob.getParts()) {
    said.insert(said.end(), {part.getOffset(), part.getSizeBytes(), part.getStoredBytes()});
  }
  return format::xxh3_64(std::as_bytes(std::span(said)));
}

void TreeCheck::check_blob(std::string_view key, schema::Blob::Reader blob) {
  const auto parts = blob.getParts();
  const std::uint64_t hash = hash_of(key, blob);
  if (checked_.contains(hash)) return;
  const std::size_t lost_before = lost_.size();
  format::Sha256 sha256;
  const bool hashes = context_.level == VerifyLevel::kFull;
  std::uint64_t content = 0;
  std::uint64_t last_offset = 0;
  for (const auto part : parts) {
    if (part.getOffset() <= last_offset) {
      find_record(FindingCode::kLink, FindingEffect::kLoss, key, "a blob's parts are not in order");
      return;
    }
    last_offset = part.getOffset();
    check_part(key, part, content, hashes ? &sha256 : nullptr);
    if (content > std::min<std::uint64_t>(blob.getSizeBytes(), format::kMaxBlobBytes)) break;
  }
  if (lost_.size() != lost_before) return;
  if (content != blob.getSizeBytes() || content > format::kMaxBlobBytes) {
    find_record(FindingCode::kLink, FindingEffect::kLoss, key,
                "the parts of a blob have " + std::to_string(content) + " bytes; its table says " +
                    std::to_string(blob.getSizeBytes()));
  } else if (hashes && format::as_text(sha256.finish()) != key) {
    find_record(FindingCode::kBlobDigest, FindingEffect::kLoss, key,
                "the content of a blob does not hash to its name");
  }
  checked_.add(hash);
}

void TreeCheck::check_part(std::string_view key, schema::BlobPart::Reader part,
                           std::uint64_t& content, format::Sha256* hash) {
  auto loaded = context_.load(part.getOffset(), FrameKind::kBlob, part.getStoredBytes());
  if (const Damage* damage = format::damage_in(loaded)) {
    lose_blob(key, part.getOffset(), part.getStoredBytes(), *damage);
    return;
  }
  const store::Page& page = std::get<store::Page>(loaded);
  ++context_.frames;
  context_.bytes += format::align_up(format::kFrameHeaderBytes + page.stored_size);
  if (context_.advance) context_.advance(page.stored_size);
  if (page.size_bytes != part.getSizeBytes() || page.stored_size != part.getStoredBytes()) {
    find_record(FindingCode::kCount, FindingEffect::kRestorable, key,
                "a part of a blob has another size than its table says");
  }
  content += page.size_bytes;
  if (hash != nullptr) hash->add(page.payload());
}

// ---- findings -----------------------------------------------------------------------------------

void TreeCheck::lose(const Expected& page, const Damage& damage) {
  LostFrame lost;
  lost.role = page.level == 0 ? LostRole::kLeaf : LostRole::kIndex;
  lost.length = format::align_up(format::kFrameHeaderBytes + std::uint64_t{page.facts.stored_size});
  lost.damage = damage;
  lost.table = table_;
  if (page.has_last_key) lost.key = key_text(table_, page.facts.key);
  if (page.after_key) lost.after_key = key_text(table_, *page.after_key);
  context_.book.lose(page.facts.offset, std::move(lost));
  context_.book.concern(page.facts.offset, revision_);
  lost_.push_back(page.facts.offset);
}

void TreeCheck::lose_blob(std::string_view key, std::uint64_t offset, std::uint64_t stored_size,
                          const Damage& damage) {
  LostFrame lost;
  lost.role = LostRole::kBlob;
  lost.length = format::align_up(format::kFrameHeaderBytes + stored_size);
  lost.damage = damage;
  lost.table = Table::kBlobs;
  lost.key = key_text(Table::kBlobs, key);
  context_.book.lose(offset, std::move(lost));
  context_.book.concern(offset, revision_);
  lost_.push_back(offset);
}

void TreeCheck::find(FindingCode code, FindingEffect effect, const Expected& page,
                     std::string message) {
  Finding finding = FindingLog::make(code, effect, std::move(message));
  finding.offset = page.facts.offset;
  finding.length =
      format::align_up(format::kFrameHeaderBytes + std::uint64_t{page.facts.stored_size});
  finding.table = table_;
  if (page.has_last_key) finding.key = key_text(table_, page.facts.key);
  if (page.after_key) finding.after_key = key_text(table_, *page.after_key);
  finding.revisions = {revision_};
  context_.log.add(std::move(finding));
}

void TreeCheck::find_record(FindingCode code, FindingEffect effect, std::string_view key,
                            std::string message) {
  Finding finding = FindingLog::make(code, effect, std::move(message));
  finding.table = table_;
  finding.key = key_text(table_, key);
  finding.revisions = {revision_};
  context_.log.add(std::move(finding));
}

}  // namespace session::operations
