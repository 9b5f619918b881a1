// How a writer adds parity: behind the head, and only when what it protects is on the disk.

#include <algorithm>
#include <utility>

#include "format/parity_code.h"
#include "lib/store/parity.h"
#include "lib/store/writer_core.h"

namespace session::store {

using format::ParityGroup;

// Whoever sees the closing frame may rely on the others: they are synced before it is written.
void WriterCore::append_group(const ParityGroup& group, const ProtectProgress& progress) {
  const format::ReadAt read = [this](std::uint64_t offset, std::span<std::byte> into) {
    io::read_exactly(*file_, path_, offset, into);
  };
  const auto stream = format::encode_parity(group, read, progress);
  const std::uint32_t closing = group.frames() - 1;
  for (std::uint32_t index = 0; index <= closing; ++index) {
    if (index == closing) log_->sync();
    (void)log_->append(format::FrameKind::kParity, group.home,
                       format::parity_payload(group, header_.tag(), stream, index));
  }
  log_->sync();
}

std::vector<ParityGroup> WriterCore::add_parity(std::uint32_t percent,
                                                const ProtectProgress& progress) {
  log_->sync();
  std::vector<ParityGroup> groups =
      plan_parity_groups(covered_end_, log_->end(), percent, parity_offset_, head_.offset);
  if (groups.empty()) return groups;
  const std::uint64_t begin = log_->end();
  try {
    for (const ParityGroup& group : groups) append_group(group, progress);
  } catch (...) {
    // A group that may not be on the disk must not be seen: who comes next would build on it.
    if (log_->poisoned()) {
      file_->truncate(begin);
    } else {
      log_->roll_back(begin);
    }
    throw;
  }
  parity_offset_ = groups.back().parity_begin;
  covered_end_ = head_end_ = log_->end();
  return groups;
}

std::vector<ParityGroup> WriterCore::protect(std::uint32_t percent,
                                             const ProtectProgress& progress) {
  acquire();
  try {
    log_->require_healthy();
    check_same_file();
    seal();
    auto groups = percent == 0 ? std::vector<ParityGroup>() : add_parity(percent, progress);
    release();
    return groups;
  } catch (...) {
    release();
    throw;
  }
}

// What the session wants kept up. A policy that cannot be read asks for nothing: that is for those
// to report who look for damage.
std::uint32_t WriterCore::wanted_parity() const {
  try {
    return format::guarded([this] { return parity_policy(*head_view()); });
  } catch (const Error&) {
    return 0;
  }
}

// The commit is on the disk, whatever becomes of its parity: a disk too full for it must not look
// like a commit that failed. What stays uncovered is reported by whoever asks.
void WriterCore::keep_up_parity_after_commit() {
  if (!keeps_up_parity_ || uncovered_bytes() < format::kMinGroupBytes) return;
  const std::uint32_t percent = wanted_parity();
  if (percent == 0) return;
  try {
    (void)add_parity(percent, {});
  } catch (const Error&) {
    // If the log is poisoned, the next call says so.
  }
}

void WriterCore::keep_up_parity_on_close() {
  if (!keeps_up_parity_) return;
  const std::uint64_t share = log_->end() / format::kMinGroupShare;
  const std::uint64_t least = covered_end_ == 0 ? 0 : std::min(format::kMinGroupBytes, share);
  if (uncovered_bytes() < least) return;
  const std::uint32_t percent = wanted_parity();
  if (percent != 0) (void)add_parity(percent, {});
}

}  // namespace session::store
