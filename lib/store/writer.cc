#include "session/writer.h"

#include <utility>

#include "format/record.h"
#include "lib/store/revision_name.h"
#include "lib/store/transaction_core.h"
#include "lib/store/writer_core.h"

namespace session {

Transaction::Transaction(std::unique_ptr<store::TransactionCore> core) : core_(std::move(core)) {}
Transaction::~Transaction() = default;
Transaction::Transaction(Transaction&&) noexcept = default;

void Transaction::upsert_any(Table table, std::string_view key, AnyRecord record) {
  core_->upsert(table, key, record);
}
bool Transaction::upsert_if_different(Table table, std::string_view key, AnyRecord record) {
  return core_->upsert_if_different(table, key, record);
}
bool Transaction::erase(Table table, std::string_view key) {
  return core_->erase(table, key);
}
std::optional<AnyEntry> Transaction::find(Table table, std::string_view key) const {
  return core_->find(table, key);
}
Snapshot Transaction::base() const {
  return Snapshot(core_->writer().head_view());
}
Snapshot Transaction::so_far() const {
  return format::guarded([&] { return Snapshot(core_->view()); });
}
bool Transaction::empty() const {
  return core_->empty();
}
std::uint64_t Transaction::changes() const {
  return core_->changes();
}
Cursor Transaction::cursor(Table table, std::string_view from) const {
  return Cursor(core_->cursor(table, from));
}
void Transaction::spill_above(std::uint64_t limit_bytes) {
  core_->spill_above(limit_bytes);
}
Digest Transaction::add_blob(std::span<const std::byte> content) {
  return core_->add_blob(content);
}
CommitResult Transaction::commit(const CommitOptions& options) {
  return core_->commit(options, nullptr);
}
CommitResult Transaction::checkpoint(const CheckpointOptions& options, const std::string& message) {
  CommitOptions commit;
  commit.message = message;
  return checkpoint(options, commit);
}
CommitResult Transaction::checkpoint(const CheckpointOptions& options,
                                     const CommitOptions& commit) {
  return core_->commit(commit, &options);
}
std::size_t Transaction::savepoint() {
  return core_->savepoint();
}
void Transaction::roll_back_to(std::size_t savepoint) {
  core_->roll_back_to(savepoint);
}
void Transaction::release(std::size_t savepoint) {
  core_->release(savepoint);
}
void Transaction::rollback() {
  core_->rollback();
}

Writer::Writer(std::shared_ptr<store::WriterCore> core) : core_(std::move(core)) {}
Writer::~Writer() = default;
Writer::Writer(Writer&&) noexcept = default;
Writer& Writer::operator=(Writer&&) noexcept = default;

Writer Writer::create_draft(const std::string& path, CreateOptions options) {
  return Writer(store::WriterCore::create_draft(path, options));
}

Writer Writer::create(const std::string& path, CreateOptions options) {
  Writer writer = create_draft(path, std::move(options));
  writer.begin().commit();
  writer.publish();
  return writer;
}

Writer Writer::open(const std::string& path, WriterOptions options) {
  return Writer(store::WriterCore::open(path, options));
}

void Writer::publish() {
  core_->publish();
}
const OpenReport& Writer::report() const {
  return core_->report();
}
const std::string& Writer::path() const {
  return core_->path();
}
Transaction Writer::begin() {
  return Transaction(std::make_unique<store::TransactionCore>(core_));
}
Snapshot Writer::head() const {
  return Snapshot(core_->head_view());
}
Snapshot Writer::at(std::uint64_t revision) const {
  return Snapshot(core_->view_at(revision));
}
Snapshot Writer::at(std::string_view revision) const {
  return at(store::resolve_revision(*core_->head_view(), revision));
}

CommitResult Writer::checkpoint(const CheckpointOptions& options) {
  return begin().checkpoint(options);
}

CommitResult Writer::delete_checkpoint(std::string_view id) {
  Transaction change = begin();
  if (!change.erase(Table::kCheckpoints, id)) {
    throw Error(ErrorCode::kNotFound, "there is no checkpoint " + std::string(id), path());
  }
  CommitOptions options;
  options.message = "delete checkpoint " + std::string(id);
  return change.commit(options);
}

CommitResult Writer::restore(std::uint64_t revision) {
  return core_->restore(revision);
}
void Writer::flush() {
  core_->flush();
}
void Writer::close() {
  core_->close();
}

}  // namespace session
