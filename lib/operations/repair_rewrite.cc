// A damaged session written anew: whole revisions as they were, the newest state from what is left.

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>

#include "format/commit.h"
#include "format/layout.h"
#include "lib/operations/recovery.h"
#include "lib/operations/repair_image.h"
#include "lib/operations/rewrite.h"
#include "lib/operations/salvage.h"
#include "lib/operations/scan.h"
#include "lib/store/blob_fields.h"
#include "lib/store/head.h"
#include "lib/store/revision_name.h"
#include "lib/store/tree.h"

namespace session::operations {
namespace {

using format::FrameKind;
using store::Page;
using Records = Remains::Records;

constexpr std::size_t kMaxListed = 10'000;

// The newest state, as far as it is left.
class Salvage {
 public:
  Salvage(const Image& image, RepairReport& report)
      : report_(report),
        patient_(image.patient()),
        size_(image.file->size_bytes()),
        scan_(scan_frames(*patient_, image.tag, format::kFileHeaderBytes, size_, 0, {})),
        pages_(std::make_shared<store::PageSource>(patient_, size_, image.tag, true)) {
    read_commits();
  }

  [[nodiscard]] const std::shared_ptr<store::PageSource>& pages() const { return pages_; }
  // Sound commits, oldest first.
  [[nodiscard]] const std::vector<RevisionInfo>& commits() const { return commits_; }
  // Revisions whose commits are sound themselves and compressed with frames that are not, and those
  // just before them that are damaged; as far as their numbers are known, rising.
  [[nodiscard]] const std::vector<std::uint64_t>& unread() const { return unread_; }

