#include "lib/store/transaction_core.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "format/canary.h"
#include "lib/convert/time_text.h"
#include "lib/store/blob_fields.h"
#include "session/schema/record.capnp.h"

namespace session::store {
namespace {

// What a change costs beyond its bytes: map node, string, shared record.
constexpr std::uint64_t kChangeOverheadBytes = 200;

std::uint64_t cost(std::string_view key, const std::optional<format::Record>& record) {
  return key.size() + kChangeOverheadBytes + (record ? record->bytes().size() : 0);
}

bool is_derived(Table table) {
  return table >= Table::kChildren;
}

void require_writable(Table table) {
  if (!is_derived(table)) return;
  throw Error(ErrorCode::kUsage, "the table " + std::string(table_name(table)) +
                                     " is derived from the others and cannot be written");
}

void check_parent(AnyRecord record) {
  const auto parent = record.as<schema::Task>().getParent();
  if (parent.size() <= format::kMaxTaskKeyBytes) return;
  throw Error(ErrorCode::kLimit, "a parent's key of " + std::to_string(parent.size()) +
                                     " bytes is above the limit of " +
                                     std::to_string(format::kMaxTaskKeyBytes));
}

}  // namespace

void check_key(Table table, std::string_view key) {
  if (key.empty()) {
    throw Error(ErrorCode::kUsage,
                "a record of table " + std::string(table_name(table)) + " needs a key");
  }
  const std::uint32_t limit =
      table == Table::kTasks ? format::kMaxTaskKeyBytes : format::kMaxKeyBytes;
  if (key.size() > limit) {
    throw Error(ErrorCode::kLimit, "a key of " + std::to_string(key.size()) +
                                       " bytes is above the limit of " + std::to_string(limit) +
                                       " for table " + std::string(table_name(table)));
  }
}

TransactionCore::TransactionCore(std::shared_ptr<WriterCore> writer) : writer_(std::move(writer)) {
  writer_->acquire();
  log_begin_ = writer_->log().position();
  if (writer_->first_commit() == nullptr) return;
  try {
    add_first_records();
  } catch (...) {
    writer_->release();
    throw;
  }
}

TransactionCore::~TransactionCore() {
  if (!open_) return;
  try {
    rollback();
  } catch (...) {
    // The log could not be cut back and is poisoned: the next commit says so. Nothing of this
    // transaction was acknowledged.
  }
}

void TransactionCore::require_open() const {
  if (!open_) throw Error(ErrorCode::kUsage, "this transaction has ended");
}

// What makes a new file a session: who made it, and the metadata its maker gave.
void TransactionCore::add_first_records() {
  const CreateOptions& options = *writer_->first_commit();
  capnp::MallocMessageBuilder upkeep;
  auto identity = upkeep.initRoot<schema::Upkeep>().initIdentity();
  const std::int64_t now = writer_->now();
  const std::string id = options.session_id.empty() ? new_uuid() : options.session_id;
  identity.setSessionId(id.c_str());
  identity.setCreatedAt(now);
  identity.setCreatedAtForm(convert::utc_form(now));
  identity.setCreatedBy(writer_->written_by().c_str());
  if (!options.agent_version.empty()) identity.setAgentVersion(options.agent_version.c_str());
  upsert(Table::kUpkeep, "identity", upkeep.getRoot<schema::Upkeep>().asReader());

  if (!options.name.empty() || !options.description.empty() || !options.workspace.empty()) {
    capnp::MallocMessageBuilder message;
    auto metadata = message.initRoot<schema::SessionRecord>().initMetadata();
    if (!options.name.empty()) metadata.setName(options.name.c_str());
    if (!options.description.empty()) metadata.setDescription(options.description.c_str());
    if (!options.workspace.empty()) metadata.setWorkspace(options.workspace.c_str());
    upsert(Table::kSession, "metadata", message.getRoot<schema::SessionRecord>().asReader());
  }
  if (options.parity_percent != 0) {
    capnp::MallocMessageBuilder message;
    message.initRoot<schema::Upkeep>().initPolicy().setParityPercent(options.parity_percent);
    upsert(Table::kUpkeep, "policy", message.getRoot<schema::Upkeep>().asReader());
  }
  upserts_ = 0;
}

Digest TransactionCore::add_blob(format::Bytes content) {
  require_open();
  if (content.size() > format::kMaxBlobBytes) {
    throw Error(ErrorCode::kLimit, "a value of " + std::to_string(content.size()) +
                                       " bytes is above the limit of " +
                                       std::to_string(format::kMaxBlobBytes));
  }
  const Digest digest = format::sha256(content);
  const std::string_view key = format::as_text(digest);
  if (find(Table::kBlobs, key)) return digest;
  put(Table::kBlobs, key, writer_->append_blob(content));
  return digest;
}

format::Record TransactionCore::prepare(Table table, AnyRecord record) {
  return format::guarded([&] {
    if (table == Table::kTasks) check_parent(record);
    const auto slim = move_out_large_fields(
        table, record, [this](format::Bytes content) { return add_blob(content); });
    if (!slim) return format::Record(record);
    return format::Record(slim->getRoot<capnp::AnyPointer>().asReader().getAs<capnp::AnyStruct>());
  });
}

void TransactionCore::put(Table table, std::string_view key, std::optional<format::Record> record) {
  Dirty& dirty = dirty_[slot(table)];
  const std::uint64_t bytes = cost(key, record);
  remember(table, key);
  const auto at = dirty.find(key);
  if (at != dirty.end()) {
    dirty_bytes_ -= cost(key, at->second);
    at->second = std::move(record);
  } else {
    dirty.emplace(std::string(key), std::move(record));
  }
  dirty_bytes_ += bytes;
}

void TransactionCore::forget(Table table, std::string_view key) {
  Dirty& dirty = dirty_[slot(table)];
  const auto at = dirty.find(key);
  if (at == dirty.end()) return;
  dirty_bytes_ -= cost(key, at->second);
  dirty.erase(at);
}

void TransactionCore::remember(Table table, std::string_view key) {
  if (savepoints_.empty()) return;
  const Dirty& dirty = dirty_[slot(table)];
  const auto at = dirty.find(key);
  Undo undo{table, std::string(key), std::nullopt};
  if (at != dirty.end()) undo.before = at->second;
  undo_.push_back(std::move(undo));
}

std::size_t TransactionCore::savepoint() {
  require_open();
  savepoints_.push_back({undo_.size(), upserts_, erases_});
  return savepoints_.size() - 1;
}

void TransactionCore::require_savepoint(std::size_t savepoint) const {
  require_open();
  if (savepoint < savepoints_.size()) return;
  throw Error(ErrorCode::kUsage, "this savepoint has ended");
}

void TransactionCore::roll_back_to(std::size_t savepoint) {
  require_savepoint(savepoint);
  const Savepoint back = savepoints_[savepoint];
  savepoints_.resize(savepoint);
  const std::vector<Savepoint> outer = std::exchange(savepoints_, {});  // undoing is no change
  for (; undo_.size() > back.undo_size; undo_.pop_back()) {
    Undo& undo = undo_.back();
    if (undo.before) {
      put(undo.table, undo.key, std::move(*undo.before));
    } else if (!format::planted("model")) {
      forget(undo.table, undo.key);
    }
  }
  savepoints_ = outer;
  upserts_ = back.upserts;
  erases_ = back.erases;
}

void TransactionCore::release(std::size_t savepoint) {
  require_savepoint(savepoint);
  savepoints_.resize(savepoint);
  if (savepoints_.empty()) undo_.clear();
}

void TransactionCore::upsert(Table table, std::string_view key, AnyRecord record) {
  require_open();
  require_writable(table);
  check_key(table, key);
  put(table, key, prepare(table, record));
  ++upserts_;
  spill_if_large();
}

bool TransactionCore::upsert_if_different(Table table, std::string_view key, AnyRecord record) {
  require_open();
  require_writable(table);
  check_key(table, key);
  format::Record prepared = prepare(table, record);
  if (const auto old = find(table, key)) {
    if (prepared == format::Record(old->record())) return false;
  }
  put(table, key, std::move(prepared));
  ++upserts_;
  spill_if_large();
  return true;
}

bool TransactionCore::erase(Table table, std::string_view key) {
  require_open();
  require_writable(table);
  if (!find(table, key)) return false;
  if (find_below(table, key)) {
    put(table, key, std::nullopt);
  } else {
    remember(table, key);
    forget(table, key);
  }
  ++erases_;
  return true;
}

std::optional<Found> TransactionCore::find_below(Table table, std::string_view key) const {
  const Base& base = below();
  if (const Change* change = find_change(base.overlay.table(table), key)) {
    if (change->is_erased) return std::nullopt;
    return Found{change->key, change->record, {}};
  }
  return tree_find(*base.pages, base.roots[slot(table)], key);
}

std::optional<AnyEntry> TransactionCore::find(Table table, std::string_view key) const {
  require_open();
  const Dirty& dirty = dirty_[slot(table)];
  const auto at = dirty.find(key);
  if (at != dirty.end()) {
    if (!at->second) return std::nullopt;
    auto keep = std::make_shared<const format::Record>(*at->second);
    const format::RecordView view = keep->view();
    return AnyEntry(at->first, view, std::move(keep));
  }
  auto found = find_below(table, key);
  if (!found) return std::nullopt;
  return AnyEntry(found->key, found->record, std::move(found->keep));
}

Run TransactionCore::run_of(const Dirty& dirty) {
  Run run;
  run.reserve(dirty.size());
  for (const auto& [key, record] : dirty) {
    run.push_back({key, record ? record->view() : format::RecordView(), !record});
  }
  return run;
}

std::unique_ptr<ViewCursor> TransactionCore::cursor(Table table, std::string_view from) const {
  require_open();
  const Base& base = below();
  Run& run = cursor_runs_[slot(table)];
  run = run_of(table);
  auto cursor =
      std::make_unique<ViewCursor>(nullptr, *base.pages, base.roots[slot(table)],
                                   std::vector<const Run*>{&base.overlay.table(table), &run});
  cursor->seek(from);
  return cursor;
}

std::shared_ptr<const View> TransactionCore::view() const {
  require_open();
  const Base& base = below();
  // A copy shares the records; what changes or is written out later does not concern it.
  const auto kept = std::make_shared<const std::array<Dirty, kTableSlots>>(dirty_);
  std::array<Run, kTableSlots> runs;
  for (const Table table : kAllTables) runs[slot(table)] = run_of((*kept)[slot(table)]);
  Overlay overlay = base.overlay;
  overlay.apply_runs(runs, kept);
  return View::changed(*writer_->head_view(), writer_->pages_so_far(), base.roots,
                       std::move(overlay));
}

void TransactionCore::spill_if_large() {
  if (dirty_bytes_ > spill_bytes_ && savepoints_.empty()) spill();
}

// Folds what is pending and what is dirty into trees that no commit refers to yet.
void TransactionCore::spill() {
  const Base& base = below();
  auto staged = std::make_unique<Base>();
  const PageTargets targets = writer_->targets();
  staged->roots = base.roots;
  for (const Table table : kAllTables) {
    if (table == Table::kChildren || table == Table::kRevisions) continue;
    const Run run = merged_run(base, table, run_of(table));
    staged->roots[slot(table)] =
        update_tree(*base.pages, base.roots[slot(table)], run, targets, writer_->page_sink(table));
  }
  const Run tasks = merged_run(base, Table::kTasks, run_of(Table::kTasks));
  const OwnedRun children = derive_children(*base.pages, base.roots[slot(Table::kTasks)], tasks);
  staged->roots[slot(Table::kChildren)] =
      update_tree(*base.pages, base.roots[slot(Table::kChildren)], children.run, targets,
                  writer_->page_sink(Table::kChildren));
  staged->pages = writer_->pages_so_far();
  staged_ = std::move(staged);
  for (Dirty& dirty : dirty_) dirty.clear();
  dirty_bytes_ = 0;
}

// A record that was written twice is one record written. What was spilled is not told apart any
// more, and the first commit's own records are nobody's changes.
void TransactionCore::count_changes(CommitRequest& request) const {
  request.upserts = static_cast<std::uint32_t>(std::min<std::uint64_t>(upserts_, ~0U));
  request.erases = static_cast<std::uint32_t>(std::min<std::uint64_t>(erases_, ~0U));
  if (staged_ == nullptr && writer_->has_commit()) request.count();
}

CommitResult TransactionCore::commit(const CommitOptions& options,
                                     const CheckpointOptions* checkpoint) {
  require_open();
  if (empty() && checkpoint == nullptr && !options.as_snapshot && writer_->has_commit()) {
    CommitResult result;
    result.revision = writer_->head_info().revision;
    result.kind = writer_->head_info().kind;
    rollback();  // a text that was taken back may have left its blob
    return result;
  }
  CommitRequest request;
  for (const Table table : kAllTables) request.changes[slot(table)] = run_of(table);
  count_changes(request);
  request.message = options.message;
  request.durability = options.durability;
  request.as_snapshot = options.as_snapshot;
  if (checkpoint != nullptr) request.checkpoint = *checkpoint;
  request.content_base = staged_.get();
  request.bookkeeping_base = staged_.get();
  request.log_begin = log_begin_;
  try {
    if (options.keep_on_failure) {
      // What the changes refer to (blobs, spilled pages) is handed over first and stays.
      writer_->log().write_out();
      request.keep_log_to = writer_->log().end();
    }
    const CommitResult result = writer_->commit(request);
    finish();
    return result;
  } catch (...) {
    if (!options.keep_on_failure) finish();
    throw;
  }
}

void TransactionCore::rollback() {
  if (!open_) return;
  try {
    writer_->log().roll_back(log_begin_.end);
  } catch (...) {
    finish();
    throw;
  }
  finish();
}

void TransactionCore::finish() noexcept {
  open_ = false;
  for (Dirty& dirty : dirty_) dirty.clear();
  undo_.clear();
  savepoints_.clear();
  staged_.reset();
  writer_->release();
}

}  // namespace session::store
