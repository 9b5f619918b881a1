#pragma once
// The second half of a forgery: what pages, commits and parity say of the content of others.

#include <kj/common.h>

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "format/frame.h"
#include "format/prefix.h"
#include "session/digest.h"
#include "session/schema/commit.capnp.h"

namespace session::fuzz {

// What a commit says of the bytes before it. `payload` is raw.
void vouch(std::span<std::byte> payload, format::Bytes before);

// Puts right, frame by frame from front to back: the digests of children in index pages and of
// roots in commits, their stored sizes, fingerprints, what commits vouch for, and parity. What is
// compressed is packed anew, and stays as it is where it would take another room then.
class ContentSeals {
 public:
  // `file` lives longer.
  ContentSeals(std::span<std::byte> file, std::uint64_t tag) : file_(file), tag_(tag) {}

  // To be called for all frames, whose own hashes are right, before anything else in the file is
  // put right: what is compressed behind others is still what it was then.
  void unpack(std::uint64_t offset);
  // The frame at `offset`, sound as bytes. The caller seals it anew: its content changes, and of a
  // compressed one the stored size, but not the room it takes.
  void seal(std::uint64_t offset);

 private:
  void seal_payload(const format::Frame& frame);
  void seal_prefixed(const format::Frame& frame);
  [[nodiscard]] format::OrDamage<format::Prefix> prefix_of(
      const format::Frame& frame, const format::PrefixedPayload& payload) const;
  void seal_index(const format::Frame& frame, format::Bytes payload);
  void seal_commit(const format::Frame& frame, format::Bytes payload);
  void seal_trees(schema::Trees::Reader trees);
  void seal_parity(const format::Frame& frame);
  // In words_, which the field was read from.
  void overwrite(const kj::byte* field, format::Bytes bytes);
  void write_raw(const format::Frame& frame, format::Bytes raw);
  // The page that `frame` holds, with the stored size it has in the file.
  void remember(const format::Frame& frame, const Digest& digest);
  // Where it takes the room the frame has.
  bool write_stored(const format::Frame& frame, format::Bytes stored);
  // `head` and what `raw` compresses to behind other bytes.
  void pack(const format::Frame& frame, format::Bytes head, format::Bytes raw,
            format::Bytes behind);

  std::span<std::byte> file_;
  std::uint64_t tag_;
  struct Page {
    Digest digest;
    std::uint32_t stored_size;
  };
  std::map<std::uint64_t, Page> pages_;  // those passed, by offset
  std::map<std::uint64_t, std::vector<std::byte>> unpacked_;
  std::size_t unpacked_bytes_ = 0;
  std::vector<std::uint64_t> words_;  // the payload at hand, aligned
};

}  // namespace session::fuzz
