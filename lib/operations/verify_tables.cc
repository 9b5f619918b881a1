#include "lib/operations/verify_tables.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "lib/store/overlay.h"
#include "lib/store/tree.h"
#include "lib/store/view.h"

namespace session::operations {
namespace {

using store::TreeCursor;

constexpr std::size_t kRevisionKeyBytes = 8;

Finding about(FindingCode code, Table table, std::string key, std::uint64_t revision,
              std::string message) {
  Finding finding = FindingLog::make(code, FindingEffect::kRestorable, std::move(message));
  finding.table = table;
  finding.key = std::move(key);
  finding.revisions = {revision};
  return finding;
}

// Walks `revisions` and the commits of the file side by side.
class RevisionsCheck {
 public:
  RevisionsCheck(VerifyContext& context, const NewestTrees& trees)
      : context_(context), trees_(trees) {}

  void run() {
    TreeCursor entry(context_.pages, trees_.roots[slot(Table::kRevisions)]);
    entry.seek({});
    std::uint64_t at = next_commit(0);
    while (entry.valid() || at != PlaceSet::kNone) {
      if (!entry.valid()) {
        missing(at);
        at = next_commit(at + format::kAlignBytes);
        continue;
      }
      if (entry.key().size() != kRevisionKeyBytes) {
        wrong(entry.key(), 0, "an entry whose key is no revision number");
        entry.next();
        continue;
      }
      const auto record = entry.record().as<schema::Revision>();
      const std::uint64_t offset = record.getOffset();
      if (at != PlaceSet::kNone && at < offset) {
        missing(at);
        at = next_commit(at + format::kAlignBytes);
        continue;
      }
      if (at != offset) {
        stray(entry.key(), offset);
      } else {
        compare(entry.key(), record, at);
        at = next_commit(at + format::kAlignBytes);
      }
      entry.next();
    }
  }

 private:
  // Commits whose revisions the table should list: those up to the trees', without the commit that
  // carries them.
  [[nodiscard]] std::uint64_t next_commit(std::uint64_t from) const {
    while (true) {
      const std::uint64_t at = context_.scan->commits.next(from);
      if (at == PlaceSet::kNone || at >= trees_.commit_offset) return PlaceSet::kNone;
      const auto loaded = context_.pages.load(at, format::FrameKind::kCommit);
      if (format::damage_in(loaded) == nullptr) {
        const auto& page = std::get<store::Page>(loaded);
        const auto commit = format::read_root<schema::Commit>(page.payload());
        return commit.getRevision() <= trees_.revision ? at : PlaceSet::kNone;
      }
      from = at + format::kAlignBytes;
    }
  }

  void compare(std::string_view key, schema::Revision::Reader record, std::uint64_t at) {
    const RevisionInfo info = store::describe(store::load_commit(context_.pages, at));
    const bool kind_agrees = (record.getKind() == 1) == (info.kind == CommitKind::kSnapshot);
    const bool agrees = format::read_big_endian(key) == info.revision &&
                        record.getTime() == info.time_nanos && kind_agrees &&
                        record.getParent() == info.parent &&
                        record.getSizeBytes() == info.size_bytes;
    if (!agrees) wrong(key, at, "the entry says something else than the commit it leads to");
  }
  void missing(std::uint64_t at) {
    const RevisionInfo info = store::describe(store::load_commit(context_.pages, at));
    Finding finding =
        about(FindingCode::kRevisionsTable, Table::kRevisions, std::to_string(info.revision),
              info.revision, "the table of revisions does not list this commit");
    finding.offset = at;
    context_.log.add(std::move(finding));
  }
  // The entry of a commit that was lost is right: it is the commit that is not.
  void stray(std::string_view key, std::uint64_t offset) {
    if (context_.scan->damage_at(offset) != nullptr) {
      context_.book.concern(offset, format::read_big_endian(key));
      return;
    }
    if (context_.scan->commits.contains(offset)) {
      const auto loaded = context_.pages.load(offset, format::FrameKind::kCommit);
      if (format::damage_in(loaded) != nullptr) return;  // which is found where it is
    }
    wrong(key, offset, "the entry leads to no commit of the file");
  }
  void wrong(std::string_view key, std::uint64_t offset, std::string message) {
    Finding finding = about(FindingCode::kRevisionsTable, Table::kRevisions,
                            key_text(Table::kRevisions, key), trees_.revision, std::move(message));
    if (offset != 0) finding.offset = offset;
    context_.log.add(std::move(finding));
  }

  VerifyContext& context_;
  const NewestTrees& trees_;
};

// The index holds exactly one key for each task. Sums of hashes tell whether that is so; only if
// they differ each key is looked up on the other side.
class ChildrenCheck {
 public:
  ChildrenCheck(VerifyContext& context, const NewestTrees& trees)
      : context_(context),
        trees_(trees),
        tasks_(trees.roots[slot(Table::kTasks)]),
        children_(trees.roots[slot(Table::kChildren)]),
        leaves_(*context.scan) {}

