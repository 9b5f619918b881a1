#include "lib/operations/salvage.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "format/checksum.h"
#include "format/layout.h"
#include "lib/store/overlay.h"
#include "lib/store/tree.h"
#include "lib/store/view.h"
#include "lib/store/writer_core.h"

namespace session::operations {

using format::FrameKind;
using format::IndexView;
using format::LeafView;
using store::Page;

void TreeSurvey::add(const format::Roots& roots) {
  for (const Table table : kAllTables) {
    if (!roots[slot(table)].empty()) add(roots[slot(table)], table);
  }
}

void TreeSurvey::add(const format::RootRef& root, Table table) {
  LostPage page;
  page.offset = root.offset;
  page.table = table;
  page.level = root.level;
  page.facts.count = root.count;
  page.facts.offset = root.offset;
  page.facts.stored_size = root.stored_size;
  page.facts.content_bytes = root.content_bytes;
  page.facts.stored_bytes = root.stored_bytes;
  page.facts.digest = root.digest;
  visit(std::move(page));
}

// A page is walked once for what it is, whoever links to it. One that cannot be read is what its
// links say, and somebody may have forged one of them: each that says something else is kept.
void TreeSurvey::visit(LostPage page) {
  const std::uint64_t kind = std::uint64_t{page.level} << 32 | slot(page.table);
  const std::pair place(page.offset, kind);
  if (walked_.contains(place)) return;
  if (unreadable_.contains(place)) return lose(std::move(page));
  const auto loaded = pages_.load(page.offset, store::page_kind(page.level));
  if (format::damage_in(loaded) != nullptr) {
    unreadable_.insert(place);
    return lose(std::move(page));
  }
  const Page& bytes = std::get<Page>(loaded);
  if (bytes.table != slot(page.table)) {
    unreadable_.insert(place);
    return lose(std::move(page));
  }
  if (page.level == 0) {
    walked_.insert(place);
    if (on_leaf_) on_leaf_(bytes);
    return;
  }
  const IndexView index(bytes.payload());
  if (index.level() != page.level) {
    unreadable_.insert(place);
    return lose(std::move(page));
  }
  walked_.insert(place);
  std::optional<std::string> after = page.after_key;
  for (std::uint32_t i = 0; i < index.size(); ++i) {
    LostPage below;
    below.facts = index.child(i);
    below.offset = below.facts.offset;
    below.table = page.table;
    below.level = page.level - 1;
    below.after_key = after;
    after = below.facts.key;
    visit(std::move(below));
  }
}

void TreeSurvey::lose(LostPage page) {
  const std::array<std::uint64_t, 3> link{
      page.offset, std::uint64_t{page.level} << 32 | slot(page.table),
      format::xxh3_64(std::as_bytes(std::span(page.facts.digest)))};
  if (!lost_links_.insert(format::xxh3_64(std::as_bytes(std::span(link)))).second) return;
  lost_.push_back(std::move(page));
}

namespace {

// Whether leaves that stand before a commit, behind `home`, belong to trees that come behind it: a
// delta that stands on trees from before them did not bring them. One that stands on trees behind
// them does so where the commit of these is lost.
bool is_folded_later(format::Bytes payload, std::uint64_t home) {
  const auto commit = format::read_root<schema::Commit>(payload);
  return !commit.hasTrees() && commit.getTreesOffset() <= home;
}

}  // namespace

std::optional<format::Record> record_of(format::RecordView record) {
  try {
    return format::Record(record);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kLimit) throw;
    return std::nullopt;
  }
}

