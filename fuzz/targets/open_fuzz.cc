// A whole file from anywhere: opened, read to the last byte in both read modes, laid out. Both
// modes must see the same.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>

#include "fuzz/support/memory_files.h"
#include "fuzz/support/mutate.h"
#include "fuzz/support/read_all.h"
#include "session/layout.h"

namespace {

using session::LayoutEntry;
using session::ReadMode;
using session::fuzz::MemoryFiles;
using session::fuzz::Seen;

std::uint64_t seen_in(MemoryFiles& files, ReadMode mode) {
  Seen seen;
  session::fuzz::seeing_failures(
      seen, [&] { session::fuzz::read_file(files, MemoryFiles::kPath, mode, seen); });
  return seen.hash();
}

// The entries cover the file without a gap: that is what the layout promises of any bytes.
void lay_out(MemoryFiles& files, std::size_t size) {
  std::uint64_t at = 0;
  bool whole = true;
  try {
    session::walk_layout(
        MemoryFiles::kPath,
        [&](const LayoutEntry& entry) {
          whole = whole && entry.offset == at;
          at += entry.size_bytes;
          return true;
        },
        &files);
  } catch (const session::Error&) {
    return;  // no session file, or a newer one
  }
  if (whole && at == size) return;
  std::fprintf(stderr, "the layout leaves a gap\n");
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  MemoryFiles files(std::as_bytes(std::span(data, size)));
  if (seen_in(files, ReadMode::kMapped) != seen_in(files, ReadMode::kCopy)) {
    std::fprintf(stderr, "a mapped and a copying reader see different things\n");
    std::abort();
  }
  lay_out(files, size);
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned seed) {
  return session::fuzz::mutate_file(data, size, max_size, seed);
}
