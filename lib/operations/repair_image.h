#pragma once
// The steps of a repair, each on a copy of the damaged file that nobody else sees yet.

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "format/file_header.h"
#include "lib/io/file.h"
#include "lib/operations/scan_file.h"
#include "session/repair.h"

namespace session::operations {

// A file under repair. Reads past bad sectors.
struct Image {
  std::shared_ptr<io::File> file;
  std::string path;
  std::uint64_t tag = 0;                     // what its frames carry
  std::optional<format::FileHeader> header;  // where it is known

  [[nodiscard]] std::shared_ptr<PatientFile> patient() const {
    return std::make_shared<PatientFile>(file, path);
  }
};

// Pages that no tree can do without are put together from what is left, and written where they
// stood. Goes on until nothing more can be done: an index page may need the leaf rebuilt before it.
// `exact` is set to false when a page's own header, which would prove it to the bit, is lost too.
[[nodiscard]] std::vector<RepairAction> rebuild_pages(Image& image, bool& exact,
                                                      const ProgressCallback& progress);

// Writes a session anew at `path`: every revision of the image that is whole, and behind them, if
// the newest is not among them, a revision with all that is left of it; or, where `options.from`
// asks for it, one with the content of that revision: where that one is damaged itself, the report
// is refused and nothing stands at `path`. Fills what is stale and lost, and the head's number.
// Revisions in `unsound` are not whole, though they can be read.
void rewrite_damaged(const Image& image, const std::string& path, const RepairOptions& options,
                     const std::string& preserved_as, const std::set<std::uint64_t>& unsound,
                     RepairReport& report);

// `behind`: kept revisions newer than the chosen one, oldest first.
[[nodiscard]] RepairAction action_of_going_back(std::uint64_t chosen, std::uint64_t made,
                                                const std::vector<std::uint64_t>& behind);

}  // namespace session::operations
