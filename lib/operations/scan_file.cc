#include "lib/operations/scan_file.h"

#include <algorithm>
#include <iterator>

#include "format/bytes.h"
#include "session/error.h"

namespace session::operations {
namespace {

// What a disk gives or refuses at once, page cache included.
constexpr std::uint64_t kBlockBytes = 4096;
// Beyond so many, neighbours are taken together: memory must not follow the damage.
constexpr std::size_t kMaxRanges = 16384;

[[noreturn]] void refuse(const std::string& path) {
  throw Error(ErrorCode::kUsage, "this file is open for checking only", path);
}

}  // namespace

PatientFile::PatientFile(std::shared_ptr<io::File> file, std::string path)
    : file_(std::move(file)), path_(std::move(path)) {}

std::size_t PatientFile::read_at(std::uint64_t offset, std::span<std::byte> into) {
  try {
    return file_->read_at(offset, into);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kIo) throw;
  }
  return read_in_blocks(offset, into);
}

std::size_t PatientFile::read_in_blocks(std::uint64_t offset, std::span<std::byte> into) {
  const std::uint64_t size = file_->size_bytes();
  if (offset >= size) return 0;
  into = into.first(std::min<std::uint64_t>(into.size(), size - offset));
  for (std::size_t done = 0; done < into.size();) {
    const std::uint64_t at = offset + done;
    const auto part = into.subspan(
        done, std::min<std::uint64_t>(into.size() - done, kBlockBytes - at % kBlockBytes));
    try {
      if (file_->read_at(at, part) < part.size()) return done;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kIo) throw;
      std::fill(part.begin(), part.end(), std::byte{0});
      remember(at, at + part.size());
    }
    done += part.size();
  }
  return into.size();
}

void PatientFile::remember(std::uint64_t begin, std::uint64_t end) {
  const std::lock_guard lock(mutex_);
  auto next = unreadable_.upper_bound(begin);
  if (next != unreadable_.begin()) {
    const auto before = std::prev(next);
    if (before->second >= begin || unreadable_.size() >= kMaxRanges) {
      begin = before->first;
      end = std::max(end, before->second);
      unreadable_.erase(before);
    }
  }
  while (next != unreadable_.end() && next->first <= end) {
    end = std::max(end, next->second);
    next = unreadable_.erase(next);
  }
  unreadable_[begin] = end;
}

bool PatientFile::is_unreadable(std::uint64_t offset, std::uint64_t length) const {
  const std::lock_guard lock(mutex_);
  auto next = unreadable_.upper_bound(offset);
  if (next != unreadable_.begin() && std::prev(next)->second > offset) return true;
  return next != unreadable_.end() && next->first - offset < length;
}

void PatientFile::write_at(std::uint64_t, std::span<const std::byte>) {
  refuse(path_);
}
void PatientFile::sync_data() {
  refuse(path_);
}
void PatientFile::truncate(std::uint64_t) {
  refuse(path_);
}
std::shared_ptr<const io::Mapping> PatientFile::map(std::uint64_t) {
  refuse(path_);
}

std::size_t ReadAheadFile::read_at(std::uint64_t offset, std::span<std::byte> into) {
  const Stretch* const held = stretch_with(offset, into.size());
  if (held == nullptr) return file_->read_at(offset, into);
  const auto from = held->bytes.begin() + static_cast<std::ptrdiff_t>(offset - held->begin);
  std::copy_n(from, into.size(), into.begin());
  return into.size();
}

const ReadAheadFile::Stretch* ReadAheadFile::stretch_with(std::uint64_t offset,
                                                          std::uint64_t size) {
  constexpr std::uint64_t kStretchBytes = std::uint64_t{64} << 10;
  constexpr std::uint64_t kNearBytes = std::uint64_t{16} << 10;
  constexpr std::uint32_t kReadsInRow = 6;  // a single look-up reads a header and what is behind it
  const auto holds = [&](const Stretch& one) {
    return offset >= one.begin && format::fits(offset - one.begin, size, one.bytes.size());
  };
  const auto is_near = [&](std::uint64_t end) {
    return offset >= end && offset - end < kNearBytes;
  };
  Stretch* row = nullptr;  // that goes on here
  Stretch* oldest = stretches_.data();
  for (Stretch& one : stretches_) {
    if (holds(one)) {
      one.used = ++now_;
      return &one;
    }
    if (!one.bytes.empty() && offset >= one.begin && offset < one.end() + kNearBytes) row = &one;
    if (one.used < oldest->used) oldest = &one;
  }
  in_row_ = is_near(last_) ? in_row_ + 1 : 0;
  last_ = offset + size;
  if (size > kStretchBytes || (row == nullptr && in_row_ < kReadsInRow)) return nullptr;
  Stretch& one = row != nullptr ? *row : *oldest;
  std::vector<std::byte> bytes = std::move(one.bytes);
  one.bytes.clear();  // if this throws
  bytes.resize(kStretchBytes);
  bytes.resize(file_->read_at(offset, bytes));
  one = {offset, ++now_, std::move(bytes)};
  return holds(one) ? &one : nullptr;
}

void ReadAheadFile::write_at(std::uint64_t offset, std::span<const std::byte> bytes) {
  file_->write_at(offset, bytes);
}
std::shared_ptr<const io::Mapping> ReadAheadFile::map(std::uint64_t size_bytes) {
  return file_->map(size_bytes);
}

}  // namespace session::operations
