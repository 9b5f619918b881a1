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

}  // namespace

SalvagedState::SalvagedState(const Image& image, RepairReport& report)
    : report_(report),
      patient_(image.patient()),
      size_(image.file->size_bytes()),
      scan_(scan_frames(*patient_, image.tag, format::kFileHeaderBytes, size_, 0, {})),
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
  for (std::uint64_t at = scan_.commits.next(0); at != PlaceSet::kNone;
       at = scan_.commits.next(at + format::kAlignBytes)) {
    const auto loaded = pages_->load(at, FrameKind::kCommit);
    if (format::damage_in(loaded) != nullptr) {
      if (!pages_->prefix_of(at).empty()) note_unread(at, unread);
      continue;
    }
    const store::LoadedCommit commit = store::load_commit(*pages_, at);
    const RevisionInfo info = store::describe(commit);
    if (!commits_.empty() && info.revision <= commits_.back().revision) continue;
    commits_.push_back(info);
    if (commit.reader.hasTrees()) trees_ = {at, format::read_roots(commit.reader.getTrees())};
  }
  if (!unread.empty() && trees_) name_unread(std::move(unread));
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
      unread_.push_back(format::read_big_endian(leaf.key(i)));
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
      records.insert_or_assign(std::string(leaf.key(i)), format::Record(leaf.record(i)));
    }
  });
  survey.add(root, table);
  const auto remains = gather_remains(*pages_, scan_.frames, survey.lost());
  const std::optional<std::set<std::string>> names =
      table == Table::kTasks && !survey.lost().empty() ? task_keys() : std::nullopt;
  for (std::size_t i = 0; i < survey.lost().size(); ++i) {
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
  if (!root.empty()) survey.add(root, Table::kChildren);
  if (!survey.lost().empty()) return std::nullopt;
  return keys;
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
  lost_records_[slot(table)].insert(key);
  lose(std::move(item));
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
    put(*table, leaf.key(i), format::Record(leaf.record(i)));
  }
}

void SalvagedState::replay_delta(const format::FrameHeader& frame) {
  const auto loaded = pages_->load(frame.own_offset, FrameKind::kCommit);
  if (format::damage_in(loaded) != nullptr) return;
  const auto runs =
      store::runs_of(format::read_root<schema::Commit>(std::get<Page>(loaded).payload()));
  for (const Table table : kAllTables) {
    for (const store::Change& change : runs[slot(table)]) {
      put(table, change.key,
          change.is_erased ? std::nullopt : std::optional(format::Record(change.record)));
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
