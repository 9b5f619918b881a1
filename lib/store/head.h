#pragma once
// Finding the newest commit one may believe, from the end of the file (spec/format.md, "The head").

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "format/file_header.h"
#include "format/frame.h"
#include "lib/io/file.h"

namespace session::store {

struct Head {
  std::uint64_t commit_offset = 0;
  std::uint64_t commit_end = 0;
  // What lies before it was synced when what lies behind it was written: where the bytes begin that
  // the commit vouches for; behind it, its seal, or the last frame of a parity group.
  std::uint64_t unsynced_begin = 0;
  std::uint64_t end = 0;  // behind the commit's seal and parity: where a writer goes on
  std::uint64_t file_bytes = 0;
  std::uint64_t tail_bytes = 0;     // behind `end`, up to the last byte that is not zero
  std::uint64_t parity_offset = 0;  // of the newest parity group before `end`; 0: none
  bool sealed = false;
};

// The file header of an open file. Throws kNotASession (an empty file, other bytes),
// kNewerVersion, kDamaged.
[[nodiscard]] format::FileHeader read_file_header(io::File& file, const std::string& path);

// What a search for the head comes to, for those who go on behind damage.
struct HeadSearch {
  std::optional<Head> head;  // the newest commit that can be believed
  // A newer one that is bad and was on the disk, for a seal or parity says so, or for it is sound
  // and what it leans on is not: the file is damaged, and `head` is not what it should show.
  std::optional<std::uint64_t> damaged_offset;
};
[[nodiscard]] HeadSearch search_head(io::File& file, const std::string& path,
                                     std::uint64_t file_tag);

// Throws kDamaged if no commit can be believed, or if a newer one was on the disk and is bad.
[[nodiscard]] Head find_head(io::File& file, const std::string& path, std::uint64_t file_tag);

// Whether a search could find another head than `known`: false if nothing was written behind it.
[[nodiscard]] bool has_moved_on(io::File& file, const Head& known);

// The offset behind the last byte in [0, limit) that is not zero; `floor` if there is none at or
// above it. Reads by system calls: touching a reserve through a mapping costs a fault per page.
[[nodiscard]] std::uint64_t end_of_nonzero(io::File& file, const std::string& path,
                                           std::uint64_t floor, std::uint64_t limit);

}  // namespace session::store
