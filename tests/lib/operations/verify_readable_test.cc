// Clean means that every revision can be opened and read whole: what somebody forged so that it
// cannot, with every checksum right, is not called clean.

#include <gtest/gtest.h>

#include <string>

#include "format/commit.h"
#include "format/file_header.h"
#include "format/frame.h"
#include "tests/lib/operations/verify_support.h"

namespace session::test {
namespace {

constexpr int kLeaf = 1;

// A file whose first commit is a delta, which stands on trees that are not there.
FileBytes delta_without_trees() {
  FileBytes file = small_snapshot(1);
  const std::uint64_t tag = value_or_throw(format::decode_file_header(file)).tag();
  file.resize(format::kFileHeaderBytes);
  capnp::MallocMessageBuilder message;
  auto commit = message.initRoot<schema::Commit>();
  commit.setRevision(1);
  commit.setTime(kClockBegin);
  commit.setKind(schema::Commit::Kind::DELTA);
  commit.setTreesOffset(format::kFileHeaderBytes);
  commit.setPendingDeltas(1);
  (void)format::append_frame(file, 0, format::FrameKind::kCommit, 0, tag,
                             format::canonical_payload(commit.asReader()));
  return file;
}

TEST(VerifyReadable, ADeltaThatStandsOnNothing) {
  const FileBytes file = delta_without_trees();
  SimulatedDisk disk;
  disk.put(kDiskPath, file);
  ASSERT_EQ(error_of([&] { (void)read_on(disk).head().count(Table::kTasks); }),
            ErrorCode::kDamaged);
  const Verified verified = verify_bytes(file);
  EXPECT_EQ(verified.report.verdict, Verdict::kLossy) << verified.text();
  EXPECT_TRUE(verified.has(FindingCode::kLink)) << verified.text();
}

// What was read for one revision says nothing of what another one says.
TEST(VerifyReadable, ABlobThatALaterRevisionSaysOtherwise) {
  const std::string old(1'300'000, 'o');
  FileBytes file = file_with([&](Writer& writer) {
    for (const std::string& text : {old, std::string(1'300'000, 'n')}) {
      auto change = writer.begin();
      put_message(change, numbered("m-", text[0] == 'o' ? 1 : 2), text);
      (void)change.commit(folded());
    }
  });
  std::size_t newest = 0;
  for (const FramePlace& place : frames_in(file)) {
    const auto table = format::load<std::uint16_t>(format::Bytes(file), place.offset + 6);
    if (place.kind == kLeaf && table == slot(Table::kBlobs)) newest = place.offset;
  }
  ASSERT_NE(newest, 0U);
  const Digest name = format::sha256(format::as_bytes(old));
  int forged = 0;
  forge<schema::Leaf>(file, newest, [&](schema::Leaf::Builder leaf) {
    const format::LeafView keys(leaf.asReader());
    auto records = leaf.getRecords().getAs<capnp::List<schema::Blob>>();
    for (std::uint32_t i = 0; i < records.size(); ++i) {
      if (keys.key(i) != format::as_text(name)) continue;
      auto second = records[i].getParts()[1];
      second.setSizeBytes(second.getSizeBytes() - 1);
      ++forged;
    }
  });
  ASSERT_EQ(forged, 1) << "the newest revision has the blob of the one before";
  const Verified verified = verify_bytes(file);
  EXPECT_NE(verified.report.verdict, Verdict::kClean) << verified.text();
  EXPECT_TRUE(verified.has(FindingCode::kCount)) << verified.text();
}

}  // namespace
}  // namespace session::test
