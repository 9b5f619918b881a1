#include "lib/operations/verify_commits.h"

#include <algorithm>
#include <string>
#include <utility>

#include "lib/store/tree.h"

namespace session::operations {
namespace {

using format::Damage;
using format::FrameKind;
using store::LoadedCommit;

constexpr std::uint64_t kHashBytes = std::uint64_t{1} << 20;
// Lost frames that the deltas of one window lean on: beyond so many, whose they are is not said.
constexpr std::size_t kMaxLostPrefixes = 256;

LoadedCommit load(const store::PageSource& pages, std::uint64_t offset, store::Page page) {
  LoadedCommit commit;
  commit.offset = offset;
  commit.end = offset + format::align_up(format::kFrameHeaderBytes + page.stored_size);
  commit.home = pages.header(offset).home;
  commit.page = std::move(page);
  commit.reader = format::read_root<schema::Commit>(commit.page.payload());
  return commit;
}

std::string number(std::uint64_t value) {
  return std::to_string(value);
}

}  // namespace

CommitCheck::CommitCheck(VerifyContext& context, TreeCheck& trees)
    : context_(context), trees_(trees) {}

void CommitCheck::check(std::uint64_t offset) {
  auto loaded = context_.load(offset, FrameKind::kCommit);
  if (const Damage* damage = format::damage_in(loaded)) {
    lose_unread(offset, *damage);
    return;
  }
  const LoadedCommit commit =
      load(context_.pages, offset, std::get<store::Page>(std::move(loaded)));
  ++context_.frames;
  context_.bytes += commit.end - commit.offset;
  if (context_.advance) context_.advance(0);
  try {
    check_chain(commit);
    check_codec(commit);
    check_unsynced(commit);
    if (commit.reader.hasTrees()) {
      check_trees(commit);
    }
    if (commit.reader.getKind() == schema::Commit::Kind::DELTA) check_delta(commit);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kDamaged) throw;
    find(FindingCode::kStructure, FindingEffect::kLoss, commit, error.message());
  } catch (const kj::Exception& exception) {
    find(FindingCode::kStructure, FindingEffect::kLoss, commit,
         "the commit is not what its schema says: " +
             std::string(exception.getDescription().cStr()));
  }
  ++revisions_;
  const std::uint64_t revision = commit.reader.getRevision();
  for (const std::uint64_t lost : lost_) context_.book.concern(lost, revision);
  last_ = Last{commit.offset, commit.end, revision, commit.reader.getTime()};
}

// ---- the chain ----------------------------------------------------------------------------------

void CommitCheck::lose_commit(std::uint64_t offset, const Damage& damage) {
  LostFrame lost;
  lost.role = LostRole::kCommit;
  lost.damage = damage;
  context_.book.lose(offset, std::move(lost));
  lost_.push_back(offset);
  is_chain_whole_ = false;
  knows_pending_ = false;
}

// A delta may be compressed with frames that are lost: then these are the damage, and what is
// behind it needs them. Its number, which nobody can read any more, stands in the next trees.
void CommitCheck::lose_unread(std::uint64_t offset, const Damage& damage) {
  const auto header = context_.pages.load_header(offset);
  if (format::damage_in(header) == nullptr) {
    lose_parent(std::get<format::FrameHeader>(header).home);
  }
  const std::vector<std::uint64_t> prefix = lost_prefix_of(offset);
  if (prefix.empty()) {
    lose_commit(offset, damage);
  } else {
    for (const std::uint64_t lost : prefix) {
      if (lost_.size() >= kMaxLostPrefixes) break;
      if (std::find(lost_.begin(), lost_.end(), lost) == lost_.end()) lost_.push_back(lost);
    }
    unread_ = offset;
    is_chain_whole_ = false;
    knows_pending_ = false;
  }
  const std::uint64_t revision = number_at(offset);
  if (revision == 0) return;
  for (const std::uint64_t lost : lost_) context_.book.concern(lost, revision);
}

// The commit before one that cannot be read, if its own frame is damaged.
void CommitCheck::lose_parent(std::uint64_t home) {
  const bool is_known = (last_ && home == last_->offset) || unread_ == home ||
                        std::find(lost_.begin(), lost_.end(), home) != lost_.end();
  const ScanDamage* const damage =
      context_.scan != nullptr && !is_known ? context_.scan->damage_at(home) : nullptr;
  if (damage == nullptr) return;
  lose_commit(home, damage->damage);
  const std::uint64_t revision = number_at(home);
  if (revision != 0) context_.book.concern(home, revision);
}