WrittenOrder::WrittenOrder(const store::PageSource& pages, const PlaceSet& frames,
                           std::uint64_t from)
    : pages_(pages), frames_(frames) {
  std::optional<std::uint64_t> home;  // of the leaves written last
  for (std::uint64_t at = frames.next(from); at != PlaceSet::kNone;
       at = frames.next(at + format::kAlignBytes)) {
    const auto header = pages.load_header(at);
    if (format::damage_in(header) != nullptr) continue;
    const auto& frame = std::get<format::FrameHeader>(header);
    if (frame.kind == FrameKind::kLeaf) home = frame.home;
    if (frame.kind != FrameKind::kCommit) continue;
    if (const auto leant_on = home_of_leaves_below(frame)) {
      home = leant_on;
      last_delta_[*home] = at;
    } else if (home) {
      const auto loaded = pages.load(at, FrameKind::kCommit);
      if (format::damage_in(loaded) != nullptr) continue;
      if (is_folded_later(std::get<Page>(loaded).payload(), *home)) {
        last_delta_[*home] = at;
      } else {
        home.reset();
      }
    }
  }
}

// The home of the leaves that a delta is compressed with.
std::optional<std::uint64_t> WrittenOrder::home_of_leaves_below(
    const format::FrameHeader& commit) const {
  if (commit.codec != format::Codec::kZstdPrefix) return std::nullopt;
  std::optional<std::uint64_t> home;
  for (const std::uint64_t place : pages_.prefix_of(commit.own_offset)) {
    const auto header = pages_.load_header(place);
    if (format::damage_in(header) != nullptr) continue;
    const auto& frame = std::get<format::FrameHeader>(header);
    if (frame.kind == FrameKind::kLeaf) home = frame.home;
  }
  return home;
}

std::uint64_t WrittenOrder::age_at(std::uint64_t offset, std::uint64_t home) const {
  const auto last = last_delta_.find(home);
  return last == last_delta_.end() || last->second < offset ? offset : last->second + 1;
}

std::uint64_t WrittenOrder::age_of(const format::FrameHeader& frame) const {
  return frame.kind == FrameKind::kLeaf ? age_at(frame.own_offset, frame.home) : frame.own_offset;
}

// A header that is lost has the home of the frame before it, unless that is the home.
std::uint64_t WrittenOrder::age_of_leaf(std::uint64_t offset) const {
  const auto own = pages_.load_header(offset);
  if (format::damage_in(own) == nullptr) return age_of(std::get<format::FrameHeader>(own));
  const std::uint64_t before = frames_.previous(offset);
  if (before == PlaceSet::kNone) return offset;
  const auto header = pages_.load_header(before);
  if (format::damage_in(header) != nullptr) return offset;
  const auto& frame = std::get<format::FrameHeader>(header);
  return age_at(offset, frame.kind == FrameKind::kCommit ? before : frame.home);
}

namespace {

// Lost pages of one table and level by the keys they may have held. Those of one tree lie apart;
// those of several trees overlap.
class LostRanges {
 public:
  explicit LostRanges(const std::vector<LostPage>& lost) : lost_(lost) {}

  void add(std::size_t page) { pages_.push_back(page); }
  // Behind the last add().
  void sort() {
    const auto bounded = std::partition(pages_.begin(), pages_.end(), [this](std::size_t page) {
      return !lost_[page].facts.key.empty();
    });
    unbounded_.assign(bounded, pages_.end());
    pages_.erase(bounded, pages_.end());
    std::sort(pages_.begin(), pages_.end(), [this](std::size_t a, std::size_t b) {
      return lost_[a].after_key < lost_[b].after_key;  // nothing comes first
    });
    for (const std::size_t page : pages_) {
      const bool reaches_further =
          furthest_.empty() || lost_[furthest_.back()].facts.key < lost_[page].facts.key;
      furthest_.push_back(reaches_further ? page : furthest_.back());
    }
  }
  // Calls `f` with each page that may have held a key of [first, last].
  template <class F>
  void each(std::string_view first, std::string_view last, F&& f) const {
    const auto behind = std::partition_point(pages_.begin(), pages_.end(), [&](std::size_t page) {
      return !lost_[page].after_key || std::string_view(*lost_[page].after_key) < last;
    });
    for (auto at = static_cast<std::size_t>(behind - pages_.begin()); at-- > 0;) {
      if (ends_before(furthest_[at], first)) break;
      if (!ends_before(pages_[at], first)) f(pages_[at]);
    }
    for (const std::size_t page : unbounded_) {
      if (!lost_[page].after_key || std::string_view(*lost_[page].after_key) < last) f(page);
    }
  }

