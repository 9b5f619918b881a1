#include "session/layout.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "format/commit.h"
#include "format/frame.h"
#include "format/page.h"
#include "format/parity.h"
#include "format/prefix.h"
#include "lib/io/file.h"
#include "lib/store/head.h"
#include "lib/store/page_source.h"
#include "session/table.h"

namespace session {
namespace {

using format::Bytes;
using format::FrameHeader;
using format::FrameKind;

std::string plural(std::uint64_t n, const std::string& word) {
  return std::to_string(n) + " " + word + (n == 1 ? "" : "s");
}

void describe_leaf(Bytes payload, LayoutEntry& entry) {
  const format::LeafView leaf(payload);
  entry.detail = plural(leaf.size(), "record");
}

void describe_index(Bytes payload, LayoutEntry& entry) {
  const format::IndexView index(payload);
  entry.detail = "level " + std::to_string(index.level()) + ", " + std::to_string(index.size()) +
                 (index.size() == 1 ? " child" : " children");
  for (std::uint32_t i = 0; i < index.size(); ++i) entry.points_to.push_back(index.offset(i));
}

void describe_commit(Bytes payload, LayoutEntry& entry) {
  const auto commit = format::read_root<schema::Commit>(payload);
  const bool is_snapshot = commit.getKind() == schema::Commit::Kind::SNAPSHOT;
  entry.detail =
      "revision " + std::to_string(commit.getRevision()) + (is_snapshot ? ", snapshot" : ", delta");
  if (commit.getUpsertCount() != 0) {
    entry.detail += ", " + plural(commit.getUpsertCount(), "record") + " written";
  }
  if (commit.getEraseCount() != 0) {
    entry.detail += ", " + plural(commit.getEraseCount(), "record") + " erased";
  }
  if (entry.home != 0) entry.points_to.push_back(entry.home);
  if (!commit.hasTrees()) {
    if (commit.getTreesOffset() != entry.home) entry.points_to.push_back(commit.getTreesOffset());
    return;
  }
  for (const auto root : commit.getTrees().getRoots()) {
    entry.points_to.push_back(root.getOffset());
  }
}

void describe_payload(FrameKind kind, Bytes payload, LayoutEntry& entry) {
  switch (kind) {
    case FrameKind::kLeaf:
      describe_leaf(payload, entry);
      break;
    case FrameKind::kIndex:
      describe_index(payload, entry);
      break;
    case FrameKind::kCommit:
      describe_commit(payload, entry);
      break;
    case FrameKind::kSeal: {
      const auto seal = format::read_root<schema::Seal>(payload);
      entry.detail = "closed at revision " + std::to_string(seal.getRevision());
      entry.points_to.push_back(seal.getCommitOffset());
      break;
    }
    case FrameKind::kBlob:
      entry.detail = plural(payload.size(), "byte");
      break;
    case FrameKind::kParity:
      break;  // what it is depends on where it stands
  }
}

// Which of its group's frames it is, and what the group covers.
void describe_parity(const FrameHeader& header, Bytes payload, std::uint64_t tag,
                     LayoutEntry& entry) {
  auto decoded =
      format::decode_parity_head(payload, header.own_offset + format::kFrameHeaderBytes, tag);
  if (const format::Damage* damage = format::damage_in(decoded)) {
    entry.detail = "damaged: " + damage->detail;
    return;
  }
  const auto& [group, index] = std::get<format::ParityHead>(decoded);
  entry.detail = std::to_string(index + 1) + " of " + std::to_string(group.frames()) +
                 ", covers [" + std::to_string(group.begin) + ", " + std::to_string(group.end) +
                 ") in " + plural(group.stripes, "stripe") + " of " +
                 std::to_string(group.width()) + " + " + std::to_string(group.rows) +
                 " blocks of " + std::to_string(group.block_bytes());
  if (group.previous != 0) entry.points_to.push_back(group.previous);
}

LayoutEntry plain_entry(std::uint64_t offset, std::uint64_t size, std::string kind,
                        std::string detail) {
  LayoutEntry entry;
  entry.offset = offset;
  entry.size_bytes = size;
  entry.kind = std::move(kind);
  entry.detail = std::move(detail);
  return entry;
}

// Walks frame by frame; where no frame begins it looks for the next that does.
class Walk {
 public:
  Walk(io::File& file, const std::string& path, std::uint64_t tag)
      : file_(file), path_(path), tag_(tag), size_(file.size_bytes()) {}

  [[nodiscard]] std::uint64_t size() const { return size_; }

  [[nodiscard]] std::optional<FrameHeader> header_at(std::uint64_t offset) const {
    if (!format::fits(offset, format::kFrameHeaderBytes, size_)) return std::nullopt;
    std::array<std::byte, format::kFrameHeaderBytes> bytes;
    io::read_exactly(file_, path_, offset, bytes);
    auto decoded = format::decode_frame_header(bytes, offset, tag_);
    if (format::damage_in(decoded) != nullptr) return std::nullopt;
    return std::get<FrameHeader>(decoded);
  }

