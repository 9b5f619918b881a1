#include "lib/operations/diff_sequence.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "lib/operations/dtl.h"

namespace session::operations {
namespace {

using Numbers = std::vector<std::uint32_t>;

using Comparison = dtl::Diff<std::uint32_t, Numbers>;

// The worst case of the algorithm is quadratic: two lists of this length without anything in common
// take some tenths of a second.
constexpr std::size_t kMostElements = 10'000;

// What is left of both lists between their common beginning and end.
struct Middle {
  std::size_t begin = 0;
  std::size_t left_end = 0;
  std::size_t right_end = 0;
  [[nodiscard]] std::size_t left_size() const { return left_end - begin; }
  [[nodiscard]] std::size_t right_size() const { return right_end - begin; }
};

Middle middle_of(const Numbers& left, const Numbers& right) {
  Middle middle;
  const std::size_t least = std::min(left.size(), right.size());
  while (middle.begin < least && left[middle.begin] == right[middle.begin]) ++middle.begin;
  middle.left_end = left.size();
  middle.right_end = right.size();
  while (middle.left_end > middle.begin && middle.right_end > middle.begin &&
         left[middle.left_end - 1] == right[middle.right_end - 1]) {
    --middle.left_end;
    --middle.right_end;
  }
  return middle;
}

// How many points the algorithm records on its way, when that way takes out `removed` elements of
// the shorter list.
std::size_t points(std::size_t length_difference, std::size_t removed) {
  return (removed + 1) * (length_difference + removed + 1);
}

// Beyond its limit of points the library starts again in the middle, which is not made for a rest
// whose shorter list is the other one.
bool is_too_far(const Numbers& left, const Numbers& right) {
  const std::size_t shorter = std::min(left.size(), right.size());
  const std::size_t longer = std::max(left.size(), right.size());
  if (longer > kMostElements) return true;
  if (points(longer - shorter, shorter) < dtl::MAX_CORDINATES_SIZE) return false;
  Comparison comparison(left, right);
  comparison.onOnlyEditDistance();
  comparison.compose();
  const auto distance = static_cast<std::size_t>(comparison.getEditDistance());
  const std::size_t removed = (distance - (longer - shorter)) / 2;
  return points(longer - shorter, removed) >= dtl::MAX_CORDINATES_SIZE;
}

void compare(const Numbers& left, const Numbers& right, std::size_t offset,
             std::vector<SequenceStep>& steps) {
  Comparison comparison(left, right);
  comparison.compose();
  std::size_t at_left = offset;
  std::size_t at_right = offset;
  for (const auto& [element, info] : comparison.getSes().getSequence()) {
    switch (info.type) {
      case dtl::SES_COMMON:
        steps.push_back({Step::kSame, at_left++, at_right++});
        break;
      case dtl::SES_DELETE:
        steps.push_back({Step::kRemoved, at_left++, at_right});
        break;
      default:
        steps.push_back({Step::kAdded, at_left, at_right++});
        break;
    }
  }
}

void exchange(std::vector<SequenceStep>& steps, std::size_t from) {
  for (std::size_t i = from; i < steps.size(); ++i) {
    SequenceStep& step = steps[i];
    std::swap(step.left, step.right);
    if (step.step == Step::kSame) continue;
    step.step = step.step == Step::kRemoved ? Step::kAdded : Step::kRemoved;
  }
}

// Between two common elements, first what goes.
void sort_gaps(std::vector<SequenceStep>& steps) {
  const auto is_same = [](const SequenceStep& step) { return step.step == Step::kSame; };
  for (auto at = steps.begin(); at != steps.end();) {
    const auto begin = std::find_if_not(at, steps.end(), is_same);
    at = std::find_if(begin, steps.end(), is_same);
    std::stable_partition(begin, at, [](const auto& step) { return step.step == Step::kRemoved; });
  }
}

void replace(const Middle& middle, std::vector<SequenceStep>& steps) {
  for (std::size_t i = middle.begin; i < middle.left_end; ++i) {
    steps.push_back({Step::kRemoved, i, middle.begin});
  }
  for (std::size_t i = middle.begin; i < middle.right_end; ++i) {
    steps.push_back({Step::kAdded, middle.left_end, i});
  }
}

// Of several shortest ways the algorithm may find another one when the sides are exchanged, so it
// always sees them in the same order.
void compare_middle(const Numbers& left, const Numbers& right, const Middle& middle,
                    std::vector<SequenceStep>& steps) {
  const auto part = [&middle](const Numbers& list, std::size_t end) {
    return Numbers(std::next(list.begin(), static_cast<std::ptrdiff_t>(middle.begin)),
                   std::next(list.begin(), static_cast<std::ptrdiff_t>(end)));
  };
  const Numbers one = part(left, middle.left_end);
  const Numbers other = part(right, middle.right_end);
  if (one.empty() || other.empty() || is_too_far(one, other)) return replace(middle, steps);
  const std::size_t before = steps.size();
  if (one <= other) return compare(one, other, middle.begin, steps);
  compare(other, one, middle.begin, steps);
  exchange(steps, before);
}

}  // namespace

std::vector<SequenceStep> diff_sequences(const Numbers& left, const Numbers& right) {
  std::vector<SequenceStep> steps;
  const Middle middle = middle_of(left, right);
  for (std::size_t i = 0; i < middle.begin; ++i) steps.push_back({Step::kSame, i, i});
  compare_middle(left, right, middle, steps);
  sort_gaps(steps);
  std::size_t right_at = middle.right_end;
  for (std::size_t i = middle.left_end; i < left.size(); ++i) {
    steps.push_back({Step::kSame, i, right_at++});
  }
  return steps;
}

}  // namespace session::operations