// Of the frames that the commit is compressed with, those that cannot be read.
std::vector<std::uint64_t> CommitCheck::lost_prefix_of(std::uint64_t offset) {
  std::vector<std::uint64_t> all;
  for (const std::uint64_t place : context_.pages.prefix_of(offset)) {
    std::vector<std::byte> bytes;
    std::vector<std::byte> unpacked;
    const auto stored = context_.once.load_stored(place, bytes);
    const Damage* damage = format::damage_in(stored);
    format::OrDamage<format::Bytes> raw;
    if (damage == nullptr) {
      const auto& frame = std::get<format::Frame>(stored);
      // That it leans on others itself is the fault of who names it.
      if (frame.header.codec == format::Codec::kZstdPrefix) continue;
      raw = format::raw_payload(frame, unpacked);
      damage = format::damage_in(raw);
    }
    if (damage == nullptr) continue;
    LostFrame lost;
    lost.damage = *damage;
    lost.hides_deltas = true;
    const auto header = context_.pages.load_header(place);
    if (format::damage_in(header) == nullptr) {
      const auto& frame = std::get<format::FrameHeader>(header);
      lost.role = frame.kind == FrameKind::kCommit ? LostRole::kCommit : LostRole::kLeaf;
      lost.table = table_from_number(frame.table);
      lost.length = frame.frame_bytes();
    }
    context_.book.lose(place, std::move(lost));
    all.push_back(place);
  }
  return all;
}

// The number of the commit at `offset`, which cannot be read; 0 if that is not known.
std::uint64_t CommitCheck::number_at(std::uint64_t offset) {
  if (context_.scan == nullptr) return 0;  // then only the newest chain is looked at
  if (!listing_ || listing_->commit_offset <= offset) find_listing(offset);
  if (last_ && listing_->place < last_->offset) {
    listing_->revision = last_->revision;
    listing_->place = last_->offset;
  }
  std::string from;
  format::append_big_endian(from, listing_->revision + 1, sizeof(std::uint64_t));
  try {
    store::TreeCursor cursor(context_.pages, listing_->revisions);
    for (cursor.seek(from); cursor.valid(); cursor.next()) {
      const std::uint64_t place = cursor.record().as<schema::Revision>().getOffset();
      if (place <= listing_->place || place > offset) break;
      listing_->revision = format::read_big_endian(cursor.key());
      listing_->place = place;
      if (place == offset) return listing_->revision;
    }
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kDamaged) throw;
  } catch (const kj::Exception&) {
    return 0;  // the walk through the trees says what is wrong with them
  }
  return 0;
}

void CommitCheck::find_listing(std::uint64_t offset) {
  listing_ = Listing{PlaceSet::kNone, {}, 0, 0};
  const PlaceSet& commits = context_.scan->commits;
  for (std::uint64_t at = commits.next(offset + format::kAlignBytes); at != PlaceSet::kNone;
       at = commits.next(at + format::kAlignBytes)) {
    const auto loaded = context_.pages.load(at, FrameKind::kCommit);
    if (format::damage_in(loaded) != nullptr) continue;
    const auto commit = format::read_root<schema::Commit>(std::get<store::Page>(loaded).payload());
    if (!commit.hasTrees()) continue;
    listing_ = Listing{at, format::read_roots(commit.getTrees())[slot(Table::kRevisions)], 0, 0};
    return;
  }
}

// Frames name the commit before them, so a commit that is gone leaves its place and its number.
void CommitCheck::lose_between(const LoadedCommit& next) {
  const std::uint64_t offset = next.home;
  const ScanDamage* const damage =
      context_.scan != nullptr ? context_.scan->damage_at(offset) : nullptr;
  if (damage == nullptr) {
    find(FindingCode::kChain, FindingEffect::kLoss, next,
         "the commit before this one should stand at offset " + number(offset) +
             ", where none does");
    context_.book.add_hole();
    is_chain_whole_ = false;
    return;
  }
  // Snapshots are what later deltas stand on: the older trees do not concern them any more.
  if (next.reader.getTreesOffset() == offset) {
    lost_.clear();
    newest_trees_.reset();
  }
  lose_commit(offset, damage->damage);
  const std::uint64_t revision = next.reader.getParentRevision();
  if (revision != 0) context_.book.concern(offset, revision);
}

