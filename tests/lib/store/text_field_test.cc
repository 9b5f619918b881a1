// A text found by its pointer is the text its getter gives.

#include "session/text_field.h"

#include <gtest/gtest.h>

#include "session/schema/record.capnp.h"
#include "tests/support/random_record.h"
#include "tests/support/records.h"
#include "tests/support/seed.h"

namespace session {
namespace {

TEST(TextField, IsWhatTheGetterSays) {
  test::RandomRecord random(test::random_seed());
  const auto title = TextField::of<schema::Task>("title");
  const auto description = TextField::of<schema::Task>("description");
  const auto parent = TextField::of<schema::Task>("parent");
  for (int i = 0; i < 200; ++i) {
    const format::Record record = random.of(Table::kTasks);
    const auto task = record.view().as<schema::Task>();
    EXPECT_EQ(title.in(task), test::text(task.getTitle()));
    EXPECT_EQ(description.in(task), test::text(task.getDescription()));
    EXPECT_EQ(parent.in(record.view()), test::text(task.getParent()));
  }
}

TEST(TextField, OfARecordThatDoesNotHaveItIsEmpty) {
  capnp::MallocMessageBuilder message;
  const auto task = message.initRoot<schema::Task>().asReader();
  EXPECT_EQ(TextField::of<schema::Task>("title").in(task), "");
}

// Whoever writes a record's text as anything but bytes is refused, as by the getter.
TEST(TextField, ThatHoldsNoBytesThrows) {
  capnp::MallocMessageBuilder message;
  capnp::AnyStruct::Builder any(message.initRoot<schema::Task>());
  const auto schema = capnp::Schema::from<schema::Task>();
  const std::uint32_t at = schema.getFieldByName("title").getProto().getSlot().getOffset();
  any.getPointerSection()[at].initAs<capnp::List<std::uint32_t>>(3);
  EXPECT_THROW((void)TextField::of<schema::Task>("title").in(any.asReader()), kj::Exception);
}

TEST(TextField, MustBeATextOfTheSchema) {
  for (const char* name : {"no such field", "status", "dependencies"}) {
    EXPECT_THROW((void)TextField::of<schema::Task>(name), Error) << name;
  }
}

}  // namespace
}  // namespace session
