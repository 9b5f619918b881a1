// What a newer version wrote is kept, or the file is refused by name (G13).

#include <gtest/gtest.h>

#include <capnp/message.h>
#include <capnp/schema.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "format/checksum.h"
#include "format/commit.h"
#include "format/file_header.h"
#include "format/frame.h"
#include "format/record.h"
#include "session/repair.h"
#include "tests/support/disk_session.h"
#include "tests/support/records.h"
#include "tests/support/session_state.h"

namespace session::test {
namespace {

using FileBytes = std::vector<std::byte>;

constexpr std::uint16_t kMoreWords = 2;
constexpr std::uint16_t kMorePointers = 3;

// A task as a later schema has it: what this one knows, and data, a text and a struct behind it.
class NewerTask {
 public:
  explicit NewerTask(std::string_view title, std::size_t description_bytes = 0) {
    const auto shape = table_schema(Table::kTasks).getProto().getStruct();
    data_words_ = static_cast<std::uint16_t>(shape.getDataWordCount() + kMoreWords);
    pointers_ = static_cast<std::uint16_t>(shape.getPointerCount() + kMorePointers);
    auto record = message_.initRoot<capnp::AnyPointer>().initAsAnyStruct(data_words_, pointers_);
    auto task = record.as<schema::Task>();
    task.setTitle(std::string(title).c_str());
    task.setParent("root");
    if (description_bytes > 0) task.setDescription(std::string(description_bytes, 'd').c_str());
    for (int i = 1; i <= kMoreWords * 8; ++i) {
      record.getDataSection()[data_words_ * 8U - static_cast<unsigned>(i)] =
          static_cast<kj::byte>(i);
    }
    record.getPointerSection()[pointers_ - 3U].setAs<capnp::Text>("a newer text");
    auto nested = record.getPointerSection()[pointers_ - 1U].initAsAnyStruct(1, 1);
    nested.getDataSection()[0] = 42;
    nested.getPointerSection()[0].setAs<capnp::Text>("inside a newer struct");
  }
  [[nodiscard]] AnyRecord record() {
    return message_.getRoot<capnp::AnyPointer>().asReader().getAs<capnp::AnyStruct>();
  }
  // True if everything that this version has no name for is in `found`.
  [[nodiscard]] bool is_kept_in(AnyRecord found) const {
    const auto data = found.getDataSection();
    const auto pointers = found.getPointerSection();
    if (data.size() < data_words_ * 8U || pointers.size() < pointers_) return false;
    for (unsigned i = 1; i <= kMoreWords * 8U; ++i) {
      if (data[data_words_ * 8U - i] != i) return false;
    }
    if (pointers[pointers_ - 3U].getAs<capnp::Text>() != "a newer text") return false;
    const auto nested = pointers[pointers_ - 1U].getAs<capnp::AnyStruct>();
    return nested.getDataSection()[0] == 42 &&
           nested.getPointerSection()[0].getAs<capnp::Text>() == "inside a newer struct";
  }

 private:
  capnp::MallocMessageBuilder message_;
  std::uint16_t data_words_ = 0;
  std::uint16_t pointers_ = 0;
};

class NewerFields : public ::testing::Test {
 protected:
  void expect_kept(const std::string& when) {
    const Reader reader = read_on(disk_);
    const auto found = reader.head().find(Table::kTasks, "newer");
    ASSERT_TRUE(found) << when;
    EXPECT_TRUE(newer_.is_kept_in(found->record())) << when;
    EXPECT_EQ(record_bytes(found->record()), record_bytes(newer_.record())) << when;
    EXPECT_EQ(text(found->record().as<schema::Task>().getTitle()), "known") << when;
    EXPECT_EQ(reader.head().children("root").size(), 1U) << when;
  }

