#include "session/snapshot.h"

#include <capnp/message.h>

#include <utility>

#include "format/record.h"
#include "lib/store/blob_fields.h"
#include "lib/store/view.h"

namespace session {

WholeRecord::WholeRecord(AnyEntry entry) : entry_(std::move(entry)) {}
WholeRecord::WholeRecord(std::string key, std::unique_ptr<capnp::MallocMessageBuilder> message)
    : key_(std::move(key)), message_(std::move(message)) {}
WholeRecord::~WholeRecord() = default;
WholeRecord::WholeRecord(WholeRecord&&) noexcept = default;
WholeRecord& WholeRecord::operator=(WholeRecord&&) noexcept = default;

std::string_view WholeRecord::key() const {
  return entry_ ? entry_->key() : key_;
}

AnyRecord WholeRecord::record() const {
  if (entry_) return entry_->record();
  return message_->getRoot<capnp::AnyPointer>().asReader().getAs<capnp::AnyStruct>();
}

Cursor::Cursor(std::unique_ptr<store::ViewCursor> impl) : impl_(std::move(impl)) {}
Cursor::~Cursor() = default;
Cursor::Cursor(Cursor&&) noexcept = default;
Cursor& Cursor::operator=(Cursor&&) noexcept = default;

bool Cursor::valid() const {
  return impl_->valid();
}
std::string_view Cursor::key() const {
  return impl_->key();
}
AnyRecord Cursor::record() const {
  return impl_->record();
}
AnyEntry Cursor::entry() const {
  return {impl_->key(), impl_->record(), impl_->keep()};
}
void Cursor::next() {
  impl_->next();
}

std::uint64_t Snapshot::revision() const {
  return view_->info().revision;
}
const RevisionInfo& Snapshot::info() const {
  return view_->info();
}

Digest Snapshot::fingerprint() const {
  return format::guarded([&] { return view_->fingerprint(); });
}

std::optional<AnyEntry> Snapshot::find(Table table, std::string_view key) const {
  auto found = format::guarded([&] { return view_->find(table, key); });
  if (!found) return std::nullopt;
  return AnyEntry(found->key, found->record, std::move(found->keep));
}

Cursor Snapshot::cursor(Table table, std::string_view from) const {
  return format::guarded([&] {
    auto cursor =
        std::make_unique<store::ViewCursor>(view_, *view_->pages(), view_->roots()[slot(table)],
                                            std::vector<const store::Run*>{&view_->run(table)});
    cursor->seek(from);
    return Cursor(std::move(cursor));
  });
}

std::uint64_t Snapshot::count(Table table) const {
  return size(table).count;
}

TableSize Snapshot::size(Table table) const {
  return format::guarded([&] { return view_->size(table); });
}

std::vector<ChildRef> Snapshot::children(std::string_view parent) const {
  return format::guarded([&] { return view_->children(parent); });
}

std::vector<std::byte> Snapshot::blob(const Digest& digest) const {
  return format::guarded([&] { return view_->blob(digest); });
}

WholeRecord Snapshot::whole(Table table, const AnyEntry& entry) const {
  return format::guarded([&] {
    if (!store::has_blobs(entry.record())) return WholeRecord(entry);
    auto message = store::put_back_large_fields(
        table, entry.record(), [this](const Digest& digest) { return view_->blob(digest); });
    return WholeRecord(std::string(entry.key()), std::move(message));
  });
}

void Snapshot::history(const std::function<bool(const RevisionInfo&)>& visit) const {
  format::guarded([&] { view_->history(visit); });
}

void Snapshot::history_after(std::uint64_t revision,
                             const std::function<bool(const RevisionInfo&)>& visit) const {
  format::guarded([&] { view_->history_after(revision, visit); });
}

std::vector<CheckpointInfo> Snapshot::checkpoints() const {
  return format::guarded([&] { return view_->checkpoints(); });
}

}  // namespace session
