#include "lib/store/page_source.h"

#include <algorithm>
#include <string>

#include "format/canary.h"
#include "format/commit.h"
#include "format/page.h"
#include "format/record_shape.h"

namespace session::store {
namespace {

using format::Bytes;
using format::Damage;
using format::DamageKind;
using format::FrameKind;

Damage damage_of(const format::FrameHeader& header, DamageKind kind, std::string detail) {
  return {header.own_offset, header.frame_bytes(), kind, std::move(detail)};
}

std::optional<Damage> wrong_kind(const format::FrameHeader& header, FrameKind kind) {
  if (header.kind == kind) return std::nullopt;
  return damage_of(header, DamageKind::kLink,
                   "a " + std::string(frame_kind_name(kind)) + " frame was expected here, not a " +
                       std::string(frame_kind_name(header.kind)));
}

bool is_message(FrameKind kind) {
  return kind != FrameKind::kBlob && kind != FrameKind::kParity;
}

// Trees say which features a file uses, so reading them must need none.
std::optional<std::string> check_commit(format::Codec codec, Bytes payload) {
  const auto commit = format::read_root<schema::Commit>(payload);
  if (auto wrong = format::check_commit(commit)) return wrong;
  if (codec == format::Codec::kZstdPrefix && commit.hasTrees()) {
    return "a commit with trees that is compressed with a prefix";
  }
  return std::nullopt;
}

// Of a payload that check_message() passed.
std::optional<std::string> check_structure(FrameKind kind, std::uint16_t table, Bytes payload,
                                           format::Codec codec) {
  try {
    switch (kind) {
      case FrameKind::kLeaf: {
        const auto leaf = format::read_root<schema::Leaf>(payload);
        if (auto wrong = format::check_leaf(leaf)) return wrong;
        return format::check_records(leaf, table);
      }
      case FrameKind::kIndex:
        return format::check_index(format::read_root<schema::Index>(payload));
      case FrameKind::kCommit:
        return check_commit(codec, payload);
      case FrameKind::kSeal:
        (void)format::read_root<schema::Seal>(payload);  // throws if it is none
        return std::nullopt;
      default:
        return std::nullopt;
    }
  } catch (const kj::Exception& exception) {
    return "a field is not what the schema says: " + std::string(exception.getDescription().cStr());
  }
}

std::optional<Damage> wrong_payload(const format::FrameHeader& header, Bytes payload) {
  if (!is_message(header.kind)) return std::nullopt;
  if (auto wrong = format::check_message(payload)) {
    return damage_of(header, DamageKind::kNotCanonical, std::move(*wrong));
  }
  if (auto wrong = check_structure(header.kind, header.table, payload, header.codec)) {
    return damage_of(header, DamageKind::kStructure, std::move(*wrong));
  }
  return std::nullopt;
}

// Levels that fall by one bound the depth: a forged ring of pages ends here.
std::optional<Damage> wrong_level(std::uint64_t offset, std::uint32_t size_bytes,
                                  std::uint32_t found, std::uint32_t level) {
  if (found == level) return std::nullopt;
  return Damage{offset, size_bytes, DamageKind::kLink,
                "an index page of level " + std::to_string(level) + " was expected here"};
}

}  // namespace

format::IndexView open_index(const Page& page, std::uint64_t offset, std::uint32_t level) {
  format::IndexView index(page.payload());
  if (auto wrong = wrong_level(offset, page.size_bytes, index.level(), level)) throw wrong->error();
  return index;
}

std::optional<std::string> check_payload(FrameKind kind, std::uint16_t table, Bytes payload,
                                         format::Codec codec) {
  if (!is_message(kind)) return std::nullopt;
  if (auto wrong = format::check_message(payload)) return wrong;
  return check_structure(kind, table, payload, codec);
}

CheckedFrames::CheckedFrames(std::uint64_t file_bytes)
    : pieces_(file_bytes / format::kAlignBytes / kPieceBits + 1) {}

CheckedFrames::~CheckedFrames() {
  for (const auto& piece : pieces_) delete piece.load(std::memory_order_relaxed);
}

bool CheckedFrames::contains(std::uint64_t offset) const {
  const std::uint64_t bit = offset / format::kAlignBytes;
  const Piece* const piece = pieces_[bit / kPieceBits].load(std::memory_order_acquire);
  if (piece == nullptr) return false;
  const auto& word = (*piece)[bit % kPieceBits / kBitsPerWord];
  return (word.load(std::memory_order_acquire) >> (bit % kBitsPerWord) & 1) != 0;
}

void CheckedFrames::add(std::uint64_t offset) {
  const std::uint64_t bit = offset / format::kAlignBytes;
  std::atomic<Piece*>& place = pieces_[bit / kPieceBits];
  Piece* piece = place.load(std::memory_order_acquire);
  if (piece == nullptr) {
    auto fresh = std::make_unique<Piece>();
    if (place.compare_exchange_strong(piece, fresh.get(), std::memory_order_acq_rel)) {
      piece = fresh.release();
    }
  }
  auto& word = (*piece)[bit % kPieceBits / kBitsPerWord];
  word.fetch_or(std::uint64_t{1} << (bit % kBitsPerWord), std::memory_order_release);
}

PageSource::PageSource(std::shared_ptr<io::File> file, std::uint64_t size_bytes,
                       std::uint64_t file_tag, bool copying, std::size_t cache_bytes,
                       bool keeps_leaves)
    : file_(std::move(file)),
      size_bytes_(size_bytes),
      file_tag_(file_tag),
      max_cache_bytes_(cache_bytes),
      keeps_leaves_(keeps_leaves),
      checked_(copying ? 0 : size_bytes) {
  if (!copying) mapping_ = file_->map(size_bytes);
}

PageSource::~PageSource() = default;

void PageSource::fail(const Damage& damage) const {
  throw damage.error().in_file(file_->path());
}

void PageSource::prefetch(std::uint64_t offset, std::uint64_t size_bytes) const {
  constexpr std::uint64_t kLine = 64;
  if (!mapping_ || offset >= size_bytes_) return;
  const std::byte* const data = mapping_->bytes().data();
  const std::uint64_t end = offset + std::min(size_bytes, size_bytes_ - offset);
  for (std::uint64_t at = offset; at < end; at += kLine) __builtin_prefetch(data + at);
}

OpenIndex PageSource::index(std::uint64_t offset, std::uint32_t level) const {
  if (const format::IndexView* const known = opened_.find(offset)) {
    if (auto wrong = wrong_level(offset, 0, known->level(), level)) fail(*wrong);
    return OpenIndex(*known);
  }
  // Kept when it is asked for a second time: a single look-up in a fresh file pays for nothing.
  const bool is_checked =
      mapping_ && offset < size_bytes_ && format::is_aligned(offset) && checked_.contains(offset);
  const Page page = fetch(offset, FrameKind::kIndex);
  const format::IndexView view(page.payload());
  if (auto wrong = wrong_level(offset, page.size_bytes, view.level(), level)) fail(*wrong);
  if (is_checked) opened_.keep(offset, view);
  return {view, page.keep};
}

Page PageSource::fetch(std::uint64_t offset, FrameKind kind) const {
  if (mapping_ && format::is_aligned(offset) && offset < size_bytes_ && checked_.contains(offset)) {
    const Bytes header = mapping_->bytes().subspan(offset, format::kFrameHeaderBytes);
    if (format::load<std::uint8_t>(header, 4) == static_cast<std::uint8_t>(kind)) {
      return {
          header.data() + format::kFrameHeaderBytes, format::load<std::uint32_t>(header, 8), {}};
    }
  }
  auto page = load(offset, kind);
  if (const Damage* damage = damage_in(page)) fail(*damage);
  return std::get<Page>(std::move(page));
}

format::OrDamage<Page> PageSource::load(std::uint64_t offset, FrameKind kind,
                                        std::uint32_t expected_stored_size) const {
  return mapping_ ? first_touch(offset, kind) : read_copy(offset, kind, expected_stored_size);
}

format::OrDamage<Page> PageSource::first_touch(std::uint64_t offset, FrameKind kind) const {
  const auto loaded = format::load_frame(mapping_->bytes(), offset, file_tag_);
  if (const Damage* found = damage_in(loaded)) return *found;
  const auto& frame = std::get<format::Frame>(loaded);
  if (auto wrong = wrong_kind(frame.header, kind)) return std::move(*wrong);
  if (frame.header.codec == format::Codec::kNone) {
    if (auto wrong = wrong_payload(frame.header, frame.stored)) return std::move(*wrong);
    checked_.add(offset);
    return Page{frame.stored.data(),
                frame.header.stored_size,
                {},
                frame.header.stored_size,
                frame.header.table};
  }
  if (auto page = cached(offset, kind)) return std::move(*page);
  auto buffer = std::make_shared<std::vector<std::byte>>();
  const auto raw = unpack(frame, *buffer);
  if (const Damage* found = damage_in(raw)) return *found;
  if (auto wrong = wrong_payload(frame.header, *buffer)) return std::move(*wrong);
  Page page{buffer->data(), static_cast<std::uint32_t>(buffer->size()), buffer,
            frame.header.stored_size, frame.header.table};
  remember(offset, kind, page);
  return page;
}

format::OrDamage<Bytes> PageSource::unpack(const format::Frame& frame,
                                           std::vector<std::byte>& buffer) const {
  if (frame.header.codec != format::Codec::kZstdPrefix) return format::raw_payload(frame, buffer);
  const auto described = format::read_prefixed(frame);
  if (const Damage* damage = damage_in(described)) return *damage;
  const auto& payload = std::get<format::PrefixedPayload>(described);
  std::shared_ptr<const format::Prefix> prefix;
  {
    const std::lock_guard lock(cache_mutex_);
    prefix = last_prefix_;
  }
  if (!prefix || prefix->offsets != payload.offsets) {
    auto made = format::read_prefix(frame, payload,
                                    [this](std::uint64_t offset, std::vector<std::byte>& bytes) {
                                      return load_stored(offset, bytes);
                                    });
    if (const Damage* damage = damage_in(made)) return *damage;
    prefix = std::make_shared<const format::Prefix>(std::get<format::Prefix>(std::move(made)));
    const std::lock_guard lock(cache_mutex_);
    last_prefix_ = prefix;
  }
  return format::unpack_behind(frame, payload, prefix->bytes, buffer);
}

PageSource::Stored PageSource::stored(std::uint64_t offset, FrameKind kind) const {
  auto buffer = std::make_shared<std::vector<std::byte>>();
  const auto loaded = load_stored(offset, *buffer);
  if (const Damage* damage = damage_in(loaded)) fail(*damage);
  const auto& frame = std::get<format::Frame>(loaded);
  if (auto wrong = wrong_kind(frame.header, kind)) fail(*wrong);
  return {frame, std::move(buffer)};
}

format::OrDamage<format::Frame> PageSource::load_stored(std::uint64_t offset,
                                                        std::vector<std::byte>& buffer) const {
  if (mapping_) return format::load_frame(mapping_->bytes(), offset, file_tag_);
  const auto decoded = load_header(offset);
  if (const Damage* damage = damage_in(decoded)) return *damage;
  const auto& header = std::get<format::FrameHeader>(decoded);
  if (!format::fits(offset, header.frame_bytes(), size_bytes_)) {
    return damage_of(header, DamageKind::kBeyondEnd, "the frame reaches beyond the end");
  }
  buffer.resize(header.frame_bytes());
  io::read_exactly(*file_, {}, offset, buffer);
  return format::check_frame(buffer, header);
}

std::vector<std::uint64_t> PageSource::prefix_of(std::uint64_t offset) const {
  std::vector<std::byte> buffer;
  const auto loaded = load_stored(offset, buffer);
  if (damage_in(loaded) != nullptr) return {};
  const auto& frame = std::get<format::Frame>(loaded);
  if (frame.header.codec != format::Codec::kZstdPrefix) return {};
  auto payload = format::read_prefixed(frame);
  if (damage_in(payload) != nullptr) return {};
  return std::get<format::PrefixedPayload>(std::move(payload)).offsets;
}

format::FrameHeader PageSource::header(std::uint64_t offset) const {
  const auto header = load_header(offset);
  if (const Damage* damage = damage_in(header)) fail(*damage);
  return std::get<format::FrameHeader>(header);
}

format::OrDamage<format::FrameHeader> PageSource::load_header(std::uint64_t offset) const {
  if (!format::is_aligned(offset) ||
      !format::fits(offset, format::kFrameHeaderBytes, size_bytes_)) {
    return Damage{offset, 0, DamageKind::kBeyondEnd, "no frame can stand here"};
  }
  if (mapping_) {
    return format::decode_frame_header(mapping_->bytes().subspan(offset, format::kFrameHeaderBytes),
                                       offset, file_tag_);
  }
  std::array<std::byte, format::kFrameHeaderBytes> bytes;
  io::read_exactly(*file_, {}, offset, bytes);
  return format::decode_frame_header(bytes, offset, file_tag_);
}

format::OrDamage<Page> PageSource::read_copy(std::uint64_t offset, FrameKind kind,
                                             std::uint32_t expected_stored_size) const {
  if (auto page = cached(offset, kind)) return std::move(*page);
  if (!format::is_aligned(offset) ||
      !format::fits(offset, format::kFrameHeaderBytes, size_bytes_)) {
    return Damage{offset, 0, DamageKind::kBeyondEnd, "no frame can stand here"};
  }
  const std::uint64_t expected = format::align_up(
      format::kFrameHeaderBytes + std::min(expected_stored_size, format::kMaxPayloadBytes));
  auto buffer = std::make_shared<std::vector<std::byte>>(std::min(
      expected_stored_size == 0 ? format::kFrameHeaderBytes : expected, size_bytes_ - offset));
  io::read_exactly(*file_, {}, offset, *buffer);
  const auto decoded = format::decode_frame_header(*buffer, offset, file_tag_);
  if (const Damage* damage = damage_in(decoded)) return *damage;
  const auto& found = std::get<format::FrameHeader>(decoded);
  if (auto wrong = wrong_kind(found, kind)) return std::move(*wrong);
  if (!format::fits(offset, found.frame_bytes(), size_bytes_)) {
    return Damage{offset, size_bytes_ - offset, DamageKind::kBeyondEnd,
                  "the frame reaches beyond the end"};
  }
  const std::size_t have = std::min<std::size_t>(buffer->size(), found.frame_bytes());
  buffer->resize(found.frame_bytes());
  if (have < buffer->size()) {
    io::read_exactly(*file_, {}, offset + have, std::span(*buffer).subspan(have));
  }
  // load_frame wants a file's bytes from its start; the frame knows its own place, so the header
  // was checked above and payload and padding are checked here.
  const Bytes stored = Bytes(*buffer).subspan(format::kFrameHeaderBytes, found.stored_size);
  if (format::xxh3_128(stored) != found.payload_hash && !format::planted("open")) {
    return damage_of(found, DamageKind::kPayloadHash,
                     "the payload does not hash to what its header says");
  }
  if (!format::all_zero(Bytes(*buffer).subspan(format::kFrameHeaderBytes + found.stored_size))) {
    return damage_of(found, DamageKind::kPadding, "the padding behind a frame is not zero");
  }
  auto unpacked = std::make_shared<std::vector<std::byte>>();
  const auto raw = unpack({found, stored}, *unpacked);
  if (const Damage* damage = damage_in(raw)) return *damage;
  const Bytes payload = std::get<Bytes>(raw);
  if (auto wrong = wrong_payload(found, payload)) return std::move(*wrong);
  const bool is_packed = found.codec != format::Codec::kNone;
  Page page{payload.data(), static_cast<std::uint32_t>(payload.size()),
            is_packed ? std::move(unpacked) : std::move(buffer), found.stored_size, found.table};
  remember(offset, kind, page);
  return page;
}

std::optional<Page> PageSource::cached(std::uint64_t offset, FrameKind kind) const {
  if (max_cache_bytes_ == 0) return std::nullopt;
  const std::lock_guard lock(cache_mutex_);
  if (is_last_leaf_only(kind)) return last_leaf_at_ == offset ? last_leaf_ : std::nullopt;
  const auto found = cache_.find(offset);
  if (found == cache_.end() || found->second.kind != kind) return std::nullopt;
  ages_.splice(ages_.end(), ages_, found->second.age);
  return found->second.page;
}

void PageSource::remember(std::uint64_t offset, FrameKind kind, const Page& page) const {
  if (max_cache_bytes_ == 0) return;
  const std::lock_guard lock(cache_mutex_);
  if (is_last_leaf_only(kind)) {
    last_leaf_at_ = offset;
    last_leaf_ = page;
    return;
  }
  if (cache_.contains(offset)) return;
  cache_bytes_ += page.size_bytes;
  ages_.push_back(offset);
  cache_.emplace(offset, CachedPage{page, kind, std::prev(ages_.end())});
  while (cache_bytes_ > max_cache_bytes_ && ages_.size() > 1) {
    const auto oldest = cache_.find(ages_.front());
    cache_bytes_ -= oldest->second.page.size_bytes;
    cache_.erase(oldest);
    ages_.pop_front();
  }
}

}  // namespace session::store