void CommitCheck::check_chain(const LoadedCommit& commit) {
  const auto reader = commit.reader;
  const bool is_first = !last_ && lost_.empty();
  if (is_first && (context_.level == VerifyLevel::kQuick || commit.home == 0)) {
    if (commit.home == 0 && reader.getParentRevision() != 0) {
      find(FindingCode::kChain, FindingEffect::kRestorable, commit,
           "the first commit names a revision before it");
    }
    if (commit.home == 0) check_first(commit);
    return;
  }
  if (!last_ || commit.home != last_->offset) {
    const bool is_known = (!lost_.empty() && lost_.back() == commit.home) || unread_ == commit.home;
    if (!is_known) lose_between(commit);
    if (last_ && reader.getRevision() <= last_->revision) {
      find(FindingCode::kChain, FindingEffect::kLoss, commit, "the revisions' numbers do not rise");
    }
    return;
  }
  if (reader.getParentRevision() != last_->revision) {
    find(FindingCode::kChain, FindingEffect::kLoss, commit,
         "the commit names revision " + number(reader.getParentRevision()) +
             " as the one before it, which is " + number(last_->revision));
    is_chain_whole_ = false;
  }
  if (reader.getTime() < last_->time) {
    find(FindingCode::kChain, FindingEffect::kRestorable, commit,
         "the commit was made before the one it follows");
  }
}

void CommitCheck::check_first(const LoadedCommit& commit) {
  first_revision_ = commit.reader.getRevision();
  if (commit.reader.hasTrees()) return;
  find(FindingCode::kLink, FindingEffect::kLoss, commit,
       "the first commit is a delta, and there are no trees for it to stand on");
}

// What needs a feature stands behind a snapshot that says so.
void CommitCheck::check_codec(const LoadedCommit& commit) {
  if (!newest_trees_ || newest_trees_->has_prefixes) return;
  // Its own may be lost.
  if (commit.reader.getTreesOffset() != newest_trees_->commit_offset) return;
  if (context_.pages.header(commit.offset).codec != format::Codec::kZstdPrefix) return;
  find(FindingCode::kCommitField, FindingEffect::kRestorable, commit,
       "the commit is compressed with a prefix, which its trees do not say");
}

void CommitCheck::check_unsynced(const LoadedCommit& commit) {
  if (context_.level == VerifyLevel::kQuick) return;
  const std::uint64_t length = commit.reader.getUnsyncedBytes();
  const bool fits =
      length <= format::kMaxUnsyncedBytes && length <= commit.offset - format::kFileHeaderBytes;
  const std::uint64_t begin = fits ? commit.offset - length : commit.offset;
  const bool goes_on = last_ && begin == unsynced_begin_;
  // A sync lies between two commits, never inside of what the older one vouched for: so no byte is
  // hashed twice here, whatever somebody forged.
  if (!fits || (last_ && !goes_on && begin < last_->end)) {
    find(FindingCode::kCommitField, FindingEffect::kRestorable, commit,
         "the commit vouches for bytes it cannot vouch for");
    return;
  }
  if (!goes_on) {
    unsynced_.reset();
    unsynced_begin_ = begin;
  }
  if (length == 0) return;
  for (std::uint64_t at = unsynced_begin_ + unsynced_.size_bytes(); at < commit.offset;) {
    buffer_.resize(std::min(kHashBytes, commit.offset - at));
    const std::size_t got = context_.file.read_at(at, buffer_);
    if (got == 0) return;
    unsynced_.add(format::Bytes(buffer_).first(got));
    at += got;
  }
  const format::Hash128 wanted{commit.reader.getUnsyncedHashLow(),
                               commit.reader.getUnsyncedHashHigh()};
  if (unsynced_.value() == wanted) return;
  // Where bytes are damaged that is the finding.
  const auto& damages = context_.scan->damages;
  const bool is_known = std::any_of(damages.begin(), damages.end(), [&](const ScanDamage& damage) {
    return damage.offset < commit.offset && damage.end > begin;
  });
  if (is_known) return;
  find(FindingCode::kUnsyncedHash, FindingEffect::kLoss, commit,
       "what the commit vouches for is not what was written: a part of it is of another time");
}

// ---- what it holds ------------------------------------------------------------------------------

void CommitCheck::check_pending(const LoadedCommit& commit) {
  const auto reader = commit.reader;
  ++pending_deltas_;
  if (knows_pending_ && newest_trees_ && !reader.hasTrees()) {
    const auto compare = [&](std::uint64_t said, std::uint64_t found, std::string_view what) {
      if (said == found) return;
      find(
          FindingCode::kCommitField, FindingEffect::kRestorable, commit,
          "the commit says " + number(said) + " " + std::string(what) + "; found " + number(found));
    };
    compare(reader.getTreesOffset(), newest_trees_->commit_offset, "as the place of its trees");
    compare(reader.getPendingDeltas(), pending_deltas_, "deltas above its trees");
    compare(reader.getPendingBytes(), pending_bytes_, "bytes of deltas before it");
  }
  pending_bytes_ += commit.end - commit.offset;
}

