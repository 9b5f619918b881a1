#pragma once
// Changing a table's tree: one pass over the sorted changes, from the leaves up. At each level the
// pages that hold a change are opened, chunked again until a border falls on an old border, and
// replaced; what lies between is not touched. The result is the tree that building afresh from the
// same records would give (format/chunker.h), which is what makes digests comparable.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "format/commit.h"
#include "format/page.h"
#include "lib/store/page_source.h"

namespace session::store {

// One change: the new record, or none for an erasure. Views into memory that outlives the call.
struct Change {
  std::string_view key;
  format::RecordView record;
  bool is_erased = false;
};

struct PagePlace {
  std::uint64_t offset = 0;
  std::uint32_t stored_size = 0;
  std::uint64_t frame_bytes = 0;
};

// Where new pages go: into the file, or nowhere when only digests are wanted.
using PageSink = std::function<PagePlace(format::FrameKind kind, format::Bytes payload)>;

struct PageTargets {
  std::uint8_t leaf_log2;
  std::uint8_t index_log2;
};

// The tree after `changes` (sorted by key, each key once). Erasing what is not there is no change.
// Reads old pages through `pages`.
[[nodiscard]] format::RootRef update_tree(const PageSource& pages, const format::RootRef& root,
                                          const std::vector<Change>& changes,
                                          const PageTargets& targets, const PageSink& sink);

// The records of a table in rising order of their keys, one a call; nothing at the end. A change's
// views, and what `keep` owns of them, are valid until the page they go to is written.
struct NextRecord {
  Change change;
  std::shared_ptr<const void> keep;
};
using RecordSource = std::function<std::optional<NextRecord>()>;

// The tree of these records, of which one page is held at a time. `pages`: of the file they go to.
[[nodiscard]] format::RootRef build_tree(const PageSource& pages, const RecordSource& next,
                                         const PageTargets& targets, const PageSink& sink);

}  // namespace session::store
