// A tree after any changes is the tree that building afresh from the same records would give, and
// changing a little writes a little. What is built afresh here is built by another, simpler
// program: page by page from a sorted map.

#include "lib/store/tree.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "format/chunker.h"
#include "lib/store/tree_writer.h"
#include "tests/support/random_record.h"
#include "tests/support/seed.h"
#include "tests/support/simulated_disk.h"

namespace session::store {
namespace {

using format::Child;
using format::FrameKind;
using format::Record;
using format::RootRef;
using test::RandomRecord;

constexpr std::uint64_t kTag = 0x5E55;
constexpr PageTargets kSmall = {format::kMinTargetLog2, format::kMinTargetLog2};
constexpr PageTargets kStandard = {format::kLeafTargetLog2, format::kIndexTargetLog2};

using Records = std::map<std::string, Record, std::less<>>;
// A record, or nothing: an erasure.
using Changes = std::map<std::string, std::optional<Record>, std::less<>>;

// ---- built afresh -------------------------------------------------------------------------------

struct Afresh {
  std::uint32_t level = 0;
  std::uint64_t count = 0;
  std::uint64_t content_bytes = 0;
  format::Digest digest{};
};

std::vector<Child> leaves_of(const Records& records, const PageTargets& targets) {
  const format::PageRule rule(targets.leaf_log2, 0);
  std::vector<Child> pages;
  std::vector<format::LeafItem> items;
  std::uint64_t size = 0;
  Child page;
  const auto end_page = [&] {
    page.count = items.size();
    page.digest = format::leaf_digest(format::build_leaf(items));
    pages.push_back(page);
    page = {};
    items.clear();
    size = 0;
  };
  for (const auto& [key, record] : records) {
    const std::uint64_t weight = format::leaf_item_weight(key.size(), record.words());
    items.push_back({key, record.view()});
    size += weight;
    page.key = key;
    page.content_bytes += key.size() + record.words() * sizeof(capnp::word);
    if (rule.ends_after(key, weight, size, items.size())) end_page();
  }
  if (!items.empty()) end_page();
  return pages;
}

std::vector<Child> index_over(const std::vector<Child>& children, std::uint32_t level,
                              const PageTargets& targets) {
  const format::PageRule rule(targets.index_log2, level);
  std::vector<Child> pages;
  for (std::size_t begin = 0, at = 0; at < children.size();) {
    std::uint64_t size = 0;
    bool ended = false;
    while (at < children.size() && !ended) {
      const std::uint64_t weight = format::index_item_weight(children[at].key.size());
      size += weight;
      ended = rule.ends_after(children[at].key, weight, size, at - begin + 1);
      ++at;
    }
    Child page;
    page.key = children[at - 1].key;
    for (std::size_t i = begin; i < at; ++i) {
      page.count += children[i].count;
      page.content_bytes += children[i].content_bytes;
    }
    page.digest = format::index_digest(std::span(children).subspan(begin, at - begin), level);
    pages.push_back(page);
    begin = at;
  }
  return pages;
}

Afresh build_afresh(const Records& records, const PageTargets& targets) {
  std::vector<Child> pages = leaves_of(records, targets);
  std::uint32_t level = 0;
  while (pages.size() > 1) pages = index_over(pages, ++level, targets);
  if (pages.empty()) return {};
  return {level, pages[0].count, pages[0].content_bytes, pages[0].digest};
}

// ---- a file with one tree -----------------------------------------------------------------------

class TreeFile {
 public:
  explicit TreeFile(const PageTargets& targets, bool copying = false)
      : targets_(targets), copying_(copying) {
    file_ = disk_.open("/tree", io::OpenMode::kCreateNew);
    out_.resize(format::kFileHeaderBytes);
    write_out();
  }

  void update(const Changes& changes) {
    std::vector<Change> run;
    for (const auto& [key, record] : changes) {
      run.push_back({key, record ? record->view() : format::RecordView(), !record});
    }
    written_.clear();
    root_ = update_tree(*pages_, root_, run, targets_, sink());
    write_out();
    for (const auto& [key, record] : changes) {
      if (record) {
        records_.insert_or_assign(key, *record);
      } else {
        records_.erase(key);
      }
    }
  }

