#include "lib/store/head.h"

#include <algorithm>
#include <vector>

#include "format/commit.h"
#include "format/prefix.h"
#include "lib/store/page_source.h"
#include "lib/store/parity.h"

namespace session::store {
namespace {

using format::Bytes;
using format::FrameHeader;
using format::FrameKind;

// The tail is read backwards in pieces: a small one first, for in a closed file what is looked for
// stands in the last hundred bytes, then larger ones.
constexpr std::uint64_t kFirstWindowBytes = 4U << 10;
constexpr std::uint64_t kWindowBytes = 64U << 10;

constexpr std::uint64_t wider(std::uint64_t window_bytes) {
  return std::min(2 * window_bytes, kWindowBytes);
}

// Reads frames of one file by system calls.
class FrameReader {
 public:
  FrameReader(io::File& file, const std::string& path, std::uint64_t tag, std::uint64_t size)
      : file_(file), path_(path), tag_(tag), size_(size) {}

  [[nodiscard]] std::optional<FrameHeader> header(std::uint64_t offset) const {
    if (!format::is_aligned(offset) || !format::fits(offset, format::kFrameHeaderBytes, size_)) {
      return std::nullopt;
    }
    std::array<std::byte, format::kFrameHeaderBytes> bytes;
    io::read_exactly(file_, path_, offset, bytes);
    auto decoded = format::decode_frame_header(bytes, offset, tag_);
    if (format::damage_in(decoded) != nullptr) return std::nullopt;
    return std::get<FrameHeader>(decoded);
  }

  // The raw payload, if the whole frame and its structure are sound.
  [[nodiscard]] std::optional<std::vector<std::byte>> payload(const FrameHeader& header) const {
    std::vector<std::byte> stored;
    const auto frame = load(header.own_offset, stored);
    if (format::damage_in(frame) != nullptr) return std::nullopt;
    std::vector<std::byte> raw;
    const auto decoded = unpack(std::get<format::Frame>(frame), raw);
    if (format::damage_in(decoded) != nullptr) return std::nullopt;
    const Bytes bytes = std::get<Bytes>(decoded);
    if (check_payload(header.kind, header.table, bytes, header.codec)) return std::nullopt;
    if (header.codec == format::Codec::kNone) return std::vector(bytes.begin(), bytes.end());
    return raw;
  }

  // Whether the frame is sound itself and cannot be unpacked for what it leans on.
  [[nodiscard]] bool leans_on_damage(const FrameHeader& header) const {
    if (header.codec != format::Codec::kZstdPrefix) return false;
    std::vector<std::byte> stored;
    const auto frame = load(header.own_offset, stored);
    if (format::damage_in(frame) != nullptr) return false;
    std::vector<std::byte> raw;
    const auto decoded = unpack(std::get<format::Frame>(frame), raw);
    return format::damage_in(decoded) != nullptr;
  }

  // XXH3-128 of [begin, end).
  [[nodiscard]] format::Hash128 hash(std::uint64_t begin, std::uint64_t end) const {
    format::HashStream stream;
    std::vector<std::byte> buffer(std::min(kWindowBytes, end - begin));
    while (begin < end) {
      const auto part = std::span(buffer).first(std::min<std::uint64_t>(kWindowBytes, end - begin));
      io::read_exactly(file_, path_, begin, part);
      stream.add(part);
      begin += part.size();
    }
    return stream.value();
  }

  // The last valid frame header at or before `offset`, above the file header.
  [[nodiscard]] std::optional<FrameHeader> last_header(std::uint64_t offset) const {
    std::vector<std::byte> buffer;
    for (std::uint64_t window = kFirstWindowBytes; offset >= format::kFileHeaderBytes;
         window = wider(window)) {
      const std::uint64_t begin =
          offset - std::min(offset - format::kFileHeaderBytes, window - format::kAlignBytes);
      buffer.resize(std::min(offset + format::kFrameHeaderBytes, size_) - begin);
      io::read_exactly(file_, path_, begin, buffer);
      for (std::uint64_t at = offset;; at -= format::kAlignBytes) {
        const Bytes candidate = Bytes(buffer).subspan(at - begin);
        if (candidate.size() >= format::kFrameHeaderBytes) {
          auto decoded = format::decode_frame_header(candidate, at, tag_);
          if (format::damage_in(decoded) == nullptr) return std::get<FrameHeader>(decoded);
        }
        if (at == begin) break;
      }
      if (begin == format::kFileHeaderBytes) break;
      offset = begin - format::kAlignBytes;
    }
    return std::nullopt;
  }

