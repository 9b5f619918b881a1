// Lost pages built anew, in place.

#include <iterator>
#include <map>

#include "format/commit.h"
#include "format/compression.h"
#include "format/frame.h"
#include "lib/operations/repair_image.h"
#include "lib/operations/salvage.h"
#include "lib/operations/scan.h"
#include "lib/store/tree.h"

namespace session::operations {
namespace {

using format::FrameHeader;
using store::Page;

// Where pages were put back in all rounds: each place and its end.
using Placed = std::map<std::uint64_t, std::uint64_t>;

// One look at everything, and one attempt at each page that is missing.
class Round {
 public:
  Round(Image& image, Placed& placed, const ProgressCallback& progress)
      : image_(image),
        placed_(placed),
        progress_(progress),
        patient_(image.patient()),
        size_(image.file->size_bytes()),
        scan_(scan_frames(*patient_, image.tag, format::kFileHeaderBytes, size_, 0, progress,
                          std::nullopt, Scan::kAnyBytes)),
        pages_(patient_, size_, image.tag, true) {}

  // True if at least one page is back.
  bool run(std::vector<RepairAction>& actions, bool& exact) {
    TreeSurvey survey(pages_);
    for (std::uint64_t at = scan_.commits.next(0); at != PlaceSet::kNone;
         at = scan_.commits.next(at + format::kAlignBytes)) {
      const auto loaded = pages_.load(at, format::FrameKind::kCommit);
      if (format::damage_in(loaded) != nullptr) continue;
      const auto commit = format::read_root<schema::Commit>(std::get<Page>(loaded).payload());
      if (commit.hasTrees()) survey.add(format::read_roots(commit.getTrees()));
    }
    const std::vector<LostPage>& lost = survey.lost();
    if (lost.empty()) return false;
    const auto remains = gather_remains(pages_, scan_.frames, lost, Wanted::kPages, progress_);
    bool any = false;
    for (std::size_t i = 0; i < lost.size(); ++i) {
      const auto payload = rebuild_page(lost[i], remains[i]);
      if (payload && put_back(lost[i], *payload, exact)) {
        any = true;
        actions.push_back(action_for(lost[i]));
      }
    }
    return any;
  }

 private:
  static std::uint64_t room_for(const LostPage& page) {
    return format::align_up(format::kFrameHeaderBytes + std::uint64_t{page.facts.stored_size});
  }

  static RepairAction action_for(const LostPage& page) {
    RepairAction action;
    action.step = RepairStep::kPage;
    action.offset = page.offset;
    action.length = room_for(page);
    action.message = std::string(page.level == 0 ? "a leaf" : "an index page") + " of table " +
                     std::string(table_name(page.table)) + " was built anew from " +
                     (page.level == 0 ? "older versions and deltas" : "the pages below it") +
                     "; its digest proves it";
    return action;
  }

  // A place that somebody forged may lie across frames that are sound, or across another such
  // place: then mending one page would damage another, and the rounds would go on for ever.
  [[nodiscard]] bool is_free(const LostPage& page) const {
    if (!format::is_aligned(page.offset) || page.offset < format::kFileHeaderBytes) return false;
    if (!format::fits(page.offset, room_for(page), size_)) return false;
    const std::uint64_t end = page.offset + room_for(page);
    const auto next = placed_.lower_bound(page.offset);
    if (next != placed_.end() && next->first < end) return false;
    if (next != placed_.begin() && std::prev(next)->second > page.offset) return false;
    if (scan_.frames.next(page.offset) < end) return false;
    const std::uint64_t before = scan_.frames.previous(page.offset);
    if (before == PlaceSet::kNone) return true;
    const auto header = pages_.load_header(before);
    return format::damage_in(header) != nullptr ||
           std::get<FrameHeader>(header).end() <= page.offset;
  }

  // As it stood there: as large, and with the header it had where that is known. Empty if it cannot
  // be made so; that is left to a rewrite.
  [[nodiscard]] std::vector<std::byte> frame_for(const LostPage& page, format::Bytes payload,
                                                 const FrameHeader* header) const {
    const std::uint64_t home = scan_.commits.previous(page.offset);
    for (const int level : {0, format::kArchiveLevel}) {
      std::vector<std::byte> frame;
      const FrameHeader written = format::append_frame(
          frame, page.offset, store::page_kind(page.level), home == PlaceSet::kNone ? 0 : home,
          image_.tag, payload, level, static_cast<std::uint16_t>(page.table));
      if (frame.size() == room_for(page) && (header == nullptr || *header == written)) return frame;
    }
    return {};
  }

  bool put_back(const LostPage& page, format::Bytes payload, bool& exact) {
    if (!is_free(page)) return false;
    const auto old = pages_.load_header(page.offset);
    const FrameHeader* const header = std::get_if<FrameHeader>(&old);
    const std::vector<std::byte> frame = frame_for(page, payload, header);
    if (frame.empty()) return false;
    if (header == nullptr) exact = false;
    placed_.emplace(page.offset, page.offset + frame.size());
    image_.file->write_at(page.offset, frame);
    return true;
  }

  Image& image_;
  Placed& placed_;
  const ProgressCallback& progress_;
  std::shared_ptr<PatientFile> patient_;
  std::uint64_t size_;
  Scan scan_;
  store::PageSource pages_;
};

}  // namespace

std::vector<RepairAction> rebuild_pages(Image& image, bool& exact,
                                        const ProgressCallback& progress) {
  std::vector<RepairAction> actions;
  Placed placed;
  while (Round(image, placed, progress).run(actions, exact)) {
  }
  return actions;
}

}  // namespace session::operations
