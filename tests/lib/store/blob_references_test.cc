// A record says in one way only which of its fields are kept in blobs.

#include <capnp/message.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "format/record.h"
#include "session/reader.h"
#include "session/writer.h"
#include "tests/support/records.h"
#include "tests/support/temp_dir.h"

namespace session::test {
namespace {

const std::string kLargeTitle(5000, 't');
const std::string kLargeNotes(6000, 'n');

class BlobReferences : public ::testing::Test {
 protected:
  void put(const schema::Task::Reader& task) {
    auto change = writer_.begin();
    change.upsert("a", task);
    change.commit();
  }
  void put(const std::string& title, const std::string& notes) {
    capnp::MallocMessageBuilder message;
    auto task = message.initRoot<schema::Task>();
    task.setTitle(title.c_str());
    task.setNotes(notes.c_str());
    put(task.asReader());
  }
  // The stored record, changed by `edit` and written again.
  template <class Edit>
  void edit(Edit change) {
    const Snapshot head = writer_.head();
    capnp::MallocMessageBuilder message;
    message.setRoot(**head.get<schema::Task>("a"));
    change(message.getRoot<schema::Task>());
    put(message.getRoot<schema::Task>().asReader());
  }
  [[nodiscard]] format::Record stored() const {
    return format::Record::of(**writer_.head().get<schema::Task>("a"));
  }
  [[nodiscard]] WholeRecord whole() const {
    return writer_.head().whole(Table::kTasks, *writer_.head().find(Table::kTasks, "a"));
  }

  TempDir dir_;
  Writer writer_ = Writer::create(dir_.file("work.session"));
};

TEST_F(BlobReferences, AreTheSameInWhicheverOrderFieldsGrew) {
  put(kLargeTitle, kLargeNotes);
  const format::Record at_once = stored();
  put("small", kLargeNotes);
  edit([](schema::Task::Builder task) { task.setTitle(kLargeTitle.c_str()); });
  EXPECT_EQ(stored(), at_once);
  const format::Record record_now = stored();
  const auto task = record_now.view().as<schema::Task>();
  ASSERT_EQ(task.getBlobs().size(), 2U);
  EXPECT_EQ(text(task.getBlobs()[0].getPath()), "notes");
  EXPECT_EQ(text(task.getBlobs()[1].getPath()), "title");
}

TEST_F(BlobReferences, GoWhenTheFieldIsWrittenAgain) {
  put(kLargeTitle, kLargeNotes);
  edit([](schema::Task::Builder task) {
    task.setTitle("small again");
    task.setNotes(std::string(7000, 'm').c_str());
  });
  const format::Record record_now = stored();
  const auto task = record_now.view().as<schema::Task>();
  ASSERT_EQ(task.getBlobs().size(), 1U);
  EXPECT_EQ(text(task.getBlobs()[0].getPath()), "notes");
  EXPECT_EQ(task.getBlobs()[0].getSizeBytes(), 7000U);
  const WholeRecord record = whole();
  EXPECT_EQ(text(record.as<schema::Task>().getTitle()), "small again");
  EXPECT_EQ(text(record.as<schema::Task>().getNotes()), std::string(7000, 'm'));
}

TEST_F(BlobReferences, StayWhenAnotherFieldIsEdited) {
  put(kLargeTitle, kLargeNotes);
  edit([](schema::Task::Builder task) { task.setAssignee("ann"); });
  const WholeRecord record = whole();
  EXPECT_EQ(text(record.as<schema::Task>().getTitle()), kLargeTitle);
  EXPECT_EQ(text(record.as<schema::Task>().getNotes()), kLargeNotes);
  EXPECT_EQ(text(record.as<schema::Task>().getAssignee()), "ann");
}

TEST_F(BlobReferences, ReachIntoLists) {
  capnp::MallocMessageBuilder message;
  auto blocks = message.initRoot<schema::Message>().initBlocks(2);
  blocks[1].setText(kLargeNotes.c_str());
  auto change = writer_.begin();
  change.upsert("0000000001", message.getRoot<schema::Message>().asReader());
  change.commit();
  const Snapshot head = writer_.head();
  const auto entry = head.get<schema::Message>("0000000001");
  ASSERT_EQ((*entry)->getBlobs().size(), 1U);
  EXPECT_EQ(text((*entry)->getBlobs()[0].getPath()), "blocks.1.text");
  const WholeRecord record = head.whole(Table::kMessages, entry->any());
  EXPECT_EQ(text(record.as<schema::Message>().getBlocks()[1].getText()), kLargeNotes);
}

}  // namespace
}  // namespace session::test
