#include "lib/operations/scan_file.h"

#include <algorithm>
#include <iterator>

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

}  // namespace session::operations
