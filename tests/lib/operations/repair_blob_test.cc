// A large text stands in a blob apart from its record: when the blob is lost, the record stays.

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "format/frame.h"
#include "session/repair.h"
#include "session/verify.h"
#include "tests/support/damage.h"
#include "tests/support/disk_session.h"
#include "tests/support/records.h"

namespace session::test {
namespace {

constexpr std::size_t kLargeBytes = 9000;

// Two large texts that no codec makes small, so that each has a frame of its own.
std::string large_text(std::uint32_t seed) {
  std::minstd_rand random(seed);
  std::string text(kLargeBytes, ' ');
  for (char& c : text) c = static_cast<char>(' ' + random() % 90);
  return text;
}

FileBytes session_with_blobs() {
  SimulatedDisk disk;
  Writer writer = create_on(disk);
  Transaction change = writer.begin();
  put_message(change, "m-1", large_text(1));
  put_value(change, "a/2", large_text(2));
  (void)change.commit(folded());
  writer.close();
  return disk.contents(kDiskPath);
}

void zero_first_blob(FileBytes& file) {
  for (const FramePlace& frame : frames_in(file)) {
    if (frame.kind != static_cast<int>(format::FrameKind::kBlob)) continue;
    return zero_block(file, frame.offset, frame.size);
  }
  FAIL() << "the file has no blob";
}

TEST(RepairBlob, ALostBlobCostsItsTextAndNothingElse) {
  FileBytes file = session_with_blobs();
  zero_first_blob(file);
  SimulatedDisk disk;
  disk.put(kDiskPath, file);
  RepairOptions options;
  options.files = &disk;
  options.accept_loss = true;
  const RepairReport report = repair(kDiskPath, options);

  EXPECT_EQ(report.verdict, RepairVerdict::kLossy);
  std::vector<LostItem> records;
  std::vector<LostItem> revisions;
  for (const LostItem& item : report.lost) (item.table ? records : revisions).push_back(item);
  ASSERT_EQ(revisions.size(), 1U) << revisions.back().message;
  EXPECT_NE(revisions[0].message.find("revision 2"), std::string::npos) << revisions[0].message;
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].table, Table::kMessages);
  EXPECT_EQ(records[0].key, "m-1");
  EXPECT_NE(records[0].message.find("text, 9000 bytes"), std::string::npos) << records[0].message;

  const Snapshot head = read_on(disk).head();
  const auto message = head.get<schema::Message>("m-1");
  ASSERT_TRUE(message);
  EXPECT_EQ((*message)->getRole(), schema::Role::ASSISTANT);
  EXPECT_FALSE((*message)->hasText());
  EXPECT_EQ((*message)->getBlobs().size(), 0U);
  const WholeRecord value = head.whole(Table::kValues, head.find(Table::kValues, "a/2").value());
  EXPECT_EQ(text(value.as<schema::Value>().getText()), large_text(2));

  VerifyOptions verifying;
  verifying.files = &disk;
  verifying.level = VerifyLevel::kFull;
  EXPECT_EQ(verify(kDiskPath, verifying).verdict, Verdict::kClean);
}

}  // namespace
}  // namespace session::test
