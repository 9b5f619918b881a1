#pragma once
// A session file as `compact --archive` leaves it: every page compressed.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace session::test {

// `file` with the pages of the snapshot commit at `commit_offset` compressed, and that commit as
// its only one. The session must hold no blobs; older revisions cannot be opened in the copy.
[[nodiscard]] std::vector<std::byte> compressed_copy(std::span<const std::byte> file,
                                                     std::uint64_t commit_offset);

}  // namespace session::test
