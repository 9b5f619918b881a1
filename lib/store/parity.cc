#include "lib/store/parity.h"

#include <algorithm>
#include <array>

#include "format/frame.h"

namespace session::store {
namespace {

using format::ParityGroup;
using format::ParityHead;

std::optional<ParityHead> head_at(format::Bytes bytes, std::uint64_t offset, std::uint64_t tag) {
  auto decoded = format::decode_parity_head(bytes, offset, tag);
  if (format::damage_in(decoded) != nullptr) return std::nullopt;
  return std::get<ParityHead>(decoded);
}

std::optional<ParityGroup> group_at(io::File& file, const std::string& path, std::uint64_t tag,
                                    std::uint64_t offset) {
  const std::uint64_t at = offset + format::kFrameHeaderBytes;
  if (!format::fits(at, format::kParityHeadBytes, file.size_bytes())) return std::nullopt;
  std::array<std::byte, format::kParityHeadBytes> bytes;
  io::read_exactly(file, path, at, bytes);
  const auto head = head_at(bytes, at, tag);
  if (!head || head->group.parity_begin != offset) return std::nullopt;
  return head->group;
}

// The frames of a group may be damaged where it begins: any head of it will do.
std::optional<ParityGroup> search_group(io::File& file, const std::string& path, std::uint64_t tag,
                                        std::uint64_t from, std::uint64_t limit) {
  const std::uint64_t end =
      std::min(file.size_bytes(), from + 2 * std::uint64_t{format::kMaxFrameBytes});
  if (from >= end) return std::nullopt;
  std::vector<std::byte> bytes(end - from);
  io::read_exactly(file, path, from, bytes);
  for (std::uint64_t at = 0; bytes.size() - at >= format::kParityHeadBytes;
       at += format::kAlignBytes) {
    const auto head = head_at(format::Bytes(bytes).subspan(at), from + at, tag);
    if (!head) continue;
    const std::uint64_t begin = head->group.parity_begin;
    if (begin >= from && begin < limit) return head->group;
  }
  return std::nullopt;
}

}  // namespace

std::optional<ParityGroup> find_parity_group(io::File& file, const std::string& path,
                                             std::uint64_t file_tag, std::uint64_t from,
                                             std::uint64_t limit) {
  if (from >= limit) return std::nullopt;
  if (const auto group = group_at(file, path, file_tag, from)) return group;
  return search_group(file, path, file_tag, from, limit);
}

bool is_finished(io::File& file, const std::string& path, std::uint64_t file_tag,
                 const ParityGroup& group) {
  const std::uint64_t size = file.size_bytes();
  const std::uint64_t offset = group.closing_offset();
  std::array<std::byte, format::kFrameHeaderBytes + format::kParityHeadBytes> bytes;
  if (!format::fits(offset, bytes.size(), size)) return false;
  io::read_exactly(file, path, offset, bytes);
  const auto frame = format::decode_frame_header(bytes, offset, file_tag);
  if (format::damage_in(frame) != nullptr) return false;
  const auto& header = std::get<format::FrameHeader>(frame);
  const auto payload = format::Bytes(bytes).subspan(format::kFrameHeaderBytes);
  if (header.kind != format::FrameKind::kParity || header.stored_size != payload.size() ||
      header.payload_hash != format::xxh3_128(payload)) {
    return false;
  }
  const auto head = head_at(payload, offset + format::kFrameHeaderBytes, file_tag);
  return head && head->group == group;
}

std::vector<ParityGroup> parity_groups(io::File& file, const std::string& path,
                                       std::uint64_t file_tag, std::uint64_t newest) {
  // What can be searched for groups whose beginning is damaged, in a file made to be searched.
  constexpr int kMaxSearches = 16;
  int searches = 0;
  std::vector<ParityGroup> groups;
  while (newest != 0) {
    auto group = group_at(file, path, file_tag, newest);
    if (!group && ++searches <= kMaxSearches) {
      group = search_group(file, path, file_tag, newest, newest + format::kAlignBytes);
    }
    if (!group) break;
    newest = group->previous;  // always before it: the list ends
    groups.push_back(*group);
  }
  return groups;
}

std::vector<ParityGroup> plan_parity_groups(std::uint64_t begin, std::uint64_t end,
                                            std::uint32_t percent, std::uint64_t newest,
                                            std::uint64_t home) {
  // Equal parts, not a long one and a rest: the rest could mend short bursts only.
  const std::uint64_t longest = format::longest_parity_range(percent);
  std::vector<ParityGroup> groups;
  for (std::uint64_t parity_begin = end; begin < end;) {
    const std::uint64_t parts = (end - begin + longest - 1) / longest;
    const std::uint64_t part = std::min(end - begin, format::align_up((end - begin) / parts));
    ParityGroup group = format::plan_parity(begin, begin + part, parity_begin, percent);
    group.home = home;
    group.previous = newest;
    newest = parity_begin;
    parity_begin = group.parity_end();
    begin = group.end;
    groups.push_back(group);
  }
  return groups;
}

std::uint32_t parity_policy(const View& view) {
  const auto policy = view.find(Table::kUpkeep, "policy");
  if (!policy) return 0;
  const std::uint32_t percent = policy->record.as<schema::Upkeep>().getPolicy().getParityPercent();
  return std::min(percent, format::kMaxParityPercent);
}

}  // namespace session::store
