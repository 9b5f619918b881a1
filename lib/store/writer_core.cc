#include "lib/store/writer_core.h"

#include <boost/uuid/random_generator.hpp>
#include <boost/uuid/uuid_io.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>

#include "format/compression.h"
#include "format/page.h"
#include "lib/convert/time_text.h"
#include "lib/store/revision_name.h"
#include "session/version.h"

namespace session::store {
namespace {

using format::FrameKind;
using format::RootRef;

std::int64_t steady_nanos() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

void set_digest(capnp::Data::Builder to, const Digest& digest) {
  std::memcpy(to.begin(), digest.data(), digest.size());
}

void fill_changes(schema::TableChanges::Builder out, Table table, const Run& run) {
  out.setTable(static_cast<std::uint16_t>(table));
  std::vector<format::LeafItem> upserts;
  std::vector<std::string_view> erased;
  for (const Change& change : run) {
    if (change.is_erased) {
      erased.push_back(change.key);
    } else {
      upserts.push_back({change.key, change.record});
    }
  }
  if (!upserts.empty()) format::fill_leaf(out.initUpserts(), upserts);
  if (erased.empty()) return;
  std::size_t total = 0;
  auto ends = out.initErasedEnds(static_cast<std::uint32_t>(erased.size()));
  for (std::uint32_t i = 0; i < erased.size(); ++i) {
    total += erased[i].size();
    ends.set(i, static_cast<std::uint32_t>(total));
  }
  auto keys = out.initErasedKeys(static_cast<std::uint32_t>(total));
  auto* to = keys.begin();
  for (const std::string_view key : erased) to = std::copy(key.begin(), key.end(), to);
}

// What a table's changes take in a delta, where a list pads each record to the widest.
std::uint64_t stored_size(const Run& run) {
  std::uint64_t bytes = 0;
  std::uint64_t records = 0;
  std::uint64_t widest_data = 0;
  std::uint64_t widest_pointers = 0;
  for (const Change& change : run) {
    bytes += change.key.size() + sizeof(std::uint32_t);
    if (change.is_erased) continue;
    const std::uint64_t data = change.record.getDataSection().size();
    const std::uint64_t pointers = change.record.getPointerSection().size() * sizeof(capnp::word);
    widest_data = std::max(widest_data, data);
    widest_pointers = std::max(widest_pointers, pointers);
    bytes += sizeof(std::uint64_t) + format::canonical_words(change.record) * sizeof(capnp::word) -
             data - pointers;
    ++records;
  }
  return bytes + records * (widest_data + widest_pointers);
}

std::uint64_t delta_size(const CommitRequest& request) {
  std::uint64_t bytes = 0;
  for (const Run& run : request.changes) bytes += stored_size(run);
  return bytes;
}

void check_words(std::string_view what, const std::string& words) {
  if (words.size() <= format::kMaxDescriptionBytes) return;
  throw Error(ErrorCode::kLimit, "a " + std::string(what) + " of " + std::to_string(words.size()) +
                                     " bytes is above the limit of " +
                                     std::to_string(format::kMaxDescriptionBytes));
}

void check_words(const CommitRequest& request) {
  check_words("commit message", request.message);
  if (!request.checkpoint) return;
  check_words("checkpoint's description", request.checkpoint->description);
  check_words("checkpoint's reason", request.checkpoint->reason);
  check_words("checkpoint's id", request.checkpoint->id);
}

}  // namespace

void CommitRequest::count() {
  upserts = 0;
  erases = 0;
  for (const Table table : kAllTables) {
    if (table == Table::kBlobs) continue;
    for (const Change& change : changes[slot(table)]) ++(change.is_erased ? erases : upserts);
  }
}

format::Record revision_record(const RevisionInfo& info) {
  capnp::MallocMessageBuilder message;
  auto record = message.initRoot<schema::Revision>();
  record.setOffset(info.offset);
  record.setTime(info.time_nanos);
  record.setKind(info.kind == CommitKind::kSnapshot ? 1 : 0);
  record.setParent(info.parent);
  record.setSizeBytes(info.size_bytes);
  return format::Record::of(record.asReader());
}

Run merged_run(const Base& base, Table table, const Run& changes) {
  Run run = base.overlay.table(table);
  apply_run(run, changes);
  return run;
}

std::int64_t system_nanos() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::string new_uuid() {
  return boost::uuids::to_string(boost::uuids::random_generator()());
}

std::string_view program_version() {
  return "sessiontool " SESSIONTOOL_VERSION;
}

void WriterCore::acquire() {
  std::unique_lock lock(turn_mutex_);
  turn_.wait(lock, [&] { return !busy_; });
  if (closed_) throw Error(ErrorCode::kUsage, "this writer is closed", path_);
  busy_ = true;
}

void WriterCore::release() noexcept {
  {
    const std::lock_guard lock(turn_mutex_);
    busy_ = false;
  }
  turn_.notify_one();
}

PageTargets WriterCore::targets() const {
  return {header_.leaf_target_log2, header_.index_target_log2};
}

PageSink WriterCore::page_sink(Table table) {
  return [this, table](FrameKind kind, format::Bytes payload) {
    const format::FrameHeader frame =
        log_->append(kind, head_.offset, payload, 0, static_cast<std::uint16_t>(table));
    return PagePlace{frame.own_offset, frame.stored_size, frame.frame_bytes()};
  };
}

std::shared_ptr<const PageSource> WriterCore::pages_so_far() {
  log_->write_out();
  return std::make_shared<PageSource>(file_, log_->end(), header_.tag(), false);
}

format::Record WriterCore::append_blob(format::Bytes content) {
  const std::size_t parts = (content.size() + format::kBlobPartBytes - 1) / format::kBlobPartBytes;
  capnp::MallocMessageBuilder message;
  auto blob = message.initRoot<schema::Blob>();
  blob.setSizeBytes(content.size());
  auto list = blob.initParts(static_cast<std::uint32_t>(parts));
  for (std::uint32_t i = 0; i < parts; ++i) {
    const std::size_t begin = std::size_t{i} * format::kBlobPartBytes;
    const auto part = content.subspan(
        begin, std::min<std::size_t>(format::kBlobPartBytes, content.size() - begin));
    const format::FrameHeader frame =
        log_->append(FrameKind::kBlob, head_.offset, part, format::kFastLevel);
    list[i].setOffset(frame.own_offset);
    list[i].setStoredBytes(frame.stored_size);
    list[i].setSizeBytes(frame.raw_size);
  }
  return format::Record::of(blob.asReader());
}

void WriterCore::check_same_file() const {
  const auto there = files_.identity(present_path());
  if (there && *there == file_->identity()) return;
  throw Error(ErrorCode::kPoisoned,
              "another file stands at this path now, so commits would go to one that nobody sees; "
              "close the session and open it again",
              path_);
}

bool WriterCore::should_fold(const CommitRequest& request) const {
  if (request.as_snapshot || request.checkpoint || request.content_base != nullptr ||
      request.trees != nullptr) {
    return true;
  }
  if (request.kept != nullptr && request.kept->kind == CommitKind::kSnapshot) return true;
  if (!has_commit() || pending_deltas_ >= format::kMaxPendingDeltas) return true;
  const std::uint64_t bytes = delta_size(request);
  return bytes > format::kMaxDeltaBytes || pending_bytes_ + bytes > format::kMaxPendingBytes;
}

CommitResult WriterCore::commit(CommitRequest& request) {
  const std::int64_t begin = steady_nanos();
  log_->require_healthy();
  if (dry_run_) throw Error(ErrorCode::kUsage, "a dry run commits nothing", path_);
  check_same_file();
  CommitResult result;
  try {
    check_words(request);
    result = should_fold(request) ? commit_snapshot(request) : commit_delta(request);
  } catch (...) {
    log_->roll_back(request.keep_log_to.value_or(request.log_begin.end));
    throw;
  }
  const Log::Position end = log_->position();
  result.raw_bytes = end.raw_bytes - request.log_begin.raw_bytes;
  result.stored_bytes = end.stored_bytes - request.log_begin.stored_bytes;
  result.duration_nanos = steady_nanos() - begin;
  if (result.kind == CommitKind::kSnapshot) keep_up_parity_after_commit();
  return result;
}

std::uint64_t WriterCore::number_of(const CommitRequest& request) const {
  return request.kept != nullptr ? request.kept->revision : head_.revision + 1;
}

std::int64_t WriterCore::time_of(const CommitRequest& request) const {
  return std::max(request.kept != nullptr ? request.kept->time_nanos : clock_(), head_.time_nanos);
}

void WriterCore::fill_common(schema::Commit::Builder commit, const CommitRequest& request,
                             std::int64_t time) const {
  commit.setRevision(number_of(request));
  commit.setParentRevision(head_.revision);
  commit.setTime(time);
  commit.setUpsertCount(request.upserts);
  commit.setEraseCount(request.erases);
  commit.setPageBytes(log_->end() - request.log_begin.end);
  if (!request.message.empty()) commit.setMessage(request.message.c_str());
  const Log::Unsynced unsynced = log_->prepare_commit();
  commit.setUnsyncedBytes(unsynced.bytes);
  commit.setUnsyncedHashHigh(unsynced.hash.high);
  commit.setUnsyncedHashLow(unsynced.hash.low);
  commit.setParityOffset(parity_offset_);
}

std::vector<std::byte> WriterCore::encode_delta(const CommitRequest& request) {
  capnp::MallocMessageBuilder message;
  auto commit = message.initRoot<schema::Commit>();
  fill_common(commit, request, time_of(request));
  commit.setKind(schema::Commit::Kind::DELTA);
  commit.setTreesOffset(trees_offset_);
  commit.setPendingDeltas(pending_deltas_ + 1);
  commit.setPendingBytes(pending_bytes_);
  const auto used = std::count_if(request.changes.begin(), request.changes.end(),
                                  [](const Run& run) { return !run.empty(); });
  auto changes = commit.initChanges(static_cast<std::uint32_t>(used));
  std::uint32_t at = 0;
  for (const Table table : kAllTables) {
    const Run& run = request.changes[slot(table)];
    if (!run.empty()) fill_changes(changes[at++], table, run);
  }
  return format::canonical_payload(commit.asReader());
}

CommitResult WriterCore::commit_delta(CommitRequest& request) {
  std::vector<std::byte> payload = encode_delta(request);
  CommitResult result;
  result.kind = CommitKind::kDelta;
  const bool durable = request.durability == Durability::kDurable;
  const format::FrameHeader frame = log_->finish_commit(
      FrameKind::kCommit, head_.offset, payload, request.durability, durable, request.prefix);
  request.is_prefixed = frame.codec == format::Codec::kZstdPrefix;
  finish(request, frame, std::move(payload), result);
  return result;
}

format::Record WriterCore::checkpoint_record(const CheckpointOptions& wanted,
                                             const format::Roots& roots, std::int64_t time) const {
  capnp::MallocMessageBuilder message;
  auto record = message.initRoot<schema::Checkpoint>();
  const std::int64_t stated = wanted.time_nanos != 0 ? wanted.time_nanos : time;
  record.setRevision(head_.revision + 1);
  record.setTime(stated);
  record.setTimeForm(convert::utc_form(stated));
  record.setTrigger(wanted.trigger);
  record.setIsAutomatic(wanted.is_automatic);
  record.setAmount(wanted.amount);
  record.setTaskCount(roots[slot(Table::kTasks)].count);
  if (!wanted.description.empty()) record.setDescription(wanted.description.c_str());
  if (!wanted.reason.empty()) record.setReason(wanted.reason.c_str());
  std::uint64_t bytes = 0;
  for (const Table table : kContentTables) bytes += roots[slot(table)].content_bytes;
  record.setSizeBytes(bytes);
  if (!wanted.tags.empty()) {
    auto tags = record.initTags(static_cast<std::uint32_t>(wanted.tags.size()));
    for (std::uint32_t i = 0; i < tags.size(); ++i) tags.set(i, wanted.tags[i].c_str());
  }
  return format::Record::of(record.asReader());
}

// A commit's own place is not known before it is written, so the table lists the revisions up to
// the one before.
RootRef WriterCore::list_revisions() {
  std::vector<std::pair<std::string, format::Record>> listed;
  listed.reserve(unlisted_.size());
  Run run;
  for (const RevisionInfo& info : unlisted_) {
    std::string key;
    format::append_big_endian(key, info.revision, sizeof info.revision);
    listed.emplace_back(std::move(key), revision_record(info));
    run.push_back({listed.back().first, listed.back().second.view(), false});
  }
  return update_tree(*base_.pages, base_.roots[slot(Table::kRevisions)], run, targets(),
                     page_sink(Table::kRevisions));
}

// Folds everything pending and the request's changes into trees. Content first: a checkpoint's
// record states its size.
format::Roots WriterCore::fold(CommitRequest& request, const std::string& checkpoint_id,
                               std::int64_t time) {
  if (request.trees != nullptr) {
    format::Roots roots = *request.trees;
    roots[slot(Table::kRevisions)] = list_revisions();
    return roots;
  }
  const Base& content = request.content_base != nullptr ? *request.content_base : base_;
  const Base& own = request.bookkeeping_base != nullptr ? *request.bookkeeping_base : base_;
  format::Roots roots{};
  const auto update = [&](const Base& base, Table table, const Run& run) {
    roots[slot(table)] =
        update_tree(*base.pages, base.roots[slot(table)], run, targets(), page_sink(table));
  };
  for (const Table table : kContentTables) {
    update(content, table, merged_run(content, table, request.changes[slot(table)]));
  }
  const OwnedRun children =
      derive_children(*content.pages, content.roots[slot(Table::kTasks)],
                      merged_run(content, Table::kTasks, request.changes[slot(Table::kTasks)]));
  update(content, Table::kChildren, children.run);

  format::Record checkpoint;
  if (request.checkpoint) {
    checkpoint = checkpoint_record(*request.checkpoint, roots, time);
    apply_run(request.changes[slot(Table::kCheckpoints)],
              {{checkpoint_id, checkpoint.view(), false}});
  }
  for (const Table table :
       {Table::kUpkeep, Table::kCheckpoints, Table::kRecoveries, Table::kBlobs}) {
    update(own, table, merged_run(own, table, request.changes[slot(table)]));
  }
  roots[slot(Table::kRevisions)] = list_revisions();
  return roots;
}

CommitResult WriterCore::commit_snapshot(CommitRequest& request) {
  const std::int64_t time = time_of(request);
  std::string checkpoint_id = request.kept != nullptr ? request.kept->checkpoint : "";
  if (request.checkpoint) {
    checkpoint_id = request.checkpoint->id.empty() ? new_uuid() : request.checkpoint->id;
  }
  const format::Roots roots = fold(request, checkpoint_id, time);
  const Digest fingerprint = format::fingerprint(roots);

  capnp::MallocMessageBuilder message;
  auto commit = message.initRoot<schema::Commit>();
  fill_common(commit, request, time);
  commit.setKind(schema::Commit::Kind::SNAPSHOT);
  auto trees = commit.initTrees();
  trees.setRevision(number_of(request));
  format::write_roots(trees, roots);
  set_digest(trees.initFingerprint(sizeof(Digest)), fingerprint);
  if (!checkpoint_id.empty()) trees.setCheckpoint(checkpoint_id.c_str());
  trees.setWriter(written_by_.c_str());
  const auto header = format::encode(header_);
  trees.setHeader({reinterpret_cast<const kj::byte*>(header.data()), header.size()});
  if (has_prefixes_) format::write_features(trees, {format::kPrefixFeature});
  std::vector<std::byte> payload = format::canonical_payload(commit.asReader());

  CommitResult result;
  result.kind = CommitKind::kSnapshot;
  const format::FrameHeader frame =
      log_->finish_commit(FrameKind::kCommit, head_.offset, payload, request.durability, false);
  base_.roots = roots;
  base_.overlay.clear();
  unlisted_.clear();
  pending_deltas_ = 0;
  pending_bytes_ = 0;
  trees_offset_ = frame.own_offset;
  finish(request, frame, std::move(payload), result);
  base_.pages = std::make_shared<PageSource>(file_, log_->end(), header_.tag(), false);
  return result;
}

// The commit is in the log: make it the head.
void WriterCore::finish(const CommitRequest& request, const format::FrameHeader& frame,
                        std::vector<std::byte> payload, CommitResult& result) {
  auto kept = std::make_shared<const std::vector<std::byte>>(std::move(payload));
  LoadedCommit commit;
  commit.offset = frame.own_offset;
  commit.end = frame.end();
  commit.home = frame.home;
  commit.reader = format::read_root<schema::Commit>(*kept);
  if (result.kind == CommitKind::kDelta) {
    base_.overlay.apply(commit.reader, kept);
    ++pending_deltas_;
    pending_bytes_ += frame.frame_bytes();
  }
  head_ = describe(commit);
  unlisted_.push_back(head_);
  head_end_ = frame.end();
  sealed_ = false;
  first_commit_.reset();
  result.revision = head_.revision;
  result.written_bytes = log_->end() - request.log_begin.end;
  const std::lock_guard lock(head_mutex_);
  visible_offset_ = frame.own_offset;
  visible_end_ = frame.end();
  head_view_.reset();
}

std::shared_ptr<const View> WriterCore::head_view() const {
  const std::lock_guard lock(head_mutex_);
  if (visible_offset_ == 0) {
    throw Error(ErrorCode::kNotFound, "nothing was committed to this session yet", path_);
  }
  if (!head_view_) {
    auto pages = std::make_shared<PageSource>(file_, visible_end_, header_.tag(), false);
    head_view_ = View::open(std::move(pages), header_, visible_offset_);
  }
  return head_view_;
}

std::shared_ptr<const View> WriterCore::view_at(std::uint64_t revision) const {
  auto head = head_view();
  if (revision == head->info().revision) return head;
  const auto offset = head->commit_offset(revision);
  if (!offset) throw_no_such_revision(*head, revision);
  return View::open(head->pages(), head->header(), *offset);
}

CommitResult WriterCore::restore(std::uint64_t revision) {
  const auto target = view_at(revision);
  acquire();
  try {
    CommitRequest emergency;
    emergency.log_begin = log_->position();
    emergency.message = "before restoring revision " + std::to_string(revision);
    emergency.checkpoint = CheckpointOptions{};
    emergency.checkpoint->description = emergency.message;
    emergency.checkpoint->trigger = schema::Trigger::BEFORE_RESTORE;
    emergency.checkpoint->is_automatic = true;
    (void)commit(emergency);

    const Base old{target->pages(), target->roots(), target->overlay()};
    CommitRequest request;
    request.log_begin = log_->position();
    request.message = "restore revision " + std::to_string(revision);
    request.content_base = &old;
    const CommitResult result = commit(request);
    release();
    return result;
  } catch (...) {
    release();
    throw;
  }
}

void WriterCore::flush() {
  acquire();
  try {
    log_->sync();
  } catch (...) {
    release();
    throw;
  }
  release();
}

}  // namespace session::store
