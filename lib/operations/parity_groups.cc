#include "lib/operations/parity_groups.h"

#include <algorithm>
#include <array>
#include <map>
#include <string_view>
#include <utility>

#include "format/canary.h"
#include "format/file_header.h"
#include "format/frame.h"
#include "lib/operations/readable_header.h"

namespace session::operations {
namespace {

using format::ByteRange;
using format::ParityGroup;

constexpr std::size_t kChunkBytes = std::size_t{1} << 20;
// What is read at once around a place that cannot be read: the unit in which disks lose data.
constexpr std::size_t kPieceBytes = std::size_t{4} << 10;

// Counts what is done and stops the work when told to.
class Meter {
 public:
  Meter(const ProgressCallback& progress, std::string_view what, std::uint64_t total_bytes)
      : progress_(progress), state_{what, 0, total_bytes} {}

  void add(std::uint64_t bytes) {
    state_.done_bytes = std::min(state_.total_bytes, state_.done_bytes + bytes);
    if (progress_ && !progress_(state_)) throw Error(ErrorCode::kInterrupted, "interrupted");
  }
  [[nodiscard]] format::ReadProgress counter() {
    return [this](std::uint64_t bytes) { add(bytes); };
  }

 private:
  const ProgressCallback& progress_;
  Progress state_;
};

// What is there, and zeros for the rest.
void read_piece(io::File& file, std::uint64_t offset, std::span<std::byte> into) {
  std::size_t got = 0;
  try {
    got = file.read_at(offset, into);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kIo) throw;
  }
  std::fill(into.begin() + static_cast<std::ptrdiff_t>(got), into.end(), std::byte{0});
}

void read_forgiving(io::File& file, std::uint64_t offset, std::span<std::byte> into) {
  try {
    const std::size_t got = file.read_at(offset, into);
    std::fill(into.begin() + static_cast<std::ptrdiff_t>(got), into.end(), std::byte{0});
    return;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kIo) throw;
  }
  while (!into.empty()) {
    const auto piece = into.first(std::min<std::size_t>(
        into.size(), kPieceBytes - static_cast<std::size_t>(offset % kPieceBytes)));
    read_piece(file, offset, piece);
    offset += piece.size();
    into = into.subspan(piece.size());
  }
}

// Calls `visit(offset, bytes)` for each multiple of 64 with what follows there: at least as much as
// a header, but at the end of the file.
template <class Visit>
void scan(io::File& file, Meter& meter, Visit visit) {
  static_assert(kChunkBytes % format::kAlignBytes == 0);
  const std::uint64_t size = file.size_bytes();
  std::vector<std::byte> chunk;
  for (std::uint64_t begin = 0; begin < size; begin += kChunkBytes) {
    chunk.resize(std::min<std::uint64_t>(kChunkBytes + format::kFrameHeaderBytes, size - begin));
    read_forgiving(file, begin, chunk);
    const std::size_t stop = std::min(kChunkBytes, chunk.size());
    for (std::size_t at = 0; at < stop; at += format::kAlignBytes) {
      if (chunk.size() - at >= format::kFrameHeaderBytes) {
        visit(begin + at, format::Bytes(chunk).subspan(at));
      }
    }
    meter.add(stop);
  }
}

std::optional<std::uint64_t> tag_from_header(io::File& file) {
  std::array<std::byte, format::kFileHeaderBytes> bytes{};
  read_piece(file, 0, bytes);
  // Of another version: its frames may be read all the same.
  const auto header = readable_header(bytes);
  return header ? std::optional(header->tag()) : std::nullopt;
}

bool overlap(const ByteRange& a, const ByteRange& b) {
  return a.begin < b.end && b.begin < a.end;
}

ByteRange range_of(const ParityGroup& group) {
  return {group.begin, group.end};
}
ByteRange frames_of(const ParityGroup& group) {
  return {group.parity_begin, group.parity_end()};
}

// By begin; ranges in it never overlap.
class DisjointRanges {
 public:
  [[nodiscard]] bool is_free(const ByteRange& range) const {
    const auto next = ranges_.upper_bound(range.begin);
    if (next != ranges_.end() && overlap({next->first, next->second}, range)) return false;
    if (next == ranges_.begin()) return true;
    const auto before = std::prev(next);
    return !overlap({before->first, before->second}, range);
  }
  void add(const ByteRange& range) { ranges_.emplace(range.begin, range.end); }

 private:
  std::map<std::uint64_t, std::uint64_t> ranges_;
};

// The parts of `from` that are in none of `without`; both sorted and merged.
std::vector<ByteRange> difference(const std::vector<ByteRange>& from,
                                  const std::vector<ByteRange>& without) {
  std::vector<ByteRange> result;
  auto cut = without.begin();
  for (ByteRange range : from) {
    while (cut != without.end() && cut->end <= range.begin) ++cut;
    for (auto at = cut; at != without.end() && at->begin < range.end; ++at) {
      if (at->begin > range.begin) result.push_back({range.begin, at->begin});
      range.begin = std::min(range.end, at->end);
    }
    if (range.begin < range.end) result.push_back(range);
  }
  return result;
}

