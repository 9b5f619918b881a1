#include "lib/store/view.h"

#include <algorithm>
#include <cstring>

#include "format/record.h"
#include "lib/store/tree_writer.h"

namespace session::store {
namespace {

using format::FrameKind;

constexpr std::size_t kRevisionKeyBytes = 8;
constexpr const char* kOutOfOrder = "revisions that are out of order";

std::string revision_key(std::uint64_t revision) {
  std::string key;
  format::append_big_endian(key, revision, kRevisionKeyBytes);
  return key;
}

[[noreturn]] void bad_link(std::uint64_t offset, std::string detail) {
  throw format::Damage{offset, 0, format::DamageKind::kLink, std::move(detail)}.error();
}

// Pages that are only wanted for their digests: places that no page of a file has.
PageSink digest_sink() {
  return [next = std::uint64_t{1} << 63](FrameKind, format::Bytes) mutable {
    return PagePlace{next++, 0, 0};
  };
}

std::uint64_t content_bytes(std::string_view key, format::RecordView record) {
  return key.size() + format::canonical_words(record) * sizeof(capnp::word);
}

}  // namespace

LoadedCommit load_commit(const PageSource& pages, std::uint64_t offset) {
  LoadedCommit commit;
  commit.offset = offset;
  commit.page = pages.fetch(offset, FrameKind::kCommit);
  const format::FrameHeader header = pages.header(offset);
  commit.end = header.end();
  commit.home = header.home;
  commit.reader = format::read_root<schema::Commit>(commit.page.payload());
  return commit;
}

RevisionInfo describe(const LoadedCommit& commit) {
  const auto reader = commit.reader;
  RevisionInfo info;
  info.revision = reader.getRevision();
  info.parent = reader.getParentRevision();
  info.time_nanos = reader.getTime();
  info.kind = reader.getKind() == schema::Commit::Kind::SNAPSHOT ? CommitKind::kSnapshot
                                                                 : CommitKind::kDelta;
  info.offset = commit.offset;
  info.size_bytes = reader.getPageBytes() + (commit.end - commit.offset);
  info.upserts = reader.getUpsertCount();
  info.erases = reader.getEraseCount();
  info.message = to_string(reader.getMessage());
  if (reader.hasTrees() && info.kind == CommitKind::kSnapshot) {
    const auto trees = reader.getTrees();
    Digest digest{};
    std::memcpy(digest.data(), trees.getFingerprint().begin(), digest.size());
    info.fingerprint = digest;
    info.checkpoint = to_string(trees.getCheckpoint());
  }
  return info;
}

CheckpointInfo describe(std::string_view id, schema::Checkpoint::Reader checkpoint) {
  CheckpointInfo info;
  info.id = std::string(id);
  info.revision = checkpoint.getRevision();
  info.time_nanos = checkpoint.getTime();
  info.trigger = checkpoint.getTrigger();
  info.is_automatic = checkpoint.getIsAutomatic();
  info.description = to_string(checkpoint.getDescription());
  info.reason = to_string(checkpoint.getReason());
  info.task_count = checkpoint.getTaskCount();
  info.size_bytes = checkpoint.getSizeBytes();
  for (const auto tag : checkpoint.getTags()) info.tags.push_back(to_string(tag));
  return info;
}

std::vector<std::byte> read_blob(const PageSource& pages, const Digest& digest,
                                 schema::Blob::Reader record) {
  std::vector<std::byte> content;
  if (record.getSizeBytes() > format::kMaxBlobBytes) {
    throw Error(ErrorCode::kDamaged, "a blob of an impossible size");
  }
  std::uint64_t last_offset = 0;
  for (const auto part : record.getParts()) {
    // So no frame is read twice: a blob is not larger than what the file holds for it.
    if (part.getOffset() <= last_offset)
      bad_link(part.getOffset(), "a blob's parts are not in order");
    last_offset = part.getOffset();
    const Page page = pages.fetch(part.getOffset(), FrameKind::kBlob);
    if (page.size_bytes > record.getSizeBytes() - content.size()) {
      bad_link(part.getOffset(), "a blob is longer than its table says");
    }
    const format::Bytes bytes = page.payload();
    content.insert(content.end(), bytes.begin(), bytes.end());
  }
  if (content.size() != record.getSizeBytes() || format::sha256(content) != digest) {
    throw Error(ErrorCode::kDamaged, "blob " + to_hex(digest) + " does not hash to its name");
  }
  return content;
}

View::View(std::shared_ptr<const PageSource> pages, const format::FileHeader& header)
    : pages_(std::move(pages)), header_(header) {}

std::shared_ptr<const View> View::open(std::shared_ptr<const PageSource> pages,
                                       const format::FileHeader& header,
                                       std::uint64_t commit_offset) {
  const std::shared_ptr<View> view(new View(std::move(pages), header));
  format::guarded([&] { view->load(commit_offset); });
  return view;
}

std::shared_ptr<const View> View::changed(const View& revision,
                                          std::shared_ptr<const PageSource> pages,
                                          const format::Roots& roots, Overlay overlay) {
  std::shared_ptr<View> view(new View(std::move(pages), revision.header_));
  view->info_ = revision.info_;
  view->info_.fingerprint.reset();  // of other records
  view->trees_commit_ = revision.trees_commit_;
  view->pending_ = revision.pending_;
  view->pending_bytes_ = revision.pending_bytes_;
  view->roots_ = roots;
  view->writer_ = revision.writer_;
  view->overlay_ = std::move(overlay);
  return view;
}

void View::load(std::uint64_t commit_offset) {
  std::vector<LoadedCommit> chain;  // newest first
  std::uint64_t chain_bytes = 0;
  const auto follow = [&](std::uint64_t offset) {
    chain.push_back(load_commit(*pages_, offset));
    // Compressed, a gigabyte of deltas can stand in a small file.
    chain_bytes += chain.back().page.size_bytes;
    if (chain_bytes > format::kMaxChainBytes) bad_link(commit_offset, "too large a chain");
  };
  follow(commit_offset);
  while (!chain.back().reader.hasTrees()) {
    if (chain.size() > format::kMaxChainDeltas) bad_link(commit_offset, "a chain without trees");
    const std::uint64_t parent = chain.back().reader.getParentRevision();
    follow(chain.back().home);
    if (chain.back().reader.getRevision() != parent) {
      bad_link(chain.back().offset, "a commit's parent has another number than it says");
    }
  }
  const auto trees = chain.back().reader.getTrees();
  format::refuse_unknown_features(trees);
  roots_ = format::read_roots(trees);
  writer_ = to_string(trees.getWriter());
  has_prefixes_ = format::has_feature(trees, format::kPrefixFeature);
  info_ = describe(chain.front());
  trees_commit_ = describe(chain.back());
  // Trees may be older than the commit that carries them: a fold beside ongoing commits.
  while (chain.back().reader.getRevision() > trees.getRevision()) {
    if (chain.size() > 2 * format::kMaxChainDeltas) bad_link(commit_offset, "a chain too long");
    follow(chain.back().home);
    if (chain.back().reader.getRevision() > trees.getRevision()) continue;
    chain.pop_back();
    break;
  }

  std::vector<schema::Commit::Reader> deltas;
  std::vector<std::shared_ptr<const void>> keeps;
  for (auto commit = chain.rbegin(); commit != chain.rend(); ++commit) {
    if (commit->reader.getRevision() <= trees.getRevision()) continue;
    deltas.push_back(commit->reader);
    pending_.push_back(describe(*commit));
    pending_bytes_ += commit->end - commit->offset;
    if (commit->page.keep) keeps.push_back(commit->page.keep);
  }
  overlay_.apply_all(deltas, std::move(keeps));
}

std::optional<Found> View::find(Table table, std::string_view key) const {
  if (const Change* change = find_change(run(table), key)) {
    if (change->is_erased) return std::nullopt;
    return Found{change->key, change->record, {}};
  }
  return tree_find(*pages_, roots_[slot(table)], key);
}

const Run& View::run(Table table) const {
  if (table != Table::kChildren) return overlay_.table(table);
  const OwnedRun& children = children_.get([&] {
    return derive_children(*pages_, roots_[slot(Table::kTasks)], overlay_.table(Table::kTasks));
  });
  return children.run;
}

TableSize View::compute_size(Table table) const {
  const format::RootRef& root = roots_[slot(table)];
  TableSize size{table, root.count, root.content_bytes, root.stored_bytes};
  for (const Change& change : run(table)) {
    if (const auto old = tree_find(*pages_, root, change.key)) {
      --size.count;
      size.content_bytes -= content_bytes(old->key, old->record);
    }
    if (change.is_erased) continue;
    ++size.count;
    size.content_bytes += content_bytes(change.key, change.record);
  }
  return size;
}

TableSize View::size(Table table) const {
  return sizes_[slot(table)].get([&] { return compute_size(table); });
}

std::vector<ChildRef> View::children(std::string_view parent) const {
  std::vector<ChildRef> children;
  visit_children(parent, [&](std::int64_t rank, std::string_view key) {
    children.push_back({std::string(key), rank});
    return true;
  });
  return children;
}

void View::visit_children(
    std::string_view parent,
    const std::function<bool(std::int64_t rank, std::string_view key)>& visit) const {
  const std::string prefix = child_key_prefix(parent);
  ViewCursor cursor(nullptr, *pages_, roots_[slot(Table::kChildren)], {&run(Table::kChildren)});
  for (cursor.seek(prefix); cursor.valid() && cursor.key().starts_with(prefix); cursor.next()) {
    const ChildKey key = parse_child_key(cursor.key());
    if (!visit(key.rank, key.child)) return;
  }
}

std::vector<std::byte> View::blob(const Digest& digest) const {
  const auto found = find(Table::kBlobs, format::as_text(digest));
  if (!found) {
    throw Error(ErrorCode::kNotFound, "no blob " + to_hex(digest) + " in this revision");
  }
  return read_blob(*pages_, digest, found->record.as<schema::Blob>());
}

Digest View::fingerprint() const {
  if (info_.fingerprint) return *info_.fingerprint;
  return fingerprint_.get([&] {
    format::Roots folded = roots_;
    const PageTargets targets{header_.leaf_target_log2, header_.index_target_log2};
    for (const Table table : kContentTables) {
      folded[slot(table)] =
          update_tree(*pages_, roots_[slot(table)], overlay_.table(table), targets, digest_sink());
    }
    return format::fingerprint(folded);
  });
}

std::uint64_t View::stored_revisions() const {
  return roots_[slot(Table::kRevisions)].count;
}

RevisionInfo View::stored_revision(std::uint64_t rank) const {
  TreeCursor cursor(*pages_, roots_[slot(Table::kRevisions)]);
  cursor.seek_rank(rank);
  if (!cursor.valid())
    throw Error(ErrorCode::kDamaged, "the revisions table is shorter than it says");
  const auto record = cursor.record().as<schema::Revision>();
  RevisionInfo info;
  info.revision = format::read_big_endian(cursor.key());
  info.parent = record.getParent();
  info.time_nanos = record.getTime();
  info.kind = record.getKind() == 1 ? CommitKind::kSnapshot : CommitKind::kDelta;
  info.offset = record.getOffset();
  info.size_bytes = record.getSizeBytes();
  return info;
}

bool View::trees_are_pending() const {
  return !pending_.empty() && trees_commit_.revision >= pending_.front().revision;
}

RevisionInfo View::stored_commit(std::uint64_t rank) const {
  const RevisionInfo stored = stored_revision(rank);
  RevisionInfo info = describe(load_commit(*pages_, stored.offset));
  if (info.revision != stored.revision) {
    bad_link(stored.offset, "a commit has another number than the revisions table says");
  }
  return info;
}

// Numbers that rise and fall as they should bound both walks by the revisions there are, whatever
// the pages count.
void View::history(const std::function<bool(const RevisionInfo&)>& visit) const {
  for (auto commit = pending_.rbegin(); commit != pending_.rend(); ++commit) {
    if (!visit(*commit)) return;
  }
  if (!trees_are_pending() && !visit(trees_commit_)) return;
  std::uint64_t newer = trees_commit_.revision;
  for (std::uint64_t rank = stored_revisions(); rank > 0; --rank) {
    const RevisionInfo info = stored_commit(rank - 1);
    if (info.revision >= newer) bad_link(trees_commit_.offset, kOutOfOrder);
    newer = info.revision;
    if (!visit(info)) return;
  }
}

void View::history_after(std::uint64_t revision,
                         const std::function<bool(const RevisionInfo&)>& visit) const {
  std::uint64_t older = revision;
  for (std::uint64_t rank = first_rank_after(revision); rank < stored_revisions(); ++rank) {
    const RevisionInfo info = stored_commit(rank);
    if (info.revision <= older || info.revision >= trees_commit_.revision) {
      bad_link(trees_commit_.offset, kOutOfOrder);
    }
    older = info.revision;
    if (!visit(info)) return;
  }
  if (!trees_are_pending() && trees_commit_.revision > revision && !visit(trees_commit_)) return;
  for (const RevisionInfo& commit : pending_) {
    if (commit.revision > revision && !visit(commit)) return;
  }
}

std::optional<std::uint64_t> View::commit_offset(std::uint64_t revision) const {
  if (revision == trees_commit_.revision) return trees_commit_.offset;
  const auto pending =
      std::lower_bound(pending_.begin(), pending_.end(), revision,
                       [](const RevisionInfo& info, std::uint64_t r) { return info.revision < r; });
  if (pending != pending_.end() && pending->revision == revision) return pending->offset;
  const auto found = tree_find(*pages_, roots_[slot(Table::kRevisions)], revision_key(revision));
  if (!found) return std::nullopt;
  return found->record.as<schema::Revision>().getOffset();
}

std::uint64_t View::revision_at(std::int64_t time_nanos) const {
  for (auto commit = pending_.rbegin(); commit != pending_.rend(); ++commit) {
    if (commit->time_nanos <= time_nanos) return commit->revision;
  }
  if (trees_commit_.time_nanos <= time_nanos) return trees_commit_.revision;
  // Times never fall from one revision to the next, so ranks are in order of time.
  std::uint64_t low = 0;
  for (std::uint64_t high = stored_revisions(); low < high;) {
    const std::uint64_t middle = low + (high - low) / 2;
    if (stored_revision(middle).time_nanos <= time_nanos) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low == 0 ? 0 : stored_revision(low - 1).revision;
}

std::uint64_t View::revision_count() const {
  return stored_revisions() + pending_.size() + (trees_are_pending() ? 0 : 1);
}

// Of the stored revisions; their number if none is newer.
std::uint64_t View::first_rank_after(std::uint64_t revision) const {
  std::uint64_t low = 0;
  for (std::uint64_t high = stored_revisions(); low < high;) {
    const std::uint64_t middle = low + (high - low) / 2;
    if (stored_revision(middle).revision <= revision) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

std::vector<std::uint64_t> View::nearest_revisions(std::uint64_t revision) const {
  std::vector<std::uint64_t> near;
  TreeCursor cursor(*pages_, roots_[slot(Table::kRevisions)]);
  const std::uint64_t older = revision == 0 ? 0 : first_rank_after(revision - 1);
  std::uint64_t below = older == 0 ? 0 : stored_revision(older - 1).revision;
  cursor.seek(revision_key(revision));
  std::uint64_t above = cursor.valid() ? format::read_big_endian(cursor.key()) : 0;
  const auto consider = [&](std::uint64_t number) {
    if (number < revision) below = std::max(below, number);
    if (number > revision && (above == 0 || number < above)) above = number;
  };
  consider(trees_commit_.revision);
  for (const RevisionInfo& delta : pending_) consider(delta.revision);
  if (below != 0) near.push_back(below);
  if (above != 0) near.push_back(above);
  return near;
}

std::vector<CheckpointInfo> View::checkpoints() const {
  std::vector<CheckpointInfo> all;
  ViewCursor cursor(nullptr, *pages_, roots_[slot(Table::kCheckpoints)],
                    {&run(Table::kCheckpoints)});
  for (cursor.seek({}); cursor.valid(); cursor.next()) {
    all.push_back(describe(cursor.key(), cursor.record().as<schema::Checkpoint>()));
  }
  std::stable_sort(all.begin(), all.end(), [](const CheckpointInfo& a, const CheckpointInfo& b) {
    return a.revision < b.revision;
  });
  return all;
}

ViewCursor::ViewCursor(std::shared_ptr<const View> owner, const PageSource& pages,
                       const format::RootRef& root, std::vector<const Run*> runs)
    : owner_(std::move(owner)), tree_(pages, root) {
  for (const Run* run : runs) {
    if (!run->empty()) layers_.push_back({run, run->end()});
  }
}

void ViewCursor::seek(std::string_view key) {
  tree_.seek(key);
  for (Layer& layer : layers_) layer.at = lower_bound_change(*layer.run, key);
  settle();
}

std::string_view ViewCursor::key() const {
  return current_ == 0 ? tree_.key() : layers_[current_ - 1].at->key;
}

format::RecordView ViewCursor::record() const {
  return current_ == 0 ? tree_.record() : layers_[current_ - 1].at->record;
}

std::shared_ptr<const void> ViewCursor::keep() const {
  return current_ == 0 ? tree_.keep() : nullptr;
}

void ViewCursor::pass(std::string_view key) {
  for (Layer& layer : layers_) {
    if (layer.at != layer.run->end() && layer.at->key == key) ++layer.at;
  }
  // Last: `key` may be a view into the tree's page.
  if (tree_.valid() && tree_.key() == key) tree_.next();
}

void ViewCursor::settle() {
  while (true) {
    current_ = tree_.valid() ? 0 : kNone;
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      const Layer& layer = layers_[i];
      if (layer.at == layer.run->end()) continue;
      // A later layer wins on equal keys.
      if (current_ == kNone || layer.at->key <= key()) current_ = i + 1;
    }
    if (current_ == kNone || current_ == 0 || !layers_[current_ - 1].at->is_erased) return;
    pass(key());
  }
}

void ViewCursor::next() {
  if (layers_.empty()) {  // nothing pending: a third of the cost of a step
    tree_.next();
    current_ = tree_.valid() ? 0 : kNone;
    return;
  }
  pass(key());
  settle();
}

}  // namespace session::store
