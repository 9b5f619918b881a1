// No reader is handed bytes whose checksum was not checked (G8): with any byte of a file changed,
// each question is answered rightly or with an error, never wrongly.

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "format/layout.h"
#include "tests/support/disk_session.h"
#include "tests/support/records.h"
#include "tests/support/seed.h"
#include "tests/support/session_state.h"

namespace session::test {
namespace {

using FileBytes = std::vector<std::byte>;
using Question = std::function<std::string(const Reader&)>;

constexpr std::uint64_t kTasks = 24;
constexpr std::uint64_t kOldRevision = 2;
constexpr std::uint64_t kNewestRevision = 4;

std::string table_text(const Snapshot& snapshot, Table table) {
  std::string answer;
  for (Cursor cursor = snapshot.cursor(table); cursor.valid(); cursor.next()) {
    answer += std::string(cursor.key()) + "=" + record_bytes(cursor.record()) + ";";
  }
  return answer;
}

class VerifiedReading : public ::testing::Test {
 protected:
  void SetUp() override {
    SimulatedDisk disk;
    Writer writer = create_on(disk);
    auto change = writer.begin();
    for (std::uint64_t i = 0; i < kTasks; ++i) {
      put_task(change, numbered("t", i),
               {.title = "task " + std::to_string(i), .parent = i < 3 ? "" : numbered("t", i / 4)});
    }
    put_message(change, "m1", std::string(6'000, 'm'));
    (void)change.commit(folded());
    CheckpointOptions checkpoint;
    checkpoint.description = "a checkpoint";
    (void)writer.checkpoint(checkpoint);
    auto delta = writer.begin();
    put_task(delta, numbered("t", 3), {.title = "changed", .parent = numbered("t", 1)});
    (void)delta.erase(Table::kTasks, numbered("t", 9));
    put_value(delta, "a/1", "value");
    (void)delta.commit();
    writer.close();
    file_ = disk.contents(kDiskPath);
    ask_everything();
    const Reader reader = read_on(disk);
    for (const Question& question : questions_) answers_.push_back(question(reader));
  }

  void ask_everything() {
    for (std::uint64_t i = 0; i < kTasks; ++i) {
      questions_.emplace_back([i](const Reader& reader) {
        const auto task = reader.head().get<schema::Task>(numbered("t", i));
        return task ? record_bytes(task->any().record()) : "none";
      });
    }
    for (const Table table : kAllTables) {
      questions_.emplace_back(
          [table](const Reader& reader) { return table_text(reader.head(), table); });
      questions_.emplace_back(
          [table](const Reader& reader) { return std::to_string(reader.head().count(table)); });
      questions_.emplace_back(
          [table](const Reader& reader) { return table_text(reader.at(kOldRevision), table); });
    }
    for (const std::uint64_t parent : {0U, 1U, 2U, 5U}) {
      questions_.emplace_back([parent](const Reader& reader) {
        std::string answer;
        const std::string key = parent == 0 ? "" : numbered("t", parent);
        for (const ChildRef& child : reader.head().children(key)) answer += child.key + ",";
        return answer;
      });
    }
    questions_.emplace_back([](const Reader& reader) {
      const auto message = reader.head().get<schema::Message>("m1");
      if (!message) return std::string("none");
      return record_bytes(reader.head().whole(Table::kMessages, message->any()).record());
    });
    questions_.emplace_back(
        [](const Reader& reader) { return to_hex(reader.head().fingerprint()); });
    questions_.emplace_back([](const Reader& reader) {
      std::string answer;
      reader.head().history([&](const RevisionInfo& info) {
        answer += std::to_string(info.revision) + " " + std::to_string(info.time_nanos) + ",";
        return true;
      });
      return answer;
    });
    questions_.emplace_back([](const Reader& reader) {
      std::string answer;
      for (const auto& checkpoint : reader.head().checkpoints()) answer += checkpoint.description;
      return answer;
    });
    questions_.emplace_back([](const Reader& reader) {
      return std::to_string(reader.at("2023-11-14T22:13:24Z").revision());
    });
  }

  // Asks a file that is not what it was. With its seal gone as well as its last commit it looks
  // like one that was torn (`can_look_torn`), and must say so.
  void ask(const FileBytes& bytes, ReadMode mode, const std::string& where,
           bool can_look_torn = false) {
    SimulatedDisk disk;
    disk.put(kDiskPath, bytes);
    std::optional<Reader> reader;
    try {
      reader = read_on(disk, kDiskPath, mode);
    } catch (const Error& error) {
      ++errors_;
      EXPECT_TRUE(error.code() == ErrorCode::kDamaged || error.code() == ErrorCode::kNotASession)
          << where << ": " << error.what();
      return;
    }
    if (can_look_torn && reader->head().revision() != kNewestRevision) {
      EXPECT_FALSE(reader->info().sealed) << where;
      EXPECT_GT(reader->info().tail_bytes, 0U) << where;
      return;
    }
    for (std::size_t i = 0; i < questions_.size(); ++i) {
      try {
        ASSERT_EQ(questions_[i](*reader), answers_[i]) << where << ", question " << i;
      } catch (const Error& error) {
        ++errors_;
        ASSERT_EQ(error.code(), ErrorCode::kDamaged) << where << ": " << error.what();
      }
    }
  }
  void ask_with_every_byte_changed(ReadMode mode, std::size_t step) {
    for (std::size_t at = random_() % step; at < file_.size(); at += step) {
      FileBytes bytes = file_;
      bytes[at] ^= static_cast<std::byte>(1U << (random_() % 8));
      ASSERT_NO_FATAL_FAILURE(ask(bytes, mode, "byte " + std::to_string(at)));
    }
    EXPECT_GT(errors_, file_.size() / step);
  }

  std::uint64_t seed_ = random_seed();
  std::mt19937_64 random_{seed_};
  FileBytes file_;
  std::vector<Question> questions_;
  std::vector<std::string> answers_;
  std::size_t errors_ = 0;
};

TEST_F(VerifiedReading, AnswersRightlyOrNotAtAllWithAnyByteChanged) {
  ask_with_every_byte_changed(ReadMode::kMapped, 1);
}

TEST_F(VerifiedReading, AnswersRightlyOrNotAtAllWhenCopying) {
  ask_with_every_byte_changed(ReadMode::kCopy, 4);
}

TEST_F(VerifiedReading, AnswersRightlyOrNotAtAllWithABlockGone) {
  for (std::size_t at = 0; at < file_.size(); at += format::kAlignBytes) {
    FileBytes bytes = file_;
    std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), format::kAlignBytes, std::byte{0});
    ASSERT_NO_FATAL_FAILURE(ask(bytes, ReadMode::kMapped, "block at " + std::to_string(at)));
  }
}

// Frames are whole and in the wrong place: a write went astray.
TEST_F(VerifiedReading, AnswersRightlyOrNotAtAllWithBlocksSwapped) {
  for (int i = 0; i < 300; ++i) {
    FileBytes bytes = file_;
    const std::size_t blocks = bytes.size() / format::kAlignBytes;
    const auto block = [&] {
      return bytes.begin() + static_cast<std::ptrdiff_t>(random_() % blocks * format::kAlignBytes);
    };
    const auto a = block();
    const auto b = block();
    if (a != b) std::swap_ranges(a, a + format::kAlignBytes, b);
    ASSERT_NO_FATAL_FAILURE(ask(bytes, ReadMode::kMapped, "swap " + std::to_string(i), true));
  }
}

TEST_F(VerifiedReading, NamesTheFileAndTheOffsetOfDamage) {
  SimulatedDisk disk;
  disk.put(kDiskPath, file_);
  const std::uint64_t at = read_on(disk).at(kOldRevision).info().offset;
  file_[at + format::kFrameHeaderBytes + 20] ^= std::byte{1};
  disk.put(kDiskPath, file_);
  try {
    (void)read_on(disk).at(kOldRevision);
    FAIL() << "damage went unnoticed";
  } catch (const Error& error) {
    EXPECT_EQ(error.file(), kDiskPath);
    ASSERT_TRUE(error.offset());
    EXPECT_GE(*error.offset(), at);
    EXPECT_LE(*error.offset(), at + format::kFrameHeaderBytes);
  }
}

TEST_F(VerifiedReading, ReadsWhatIsWholeBesideWhatIsNot) {
  std::size_t answered = 0;
  SimulatedDisk disk;
  FileBytes bytes = file_;
  disk.put(kDiskPath, file_);
  // The first leaf of the file belongs to a tree of the head: of all tasks only a few are in it.
  bytes[format::kFileHeaderBytes + format::kFrameHeaderBytes + 30] ^= std::byte{1};
  disk.put(kDiskPath, bytes);
  const Reader reader = read_on(disk);
  for (std::uint64_t i = 0; i < kTasks; ++i) {
    try {
      EXPECT_EQ(questions_[i](reader), answers_[i]);
      ++answered;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kDamaged);
    }
  }
  EXPECT_GT(answered, kTasks / 2);
}

}  // namespace
}  // namespace session::test
