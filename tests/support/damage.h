#pragma once
// What happens to files: bits that flip, blocks that are zeroed, filled with noise, written twice
// or to each other's place, files that are cut, frames written to the wrong place or left from
// another time. Each is a pure function of its seed.

#include <capnp/message.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "format/record.h"

namespace session::test {

using FileBytes = std::vector<std::byte>;

void flip_bit(FileBytes& file, std::size_t bit);
void zero_block(FileBytes& file, std::size_t offset, std::size_t size);
void fill_block(FileBytes& file, std::size_t offset, std::size_t size, std::mt19937_64& random);
// The block at `from` once more at `to`. Both must lie in the file.
void duplicate_block(FileBytes& file, std::size_t from, std::size_t to, std::size_t size);
void swap_blocks(FileBytes& file, std::size_t a, std::size_t b, std::size_t size);
void cut(FileBytes& file, std::size_t size);
// The whole frame at `from` written over whatever stands at `to`, as a misdirected write does.
void misdirect_frame(FileBytes& file, std::size_t from, std::size_t to);
// The frame at `offset` as it would have been written at another time: own place, own file, right
// hashes, but the home of another commit.
void make_stale(FileBytes& file, std::size_t offset, std::uint64_t home);
// The frame at `offset`, as if written for another file.
void make_foreign(FileBytes& file, std::size_t offset);

struct FramePlace {
  std::size_t offset = 0;
  std::size_t size = 0;  // header, payload and padding
  int kind = 0;
};
// Of an undamaged file, in order.
[[nodiscard]] std::vector<FramePlace> frames_in(std::span<const std::byte> file);

// Puts the hashes of the frame at `offset` right after its bytes were changed.
void reseal_frame(FileBytes& file, std::size_t offset);

// Puts all hashes of the file right, front to back, and what commits vouch for: as somebody does
// who forges a file. The frames must stand where they say they stand.
void reseal_file(FileBytes& file);

// Lets `change` alter the message of the frame at `offset` through its schema, and seals the file
// again. The message must keep its size.
template <class Schema, class Change>
void forge(FileBytes& file, std::size_t offset, Change change);

// The raw payload of the frame at `offset`, which is not compressed.
[[nodiscard]] std::span<std::byte> payload_of(FileBytes& file, std::size_t offset);

// One random deed, to a file that is not empty, of at most `max_size` bytes; says what it was.
std::string damage_at_random(FileBytes& file, std::size_t max_size, std::mt19937_64& random);

template <class Schema, class Change>
void forge(FileBytes& file, std::size_t offset, Change change) {
  const std::span<std::byte> payload = payload_of(file, offset);
  // A copy in words: what stands in the vector need not be aligned.
  std::vector<std::uint64_t> words(payload.size() / sizeof(std::uint64_t));
  std::memcpy(words.data(), payload.data(), payload.size());
  capnp::MallocMessageBuilder message;
  message.setRoot(format::read_root<Schema>(std::as_bytes(std::span(words))));
  change(message.getRoot<Schema>());
  const std::vector<std::byte> forged =
      format::canonical_payload(message.getRoot<Schema>().asReader());
  if (forged.size() != payload.size()) throw std::logic_error("the forged message has no room");
  std::copy(forged.begin(), forged.end(), payload.begin());
  reseal_file(file);
}

}  // namespace session::test