 private:
  [[nodiscard]] bool ends_before(std::size_t page, std::string_view key) const {
    return std::string_view(lost_[page].facts.key) < key;
  }

  const std::vector<LostPage>& lost_;
  std::vector<std::size_t> pages_;      // by after_key
  std::vector<std::size_t> unbounded_;  // roots, of which nobody knows the last key
  std::vector<std::size_t> furthest_;   // of the pages up to each: the one that reaches furthest
};

// The pass over a file's frames, oldest first.
class Gathering {
 public:
  Gathering(const store::PageSource& pages, const PlaceSet& frames,
            const std::vector<LostPage>& lost, Wanted wanted)
      : pages_(pages),
        order_(pages, frames, 0),
        lost_(lost),
        wanted_(wanted),
        remains_(lost.size()) {
    for (std::size_t i = 0; i < lost.size(); ++i) {
      Levels& levels = by_table_[slot(lost[i].table)];
      levels.try_emplace(lost[i].level, lost).first->second.add(i);
      ages_.push_back(lost[i].level == 0 ? order_.age_of_leaf(lost[i].offset) : lost[i].offset);
    }
    for (Levels& levels : by_table_) {
      for (auto& [level, ranges] : levels) ranges.sort();
    }
  }

  // Behind it nothing is older than a lost page.
  [[nodiscard]] std::uint64_t end() const {
    return ages_.empty() ? 0 : *std::max_element(ages_.begin(), ages_.end());
  }

  // In the order of the file; what counts as written later waits until then.
  void pass(std::uint64_t offset) {
    const auto header = pages_.load_header(offset);
    if (format::damage_in(header) != nullptr) return;
    const auto& frame = std::get<format::FrameHeader>(header);
    const std::uint64_t age = order_.age_of(frame);
    if (age != offset) {
      waiting_.emplace(age, frame);
      return;
    }
    look_at(frame);
    for (auto next = waiting_.begin(); next != waiting_.end() && next->first == offset + 1;
         next = waiting_.erase(next)) {
      look_at(next->second);
    }
  }

  [[nodiscard]] std::vector<Remains> take() { return std::move(remains_); }

 private:
  void look_at(const format::FrameHeader& frame) {
    const auto table = table_from_number(frame.table);
    if (frame.kind == FrameKind::kCommit) {
      look_at_commit(frame);
    } else if (frame.kind == FrameKind::kLeaf && table && !by_table_[slot(*table)].empty()) {
      look_at_leaf(frame, *table);
    } else if (frame.kind == FrameKind::kIndex && table && !by_table_[slot(*table)].empty()) {
      look_at_index(frame, *table);
    }
  }

  using Levels = std::map<std::uint32_t, LostRanges>;

  // Calls `f` with the lost pages of a table and level that are newer than what was written at
  // `age` and may have held a key of [first, last].
  template <class F>
  void each_newer(Table table, std::uint32_t level, std::uint64_t age, std::string_view first,
                  std::string_view last, F&& f) {
    const Levels& levels = by_table_[slot(table)];
    const auto ranges = levels.find(level);
    if (ranges == levels.end()) return;
    ranges->second.each(first, last, [&](std::size_t page) {
      if (ages_[page] > age) f(lost_[page], remains_[page]);
    });
  }
  // The same of all levels whose pages want records.
  template <class F>
  void each_that_wants_records(Table table, std::uint64_t age, std::string_view first,
                               std::string_view last, F&& f) {
    for (const auto& [level, ranges] : by_table_[slot(table)]) {
      if (level > 0 && wanted_ == Wanted::kPages) break;
      each_newer(table, level, age, first, last, f);
    }
  }

