#include "lib/operations/rewrite.h"

#include <cstring>
#include <utility>
#include <vector>

#include "lib/store/tree_diff.h"

namespace session::operations {

using store::Change;
using store::Run;

// What one revision changes, and what keeps it readable until it is written.
struct Rewriter::Changes {
  std::array<Run, kTableSlots> runs;
  std::vector<std::shared_ptr<const void>> keeps;
  std::vector<format::Record> blobs;
};

namespace {

// Derived from the others as they are written.
bool is_rebuilt(Table table) {
  return table == Table::kChildren || table == Table::kRevisions;
}

}  // namespace

Rewriter::Rewriter(const std::string& path, const RewriteOptions& options) {
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

void Rewriter::collect(const store::View& revision, Changes& into) const {
  const RevisionInfo& info = revision.info();
  const bool is_next_delta =
      before_ && info.kind == CommitKind::kDelta && info.parent == before_->revision();
  if (is_next_delta) {
    collect_commit(revision, into);
  } else {
    collect_difference(revision, into);
  }
}

// A blob's record says where its parts stand, so it is made anew with them.
void Rewriter::move_blobs(const store::View& revision, Changes& changes) {
  for (Change& change : changes.runs[slot(Table::kBlobs)]) {
    if (change.is_erased) continue;
    Digest digest;
    if (change.key.size() != digest.size()) {
      throw Error(ErrorCode::kDamaged, "a blob whose key is no digest");
    }
    std::memcpy(digest.data(), change.key.data(), digest.size());
    changes.blobs.push_back(writer_->append_blob(revision.blob(digest)));
    change.record = changes.blobs.back().view();
  }
}

void Rewriter::add(const Snapshot& snapshot) {
  const store::View& revision = snapshot.view();
  writer_->acquire();
  store::CommitRequest request;
  request.log_begin = writer_->log().position();
  try {
    format::guarded([&] {
      Changes changes;
      collect(revision, changes);
      move_blobs(revision, changes);
      request.changes = changes.runs;
      request.kept = &revision.info();
      request.message = revision.info().message;
      request.upserts = revision.info().upserts;
      request.erases = revision.info().erases;
      request.durability = Durability::kRelaxed;
      (void)writer_->commit(request);
    });
  } catch (...) {
    writer_->log().roll_back(request.log_begin.end);
    writer_->release();
    throw;
  }
  writer_->release();
  before_ = snapshot;
  ++added_;
}

void Rewriter::finish() {
  writer_->publish();
  writer_->close();
}

}  // namespace session::operations