  void run() {
    if (sum_of(Table::kTasks, tasks_) == sum_of(Table::kChildren, children_)) return;
    TreeCursor task(context_.pages, tasks_);
    for (task.seek({}); task.valid(); task.next()) {
      const std::string key = place_of(task);
      if (store::tree_find(context_.pages, children_, key)) continue;
      context_.log.add(about(FindingCode::kChildrenIndex, Table::kChildren, std::string(task.key()),
                             trees_.revision,
                             "the task is not in the index of children, or not in its place"));
    }
    TreeCursor child(context_.pages, children_);
    for (child.seek({}); child.valid(); child.next()) check_child(child.key());
  }

 private:
  [[nodiscard]] static std::string place_of(const TreeCursor& task) {
    const auto record = task.record().as<schema::Task>();
    return store::child_key(store::to_string(record.getParent()), record.getRank(), task.key());
  }
  // Of a page and all below it. Both trees are whole, so an index page stands where its parent
  // says.
  [[nodiscard]] std::uint64_t sum_below(Table table, std::uint64_t offset, std::uint32_t level) {
    if (level == 0) {
      const LeafFacts* const known = leaves_.at(offset);
      if (known != nullptr) return known->places;
      const store::Page page = context_.once.fetch(offset, format::FrameKind::kLeaf);
      return sum_of_places(table, format::LeafView(page.payload()));
    }
    if (const auto known = context_.places.find(offset); known != context_.places.end()) {
      return known->second;
    }
    const store::Page page = context_.once.fetch(offset, format::FrameKind::kIndex);
    const format::IndexView index = store::open_index(page, offset, level);
    std::uint64_t sum = 0;
    for (std::uint32_t i = 0; i < index.size(); ++i) {
      sum += sum_below(table, index.offset(i), level - 1);
    }
    return sum;
  }
  [[nodiscard]] std::uint64_t sum_of(Table table, const format::RootRef& root) {
    return root.empty() ? 0 : sum_below(table, root.offset, root.level);
  }
  void check_child(std::string_view key) {
    std::optional<store::ChildKey> parsed;
    try {
      parsed = store::parse_child_key(key);
    } catch (const Error&) {
      parsed.reset();
    }
    if (parsed) {
      const auto task = store::tree_find(context_.pages, tasks_, parsed->child);
      if (task) {
        const auto record = task->record.as<schema::Task>();
        if (store::child_key(store::to_string(record.getParent()), record.getRank(),
                             parsed->child) == key) {
          return;
        }
      }
    }
    context_.log.add(about(FindingCode::kChildrenIndex, Table::kChildren,
                           key_text(Table::kChildren, key), trees_.revision,
                           "the index of children has an entry that no task asks for"));
  }

  VerifyContext& context_;
  const NewestTrees& trees_;
  const format::RootRef& tasks_;
  const format::RootRef& children_;
  LeafFinder leaves_;
};

void check_checkpoints(VerifyContext& context, const NewestTrees& trees) {
  TreeCursor cursor(context.pages, trees.roots[slot(Table::kCheckpoints)]);
  for (cursor.seek({}); cursor.valid(); cursor.next()) {
    const std::uint64_t revision = cursor.record().as<schema::Checkpoint>().getRevision();
    // 0: of a checkpoint whose state could not be imported; the newest is not in the table.
    if (revision == 0 || revision == trees.revision) continue;
    std::string key;
    format::append_big_endian(key, revision, kRevisionKeyBytes);
    if (store::tree_find(context.pages, trees.roots[slot(Table::kRevisions)], key)) continue;
    context.log.add(about(FindingCode::kCheckpointRecord, Table::kCheckpoints,
                          std::string(cursor.key()), revision,
                          "the checkpoint names a revision that is not kept"));
  }
}

// A table that turns out not to be what its schema says has its finding already, or gets it here.
template <class Check>
void guarded(VerifyContext& context, Table table, const NewestTrees& trees, Check check) {
  try {
    check();
  } catch (const kj::Exception& exception) {
    Finding finding = about(
        FindingCode::kStructure, table, {}, trees.revision,
        "a record is not what its schema says: " + std::string(exception.getDescription().cStr()));
    finding.effect = FindingEffect::kLoss;
    context.log.add(std::move(finding));
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kDamaged) throw;
    Finding finding = about(FindingCode::kStructure, table, {}, trees.revision, error.message());
    finding.offset = error.offset();
    finding.effect = FindingEffect::kLoss;
    context.log.add(std::move(finding));
  }
}

}  // namespace

void check_derived_tables(VerifyContext& context, const NewestTrees& trees) {
  const auto is_whole = [&](Table table) { return trees.whole[slot(table)]; };
  if (is_whole(Table::kRevisions)) {
    guarded(context, Table::kRevisions, trees, [&] { RevisionsCheck(context, trees).run(); });
  }
  if (is_whole(Table::kTasks) && is_whole(Table::kChildren)) {
    guarded(context, Table::kChildren, trees, [&] { ChildrenCheck(context, trees).run(); });
  }
  if (is_whole(Table::kCheckpoints) && is_whole(Table::kRevisions)) {
    guarded(context, Table::kCheckpoints, trees, [&] { check_checkpoints(context, trees); });
  }
}

}  // namespace session::operations