  void look_at_leaf(const format::FrameHeader& frame, Table table) {
    const auto loaded = pages_.load(frame.own_offset, FrameKind::kLeaf);
    if (format::damage_in(loaded) != nullptr) return;
    const format::Bytes payload = std::get<Page>(loaded).payload();
    const LeafView leaf(payload);
    const std::string_view first = leaf.key(0);
    const std::string_view last = leaf.key(leaf.size() - 1);
    const std::uint64_t age = order_.age_of(frame);
    std::vector<std::optional<format::Record>> records;  // shared by all pages that want them
    each_that_wants_records(table, age, first, last, [&](const LostPage& page, Remains& remains) {
      if (records.empty()) records = records_of(leaf);
      // Between its first and its last key the leaf has every record there was at its time.
      remains.records.erase(remains.records.lower_bound(first), remains.records.upper_bound(last));
      for (std::uint32_t i = 0; i < leaf.size(); ++i) {
        if (!records[i] || !page.may_hold(leaf.key(i))) continue;
        remains.records.insert_or_assign(std::string(leaf.key(i)), *records[i]);
      }
    });
    std::optional<format::Child> child;
    each_newer(table, 1, age, first, last, [&](const LostPage& page, Remains& remains) {
      if (!page.may_hold(first) || !page.may_hold(last)) return;
      if (!child) child = child_of(frame, payload);
      put_below(remains, std::string(first), *child);
    });
  }

  [[nodiscard]] static std::vector<std::optional<format::Record>> records_of(const LeafView& leaf) {
    std::vector<std::optional<format::Record>> records;
    for (std::uint32_t i = 0; i < leaf.size(); ++i) records.push_back(record_of(leaf.record(i)));
    return records;
  }

  // What a page above the leaf says of it.
  [[nodiscard]] static format::Child child_of(const format::FrameHeader& frame,
                                              format::Bytes payload) {
    const LeafView leaf(payload);
    format::Child child;
    child.key = leaf.key(leaf.size() - 1);
    child.count = leaf.size();
    child.offset = frame.own_offset;
    child.stored_size = frame.stored_size;
    child.stored_bytes = frame.frame_bytes();
    child.digest = format::leaf_digest(payload);
    for (std::uint32_t i = 0; i < leaf.size(); ++i) {
      child.content_bytes +=
          leaf.key(i).size() + format::canonical_words(leaf.record(i)) * sizeof(capnp::word);
    }
    return child;
  }

  void look_at_index(const format::FrameHeader& frame, Table table) {
    const auto loaded = pages_.load(frame.own_offset, FrameKind::kIndex);
    if (format::damage_in(loaded) != nullptr) return;
    const IndexView index(std::get<Page>(loaded).payload());
    const std::string_view last = index.key(index.size() - 1);
    std::optional<format::Child> child;
    std::string first;
    each_newer(table, index.level() + 1, frame.own_offset, last, last,
               [&](const LostPage& page, Remains& remains) {
                 if (!child) {
                   child = child_of(frame, index);
                   first = first_key_below(index);
                 }
                 if (page.may_hold(first)) put_below(remains, first, *child);
               });
  }

  [[nodiscard]] static format::Child child_of(const format::FrameHeader& frame,
                                              const IndexView& index) {
    format::Child child;
    child.key = index.key(index.size() - 1);
    child.offset = frame.own_offset;
    child.stored_size = frame.stored_size;
    child.stored_bytes = frame.frame_bytes();
    child.digest = format::index_digest(index);
    for (std::uint32_t i = 0; i < index.size(); ++i) {
      const format::Child below = index.child(i);
      child.count += below.count;
      child.content_bytes += below.content_bytes;
      child.stored_bytes += below.stored_bytes;
    }
    return child;
  }

  // The first key of a subtree; where it cannot be read, the nearest that can.
  [[nodiscard]] std::string first_key_below(IndexView index) const {
    Page keep;
    while (true) {
      const std::uint32_t level = index.level() - 1;
      auto loaded = pages_.load(index.offset(0), store::page_kind(level));
      if (format::damage_in(loaded) != nullptr) return std::string(index.key(0));
      Page page = std::get<Page>(std::move(loaded));
      if (level == 0) return std::string(LeafView(page.payload()).key(0));
      const IndexView below(page.payload());
      if (below.level() != level) return std::string(index.key(0));
      index = below;
      keep = std::move(page);
    }
  }

