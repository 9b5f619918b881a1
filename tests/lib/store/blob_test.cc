// Large texts: kept apart, stored once, put back whole.

#include <gtest/gtest.h>

#include <capnp/message.h>

#include <algorithm>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "format/layout.h"
#include "tests/support/disk_session.h"
#include "tests/support/records.h"
#include "tests/support/session_state.h"

namespace session::test {
namespace {

class Blobs : public ::testing::Test {
 protected:
  // Text that no codec makes small.
  [[nodiscard]] std::string noise(std::size_t bytes) {
    std::string made(bytes, ' ');
    for (char& c : made) c = static_cast<char>('!' + random_() % 90);
    return made;
  }
  std::uint64_t put(std::string_view key, const std::string& words) {
    auto change = writer_.begin();
    put_message(change, key, words);
    return change.commit().written_bytes;
  }
  [[nodiscard]] static std::span<const std::byte> bytes_of(const std::string& words) {
    return std::as_bytes(std::span(words));
  }

  std::mt19937_64 random_{9};
  SimulatedDisk disk_;
  Writer writer_ = create_on(disk_);
};

TEST_F(Blobs, TextsAboveTheBoundLeaveTheirRecordAndComeBack) {
  for (const std::size_t size : {format::kInlineBytes - 1U, format::kInlineBytes + 0U,
                                 format::kInlineBytes + 1U, 100'000U}) {
    const std::string words = noise(size);
    const std::string key = std::to_string(size);
    put(key, words);
    const Snapshot head = read_on(disk_).head();
    const auto message = head.get<schema::Message>(key);
    ASSERT_TRUE(message);
    const bool apart = size > format::kInlineBytes;
    EXPECT_EQ((*message)->getText().size(), apart ? 0U : size);
    ASSERT_EQ((*message)->getBlobs().size(), apart ? 1U : 0U);
    const WholeRecord whole = head.whole(Table::kMessages, message->any());
    EXPECT_EQ(text(whole.as<schema::Message>().getText()), words);
    EXPECT_EQ(whole.as<schema::Message>().getBlobs().size(), 0U);
    EXPECT_EQ(whole.as<schema::Message>().getRole(), schema::Role::ASSISTANT);
    EXPECT_EQ(whole.key(), key);
    if (!apart) continue;
    const auto blob = (*message)->getBlobs()[0];
    EXPECT_EQ(text(blob.getPath()), "text");
    EXPECT_EQ(blob.getSizeBytes(), size);
  }
}

TEST_F(Blobs, NestedTextsAndDataComeBackToTheirPlaces) {
  capnp::MallocMessageBuilder message;
  auto record = message.initRoot<schema::Message>();
  auto blocks = record.initBlocks(12);
  for (std::uint32_t i = 0; i < 12; ++i) {
    blocks[i].setCallId(("call " + std::to_string(i)).c_str());
    if (i % 3 == 0) blocks[i].setText(noise(5'000 + i).c_str());
    if (i % 4 == 0) blocks[i].setInput(noise(6'000 + i).c_str());
    if (i % 5 == 0) blocks[i].setName("short");
  }
  record.setExtra(noise(7'000).c_str());
  capnp::MallocMessageBuilder task_message;
  auto task = task_message.initRoot<schema::Task>();
  task.initStatusDetail().initError().setOutput(noise(8'000).c_str());
  task.initPlan().initFiles(2)[1].setPath(noise(4'500).c_str());
  capnp::MallocMessageBuilder value_message;
  auto value = value_message.initRoot<schema::Value>();
  std::string binary = noise(9'000);
  binary[17] = '\0';
  value.setBytes({reinterpret_cast<const kj::byte*>(binary.data()), binary.size()});

  SessionState state;
  {
    auto change = writer_.begin();
    Twin twin(change, state);
    twin.put("m", record.asReader());
    twin.put("t", task.asReader());
    twin.put("v/v", value.asReader());
    (void)change.commit();
  }
  EXPECT_TRUE(state_of(read_on(disk_).head()) == state);
  (void)writer_.begin().commit(folded());
  EXPECT_TRUE(state_of(read_on(disk_).head()) == state);
  EXPECT_LT(read_on(disk_).head().size(Table::kMessages).content_bytes, 3'000U);
}

// Many texts of which none is large by itself: the record must still fit.
TEST_F(Blobs, ARecordOfManyShortTextsStaysWhole) {
  capnp::MallocMessageBuilder message;
  auto blocks = message.initRoot<schema::Message>().initBlocks(50);
  for (auto block : blocks) block.setText(noise(4'000).c_str());
  SessionState state;
  auto change = writer_.begin();
  Twin(change, state).put("m", message.getRoot<schema::Message>().asReader());
  (void)change.commit();
  EXPECT_TRUE(state_of(read_on(disk_).head()) == state);
}

TEST_F(Blobs, EqualContentIsStoredOnce) {
  const std::string words = noise(200'000);
  const std::uint64_t first = put("a", words);
  EXPECT_GT(first, words.size() / 2);
  EXPECT_LT(put("b", words), 1'000U) << "another record";
  EXPECT_LT(put("a", words), 1'000U) << "the same again";
  (void)writer_.begin().commit(folded());
  EXPECT_LT(put("c", words), 1'000U) << "after a fold";
  writer_.close();
  writer_ = open_on(disk_);
  EXPECT_LT(put("d", words), 1'000U) << "by the next writer";
  auto change = writer_.begin();
  put_message(change, "e", words + "!");
  put_message(change, "f", words + "!");
  EXPECT_LT(change.commit().written_bytes, first * 3 / 2) << "twice in one transaction";
  EXPECT_EQ(writer_.head().count(Table::kBlobs), 2U);
  EXPECT_EQ(contradiction_in(read_on(disk_).head()), "");
}

TEST_F(Blobs, ContentIsFoundByItsDigest) {
  std::vector<std::pair<Digest, std::string>> stored;
  const std::string letters(3 * format::kBlobPartBytes + 5, 'a');
  auto change = writer_.begin();
  for (const std::string& content : {std::string(), std::string("x"), noise(format::kBlobPartBytes),
                                     noise(format::kBlobPartBytes + 1), letters}) {
    stored.emplace_back(change.add_blob(bytes_of(content)), content);
  }
  EXPECT_FALSE(change.empty());
  EXPECT_EQ(change.commit().revision, 2U);
  for (const ReadMode mode : {ReadMode::kMapped, ReadMode::kCopy}) {
    const Snapshot head = read_on(disk_, kDiskPath, mode).head();
    for (const auto& [digest, content] : stored) {
      const std::vector<std::byte> found = head.blob(digest);
      EXPECT_TRUE(std::ranges::equal(found, bytes_of(content))) << content.size();
    }
  }
  EXPECT_EQ(error_of([&] { (void)writer_.head().blob(Digest{}); }), ErrorCode::kNotFound);
  EXPECT_EQ(error_of([&] { (void)writer_.at(1).blob(stored[1].first); }), ErrorCode::kNotFound);
}

TEST_F(Blobs, ThatWereRolledBackAreStoredAgain) {
  const std::string words = noise(50'000);
  {
    auto change = writer_.begin();
    put_message(change, "a", words);
  }
  EXPECT_GT(put("a", words), 40'000U);
  EXPECT_EQ(contradiction_in(read_on(disk_).head()), "");
}

TEST(EmptyCommit, LeavesNoBlobOfATextThatWasTakenBack) {
  SimulatedDisk disk;
  Writer writer = create_on(disk);
  writer.close();
  const std::vector<std::byte> before = disk.contents(kDiskPath);
  Writer again = open_on(disk);
  Transaction change = again.begin();
  const std::size_t savepoint = change.savepoint();
  put_value(change, "a/1", std::string(9000, 'x'));
  change.roll_back_to(savepoint);
  ASSERT_TRUE(change.empty());
  EXPECT_EQ(change.commit().revision, 1U);
  again.close();
  EXPECT_EQ(disk.contents(kDiskPath), before);
}

}  // namespace
}  // namespace session::test
