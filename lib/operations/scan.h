#pragma once
// Every frame of a file, one behind the other, found by their sizes; behind damage the next one is
// looked for in steps of 64. Verify, repair and emergency recovery all look at a file through this.
//
// Ranges of the file are scanned in parallel. A thread that begins in the middle of the file looks
// for the first valid header; where that does not fit to the end of the range before (somebody
// forged a frame inside a payload), the range is scanned again from the right place.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "format/damage.h"
#include "format/frame.h"
#include "lib/operations/leaf_facts.h"
#include "lib/operations/scan_file.h"
#include "lib/operations/scan_places.h"
#include "session/progress.h"

namespace session::operations {

struct ScanDamage {
  std::uint64_t offset = 0;  // where a frame was expected; of a bad payload: of its frame
  std::uint64_t end = 0;     // where sound frames go on
  // What failed first there; its own offset and length are the bytes it speaks of.
  format::Damage damage;
  std::optional<format::FrameHeader> header;  // where that is sound and only the rest is not
  bool is_bad_sector = false;
};

// A sound frame whose home is not the last commit before it: left there by another time.
struct StaleFrame {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  std::uint64_t home = 0;
  std::uint64_t expected = 0;
};

struct Span {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

struct Scan {
  explicit Scan(std::uint64_t file_bytes) : frames(file_bytes), commits(file_bytes) {}

  // Above kMaxExactBytes only the commits are kept, so that memory stays bounded; unless somebody
  // cannot do without the frames, however large the file.
  static constexpr std::uint64_t kMaxExactBytes = std::uint64_t{8} << 30;
  static constexpr std::uint64_t kAnyBytes = ~std::uint64_t{0};
  // Beyond so many, damage is only counted on in the last of them.
  static constexpr std::size_t kMaxDamages = 16384;

  // Above it some leaves have no facts, so that memory stays bounded.
  static constexpr std::size_t kMaxLeafFacts = (std::size_t{16} << 20) / sizeof(LeafFacts);

  // The damage that covers `offset`, if there is any.
  [[nodiscard]] const ScanDamage* damage_at(std::uint64_t offset) const;

  PlaceSet frames;   // sound ones: header, payload hash and padding are right
  PlaceSet commits;  // those of them that are commits
  std::vector<ScanDamage> damages;
  std::vector<StaleFrame> stale;
  std::vector<Span> transient;  // read wrongly once and rightly when read again
  std::uint64_t frame_count = 0;
  std::uint64_t bytes = 0;
  bool knows_frames = true;  // false: `frames` is empty, the file is too large for it
  std::vector<std::vector<LeafFacts>> leaves;  // of each range, in order
};

// Finds what a scan knows of leaves; of those asked for in the order of the file, at once.
class LeafFinder {
 public:
  explicit LeafFinder(const Scan& scan) : scan_(scan) {}
  // Of the leaf at `offset`, if anything is known; valid as long as the scan.
  [[nodiscard]] const LeafFacts* at(std::uint64_t offset);

 private:
  const Scan& scan_;
  std::uint64_t range_ = 0;
  std::size_t next_ = 0;  // in that range, behind the one found last
};

// Scans [begin, end) of a file whose frames carry `file_tag`, and with `rules` looks into its
// leaves. The frames are known of files of up to `exact_bytes`. Throws kInterrupted, kIo.
[[nodiscard]] Scan scan_frames(PatientFile& file, std::uint64_t file_tag, std::uint64_t begin,
                               std::uint64_t end, unsigned jobs, const ProgressCallback& progress,
                               const std::optional<LeafRules>& rules = std::nullopt,
                               std::uint64_t exact_bytes = Scan::kMaxExactBytes);

// The first frame at or behind `from` that agrees with itself, whatever file it says it belongs
// to: what is left to go by when the file header is destroyed.
[[nodiscard]] std::optional<format::FrameHeader> find_any_frame(PatientFile& file,
                                                                std::uint64_t from,
                                                                std::uint64_t end);

}  // namespace session::operations