  // A newer page takes the place of the older ones whose keys it covers.
  static void put_below(Remains& remains, const std::string& first, format::Child child) {
    auto at = remains.below.lower_bound(first);
    while (at != remains.below.end() && at->second.first_key <= child.key) {
      at = remains.below.erase(at);
    }
    const std::string last = child.key;
    remains.below.insert_or_assign(last, Remains::Below{first, std::move(child)});
  }

  void look_at_commit(const format::FrameHeader& frame) {
    const auto loaded = pages_.load(frame.own_offset, FrameKind::kCommit);
    if (format::damage_in(loaded) != nullptr) return;
    const auto commit = format::read_root<schema::Commit>(std::get<Page>(loaded).payload());
    const auto runs = store::runs_of(commit);
    for (const Table table : kAllTables) {
      for (const store::Change& change : runs[slot(table)]) {
        put(table, frame.own_offset, change.key,
            change.is_erased ? std::nullopt : record_of(change.record));
      }
    }
    // The table `revisions` says again what commits say.
    store::LoadedCommit itself;
    itself.offset = frame.own_offset;
    itself.end = frame.end();
    itself.home = frame.home;
    itself.reader = commit;
    const RevisionInfo info = store::describe(itself);
    std::string key;
    format::append_big_endian(key, info.revision, sizeof info.revision);
    put(Table::kRevisions, frame.own_offset, key, store::revision_record(info));
  }

  void put(Table table, std::uint64_t offset, std::string_view key,
           const std::optional<format::Record>& record) {
    each_that_wants_records(table, offset, key, key, [&](const LostPage& page, Remains& remains) {
      if (!page.may_hold(key)) return;
      if (record) {
        remains.records.insert_or_assign(std::string(key), *record);
      } else if (const auto at = remains.records.find(key); at != remains.records.end()) {
        remains.records.erase(at);
      }
    });
  }

  const store::PageSource& pages_;
  WrittenOrder order_;
  const std::vector<LostPage>& lost_;
  Wanted wanted_;
  std::vector<std::uint64_t> ages_;  // of the lost pages
  std::multimap<std::uint64_t, format::FrameHeader> waiting_;
  std::array<Levels, kTableSlots> by_table_;
  std::vector<Remains> remains_;
};

}  // namespace

std::vector<Remains> gather_remains(const store::PageSource& pages, const PlaceSet& frames,
                                    const std::vector<LostPage>& lost, Wanted wanted,
                                    const ProgressCallback& progress) {
  if (lost.empty()) return {};
  Gathering gathering(pages, frames, lost, wanted);
  const std::uint64_t newest = gathering.end();
  for (std::uint64_t at = frames.next(0); at < newest; at = frames.next(at + format::kAlignBytes)) {
    gathering.pass(at);
    if (progress && !progress({"looking for lost records", at, newest}))
      throw Error(ErrorCode::kInterrupted, "interrupted");
  }
  return gathering.take();
}

std::optional<std::vector<std::byte>> rebuild_page(const LostPage& page, const Remains& remains) {
  if (page.level == 0) {
    if (remains.records.empty() || remains.records.size() != page.facts.count) return std::nullopt;
    std::vector<format::LeafItem> items;
    for (const auto& [key, record] : remains.records) items.push_back({key, record.view()});
    std::vector<std::byte> payload = format::build_leaf(items);
    if (format::leaf_digest(payload) != page.facts.digest) return std::nullopt;
    return payload;
  }
  std::vector<format::Child> children;
  for (const auto& [key, below] : remains.below) children.push_back(below.child);
  if (children.empty()) return std::nullopt;
  if (format::index_digest(children, page.level) != page.facts.digest) return std::nullopt;
  return format::build_index(children, page.level);
}

}  // namespace session::operations