  [[nodiscard]] const RootRef& root() const { return root_; }
  [[nodiscard]] const PageSource& pages() const { return *pages_; }
  [[nodiscard]] const Records& records() const { return records_; }
  [[nodiscard]] const PageTargets& targets() const { return targets_; }
  // Pages of a kind that the last update wrote.
  [[nodiscard]] std::size_t written(FrameKind kind) const {
    return static_cast<std::size_t>(std::count(written_.begin(), written_.end(), kind));
  }

 private:
  PageSink sink() {
    return [this](FrameKind kind, format::Bytes payload) {
      written_.push_back(kind);
      const auto frame = format::append_frame(out_, end_, kind, 0, kTag, payload, 0, 2);
      return PagePlace{frame.own_offset, frame.stored_size, frame.frame_bytes()};
    };
  }
  void write_out() {
    file_->write_at(end_, out_);
    end_ += out_.size();
    out_.clear();
    pages_ = std::make_unique<PageSource>(file_, end_, kTag, copying_);
  }

  PageTargets targets_;
  bool copying_;
  test::SimulatedDisk disk_;
  std::shared_ptr<io::File> file_;
  std::uint64_t end_ = 0;
  std::vector<std::byte> out_;
  std::unique_ptr<PageSource> pages_;
  RootRef root_;
  Records records_;
  std::vector<FrameKind> written_;
};

void expect_as_built_afresh(const TreeFile& tree) {
  const Afresh afresh = build_afresh(tree.records(), tree.targets());
  ASSERT_EQ(tree.root().count, afresh.count);
  ASSERT_EQ(tree.root().empty(), tree.records().empty());
  ASSERT_EQ(tree.root().level, afresh.level);
  ASSERT_EQ(tree.root().content_bytes, afresh.content_bytes);
  ASSERT_EQ(tree.root().digest, afresh.digest);
}

struct Sums {
  std::uint64_t count = 0;
  std::uint64_t content_bytes = 0;
  std::uint64_t stored_bytes = 0;
};

// Sums over the page at `offset` and all below it, with what its parent says about it checked.
Sums walk(const PageSource& pages, const Child& page, std::uint32_t level) {
  const format::FrameHeader header = pages.header(page.offset);
  EXPECT_EQ(header.stored_size, page.stored_size);
  Sums sums;
  sums.stored_bytes = header.frame_bytes();
  const Page fetched = pages.fetch(page.offset, page_kind(level));
  if (level == 0) {
    const format::LeafView leaf(fetched.payload());
    sums.count = leaf.size();
    for (std::uint32_t i = 0; i < leaf.size(); ++i) {
      sums.content_bytes +=
          leaf.key(i).size() + format::canonical_words(leaf.record(i)) * sizeof(capnp::word);
    }
    EXPECT_EQ(leaf.key(leaf.size() - 1), page.key);
    EXPECT_EQ(format::leaf_digest(fetched.payload()), page.digest);
  } else {
    const format::IndexView index = open_index(fetched, page.offset, level);
    for (std::uint32_t i = 0; i < index.size(); ++i) {
      const Sums below = walk(pages, index.child(i), level - 1);
      sums.count += below.count;
      sums.content_bytes += below.content_bytes;
      sums.stored_bytes += below.stored_bytes;
    }
    EXPECT_EQ(index.key(index.size() - 1), page.key);
    EXPECT_EQ(format::index_digest(index), page.digest);
  }
  EXPECT_EQ(sums.count, page.count);
  EXPECT_EQ(sums.content_bytes, page.content_bytes);
  EXPECT_EQ(sums.stored_bytes, page.stored_bytes);
  return sums;
}

void expect_sums_of_pages(const TreeFile& tree) {
  const RootRef& root = tree.root();
  if (root.empty()) return;
  const std::string last = tree.records().rbegin()->first;
  (void)walk(tree.pages(),
             {last, root.count, root.offset, root.stored_size, root.content_bytes,
              root.stored_bytes, root.digest},
             root.level);
}

void expect_readable(const TreeFile& tree, RandomRecord& random) {
  TreeCursor cursor(tree.pages(), tree.root());
  std::uint64_t rank = 0;
  cursor.seek({});
  for (const auto& [key, record] : tree.records()) {
    ASSERT_TRUE(cursor.valid());
    ASSERT_EQ(cursor.key(), key);
    ASSERT_TRUE(Record(cursor.record()) == record);
    cursor.next();
    if (random.one_in(8)) {
      const auto found = tree_find(tree.pages(), tree.root(), key);
      ASSERT_TRUE(found);
      ASSERT_TRUE(Record(found->record) == record);
      TreeCursor by_rank(tree.pages(), tree.root());
      by_rank.seek_rank(rank);
      ASSERT_TRUE(by_rank.valid());
      ASSERT_EQ(by_rank.key(), key);
    }
    ++rank;
  }
  ASSERT_FALSE(cursor.valid());
  cursor.seek_rank(rank);
  ASSERT_FALSE(cursor.valid());
  for (int i = 0; i < 20; ++i) {
    const std::string probe = random.key();
    const auto expected = tree.records().lower_bound(probe);
    cursor.seek(probe);
    ASSERT_EQ(cursor.valid(), expected != tree.records().end());
    if (cursor.valid()) {
      ASSERT_EQ(cursor.key(), expected->first);
    }
    ASSERT_EQ(tree_find(tree.pages(), tree.root(), probe).has_value(),
              tree.records().contains(probe));
  }
}

std::string some_key(const Records& records, RandomRecord& random) {
  if (records.empty()) return random.key();
  auto at = records.begin();
  std::advance(at, static_cast<std::ptrdiff_t>(random.below(records.size())));
  return at->first;
}

Record some_record(RandomRecord& random) {
  if (random.one_in(30)) return random.value(3000);
  return random.one_in(2) ? random.value(random.below(120)) : random.of(Table::kTasks);
}

Changes random_changes(const Records& records, RandomRecord& random) {
  Changes changes;
  const std::size_t kind = random.below(10);
  if (kind < 3) {  // one record: new or changed
    changes[random.one_in(2) ? random.key() : some_key(records, random)] = some_record(random);
  } else if (kind < 5) {  // one erased, there or not
    changes[random.one_in(5) ? random.key() : some_key(records, random)] = std::nullopt;
  } else if (kind < 8) {  // many, here and there
    for (std::size_t n = random.below(120); n > 0; --n) {
      const std::string key = random.one_in(2) ? random.key() : some_key(records, random);
      changes[key] = random.one_in(3) ? std::nullopt : std::optional(some_record(random));
    }
  } else if (kind == 8) {  // a range erased
    auto at = records.lower_bound(some_key(records, random));
    for (std::size_t n = random.below(200); n > 0 && at != records.end(); --n, ++at) {
      changes[at->first] = std::nullopt;
    }
  } else {  // a run of new neighbours
    const std::string beginning = random.key();
    for (std::size_t n = random.below(80); n > 0; --n) {
      changes[beginning + random.text(3)] = some_record(random);
    }
  }
  return changes;
}

class Tree : public ::testing::Test {
 protected:
  std::uint64_t seed_ = test::random_seed();
  RandomRecord random_{seed_};

