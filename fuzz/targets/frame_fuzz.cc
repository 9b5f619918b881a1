// The bytes of a file without the library above them: headers, frames, payloads, and the views of
// the pages in them.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "format/file_header.h"
#include "format/frame.h"
#include "format/prefix.h"
#include "fuzz/support/mutate.h"
#include "fuzz/support/read_payload.h"
#include "session/error.h"

namespace {

using namespace session;
using format::Bytes;

std::uint64_t tag_of(Bytes file) {
  try {
    const auto header = format::decode_file_header(file);
    if (format::damage_in(header) == nullptr) return std::get<format::FileHeader>(header).tag();
  } catch (const Error&) {
    // Another major version; its frames are looked at all the same.
  }
  return format::load<std::uint64_t>(file, format::kFileHeaderBytes + 32);
}

void read_frame(Bytes file, std::uint64_t offset, std::uint64_t tag) {
  const auto loaded = format::load_frame(file, offset, tag);
  if (format::damage_in(loaded) != nullptr) return;
  const auto& frame = std::get<format::Frame>(loaded);
  std::vector<std::byte> buffer;
  const auto raw = format::unpack(frame, buffer, [&](std::uint64_t at, std::vector<std::byte>&) {
    return format::load_frame(file, at, tag);
  });
  if (format::damage_in(raw) != nullptr) return;
  const Bytes payload = std::get<Bytes>(raw);
  fuzz::read_payload(frame.header.kind, frame.header.table, payload);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // A copy of its own: payloads are read as words and must be aligned as in a file.
  const std::vector<std::uint8_t> copy(data, data + size);
  const Bytes file = std::as_bytes(std::span(copy));
  if (file.size() < format::kFileHeaderBytes + format::kFrameHeaderBytes) return 0;
  const std::uint64_t tag = tag_of(file);
  for (std::uint64_t at = 0; at < file.size(); at += format::kAlignBytes) read_frame(file, at, tag);
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned seed) {
  return session::fuzz::mutate_file(data, size, max_size, seed);
}
