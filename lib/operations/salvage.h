#pragma once
// What is left of the pages that a damaged file has lost. Every frame that is still sound is looked
// at in the order in which it was written: older versions of a page, and the deltas that led to it,
// hold its records; the pages below an index page are still there. A page that was put together so
// and has the digest its parent names is the page that was lost.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "format/commit.h"
#include "format/frame.h"
#include "format/page.h"
#include "format/record.h"
#include "lib/operations/scan_places.h"
#include "lib/store/page_source.h"
#include "session/progress.h"
#include "session/table.h"

namespace session::operations {

// A page that a tree needs and that cannot be read, with what its parent says of it.
struct LostPage {
  std::uint64_t offset = 0;
  Table table = Table::kSession;
  std::uint32_t level = 0;  // 0: a leaf
  format::Child facts;      // its key is empty for a root
  // The keys it may hold lie behind this one; nothing: from the table's first.
  std::optional<std::string> after_key;

  [[nodiscard]] bool may_hold(std::string_view key) const {
    return (!after_key || key > *after_key) && (facts.key.empty() || key <= facts.key);
  }
};

// Walks trees and remembers what it could not read. Every page is opened once; `on_leaf`, if there
// is one, is shown each leaf that can be read.
class TreeSurvey {
 public:
  using LeafVisitor = std::function<void(const store::Page& leaf)>;
  explicit TreeSurvey(const store::PageSource& pages, LeafVisitor on_leaf = {})
      : pages_(pages), on_leaf_(std::move(on_leaf)) {}

  // All trees of a commit; the tree of one table.
  void add(const format::Roots& roots);
  void add(const format::RootRef& root, Table table);
  [[nodiscard]] const std::vector<LostPage>& lost() const { return lost_; }

 private:
  // Of a page: its offset, and its level and table.
  using Place = std::pair<std::uint64_t, std::uint64_t>;
  void visit(LostPage page);
  void lose(LostPage page);

  const store::PageSource& pages_;
  LeafVisitor on_leaf_;
  std::set<Place> walked_;
  std::set<Place> unreadable_;
  std::unordered_set<std::uint64_t> lost_links_;  // hashes of them
  std::vector<LostPage> lost_;
};

// What is newer than what. Frames stand in the order in which they were written, but for one thing:
// compacting writes the leaves of a snapshot ahead of the deltas that it folds and that lean on
// them. These leaves are newer than those deltas.
class WrittenOrder {
 public:
  // Of the frames from `from` on. Memory as the snapshots that were written so.
  WrittenOrder(const store::PageSource& pages, const PlaceSet& frames, std::uint64_t from);

  // Rises with the time at which the frame counts as written: its offset, or, of a leaf that was
  // written ahead, that of the last delta before its snapshot, and one more.
  [[nodiscard]] std::uint64_t age_of(const format::FrameHeader& frame) const;
  // The same of a leaf that may be damaged.
  [[nodiscard]] std::uint64_t age_of_leaf(std::uint64_t offset) const;

 private:
  [[nodiscard]] std::optional<std::uint64_t> home_of_leaves_below(
      const format::FrameHeader& commit) const;
  [[nodiscard]] std::uint64_t age_at(std::uint64_t offset, std::uint64_t home) const;

  const store::PageSource& pages_;
  const PlaceSet& frames_;
  std::map<std::uint64_t, std::uint64_t> last_delta_;  // by the home of the leaves before it
};

// What older frames say about one lost page.
struct Remains {
  using Records = std::map<std::string, format::Record, std::less<>>;
  struct Below {
    std::string first_key;
    format::Child child;
  };

  Records records;                     // the newest version of each record it may have held
  std::map<std::string, Below> below;  // pages that may have stood below it, by their last key
};

enum class Wanted : std::uint8_t {
  kPages,    // what may make up the page: the records of leaves, the pages below index pages
  kRecords,  // the records of index pages as well: all there are below them
};

// One pass over the sound frames of a file. In the order of `lost`. Memory as the records wanted.
[[nodiscard]] std::vector<Remains> gather_remains(const store::PageSource& pages,
                                                  const PlaceSet& frames,
                                                  const std::vector<LostPage>& lost, Wanted wanted,
                                                  const ProgressCallback& progress = {});

// Nothing of a record that is larger than any that was ever written: somebody forged it.
[[nodiscard]] std::optional<format::Record> record_of(format::RecordView record);

// The payload of the lost page, proved by its digest; nothing if what is left is not all of it.
[[nodiscard]] std::optional<std::vector<std::byte>> rebuild_page(const LostPage& page,
                                                                 const Remains& remains);

}  // namespace session::operations