  SimulatedDisk disk_;
  const std::unique_ptr<NewerTask> task_ = std::make_unique<NewerTask>("known");
  NewerTask& newer_ = *task_;
};

TEST_F(NewerFields, SurviveEverythingAnOlderWriterDoes) {
  Writer writer = create_on(disk_);
  {
    auto change = writer.begin();
    change.upsert_any(Table::kTasks, "newer", newer_.record());
    (void)change.commit();
  }
  const std::uint64_t first = writer.head().revision();
  expect_kept("in a delta");
  (void)writer.begin().commit(folded());
  expect_kept("folded");
  for (std::uint64_t i = 0; i < 60; ++i) {  // its page is chunked again and again
    auto change = writer.begin();
    put_task(change, "n" + std::to_string(i), {.title = std::string(i * 3, 'x')});
    put_task(change, "newer" + std::to_string(i), {.title = "neighbour"});
    (void)change.commit(folded());
    if (i % 20 == 0) expect_kept("beside changing neighbours");
  }
  expect_kept("beside new neighbours");
  {
    auto change = writer.begin();  // read and written back, as an editor of another field does
    const auto found = change.find(Table::kTasks, "newer");
    ASSERT_TRUE(found);
    EXPECT_FALSE(change.upsert_if_different(Table::kTasks, "newer", found->record()));
    change.upsert_any(Table::kTasks, "newer", found->record());
    (void)change.commit();
  }
  expect_kept("written back");
  writer.close();
  writer = open_on(disk_);
  {
    auto change = writer.begin();
    (void)change.erase(Table::kTasks, "newer");
    (void)change.commit(folded());
  }
  EXPECT_FALSE(read_on(disk_).head().find(Table::kTasks, "newer"));
  (void)writer.restore(first);
  expect_kept("restored");
  {
    auto change = writer.begin();
    change.spill_above(2'000);
    for (std::uint64_t i = 0; i < 100; ++i) put_task(change, numbered("z", i), {.title = "z"});
    (void)change.commit();
  }
  expect_kept("beside a large transaction");
}

TEST_F(NewerFields, SurviveTheMovingOfLargeTexts) {
  constexpr std::size_t kLarge = 10'000;
  NewerTask large("known", kLarge);
  Writer writer = create_on(disk_);
  auto change = writer.begin();
  change.upsert_any(Table::kTasks, "newer", large.record());
  (void)change.commit();
  const Snapshot head = read_on(disk_).head();
  const auto found = head.find(Table::kTasks, "newer");
  ASSERT_TRUE(found);
  EXPECT_TRUE(large.is_kept_in(found->record()));
  EXPECT_EQ(found->record().as<schema::Task>().getDescription().size(), 0U);
  const WholeRecord whole = head.whole(Table::kTasks, *found);
  EXPECT_TRUE(large.is_kept_in(whole.record()));
  EXPECT_EQ(whole.as<schema::Task>().getDescription().size(), kLarge);
  EXPECT_EQ(record_bytes(whole.record()), record_bytes(large.record()));
}

TEST_F(NewerFields, AreContent) {
  const auto fingerprint_with = [](AnyRecord record) {
    SimulatedDisk disk;
    Writer writer = create_on(disk);
    auto change = writer.begin();
    change.upsert_any(Table::kTasks, "newer", record);
    (void)change.commit();
    return writer.head().fingerprint();
  };
  capnp::MallocMessageBuilder known;
  auto task = known.initRoot<schema::Task>();
  task.setTitle("known");
  task.setParent("root");
  EXPECT_NE(fingerprint_with(newer_.record()), fingerprint_with(AnyRecord(task.asReader())));
}

// A schema that grew does not change what was written before it grew.
TEST_F(NewerFields, ThatAreNotSetChangeNothing) {
  const auto shape = table_schema(Table::kTasks).getProto().getStruct();
  capnp::MallocMessageBuilder narrow;
  narrow.initRoot<schema::Task>().setTitle("known");
  capnp::MallocMessageBuilder wide;
  auto record = wide.initRoot<capnp::AnyPointer>().initAsAnyStruct(
      static_cast<std::uint16_t>(shape.getDataWordCount() + kMoreWords),
      static_cast<std::uint16_t>(shape.getPointerCount() + kMorePointers));
  record.as<schema::Task>().setTitle("known");
  Writer writer = create_on(disk_);
  auto change = writer.begin();
  change.upsert("t", narrow.getRoot<schema::Task>().asReader());
  EXPECT_FALSE(change.upsert_if_different(Table::kTasks, "t", record.asReader()));
}

// A file whose newest commit says more than this version knows.
class NewerFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    Writer writer = create_on(disk_);
    auto change = writer.begin();
    put_task(change, "a", {.title = "task"});
    (void)change.commit(folded());
  }