 private:
  [[nodiscard]] format::OrDamage<Bytes> unpack(const format::Frame& frame,
                                               std::vector<std::byte>& raw) const {
    return format::unpack(frame, raw, [this](std::uint64_t offset, std::vector<std::byte>& bytes) {
      return load_leant_on(offset, bytes);
    });
  }

  // The search asks this for thousands of commits: what none may lean on is not even read.
  [[nodiscard]] format::OrDamage<format::Frame> load_leant_on(
      std::uint64_t offset, std::vector<std::byte>& buffer) const {
    const auto found = header(offset);
    if (!found || !format::may_be_leant_on(*found)) {
      return format::Damage{offset, 0, format::DamageKind::kLink, "no frame to lean on"};
    }
    return load(offset, buffer);
  }

  // A whole frame, its bytes in `buffer`.
  [[nodiscard]] format::OrDamage<format::Frame> load(std::uint64_t offset,
                                                     std::vector<std::byte>& buffer) const {
    const auto found = header(offset);
    if (!found || !format::fits(offset, found->frame_bytes(), size_)) {
      return format::Damage{offset, 0, format::DamageKind::kBeyondEnd, "no frame can stand here"};
    }
    buffer.resize(found->frame_bytes());
    io::read_exactly(file_, path_, offset, buffer);
    return format::check_frame(buffer, *found);
  }

