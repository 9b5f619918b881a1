#include "lib/operations/repack.h"

#include <algorithm>
#include <cstdio>
#include <deque>
#include <utility>

#include "format/canary.h"
#include "format/compression.h"
#include "lib/convert/time_text.h"
#include "lib/operations/erasure.h"
#include "lib/operations/recovery.h"
#include "lib/store/tree.h"
#include "lib/store/tree_diff.h"

namespace session::operations {

using format::RecordView;
using format::RootRef;
using store::Change;
using store::View;

// What one revision changes, and what owns it until it is written.
struct Repacker::Changes {
  Runs runs;
  Run marker;  // for `recoveries`, of what was erased
  std::vector<std::shared_ptr<const void>> keeps;
  std::deque<std::string> keys;
  std::deque<format::Record> records;
};

namespace {

// Twice what a delta may take: what is larger becomes a snapshot anyway.
constexpr std::uint64_t kMaxDifferenceBytes = 2 * std::uint64_t{format::kMaxDeltaBytes};

// Made by whoever writes a snapshot, from what lies below it.
bool is_carried(Table table) {
  return table != Table::kBlobs && table != Table::kChildren && table != Table::kRevisions;
}

std::string_view bytes_of(capnp::Data::Reader data) {
  return {reinterpret_cast<const char*>(data.begin()), data.size()};
}

std::uint64_t size_of(const Change& change) {
  if (change.is_erased) return change.key.size();
  return change.key.size() + format::canonical_words(change.record) * sizeof(capnp::word);
}

// The draft belongs to one transaction at a time.
class Turn {
 public:
  explicit Turn(store::WriterCore& writer) : writer_(writer) { writer_.acquire(); }
  ~Turn() { writer_.release(); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  store::WriterCore& writer_;
};

}  // namespace

Repacker::Repacker(std::shared_ptr<store::WriterCore> draft, RepackPlan plan)
    : draft_(std::move(draft)),
      plan_(std::move(plan)),
      copier_(*draft_, plan_.archive ? format::kArchiveLevel : 0, plan_.copied),
      prefixes_(*draft_),
      has_record_(plan_.erase.size()),
      erased_(plan_.erase.size()) {
  for (const RevisionInfo& info : plan_.kept) kept_.insert(info.revision);
  for (const RecordName& name : plan_.erase) erase_[slot(name.table)].insert(name.key);
}

void Repacker::run() {
  mark_blobs();
  for (std::size_t i = 0; i < plan_.kept.size(); ++i) add(i);
}

std::shared_ptr<const View> Repacker::open(const RevisionInfo& info) const {
  return View::open(plan_.pages, plan_.header, info.offset);
}

// A delta upon the revision that was added just before.
bool Repacker::follows(std::size_t index) const {
  const RevisionInfo& info = plan_.kept[index];
  return index > 0 && info.kind == CommitKind::kDelta &&
         info.parent == plan_.kept[index - 1].revision;
}

// ---- which blobs stay ---------------------------------------------------------------------------

void Repacker::mark_blobs() {
  for (std::size_t i = 0; i < plan_.kept.size(); ++i) {
    const RevisionInfo& info = plan_.kept[i];
    if (follows(i)) {
      const store::LoadedCommit commit = store::load_commit(*plan_.pages, info.offset);
      const auto runs = store::runs_of(commit.reader);
      for (const Table table : kAllTables) mark_run(table, runs[slot(table)]);
      continue;
    }
    const auto view = open(info);
    // Without blobs no record refers to one, and nothing need be looked at.
    if (view->roots()[slot(Table::kBlobs)].empty() && view->run(Table::kBlobs).empty()) continue;
    for (const Table table : kAllTables) {
      if (!is_carried(table)) continue;
      std::optional<std::string> passed;
      (void)mark_tree(table, view->roots()[slot(table)], view->run(table), passed);
      mark_run(table, view->run(table));
    }
  }
  for (auto& marked : marked_) marked.clear();
}

// Records that `over` has another word on are not looked at. False if there was one: such a page is
// looked at again by whoever else has it.
// Keys must rise from page to page: else somebody who forges a file could lead through the same
// pages again and again.
bool Repacker::mark_tree(Table table, const RootRef& root, const Run& over,
                         std::optional<std::string>& passed) {
  if (root.empty() || marked_[slot(table)].contains(root.digest)) return true;
  bool is_whole = true;
  const store::Page page = plan_.pages->fetch(root.offset, store::page_kind(root.level));
  if (root.level == 0) {
    plan_.copied(0);
    const format::LeafView leaf(page.payload());
    if (passed && leaf.key(0) <= *passed) {
      throw Error(ErrorCode::kDamaged,
                  "the keys of a table's pages are not in rising order; `sessiontool verify` says "
                  "what is damaged",
                  {}, root.offset);
    }
    passed = leaf.key(leaf.size() - 1);
    for (std::uint32_t i = 0; i < leaf.size(); ++i) {
      if (store::find_change(over, leaf.key(i)) != nullptr) {
        is_whole = false;
      } else {
        mark_record(table, leaf.key(i), leaf.record(i));
      }
    }
    if (is_whole) marked_[slot(table)].insert(root.digest);
    return is_whole;
  }
  const format::IndexView index = store::open_index(page, root.offset, root.level);
  for (std::uint32_t i = 0; i < index.size(); ++i) {
    const format::Child child = index.child(i);
    RootRef below;
    below.level = root.level - 1;
    below.offset = child.offset;
    below.count = child.count;
    below.digest = child.digest;
    is_whole = mark_tree(table, below, over, passed) && is_whole;
  }
  if (is_whole) marked_[slot(table)].insert(root.digest);
  return is_whole;
}

void Repacker::mark_run(Table table, const Run& run) {
  if (!is_carried(table)) return;
  for (const Change& change : run) {
    if (!change.is_erased) mark_record(table, change.key, change.record);
  }
}

void Repacker::mark_record(Table table, std::string_view key, RecordView record) {
  if (is_dropped(table, {key, record, false})) return;
  // Every record begins with its list of blobs, and Child has nothing else.
  for (const auto reference : record.as<schema::Child>().getBlobs()) {
    live_blobs_.emplace(bytes_of(reference.getDigest()));
  }
}

// ---- what goes ----------------------------------------------------------------------------------

bool Repacker::is_erased(Table table, std::string_view key) const {
  return erase_[slot(table)].contains(key);
}

bool Repacker::is_dropped(Table table, const Change& change) const {
  if (is_erased(table, change.key) && !format::planted("compact")) return true;
  if (change.is_erased) return false;
  if (table == Table::kBlobs) return !live_blobs_.contains(std::string(change.key));
  if (table != Table::kCheckpoints) return false;
  const std::uint64_t revision = change.record.as<schema::Checkpoint>().getRevision();
  return revision != 0 && !kept_.contains(revision);
}

void Repacker::drop_from(Runs& runs) const {
  for (const Table table : kAllTables) {
    std::erase_if(runs[slot(table)],
                  [&](const Change& change) { return is_dropped(table, change); });
  }
}

void Repacker::note_erased(const RevisionInfo& info,
                           const std::function<bool(const RecordName&)>& has) {
  bool is_changed = false;
  for (std::size_t i = 0; i < plan_.erase.size(); ++i) {
    has_record_[i] = has(plan_.erase[i]);
    if (!has_record_[i]) continue;
    ++erased_[i];
    is_changed = true;
  }
  if (is_changed) changed_.push_back(info.revision);
}

void Repacker::note_erased_after(const RevisionInfo& info, const Runs& runs) {
  std::size_t i = 0;
  note_erased(info, [&](const RecordName& name) {
    const bool had = has_record_[i++];
    const Change* change = store::find_change(runs[slot(name.table)], name.key);
    return change == nullptr ? had : !change->is_erased;
  });
}

void Repacker::require_no_orphans(const View& view) const {
  for (const std::string& parent : erase_[slot(Table::kTasks)]) {
    for (const ChildRef& child : view.children(parent)) {
      if (!is_erased(Table::kTasks, child.key)) throw_left_behind(parent, child.key, view.info());
    }
  }
}

void Repacker::add_marker(const RevisionInfo& info, const View& view, Changes& changes) {
  if (plan_.erase.empty() || info.revision != plan_.kept.back().revision) return;
  const auto is_taken = [&](std::string_view key) {
    return view.find(Table::kRecoveries, key).has_value();
  };
  changes.keys.push_back(recovery_key(view.size(Table::kRecoveries).count, is_taken));
  changes.records.push_back(erasure_marker(plan_.erase, info, plan_.now_nanos));
  changes.marker = {{changes.keys.back(), changes.records.back().view(), false}};
}

// ---- one revision -------------------------------------------------------------------------------

void Repacker::add(std::size_t index) {
  const RevisionInfo& info = plan_.kept[index];
  const Turn turn(*draft_);
  begin_ = draft_->log().position();
  pack_like({info.offset});
  Changes changes;
  std::shared_ptr<const View> view;
  if (follows(index)) {
    const store::LoadedCommit commit = store::load_commit(*plan_.pages, info.offset);
    if (commit.page.keep) changes.keeps.push_back(commit.page.keep);
    changes.runs = store::runs_of(commit.reader);
    note_erased_after(info, changes.runs);
  } else {
    view = open(info);
    note_erased(
        info, [&](const RecordName& name) { return view->find(name.table, name.key).has_value(); });
    before_ = index > 0 ? open(plan_.kept[index - 1]) : nullptr;
  }
  if (!plan_.erase.empty()) {
    if (view == nullptr) view = open(info);
    require_no_orphans(*view);
    add_marker(info, *view, changes);
  }
  if (info.kind == CommitKind::kDelta && index > 0) {
    const bool is_small = follows(index) || collect_difference(*view, changes);
    if (is_small && add_delta(index, changes)) return;
  }
  if (!allows_prefixes_ && window_pays(index)) allow_prefixes();
  if (view == nullptr) view = open(info);
  if (follows(index)) before_ = open(plan_.kept[index - 1]);
  add_snapshot(info, *view, changes);
}

// False if it would be too much for a delta: then nothing was written.
bool Repacker::add_delta(std::size_t index, Changes& changes) {
  const RevisionInfo& info = plan_.kept[index];
  drop_from(changes.runs);
  store::apply_run(changes.runs[slot(Table::kRecoveries)], changes.marker);
  store::CommitRequest request;
  request.kept = &info;
  request.message = info.message;
  request.changes = changes.runs;
  request.count();
  if (draft_->should_fold(request)) return false;
  request.log_begin = begin_;
  begin_window(index);
  if (window_end_ > index) request.prefix = prefixes_.choose(request.changes);
  move_blobs(request.changes[slot(Table::kBlobs)], changes);
  commit(request);
  prefixes_.wrote(draft_->head_info().offset, request.is_prefixed);
  return true;
}

// ---- deltas behind the leaves they are folded into ----------------------------------------------

// The next kept snapshot behind `index`; how many are kept if there is none.
std::size_t Repacker::end_of_window(std::size_t index) const {
  std::size_t end = index + 1;
  while (end < plan_.kept.size() && plan_.kept[end].kind == CommitKind::kDelta) ++end;
  return end;
}

// Whether one of the deltas behind the snapshot at `index` gets smaller behind the first of them:
// the snapshot has to say so, before it is known what they lean on in the end.
bool Repacker::window_pays(std::size_t index) const {
  const std::size_t end = end_of_window(index);
  if (end == plan_.kept.size()) return false;
  format::Prefix first;
  std::vector<std::byte> frame;
  for (std::size_t i = index + 1; i < end; ++i) {
    const std::uint64_t offset = plan_.kept[i].offset;
    const store::LoadedCommit commit = store::load_commit(*plan_.pages, offset);
    const int level = plan_.archive || is_packed(offset) ? format::kArchiveLevel : 0;
    frame.clear();
    const format::FrameHeader header =
        format::append_frame(frame, offset, format::FrameKind::kCommit, commit.home, 0,
                             commit.page.payload(), level, 0, &first);
    if (header.codec == format::Codec::kZstdPrefix) return true;
    const bool is_template = commit.page.size_bytes <= DeltaPrefixes::kMaxTemplateBytes;
    if (first.offsets.empty() && is_template) (void)first.add(offset, commit.page.payload());
  }
  return false;
}

void Repacker::allow_prefixes() {
  allows_prefixes_ = true;
  draft_->allow_prefixes();
  // Who erases makes pages anew, and nobody knows yet which of them the newest revision has.
  if (!plan_.erase.empty()) return;
  copier_.pack_all_but(*plan_.pages, open(plan_.kept.back())->roots());
}

// The leaves of content that the window's end brings, ahead of the deltas it folds.
void Repacker::begin_window(std::size_t index) {
  if (!allows_prefixes_ || window_end_ > index) return;
  const std::size_t end = end_of_window(index);
  if (end == plan_.kept.size()) return;
  window_end_ = end;
  const auto view = open(plan_.kept[end]);
  pack_like_trees(plan_.kept[end], *view);
  Changes changes;
  const Runs over = over_trees(*view, changes);
  std::vector<WrittenLeaf> leaves;
  StagedPages staged;
  for (const Table table : kContentTables) {
    const RootRef folded = fold(*view, table, over[slot(table)], staged);
    copier_.copy_leaves(*view->pages(), staged, table, folded, leaves);
  }
  prefixes_.begin(std::move(leaves));
  pack_like({plan_.kept[index].offset});
}

RootRef Repacker::fold(const View& view, Table table, const Run& over, StagedPages& staged) const {
  const store::PageTargets targets{plan_.header.leaf_target_log2, plan_.header.index_target_log2};
  return store::update_tree(*view.pages(), view.roots()[slot(table)], over, targets, staged.sink());
}

bool Repacker::collect_difference(const View& view, Changes& into) const {
  std::uint64_t bytes = 0;
  for (const Table table : kAllTables) {
    if (!is_carried(table) && table != Table::kBlobs) continue;
    store::diff_views(*before_, view, table, [&](const store::Difference& found) {
      const bool is_erased = !found.after;
      const Change change{found.key, is_erased ? RecordView() : *found.after, is_erased};
      bytes += size_of(change);
      if (bytes > kMaxDifferenceBytes) return;
      into.runs[slot(table)].push_back(change);
      const auto& keep = is_erased ? found.keep_before : found.keep_after;
      if (keep && (into.keeps.empty() || into.keeps.back() != keep)) into.keeps.push_back(keep);
    });
  }
  return bytes <= kMaxDifferenceBytes;
}

// What lies over the trees of the revision and has to be folded into them: its pending changes, and
// what is taken out.
Repacker::Runs Repacker::over_trees(const View& view, Changes& changes) const {
  Runs over;
  for (const Table table : kAllTables) {
    if (!is_carried(table)) continue;
    Run& run = over[slot(table)];
    run = view.run(table);
    Run gone;
    for (const std::string& key : erase_[slot(table)]) {
      if (view.find(table, key)) gone.push_back({key, {}, true});
    }
    if (table == Table::kCheckpoints) {
      store::ViewCursor cursor(nullptr, *view.pages(), view.roots()[slot(table)], {&run});
      for (cursor.seek({}); cursor.valid(); cursor.next()) {
        if (!is_dropped(table, {cursor.key(), cursor.record(), false})) continue;
        gone.push_back({changes.keys.emplace_back(cursor.key()), {}, true});
      }
    }
    if (table == Table::kRecoveries) store::apply_run(run, changes.marker);
    store::apply_run(run, gone);
  }
  return over;
}

// What is written from here on is compressed as these frames of the old file are.
void Repacker::pack_like(const std::vector<std::uint64_t>& frames) {
  const bool any = std::any_of(frames.begin(), frames.end(),
                               [this](std::uint64_t offset) { return is_packed(offset); });
  draft_->log().compress_all(plan_.archive || any ? format::kArchiveLevel : 0);
}

void Repacker::pack_like_trees(const RevisionInfo& info, const View& view) {
  // Not every page gets smaller, so one of them is no proof. Beside deltas with a prefix, index
  // pages of older revisions are compressed whatever else is.
  std::vector<std::uint64_t> frames = {info.offset};
  for (const RootRef& root : view.roots()) {
    if (!root.empty() && (root.level == 0 || !view.has_prefixes())) frames.push_back(root.offset);
  }
  pack_like(frames);
}

// A delta with a prefix is as archived as the one it leans on.
bool Repacker::is_packed(std::uint64_t offset) const {
  const format::Codec codec = plan_.pages->header(offset).codec;
  if (codec != format::Codec::kZstdPrefix) return codec == format::Codec::kZstd;
  const std::vector<std::uint64_t> prefix = plan_.pages->prefix_of(offset);
  return !prefix.empty() && plan_.pages->header(prefix.front()).codec == format::Codec::kZstd;
}

void Repacker::add_snapshot(const RevisionInfo& info, const View& view, Changes& changes) {
  pack_like_trees(info, view);
  store::CommitRequest request;
  request.log_begin = begin_;
  const Runs over = over_trees(view, changes);
  StagedPages staged;
  format::Roots roots{};
  const auto carry = [&](Table table, const Run& run) {
    roots[slot(table)] = copier_.copy(*view.pages(), staged, table, fold(view, table, run, staged));
  };
  for (const Table table : kAllTables) {
    if (is_carried(table)) carry(table, over[slot(table)]);
  }
  carry(Table::kChildren, store::derive_children(*view.pages(), view.roots()[slot(Table::kTasks)],
                                                 over[slot(Table::kTasks)])
                              .run);
  roots[slot(Table::kBlobs)] = copy_blobs(view);
  RevisionInfo as_snapshot = info;
  as_snapshot.kind = CommitKind::kSnapshot;
  request.kept = &as_snapshot;
  request.message = info.message;
  request.upserts = info.upserts;
  request.erases = info.erases;
  request.trees = &roots;
  commit(request);
}

// ---- blobs --------------------------------------------------------------------------------------

// Its record says where its parts stand, so it is made anew with them.
format::Record Repacker::move_blob(schema::Blob::Reader blob) {
  capnp::MallocMessageBuilder message;
  auto moved = message.initRoot<schema::Blob>();
  moved.setSizeBytes(blob.getSizeBytes());
  auto parts = moved.initParts(blob.getParts().size());
  for (std::uint32_t i = 0; i < parts.size(); ++i) {
    const format::FrameHeader frame =
        copier_.copy_blob_part(*plan_.pages, blob.getParts()[i].getOffset());
    parts[i].setOffset(frame.own_offset);
    parts[i].setStoredBytes(frame.stored_size);
    parts[i].setSizeBytes(frame.raw_size);
  }
  return format::Record::of(moved.asReader());
}

void Repacker::move_blobs(Run& run, Changes& keeps) {
  for (Change& change : run) {
    if (change.is_erased) continue;
    keeps.records.push_back(move_blob(change.record.as<schema::Blob>()));
    change.record = keeps.records.back().view();
  }
}

RootRef Repacker::copy_blobs(const View& view) {
  const store::Base& base = draft_->base();
  const RootRef& there = base.roots[slot(Table::kBlobs)];
  const store::PageSink sink = draft_->page_sink(Table::kBlobs);
  if (!there.empty() || !base.overlay.table(Table::kBlobs).empty()) {
    Changes changes;
    Run& run = changes.runs[slot(Table::kBlobs)];
    store::diff_views(*before_, view, Table::kBlobs, [&](const store::Difference& found) {
      run.push_back({found.key, found.after.value_or(RecordView()), !found.after});
      changes.keeps.push_back(found.after ? found.keep_after : found.keep_before);
    });
    drop_from(changes.runs);
    move_blobs(run, changes);
    return store::update_tree(*base.pages, there, merged_run(base, Table::kBlobs, run),
                              draft_->targets(), sink);
  }
  store::ViewCursor cursor(nullptr, *view.pages(), view.roots()[slot(Table::kBlobs)],
                           {&view.run(Table::kBlobs)});
  cursor.seek({});
  const auto next = [&]() -> std::optional<store::NextRecord> {
    for (; cursor.valid(); cursor.next()) {
      if (is_dropped(Table::kBlobs, {cursor.key(), cursor.record(), false})) continue;
      auto keep = std::make_shared<std::pair<std::string, format::Record>>(
          cursor.key(), move_blob(cursor.record().as<schema::Blob>()));
      cursor.next();
      return store::NextRecord{{keep->first, keep->second.view(), false}, keep};
    }
    return std::nullopt;
  };
  return store::build_tree(*base.pages, next, draft_->targets(), sink);
}

void Repacker::commit(store::CommitRequest& request) {
  request.durability = Durability::kRelaxed;
  (void)draft_->commit(request);
}

}  // namespace session::operations
