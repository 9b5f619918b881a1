#include "lib/store/log.h"

#include <algorithm>
#include <utility>

namespace session::store {
namespace {

constexpr std::size_t kWriteOutBytes = std::size_t{1} << 20;

}  // namespace

using format::Bytes;
using format::FrameHeader;
using format::FrameKind;

Log::Log(std::shared_ptr<io::File> file, std::string path, std::uint64_t file_tag,
         std::uint64_t end, bool discard)
    : file_(std::move(file)),
      path_(std::move(path)),
      file_tag_(file_tag),
      written_end_(end),
      reserved_end_(end),
      committed_end_(end),
      synced_end_(end),
      discard_(discard) {}

void Log::require_healthy() const {
  if (!poisoned_) return;
  throw Error(ErrorCode::kPoisoned,
              "an earlier write could not be made durable, so nothing more is acknowledged; close "
              "the session and open it again",
              path_);
}

FrameHeader Log::append(FrameKind kind, std::uint64_t home, Bytes payload, int compression_level,
                        std::uint16_t table, const format::Prefix* prefix) {
  require_healthy();
  if (buffer_.size() >= kWriteOutBytes) write_out();
  // A parity frame is rebuilt byte for byte from its group, which knows nothing of compression.
  const int least = kind == FrameKind::kParity ? 0 : least_level_;
  const FrameHeader header =
      format::append_frame(buffer_, written_end_, kind, home, file_tag_, payload,
                           std::max(compression_level, least), table, prefix);
  raw_bytes_ += header.raw_size;
  stored_bytes_ += header.stored_size;
  return header;
}

FrameHeader Log::append_stored(std::uint64_t home, const format::Frame& frame) {
  require_healthy();
  if (buffer_.size() >= kWriteOutBytes) write_out();
  const FrameHeader header =
      format::append_stored_frame(buffer_, written_end_, home, file_tag_, frame);
  raw_bytes_ += header.raw_size;
  stored_bytes_ += header.stored_size;
  return header;
}

void Log::write_buffer(std::uint64_t zeros_behind) {
  const std::size_t frames = buffer_.size();
  buffer_.resize(frames + zeros_behind);
  try {
    if (!buffer_.empty() && !discard_) file_->write_at(written_end_, buffer_);
  } catch (...) {
    buffer_.resize(frames);
    throw;
  }
  buffer_.resize(frames);
  unsynced_.add(Bytes(buffer_).subspan(hashed_));
  written_end_ += frames;
  reserved_end_ = std::max(reserved_end_, written_end_ + zeros_behind);
  buffer_.clear();
  hashed_ = 0;
}

void Log::write_out() {
  require_healthy();
  write_buffer(0);
}

void Log::sync() {
  require_healthy();
  write_out();
  if (unsynced_.size_bytes() == 0) return;
  try {
    file_->sync_data();
  } catch (...) {
    poisoned_ = true;
    throw;
  }
  unsynced_.reset();
  synced_end_ = written_end_;
}

Log::Unsynced Log::prepare_commit() {
  require_healthy();
  if (unsynced_.size_bytes() + buffer_.size() - hashed_ > format::kMaxUnsyncedBytes) sync();
  unsynced_.add(Bytes(buffer_).subspan(hashed_));
  hashed_ = buffer_.size();
  if (unsynced_.size_bytes() == 0) return {};
  return {unsynced_.size_bytes(), unsynced_.value()};
}

FrameHeader Log::finish_commit(FrameKind kind, std::uint64_t home, Bytes payload,
                               Durability durability, bool reserve, const format::Prefix* prefix) {
  const FrameHeader header = append(kind, home, payload, 0, 0, prefix);
  std::uint64_t zeros = 0;
  if (reserve && end() > reserved_end_) {
    const std::uint64_t ahead = end() + format::kReserveBytes;
    zeros = ahead - ahead % format::kReserveBytes - end();
  }
  try {
    write_buffer(zeros);
  } catch (const Error&) {
    if (zeros == 0) throw;
    write_buffer(0);  // a disk too full for the reserve may still have room for the commit
  }
  committed_end_ = written_end_;
  if (durability == Durability::kDurable) sync();
  return header;
}

void Log::roll_back(std::uint64_t end) {
  if (poisoned_ || this->end() == end) return;
  if (end < committed_end_) {
    poisoned_ = true;
    return;
  }
  buffer_.clear();
  hashed_ = 0;
  if (discard_) {
    written_end_ = end;
    return;
  }
  // The stream of unsynced bytes cannot be wound back: cut the file and sync what stays instead.
  try {
    written_end_ = end;
    reserved_end_ = end;
    file_->truncate(end);
    file_->sync_data();
    unsynced_.reset();
    synced_end_ = end;
  } catch (...) {
    poisoned_ = true;
    throw;
  }
}

void Log::trim() {
  require_healthy();
  if (file_->size_bytes() > end()) file_->truncate(end());
  reserved_end_ = end();
}

}  // namespace session::store
