#include "fuzz/support/mutate.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <random>
#include <span>
#include <vector>

#include "format/bytes.h"
#include "fuzz/support/reseal.h"

// The fuzzing engine's own mutations.
extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace session::fuzz {
namespace {

using Random = std::minstd_rand;

constexpr std::size_t kWordBytes = 8;

std::size_t below(Random& random, std::size_t limit) {
  return limit == 0 ? 0 : random() % limit;
}

std::span<std::byte> as_span(std::uint8_t* data, std::size_t size) {
  return std::as_writable_bytes(std::span(data, size));
}

// A number likely to matter where it lands: a count, a place, a pointer, a neighbour's value.
std::uint64_t telling_word(std::span<const std::byte> bytes, std::uint64_t old, Random& random) {
  static constexpr auto kWords = std::to_array<std::uint64_t>(
      {0, 1, 2, 64, 0xFF, 0xFFFFFFFF, 0x100000000, 0x7FFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF});
  switch (below(random, 7)) {
    case 0:
      return kWords[below(random, kWords.size())];
    case 1:
      return old + 1;
    case 2:
      return old - 1;
    case 3:
      return old ^ std::uint64_t{1} << below(random, 64);
    case 4: {
      const auto frames = frames_of(bytes);
      return frames.empty() ? 0 : frames[below(random, frames.size())].offset;
    }
    case 5:
      return (old & ~std::uint64_t{0xFFFFFFFF}) | static_cast<std::uint32_t>(random());
    default:
      return format::load<std::uint64_t>(bytes,
                                         below(random, bytes.size() / kWordBytes) * kWordBytes);
  }
}

void change_word(std::span<std::byte> whole, std::size_t begin, std::size_t size, Random& random) {
  if (size < kWordBytes) return;
  const std::size_t at = begin + below(random, size / kWordBytes) * kWordBytes;
  const auto old = format::load<std::uint64_t>(whole, at);
  format::store(whole, at, telling_word(whole, old, random));
}

// Lets the engine change a stretch without changing its length.
void change_in_place(std::uint8_t* data, std::size_t size) {
  if (size > 0) (void)LLVMFuzzerMutate(data, size, size);
}

std::size_t append_copy(std::uint8_t* data, std::size_t size, std::size_t max_size,
                        const FramePlace& frame) {
  const std::size_t at = format::align_up(size);
  const std::size_t bytes = format::align_up(frame.size_bytes);
  if (at + bytes > max_size || frame.offset + bytes > size) return size;
  std::fill(data + size, data + at, std::uint8_t{0});
  std::copy_n(data + frame.offset, bytes, data + at);
  return at + bytes;
}

void copy_over(std::uint8_t* data, const FramePlace& from, const FramePlace& to) {
  std::memmove(data + to.offset, data + from.offset, std::min(from.size_bytes, to.size_bytes));
}

std::size_t change_file(std::uint8_t* data, std::size_t size, std::size_t max_size,
                        Random& random) {
  const std::vector<FramePlace> frames = frames_of(as_span(data, size));
  if (frames.empty()) return LLVMFuzzerMutate(data, size, max_size);
  const FramePlace& frame = frames[below(random, frames.size())];
  const FramePlace& other = frames[below(random, frames.size())];
  switch (below(random, 12)) {
    case 0:
      return LLVMFuzzerMutate(data, size, max_size);
    case 1:
      return append_copy(data, size, max_size, frame);
    case 2:
      copy_over(data, frame, other);
      return size;
    case 3:
      return frame.offset;  // cut off here
    case 4:
      change_in_place(data, std::min<std::size_t>(size, format::kFileHeaderBytes));
      return size;
    case 5:
    case 6:
      change_in_place(data + frame.offset, format::kFrameHeaderBytes);
      return size;
    case 7:
      change_in_place(data + frame.offset + format::kFrameHeaderBytes,
                      frame.size_bytes - format::kFrameHeaderBytes);
      return size;
    default:
      change_word(as_span(data, size), frame.offset, frame.size_bytes, random);
      return size;
  }
}

}  // namespace

std::size_t mutate_file(std::uint8_t* data, std::size_t size, std::size_t max_size, unsigned seed) {
  Random random(seed);
  for (std::size_t n = 1 + below(random, 4); n > 0; --n) {
    size = std::min(change_file(data, size, max_size, random), max_size);
  }
  const std::size_t how = below(random, 12);  // 0: as the damage left it
  if (how > 8) reseal(as_span(data, size), Reseal::kHashes);
  if (how > 4 && how <= 8) reseal(as_span(data, size), Reseal::kAndPlaces);
  if (how > 0 && how <= 4) reseal(as_span(data, size), Reseal::kAndContent);
  return size;
}

std::size_t mutate_message(std::uint8_t* data, std::size_t size, std::size_t max_size,
                           unsigned seed) {
  Random random(seed);
  if (size < kWordBytes || below(random, 3) == 0) return LLVMFuzzerMutate(data, size, max_size);
  for (std::size_t n = 1 + below(random, 3); n > 0; --n) {
    change_word(as_span(data, size), 0, size, random);
  }
  return size;
}

}  // namespace session::fuzz
