#pragma once
// The parity groups of a file as its head knows them: from the newest back to the first, without
// looking at what lies between. A file whose head or groups are damaged is searched instead
// (lib/operations/parity_groups.h).

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "format/parity.h"
#include "lib/io/file.h"
#include "lib/store/view.h"

namespace session::store {

// The group whose first frame stands in [from, limit); nothing if there is none that can be read.
[[nodiscard]] std::optional<format::ParityGroup> find_parity_group(io::File& file,
                                                                   const std::string& path,
                                                                   std::uint64_t file_tag,
                                                                   std::uint64_t from,
                                                                   std::uint64_t limit);

// Whether its closing frame is there: it was finished, whatever happened to it since.
[[nodiscard]] bool is_finished(io::File& file, const std::string& path, std::uint64_t file_tag,
                               const format::ParityGroup& group);

// The groups, newest first, that of `newest` being the first (0: none). Ends early where a group
// cannot be read.
[[nodiscard]] std::vector<format::ParityGroup> parity_groups(io::File& file,
                                                             const std::string& path,
                                                             std::uint64_t file_tag,
                                                             std::uint64_t newest);

// The groups that would cover [begin, end), their frames behind `end`, with `newest` being the
// group before them: one, or equal parts where that is too long for one. Their home is `home`.
// Throws kUsage for a percentage out of range.
[[nodiscard]] std::vector<format::ParityGroup> plan_parity_groups(std::uint64_t begin,
                                                                  std::uint64_t end,
                                                                  std::uint32_t percent,
                                                                  std::uint64_t newest,
                                                                  std::uint64_t home);

// What a session's policy asks to be kept up, or 0.
[[nodiscard]] std::uint32_t parity_policy(const View& view);

}  // namespace session::store