  // Everything, table by table: the newest trees, then all that was written behind them, in order.
  void collect() {
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

  [[nodiscard]] std::array<Records, kTableSlots>& state() { return state_; }

 private:
  void read_commits() {
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

  // And the one before it, which it names as its home, if that was lost.
  void note_unread(std::uint64_t offset, std::vector<std::uint64_t>& unread) {
    const std::uint64_t home = pages_->header(offset).home;
    if (home != 0 && !scan_.commits.contains(home)) unread.push_back(home);
    unread.push_back(offset);
  }

  // A commit that cannot be read does not say its number; the newest trees list it.
  void name_unread(std::vector<std::uint64_t> places) {
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

  // Records of the pages that can be read, and of the lost ones what older frames hold.
  void collect_table(Table table) {
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

  // The keys of all tasks: `children` has them too.
  [[nodiscard]] std::optional<std::set<std::string>> task_keys() const {
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

  void fill_in(const LostPage& page, const Remains& remains,
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
                   std::string(table_name(page.table)) + " at offset " +
                   std::to_string(page.offset);
    lose(std::move(item));
  }

  void lose_record(Table table, const std::string& key) {
    LostItem item;
    item.table = table;
    item.key = key;
    item.records = 1;
    item.message = "the record is lost";
    lost_records_[slot(table)].insert(key);
    lose(std::move(item));
  }

  void lose(LostItem item) {
    if (report_.lost.size() < kMaxListed) report_.lost.push_back(std::move(item));
  }

  // What was written behind the newest trees: deltas, and pages of a commit that is lost.
  void replay(std::uint64_t offset, const WrittenOrder& order) {
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

  void replay_leaf(const format::FrameHeader& frame) {
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

  void replay_delta(const format::FrameHeader& frame) {
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

  void put(Table table, std::string_view key, std::optional<format::Record> record) {
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

  // Records keep what they say themselves; the texts that stood in a lost blob are gone.
  void drop_lost_blobs() {
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

  void drop_references(Table table, const std::string& key, format::Record& record) {
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

  // Somebody wrote a list that leads to texts and not to where they belong.
  void lose_list(Table table, const std::string& key) {
    LostItem item;
    item.table = table;
    item.key = key;
    item.message = "what the record kept outside itself: its list is out of form";
    lose(std::move(item));
  }

  void list_stale() {
    for (const Table table : kAllTables) {
      if (table == Table::kBlobs) continue;
      for (const std::string& key : stale_[slot(table)]) {
        if (report_.stale.size() < kMaxListed) report_.stale.push_back({table, key});
      }
    }
  }

  RepairReport& report_;
  std::shared_ptr<PatientFile> patient_;
  std::uint64_t size_;
  Scan scan_;
  std::shared_ptr<store::PageSource> pages_;
  std::vector<RevisionInfo> commits_;
  std::optional<std::pair<std::uint64_t, format::Roots>> trees_;  // the newest, and their commit
  std::vector<std::uint64_t> unread_;
  std::multimap<std::uint64_t, format::FrameHeader> waiting_;  // leaves, by their age
  std::array<Records, kTableSlots> state_;
  std::array<std::set<std::string>, kTableSlots> stale_;
  std::array<std::set<std::string>, kTableSlots> lost_records_;
};

LostItem lost_revision(std::uint64_t revision, const std::string& why) {
  LostItem item;
  item.revision = revision;
  item.message = "revision " + std::to_string(revision) + " cannot be opened any more: " + why;
  return item;
}

std::vector<std::string> words_of(const std::vector<LostItem>& lost) {
  std::vector<std::string> words;
  words.reserve(lost.size());
  for (const LostItem& item : lost) words.push_back(item.message);
  return words;
}

class DamagedRewrite {
 public:
  DamagedRewrite(const Image& image, const std::string& path, const RepairOptions& options,
                 const std::string& preserved_as, const std::set<std::uint64_t>& unsound,
                 RepairReport& report)
      : image_(image),
        options_(options),
        preserved_as_(preserved_as),
        unsound_(unsound),
        report_(report),
        salvage_(image, report),
        rewriter_(path, rewriting(image, options)) {}

  void run() {
    add_whole_revisions();
    const store::HeadSearch search = store::search_head(*image_.patient(), image_.path, image_.tag);
    const bool has_lost_head = search.damaged_offset && !knows_commit_at(*search.damaged_offset);
    if (has_lost_head) lose(newest_ + 1, "its commit is damaged");
    next_ = newest_ + (has_lost_head ? 2 : 1);
    if (!options_.from.empty()) {
      go_back();
    } else if (report_.revision != newest_ || newest_ == 0 || search.damaged_offset) {
      add_remains();
    }
    if (report_.refused) return;
    rewriter_.finish();
    RepairAction action;
    action.step = RepairStep::kRewrite;
    action.message = "the file was written anew, with " + std::to_string(rewriter_.added()) +
                     " of its revisions as they were";
    report_.actions.push_back(std::move(action));
  }

 private:
  static RewriteOptions rewriting(const Image& image, const RepairOptions& options) {
    RewriteOptions rewriting;
    rewriting.files = options.files;
    if (image.header) rewriting.header = *image.header;
    rewriting.marks_lost_checkpoints = true;
    return rewriting;
  }

  void lose(std::uint64_t revision, const std::string& why) {
    report_.lost.push_back(lost_revision(revision, why));
  }

  // A head may be unbelievable for what it vouches for alone; then its number is known.
  [[nodiscard]] bool knows_commit_at(std::uint64_t offset) const {
    const std::vector<RevisionInfo>& commits = salvage_.commits();
    return std::any_of(commits.begin(), commits.end(),
                       [&](const RevisionInfo& info) { return info.offset == offset; });
  }

  [[nodiscard]] Snapshot open(const RevisionInfo& info) const {
    return Snapshot(store::View::open(salvage_.pages(),
                                      image_.header.value_or(format::FileHeader{}), info.offset));
  }

  void add_whole_revisions() {
    std::set<std::uint64_t> known;
    auto unread = salvage_.unread().begin();
    const auto lose_unread = [&](std::uint64_t before) {
      for (; unread != salvage_.unread().end() && *unread < before; ++unread) {
        if (!known.insert(*unread).second) continue;
        newest_ = std::max(newest_, *unread);
        lose(*unread, "its commit is damaged, or what that is compressed with");
      }
    };
    for (const RevisionInfo& info : salvage_.commits()) {
      lose_unread(info.revision);
      known.insert(info.revision);
      newest_ = std::max(newest_, info.revision);
      if (info.parent != 0 && !known.contains(info.parent)) {
        lose(info.parent, "its commit is damaged");
      }
      if (unsound_.contains(info.revision)) {
        lose(info.revision, "what its commit says of it does not hold");
        continue;
      }
      try {
        rewriter_.add(open(info));
        report_.revision = info.revision;
        whole_.push_back(info);
      } catch (const Error& error) {
        if (error.code() != ErrorCode::kDamaged) throw;
        lose(info.revision, error.message());
      }
    }
    lose_unread(~std::uint64_t{0});
    if (newest_ != 0) return;
    LostItem item;
    item.message =
        "every commit is destroyed, and with them all revisions: what pages still held was put "
        "together, and records that had been deleted may be among it";
    report_.lost.push_back(std::move(item));
  }

  [[nodiscard]] std::int64_t time() const {
    return options_.clock ? options_.clock() : store::system_nanos();
  }

  // The newest state, from what is left of it.
  void add_remains() {
    const std::int64_t now = time();
    salvage_.collect();
    Records& recoveries = salvage_.state()[slot(Table::kRecoveries)];
    const auto is_taken = [&](std::string_view key) { return recoveries.contains(key); };
    recoveries.emplace(recovery_key(recoveries.size(), is_taken),
                       recovery_record({now, next_, "damage", "written anew from what was left",
                                        preserved_as_, words_of(report_.lost)}));
    rewriter_.add_state(salvage_.state(), *salvage_.pages(), next_, now, "repaired");
    report_.revision = next_;
  }

  // The newest state becomes that of a revision that was asked for.
  void go_back() {
    const auto found = chosen_revision();
    if (!found) return;
    const RevisionInfo& chosen = *found;
    const std::int64_t now = time();
    const std::string method = "back to revision " + std::to_string(chosen.revision);
    const Snapshot last = open(whole_.back());
    rewriter_.add_again(
        open(chosen), next_, now, "repaired: " + method,
        recovery_key(
            last.count(Table::kRecoveries),
            [&](std::string_view key) { return last.find(Table::kRecoveries, key).has_value(); }),
        recovery_record({now, next_, "damage", method, preserved_as_, words_of(report_.lost)}));
    report_.revision = next_;
    std::vector<std::uint64_t> behind;
    for (const RevisionInfo& info : whole_) {
      if (info.revision > chosen.revision) behind.push_back(info.revision);
    }
    report_.actions.push_back(action_of_going_back(chosen.revision, next_, behind));
  }

  // Nothing, and refused, if it cannot be read whole.
  [[nodiscard]] std::optional<RevisionInfo> chosen_revision() {
    if (whole_.empty()) {
      refuse("not one revision of this file is whole");
      return std::nullopt;
    }
    std::uint64_t number = 0;
    try {
      number = store::resolve_revision(open(whole_.back()).view(), options_.from);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kNotFound) throw;
      number = revision_of_lost_name();
      if (number == 0) throw;
    }
    const auto found = std::find_if(whole_.begin(), whole_.end(), [&](const RevisionInfo& info) {
      return info.revision == number;
    });
    if (found != whole_.end()) return *found;
    refuse("revision " + std::to_string(number) + " is damaged itself and cannot be read whole");
    return std::nullopt;
  }

  void refuse(std::string why) {
    report_.refused = true;
    report_.refusal = std::move(why);
  }

  // What no whole revision knows: the number or checkpoint of one that is lost; 0 if none is called
  // so.
  [[nodiscard]] std::uint64_t revision_of_lost_name() const {
    for (const LostItem& item : report_.lost) {
      if (item.revision != 0 && std::to_string(item.revision) == options_.from) {
        return item.revision;
      }
    }
    for (const RevisionInfo& info : salvage_.commits()) {
      const bool is_named =
          std::to_string(info.revision) == options_.from ||
          (!info.checkpoint.empty() && info.checkpoint.starts_with(options_.from));
      if (is_named) return info.revision;
    }
    return 0;
  }

  const Image& image_;
  const RepairOptions& options_;
  const std::string& preserved_as_;
  const std::set<std::uint64_t>& unsound_;
  RepairReport& report_;
  Salvage salvage_;
  Rewriter rewriter_;
  std::vector<RevisionInfo> whole_;
  std::uint64_t newest_ = 0;  // that a commit names
  std::uint64_t next_ = 0;
};

}  // namespace

RepairAction action_of_going_back(std::uint64_t chosen, std::uint64_t made,
                                  const std::vector<std::uint64_t>& behind) {
  constexpr std::size_t kNamed = 8;
  RepairAction action;
  action.step = RepairStep::kFrom;
  action.message =
      "revision " + std::to_string(made) + " has the content of revision " + std::to_string(chosen);
  if (behind.empty()) {
    action.message += ", the newest that is whole";
    return action;
  }
  action.message += "; newer than that, and kept as they were: ";
  for (std::size_t i = 0; i < std::min(behind.size(), kNamed); ++i) {
    action.message += (i == 0 ? "" : ", ") + std::to_string(behind[behind.size() - 1 - i]);
  }
  if (behind.size() > kNamed) {
    action.message += " and " + std::to_string(behind.size() - kNamed) + " more";
  }
  return action;
}

void rewrite_damaged(const Image& image, const std::string& path, const RepairOptions& options,
                     const std::string& preserved_as, const std::set<std::uint64_t>& unsound,
                     RepairReport& report) {
  DamagedRewrite(image, path, options, preserved_as, unsound, report).run();
}

}  // namespace session::operations
