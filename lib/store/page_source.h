#pragma once
// Verified pages of one file: the only way from an offset to bytes (G8). Each frame is checked
// once, on first touch: header, payload hash, padding, canonical form, and the consistency of the
// page; after that a look-up costs one bit test. Thread-safe.

#include <array>
#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "format/frame.h"
#include "format/page.h"
#include "format/prefix.h"
#include "lib/io/file.h"
#include "lib/store/opened_indexes.h"

namespace session::store {

// A checked payload. `data` is 8-byte aligned and valid as long as `keep`, or, where that is empty,
// as long as the source.
struct Page {
  const std::byte* data = nullptr;
  std::uint32_t size_bytes = 0;
  std::shared_ptr<const void> keep;
  std::uint32_t stored_size = 0;  // of load(): of the payload as it stands in the file
  std::uint16_t table = 0;        // of load(): what its header says, see format::FrameHeader

  [[nodiscard]] format::Bytes payload() const { return {data, size_bytes}; }
};

// An index page; valid as long as this is, and the source.
class OpenIndex {
 public:
  explicit OpenIndex(const format::IndexView& known) : known_(&known) {}
  OpenIndex(const format::IndexView& own, std::shared_ptr<const void> keep)
      : own_(own), keep_(std::move(keep)) {}

  [[nodiscard]] const format::IndexView* operator->() const {
    return known_ != nullptr ? known_ : &own_;
  }

 private:
  const format::IndexView* known_ = nullptr;
  format::IndexView own_;
  std::shared_ptr<const void> keep_;
};

// Which frames of a file were checked: one bit for each place a frame can begin. The bits come in
// pieces made when first needed, so that opening costs the same whatever the file's size.
// Thread-safe.
class CheckedFrames {
 public:
  explicit CheckedFrames(std::uint64_t file_bytes);
  ~CheckedFrames();
  CheckedFrames(const CheckedFrames&) = delete;
  CheckedFrames& operator=(const CheckedFrames&) = delete;

  // `offset` is aligned and below `file_bytes`.
  [[nodiscard]] bool contains(std::uint64_t offset) const;
  void add(std::uint64_t offset);

 private:
  static constexpr std::uint64_t kBitsPerWord = 64;
  static constexpr std::uint64_t kPieceBits = 1U << 15;  // 2 MiB of file, 4 KiB of bits
  using Piece = std::array<std::atomic<std::uint64_t>, kPieceBits / kBitsPerWord>;

  std::vector<std::atomic<Piece*>> pieces_;
};

class PageSource {
 public:
  // Decompressed or copied pages kept for the next who asks. Bounds memory, nothing else.
  static constexpr std::size_t kCacheBytes = std::size_t{32} << 20;

  // Reads `file` up to `size_bytes`, mapped, or by system calls into memory when `copying`. Who
  // walks whole tables keeps the last leaf alone: only look-ups on the way come back to one.
  PageSource(std::shared_ptr<io::File> file, std::uint64_t size_bytes, std::uint64_t file_tag,
             bool copying, std::size_t cache_bytes = kCacheBytes, bool keeps_leaves = true);
  ~PageSource();
  PageSource(const PageSource&) = delete;
  PageSource& operator=(const PageSource&) = delete;

