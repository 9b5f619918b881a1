#include "lib/operations/rewrite.h"

#include <capnp/message.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <utility>
#include <vector>

#include "lib/store/blob_fields.h"
#include "lib/store/tree.h"
#include "lib/store/tree_diff.h"

namespace session::operations {

using store::Change;
using store::Run;

// What one revision changes, and what keeps it readable until it is written.
struct Rewriter::Changes {
  std::array<Run, kTableSlots> runs;
  std::vector<std::shared_ptr<const void>> keeps;
  std::vector<format::Record> made;  // blobs at their new place, checkpoints without a revision
};

namespace {

Digest digest_of_key(std::string_view key) {
  Digest digest;
  if (key.size() != digest.size()) {
    throw Error(ErrorCode::kDamaged, "a blob whose key is no digest");
  }
  std::memcpy(digest.data(), key.data(), digest.size());
  return digest;
}

format::Record without_revision(format::RecordView checkpoint) {
  capnp::MallocMessageBuilder message;
  message.setRoot(checkpoint.as<schema::Checkpoint>());
  message.getRoot<schema::Checkpoint>().setRevision(0);
  return format::Record::of(message.getRoot<schema::Checkpoint>().asReader());
}

// Derived from the others as they are written.
bool is_rebuilt(Table table) {
  return table == Table::kChildren || table == Table::kRevisions;
}

// Whoever reads the revision looks for what its records keep outside themselves.
void require_blobs(const store::View& revision, const std::array<Run, kTableSlots>& runs) {
  for (const Table table : kAllTables) {
    for (const Change& change : runs[slot(table)]) {
      if (change.is_erased || !store::has_blobs(change.record)) continue;
      if (const auto wrong = store::wrong_blob_list(table, change.record)) {
        throw Error(ErrorCode::kDamaged,
                    "a record's list of what it keeps outside itself is out "
                    "of form: " +
                        *wrong);
      }
      for (const auto reference : store::blobs_of(change.record)) {
        const auto digest = reference.getDigest();
        const std::string_view key(reinterpret_cast<const char*>(digest.begin()), digest.size());
        if (revision.find(Table::kBlobs, key)) continue;
        throw Error(ErrorCode::kDamaged, "what a record keeps outside itself is in no table");
      }
    }
  }
}

}  // namespace

Rewriter::Rewriter(const std::string& path, const RewriteOptions& options)
    : marks_lost_checkpoints_(options.marks_lost_checkpoints) {
  CreateOptions create;
  create.files = options.files;
  create.leaf_target_log2 = options.header.leaf_target_log2;
  create.index_target_log2 = options.header.index_target_log2;
  create.clock = [begin = options.header.created_nanos, first = true]() mutable {
    return std::exchange(first, false) ? begin : store::system_nanos();
  };
  writer_ = store::WriterCore::create_draft(path, create);
}

Rewriter::~Rewriter() = default;

void Rewriter::collect_commit(const store::View& revision, Changes& into) const {
  const store::LoadedCommit commit = store::load_commit(*revision.pages(), revision.info().offset);
  if (commit.page.keep) into.keeps.push_back(commit.page.keep);
  into.runs = store::runs_of(commit.reader);
  for (const Table table : kAllTables) {
    if (is_rebuilt(table)) into.runs[slot(table)].clear();
  }
}

void Rewriter::collect_difference(const store::View& revision, Changes& into) const {
  for (const Table table : kAllTables) {
    if (is_rebuilt(table)) continue;
    Run& run = into.runs[slot(table)];
    const auto take = [&](const store::Difference& found) {
      const bool is_erased = !found.after;
      run.push_back({found.key, is_erased ? format::RecordView() : *found.after, is_erased});
      const auto& keep = is_erased ? found.keep_before : found.keep_after;
      if (keep && (into.keeps.empty() || into.keeps.back() != keep)) into.keeps.push_back(keep);
    };
    if (before_) {
      store::diff_views(before_->view(), revision, table, take);
      continue;
    }
    store::ViewCursor cursor(nullptr, *revision.pages(), revision.roots()[slot(table)],
                             {&revision.run(table)});
    for (cursor.seek({}); cursor.valid(); cursor.next()) {
      take({cursor.key(), std::nullopt, cursor.record(), {}, cursor.keep()});
    }
  }
}

// A delta upon the revision that was added just before.
bool Rewriter::follows(const RevisionInfo& info) const {
  return before_ && info.kind == CommitKind::kDelta && info.parent == before_->revision();
}

// A blob's record says where its parts stand, so it is made anew with them.
void Rewriter::move_blobs(const store::View& revision, Changes& changes) {
  for (Change& change : changes.runs[slot(Table::kBlobs)]) {
    if (change.is_erased) continue;
    changes.made.push_back(writer_->append_blob(revision.blob(digest_of_key(change.key))));
    change.record = changes.made.back().view();
  }
}

// Fills the request and commits it, or leaves the file as it was.
void Rewriter::commit(store::CommitRequest& request, const std::function<void()>& fill) {
  writer_->acquire();
  request.log_begin = writer_->log().position();
  request.durability = Durability::kRelaxed;
  try {
    format::guarded([&] {
      fill();
      (void)writer_->commit(request);
    });
  } catch (...) {
    writer_->log().roll_back(request.log_begin.end);
    writer_->release();
    throw;
  }
  writer_->release();
}

bool Rewriter::is_lost(format::RecordView checkpoint, std::uint64_t revision) const {
  const std::uint64_t named = checkpoint.as<schema::Checkpoint>().getRevision();
  return marks_lost_checkpoints_ && named != 0 && named != revision &&
         !std::binary_search(revisions_.begin(), revisions_.end(), named);
}

void Rewriter::mark_lost_checkpoints(std::uint64_t revision, Changes& changes) const {
  for (Change& change : changes.runs[slot(Table::kCheckpoints)]) {
    if (change.is_erased || !is_lost(change.record, revision)) continue;
    changes.made.push_back(without_revision(change.record));
    change.record = changes.made.back().view();
  }
}

void Rewriter::add(const Snapshot& snapshot) {
  const store::View& revision = snapshot.view();
  Changes changes;
  store::CommitRequest request;
  commit(request, [&] {
    const bool is_next_delta = follows(revision.info());
    if (is_next_delta) {
      collect_commit(revision, changes);
    } else {
      collect_difference(revision, changes);
    }
    require_blobs(revision, changes.runs);
    move_blobs(revision, changes);
    mark_lost_checkpoints(revision.info().revision, changes);
    request.changes = changes.runs;
    request.kept = &revision.info();
    request.message = revision.info().message;
    request.upserts = revision.info().upserts;
    request.erases = revision.info().erases;
    if (is_next_delta) request.count();
  });
  before_ = snapshot;
  revisions_.push_back(revision.info().revision);
  ++added_;
}

namespace {

// The changes that make of a table what `wanted` is. `erased` owns the keys of what goes.
Run run_to(const store::Base& base, Table table, const Rewriter::Records& wanted,
           std::deque<std::string>& erased) {
  Run run;
  auto next = wanted.begin();
  store::ViewCursor cursor(nullptr, *base.pages, base.roots[slot(table)],
                           {&base.overlay.table(table)});
  for (cursor.seek({}); cursor.valid(); cursor.next()) {
    const std::string_view key = cursor.key();
    for (; next != wanted.end() && next->first < key; ++next) {
      run.push_back({next->first, next->second.view(), false});
    }
    if (next == wanted.end() || next->first != key) {
      run.push_back({erased.emplace_back(key), {}, true});
      continue;
    }
    if (next->second.view() != cursor.record()) {
      run.push_back({next->first, next->second.view(), false});
    }
    ++next;
  }
  for (; next != wanted.end(); ++next) run.push_back({next->first, next->second.view(), false});
  return run;
}

}  // namespace

// A blob that is in the new file already keeps its place there.
Rewriter::Records Rewriter::blobs_of(const Records& wanted, const store::PageSource& pages) {
  const store::Base& base = writer_->base();
  Records blobs;
  for (const auto& [key, record] : wanted) {
    if (const Change* pending = find_change(base.overlay.table(Table::kBlobs), key)) {
      if (!pending->is_erased) {
        blobs.emplace(key, format::Record(pending->record));
        continue;
      }
    } else if (const auto there = tree_find(*base.pages, base.roots[slot(Table::kBlobs)], key)) {
      blobs.emplace(key, format::Record(there->record));
      continue;
    }
    const auto content =
        store::read_blob(pages, digest_of_key(key), record.view().as<schema::Blob>());
    blobs.emplace(key, writer_->append_blob(content));
  }
  return blobs;
}

void Rewriter::add_state(const std::array<Records, kTableSlots>& state,
                         const store::PageSource& pages, std::uint64_t revision,
                         std::int64_t time_nanos, const std::string& message) {
  RevisionInfo info;
  info.revision = revision;
  info.time_nanos = time_nanos;
  info.kind = CommitKind::kSnapshot;
  Records blobs;
  Records checkpoints = state[slot(Table::kCheckpoints)];
  for (auto& [key, record] : checkpoints) {
    if (is_lost(record.view(), revision)) record = without_revision(record.view());
  }
  std::deque<std::string> erased;
  store::CommitRequest request;
  commit(request, [&] {
    blobs = blobs_of(state[slot(Table::kBlobs)], pages);
    for (const Table table : kAllTables) {
      if (is_rebuilt(table)) continue;
      const Records& wanted = table == Table::kBlobs         ? blobs
                              : table == Table::kCheckpoints ? checkpoints
                                                             : state[slot(table)];
      request.changes[slot(table)] = run_to(writer_->base(), table, wanted, erased);
      request.upserts += static_cast<std::uint32_t>(request.changes[slot(table)].size());
    }
    request.kept = &info;
    request.message = message;
  });
  // What is added next has to be compared with a file that knows this state, and none does.
  before_.reset();
}

void Rewriter::add_again(const Snapshot& snapshot, std::uint64_t number, std::int64_t time_nanos,
                         const std::string& message, std::string_view recovery_key,
                         const format::Record& recovery) {
  RevisionInfo info;
  info.revision = number;
  info.time_nanos = time_nanos;
  info.kind = CommitKind::kSnapshot;
  Changes changes;
  store::CommitRequest request;
  commit(request, [&] {
    collect_difference(snapshot.view(), changes);
    // Bookkeeping goes on, and the blobs it may need stay; what was added once is there.
    for (const Table table : {Table::kUpkeep, Table::kCheckpoints, Table::kRecoveries}) {
      changes.runs[slot(table)].clear();
    }
    std::erase_if(changes.runs[slot(Table::kBlobs)],
                  [](const Change& change) { return change.is_erased; });
    move_blobs(snapshot.view(), changes);
    changes.runs[slot(Table::kRecoveries)].push_back({recovery_key, recovery.view(), false});
    request.changes = changes.runs;
    request.kept = &info;
    request.message = message;
    for (const Run& run : changes.runs) {
      for (const Change& change : run) ++(change.is_erased ? request.erases : request.upserts);
    }
  });
  before_.reset();
}

void Rewriter::finish() {
  writer_->publish();
  writer_->close();
}

}  // namespace session::operations
