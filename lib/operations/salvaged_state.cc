#include "lib/operations/salvaged_state.h"

#include <algorithm>

#include "format/layout.h"
#include "lib/store/blob_fields.h"
#include "lib/store/overlay.h"
#include "lib/store/tree.h"
#include "lib/store/view.h"

namespace session::operations {
namespace {

using format::FrameKind;
using store::Page;

constexpr std::size_t kMaxListed = 10'000;
// No session came so far, and there is room to count on.
constexpr std::uint64_t kMaxRevision = ~std::uint64_t{0} / 4;

}  // namespace

SalvagedState::SalvagedState(const Image& image, RepairReport& report)
    : report_(report),
      patient_(image.patient()),
      size_(image.file->size_bytes()),
      scan_(scan_frames(*patient_, image.tag, format::kFileHeaderBytes, size_, 0, {}, std::nullopt,
                        Scan::kAnyBytes)),
      pages_(std::make_shared<store::PageSource>(patient_, size_, image.tag, true)) {
  read_commits();
}

void SalvagedState::collect() {
  std::uint64_t from = 0;
  const WrittenOrder order(*pages_, scan_.frames, trees_ ? trees_->first : 0);
  if (trees_) {
    from = trees_->first;
    for (const Table table : kAllTables) collect_table(table);
  }
  for (std::uint64_t at = scan_.frames.next(from); at != PlaceSet::kNone;
       at = scan_.frames.next(at + format::kAlignBytes)) {
    if (at > from || !trees_) replay(at, order);
  }
  drop_lost_blobs();
  list_stale();
}

void SalvagedState::read_commits() {
  std::vector<std::uint64_t> unread;
  std::vector<RevisionInfo> sound;
  std::map<std::uint64_t, format::Roots> trees;  // by the place of their commit
  for (std::uint64_t at = scan_.commits.next(0); at != PlaceSet::kNone;
       at = scan_.commits.next(at + format::kAlignBytes)) {
    const auto loaded = pages_->load(at, FrameKind::kCommit);
    if (format::damage_in(loaded) != nullptr) {
      if (!pages_->prefix_of(at).empty()) note_unread(at, unread);
      continue;
    }
    const store::LoadedCommit commit = store::load_commit(*pages_, at);
    sound.push_back(store::describe(commit));
    if (commit.reader.hasTrees()) trees.emplace(at, format::read_roots(commit.reader.getTrees()));
  }
  keep_rising(sound);
  for (const RevisionInfo& info : commits_) {
    if (const auto of = trees.find(info.offset); of != trees.end()) trees_ = *of;
  }
  if (!unread.empty() && trees_) name_unread(std::move(unread));
}

// Revisions are counted upwards. Where somebody forged a number, the most commits that agree are
// believed: the longest rising run, found by patience sorting.
void SalvagedState::keep_rising(const std::vector<RevisionInfo>& sound) {
  constexpr std::size_t kNone = ~std::size_t{0};
  // Of each length of run: the commit of the least number that one ends with.
  std::vector<std::size_t> piles;
  std::vector<std::size_t> before(sound.size(), kNone);
  for (std::size_t i = 0; i < sound.size(); ++i) {
    if (sound[i].revision > kMaxRevision) continue;
    const auto pile = std::lower_bound(
        piles.begin(), piles.end(), sound[i].revision,
        [&](std::size_t at, std::uint64_t revision) { return sound[at].revision < revision; });
    if (pile != piles.begin()) before[i] = *std::prev(pile);
    if (pile == piles.end()) {
      piles.push_back(i);
    } else {
      *pile = i;
    }
  }
  std::vector<bool> is_kept(sound.size(), false);
  for (std::size_t i = piles.empty() ? kNone : piles.back(); i != kNone; i = before[i]) {
    is_kept[i] = true;
  }
  for (std::size_t i = 0; i < sound.size(); ++i) {
    (is_kept[i] ? commits_ : contradicted_).push_back(sound[i]);
  }
}

void SalvagedState::note_unread(std::uint64_t offset, std::vector<std::uint64_t>& unread) {
  const std::uint64_t home = pages_->header(offset).home;
  if (home != 0 && !scan_.commits.contains(home)) unread.push_back(home);
  unread.push_back(offset);
}

void SalvagedState::name_unread(std::vector<std::uint64_t> places) {
  std::sort(places.begin(), places.end());  // a forged home may lie anywhere
  TreeSurvey survey(*pages_, [&](const Page& page) {
    const format::LeafView leaf(page.payload());
    for (std::uint32_t i = 0; i < leaf.size(); ++i) {
      const std::uint64_t place = leaf.record(i).as<schema::Revision>().getOffset();
      if (!std::binary_search(places.begin(), places.end(), place)) continue;
      const std::uint64_t number = format::read_big_endian(leaf.key(i));
      if (number <= kMaxRevision) unread_.push_back(number);
    }
  });
  const format::RootRef& revisions = trees_->second[slot(Table::kRevisions)];
  if (!revisions.empty()) survey.add(revisions, Table::kRevisions);
}

void SalvagedState::collect_table(Table table) {
  const format::RootRef& root = trees_->second[slot(table)];
  if (root.empty() || table == Table::kChildren || table == Table::kRevisions) return;
  Records& records = state_[slot(table)];
  TreeSurvey survey(*pages_, [&](const Page& page) {
    const format::LeafView leaf(page.payload());
    for (std::uint32_t i = 0; i < leaf.size(); ++i) {
      keep(table, leaf.key(i), leaf.record(i));
    }
  });
  survey.add(root, table);
  const auto remains = gather_remains(*pages_, scan_.frames, survey.lost(), Wanted::kRecords);
  const std::optional<std::set<std::string>> names =
      table == Table::kTasks && !survey.lost().empty() ? task_keys() : std::nullopt;
  for (std::size_t i = 0; i < survey.lost().size(); ++i) {
    if (put_together(survey.lost()[i], remains[i], records)) continue;
    fill_in(survey.lost()[i], remains[i], names, records);
  }
}

std::optional<std::set<std::string>> SalvagedState::task_keys() const {
  std::set<std::string> keys;
  TreeSurvey survey(*pages_, [&](const Page& page) {
    const format::LeafView leaf(page.payload());
    for (std::uint32_t i = 0; i < leaf.size(); ++i) {
      keys.emplace(store::parse_child_key(leaf.key(i)).child);
    }
  });
  const format::RootRef& root = trees_->second[slot(Table::kChildren)];
  try {
    if (!root.empty()) survey.add(root, Table::kChildren);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kDamaged) throw;
    return std::nullopt;  // a key that somebody forged
  }
  if (!survey.lost().empty()) return std::nullopt;
  return keys;
}

