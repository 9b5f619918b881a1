// Parity groups from anywhere: found, checked, and used to restore. Whatever they claim, bytes that
// are not called damaged stay as they are, and what is called restored is sound afterwards.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <vector>

#include "fuzz/support/memory_files.h"
#include "fuzz/support/mutate.h"
#include "lib/operations/parity_groups.h"

namespace {

using namespace session;
using format::ByteRange;

// A file that grows as far as a group reaches.
class ScratchFile : public io::File {
 public:
  std::size_t read_at(std::uint64_t offset, std::span<std::byte> into) override {
    if (offset >= bytes_.size()) return 0;
    const std::size_t size = std::min<std::uint64_t>(into.size(), bytes_.size() - offset);
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(offset), size, into.begin());
    return size;
  }
  void write_at(std::uint64_t offset, std::span<const std::byte> bytes) override {
    bytes_.resize(std::max<std::size_t>(bytes_.size(), offset + bytes.size()));
    std::copy(bytes.begin(), bytes.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(offset));
  }
  std::uint64_t size_bytes() override { return bytes_.size(); }
  io::FileIdentity identity() override { return {1, 2, 1}; }
  void sync_data() override {}
  void truncate(std::uint64_t size_bytes) override { bytes_.resize(size_bytes); }
  std::shared_ptr<const io::Mapping> map(std::uint64_t /*size_bytes*/) override {
    throw Error(ErrorCode::kIo, "nobody maps this");
  }
  [[nodiscard]] const std::vector<std::byte>& bytes() const { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
};

bool contains(const std::vector<ByteRange>& ranges, std::uint64_t at) {
  const auto next = std::upper_bound(
      ranges.begin(), ranges.end(), at,
      [](std::uint64_t place, const ByteRange& range) { return place < range.begin; });
  return next != ranges.begin() && at < std::prev(next)->end;
}

bool is_in_frames(const std::vector<format::ParityGroup>& groups, std::uint64_t at) {
  return std::any_of(groups.begin(), groups.end(), [at](const format::ParityGroup& group) {
    return group.parity_begin <= at && at < group.parity_end();
  });
}

void require(bool holds, const char* promise) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", promise);
  std::abort();
}

void restore(io::File& from, std::span<const std::byte> input, std::uint64_t tag) {
  const auto groups = operations::find_parity_groups(from, tag);
  if (groups.empty()) return;
  const auto checked = operations::check_by_parity(from, groups, tag);
  ScratchFile to;
  const auto outcome = operations::restore_by_parity(from, to, groups, tag);
  require(checked.damaged == outcome.damaged, "a check finds what a repair finds");
  for (std::uint64_t at = 0; at < input.size(); ++at) {
    if (to.bytes()[at] != input[at]) {
      require(contains(outcome.damaged, at), "only what is called damaged is written");
      // Of a parity frame that cannot be made again, single blocks may have been.
      require(contains(outcome.restored, at) || is_in_frames(groups, at),
              "only what is called restored is written");
    }
  }
  const auto again = operations::check_by_parity(to, groups, tag);
  for (const ByteRange& range : outcome.restored) {
    require(!contains(again.damaged, range.begin), "what is called restored is sound");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto input = std::as_bytes(std::span(data, size));
  fuzz::MemoryFiles files(input);
  const auto from = files.open(fuzz::MemoryFiles::kPath, io::OpenMode::kRead);
  if (const auto tag = operations::find_file_tag(*from)) restore(*from, input, *tag);
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned seed) {
  return session::fuzz::mutate_file(data, size, max_size, seed);
}