  io::File& file_;
  const std::string& path_;
  std::uint64_t tag_;
  std::uint64_t size_;
};

// A commit that may be believed: sound itself, and everything it vouches for is there.
std::optional<Head> believe(const FrameReader& frames, const FrameHeader& header) {
  const auto payload = frames.payload(header);
  if (!payload) return std::nullopt;
  const auto commit = format::read_root<schema::Commit>(*payload);
  const std::uint64_t length = commit.getUnsyncedBytes();
  // A writer syncs before it has more than the limit to vouch for; the bound keeps this cheap.
  if (length > std::min(format::kMaxUnsyncedBytes, header.own_offset - format::kFileHeaderBytes)) {
    return std::nullopt;
  }
  const std::uint64_t begin = header.own_offset - length;
  if (length > 0) {
    const format::Hash128 wanted{commit.getUnsyncedHashLow(), commit.getUnsyncedHashHigh()};
    if (frames.hash(begin, header.own_offset) != wanted) return std::nullopt;
  }
  Head head;
  head.commit_offset = header.own_offset;
  head.commit_end = header.end();
  head.unsynced_begin = begin;
  head.end = head.commit_end;
  head.parity_offset = commit.getParityOffset();
  return head;
}

// The seal of the head, if it stands at its end.
bool pass_seal(const FrameReader& frames, Head& head) {
  const auto next = frames.header(head.end);
  if (head.sealed || !next || next->kind != FrameKind::kSeal) return false;
  const auto payload = frames.payload(*next);
  if (!payload) return false;
  if (format::read_root<schema::Seal>(*payload).getCommitOffset() != head.commit_offset) {
    return false;
  }
  head.sealed = true;
  head.unsynced_begin = head.end;
  head.end = next->end();
  return true;
}

// A parity group that was finished, whatever became of it since. Where the seal before it is
// damaged, it stands a little further on, and what it protects says that something stood there.
bool pass_parity(io::File& file, const std::string& path, std::uint64_t tag, std::uint64_t written,
                 Head& head) {
  const std::uint64_t limit = std::min(written, head.end + format::kMaxFrameBytes);
  const auto group = find_parity_group(file, path, tag, head.end, limit);
  if (!group || group->home != head.commit_offset || !is_finished(file, path, tag, *group)) {
    return false;
  }
  if (group->end > head.end) head.sealed = true;
  head.unsynced_begin = group->closing_offset();
  head.end = group->parity_end();
  head.parity_offset = group->parity_begin;
  return true;
}

// A seal vouches for its commit, and so does a parity group: what was sealed or protected was on
// the disk, so it can be no torn tail. True if the last frame of the file, or the first one behind
// the commit at `at`, whose own header may be unreadable, is one of them; or if that commit is
// sound and only what it leans on is not.
bool was_vouched_for(const FrameReader& frames, std::uint64_t at,
                     const std::optional<FrameHeader>& commit, const FrameHeader& last) {
  // Such commits are written by whoever syncs a whole file before it gets its name.
  if (commit && frames.leans_on_damage(*commit)) return true;
  if (last.kind == FrameKind::kParity && last.home == at) return true;
  std::optional<FrameHeader> next;
  if (commit) {
    next = frames.header(commit->end());
  } else {
    for (std::uint64_t step = format::kAlignBytes; !next && step <= format::kMaxFrameBytes;
         step += format::kAlignBytes) {
      next = frames.header(at + step);
    }
  }
  if (!next || next->home != at) return false;
  if (next->kind == FrameKind::kParity) return true;
  if (next->kind != FrameKind::kSeal) return false;
  const auto payload = frames.payload(*next);
  return payload && format::read_root<schema::Seal>(*payload).getCommitOffset() == at;
}

// Where the newest commit could be, given the last frame of the file.
std::uint64_t commit_before(const FrameHeader& last) {
  return last.kind == FrameKind::kCommit ? last.own_offset : last.home;
}

}  // namespace

std::uint64_t end_of_nonzero(io::File& file, const std::string& path, std::uint64_t floor,
                             std::uint64_t limit) {
  std::vector<std::byte> buffer;
  for (std::uint64_t window = kFirstWindowBytes; limit > floor; window = wider(window)) {
    const std::uint64_t begin = limit - std::min(limit - floor, window);
    buffer.resize(limit - begin);
    io::read_exactly(file, path, begin, buffer);
    if (!format::all_zero(buffer)) {
      const auto last = std::find_if(buffer.rbegin(), buffer.rend(),
                                     [](std::byte b) { return b != std::byte{0}; });
      return limit - static_cast<std::uint64_t>(last - buffer.rbegin());
    }
    limit = begin;
  }
  return floor;
}

format::FileHeader read_file_header(io::File& file, const std::string& path) {
  std::array<std::byte, format::kFileHeaderBytes> bytes{};
  const std::size_t size = file.read_at(0, bytes);
  if (size == 0) {
    throw Error(ErrorCode::kNotASession,
                "the file is empty, so it is no session; `sessiontool init` makes one", path);
  }
  try {
    auto decoded = format::decode_file_header(Bytes(bytes).first(size));
    const format::Damage* damage = format::damage_in(decoded);
    if (damage == nullptr) return std::get<format::FileHeader>(decoded);
    if (damage->kind == format::DamageKind::kMagic ||
        damage->kind == format::DamageKind::kBeyondEnd) {
      throw Error(ErrorCode::kNotASession,
                  "not a session file (" + damage->detail +
                      "); `sessiontool import` reads other formats, `sessiontool repair` brings "
                      "back a session whose first bytes were destroyed",
                  path, 0);
    }
    throw damage->error();
  } catch (const Error& error) {
    throw error.in_file(path);
  }
}

HeadSearch search_head(io::File& file, const std::string& path, std::uint64_t file_tag) {
  HeadSearch search;
  const std::uint64_t size = file.size_bytes();
  const FrameReader frames(file, path, file_tag, size);
  const std::uint64_t written = end_of_nonzero(file, path, format::kFileHeaderBytes, size);
  std::uint64_t from = (written - 1) & ~std::uint64_t{format::kAlignBytes - 1};
  for (std::uint32_t doubted = 0;
       from >= format::kFileHeaderBytes && doubted < format::kMaxDoubtedCommits; ++doubted) {
    const auto last = frames.last_header(from);
    if (!last) break;
    const std::uint64_t at = commit_before(*last);
    const auto header = at == last->own_offset ? last : frames.header(at);
    if (header && header->kind == FrameKind::kCommit) search.head = believe(frames, *header);
    if (search.head) {
      Head& head = *search.head;
      while (head.end < written &&
             (pass_seal(frames, head) || pass_parity(file, path, file_tag, written, head))) {
      }
      head.file_bytes = size;
      head.tail_bytes = written > head.end ? written - head.end : 0;
      break;
    }
    if (!search.damaged_offset && was_vouched_for(frames, at, header, *last)) {
      search.damaged_offset = at;
    }
    // No commit lies between a frame and its home.
    if (at <= format::kFileHeaderBytes) break;
    from = at - format::kAlignBytes;
  }
  return search;
}

Head find_head(io::File& file, const std::string& path, std::uint64_t file_tag) {
  const HeadSearch search = search_head(file, path, file_tag);
  if (search.damaged_offset) {
    throw Error(
        ErrorCode::kDamaged,
        "the last commit of this file, or what it is compressed with, is damaged, and what is left "
        "says that it was whole once; older revisions stand before it: `sessiontool verify` says "
        "what is damaged",
        path, *search.damaged_offset);
  }
  if (!search.head) {
    throw Error(ErrorCode::kDamaged,
                "no commit in this file can be believed; `sessiontool verify` says what is left "
                "of it",
                path);
  }
  return *search.head;
}

bool has_moved_on(io::File& file, const Head& known) {
  // A frame begins right there, and with bytes that are not zero.
  std::array<std::byte, format::kFrameHeaderBytes> next{};
  const std::size_t size = file.read_at(known.end, next);
  if (!format::all_zero(Bytes(next).first(size))) return true;
  return size == 0 && file.size_bytes() < known.end;
}

}  // namespace session::store