  [[nodiscard]] Changes many_values(std::size_t count, std::size_t text_bytes) {
    Changes changes;
    while (changes.size() < count) changes[random_.text(10)] = random_.value(text_bytes);
    return changes;
  }
};

TEST_F(Tree, AfterAnyChangesIsTheTreeBuiltAfresh) {
  for (int round = 0; round < 6; ++round) {
    TreeFile tree(round % 2 == 0 ? kSmall : kStandard, round % 3 == 0);
    for (int step = 0; step < 40; ++step) {
      tree.update(random_changes(tree.records(), random_));
      ASSERT_NO_FATAL_FAILURE(expect_as_built_afresh(tree)) << "round " << round << ", " << step;
      if (step % 10 != 9) continue;
      ASSERT_NO_FATAL_FAILURE(expect_readable(tree, random_));
      expect_sums_of_pages(tree);
    }
  }
}

TEST_F(Tree, GrowsAndShrinksOverSeveralLevels) {
  TreeFile tree(kSmall);
  tree.update(many_values(3000, 20));
  ASSERT_NO_FATAL_FAILURE(expect_as_built_afresh(tree));
  EXPECT_GE(tree.root().level, 3U);
  ASSERT_NO_FATAL_FAILURE(expect_readable(tree, random_));
  expect_sums_of_pages(tree);
  while (!tree.records().empty()) {
    // From the front, from the back, or scattered: a third at least.
    Changes erased;
    const std::size_t way = random_.below(3);
    std::size_t at = 0;
    for (const auto& [key, record] : tree.records()) {
      const bool in_third = way == 0   ? at * 3 <= tree.records().size()
                            : way == 1 ? (at + 1) * 3 >= tree.records().size() * 2
                                       : random_.one_in(2);
      if (in_third) erased[key] = std::nullopt;
      ++at;
    }
    tree.update(erased);
    ASSERT_NO_FATAL_FAILURE(expect_as_built_afresh(tree)) << tree.records().size() << " left";
    expect_sums_of_pages(tree);
  }
  EXPECT_TRUE(tree.root().empty());
}

TEST_F(Tree, ARootWithASingleChildIsDropped) {
  // Down to one record, in one step and record by record: what is left is a leaf and no more.
  for (const bool at_once : {true, false}) {
    TreeFile tree(kSmall);
    tree.update(many_values(150, 20));
    ASSERT_GE(tree.root().level, 1U);
    const std::string last_standing = some_key(tree.records(), random_);
    Changes erased;
    for (const auto& [key, record] : Records(tree.records())) {
      if (key == last_standing) continue;
      erased[key] = std::nullopt;
      if (at_once) continue;
      tree.update(erased);
      erased.clear();
      ASSERT_NO_FATAL_FAILURE(expect_as_built_afresh(tree)) << tree.records().size() << " left";
    }
    if (at_once) tree.update(erased);
    ASSERT_NO_FATAL_FAILURE(expect_as_built_afresh(tree));
    EXPECT_EQ(tree.root().level, 0U);
    EXPECT_EQ(tree.root().count, 1U);
    // The very leaf of a tree that never held more.
    TreeFile small(kSmall);
    small.update({{last_standing, tree.records().begin()->second}});
    EXPECT_EQ(small.root().digest, tree.root().digest);
  }
}

TEST_F(Tree, ErasedToNothingAndFilledAgainIsTheSameTree) {
  TreeFile tree(kSmall);
  const Changes records = many_values(300, 30);
  tree.update(records);
  const format::Digest digest = tree.root().digest;
  Changes erased = records;
  for (auto& [key, record] : erased) record = std::nullopt;
  tree.update(erased);
  EXPECT_TRUE(tree.root().empty());
  EXPECT_EQ(tree.root().level, 0U);
  EXPECT_FALSE(tree_find(tree.pages(), tree.root(), records.begin()->first));
  tree.update(records);
  EXPECT_EQ(tree.root().digest, digest);
}

TEST_F(Tree, ErasingWhatIsNotThereIsNoChange) {
  TreeFile tree(kSmall);
  tree.update({{"missing", std::nullopt}});
  EXPECT_TRUE(tree.root().empty());
  tree.update(many_values(200, 30));
  const RootRef before = tree.root();
  tree.update({{"", std::nullopt}, {"missing", std::nullopt}, {"\xFF\xFF", std::nullopt}});
  EXPECT_EQ(tree.root().digest, before.digest);
  EXPECT_EQ(tree.root().count, before.count);
  tree.update({});
  EXPECT_EQ(tree.root().digest, before.digest);
}

TEST_F(Tree, OrderAndGroupingOfChangesDoNotMatter) {
  const Changes records = many_values(400, 40);
  TreeFile at_once(kSmall);
  at_once.update(records);
  TreeFile piecewise(kSmall);
  std::vector<std::string> keys;
  for (const auto& [key, record] : records) keys.push_back(key);
  for (std::size_t left = keys.size(); left > 0; --left) {
    std::swap(keys[random_.below(left)], keys[left - 1]);
    piecewise.update({{keys[left - 1], records.at(keys[left - 1])}});
  }
  EXPECT_EQ(piecewise.root().digest, at_once.root().digest);
  EXPECT_EQ(piecewise.root().level, at_once.root().level);
}

TEST_F(Tree, AChangedRecordRewritesOneLeafAndThePathAboveIt) {
  TreeFile tree({format::kLeafTargetLog2, 10});
  tree.update(many_values(4000, 100));
  const std::uint32_t levels = tree.root().level;
  ASSERT_GE(levels, 2U);
  for (int i = 0; i < 100; ++i) {
    // The same size: borders depend on keys and sizes, so none moves.
    tree.update({{some_key(tree.records(), random_), random_.value(100)}});
    EXPECT_EQ(tree.written(FrameKind::kLeaf), 1U);
    EXPECT_EQ(tree.written(FrameKind::kIndex), levels);
  }
}

TEST_F(Tree, AnInsertOrEraseRewritesFewPages) {
  TreeFile tree(kStandard);
  tree.update(many_values(4000, 100));
  constexpr int kTrials = 200;
  std::size_t leaves = 0;
  for (int i = 0; i < kTrials; ++i) {
    if (i % 2 == 0) {
      tree.update({{random_.text(10), random_.value(100)}});
    } else {
      tree.update({{some_key(tree.records(), random_), std::nullopt}});
    }
    leaves += tree.written(FrameKind::kLeaf);
  }
  EXPECT_LE(static_cast<double>(leaves) / kTrials, 2.5);
  ASSERT_NO_FATAL_FAILURE(expect_as_built_afresh(tree));
}

TEST_F(Tree, DigestsNeedNoFile) {
  TreeFile tree(kSmall);
  const Changes changes = many_values(500, 30);
  std::vector<Change> run;
  for (const auto& [key, record] : changes) run.push_back({key, record->view(), false});
  const RootRef imagined =
      update_tree(tree.pages(), {}, run, kSmall,
                  [next = std::uint64_t{1} << 63](FrameKind, format::Bytes) mutable {
                    return PagePlace{next++, 0, 0};
                  });
  tree.update(changes);
  EXPECT_EQ(imagined.digest, tree.root().digest);
  EXPECT_EQ(imagined.level, tree.root().level);
}

// A few sound pages, checksums and all, that stand for 2^30 leaves: each index page has the page
// below it twice.
class EndlessTree {
 public:
  EndlessTree() {
    file_ = disk_.open("/tree", io::OpenMode::kCreateNew);
    const Record record = RandomRecord(7).value(20);
    const std::vector<format::LeafItem> items = {{"k", record.view()}, {"l", record.view()}};
    std::uint64_t below = append(FrameKind::kLeaf, format::build_leaf(items));
    for (std::uint32_t level = 1; level <= kLevels; ++level) {
      Child child;
      child.offset = below;
      child.count = 1ULL << level;
      child.key = "l";
      Child again = child;
      again.key = "m";
      const std::vector<Child> children = {child, again};
      below = append(FrameKind::kIndex, format::build_index(children, level));
    }
    file_->write_at(0, out_);
    pages_ = std::make_unique<PageSource>(file_, out_.size(), kTag, false);
    root_.level = kLevels;
    root_.offset = below;
    root_.count = 2ULL << kLevels;
  }
  [[nodiscard]] const PageSource& pages() const { return *pages_; }
  [[nodiscard]] const RootRef& root() const { return root_; }

