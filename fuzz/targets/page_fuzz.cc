// One payload: the first word chooses the kind of frame and its table, the rest is the message. The
// framing is put right, so that the fuzzer works on words and pointers.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "format/frame.h"
#include "fuzz/support/mutate.h"
#include "fuzz/support/read_payload.h"

namespace {

constexpr std::size_t kWordBytes = 8;

session::format::FrameKind kind_of(std::uint8_t choice) {
  using session::format::FrameKind;
  switch (choice % 4) {
    case 0:
      return FrameKind::kLeaf;
    case 1:
      return FrameKind::kIndex;
    case 2:
      return FrameKind::kCommit;
    default:
      return FrameKind::kSeal;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2 * kWordBytes) return 0;
  const std::size_t words = size / kWordBytes;
  std::vector<std::byte> payload(words * kWordBytes);
  std::memcpy(payload.data() + kWordBytes, data + kWordBytes, (words - 1) * kWordBytes);
  session::format::store(payload, 4, static_cast<std::uint32_t>(words - 1));
  session::fuzz::read_payload(kind_of(data[0]), data[1], payload);
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned seed) {
  return session::fuzz::mutate_message(data, size, max_size, seed);
}
