// check_records: a record that passes can be read in every field, and each pointer of each struct
// of the schema is looked at.

#include "format/record_shape.h"

#include <capnp/dynamic.h>
#include <capnp/message.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "format/page.h"
#include "format/record.h"
#include "tests/support/random_record.h"
#include "tests/support/seed.h"

namespace session::format {
namespace {

using capnp::AnyPointer;
using capnp::AnyStruct;
using capnp::StructSchema;
using Type = capnp::schema::Type;

bool passes(Table table, RecordView record) {
  const LeafItem item{"key", record};
  const std::vector<std::byte> payload = build_leaf({&item, 1});
  EXPECT_FALSE(check_message(payload));
  return !check_records(read_root<schema::Leaf>(payload), static_cast<std::uint16_t>(table));
}

TEST(RecordShape, OfRecordsOfEveryTablePasses) {
  test::RandomRecord random(test::random_seed());
  for (const Table table : kAllTables) {
    for (int i = 0; i < 100; ++i) {
      EXPECT_TRUE(passes(table, random.of(table).view())) << table_name(table);
    }
  }
}

// What may be found where a pointer should lead to something.
enum class Found { kText, kOpenText, kEmptyBytes, kNumbers, kStruct, kTexts, kOpenTexts, kStructs };
constexpr Found kAllFound[] = {Found::kText,      Found::kOpenText, Found::kEmptyBytes,
                               Found::kNumbers,   Found::kStruct,   Found::kTexts,
                               Found::kOpenTexts, Found::kStructs};

void put(Found what, AnyPointer::Builder place) {
  const auto open = [] { return capnp::Data::Reader(reinterpret_cast<const kj::byte*>("abc"), 3); };
  switch (what) {
    case Found::kText:
      return place.setAs<capnp::Text>("abc");
    case Found::kOpenText:
      return place.setAs<capnp::Data>(open());
    case Found::kEmptyBytes:
      (void)place.initAs<capnp::Data>(0);
      return;
    case Found::kNumbers:
      return place.initAs<capnp::List<std::uint64_t>>(1).set(0, 7);
    case Found::kStruct:
      return place.initAs<schema::BlobPart>().setOffset(7);
    case Found::kTexts:
      return place.initAs<capnp::List<capnp::Text>>(1).set(0, "abc");
    case Found::kOpenTexts:
      return place.initAs<capnp::List<capnp::Data>>(1).set(0, open());
    case Found::kStructs:
      return place.initAs<capnp::List<schema::BlobPart>>(1)[0].setOffset(7);
  }
}

bool belongs(Found what, capnp::Type type) {
  switch (type.which()) {
    case Type::TEXT:
      return what == Found::kText;
    case Type::DATA:
      return what == Found::kText || what == Found::kOpenText || what == Found::kEmptyBytes;
    case Type::STRUCT:
      return what == Found::kStruct;
    case Type::LIST:
      return what == (type.asList().getElementType().isText() ? Found::kTexts : Found::kStructs);
    default:
      ADD_FAILURE() << "a pointer of a type that shapes do not know";
      return false;
  }
}

// Where a struct stands in a record that `make` builds anew each time.
using Make = std::function<AnyStruct::Builder(capnp::MallocMessageBuilder&)>;

void try_every_pointer(Table table, StructSchema schema, const std::string& name, const Make& make,
                       int& tried) {
  for (const auto field : schema.getFields()) {
    const capnp::Type type = field.getType();
    ASSERT_TRUE(field.getProto().isSlot()) << name << " has a group";
    const bool is_pointer = type.isText() || type.isData() || type.isStruct() || type.isList();
    if (!is_pointer) continue;
    const std::uint32_t at = field.getProto().getSlot().getOffset();
    const std::string path = name + "." + std::string(field.getProto().getName().cStr());
    for (const Found what : kAllFound) {
      capnp::MallocMessageBuilder message;
      put(what, make(message).getPointerSection()[at]);
      const Record record(message.getRoot<AnyPointer>().asReader().getAs<AnyStruct>());
      EXPECT_EQ(passes(table, record.view()), belongs(what, type))
          << path << ", " << static_cast<int>(what);
      ++tried;
    }
    const auto below = [&](StructSchema inner, const auto& init) {
      try_every_pointer(
          table, inner, path,
          [&](capnp::MallocMessageBuilder& message) {
            return init(make(message).as<capnp::DynamicStruct>(schema)).template as<AnyStruct>();
          },
          tried);
    };
    if (type.isStruct()) {
      below(type.asStruct(), [&](capnp::DynamicStruct::Builder owner) {
        return owner.init(field).as<capnp::DynamicStruct>();
      });
    } else if (type.isList() && type.asList().getElementType().isStruct()) {
      // The second of two: that every element is looked at.
      below(type.asList().getStructElementType(), [&](capnp::DynamicStruct::Builder owner) {
        return owner.init(field, 2).as<capnp::DynamicList>()[1].as<capnp::DynamicStruct>();
      });
    }
  }
}

TEST(RecordShape, EveryPointerOfTheSchemaIsHeldToItsType) {
  int tried = 0;
  for (const Table table : kAllTables) {
    const auto make = [table](capnp::MallocMessageBuilder& message) {
      return message.initRoot<capnp::DynamicStruct>(table_schema(table)).as<AnyStruct>();
    };
    try_every_pointer(table, table_schema(table), std::string(table_name(table)), make, tried);
  }
  EXPECT_GT(tried, 1000);
}

TEST(RecordShape, WhatALaterVersionAddedIsNotLookedAt) {
  test::RandomRecord random(test::random_seed());
  for (int i = 0; i < 50; ++i) {
    const Record record = random.wider_than_known();
    const LeafItem item{"key", record.view()};
    const std::vector<std::byte> payload = build_leaf({&item, 1});
    constexpr std::uint16_t kLaterTable = 200;
    EXPECT_FALSE(check_records(read_root<schema::Leaf>(payload), kLaterTable));
  }
  capnp::MallocMessageBuilder message;
  auto fields = message.initRoot<AnyPointer>().initAsAnyStruct(1, 40).getPointerSection();
  fields[39].initAs<capnp::Data>(1);
  EXPECT_TRUE(passes(Table::kTasks, message.getRoot<AnyPointer>().asReader().getAs<AnyStruct>()));
}

}  // namespace
}  // namespace session::format
