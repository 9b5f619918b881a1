// Where pages end: within bounds, near the target, and by nothing but the page's own items.

#include "format/chunker.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/random_record.h"
#include "tests/support/seed.h"

namespace session::format {
namespace {

using test::RandomRecord;

struct Item {
  std::string key;
  std::uint64_t weight;
};
struct Page {
  std::size_t items = 0;
  std::uint64_t bytes = 0;
  std::uint64_t last_weight = 0;
};

// The last page ends with the items, not by the rule.
std::vector<Page> pages_of(const PageRule& rule, const std::vector<Item>& items) {
  std::vector<Page> pages;
  Page page;
  for (const Item& item : items) {
    ++page.items;
    page.bytes += item.weight;
    page.last_weight = item.weight;
    if (!rule.ends_after(item.key, item.weight, page.bytes, page.items)) continue;
    pages.push_back(page);
    page = {};
  }
  if (page.items > 0) pages.push_back(page);
  return pages;
}

std::vector<Item> leaf_items(RandomRecord& random, std::size_t count, std::size_t words) {
  std::vector<Item> items;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string key = random.text(12);
    items.push_back({key, leaf_item_weight(key.size(), 4 + random.below(words))});
  }
  return items;
}

TEST(Chunker, PageSizesLieWithinBoundsAndNearTheTarget) {
  RandomRecord random(test::random_seed());
  for (std::uint8_t log2 = kMinTargetLog2; log2 <= kMaxTargetLog2; ++log2) {
    const std::uint64_t target = 1ULL << log2;
    const std::vector<Item> items = leaf_items(random, std::size_t{100} << (log2 - 7), 16);
    const std::vector<Page> pages = pages_of(PageRule(log2, 0), items);
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i + 1 < pages.size(); ++i) {
      EXPECT_GE(pages[i].bytes, target / 4);
      EXPECT_LT(pages[i].bytes - pages[i].last_weight, target * 4);
      sum += pages[i].bytes;
    }
    ASSERT_GT(pages.size(), 20U);
    const double mean = static_cast<double>(sum) / static_cast<double>(pages.size() - 1);
    EXPECT_GT(mean, 0.7 * static_cast<double>(target)) << "target 2^" << int{log2};
    EXPECT_LT(mean, 1.4 * static_cast<double>(target)) << "target 2^" << int{log2};
  }
}

TEST(Chunker, ItemsHeavierThanAPageStandAlone) {
  RandomRecord random(test::random_seed());
  std::vector<Item> items;
  for (int i = 0; i < 50; ++i) items.push_back({random.key(), kMaxRecordBytes});
  EXPECT_EQ(pages_of(PageRule(kLeafTargetLog2, 0), items).size(), items.size());
}

TEST(Chunker, FromAnyBorderOnBordersAreTheSameWhateverCameBefore) {
  RandomRecord random(test::random_seed());
  const PageRule rule(kMinTargetLog2, 0);
  const std::vector<Item> items = leaf_items(random, 2000, 16);
  const std::vector<Page> pages = pages_of(rule, items);
  std::size_t begin = 0;
  for (std::size_t page = 0; page < pages.size(); ++page) {
    const std::vector<Item> rest(items.begin() + static_cast<std::ptrdiff_t>(begin), items.end());
    const std::vector<Page> again = pages_of(rule, rest);
    ASSERT_EQ(again.size(), pages.size() - page);
    for (std::size_t i = 0; i < again.size(); ++i) EXPECT_EQ(again[i].items, pages[page + i].items);
    begin += pages[page].items;
  }
}

TEST(Chunker, BordersMeetAgainSoonAfterAChange) {
  RandomRecord random(test::random_seed());
  const PageRule rule(kMinTargetLog2, 0);
  std::vector<Item> items = leaf_items(random, 3000, 16);
  const auto ends = [&](const std::vector<Item>& all) {
    std::vector<std::string> last;
    std::size_t at = 0;
    for (const Page& page : pages_of(rule, all)) last.push_back(all[(at += page.items) - 1].key);
    return last;
  };
  const std::vector<std::string> before = ends(items);
  items.insert(items.begin() + 5, {"a new key", 300});
  const std::vector<std::string> after = ends(items);
  // All but a few pages at the front are the same.
  for (std::size_t i = 0; i + 20 < std::min(before.size(), after.size()); ++i) {
    EXPECT_EQ(before[before.size() - 1 - i], after[after.size() - 1 - i]);
  }
}

TEST(Chunker, IndexPagesHaveTwoChildrenAtLeastHoweverLongTheKeys) {
  RandomRecord random(test::random_seed());
  std::vector<Item> items;
  for (int i = 0; i < 200; ++i) {
    const std::string key = random.text(kMaxKeyBytes);
    items.push_back({key, index_item_weight(key.size())});
  }
  const std::vector<Page> pages = pages_of(PageRule(kMinTargetLog2, 1), items);
  for (std::size_t i = 0; i + 1 < pages.size(); ++i) EXPECT_EQ(pages[i].items, kMinIndexChildren);
}

TEST(Chunker, KeysThatEndALeafDoNotEndIndexPages) {
  RandomRecord random(test::random_seed());
  const PageRule leaves(kMinTargetLog2, 0);
  const PageRule index(kMinTargetLog2, 1);
  std::vector<Item> ends;
  while (ends.size() < 2000) {
    const std::string key = random.text(12);
    const std::uint64_t weight = leaf_item_weight(key.size(), 8);
    if (leaves.ends_after(key, weight, 512, 5))
      ends.push_back({key, index_item_weight(key.size())});
  }
  const std::vector<Page> pages = pages_of(index, ends);
  // Were the hash the same at both levels, each page would end as soon as it may, at target / 4.
  EXPECT_LT(pages.size(), ends.size() * ends[0].weight / 350);
}

}  // namespace
}  // namespace session::format
