#include "fuzz/support/reseal_content.h"

#include <capnp/any.h>

#include <algorithm>

#include "format/commit.h"
#include "format/compression.h"
#include "format/page.h"
#include "format/parity_code.h"
#include "format/prefix.h"
#include "lib/store/page_source.h"

namespace session::fuzz {

using format::Bytes;
using format::damage_in;
using format::Frame;
using format::FrameKind;

namespace {

constexpr std::size_t kStoredSizeAt = 8;  // of a frame's header

}  // namespace

void vouch(std::span<std::byte> payload, Bytes before) {
  // Behind framing and root pointer, the data words of commit.capnp.
  constexpr std::size_t kUnsyncedBytesAt = 16 + 2 * 8;
  constexpr std::size_t kUnsyncedHighAt = 16 + 3 * 8;
  constexpr std::size_t kUnsyncedLowAt = 16 + 4 * 8;
  if (payload.size() < kUnsyncedLowAt + 8 || before.size() < format::kFileHeaderBytes) return;
  const auto length = format::load<std::uint64_t>(payload, kUnsyncedBytesAt);
  if (length == 0 || length > before.size() - format::kFileHeaderBytes) return;
  const format::Hash128 hash = format::xxh3_128(before.last(length));
  format::store(payload, kUnsyncedHighAt, hash.high);
  format::store(payload, kUnsyncedLowAt, hash.low);
}

void ContentSeals::seal(std::uint64_t offset) {
  const auto loaded = format::load_frame(file_, offset, tag_);
  if (damage_in(loaded) != nullptr) return;
  const auto& frame = std::get<Frame>(loaded);
  if (frame.header.kind == FrameKind::kParity) return seal_parity(frame);
  if (frame.header.codec == format::Codec::kZstdPrefix) return seal_prefixed(frame);
  try {
    seal_payload(frame);
  } catch (const kj::Exception&) {
    // A field that is not what the schema says has nothing to be sealed.
  } catch (const Error&) {
  }
}

void ContentSeals::seal_payload(const Frame& frame) {
  std::vector<std::byte> buffer;
  const auto raw = format::raw_payload(frame, buffer);
  if (damage_in(raw) != nullptr) return;
  const Bytes bytes = std::get<Bytes>(raw);
  words_.resize((bytes.size() + sizeof(std::uint64_t) - 1) / sizeof(std::uint64_t));
  std::ranges::copy(bytes, std::as_writable_bytes(std::span(words_)).begin());
  const Bytes payload = std::as_bytes(std::span(words_)).first(bytes.size());
  if (store::check_payload(frame.header.kind, frame.header.table, payload, frame.header.codec)) {
    return;
  }
  if (frame.header.kind == FrameKind::kLeaf) {
    remember(frame, format::leaf_digest(payload));
  } else if (frame.header.kind == FrameKind::kIndex) {
    seal_index(frame, payload);
  } else if (frame.header.kind == FrameKind::kCommit) {
    seal_commit(frame, payload);
  }
}

void ContentSeals::unpack(std::uint64_t offset) {
  constexpr std::size_t kMostBytes = std::size_t{16} << 20;
  const auto loaded = format::load_frame(file_, offset, tag_);
  if (damage_in(loaded) != nullptr) return;
  const auto& frame = std::get<Frame>(loaded);
  if (frame.header.codec != format::Codec::kZstdPrefix || unpacked_bytes_ > kMostBytes) return;
  const auto payload = format::read_prefixed(frame);
  if (damage_in(payload) != nullptr) return;
  auto described = std::get<format::PrefixedPayload>(payload);
  const auto prefix = prefix_of(frame, described);
  if (damage_in(prefix) != nullptr) return;
  const auto& behind = std::get<format::Prefix>(prefix).bytes;
  std::vector<std::byte> raw;
  (void)format::unpack_behind(frame, described, behind, raw);
  described.raw_hash = format::xxh3_64(raw);  // the only thing that may be wrong with it
  if (damage_in(format::unpack_behind(frame, described, behind, raw)) != nullptr) return;
  unpacked_bytes_ += raw.size();
  unpacked_[offset] = std::move(raw);
}

format::OrDamage<format::Prefix> ContentSeals::prefix_of(
    const Frame& frame, const format::PrefixedPayload& payload) const {
  return format::read_prefix(frame, payload,
                             [this](std::uint64_t at, std::vector<std::byte>& /*buffer*/) {
                               return format::load_frame(file_, at, tag_);
                             });
}

// Packed anew, because it vouches for what stands before it, and because what it leans on may have
// changed, as a hash in it.
void ContentSeals::seal_prefixed(const Frame& frame) {
  const auto raw = unpacked_.find(frame.header.own_offset);
  const auto payload = format::read_prefixed(frame);
  if (raw == unpacked_.end() || damage_in(payload) != nullptr) return;
  const auto& described = std::get<format::PrefixedPayload>(payload);
  const auto prefix = prefix_of(frame, described);
  if (damage_in(prefix) != nullptr) return;
  if (frame.header.kind == FrameKind::kCommit) {
    vouch(raw->second, Bytes(file_).first(frame.header.own_offset));
  }
  const Bytes names = frame.stored.first(frame.stored.size() - described.packed.size());
  std::vector<std::byte> head(names.begin(), names.end());
  format::store(head, 0, format::xxh3_64(raw->second));
  pack(frame, head, raw->second, std::get<format::Prefix>(prefix).bytes);
}

void ContentSeals::write_raw(const Frame& frame, Bytes raw) {
  if (frame.header.codec == format::Codec::kNone) {
    (void)write_stored(frame, raw);
  } else {
    pack(frame, {}, raw, {});
  }
}

// Levels differ by a few bytes, and only the multiple of 64 matters.
void ContentSeals::pack(const Frame& frame, Bytes head, Bytes raw, Bytes behind) {
  const int usual = behind.empty() ? format::kArchiveLevel : format::kPrefixLevel;
  for (const int level : {usual, 3, 9, 19, 1}) {
    const auto packed = format::compress(raw, level, behind);
    if (!packed) continue;
    std::vector<std::byte> stored(head.begin(), head.end());
    stored.insert(stored.end(), packed->begin(), packed->end());
    if (write_stored(frame, stored)) return;
  }
}

bool ContentSeals::write_stored(const Frame& frame, Bytes stored) {
  const std::uint64_t room = frame.header.frame_bytes() - format::kFrameHeaderBytes;
  if (format::align_up(stored.size()) != room) return false;
  const auto place = file_.subspan(frame.header.own_offset, frame.header.frame_bytes());
  const auto payload = place.subspan(format::kFrameHeaderBytes);
  std::ranges::fill(payload, std::byte{0});
  std::ranges::copy(stored, payload.begin());
  format::store(place, kStoredSizeAt, static_cast<std::uint32_t>(stored.size()));
  return true;
}

void ContentSeals::overwrite(const kj::byte* field, Bytes bytes) {
  const auto whole = std::as_writable_bytes(std::span(words_));
  const auto at = reinterpret_cast<const std::byte*>(field) - whole.data();
  std::ranges::copy(bytes, whole.begin() + at);
}

void ContentSeals::remember(const Frame& frame, const Digest& digest) {
  const std::uint64_t offset = frame.header.own_offset;
  pages_[offset] = {digest, format::load<std::uint32_t>(file_, offset + kStoredSizeAt)};
}

void ContentSeals::seal_index(const Frame& frame, Bytes payload) {
  const auto index = format::read_root<schema::Index>(payload);
  const auto digests = index.getDigests();
  const auto sizes = capnp::toAny(index.getStoredSizes()).getRawBytes();
  for (std::uint32_t i = 0; i < index.getOffsets().size(); ++i) {
    const auto child = pages_.find(index.getOffsets()[i]);
    if (child == pages_.end()) continue;
    const auto& [digest, stored_size] = child->second;
    overwrite(&digests[i * sizeof(Digest)], digest);
    overwrite(&sizes[i * sizeof(stored_size)], std::as_bytes(std::span(&stored_size, 1)));
  }
  write_raw(frame, payload);
  remember(frame, format::index_digest(format::IndexView(payload)));
}

void ContentSeals::seal_commit(const Frame& frame, Bytes payload) {
  const auto commit = format::read_root<schema::Commit>(payload);
  if (commit.hasTrees()) seal_trees(commit.getTrees());
  // Last: in a forged commit other fields may stand where it writes.
  vouch(std::as_writable_bytes(std::span(words_)), Bytes(file_).first(frame.header.own_offset));
  write_raw(frame, payload);
}

void ContentSeals::seal_trees(schema::Trees::Reader trees) {
  constexpr std::size_t kRootStoredSizeAt = 4;
  for (const auto root : trees.getRoots()) {
    const auto page = pages_.find(root.getOffset());
    if (page == pages_.end()) continue;
    const auto& [digest, stored_size] = page->second;
    overwrite(root.getDigest().begin(), digest);
    overwrite(&capnp::toAny(root).getDataSection()[kRootStoredSizeAt],
              std::as_bytes(std::span(&stored_size, 1)));
  }
  overwrite(trees.getFingerprint().begin(), format::fingerprint(format::read_roots(trees)));
}

// All frames of the group, when its first one is met; the headers of the others are sealed later.
void ContentSeals::seal_parity(const Frame& frame) {
  const auto decoded = format::decode_parity_head(
      frame.stored, frame.header.own_offset + format::kFrameHeaderBytes, tag_);
  if (damage_in(decoded) != nullptr) return;
  const format::ParityGroup& group = std::get<format::ParityHead>(decoded).group;
  const bool is_here = group.parity_begin == frame.header.own_offset &&
                       group.end <= group.parity_begin && group.parity_end() <= file_.size();
  if (!is_here) return;
  const auto stream =
      format::encode_parity(group, [this](std::uint64_t offset, std::span<std::byte> into) {
        std::ranges::copy(file_.subspan(offset, into.size()), into.begin());
      });
  for (std::uint32_t index = 0; index < group.frames(); ++index) {
    const auto bytes = format::parity_payload(group, tag_, stream, index);
    const std::uint64_t place = group.frame_offset(index) + format::kFrameHeaderBytes;
    std::ranges::copy(bytes, file_.begin() + static_cast<std::ptrdiff_t>(place));
  }
}

}  // namespace session::fuzz
