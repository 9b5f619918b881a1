#pragma once
// Parity used: the groups of a file found wherever they stand, whatever is damaged beside them, and
// the bytes they protect checked and restored. Needs neither header nor commits, so it comes first
// in every repair. Throws kIo when the destination cannot be written; a source that cannot be read
// in places counts as damaged there.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "format/parity.h"
#include "format/parity_code.h"
#include "lib/io/file.h"
#include "session/progress.h"

namespace session::operations {

// What a file's frames carry: from its header, or, where that is damaged, what most of its frames
// say. Nothing if there is no frame either.
[[nodiscard]] std::optional<std::uint64_t> find_file_tag(io::File& file);

// The groups of a file, by place. Groups that overlap a newer one are left out: a group does not
// share what it protects, so checking all of them reads the file once.
[[nodiscard]] std::vector<format::ParityGroup> find_parity_groups(
    io::File& file, std::uint64_t file_tag, const ProgressCallback& progress = {});

// Reads of `file` for the codec: beyond its end, and where it cannot be read, zeros.
[[nodiscard]] format::ReadAt forgiving_reader(io::File& file);

// All ranges are sorted and do not touch.
struct ParityOutcome {
  std::vector<format::ParityGroup> groups;  // by place; unfinished ones left out
  std::vector<format::ByteRange> covered;   // what they protect, and their frames
  std::vector<format::ByteRange> damaged;   // of that, what was not as it had been, to the block
  std::vector<format::ByteRange> restored;  // of that, what is whole again (or could be)
  // Of that, what is not: bytes of the range as they were, and parity frames, of which single
  // blocks may have been restored.
  std::vector<format::ByteRange> remaining;
  // Frames of groups that a crash kept from being finished; or that were damaged beyond use, which
  // cannot be told apart. What they were to protect shows no damage.
  std::vector<format::ByteRange> unfinished;
};

// Reads what is covered and writes nothing: `restored` is what restore_by_parity() could restore.
[[nodiscard]] ParityOutcome check_by_parity(io::File& file,
                                            const std::vector<format::ParityGroup>& groups,
                                            std::uint64_t file_tag,
                                            const ProgressCallback& progress = {});

// Copies `from` to `to`, an empty file, and restores there every block that can be restored. Where
// `from` cannot be read and parity does not help, `to` has zeros. A file cut inside a group comes
// back at its full length. Does not sync.
[[nodiscard]] ParityOutcome restore_by_parity(io::File& from, io::File& to,
                                              const std::vector<format::ParityGroup>& groups,
                                              std::uint64_t file_tag,
                                              const ProgressCallback& progress = {});

}  // namespace session::operations