// The page itself, as its digest proves, where it could only not be put back as it stood.
bool SalvagedState::put_together(const LostPage& page, const Remains& remains, Records& records) {
  if (!rebuild_page(page, remains)) return false;
  if (page.level == 0) {
    for (const auto& [key, record] : remains.records) records.insert_or_assign(key, record);
    return true;
  }
  Records below;
  TreeSurvey survey(*pages_, [&](const Page& leaf_page) {
    const format::LeafView leaf(leaf_page.payload());
    for (std::uint32_t i = 0; i < leaf.size(); ++i) {
      const auto record = record_of(leaf.record(i));
      if (record) below.insert_or_assign(std::string(leaf.key(i)), *record);
    }
  });
  for (const auto& [key, child] : remains.below) {
    const format::Child& facts = child.child;
    survey.add({page.level - 1, facts.stored_size, facts.offset, facts.count, facts.content_bytes,
                facts.stored_bytes, facts.digest},
               page.table);
  }
  if (!survey.lost().empty() || below.size() != page.facts.count) return false;
  for (auto& [key, record] : below) records.insert_or_assign(key, std::move(record));
  return true;
}

void SalvagedState::keep(Table table, std::string_view key, format::RecordView record) {
  if (auto whole = record_of(record)) {
    state_[slot(table)].insert_or_assign(std::string(key), std::move(*whole));
  } else {
    lose_record(table, std::string(key));
  }
}

void SalvagedState::fill_in(const LostPage& page, const Remains& remains,
                            const std::optional<std::set<std::string>>& names, Records& records) {
  std::uint64_t found = 0;
  for (const auto& [key, record] : remains.records) {
    if (names && !names->contains(key)) continue;
    records.insert_or_assign(key, record);
    stale_[slot(page.table)].insert(key);
    ++found;
  }
  if (names) {
    for (auto at = names->upper_bound(page.after_key.value_or("")); at != names->end(); ++at) {
      if (!page.may_hold(*at)) break;
      if (!remains.records.contains(*at)) lose_record(page.table, *at);
    }
    return;
  }
  if (found >= page.facts.count) return;
  LostItem item;
  item.table = page.table;
  item.key = page.facts.key;
  item.after_key = page.after_key.value_or("");
  item.records = page.facts.count - found;
  item.message = std::to_string(item.records) + " records of a page of table " +
                 std::string(table_name(page.table)) + " at offset " + std::to_string(page.offset);
  lose(std::move(item));
}

void SalvagedState::lose_record(Table table, const std::string& key) {
  LostItem item;
  item.table = table;
  item.key = key;
  item.records = 1;
  item.message = "the record is lost";
  if (lost_records_[slot(table)].insert(key).second) lose(std::move(item));
}

void SalvagedState::lose(LostItem item) {
  if (report_.lost.size() < kMaxListed) report_.lost.push_back(std::move(item));
}

void SalvagedState::replay(std::uint64_t offset, const WrittenOrder& order) {
  const auto header = pages_->load_header(offset);
  if (format::damage_in(header) != nullptr) return;
  const auto& frame = std::get<format::FrameHeader>(header);
  if (const std::uint64_t age = order.age_of(frame); age != offset) {
    waiting_.emplace(age, frame);
    return;
  }
  if (frame.kind == FrameKind::kLeaf) replay_leaf(frame);
  if (frame.kind == FrameKind::kCommit) replay_delta(frame);
  for (auto next = waiting_.begin(); next != waiting_.end() && next->first == offset + 1;
       next = waiting_.erase(next)) {
    replay_leaf(next->second);
  }
}

