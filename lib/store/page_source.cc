#include "lib/store/page_source.h"

#include <string>

#include "format/commit.h"
#include "format/page.h"

namespace session::store {
namespace {

using format::Bytes;
using format::Damage;
using format::DamageKind;
using format::FrameKind;

[[noreturn]] void fail(const format::FrameHeader& header, DamageKind kind, std::string detail) {
  throw Damage{header.own_offset, header.frame_bytes(), kind, std::move(detail)}.error();
}

void require_kind(const format::FrameHeader& header, FrameKind kind) {
  if (header.kind == kind) return;
  fail(header, DamageKind::kLink,
       "a " + std::string(frame_kind_name(kind)) + " frame was expected here, not a " +
           std::string(frame_kind_name(header.kind)));
}

bool is_message(FrameKind kind) {
  return kind != FrameKind::kBlob && kind != FrameKind::kParity;
}

// Of a payload that check_message() passed.
std::optional<std::string> check_structure(FrameKind kind, Bytes payload) {
  try {
    switch (kind) {
      case FrameKind::kLeaf:
        return format::check_leaf(format::read_root<schema::Leaf>(payload));
      case FrameKind::kIndex:
        return format::check_index(format::read_root<schema::Index>(payload));
      case FrameKind::kCommit:
        return format::check_commit(format::read_root<schema::Commit>(payload));
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

void check_or_throw(const format::FrameHeader& header, Bytes payload) {
  if (!is_message(header.kind)) return;
  if (auto wrong = format::check_message(payload)) {
    fail(header, DamageKind::kNotCanonical, std::move(*wrong));
  }
  if (auto wrong = check_structure(header.kind, payload)) {
    fail(header, DamageKind::kStructure, std::move(*wrong));
  }
}

}  // namespace

std::optional<std::string> check_payload(FrameKind kind, Bytes payload) {
  if (!is_message(kind)) return std::nullopt;
  if (auto wrong = format::check_message(payload)) return wrong;
  return check_structure(kind, payload);
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
                       std::uint64_t file_tag, bool copying)
    : file_(std::move(file)),
      size_bytes_(size_bytes),
      file_tag_(file_tag),
      checked_(copying ? 0 : size_bytes) {
  if (!copying) mapping_ = file_->map(size_bytes);
}

PageSource::~PageSource() = default;

Page PageSource::fetch(std::uint64_t offset, FrameKind kind) const {
  if (!mapping_) return read_copy(offset, kind);
  if (!format::is_aligned(offset) || offset >= size_bytes_ || !checked_.contains(offset)) {
    return first_touch(offset, kind);
  }
  const Bytes header = mapping_->bytes().subspan(offset, format::kFrameHeaderBytes);
  if (format::load<std::uint8_t>(header, 4) != static_cast<std::uint8_t>(kind)) {
    return first_touch(offset, kind);  // says what is wrong
  }
  return {header.data() + format::kFrameHeaderBytes, format::load<std::uint32_t>(header, 8), {}};
}

Page PageSource::first_touch(std::uint64_t offset, FrameKind kind) const {
  const format::Frame frame =
      value_or_throw(format::load_frame(mapping_->bytes(), offset, file_tag_));
  require_kind(frame.header, kind);
  if (frame.header.codec == format::Codec::kNone) {
    check_or_throw(frame.header, frame.stored);
    checked_.add(offset);
    return {frame.stored.data(), frame.header.stored_size, {}};
  }
  auto bytes = cached(offset);
  if (!bytes) {
    auto buffer = std::make_shared<std::vector<std::byte>>();
    check_or_throw(frame.header, value_or_throw(format::raw_payload(frame, *buffer)));
    remember(offset, buffer);
    bytes = buffer;
  }
  return {bytes->data(), static_cast<std::uint32_t>(bytes->size()), bytes};
}

format::FrameHeader PageSource::header(std::uint64_t offset) const {
  if (!format::is_aligned(offset) ||
      !format::fits(offset, format::kFrameHeaderBytes, size_bytes_)) {
    throw Damage{offset, 0, DamageKind::kBeyondEnd, "no frame can stand here"}.error();
  }
  if (mapping_) {
    return value_or_throw(format::decode_frame_header(
        mapping_->bytes().subspan(offset, format::kFrameHeaderBytes), offset, file_tag_));
  }
  std::array<std::byte, format::kFrameHeaderBytes> bytes;
  io::read_exactly(*file_, {}, offset, bytes);
  return value_or_throw(format::decode_frame_header(bytes, offset, file_tag_));
}

Page PageSource::read_copy(std::uint64_t offset, FrameKind kind) const {
  if (auto bytes = cached(offset)) {
    require_kind(header(offset), kind);
    return {bytes->data(), static_cast<std::uint32_t>(bytes->size()), bytes};
  }
  const format::FrameHeader found = header(offset);
  require_kind(found, kind);
  if (!format::fits(offset, found.frame_bytes(), size_bytes_)) {
    throw Damage{offset, size_bytes_ - offset, DamageKind::kBeyondEnd,
                 "the frame reaches beyond the end"}
        .error();
  }
  auto buffer = std::make_shared<std::vector<std::byte>>(found.frame_bytes());
  io::read_exactly(*file_, {}, offset, *buffer);
  // load_frame wants a file's bytes from its start; the frame knows its own place, so the header
  // was checked above and payload and padding are checked here.
  const Bytes stored = Bytes(*buffer).subspan(format::kFrameHeaderBytes, found.stored_size);
  if (format::xxh3_128(stored) != found.payload_hash) {
    fail(found, DamageKind::kPayloadHash, "the payload does not hash to what its header says");
  }
  if (!format::all_zero(Bytes(*buffer).subspan(format::kFrameHeaderBytes + found.stored_size))) {
    fail(found, DamageKind::kPadding, "the padding behind a frame is not zero");
  }
  auto raw = std::make_shared<std::vector<std::byte>>();
  const Bytes payload = value_or_throw(format::raw_payload({found, stored}, *raw));
  if (raw->empty()) raw->assign(payload.begin(), payload.end());
  check_or_throw(found, *raw);
  remember(offset, raw);
  return {raw->data(), static_cast<std::uint32_t>(raw->size()), raw};
}

std::shared_ptr<const std::vector<std::byte>> PageSource::cached(std::uint64_t offset) const {
  const std::lock_guard lock(cache_mutex_);
  const auto found = cache_.find(offset);
  if (found == cache_.end()) return nullptr;
  ages_.splice(ages_.end(), ages_, found->second.age);
  return found->second.bytes;
}

void PageSource::remember(std::uint64_t offset,
                          std::shared_ptr<const std::vector<std::byte>> bytes) const {
  const std::lock_guard lock(cache_mutex_);
  if (cache_.contains(offset)) return;
  cache_bytes_ += bytes->size();
  ages_.push_back(offset);
  cache_.emplace(offset, CachedPage{std::move(bytes), std::prev(ages_.end())});
  while (cache_bytes_ > kCacheBytes && ages_.size() > 1) {
    const auto oldest = cache_.find(ages_.front());
    cache_bytes_ -= oldest->second.bytes->size();
    cache_.erase(oldest);
    ages_.pop_front();
  }
}

}  // namespace session::store
