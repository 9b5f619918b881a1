// How a writer comes and goes: drafts, opening with what a crash left, sealing.

#include <boost/uuid/random_generator.hpp>

#include <algorithm>
#include <string>
#include <utility>

#include "lib/store/parity.h"
#include "lib/store/writer_core.h"

namespace session::store {
namespace {

constexpr std::size_t kCopyBytes = std::size_t{1} << 20;
constexpr std::string_view kDraftSuffix = ".partial";

std::array<std::byte, 16> new_file_id() {
  const boost::uuids::uuid uuid = boost::uuids::random_generator()();
  std::array<std::byte, 16> id;
  std::transform(uuid.begin(), uuid.end(), id.begin(), [](std::uint8_t b) { return std::byte{b}; });
  return id;
}

io::FileSystem& files_or_system(io::FileSystem* files) {
  return files != nullptr ? *files : io::system_files();
}

std::uint8_t target_or(std::uint8_t wanted, std::uint8_t standard) {
  if (wanted == 0) return standard;
  if (wanted < format::kMinTargetLog2 || wanted > format::kMaxTargetLog2) {
    throw Error(ErrorCode::kUsage, "a page target of 2^" + std::to_string(wanted) +
                                       " bytes is out of range (" +
                                       std::to_string(format::kMinTargetLog2) + " to " +
                                       std::to_string(format::kMaxTargetLog2) + ")");
  }
  return wanted;
}

}  // namespace

WriterCore::WriterCore(io::FileSystem& files, std::string path, std::unique_ptr<io::Lock> lock,
                       std::function<std::int64_t()> clock)
    : files_(files),
      path_(std::move(path)),
      lock_(std::move(lock)),
      clock_(clock ? std::move(clock) : system_nanos) {}

std::shared_ptr<WriterCore> WriterCore::create_draft(const std::string& path,
                                                     const CreateOptions& options,
                                                     DraftLock locking) {
  io::FileSystem& files = files_or_system(options.files);
  const std::string real = files.real_path(path);
  if (!options.overwrite && files.exists(real)) {
    throw Error(ErrorCode::kExists, "exists already; nothing was changed", path);
  }
  auto lock = locking == DraftLock::kTake ? files.lock(real) : nullptr;
  std::shared_ptr<WriterCore> core(new WriterCore(files, real, std::move(lock), options.clock));
  core->header_.leaf_target_log2 = target_or(options.leaf_target_log2, format::kLeafTargetLog2);
  core->header_.index_target_log2 = target_or(options.index_target_log2, format::kIndexTargetLog2);
  const bool has_id = !format::all_zero(options.file_id);
  core->header_.file_id = has_id ? options.file_id : new_file_id();
  if (!options.written_by.empty()) core->written_by_ = options.written_by;
  core->header_.created_nanos = core->clock_();
  core->first_commit_ = options;
  if (options.parity_percent != 0) (void)format::longest_parity_range(options.parity_percent);
  core->may_overwrite_ = options.overwrite;
  core->draft_path_ = real + std::string(kDraftSuffix);
  core->closed_ = false;
  // We hold the lock, so a draft that is there was left by a process that is gone.
  if (files.exists(core->draft_path_)) files.remove(core->draft_path_);
  core->file_ = files.open(core->draft_path_, io::OpenMode::kCreateNew);
  core->file_->write_at(0, format::encode(core->header_));
  core->head_end_ = format::kFileHeaderBytes;
  core->log_ =
      std::make_unique<Log>(core->file_, real, core->header_.tag(), format::kFileHeaderBytes);
  core->base_.pages = core->pages_so_far();
  return core;
}

// After a failed sync another one that succeeds says nothing.
void WriterCore::sync_or_poison(const std::function<void()>& sync) {
  try {
    sync();
  } catch (...) {
    log_->poison();
    throw;
  }
}

void WriterCore::publish() {
  log_->require_healthy();
  if (draft_path_.empty()) return;
  if (!has_commit()) throw Error(ErrorCode::kUsage, "a session without a commit", path_);
  acquire();
  try {
    log_->sync();
    sync_or_poison([this] { file_->sync_data(); });
    if (may_overwrite_) {
      files_.copy_access(path_, draft_path_);
      files_.rename(draft_path_, path_);
    } else {
      files_.rename_new(draft_path_, path_);
    }
    draft_path_.clear();
    sync_or_poison([this] { files_.sync_directory(path_); });
  } catch (...) {
    release();
    throw;
  }
  release();
}

std::shared_ptr<WriterCore> WriterCore::open(const std::string& path,
                                             const WriterOptions& options) {
  io::FileSystem& files = files_or_system(options.files);
  const std::string real = files.real_path(path);
  if (!files.exists(real)) {
    throw Error(ErrorCode::kNotFound, "no such file; `sessiontool init` makes one", path);
  }
  // Lock, then open: whoever replaced the file in between has let go of the lock by now.
  auto lock = files.lock(real);
  std::shared_ptr<WriterCore> core(new WriterCore(files, real, std::move(lock), options.clock));
  try {
    core->dry_run_ = options.dry_run;
    core->file_ =
        files.open(real, options.dry_run ? io::OpenMode::kRead : io::OpenMode::kReadWrite);
    core->header_ = read_file_header(*core->file_, path);
    const Head head = find_head(*core->file_, path, core->header_.tag());
    // Before anything is changed: a file that needs a newer version may have a tail that is none.
    core->load_state(head);
    core->recover(head);
  } catch (const Error& error) {
    throw error.in_file(path);
  }
  core->closed_ = false;
  return core;
}

void WriterCore::recover(const Head& head) {
  report_.was_sealed = head.sealed && head.tail_bytes == 0;
  report_.tail_bytes = head.tail_bytes;
  if (dry_run_) return;
  if (head.tail_bytes > 0) save_tail(head);
  rewrite_unsynced(head);
  if (head.tail_bytes > 0) {
    file_->truncate(head.end);
    file_->sync_data();
  }
  // Whoever gave the file its name, a compactor too, may have ended before that was on the disk;
  // what is committed now is to be found under it.
  files_.sync_directory(path_);
}

// What a torn tail held is kept beside the file: it may be all that is left of the newest work.
void WriterCore::save_tail(const Head& head) {
  const std::string stem = path_ + ".tail-" + std::to_string(clock_());
  std::unique_ptr<io::File> copy;
  for (int attempt = 0; copy == nullptr; ++attempt) {
    report_.tail_saved_as = attempt == 0 ? stem : stem + "-" + std::to_string(attempt);
    if (!files_.exists(report_.tail_saved_as)) {
      copy = files_.open(report_.tail_saved_as, io::OpenMode::kCreateNew);
    }
  }
  std::vector<std::byte> buffer;
  for (std::uint64_t done = 0; done < head.tail_bytes; done += buffer.size()) {
    buffer.resize(std::min<std::uint64_t>(kCopyBytes, head.tail_bytes - done));
    io::read_exactly(*file_, path_, head.end + done, buffer);
    copy->write_at(done, buffer);
  }
  copy->sync_data();
  files_.sync_directory(report_.tail_saved_as);
}

// What the head vouches for beyond the last good sync may be in memory only, and marked clean there
// by a sync that failed: write it once more, so that the next sync is about it. So may a seal, or
// the end of a parity group, whose writer ended right there.
void WriterCore::rewrite_unsynced(const Head& head) {
  std::vector<std::byte> bytes;
  for (std::uint64_t at = head.unsynced_begin; at < head.end; at += bytes.size()) {
    bytes.resize(std::min<std::uint64_t>(kCopyBytes, head.end - at));
    io::read_exactly(*file_, path_, at, bytes);
    file_->write_at(at, bytes);
  }
  file_->sync_data();
}

void WriterCore::require_replaceable() const {
  log_->require_healthy();
  if (dry_run_ || !draft_path_.empty()) {
    throw Error(ErrorCode::kUsage,
                "only a session that is published and open for writing can be "
                "replaced",
                path_);
  }
  check_same_file();
}

void WriterCore::move_to_new_file() {
  try {
    std::shared_ptr<io::File> file = files_.open(path_, io::OpenMode::kReadWrite);
    const format::FileHeader header = read_file_header(*file, path_);
    const Head head = find_head(*file, path_, header.tag());
    const std::lock_guard lock(head_mutex_);
    file_ = std::move(file);
    header_ = header;
    covered_end_ = 0;
    load_state(head);
  } catch (...) {
    log_->poison();
    throw;
  }
}

void WriterCore::load_state(const Head& head) {
  base_.pages = std::make_shared<PageSource>(file_, head.commit_end, header_.tag(), false);
  const auto view = View::open(base_.pages, header_, head.commit_offset);
  head_ = view->info();
  base_.roots = view->roots();
  base_.overlay = view->overlay();
  trees_offset_ = view->trees_commit().offset;
  unlisted_ = view->pending();
  if (unlisted_.empty() || unlisted_.front().revision > view->trees_commit().revision) {
    unlisted_.insert(unlisted_.begin(), view->trees_commit());
  }
  pending_deltas_ = static_cast<std::uint32_t>(view->pending().size());
  pending_bytes_ = view->pending_bytes();
  has_prefixes_ = view->has_prefixes();
  head_end_ = head.end;
  parity_offset_ = head.parity_offset;
  const auto groups = parity_groups(*file_, path_, header_.tag(), parity_offset_);
  if (!groups.empty() && groups.front().parity_end() <= head.end) {
    covered_end_ = groups.front().parity_end();
  }
  log_ = std::make_unique<Log>(file_, path_, header_.tag(), head_end_, dry_run_);
  sealed_ = head.sealed;  // and a tail behind the seal is cut
  report_.recovered_to = head_.revision;
  visible_offset_ = head.commit_offset;
  visible_end_ = head.commit_end;
  head_view_ = view;
}

void WriterCore::close() {
  {
    std::unique_lock lock(turn_mutex_);
    turn_.wait(lock, [&] { return !busy_; });
    if (closed_) return;
    closed_ = true;
  }
  turn_.notify_all();  // who waits for a turn will not get one
  if (!draft_path_.empty()) {
    const std::unique_ptr<io::Lock> lock = std::move(lock_);
    files_.remove(draft_path_);
    return;
  }
  // Whatever happens now, the lock goes with us: the commits are on the disk.
  const std::unique_ptr<io::Lock> lock = std::move(lock_);
  const bool is_untouched = sealed_ && report_.tail_bytes == 0;
  if (is_untouched || dry_run_) return;
  if (log_->poisoned()) {
    if (head_end_ <= log_->synced_end()) return;  // whoever it concerned was told
    throw Error(ErrorCode::kPoisoned,
                "the newest commits are not known to be on the disk: a sync failed after they were "
                "written; opening the session again writes them once more",
                path_);
  }
  seal();
  keep_up_parity_on_close();
  log_->trim();
}

void WriterCore::seal() {
  if (sealed_) return;
  log_->sync();
  capnp::MallocMessageBuilder message;
  auto seal = message.initRoot<schema::Seal>();
  seal.setCommitOffset(head_.offset);
  seal.setRevision(head_.revision);
  const auto payload = format::canonical_payload(seal.asReader());
  try {
    (void)log_->finish_commit(format::FrameKind::kSeal, head_.offset, payload, Durability::kDurable,
                              false);
  } catch (const Error&) {
    // A seal that may not be on the disk must not be seen: who comes next would build on it. Nor
    // may it wait in the log to be written with what follows.
    if (log_->poisoned()) {
      file_->truncate(head_end_);
    } else {
      log_->roll_back(head_end_);
    }
    throw;
  }
  head_end_ = log_->end();
  sealed_ = true;
}

WriterCore::~WriterCore() {
  try {
    close();
  } catch (...) {
    // Nothing acknowledged is lost: the file is left unsealed, which the next writer mends.
  }
}

}  // namespace session::store