  // The last commit, a snapshot, changed and sealed into its frame anew.
  [[nodiscard]] FileBytes with_last_commit(
      const std::function<void(schema::Commit::Builder)>& edit) {
    const FileBytes file = disk_.contents(kDiskPath);
    const std::uint64_t at = read_on(disk_).head().info().offset;
    const std::uint64_t tag = value_or_throw(format::decode_file_header(file)).tag();
    const format::Frame frame = value_or_throw(format::load_frame(file, at, tag));
    capnp::MallocMessageBuilder message;
    message.setRoot(format::read_root<schema::Commit>(frame.stored));
    edit(message.getRoot<schema::Commit>());
    FileBytes edited(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(at));
    (void)format::append_frame(
        edited, 0, format::FrameKind::kCommit, frame.header.home, tag,
        format::canonical_payload(message.getRoot<schema::Commit>().asReader()));
    return edited;
  }
  [[nodiscard]] static FileBytes with_version(FileBytes file, std::uint16_t major,
                                              std::uint16_t minor) {
    auto header = value_or_throw(format::decode_file_header(file));
    header.major = major;
    header.minor = minor;
    const auto encoded = format::encode(header);
    std::copy(encoded.begin(), encoded.end(), file.begin());
    return file;
  }
  void put_feature(const std::string& name, bool is_required) {
    disk_.put(kDiskPath, with_last_commit([&](schema::Commit::Builder commit) {
                auto features = commit.getTrees().initFeatures(1);
                features[0].setName(name.c_str());
                features[0].setSince("9.1");
                features[0].setIsRequired(is_required);
              }));
  }