void SalvagedState::replay_leaf(const format::FrameHeader& frame) {
  const auto table = table_from_number(frame.table);
  if (!table || *table == Table::kChildren || *table == Table::kRevisions) return;
  const auto loaded = pages_->load(frame.own_offset, FrameKind::kLeaf);
  if (format::damage_in(loaded) != nullptr) return;
  const format::LeafView leaf(std::get<Page>(loaded).payload());
  Records& records = state_[slot(*table)];
  records.erase(records.lower_bound(leaf.key(0)), records.upper_bound(leaf.key(leaf.size() - 1)));
  for (std::uint32_t i = 0; i < leaf.size(); ++i) {
    if (auto record = record_of(leaf.record(i))) {
      put(*table, leaf.key(i), std::move(record));
    } else {
      lose_record(*table, std::string(leaf.key(i)));
    }
  }
}

void SalvagedState::replay_delta(const format::FrameHeader& frame) {
  const auto loaded = pages_->load(frame.own_offset, FrameKind::kCommit);
  if (format::damage_in(loaded) != nullptr) return;
  const auto runs =
      store::runs_of(format::read_root<schema::Commit>(std::get<Page>(loaded).payload()));
  for (const Table table : kAllTables) {
    for (const store::Change& change : runs[slot(table)]) {
      auto record = change.is_erased ? std::nullopt : record_of(change.record);
      const bool is_lost = !record && !change.is_erased;
      put(table, change.key, std::move(record));
      if (is_lost) lose_record(table, std::string(change.key));
    }
  }
}

void SalvagedState::put(Table table, std::string_view key, std::optional<format::Record> record) {
  Records& records = state_[slot(table)];
  if (record) {
    records.insert_or_assign(std::string(key), std::move(*record));
  } else if (const auto at = records.find(key); at != records.end()) {
    records.erase(at);
  }
  const std::string name(key);
  stale_[slot(table)].erase(name);
  if (lost_records_[slot(table)].erase(name) == 0) return;
  std::erase_if(report_.lost, [&](const LostItem& item) {
    return item.table == table && item.key == name && !item.after_key;
  });
}

void SalvagedState::drop_lost_blobs() {
  Records& blobs = state_[slot(Table::kBlobs)];
  std::set<std::string> lost;
  for (const auto& [key, record] : blobs) {
    Digest digest{};
    if (key.size() != digest.size()) continue;
    std::copy(key.begin(), key.end(), reinterpret_cast<char*>(digest.data()));
    try {
      (void)store::read_blob(*pages_, digest, record.view().as<schema::Blob>());
    } catch (const Error&) {
      lost.insert(key);
    }
  }
  for (const std::string& key : lost) blobs.erase(key);
  for (const Table table : kAllTables) {
    if (table == Table::kBlobs) continue;
    for (auto& [key, record] : state_[slot(table)]) drop_references(table, key, record);
  }
}

void SalvagedState::drop_references(Table table, const std::string& key, format::Record& record) {
  const Records& blobs = state_[slot(Table::kBlobs)];
  // Every record begins with its list of blobs, and Child has nothing else.
  const auto references = record.view().as<schema::Child>().getBlobs();
  std::vector<schema::BlobRef::Reader> kept;
  for (const auto reference : references) {
    const auto digest = reference.getDigest();
    if (blobs.contains(
            std::string_view(reinterpret_cast<const char*>(digest.begin()), digest.size()))) {
      kept.push_back(reference);
      continue;
    }
    LostItem item;
    item.table = table;
    item.key = key;
    item.message = "the text of the field " + store::to_string(reference.getPath()) + ", " +
                   std::to_string(reference.getSizeBytes()) + " bytes";
    lose(std::move(item));
  }
  if (kept.size() == references.size()) {
    if (references.size() == 0 || !store::wrong_blob_list(table, record.view())) return;
    lose_list(table, key);
    kept.clear();
  }
  capnp::MallocMessageBuilder message;
  message.setRoot(record.view());
  auto edited = message.getRoot<schema::Child>();
  edited.disownBlobs();
  if (!kept.empty()) {
    auto list = edited.initBlobs(static_cast<std::uint32_t>(kept.size()));
    for (std::uint32_t i = 0; i < kept.size(); ++i) list.setWithCaveats(i, kept[i]);
  }
  record =
      format::Record(message.getRoot<capnp::AnyPointer>().asReader().getAs<capnp::AnyStruct>());
}

void SalvagedState::lose_list(Table table, const std::string& key) {
  LostItem item;
  item.table = table;
  item.key = key;
  item.message = "what the record kept outside itself: its list is out of form";
  lose(std::move(item));
}

void SalvagedState::list_stale() {
  for (const Table table : kAllTables) {
    if (table == Table::kBlobs) continue;
    for (const std::string& key : stale_[slot(table)]) {
      if (report_.stale.size() < kMaxListed) report_.stale.push_back({table, key});
    }
  }
}

}  // namespace session::operations
