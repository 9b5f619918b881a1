// Each code of bytes and structure is produced by the damage it names.

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>

#include "format/commit.h"
#include "format/file_header.h"
#include "format/frame.h"
#include "format/page.h"
#include "session/protect.h"
#include "tests/lib/operations/verify_support.h"
#include "tests/support/faulty_reads.h"

namespace session::test {
namespace {

constexpr int kLeaf = 1;
constexpr int kIndex = 2;
constexpr int kBlob = 3;
constexpr int kCommit = 4;

// The n-th frame of a kind from the front, or from the back (-1: the last).
std::size_t frame(const FileBytes& file, int kind, int n = 0) {
  std::vector<std::size_t> found;
  for (const FramePlace& place : frames_in(file)) {
    if (place.kind == kind) found.push_back(place.offset);
  }
  const auto size = static_cast<int>(found.size());
  return found.at(static_cast<std::size_t>(n < 0 ? size + n : n));
}

bool is_frame_of(const FileBytes& file, std::size_t offset, int kind) {
  const auto frames = frames_in(file);
  return std::any_of(frames.begin(), frames.end(), [&](const FramePlace& place) {
    return place.offset == offset && place.kind == kind;
  });
}

void store_header(FileBytes& file, std::size_t offset, std::size_t at, std::uint8_t byte) {
  file.at(offset + at) = std::byte{byte};
  reseal_frame(file, offset);
}

void expect(const FileBytes& file, FindingCode code, Verdict verdict,
            VerifyLevel level = VerifyLevel::kDefault) {
  const Verified verified = verify_bytes(file, level);
  EXPECT_TRUE(verified.has(code)) << finding_name(code) << " not in " << verified.text();
  EXPECT_EQ(verified.report.verdict, verdict) << verified.text();
}

// ---- bytes --------------------------------------------------------------------------------------

TEST(VerifyFindings, AFrameThatReachesBeyondTheEnd) {
  FileBytes file = small_snapshot();
  const std::size_t last = frame(file, kCommit, -1);
  // A header left by a longer frame, in front of what is there.
  const std::size_t leaf = frame(file, kLeaf, -1);
  const auto header = std::span(file).subspan(leaf, format::kFrameHeaderBytes);
  format::store(header, 8, std::uint32_t{900'000});
  format::store(header, 12, std::uint32_t{900'000});
  format::store(header, 56, format::xxh3_64(format::Bytes(header).first(56)));
  ASSERT_LT(leaf, last);
  const Verified verified = verify_bytes(file);
  ASSERT_TRUE(verified.has(FindingCode::kBeyondEnd)) << verified.text();
  // The frames behind it are found all the same.
  EXPECT_EQ(verified.report.revisions_checked, 2U);
}

TEST(VerifyFindings, APlaceWhereNoFrameBegins) {
  FileBytes file = small_snapshot();
  flip_bit(file, frame(file, kLeaf) * 8);
  expect(file, FindingCode::kFrameMagic, Verdict::kLossy);
}

TEST(VerifyFindings, AHeaderThatDoesNotHash) {
  FileBytes file = small_snapshot();
  flip_bit(file, (frame(file, kLeaf) + 9) * 8);
  expect(file, FindingCode::kHeaderHash, Verdict::kLossy);
}

TEST(VerifyFindings, AFrameOfAnotherPlace) {
  FileBytes file = small_snapshot(40);
  misdirect_frame(file, frame(file, kLeaf, 3), frame(file, kLeaf, 6));
  expect(file, FindingCode::kMisplacedFrame, Verdict::kLossy);
}

TEST(VerifyFindings, AFrameOfAnotherFile) {
  FileBytes file = small_snapshot();
  make_foreign(file, frame(file, kLeaf));
  expect(file, FindingCode::kForeignFrame, Verdict::kLossy);
}

TEST(VerifyFindings, AnImpossibleHeaderField) {
  FileBytes file = small_snapshot();
  store_header(file, frame(file, kLeaf), 5, 7);
  expect(file, FindingCode::kHeaderField, Verdict::kLossy);
}

TEST(VerifyFindings, APayloadThatDoesNotHash) {
  FileBytes file = small_snapshot();
  flip_bit(file, (frame(file, kLeaf) + 70) * 8);
  expect(file, FindingCode::kPayloadHash, Verdict::kLossy);
}

TEST(VerifyFindings, PaddingThatIsNotZero) {
  FileBytes file = small_snapshot();
  for (const FramePlace& place : frames_in(file)) {
    const auto size = format::load<std::uint32_t>(format::Bytes(file).subspan(place.offset), 8);
    if (place.kind != kLeaf || format::kFrameHeaderBytes + size == place.size) continue;
    flip_bit(file, (place.offset + place.size - 1) * 8);
    expect(file, FindingCode::kPadding, Verdict::kLossy);
    return;
  }
  FAIL() << "no frame has padding";
}

TEST(VerifyFindings, AFrameLeftFromAnotherTime) {
  FileBytes file = small_snapshot(40);
  const std::size_t first_commit = frame(file, kCommit);
  ASSERT_GT(frame(file, kLeaf, -1), first_commit);
  make_stale(file, frame(file, kLeaf, -1), 0);
  reseal_file(file);
  expect(file, FindingCode::kStaleFrame, Verdict::kLossy);
}

TEST(VerifyFindings, ABadSectorAndTheRecordsInIt) {
  const FileBytes file = small_snapshot(200);
  ASSERT_GT(file.size(), 20'000U);
  auto places = std::make_shared<BadPlaces>();
  places->unreadable = {{8192, 12288}};
  FaultyReads disk(places);
  disk.put(kDiskPath, file);
  const Verified verified = verify_on(disk);
  EXPECT_EQ(verified.report.verdict, Verdict::kLossy) << verified.text();
  const Finding* const found = verified.first(FindingCode::kBadSector);
  ASSERT_NE(found, nullptr) << verified.text();
  EXPECT_EQ(verified.report.revisions_checked, 2U);
}

// Where the parity is, the head says; only damage makes it worth a search through the whole file.
TEST(VerifyFindings, AQuickLookAtAProtectedFileLeavesItsLeavesAlone) {
  SimulatedDisk healthy;
  healthy.put(kDiskPath, small_snapshot(200));
  {
    Writer writer = open_on(healthy);
    auto change = writer.begin();
    put_message(change, "0000000002", "What the newest commit vouches for is read at every look.");
    (void)change.commit(folded());
    writer.close();
  }
  ProtectOptions protection;
  protection.files = &healthy;
  protect(kDiskPath, protection);
  const FileBytes file = healthy.contents(kDiskPath);
  auto places = std::make_shared<BadPlaces>();
  const std::size_t leaf = frame(file, kLeaf, 5);
  places->unreadable = {{leaf, leaf + 1}};
  FaultyReads disk(places);
  disk.put(kDiskPath, file);
  VerifyOptions options;
  options.level = VerifyLevel::kQuick;
  const Verified quick = verify_on(disk, options);
  EXPECT_EQ(quick.report.verdict, Verdict::kClean) << quick.text();
  EXPECT_EQ(quick.report.uncovered_bytes, 0U);
  const Verified thorough = verify_on(disk);
  EXPECT_TRUE(thorough.has(FindingCode::kBadSector)) << thorough.text();
}

TEST(VerifyFindings, ABadSectorInTheFileHeader) {
  auto places = std::make_shared<BadPlaces>();
  places->unreadable = {{0, 64}};
  FaultyReads disk(places);
  disk.put(kDiskPath, small_snapshot(200));
  const Verified verified = verify_on(disk);
  EXPECT_TRUE(verified.has(FindingCode::kBadSector)) << verified.text();
}

TEST(VerifyFindings, AReadThatIsWrongOnceIsNoDamage) {
  const FileBytes file = small_snapshot(60);
  for (const std::size_t at : {frame(file, kLeaf, 5) + 3, frame(file, kLeaf, 5) + 90}) {
    auto places = std::make_shared<BadPlaces>();
    FaultyReads disk(places);
    disk.put(kDiskPath, file);
    places->wrong_reads = {{at, 1}};
    const Verified verified = verify_on(disk);
    EXPECT_EQ(verified.report.verdict, Verdict::kClean) << verified.text();
    EXPECT_TRUE(verified.has(FindingCode::kTransientRead)) << verified.text();
  }
}

TEST(VerifyFindings, APageInsideOfAnotherFrame) {
  // A blob that holds a frame of this very place and file, and a link to it.
  FileBytes file = small_snapshot(40);
  const std::size_t index = frame(file, kIndex, 0);
  std::size_t outer = 0;
  std::size_t most = 0;
  for (const FramePlace& place : frames_in(file)) {
    if (place.kind != kLeaf || place.size <= most) continue;
    most = place.size;
    outer = place.offset;
  }
  const std::size_t inner = outer + 128;
  std::vector<std::byte> page;
  const auto tag = format::load<std::uint64_t>(format::Bytes(file).subspan(outer), 32);
  capnp::MallocMessageBuilder message;
  const auto record = format::Record::of(message.initRoot<schema::Value>().asReader());
  const format::LeafItem item{"k", record.view()};
  (void)format::append_frame(page, inner, format::FrameKind::kLeaf, 0, tag,
                             format::build_leaf(std::span(&item, 1)), 0, 2);
  ASSERT_LE(128 + page.size() + format::kAlignBytes, most);
  std::copy(page.begin(), page.end(), file.begin() + static_cast<std::ptrdiff_t>(inner));
  forge<schema::Index>(file, index,
                       [&](schema::Index::Builder i) { i.getOffsets().set(0, inner); });
  const Verified verified = verify_bytes(file);
  EXPECT_TRUE(verified.has(FindingCode::kOverlap)) << verified.text();
}

TEST(VerifyFindings, TheFileHeaderIsRebuiltFromACommit) {
  for (const std::size_t byte : {0U, 9U, 20U, 35U, 45U, 60U}) {
    FileBytes file = small_snapshot();
    flip_bit(file, byte * 8 + 1);
    const Verified verified = verify_bytes(file);
    EXPECT_EQ(verified.report.verdict, Verdict::kRepairable) << verified.text();
    ASSERT_FALSE(verified.findings.empty());
    EXPECT_EQ(verified.findings[0].offset, 0U);
    EXPECT_EQ(verified.findings[0].severity, Severity::kCritical);
  }
}

TEST(VerifyFindings, AHeaderOfAnotherFileIsNotBelieved) {
  FileBytes file = small_snapshot();
  const FileBytes other = many_deltas();
  std::copy_n(other.begin(), format::kFileHeaderBytes, file.begin());
  const Verified verified = verify_bytes(file);
  EXPECT_EQ(verified.report.verdict, Verdict::kRepairable) << verified.text();
}

TEST(VerifyFindings, WithoutAnyFrameTheFileIsUnreadable) {
  FileBytes file = small_snapshot();
  zero_block(file, format::kFileHeaderBytes, file.size() - format::kFileHeaderBytes);
  EXPECT_EQ(verify_bytes(file).report.verdict, Verdict::kUnreadable);
  cut(file, format::kFileHeaderBytes);
  EXPECT_EQ(verify_bytes(file).report.verdict, Verdict::kUnreadable);
}

TEST(VerifyFindings, WhatWasNeverASessionIsRefused) {
  SimulatedDisk disk;
  for (const std::size_t size : {0U, 5U, 64U, 5000U}) {
    disk.put(kDiskPath, FileBytes(size, std::byte{'x'}));
    EXPECT_EQ(error_of([&] { (void)verify_on(disk); }), ErrorCode::kNotASession) << size;
  }
}

// ---- structure ----------------------------------------------------------------------------------

TEST(VerifyFindings, APageOfAnotherTable) {
  FileBytes file = small_snapshot();
  store_header(file, root_of(file, Table::kMessages), 6, static_cast<std::uint8_t>(Table::kEvents));
  reseal_file(file);
  expect(file, FindingCode::kLink, Verdict::kRepairable);
}

TEST(VerifyFindings, APayloadThatDoesNotDecompress) {
  FileBytes file = small_snapshot();
  store_header(file, frame(file, kLeaf), 5, 1);
  reseal_file(file);
  expect(file, FindingCode::kCompression, Verdict::kLossy);
}

TEST(VerifyFindings, AMessageThatIsNotCanonical) {
  FileBytes file = small_snapshot();
  payload_of(file, frame(file, kLeaf))[4] ^= std::byte{1};
  reseal_file(file);
  expect(file, FindingCode::kNotCanonical, Verdict::kLossy);
}

TEST(VerifyFindings, APageWhosePartsContradictEachOther) {
  FileBytes file = small_snapshot();
  forge<schema::Leaf>(file, frame(file, kLeaf), [](schema::Leaf::Builder leaf) {
    leaf.getPrefixes().set(0, leaf.getPrefixes()[0] + 1);
  });
  expect(file, FindingCode::kStructure, Verdict::kLossy);
}

// The title of the first task in the payload of a leaf or a delta loses the zero it ends in.
void open_title(FileBytes& file, std::size_t offset) {
  const std::span<std::byte> payload = payload_of(file, offset);
  const std::string_view title = "a title with an end";
  const auto at = std::search(payload.begin(), payload.end(), title.begin(), title.end(),
                              [](std::byte a, char b) { return a == static_cast<std::byte>(b); });
  ASSERT_NE(at, payload.end());
  *(at + static_cast<std::ptrdiff_t>(title.size())) = std::byte{'!'};
  reseal_file(file);
}

FileBytes with_a_title(const CommitOptions& options) {
  SimulatedDisk disk;
  Writer writer = test::create_on(disk);
  Transaction change = writer.begin();
  test::put_task(change, "t-1", {.title = "a title with an end", .parent = {}, .rank = 1});
  (void)change.commit(options);
  writer.close();
  return disk.contents(test::kDiskPath);
}

TEST(VerifyFindings, ATextWithoutItsEndInARecordOfALeaf) {
  FileBytes file = with_a_title(test::folded());
  bool found = false;
  for (const FramePlace& place : frames_in(file)) {
    if (place.kind != kLeaf) continue;
    const auto payload = payload_of(file, place.offset);
    const std::string_view text(reinterpret_cast<const char*>(payload.data()), payload.size());
    if (text.find("a title with an end") == std::string_view::npos) continue;
    open_title(file, place.offset);
    found = true;
  }
  ASSERT_TRUE(found);
  expect(file, FindingCode::kStructure, Verdict::kLossy);
}

TEST(VerifyFindings, ATextWithoutItsEndInARecordOfADelta) {
  FileBytes file = with_a_title(test::relaxed());
  open_title(file, frame(file, kCommit, -1));
  EXPECT_NE(verify_bytes(file).report.verdict, Verdict::kClean);
}

TEST(VerifyFindings, ALinkToAFrameOfAnotherKind) {
  FileBytes file = small_snapshot(40);
  const std::size_t leaf = frame(file, kLeaf, 2);
  forge<schema::Index>(file, frame(file, kIndex), [&](schema::Index::Builder index) {
    index.getOffsets().set(0, frame(file, kCommit));
  });
  ASSERT_GT(leaf, 0U);
  expect(file, FindingCode::kLink, Verdict::kLossy);
}

// Found by a fuzzer: what the scan had learned of the leaf was taken for the place beside it.
TEST(VerifyFindings, ALinkToAPlaceBesideALeaf) {
  FileBytes file = small_snapshot(40);
  forge<schema::Index>(file, frame(file, kIndex), [&](schema::Index::Builder index) {
    index.getOffsets().set(0, index.getOffsets()[0] + 1);
  });
  expect(file, FindingCode::kBeyondEnd, Verdict::kLossy);
}

TEST(VerifyFindings, NoCommitThatCanBeBelieved) {
  FileBytes file = small_snapshot(2);
  // Every commit, and the seal that would say that it was one.
  for (const FramePlace& place : frames_in(file)) {
    if (place.kind >= kCommit) zero_block(file, place.offset, place.size);
  }
  expect(file, FindingCode::kNoHead, Verdict::kLossy);
}

TEST(VerifyFindings, ALostCommitNamesItsRevisionAndThoseThatNeedIt) {
  FileBytes file = many_deltas(6);
  const std::size_t third = frame(file, kCommit, 3);
  flip_bit(file, (third + 80) * 8);
  const Verified verified = verify_bytes(file);
  const Finding* const found = verified.first(FindingCode::kPayloadHash);
  ASSERT_NE(found, nullptr) << verified.text();
  EXPECT_EQ(found->offset, third);
  EXPECT_EQ(found->revisions, (std::vector<std::uint64_t>{4, 5, 6, 7}));
  EXPECT_EQ(verified.report.verdict, Verdict::kLossy);
}

TEST(VerifyFindings, ALostPageNamesItsTableItsKeysAndItsRevisions) {
  FileBytes file = small_snapshot(60);
  const std::size_t index = frame(file, kIndex);
  std::size_t leaf = 0;
  std::string first;
  std::string last;
  forge<schema::Index>(file, index, [&](schema::Index::Builder page) {
    leaf = page.getOffsets()[1];
    const format::KeyList keys(page.asReader());
    first = std::string(keys[0]);
    last = std::string(keys[1]);
  });
  flip_bit(file, (leaf + 100) * 8);
  const Verified verified = verify_bytes(file);
  const Finding* const found = verified.first(FindingCode::kPayloadHash);
  ASSERT_NE(found, nullptr) << verified.text();
  EXPECT_EQ(found->offset, leaf);
  EXPECT_EQ(found->table, Table::kTasks);
  EXPECT_EQ(found->after_key, first);
  EXPECT_EQ(found->key, last);
  EXPECT_EQ(found->revisions, std::vector<std::uint64_t>{2});
  EXPECT_EQ(found->effect, FindingEffect::kLoss);
  EXPECT_NE(found->repair.find("--accept-loss"), std::string::npos);
}

TEST(VerifyFindings, ALostPageOfADerivedTableIsRepairable) {
  FileBytes file = small_snapshot(60);
  const std::size_t offset = root_of(file, Table::kRevisions);
  flip_bit(file, (offset + 70) * 8);
  const Verified verified = verify_bytes(file);
  EXPECT_EQ(verified.report.verdict, Verdict::kRepairable) << verified.text();
}

TEST(VerifyFindings, ALostIndexPageIsRepairable) {
  FileBytes file = small_snapshot(60);
  flip_bit(file, (frame(file, kIndex) + 70) * 8);
  const Verified verified = verify_bytes(file);
  EXPECT_EQ(verified.report.verdict, Verdict::kRepairable) << verified.text();
}

TEST(VerifyFindings, ALostBlobIsLoss) {
  FileBytes file = with_blobs();
  flip_bit(file, (frame(file, kBlob) + 70) * 8);
  const Verified verified = verify_bytes(file);
  EXPECT_EQ(verified.report.verdict, Verdict::kLossy) << verified.text();
  ASSERT_TRUE(verified.has(FindingCode::kPayloadHash));
  EXPECT_EQ(verified.first(FindingCode::kPayloadHash)->table, Table::kBlobs);
}

void forge_last_commit(FileBytes& file,
                       const std::function<void(schema::Commit::Builder)>& change) {
  forge<schema::Commit>(file, frame(file, kCommit, -1), change);
}

TEST(VerifyFindings, AChainThatDoesNotFit) {
  FileBytes file = many_deltas(6);
  forge_last_commit(file, [](schema::Commit::Builder commit) {
    commit.setParentRevision(commit.getParentRevision() - 1);
  });
  expect(file, FindingCode::kChain, Verdict::kLossy);
}

TEST(VerifyFindings, ACommitOlderThanItsParent) {
  FileBytes file = many_deltas(6);
  forge_last_commit(file, [](schema::Commit::Builder commit) { commit.setTime(5); });
  expect(file, FindingCode::kChain, Verdict::kRepairable);
}

TEST(VerifyFindings, WhatACommitVouchesForIsOfAnotherTime) {
  FileBytes file = many_deltas(6);
  // A page of another time, whole in itself, in front of a commit that knew another.
  const std::size_t commit = frame(file, kCommit, 2);
  const auto payload = payload_of(file, commit);
  payload[4 * 8 + 8] ^= std::byte{1};
  reseal_frame(file, commit);
  const Verified verified = verify_bytes(file);
  EXPECT_TRUE(verified.has(FindingCode::kUnsyncedHash) || verified.has(FindingCode::kLostCommit))
      << verified.text();
  EXPECT_NE(verified.report.verdict, Verdict::kClean);
}

TEST(VerifyFindings, ACommitThatSaysWrongThingsOfItself) {
  FileBytes file = many_deltas(6);
  forge_last_commit(file, [](schema::Commit::Builder commit) { commit.setPendingDeltas(99); });
  expect(file, FindingCode::kCommitField, Verdict::kRepairable);
  file = many_deltas(6);
  forge_last_commit(file, [](schema::Commit::Builder commit) { commit.setUpsertCount(99); });
  expect(file, FindingCode::kCount, Verdict::kRepairable);
}

TEST(VerifyFindings, ACopyOfTheHeaderThatIsAnother) {
  FileBytes file = small_snapshot();
  forge_last_commit(file,
                    [](schema::Commit::Builder commit) { commit.getTrees().getHeader()[33] ^= 1; });
  expect(file, FindingCode::kHeaderCopy, Verdict::kRepairable);
}

TEST(VerifyFindings, AFingerprintThatIsNotThatOfTheTrees) {
  FileBytes file = small_snapshot();
  forge_last_commit(
      file, [](schema::Commit::Builder commit) { commit.getTrees().getFingerprint()[3] ^= 1; });
  expect(file, FindingCode::kFingerprint, Verdict::kRepairable);
}

TEST(VerifyFindings, CountsThatAreWrong) {
  FileBytes file = small_snapshot(60);
  forge<schema::Index>(file, frame(file, kIndex), [](schema::Index::Builder index) {
    index.getCounts().set(0, index.getCounts()[0] + 1);
  });
  expect(file, FindingCode::kCount, Verdict::kRepairable);
}

TEST(VerifyFindings, DigestsThatAreWrong) {
  FileBytes file = small_snapshot(60);
  forge<schema::Index>(file, frame(file, kIndex),
                       [](schema::Index::Builder index) { index.getDigests()[5] ^= 1; });
  EXPECT_EQ(verify_bytes(file).report.verdict, Verdict::kClean);
  expect(file, FindingCode::kDigest, Verdict::kLossy, VerifyLevel::kFull);
}

TEST(VerifyFindings, KeysThatAreOutOfOrder) {
  FileBytes file = small_snapshot(60);
  forge<schema::Index>(file, frame(file, kIndex), [](schema::Index::Builder index) {
    const std::uint64_t first = index.getOffsets()[0];
    const std::uint32_t size = index.getStoredSizes()[0];
    index.getOffsets().set(0, index.getOffsets()[1]);
    index.getStoredSizes().set(0, index.getStoredSizes()[1]);
    index.getOffsets().set(1, first);
    index.getStoredSizes().set(1, size);
  });
  expect(file, FindingCode::kKeyOrder, Verdict::kRepairable);
}

TEST(VerifyFindings, PagesThatEndInTheWrongPlace) {
  // The same pages under another target: the borders are not those of the file's rule.
  FileBytes file = small_snapshot(60);
  const auto header_bytes = std::span(file).first<format::kFileHeaderBytes>();
  auto header = std::get<format::FileHeader>(format::decode_file_header(header_bytes));
  header.leaf_target_log2 = 14;
  std::ranges::copy(format::encode(header), header_bytes.begin());
  expect(file, FindingCode::kBorder, Verdict::kRepairable);
}

TEST(VerifyFindings, ARevisionsTableThatSaysSomethingElse) {
  FileBytes file = small_snapshot();
  const std::size_t root = root_of(file, Table::kRevisions);
  forge<schema::Leaf>(file, root, [](schema::Leaf::Builder leaf) {
    auto records = leaf.getRecords().getAs<capnp::List<schema::Revision>>();
    records[0].setTime(records[0].getTime() + 1);
  });
  expect(file, FindingCode::kRevisionsTable, Verdict::kRepairable);
}

TEST(VerifyFindings, ARevisionsTableThatLeavesACommitOut) {
  FileBytes file = small_snapshot();
  const std::size_t root = root_of(file, Table::kRevisions);
  forge<schema::Leaf>(file, root, [](schema::Leaf::Builder leaf) {
    auto records = leaf.getRecords().getAs<capnp::List<schema::Revision>>();
    records[0].setOffset(records[0].getOffset() + format::kAlignBytes);
  });
  expect(file, FindingCode::kRevisionsTable, Verdict::kRepairable);
}

TEST(VerifyFindings, AnIndexOfChildrenThatIsWrong) {
  FileBytes file = small_snapshot(4);
  const std::size_t tasks = root_of(file, Table::kTasks);
  forge<schema::Leaf>(file, tasks, [](schema::Leaf::Builder leaf) {
    auto records = leaf.getRecords().getAs<capnp::List<schema::Task>>();
    records[2].setRank(records[2].getRank() + 1);
  });
  const Verified verified = verify_bytes(file);
  ASSERT_TRUE(verified.has(FindingCode::kChildrenIndex)) << verified.text();
  EXPECT_EQ(verified.first(FindingCode::kChildrenIndex)->key, numbered("t", 2));
  EXPECT_EQ(verified.report.verdict, Verdict::kRepairable) << verified.text();
}

TEST(VerifyFindings, AnIndexOfChildrenThatIsWrongBelowIndexPages) {
  FileBytes file = small_snapshot(400);
  std::size_t page = root_of(file, Table::kTasks);
  const auto index_at = [&](std::size_t offset) {
    const auto size = format::load<std::uint32_t>(format::Bytes(file).subspan(offset), 8);
    return format::IndexView(format::Bytes(file).subspan(offset + format::kFrameHeaderBytes, size));
  };
  ASSERT_TRUE(is_frame_of(file, page, kIndex)) << "of several leaves";
  while (is_frame_of(file, page, kIndex)) page = index_at(page).offset(index_at(page).size() / 2);
  std::string key;
  forge<schema::Leaf>(file, page, [&](schema::Leaf::Builder leaf) {
    key = format::LeafView(leaf.asReader()).key(0);
    auto records = leaf.getRecords().getAs<capnp::List<schema::Task>>();
    records[0].setRank(records[0].getRank() + 1);
  });
  const Verified verified = verify_bytes(file);
  ASSERT_TRUE(verified.has(FindingCode::kChildrenIndex)) << verified.text();
  EXPECT_EQ(verified.first(FindingCode::kChildrenIndex)->key, key);
}

TEST(VerifyFindings, ABlobThatNoTableKnows) {
  FileBytes file = with_blobs();
  forge<schema::Leaf>(file, root_of(file, Table::kMessages), [](schema::Leaf::Builder leaf) {
    auto records = leaf.getRecords().getAs<capnp::List<schema::Message>>();
    records[0].getBlobs()[0].getDigest()[0] ^= 1;
  });
  expect(file, FindingCode::kBlobMissing, Verdict::kLossy);
}

TEST(VerifyFindings, AListOfBlobsOutOfForm) {
  FileBytes file = with_blobs();
  forge<schema::Leaf>(file, root_of(file, Table::kMessages), [](schema::Leaf::Builder leaf) {
    auto records = leaf.getRecords().getAs<capnp::List<schema::Message>>();
    records[0].getBlobs()[0].setPath("role");  // as long as "text"
  });
  expect(file, FindingCode::kBlobReference, Verdict::kLossy);
}

TEST(VerifyFindings, ABlobThatDoesNotHashToItsName) {
  FileBytes file = file_with([](Writer& writer) {
    auto change = writer.begin();
    std::string noise;
    std::mt19937_64 random(7);  // what does not compress stands in the file as it is
    for (int i = 0; i < 5000; ++i) noise.push_back(static_cast<char>(random() % 95 + 32));
    put_message(change, "0000000001", noise);
    (void)change.commit(folded());
  });
  payload_of(file, frame(file, kBlob))[10] ^= std::byte{1};
  reseal_file(file);
  EXPECT_TRUE(verify_bytes(file, VerifyLevel::kFull).has(FindingCode::kBlobDigest) ||
              verify_bytes(file, VerifyLevel::kFull).has(FindingCode::kCompression))
      << verify_bytes(file, VerifyLevel::kFull).text();
}

TEST(VerifyFindings, ACheckpointWhoseRevisionIsAnother) {
  FileBytes file = small_snapshot(4);
  forge<schema::Leaf>(file, root_of(file, Table::kCheckpoints), [](schema::Leaf::Builder leaf) {
    leaf.getRecords().getAs<capnp::List<schema::Checkpoint>>()[0].setRevision(77);
  });
  expect(file, FindingCode::kCheckpointRecord, Verdict::kRepairable);
}

TEST(VerifyFindings, DamageThatNoRevisionNeedsIsRepairable) {
  SimulatedDisk disk;
  create_on(disk).close();
  {
    Writer writer = open_on(disk);
    auto change = writer.begin();
    put_value(change, "a/b", "value");
    (void)change.commit();
    writer.close();
  }
  FileBytes file = disk.contents(kDiskPath);
  constexpr int kSeal = 5;
  flip_bit(file, (frame(file, kSeal, 0) + 70) * 8);
  const Verified verified = verify_bytes(file);
  EXPECT_EQ(verified.report.verdict, Verdict::kRepairable) << verified.text();
  EXPECT_NE(verified.findings.at(0).message.find("no kept revision"), std::string::npos);
  EXPECT_EQ(read_on(disk).head().revision(), 2U);
}

TEST(VerifyFindings, QuickFindsADeltaWhoseHeaderIsDamaged) {
  FileBytes file = many_deltas(6);
  const std::size_t delta = frame(file, kCommit, -3);  // no later one vouches for it
  file.at(delta + 9) ^= std::byte{1};
  const Verified quick = verify_bytes(file, VerifyLevel::kQuick);
  EXPECT_TRUE(quick.has(FindingCode::kHeaderHash)) << quick.text();
  EXPECT_NE(quick.report.verdict, Verdict::kClean);
}

TEST(VerifyFindings, QuickLooksAtTheHeadAndItsIndexPagesOnly) {
  FileBytes file = small_snapshot(60);
  flip_bit(file, (frame(file, kIndex) + 70) * 8);
  EXPECT_NE(verify_bytes(file, VerifyLevel::kQuick).report.verdict, Verdict::kClean);
  file = small_snapshot(60);
  const Verified quick = verify_bytes(file, VerifyLevel::kQuick);
  const Verified all = verify_bytes(file);
  EXPECT_LT(quick.report.frames_checked, all.report.frames_checked);
  EXPECT_EQ(quick.report.revisions_checked, 1U);
}

}  // namespace
}  // namespace session::test
