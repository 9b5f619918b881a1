// Erasing for good: after it the secret's bytes are nowhere in the file, whatever form they had.

#include <gtest/gtest.h>

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "format/checksum.h"
#include "format/frame.h"
#include "format/prefix.h"
#include "lib/store/view.h"
#include "session/compact.h"
#include "session/reader.h"
#include "session/verify.h"
#include "tests/support/disk_session.h"
#include "tests/support/records.h"
#include "tests/support/session_state.h"

namespace session::test {
namespace {

constexpr std::string_view kSecret = "sk-live-4242-DO-NOT-LEAK";

CompactOptions erasing(SimulatedDisk& disk, const std::vector<std::string>& names) {
  CompactOptions options;
  options.files = &disk;
  options.clock = counting_clock();
  for (const std::string& name : names) options.erase.push_back(parse_record_name(name));
  return options;
}

bool holds(const std::vector<std::byte>& file, std::string_view text) {
  const std::string_view bytes(reinterpret_cast<const char*>(file.data()), file.size());
  return bytes.find(text) != std::string_view::npos;
}

Digest digest_of(const std::string& text) {
  return format::sha256(std::as_bytes(std::span(text)));
}

void expect_clean(SimulatedDisk& disk) {
  VerifyOptions options;
  options.level = VerifyLevel::kFull;
  options.files = &disk;
  options.jobs = 1;
  EXPECT_EQ(verify(kDiskPath, options).verdict, Verdict::kClean);
}

// Random-looking letters, which do not compress: blobs stand in the file as they are.
std::string noise(std::size_t size) {
  std::string text;
  for (std::uint64_t state = 1; text.size() < size;) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    text.push_back(static_cast<char>('!' + (state >> 33) % 90));
  }
  return text;
}

// The secret as a short text, in a long one, in a text that is stored apart, in a delta, in a tree,
// changed and deleted again; among other records.
void write_secrets(SimulatedDisk& disk) {
  Writer writer = create_on(disk);
  const std::string secret(kSecret);
  for (int i = 0; i < 12; ++i) {
    Transaction change = writer.begin();
    for (int n = 0; n < 6; ++n) {
      put_value(change, numbered("other/", static_cast<std::uint64_t>(i * 6 + n)), noise(300));
    }
    put_task(change, "t1", {.title = secret + std::to_string(i)});
    put_message(change, "0000000001", secret + std::string(i % 3 == 0 ? 2'000 : 10, 'm'));
    if (i % 4 != 3) {
      put_value(change, "keys/api", noise(9'000) + secret + noise(600'000) + std::to_string(i));
    } else {
      (void)change.erase(Table::kValues, "keys/api");
    }
    CommitOptions options;
    options.as_snapshot = i % 3 == 1;
    (void)change.commit(options);
  }
}

TEST(CompactErase, TheSecretIsNowhereInTheNewFile) {
  for (const bool archive : {false, true}) {
    SimulatedDisk disk;
    write_secrets(disk);
    ASSERT_TRUE(holds(disk.contents(kDiskPath), kSecret));
    const Digest blob =
        digest_of(noise(9'000) + std::string(kSecret) + noise(600'000) + std::to_string(9));
    CompactOptions options = erasing(disk, {"tasks/t1", "messages/0000000001", "values/keys/api"});
    options.archive = archive;
    const CompactReport report = compact(kDiskPath, options);
    EXPECT_FALSE(holds(disk.contents(kDiskPath), kSecret));
    EXPECT_FALSE(holds(disk.contents(kDiskPath), "keys/api")) << "nor its key";
    EXPECT_FALSE(holds(disk.contents(kDiskPath), noise(9'000))) << "nor what stood around it";
    expect_clean(disk);
    const Reader reader = read_on(disk);
    reader.head().history([&](const RevisionInfo& info) {
      const Snapshot snapshot = reader.at(info.revision);
      EXPECT_EQ(contradiction_in(snapshot), "");
      EXPECT_FALSE(snapshot.get<schema::Task>("t1"));
      EXPECT_EQ(error_of([&] { (void)snapshot.blob(blob); }), ErrorCode::kNotFound);
      return true;
    });
    ASSERT_EQ(report.erased.size(), 3U);
    EXPECT_EQ(report.erased[0].revisions, 12U);
    EXPECT_EQ(report.erased[2].revisions, 9U) << "it was deleted in three of them";
  }
}

// A file compressed on purpose is read with other eyes: uncompress it and look again.
TEST(CompactErase, NorIsItInAnArchiveThatIsUnpackedAgain) {
  SimulatedDisk disk;
  write_secrets(disk);
  CompactOptions archive = erasing(disk, {});
  archive.archive = true;
  (void)compact(kDiskPath, archive);
  (void)compact(kDiskPath, erasing(disk, {"tasks/t1", "messages/0000000001", "values/keys/api"}));
  const Reader reader = read_on(disk);
  const auto bytes = disk.contents(kDiskPath);
  const std::uint64_t tag = reader.head().view().header().tag();
  std::vector<std::byte> buffer;
  for (std::uint64_t at = format::kFileHeaderBytes; at < bytes.size();) {
    const auto frame = format::value_or_throw(format::load_frame(bytes, at, tag));
    const auto payload = format::value_or_throw(
        format::unpack(frame, buffer, [&](std::uint64_t offset, std::vector<std::byte>&) {
          return format::load_frame(bytes, offset, tag);
        }));
    EXPECT_FALSE(holds({payload.begin(), payload.end()}, kSecret)) << at;
    at = frame.header.end();
  }
}

TEST(CompactErase, WhatElseThereIsStaysAndFingerprintsAreListed) {
  SimulatedDisk disk;
  write_secrets(disk);
  const SimulatedDisk was = disk;
  SimulatedDisk old_disk = was;
  const Reader old = read_on(old_disk);
  const CompactReport report = compact(kDiskPath, erasing(disk, {"values/keys/api"}));
  const Reader is = read_on(disk);
  std::size_t changed = 0;
  for (const RevisionFate& fate : report.revisions) {
    const Snapshot before = old.at(fate.revision);
    const Snapshot after = is.at(fate.revision);
    for (const Table table : kContentTables) {
      auto expected = state_of(before);
      (void)expected.erase(Table::kValues, "keys/api");
      EXPECT_EQ(state_of(after).table(table), expected.table(table)) << fate.revision;
    }
    if (before.fingerprint() == after.fingerprint()) continue;
    ASSERT_LT(changed, report.fingerprints.size());
    EXPECT_EQ(report.fingerprints[changed].revision, fate.revision);
    EXPECT_EQ(report.fingerprints[changed].before, before.fingerprint());
    EXPECT_EQ(report.fingerprints[changed].after, after.fingerprint());
    ++changed;
  }
  EXPECT_EQ(changed, report.fingerprints.size());
  EXPECT_EQ(changed, 9U);
}

TEST(CompactErase, ABlobThatAnotherRecordHasStays) {
  SimulatedDisk disk;
  const std::string shared = noise(9'000);
  {
    Writer writer = create_on(disk);
    Transaction change = writer.begin();
    put_value(change, "v/one", shared);
    put_value(change, "v/two", shared);
    (void)change.commit();
  }
  (void)compact(kDiskPath, erasing(disk, {"values/v/one"}));
  const Snapshot head = read_on(disk).head();
  EXPECT_FALSE(head.get<schema::Value>("v/one"));
  const auto two = head.get<schema::Value>("v/two");
  ASSERT_TRUE(two);
  EXPECT_EQ(text(head.whole(Table::kValues, two->any()).as<schema::Value>().getText()), shared);
}

TEST(CompactErase, AMarkerSaysThatSomethingWentButNotWhat) {
  SimulatedDisk disk;
  write_secrets(disk);
  (void)compact(kDiskPath, erasing(disk, {"values/keys/api"}));
  const Snapshot head = read_on(disk).head();
  const auto marker = head.get<schema::Recovery>("0000000001");
  ASSERT_TRUE(marker);
  EXPECT_EQ(text((*marker)->getReason()), "erased");
  ASSERT_EQ((*marker)->getLost().size(), 1U);
  EXPECT_EQ(text((*marker)->getLost()[0]), "values sha256:" + to_hex(digest_of("values/keys/api")));
  (void)compact(kDiskPath, erasing(disk, {"tasks/t1"}));
  EXPECT_TRUE(read_on(disk).head().get<schema::Recovery>("0000000001"));
  EXPECT_TRUE(read_on(disk).head().get<schema::Recovery>("0000000002"));
}

TEST(CompactErase, VerifyingKnowsTheMarkerAndSeesWhatCameBack) {
  SimulatedDisk disk;
  write_secrets(disk);
  (void)compact(kDiskPath, erasing(disk, {"values/keys/api", "tasks/t1"}));
  const auto found = [&](FindingCode code) {
    std::string keys;
    VerifyOptions options;
    options.level = VerifyLevel::kFull;
    options.files = &disk;
    options.on_finding = [&](const Finding& finding) {
      if (finding.code == code) keys += finding.key + " ";
    };
    EXPECT_EQ(verify(kDiskPath, options).verdict, Verdict::kClean);
    return keys;
  };
  EXPECT_EQ(found(FindingCode::kErasedRecord), "0000000001 0000000001 ");
  EXPECT_EQ(found(FindingCode::kErasedRecordBack), "");
  {
    Writer writer = open_on(disk);
    Transaction change = writer.begin();
    put_value(change, "keys/api", "again");
    (void)change.commit();
  }
  EXPECT_EQ(found(FindingCode::kErasedRecordBack), "keys/api ");
}

TEST(CompactErase, ATaskGoesOnlyWithItsChildren) {
  SimulatedDisk disk;
  {
    Writer writer = create_on(disk);
    for (int i = 0; i < 3; ++i) {
      Transaction change = writer.begin();
      put_task(change, "parent", {.title = std::string(kSecret)});
      if (i == 1) {
        put_task(change, "child", {.title = "x", .parent = "parent"});
      } else {
        (void)change.erase(Table::kTasks, "child");
      }
      (void)change.commit();
    }
  }
  const auto before = disk.contents(kDiskPath);
  const std::string words =
      words_of([&] { (void)compact(kDiskPath, erasing(disk, {"tasks/parent"})); });
  EXPECT_NE(words.find("\"child\" in revision 3"), std::string::npos) << words;
  EXPECT_EQ(disk.contents(kDiskPath), before);
  (void)compact(kDiskPath, erasing(disk, {"tasks/parent", "tasks/child"}));
  EXPECT_FALSE(holds(disk.contents(kDiskPath), kSecret));
  expect_clean(disk);
}

TEST(CompactErase, WhatIsNotThereIsNotFound) {
  SimulatedDisk disk;
  write_secrets(disk);
  const auto before = disk.contents(kDiskPath);
  EXPECT_EQ(error_of([&] { (void)compact(kDiskPath, erasing(disk, {"tasks/nobody"})); }),
            ErrorCode::kNotFound);
  EXPECT_EQ(disk.contents(kDiskPath), before);
  for (const char* wrong : {"tasks", "tasks/", "blobs/x", "nothing/x", "/x"}) {
    EXPECT_EQ(error_of([&] { (void)parse_record_name(wrong); }), ErrorCode::kUsage) << wrong;
  }
  EXPECT_EQ(parse_record_name("values/a/b").key, "a/b");
}

TEST(CompactErase, CopiesThatRemainAreNamed) {
  SimulatedDisk disk;
  write_secrets(disk);
  disk.put(std::string(kDiskPath) + ".damaged-17", disk.contents(kDiskPath));
  disk.put(std::string(kDiskPath) + ".tail-18", {});
  disk.put("/d/other.session.tail-19", {});
  CompactOptions options = erasing(disk, {"tasks/t1"});
  EXPECT_EQ(compact(kDiskPath, options).copies,
            (std::vector<std::string>{"/d/work.session.damaged-17", "/d/work.session.tail-18"}));
  options = erasing(disk, {"values/keys/api"});
  options.output = "/d/out.session";
  EXPECT_EQ(compact(kDiskPath, options).copies.front(), kDiskPath);
}

}  // namespace
}  // namespace session::test
