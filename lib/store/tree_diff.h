#pragma once
// Where two revisions differ, key by key. Both trees are walked together; subtrees of equal digest
// are equal and are passed over whole, so the cost follows the differences, not the size.

#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "format/commit.h"
#include "lib/store/page_source.h"
#include "lib/store/view.h"

namespace session::store {

// A key whose record differs; nothing on the side that has none.
struct Difference {
  std::string_view key;
  std::optional<format::RecordView> before;
  std::optional<format::RecordView> after;
  // Own what the views point to where a page is compressed; empty where the file is mapped.
  std::shared_ptr<const void> keep_before;
  std::shared_ptr<const void> keep_after;
};
using DifferenceVisitor = std::function<void(const Difference&)>;

// In key order. Views are valid during the call, and as long as their `keep` and the sources.
// Throws kDamaged where a page that is needed is damaged.
void diff_trees(const PageSource& before_pages, const format::RootRef& before,
                const PageSource& after_pages, const format::RootRef& after,
                const DifferenceVisitor& visit);

// The same for what two revisions show of a table, pending deltas included. Not for `children`.
void diff_views(const View& before, const View& after, Table table, const DifferenceVisitor& visit);

}  // namespace session::store