void CommitCheck::check_delta(const LoadedCommit& commit) {
  const auto reader = commit.reader;
  check_pending(commit);
  std::uint64_t upserts = 0;
  std::uint64_t erases = 0;
  for (const auto changes : reader.getChanges()) {
    const auto table = table_from_number(changes.getTable());
    if (table == Table::kBlobs) continue;
    if (table == Table::kChildren || table == Table::kRevisions) {
      find(FindingCode::kStructure, FindingEffect::kRestorable, commit,
           "a delta with changes of a table that is derived");
      continue;
    }
    if (changes.hasUpserts()) upserts += format::LeafView(changes.getUpserts()).size();
    erases += format::erased_keys(changes).size();
  }
  if (upserts != reader.getUpsertCount() || erases != reader.getEraseCount()) {
    find(FindingCode::kCount, FindingEffect::kRestorable, commit,
         "the commit says it wrote " + number(reader.getUpsertCount()) + " records and erased " +
             number(reader.getEraseCount()) + "; it holds " + number(upserts) + " and " +
             number(erases));
  }
  if (context_.level != VerifyLevel::kQuick) trees_.check_changes(reader, reader.getRevision());
}

void CommitCheck::check_trees(const LoadedCommit& commit) {
  const auto reader = commit.reader;
  const auto trees = reader.getTrees();
  const format::Roots roots = format::read_roots(trees);
  const auto header = format::encode(context_.header);
  if (!std::equal(
          header.begin(), header.end(),
          std::as_bytes(std::span(trees.getHeader().begin(), trees.getHeader().size())).begin())) {
    find(FindingCode::kHeaderCopy, FindingEffect::kRestorable, commit,
         "the commit's copy of the file header is another one");
  }
  const Digest fingerprint = format::fingerprint(roots);
  if (!std::equal(
          fingerprint.begin(), fingerprint.end(),
          std::as_bytes(std::span(trees.getFingerprint().begin(), trees.getFingerprint().size()))
              .begin())) {
    find(FindingCode::kFingerprint, FindingEffect::kRestorable, commit,
         "the fingerprint is not that of the trees it stands beside");
  }
  // A delta may carry trees of a revision before it; which deltas still lie above them is then
  // known only by going back.
  const bool is_snapshot = reader.getKind() == schema::Commit::Kind::SNAPSHOT;
  if (trees.getRevision() < first_revision_) {
    find(FindingCode::kLink, FindingEffect::kLoss, commit,
         "the commit's trees are said to be of revision " + number(trees.getRevision()) +
             ", which comes before the first one");
  }
  NewestTrees newest;
  newest.commit_offset = commit.offset;
  newest.revision = trees.getRevision();
  newest.roots = roots;
  newest.has_prefixes = format::has_feature(trees, format::kPrefixFeature);
  newest.whole = trees_.check(roots, reader.getRevision());
  newest_trees_ = newest;
  if (is_snapshot) {
    pending_deltas_ = 0;
    pending_bytes_ = 0;
    lost_.clear();
    is_chain_whole_ = true;
  }
  knows_pending_ = is_snapshot;
  lost_.insert(lost_.end(), trees_.lost().begin(), trees_.lost().end());
  check_checkpoint(commit);
}

void CommitCheck::check_checkpoint(const LoadedCommit& commit) {
  const auto trees = commit.reader.getTrees();
  const std::string id(trees.getCheckpoint().begin(), trees.getCheckpoint().size());
  if (id.empty() || context_.level == VerifyLevel::kQuick) return;
  if (!newest_trees_->whole[slot(Table::kCheckpoints)]) return;
  const auto record =
      store::tree_find(context_.pages, newest_trees_->roots[slot(Table::kCheckpoints)], id);
  if (record &&
      record->record.as<schema::Checkpoint>().getRevision() == commit.reader.getRevision()) {
    return;
  }
  Finding finding = FindingLog::make(
      FindingCode::kCheckpointRecord, FindingEffect::kRestorable,
      record ? "the checkpoint's record names another revision than the commit that made it"
             : "the commit is a checkpoint that has no record");
  finding.offset = commit.offset;
  finding.length = commit.end - commit.offset;
  finding.table = Table::kCheckpoints;
  finding.key = id;
  finding.revisions = {commit.reader.getRevision()};
  context_.log.add(std::move(finding));
}

void CommitCheck::find(FindingCode code, FindingEffect effect, const LoadedCommit& commit,
                       std::string message) {
  Finding finding = FindingLog::make(code, effect, std::move(message));
  finding.offset = commit.offset;
  finding.length = commit.end - commit.offset;
  finding.revisions = {commit.reader.getRevision()};
  context_.log.add(std::move(finding));
}

}  // namespace session::operations