  SimulatedDisk disk_;
};

TEST_F(NewerFiles, AnUnknownRequiredFeatureIsRefusedByName) {
  put_feature("quantum-leaves", true);
  const FileBytes before = disk_.contents(kDiskPath);
  for (const auto& open : std::vector<std::function<void()>>{[&] { (void)read_on(disk_); },
                                                             [&] { (void)open_on(disk_); }}) {
    EXPECT_EQ(error_of(open), ErrorCode::kNewerVersion);
    const std::string words = words_of(open);
    EXPECT_NE(words.find("quantum-leaves"), std::string::npos) << words;
    EXPECT_NE(words.find("9.1"), std::string::npos) << words;
  }
  EXPECT_EQ(disk_.contents(kDiskPath), before);
  EXPECT_EQ(disk_.list("/d").size(), 2U) << "the session and its lock";
}

TEST_F(NewerFiles, ALargeTextOfAnUnknownFieldIsLeftAlone) {
  Writer writer = open_on(disk_);
  auto change = writer.begin();
  const std::string large(5000, 'x');
  const Digest digest = change.add_blob(format::as_bytes(large));
  capnp::MallocMessageBuilder message;
  auto task = message.initRoot<schema::Task>();
  task.setTitle("known");
  auto blob = task.initBlobs(1)[0];
  blob.setDigest({reinterpret_cast<const kj::byte*>(digest.data()), digest.size()});
  blob.setPath("plan.ofALaterVersion");
  blob.setSizeBytes(large.size());
  change.upsert("b", task.asReader());
  (void)change.commit();
  const Snapshot head = writer.head();
  const auto entry = head.find(Table::kTasks, "b");
  ASSERT_TRUE(entry);
  const WholeRecord whole = head.whole(Table::kTasks, *entry);
  EXPECT_EQ(text(whole.as<schema::Task>().getTitle()), "known");
  EXPECT_EQ(entry->record().as<schema::Task>().getBlobs().size(), 1U) << "and stays where it is";
}

// What looks like a tail to us may be what the feature is about.
TEST_F(NewerFiles, AFileThatIsRefusedKeepsItsTail) {
  put_feature("quantum-leaves", true);
  FileBytes file = disk_.contents(kDiskPath);
  file.resize(file.size() + 200, std::byte{0x5A});
  disk_.put(kDiskPath, file);
  EXPECT_EQ(error_of([&] { (void)open_on(disk_); }), ErrorCode::kNewerVersion);
  EXPECT_EQ(disk_.contents(kDiskPath), file);
  EXPECT_EQ(disk_.list("/d").size(), 2U) << "the session and its lock";
}

// Whole, with a tail, and damaged: nothing can be mended by who does not know what it should be.
TEST_F(NewerFiles, AFileThatIsRefusedIsNotRepaired) {
  put_feature("quantum-leaves", true);
  const FileBytes whole = disk_.contents(kDiskPath);
  FileBytes with_tail = whole;
  with_tail.resize(whole.size() + 200, std::byte{0x5A});
  FileBytes damaged = whole;
  damaged.at(format::kFileHeaderBytes - 1) ^= std::byte{1};  // which a commit repeats
  for (const FileBytes& file : {whole, with_tail, damaged}) {
    disk_.put(kDiskPath, file);
    RepairOptions options;
    options.files = &disk_;
    options.accept_loss = true;
    const auto mend = [&] { (void)repair(kDiskPath, options); };
    EXPECT_EQ(error_of(mend), ErrorCode::kNewerVersion);
    EXPECT_NE(words_of(mend).find("quantum-leaves"), std::string::npos) << words_of(mend);
    EXPECT_EQ(disk_.contents(kDiskPath), file);
    EXPECT_EQ(disk_.list("/d").size(), 2U) << "the session and its lock";
  }
}

TEST_F(NewerFiles, AnUnknownIgnorableFeatureIsIgnored) {
  put_feature("pretty-leaves", false);
  EXPECT_TRUE(read_on(disk_).head().get<schema::Task>("a"));
  Writer writer = open_on(disk_);
  auto change = writer.begin();
  put_task(change, "b", {.title = "another"});
  (void)change.commit(folded());
  EXPECT_EQ(contradiction_in(read_on(disk_).head()), "");
}

TEST_F(NewerFiles, ANewerMinorVersionIsReadAndANewerMajorOneRefused) {
  const FileBytes file = disk_.contents(kDiskPath);
  disk_.put(kDiskPath, with_version(file, format::kMajorVersion, format::kMinorVersion + 3));
  EXPECT_TRUE(read_on(disk_).head().get<schema::Task>("a"));
  disk_.put(kDiskPath, with_version(file, format::kMajorVersion + 1, 0));
  EXPECT_EQ(error_of([&] { (void)read_on(disk_); }), ErrorCode::kNewerVersion);
  EXPECT_EQ(error_of([&] { (void)open_on(disk_); }), ErrorCode::kNewerVersion);
  EXPECT_NE(words_of([&] { (void)read_on(disk_); }).find("3"), std::string::npos);
}

// A table of a later version, which the file does not call required.
TEST_F(NewerFiles, AnUnknownTableIsPassedOver) {
  disk_.put(kDiskPath, with_last_commit([](schema::Commit::Builder commit) {
              auto trees = commit.getTrees();
              capnp::MallocMessageBuilder copy;
              copy.setRoot(trees.asReader());
              const auto old = copy.getRoot<schema::Trees>().getRoots().asReader();
              auto roots = trees.initRoots(old.size() + 1);
              for (std::uint32_t i = 0; i < old.size(); ++i) roots.setWithCaveats(i, old[i]);
              roots.setWithCaveats(old.size(), old[0]);
              roots[old.size()].setTable(kTableSlots + 5);
            }));
  EXPECT_TRUE(read_on(disk_).head().get<schema::Task>("a"));
  EXPECT_EQ(contradiction_in(read_on(disk_).head()), "");
}

}  // namespace
}  // namespace session::test
