#include "tests/support/compressed_copy.h"

#include <capnp/message.h>

#include <map>
#include <utility>

#include "format/compression.h"
#include "format/file_header.h"
#include "format/frame.h"
#include "format/page.h"
#include "format/record.h"
#include "session/schema/commit.capnp.h"

namespace session::test {
namespace {

using format::FrameKind;

struct Place {
  std::uint64_t offset;
  std::uint32_t stored_size;
};

}  // namespace

std::vector<std::byte> compressed_copy(std::span<const std::byte> file,
                                       std::uint64_t commit_offset) {
  const std::uint64_t tag =
      value_or_throw(format::decode_file_header(file.first(format::kFileHeaderBytes))).tag();
  std::vector<std::byte> copy(file.begin(), file.begin() + format::kFileHeaderBytes);
  std::map<std::uint64_t, Place> moved;
  const auto append = [&](FrameKind kind, format::Bytes payload, std::uint64_t from, int level) {
    const std::uint16_t table =
        value_or_throw(format::decode_frame_header(file.subspan(from), from, tag)).table;
    const format::FrameHeader header =
        format::append_frame(copy, 0, kind, 0, tag, payload, level, table);
    moved[from] = {header.own_offset, header.stored_size};
  };
  for (std::uint64_t at = format::kFileHeaderBytes; at <= commit_offset;) {
    const format::Frame frame = value_or_throw(format::load_frame(file, at, tag));
    if (frame.header.kind == FrameKind::kLeaf) {
      append(FrameKind::kLeaf, frame.stored, at, format::kFastLevel);
    } else if (frame.header.kind == FrameKind::kIndex) {
      const format::IndexView index(frame.stored);
      std::vector<format::Child> children;
      for (std::uint32_t i = 0; i < index.size(); ++i) {
        children.push_back(index.child(i));
        const Place place = moved.at(children.back().offset);
        children.back().offset = place.offset;
        children.back().stored_size = place.stored_size;
      }
      append(FrameKind::kIndex, format::build_index(children, index.level()), at,
             format::kFastLevel);
    } else if (at == commit_offset) {
      capnp::MallocMessageBuilder message;
      message.setRoot(format::read_root<schema::Commit>(frame.stored));
      auto commit = message.getRoot<schema::Commit>();
      commit.setUnsyncedBytes(0);
      commit.setUnsyncedHashHigh(0);
      commit.setUnsyncedHashLow(0);
      for (auto root : commit.getTrees().getRoots()) {
        const Place place = moved.at(root.getOffset());
        root.setOffset(place.offset);
        root.setStoredSize(place.stored_size);
      }
      append(FrameKind::kCommit, format::canonical_payload(commit.asReader()), at, 0);
    }
    at = frame.header.end();
  }
  return copy;
}

}  // namespace session::test