  // The frame at `offset`, which must be of `kind`. Throws kDamaged with the offset.
  [[nodiscard]] Page fetch(std::uint64_t offset, format::FrameKind kind) const;
  // What soon will be read there comes nearer, its lines together instead of one after the other.
  // Any offset.
  void prefetch(std::uint64_t offset, std::uint64_t size_bytes) const;
  // The index page at `offset`, which must be of `level`. Throws kDamaged.
  [[nodiscard]] OpenIndex index(std::uint64_t offset, std::uint32_t level) const;
  // The same with damage as a value, for those who go on behind it. Throws kIo. Who knows how large
  // the stored payload should be saves a system call when copying.
  [[nodiscard]] format::OrDamage<Page> load(std::uint64_t offset, format::FrameKind kind,
                                            std::uint32_t expected_stored_size = 0) const;
  // A frame as it stands in the file, for those who carry it elsewhere: its header and payload hash
  // are checked, its content is not. Throws kDamaged.
  struct Stored {
    format::Frame frame;
    std::shared_ptr<const void> keep;  // as Page::keep
  };
  [[nodiscard]] Stored stored(std::uint64_t offset, format::FrameKind kind) const;
  // The same of any kind and with damage as a value; `buffer` may own the payload.
  [[nodiscard]] format::OrDamage<format::Frame> load_stored(std::uint64_t offset,
                                                            std::vector<std::byte>& buffer) const;
  // The frames that the sound one at `offset` is compressed behind (codec zstd-prefix).
  [[nodiscard]] std::vector<std::uint64_t> prefix_of(std::uint64_t offset) const;
  // Its header alone, checked; the payload may be damaged.
  [[nodiscard]] format::FrameHeader header(std::uint64_t offset) const;
  [[nodiscard]] format::OrDamage<format::FrameHeader> load_header(std::uint64_t offset) const;

  // Throws what was found as kDamaged, with the file's name.
  [[noreturn]] void fail(const format::Damage& damage) const;

  [[nodiscard]] std::uint64_t size_bytes() const { return size_bytes_; }
  [[nodiscard]] std::uint64_t file_tag() const { return file_tag_; }
  [[nodiscard]] const std::shared_ptr<io::File>& file() const { return file_; }

 private:
  struct CachedPage {
    Page page;
    format::FrameKind kind;
    std::list<std::uint64_t>::iterator age;
  };

  [[nodiscard]] format::OrDamage<Page> first_touch(std::uint64_t offset,
                                                   format::FrameKind kind) const;
  [[nodiscard]] format::OrDamage<Page> read_copy(std::uint64_t offset, format::FrameKind kind,
                                                 std::uint32_t expected_stored_size) const;
  // The raw payload, in `buffer` where it is not that of the file.
  [[nodiscard]] format::OrDamage<format::Bytes> unpack(const format::Frame& frame,
                                                       std::vector<std::byte>& buffer) const;
  // Of this kind; a page of another is as good as none.
  [[nodiscard]] std::optional<Page> cached(std::uint64_t offset, format::FrameKind kind) const;
  void remember(std::uint64_t offset, format::FrameKind kind, const Page& page) const;
  [[nodiscard]] bool is_last_leaf_only(format::FrameKind kind) const {
    return !keeps_leaves_ && kind == format::FrameKind::kLeaf;
  }

  std::shared_ptr<io::File> file_;
  std::uint64_t size_bytes_;
  std::uint64_t file_tag_;
  std::size_t max_cache_bytes_;
  bool keeps_leaves_;
  std::shared_ptr<const io::Mapping> mapping_;  // null when copying
  mutable CheckedFrames checked_;               // of raw frames, when mapped
  mutable OpenedIndexes opened_;                // of those

  mutable std::mutex cache_mutex_;
  mutable std::unordered_map<std::uint64_t, CachedPage> cache_;
  mutable std::list<std::uint64_t> ages_;  // oldest first
  mutable std::size_t cache_bytes_ = 0;
  mutable std::uint64_t last_leaf_at_ = 0;
  mutable std::optional<Page> last_leaf_;  // where they are not kept
  // Deltas beside each other lean on the same frames.
  mutable std::shared_ptr<const format::Prefix> last_prefix_;
};

// The index page at `offset`, which must be of `level`.
[[nodiscard]] format::IndexView open_index(const Page& page, std::uint64_t offset,
                                           std::uint32_t level);

// Structure of a raw payload by the kind of its frame, beyond being a canonical message, and
// whether that may have been compressed so. `table` is what the frame's header says: a leaf's
// records must be what the schema of that table says.
[[nodiscard]] std::optional<std::string> check_payload(format::FrameKind kind, std::uint16_t table,
                                                       format::Bytes payload,
                                                       format::Codec codec = format::Codec::kNone);

}  // namespace session::store