 private:
  static constexpr std::uint32_t kLevels = 30;

  std::uint64_t append(FrameKind kind, format::Bytes payload) {
    return format::append_frame(out_, 0, kind, 0, kTag, payload, 0, 2).own_offset;
  }

  test::SimulatedDisk disk_;
  std::shared_ptr<io::File> file_;
  std::vector<std::byte> out_ = std::vector<std::byte>(format::kFileHeaderBytes);
  std::unique_ptr<PageSource> pages_;
  RootRef root_;
};

template <class F>
void expect_damage(F&& f) {
  try {
    f();
    ADD_FAILURE() << "came to an end";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kDamaged);
  }
}

TEST(HostileTree, AWalkEndsWhereALeafComesAgain) {
  const EndlessTree tree;
  expect_damage([&] {
    TreeCursor cursor(tree.pages(), tree.root());
    for (cursor.seek({}); cursor.valid(); cursor.next()) {
    }
  });
}

TEST(HostileTree, AnUpdateEndsWhereALeafComesAgain) {
  const EndlessTree tree;
  const PageSink sink = [](FrameKind, format::Bytes) { return PagePlace{1ULL << 63, 0, 0}; };
  for (const std::string_view key : {"a", "k", "l", "m", "z"}) {
    const std::vector<Change> changes = {{key, {}, true}};
    expect_damage([&] { (void)update_tree(tree.pages(), tree.root(), changes, kSmall, sink); });
  }
}

TEST(HostileTree, ALookUpCostsItsLevelsWhateverThePagesSay) {
  const EndlessTree tree;
  EXPECT_TRUE(tree_find(tree.pages(), tree.root(), "k"));
  EXPECT_FALSE(tree_find(tree.pages(), tree.root(), "m"));
  TreeCursor cursor(tree.pages(), tree.root());
  cursor.seek_rank(1ULL << 30);
  EXPECT_TRUE(cursor.valid());
}

TEST(PageSource, ReadsALeafOnceForLookUpsInARowThoughItKeepsNone) {
  test::SimulatedDisk disk;
  const std::shared_ptr<io::File> file = disk.open("/pages", io::OpenMode::kCreateNew);
  const Record record = RandomRecord(7).value(20);
  std::vector<std::byte> out(format::kFileHeaderBytes);
  std::vector<std::uint64_t> places;
  for (const std::string_view key : {"k", "l"}) {
    const std::vector<format::LeafItem> items = {{key, record.view()}};
    places.push_back(
        format::append_frame(out, 0, FrameKind::kLeaf, 0, kTag, format::build_leaf(items), 0, 2)
            .own_offset);
  }
  file->write_at(0, out);
  const PageSource pages(file, out.size(), kTag, true, PageSource::kCacheBytes, false);
  for (const std::uint64_t place : places) {
    const Page first = pages.fetch(place, FrameKind::kLeaf);
    const std::size_t calls = disk.calls();
    EXPECT_EQ(pages.fetch(place, FrameKind::kLeaf).data, first.data);
    EXPECT_EQ(disk.calls(), calls);
  }
  const std::size_t calls = disk.calls();
  (void)pages.fetch(places[0], FrameKind::kLeaf);
  EXPECT_GT(disk.calls(), calls);
}

TEST_F(Tree, CursorsSeekToTheFirstKeyNotBelow) {
  TreeFile tree(kSmall);
  Changes records;
  for (int i = 0; i < 200; ++i) records[random_.key()] = random_.value(10);
  tree.update(records);
  ASSERT_NO_FATAL_FAILURE(expect_readable(tree, random_));
  TreeCursor cursor(tree.pages(), tree.root());
  for (auto expected = tree.records().begin(); expected != tree.records().end(); ++expected) {
    cursor.seek(expected->first + '\0');
    const auto next = std::next(expected);
    ASSERT_EQ(cursor.valid(), next != tree.records().end());
    if (cursor.valid()) {
      EXPECT_EQ(cursor.key(), next->first);
    }
  }
}

}  // namespace
}  // namespace session::store