void append(std::vector<ByteRange>& to, const std::vector<ByteRange>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

std::uint64_t bytes_of(const std::vector<ParityGroup>& groups) {
  std::uint64_t bytes = 0;
  for (const ParityGroup& group : groups) bytes += group.range_bytes() + group.parity_bytes();
  return bytes;
}

bool is_within(const std::vector<ByteRange>& ranges, const ByteRange& whole) {
  return std::all_of(ranges.begin(), ranges.end(), [&](const ByteRange& range) {
    return whole.begin <= range.begin && range.end <= whole.end;
  });
}

// A crash may have kept such a group from being finished: its last frame is missing, it cannot be
// completed from what is there, and what it was to protect shows no damage.
bool is_unfinished(const format::ParityCheck& check) {
  return !check.is_closed() && !check.beyond_repair().empty() &&
         is_within(check.damaged(), frames_of(check.group()));
}

void note(ParityOutcome& outcome, const ParityGroup& group, const std::vector<ByteRange>& damaged,
          const std::vector<ByteRange>& remaining) {
  outcome.groups.push_back(group);
  append(outcome.covered, {range_of(group), frames_of(group)});
  append(outcome.damaged, damaged);
  append(outcome.remaining, remaining);
}

void finish(ParityOutcome& outcome) {
  for (auto* ranges :
       {&outcome.covered, &outcome.damaged, &outcome.remaining, &outcome.unfinished}) {
    *ranges = format::merged(std::move(*ranges));
  }
  outcome.restored = difference(outcome.damaged, outcome.remaining);
}

}  // namespace

std::optional<std::uint64_t> find_file_tag(io::File& file) {
  if (const auto tag = tag_from_header(file)) return tag;
  std::map<std::uint64_t, std::uint64_t> votes;
  const ProgressCallback silent;
  Meter meter(silent, "searching", file.size_bytes());
  scan(file, meter, [&votes](std::uint64_t offset, format::Bytes bytes) {
    if (format::load<std::uint32_t>(bytes, 0) != format::kFrameMagic) return;
    constexpr std::size_t kTagAt = 32;
    const auto tag = format::load<std::uint64_t>(bytes, kTagAt);
    const auto header = format::decode_frame_header(bytes, offset, tag);
    if (format::damage_in(header) == nullptr) ++votes[tag];
  });
  const auto most = std::max_element(
      votes.begin(), votes.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  if (most == votes.end()) return std::nullopt;
  return most->first;
}

std::vector<ParityGroup> find_parity_groups(io::File& file, std::uint64_t file_tag,
                                            const ProgressCallback& progress) {
  std::map<std::uint64_t, ParityGroup> found;  // by parity_begin
  Meter meter(progress, "looking for parity", file.size_bytes());
  scan(file, meter, [&](std::uint64_t offset, format::Bytes bytes) {
    if (format::load<std::uint32_t>(bytes, 0) != format::kParityMagic) return;
    const auto head = format::decode_parity_head(bytes, offset, file_tag);
    if (format::damage_in(head) != nullptr) return;
    const auto& group = std::get<format::ParityHead>(head).group;
    found.emplace(group.parity_begin, group);
  });
  DisjointRanges taken;
  std::vector<ParityGroup> groups;
  for (auto at = found.rbegin(); at != found.rend(); ++at) {
    const ParityGroup& group = at->second;
    if (!taken.is_free(range_of(group)) || !taken.is_free(frames_of(group))) continue;
    taken.add(range_of(group));
    taken.add(frames_of(group));
    groups.push_back(group);
  }
  std::reverse(groups.begin(), groups.end());
  return groups;
}

format::ReadAt forgiving_reader(io::File& file) {
  return [&file](std::uint64_t offset, std::span<std::byte> into) {
    read_forgiving(file, offset, into);
  };
}

ParityOutcome check_by_parity(io::File& file, const std::vector<ParityGroup>& groups,
                              std::uint64_t file_tag, const ProgressCallback& progress) {
  Meter meter(progress, "checking parity", bytes_of(groups));
  ParityOutcome outcome;
  for (const ParityGroup& group : groups) {
    const format::ParityCheck check(group, file_tag, forgiving_reader(file), meter.counter());
    if (is_unfinished(check)) {
      outcome.unfinished.push_back(frames_of(group));
    } else {
      note(outcome, group, check.damaged(), check.beyond_repair());
    }
  }
  finish(outcome);
  return outcome;
}

ParityOutcome restore_by_parity(io::File& from, io::File& to,
                                const std::vector<ParityGroup>& groups, std::uint64_t file_tag,
                                const ProgressCallback& progress) {
  const std::uint64_t size = from.size_bytes();
  Meter meter(progress, "restoring", size + bytes_of(groups));
  std::vector<std::byte> chunk;
  for (std::uint64_t at = 0; at < size; at += chunk.size()) {
    chunk.resize(std::min<std::uint64_t>(kChunkBytes, size - at));
    read_forgiving(from, at, chunk);
    to.write_at(at, chunk);
    meter.add(chunk.size());
  }
  const format::WriteAt write = [&to](std::uint64_t offset, format::Bytes bytes) {
    to.write_at(offset + (format::planted("parity") ? 1 : 0), bytes);
  };
  ParityOutcome outcome;
  for (const ParityGroup& group : groups) {
    format::ParityCheck check(group, file_tag, forgiving_reader(to), meter.counter());
    if (is_unfinished(check)) {
      outcome.unfinished.push_back(frames_of(group));
      continue;
    }
    const auto damaged = check.damaged();
    note(outcome, group, damaged, check.restore(write));
    // A cut that took nothing but zeros away damaged no block.
    if (to.size_bytes() < group.parity_end()) to.truncate(group.parity_end());
  }
  finish(outcome);
  return outcome;
}

}  // namespace session::operations
