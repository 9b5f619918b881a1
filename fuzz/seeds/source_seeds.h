#pragma once
// Small sources of every format that is imported, and names of revisions, all of our own making:
// the seeds of the targets import_*, apply, migrate and revision.

#include <map>
#include <string>

namespace session::fuzz {

// By path below the corpus folder.
[[nodiscard]] std::map<std::string, std::string> source_seeds();

}  // namespace session::fuzz
