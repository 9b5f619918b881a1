#include "tests/support/disk_content.h"

#include <algorithm>
#include <array>
#include <utility>

namespace session::test {
namespace {

// More would only repeat themselves in a workload that rewrites one sector for ever.
constexpr std::size_t kMostEarlierVersions = 8;

std::byte random_byte(std::mt19937_64& random) {
  return static_cast<std::byte>(random() & 0xFFU);
}

}  // namespace

DiskContent::DiskContent(std::vector<std::byte> bytes)
    : current_(std::move(bytes)),
      durable_(current_),
      smallest_size_(current_.size()),
      largest_size_(current_.size()) {}

void DiskContent::note_size() {
  smallest_size_ = std::min(smallest_size_, current_.size());
  largest_size_ = std::max(largest_size_, current_.size());
}

DiskContent::SectorBytes DiskContent::sector_of(const std::vector<std::byte>& bytes,
                                                std::size_t index) const {
  SectorBytes sector(kSectorBytes);
  const std::size_t begin = std::min(index * kSectorBytes, bytes.size());
  const std::size_t end = std::min(begin + kSectorBytes, bytes.size());
  std::copy(bytes.begin() + static_cast<std::ptrdiff_t>(begin),
            bytes.begin() + static_cast<std::ptrdiff_t>(end), sector.begin());
  return sector;
}

// Does `apply`, which changes the bytes from `begin` to `end`, and enters what that puts at stake.
// Bytes behind the durable end were zeros to every reader; whether the disk has anything of its own
// there that could show (`without_durable_value`) depends on whether the range was written or cut.
void DiskContent::change(std::uint64_t begin, std::uint64_t end, bool without_durable_value,
                         const std::function<void()>& apply) {
  const std::size_t first = begin / kSectorBytes;
  const std::size_t last = (end + kSectorBytes - 1) / kSectorBytes;
  std::vector<SectorBytes> before;
  for (std::size_t index = first; index < last; ++index) {
    before.push_back(sector_of(current_, index));
  }
  apply();
  ++writes_;
  for (std::size_t index = first; index < last; ++index) {
    const SectorBytes now = sector_of(current_, index);
    std::bitset<kSectorBytes> at_stake;
    for (std::size_t i = 0; i < kSectorBytes; ++i) {
      const std::uint64_t position = index * kSectorBytes + i;
      if (position < begin || position >= end) continue;
      at_stake[i] =
          position < durable_.size() ? now[i] != durable_[position] : without_durable_value;
    }
    const auto known = sectors_.find(index);
    if (known == sectors_.end() && at_stake.none()) continue;
    Sector& sector = sectors_[index];
    if (known != sectors_.end() && before[index - first] != now) {
      if (sector.earlier.size() == kMostEarlierVersions) {
        sector.earlier.erase(sector.earlier.begin());
      }
      sector.earlier.push_back(std::move(before[index - first]));
    }
    sector.at_stake |= at_stake;
    sector.written_at = writes_;
    sector.dirty = true;
  }
}

void DiskContent::write(std::uint64_t offset, std::span<const std::byte> bytes) {
  if (bytes.empty()) return;
  const std::uint64_t end = offset + bytes.size();
  change(offset, end, true, [&] {
    if (current_.size() < end) current_.resize(end);
    std::ranges::copy(bytes, current_.begin() + static_cast<std::ptrdiff_t>(offset));
  });
  note_size();
}

void DiskContent::truncate(std::uint64_t size_bytes) {
  if (size_bytes < current_.size()) {
    change(size_bytes, current_.size(), false, [&] { current_.resize(size_bytes); });
  } else {
    current_.resize(size_bytes);
  }
  note_size();
}

void DiskContent::sync() {
  durable_.resize(current_.size());
  for (auto it = sectors_.begin(); it != sectors_.end();) {
    const std::size_t begin = it->first * kSectorBytes;
    const std::size_t end = std::min(begin + kSectorBytes, current_.size());
    if (it->second.dirty && begin < end) {
      std::copy(current_.begin() + static_cast<std::ptrdiff_t>(begin),
                current_.begin() + static_cast<std::ptrdiff_t>(end),
                durable_.begin() + static_cast<std::ptrdiff_t>(begin));
    }
    it = it->second.dirty || begin >= end ? sectors_.erase(it) : std::next(it);
  }
  smallest_size_ = largest_size_ = current_.size();
}

void DiskContent::fail_sync() {
  for (auto& [index, sector] : sectors_) sector.dirty = false;
}

DiskContent::SectorBytes DiskContent::lost_bytes(std::size_t index, const Sector& sector,
                                                 LostSector lost, std::mt19937_64& random) const {
  if (lost == LostSector::kOld) return sector_of(durable_, index);
  SectorBytes bytes(kSectorBytes);
  if (lost == LostSector::kGarbage) {
    for (std::size_t i = 0; i < kSectorBytes; ++i) {
      if (sector.at_stake[i]) bytes[i] = random_byte(random);
    }
  }
  return bytes;
}

void DiskContent::place(std::vector<std::byte>& result, std::size_t index, const Sector& sector,
                        const SectorBytes& bytes) {
  for (std::size_t i = 0; i < kSectorBytes; ++i) {
    const std::size_t position = index * kSectorBytes + i;
    if (position < result.size() && sector.at_stake[i]) result[position] = bytes[i];
  }
}

std::vector<std::byte> DiskContent::after_crash(const std::function<bool(std::size_t)>& keeps,
                                                LostSector lost, LostSize size) const {
  std::vector<std::byte> result = durable_;
  result.resize(std::max(largest_size_, durable_.size()));
  std::size_t end_of_kept = 0;
  std::size_t number = 0;
  for (const auto& [index, sector] : sectors_) {
    if (keeps(number++)) {
      place(result, index, sector, sector_of(current_, index));
      end_of_kept = (index + 1) * kSectorBytes;
    } else {
      std::mt19937_64 same_each_time(index);
      place(result, index, sector, lost_bytes(index, sector, lost, same_each_time));
    }
  }
  switch (size) {
    case LostSize::kOld:
      result.resize(durable_.size());
      break;
    case LostSize::kNew:
      result.resize(current_.size());
      break;
    case LostSize::kEndOfKept:
      result.resize(
          std::clamp(end_of_kept, std::min(durable_.size(), current_.size()), current_.size()));
      break;
  }
  return result;
}

DiskContent::SectorBytes DiskContent::random_bytes(std::size_t index, const Sector& sector,
                                                   std::mt19937_64& random) const {
  switch (random() % 5) {
    case 0:
      return lost_bytes(index, sector, LostSector::kZero, random);
    case 1:
      return lost_bytes(index, sector, LostSector::kGarbage, random);
    case 2:
      if (!sector.earlier.empty()) return sector.earlier[random() % sector.earlier.size()];
      return lost_bytes(index, sector, LostSector::kOld, random);
    case 3: {  // torn: the new bytes up to somewhere
      SectorBytes bytes = sector_of(durable_, index);
      const SectorBytes now = sector_of(current_, index);
      const auto torn_at = static_cast<std::ptrdiff_t>(random() % (kSectorBytes + 1));
      std::copy(now.begin(), now.begin() + torn_at, bytes.begin());
      return bytes;
    }
    default:
      return lost_bytes(index, sector, LostSector::kOld, random);
  }
}

std::size_t DiskContent::random_size(std::size_t end_of_kept, std::mt19937_64& random) const {
  switch (random() % 4) {
    case 0:
      return durable_.size();
    case 1:
      return current_.size();
    case 2:
      return std::clamp(end_of_kept, smallest_size_, largest_size_);
    default:
      return smallest_size_ + random() % (largest_size_ - smallest_size_ + 1);
  }
}

std::vector<std::byte> DiskContent::after_crash(std::mt19937_64& random) const {
  std::vector<std::byte> result = durable_;
  result.resize(std::max(largest_size_, durable_.size()));
  // Independent coins alone would hardly ever lose just one sector of many, or all but one, or
  // write them in the order in which they came: so the coin itself is drawn first.
  constexpr std::array<std::uint64_t, 5> kChances = {0, 4, 50, 96, 100};
  const std::uint64_t chance_of_keeping = kChances[random() % kChances.size()];
  const bool in_order = random() % 4 == 0;
  const std::uint64_t order_cut = random() % (writes_ + 1);
  const bool only_old = random() % 4 == 0;
  std::size_t end_of_kept = 0;
  for (const auto& [index, sector] : sectors_) {
    const bool kept =
        in_order ? sector.written_at <= order_cut : random() % 100 < chance_of_keeping;
    if (kept) {
      place(result, index, sector, sector_of(current_, index));
      end_of_kept = (index + 1) * kSectorBytes;
    } else {
      place(result, index, sector,
            only_old ? sector_of(durable_, index) : random_bytes(index, sector, random));
    }
  }
  result.resize(random_size(end_of_kept, random));
  return result;
}

}  // namespace session::test