  [[nodiscard]] LayoutEntry frame(const FrameHeader& header) {
    LayoutEntry entry;
    entry.offset = header.own_offset;
    entry.size_bytes = std::min(header.frame_bytes(), size_ - header.own_offset);
    entry.kind = std::string(format::frame_kind_name(header.kind));
    entry.codec = format::codec_name(header.codec);
    entry.stored_size = header.stored_size;
    entry.raw_size = header.raw_size;
    entry.home = header.home;
    frame_.resize(entry.size_bytes);
    io::read_exactly(file_, path_, entry.offset, frame_);
    if (const auto damage = describe(header, entry)) {
      entry.detail = "damaged: " + *damage;
      entry.points_to.clear();
    }
    return entry;
  }

  [[nodiscard]] std::uint64_t next_frame(std::uint64_t offset) const {
    for (offset += format::kAlignBytes; offset < size_; offset += format::kAlignBytes) {
      if (header_at(offset)) return offset;
    }
    return size_;
  }

 private:
  [[nodiscard]] std::optional<std::string> describe(const FrameHeader& header, LayoutEntry& entry) {
    if (entry.size_bytes < header.frame_bytes()) return "the frame reaches beyond the end";
    const Bytes stored = Bytes(frame_).subspan(format::kFrameHeaderBytes, header.stored_size);
    if (format::xxh3_128(stored) != header.payload_hash) return "the payload's hash is wrong";
    if (!format::all_zero(Bytes(frame_).subspan(format::kFrameHeaderBytes + header.stored_size))) {
      return "the padding is not zero";
    }
    const auto raw = format::unpack({header, stored}, raw_,
                                    [this](std::uint64_t offset, std::vector<std::byte>& bytes) {
                                      return load(offset, bytes);
                                    });
    if (const format::Damage* damage = format::damage_in(raw)) return damage->detail;
    const Bytes payload = std::get<Bytes>(raw);
    if (auto wrong = store::check_payload(header.kind, header.table, payload, header.codec)) {
      return wrong;
    }
    if (header.codec == format::Codec::kZstdPrefix) {
      const auto described = format::read_prefixed({header, stored});
      entry.points_to = std::get<format::PrefixedPayload>(described).offsets;
    }
    if (header.kind == FrameKind::kParity) {
      describe_parity(header, payload, tag_, entry);
    } else {
      describe_payload(header.kind, payload, entry);
    }
    return std::nullopt;
  }

  // A whole frame, its bytes in `buffer`.
  [[nodiscard]] format::OrDamage<format::Frame> load(std::uint64_t offset,
                                                     std::vector<std::byte>& buffer) const {
    const auto found = header_at(offset);
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
  std::vector<std::byte> frame_;
  std::vector<std::byte> raw_;
};

LayoutEntry header_entry(const format::FileHeader& header) {
  return plain_entry(0, format::kFileHeaderBytes, "file_header",
                     "format " + std::to_string(header.major) + "." + std::to_string(header.minor) +
                         ", leaves of 2^" + std::to_string(header.leaf_target_log2) +
                         ", index pages of 2^" + std::to_string(header.index_target_log2) +
                         " bytes");
}

}  // namespace

void walk_layout(const std::string& path, const std::function<bool(const LayoutEntry&)>& visit,
                 io::FileSystem* files) {
  io::FileSystem& system = files != nullptr ? *files : io::system_files();
  const auto file = system.open(path, io::OpenMode::kRead);
  const format::FileHeader header = store::read_file_header(*file, path);
  Walk walk(*file, path, header.tag());
  if (!visit(header_entry(header))) return;
  // What lies behind the head belongs to no revision: the tail, then zeros.
  std::uint64_t end = walk.size();
  std::uint64_t tail_end = walk.size();
  try {
    const store::Head head = store::find_head(*file, path, header.tag());
    end = head.end;
    tail_end = head.end + head.tail_bytes;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kDamaged) throw;
  }
  std::uint64_t at = format::kFileHeaderBytes;
  while (at < end) {
    if (const auto frame = walk.header_at(at)) {
      if (!visit(walk.frame(*frame))) return;
      at += std::min(frame->frame_bytes(), walk.size() - at);
      continue;
    }
    const std::uint64_t next = std::min(walk.next_frame(at), end);
    if (!visit(plain_entry(at, next - at, "damaged", "no frame begins here"))) return;
    at = next;
  }
  // Somebody may have forged a frame that reaches beyond the head.
  end = std::max(end, at);
  tail_end = std::max(tail_end, at);
  if (tail_end > end && !visit(plain_entry(end, tail_end - end, "tail", "belongs to no commit"))) {
    return;
  }
  if (walk.size() > tail_end) {
    visit(plain_entry(tail_end, walk.size() - tail_end, "reserve", "zeros written ahead"));
  }
}

std::vector<FormatNumber> format_numbers() {
  std::vector<FormatNumber> numbers;
  for (const auto& number : format::kNumbers) {
    numbers.push_back({number.name, number.value, number.unit});
  }
  return numbers;
}

}  // namespace session
