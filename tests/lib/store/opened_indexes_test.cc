// Index pages that were opened before are found again, whoever asks, and never a wrong one.

#include "lib/store/opened_indexes.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace session::store {
namespace {

std::vector<std::byte> page_of(std::uint64_t offset) {
  std::vector<format::Child> children(3);
  for (std::size_t i = 0; i < children.size(); ++i) {
    children[i].key = "key-" + std::to_string(i);
    children[i].offset = offset;
  }
  return format::build_index(children, 1);
}

TEST(OpenedIndexes, KnowNothingAtFirst) {
  const OpenedIndexes opened;
  EXPECT_EQ(opened.find(64), nullptr);
}

TEST(OpenedIndexes, GiveBackEachPageUnderItsOwnOffsetAlone) {
  constexpr std::uint64_t kPages = 20'000;  // more than there is room for
  OpenedIndexes opened;
  std::vector<std::vector<std::byte>> pages;
  for (std::uint64_t i = 1; i <= kPages; ++i) {
    pages.push_back(page_of(i * 64));
    opened.keep(i * 64, format::IndexView(pages.back()));
  }
  std::uint64_t found = 0;
  for (std::uint64_t i = 1; i <= kPages; ++i) {
    const format::IndexView* const index = opened.find(i * 64);
    if (index == nullptr) continue;
    EXPECT_EQ(index->offset(0), i * 64);
    ++found;
  }
  EXPECT_GT(found, 4000U);
  EXPECT_EQ(opened.find((kPages + 1) * 64), nullptr);
}

TEST(OpenedIndexesConcurrency, KeepAndFindFromManyThreads) {
  constexpr std::uint64_t kPages = 500;
  OpenedIndexes opened;
  std::vector<std::vector<std::byte>> pages;
  for (std::uint64_t i = 0; i < kPages; ++i) pages.push_back(page_of((i + 1) * 64));
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&] {
      for (int round = 0; round < 3; ++round) {
        for (std::uint64_t i = 0; i < kPages; ++i) {
          const format::IndexView* const index = opened.find((i + 1) * 64);
          if (index == nullptr) {
            opened.keep((i + 1) * 64, format::IndexView(pages[i]));
          } else if (index->offset(2) != (i + 1) * 64) {
            ++wrong;
          }
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_NE(opened.find(64), nullptr);
}

}  // namespace
}  // namespace session::store
