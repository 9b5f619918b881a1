// Damage is called by the name of the check that failed, as spec/recovery.md lists them.

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "format/frame.h"
#include "session/reader.h"
#include "tests/support/temp_dir.h"
#include "tests/support/vectors.h"

namespace session::test {
namespace {

using format::FrameHeader;
using Bytes = std::vector<std::byte>;

// Where the only leaf of the file stands: the record "identity" is in it.
constexpr std::size_t kLeaf = format::kFileHeaderBytes;
constexpr std::size_t kPayload = kLeaf + format::kFrameHeaderBytes;
constexpr std::size_t kKeyEndsPadding = kPayload + 68;
constexpr std::size_t kPrefix = kPayload + 56;

void flip(Bytes& file, std::size_t at) {
  file.at(at) ^= std::byte{1};
}

// Changes the leaf's header, and hashes it as if it were right.
void reseal(Bytes& file, const std::function<void(FrameHeader&)>& change) {
  const auto bytes = std::span(file).subspan(kLeaf);
  FrameHeader header;
  header.table = format::load<std::uint16_t>(bytes, 6);
  header.stored_size = format::load<std::uint32_t>(bytes, 8);
  header.raw_size = header.stored_size;
  header.own_offset = kLeaf;
  header.file_tag = format::load<std::uint64_t>(bytes, 32);
  header.payload_hash = format::xxh3_128(format::Bytes(file).subspan(kPayload, header.stored_size));
  change(header);
  format::encode(header, bytes.first<format::kFrameHeaderBytes>());
}

void no_change(FrameHeader&) {}

// What reading the record says once `damage` was done to the file.
std::string complaint(const std::function<void(Bytes&)>& damage) {
  const std::string whole = read_whole_file(vectors_directory() / "deltas.session");
  const auto view = format::as_bytes(whole);
  Bytes file(view.begin(), view.end());
  damage(file);
  const TempDir dir;
  const std::string path = dir.file("damaged.session");
  write_whole_file(path, format::as_text(file));
  const Reader reader = Reader::open(path);
  try {
    (void)reader.head().find(Table::kUpkeep, "identity");
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kDamaged);
    const std::string& text = error.message();
    const std::size_t begin = text.find('(') + 1;
    return text.substr(begin, text.find(')') - begin);
  }
  return "sound";
}

TEST(DamageNames, SayWhichCheckFailed) {
  EXPECT_EQ(complaint([](Bytes&) {}), "sound");
  EXPECT_EQ(complaint([](Bytes& file) { reseal(file, no_change); }), "sound");
  EXPECT_EQ(complaint([](Bytes& file) { flip(file, kLeaf); }), "frame_magic");
  EXPECT_EQ(complaint([](Bytes& file) { flip(file, kLeaf + 8); }), "header_hash");
  EXPECT_EQ(complaint([](Bytes& file) { flip(file, kPayload); }), "payload_hash");
  EXPECT_EQ(
      complaint([](Bytes& file) { reseal(file, [](FrameHeader& header) { ++header.file_tag; }); }),
      "foreign_frame");
  EXPECT_EQ(complaint([](Bytes& file) {
              reseal(file, [](FrameHeader& header) { header.own_offset += 64; });
            }),
            "misplaced_frame");
  EXPECT_EQ(
      complaint([](Bytes& file) { reseal(file, [](FrameHeader& header) { --header.raw_size; }); }),
      "header_field");
  EXPECT_EQ(complaint([](Bytes& file) {
              reseal(file, [](FrameHeader& header) { header.codec = format::Codec::kZstd; });
            }),
            "compression");
  EXPECT_EQ(complaint([](Bytes& file) {
              flip(file, kKeyEndsPadding);
              reseal(file, no_change);
            }),
            "not_canonical");
  EXPECT_EQ(complaint([](Bytes& file) {
              flip(file, kPrefix);
              reseal(file, no_change);
            }),
            "structure");
  EXPECT_EQ(complaint([](Bytes& file) {
              reseal(file, [](FrameHeader& header) { header.kind = format::FrameKind::kIndex; });
            }),
            "link");
}

}  // namespace
}  // namespace session::test
