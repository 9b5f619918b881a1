#include "lib/store/overlay.h"

#include <algorithm>
#include <iterator>

#include "format/bytes.h"
#include "lib/store/tree.h"
#include "session/schema/record.capnp.h"

namespace session::store {
namespace {

constexpr std::uint64_t kSignBit = 1ULL << 63;
constexpr std::size_t kRankBytes = 8;
constexpr std::size_t kParentLengthBytes = 2;
// Up to here inserting one by one is cheaper than building a new vector.
constexpr std::size_t kInsertOneByOne = 8;

bool key_below(const Change& change, std::string_view key) {
  return change.key < key;
}

void append_changes(schema::TableChanges::Reader changes, Run& out) {
  const format::KeyList erased = format::erased_keys(changes);
  const std::size_t begin = out.size();
  if (changes.hasUpserts()) {
    const format::LeafView leaf(changes.getUpserts());
    for (std::uint32_t i = 0; i < leaf.size(); ++i) {
      out.push_back({leaf.key(i), leaf.record(i), false});
    }
  }
  const auto middle = static_cast<std::ptrdiff_t>(out.size());
  for (std::uint32_t i = 0; i < erased.size(); ++i) out.push_back({erased[i], {}, true});
  std::inplace_merge(out.begin() + static_cast<std::ptrdiff_t>(begin), out.begin() + middle,
                     out.end(), [](const Change& a, const Change& b) { return a.key < b.key; });
}

std::string_view text_of(capnp::Text::Reader text) {
  return {text.begin(), text.size()};
}

std::string place_of(std::string_view key, schema::Task::Reader task) {
  return child_key(text_of(task.getParent()), task.getRank(), key);
}

// An empty record: everything a child entry says is in its key.
format::RecordView empty_record() {
  static const format::Record record = [] {
    capnp::MallocMessageBuilder message;
    return format::Record::of(message.initRoot<schema::Child>().asReader());
  }();
  return record.view();
}

}  // namespace

Run::const_iterator lower_bound_change(const Run& run, std::string_view key) {
  return std::lower_bound(run.begin(), run.end(), key, key_below);
}

const Change* find_change(const Run& run, std::string_view key) {
  const auto at = lower_bound_change(run, key);
  return at != run.end() && at->key == key ? &*at : nullptr;
}

void apply_run(Run& to, const Run& newer) {
  if (newer.size() <= kInsertOneByOne) {
    for (const Change& change : newer) {
      const auto at = std::lower_bound(to.begin(), to.end(), change.key, key_below);
      if (at != to.end() && at->key == change.key) {
        *at = change;
      } else {
        to.insert(at, change);
      }
    }
    return;
  }
  Run merged;
  merged.reserve(to.size() + newer.size());
  auto old = to.begin();
  for (const Change& change : newer) {
    while (old != to.end() && old->key < change.key) merged.push_back(*old++);
    if (old != to.end() && old->key == change.key) ++old;
    merged.push_back(change);
  }
  merged.insert(merged.end(), old, to.end());
  to = std::move(merged);
}

std::array<Run, kTableSlots> runs_of(schema::Commit::Reader commit) {
  std::array<Run, kTableSlots> runs;
  for (const auto changes : commit.getChanges()) {
    if (changes.getTable() < kTableSlots) append_changes(changes, runs[changes.getTable()]);
  }
  return runs;
}

void Overlay::apply(schema::Commit::Reader commit, std::shared_ptr<const void> keep) {
  apply_runs(runs_of(commit), std::move(keep));
}

void Overlay::apply_runs(const std::array<Run, kTableSlots>& runs,
                         std::shared_ptr<const void> keep) {
  for (std::size_t table = 0; table < runs.size(); ++table) {
    if (!runs[table].empty()) apply_run(runs_[table], runs[table]);
  }
  if (keep) keeps_.push_back(std::move(keep));
}

void Overlay::apply_all(const std::vector<schema::Commit::Reader>& commits,
                        std::vector<std::shared_ptr<const void>> keeps) {
  for (const auto& commit : commits) {
    for (const auto changes : commit.getChanges()) {
      if (changes.getTable() < kTableSlots) append_changes(changes, runs_[changes.getTable()]);
    }
  }
  for (Run& run : runs_) {
    if (run.size() < 2) continue;
    // Stable, so among equal keys the newest comes last; reversed, unique keeps it.
    std::stable_sort(run.begin(), run.end(),
                     [](const Change& a, const Change& b) { return a.key < b.key; });
    const auto kept = std::unique(run.rbegin(), run.rend(),
                                  [](const Change& a, const Change& b) { return a.key == b.key; });
    run.erase(run.begin(), kept.base());
  }
  keeps_.insert(keeps_.end(), std::make_move_iterator(keeps.begin()),
                std::make_move_iterator(keeps.end()));
}

bool Overlay::empty() const {
  return std::all_of(runs_.begin(), runs_.end(), [](const Run& run) { return run.empty(); });
}

void Overlay::clear() {
  for (Run& run : runs_) run.clear();
  keeps_.clear();
}

OwnedRun derive_children(const PageSource& pages, const format::RootRef& tasks_root,
                         const Run& tasks) {
  std::vector<std::pair<std::string, bool>> places;  // key, erased
  for (const Change& change : tasks) {
    std::string before;
    if (const auto old = tree_find(pages, tasks_root, change.key)) {
      before = place_of(change.key, old->record.as<schema::Task>());
    }
    std::string after;
    if (!change.is_erased) after = place_of(change.key, change.record.as<schema::Task>());
    if (before == after) continue;
    if (!before.empty()) places.emplace_back(std::move(before), true);
    if (!after.empty()) places.emplace_back(std::move(after), false);
  }
  std::sort(places.begin(), places.end());
  OwnedRun owned;
  owned.keys.reserve(places.size());
  owned.run.reserve(places.size());
  for (auto& [key, erased] : places) {
    owned.keys.push_back(std::move(key));
    owned.run.push_back({owned.keys.back(), empty_record(), erased});
  }
  return owned;
}

std::string child_key_prefix(std::string_view parent) {
  std::string key;
  format::append_big_endian(key, parent.size(), kParentLengthBytes);
  key += parent;
  return key;
}

void append_child_key(std::string& to, std::string_view parent, std::int64_t rank,
                      std::string_view child) {
  to.reserve(to.size() + kParentLengthBytes + parent.size() + kRankBytes + child.size());
  format::append_big_endian(to, parent.size(), kParentLengthBytes);
  to += parent;
  format::append_big_endian(to, static_cast<std::uint64_t>(rank) ^ kSignBit, kRankBytes);
  to += child;
}

std::string child_key(std::string_view parent, std::int64_t rank, std::string_view child) {
  std::string key;
  append_child_key(key, parent, rank, child);
  return key;
}

ChildKey parse_child_key(std::string_view key) {
  const std::size_t parent = key.size() < kParentLengthBytes
                                 ? key.size()
                                 : format::read_big_endian(key.substr(0, kParentLengthBytes));
  if (key.size() < kParentLengthBytes + kRankBytes ||
      parent > key.size() - kParentLengthBytes - kRankBytes) {
    throw Error(ErrorCode::kDamaged, "a key of the children table is malformed");
  }
  const std::string_view rest = key.substr(kParentLengthBytes + parent);
  return {key.substr(kParentLengthBytes, parent),
          static_cast<std::int64_t>(format::read_big_endian(rest.substr(0, kRankBytes)) ^ kSignBit),
          rest.substr(kRankBytes)};
}

}  // namespace session::store
