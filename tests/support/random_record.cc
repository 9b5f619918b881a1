#include "tests/support/random_record.h"

#include <capnp/dynamic.h>
#include <capnp/message.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace session::test {
namespace {

using capnp::DynamicList;
using capnp::DynamicStruct;

// Deep enough for every schema; recursive ones would need the bound.
constexpr int kDepth = 5;

class Filler {
 public:
  Filler(RandomRecord& random, std::size_t share_of_8) : random_(random), share_(share_of_8) {}

  void fill(DynamicStruct::Builder record, int depth) {
    for (const auto field : record.getSchema().getNonUnionFields()) {
      if (random_.below(8) < share_) fill_field(record, field, depth);
    }
  }

 private:
  void fill_field(DynamicStruct::Builder record, capnp::StructSchema::Field field, int depth) {
    const capnp::Type type = field.getType();
    if (type.isText()) {
      write(record.init(field, text_size()).as<capnp::Text>());
    } else if (type.isData()) {
      write(record.init(field, text_size()).as<capnp::Data>());
    } else if (type.isStruct()) {
      if (depth > 0) fill(record.init(field).as<DynamicStruct>(), depth - 1);
    } else if (type.isList()) {
      if (depth > 0) fill_list(record.init(field, list_size()).as<DynamicList>(), depth - 1);
    } else {
      record.set(field, scalar(type));
    }
  }

  void fill_list(DynamicList::Builder list, int depth) {
    const capnp::Type type = list.getSchema().getElementType();
    for (std::uint32_t i = 0; i < list.size(); ++i) {
      if (type.isText()) {
        write(list.init(i, text_size()).as<capnp::Text>());
      } else if (type.isStruct()) {
        fill(list[i].as<DynamicStruct>(), depth);
      } else {
        list.set(i, scalar(type));
      }
    }
  }

  [[nodiscard]] capnp::DynamicValue::Reader scalar(capnp::Type type) {
    // Small and extreme numbers as often as any.
    std::uint64_t bits = random_.number();
    if (random_.one_in(3)) bits %= 100;
    if (random_.one_in(8)) bits = ~std::uint64_t{0};
    switch (type.which()) {
      case capnp::schema::Type::BOOL:
        return (bits & 1) != 0;
      case capnp::schema::Type::INT8:
        return static_cast<std::int8_t>(bits);
      case capnp::schema::Type::INT16:
        return static_cast<std::int16_t>(bits);
      case capnp::schema::Type::INT32:
        return static_cast<std::int32_t>(bits);
      case capnp::schema::Type::INT64:
        return static_cast<std::int64_t>(bits);
      case capnp::schema::Type::UINT8:
        return static_cast<std::uint8_t>(bits);
      case capnp::schema::Type::UINT16:
        return static_cast<std::uint16_t>(bits);
      case capnp::schema::Type::UINT32:
        return static_cast<std::uint32_t>(bits);
      case capnp::schema::Type::UINT64:
        return bits;
      case capnp::schema::Type::FLOAT32:
        return static_cast<float>(bits) / 7;
      case capnp::schema::Type::FLOAT64:
        return static_cast<double>(bits) / 7;
      case capnp::schema::Type::ENUM: {
        const auto names = type.asEnum().getEnumerants();
        return capnp::DynamicEnum(names[static_cast<unsigned>(bits % names.size())]);
      }
      default:
        return capnp::VOID;
    }
  }

  template <class Bytes>
  void write(Bytes out) {
    const std::string text = random_.text(out.size());
    std::copy(text.begin(), text.end(), out.begin());
  }
  [[nodiscard]] std::uint32_t text_size() {
    return static_cast<std::uint32_t>(random_.one_in(6) ? random_.below(400) : random_.below(20));
  }
  [[nodiscard]] std::uint32_t list_size() { return static_cast<std::uint32_t>(random_.below(4)); }

  RandomRecord& random_;
  std::size_t share_;
};

}  // namespace

format::Record RandomRecord::of(Table table) {
  capnp::MallocMessageBuilder message;
  const auto root = message.initRoot<DynamicStruct>(table_schema(table));
  Filler(*this, below(9)).fill(root, kDepth);
  return format::Record(message.getRoot<capnp::AnyPointer>().asReader().getAs<capnp::AnyStruct>());
}

format::Record RandomRecord::value(std::size_t text_bytes) {
  capnp::MallocMessageBuilder message;
  message.initRoot<schema::Value>().setText(text(text_bytes).c_str());
  return format::Record::of(message.getRoot<schema::Value>().asReader());
}

format::Record RandomRecord::wider_than_known() {
  constexpr std::uint16_t kDataWords = 21;
  constexpr std::uint16_t kPointers = 17;
  capnp::MallocMessageBuilder message;
  auto record = message.getRoot<capnp::AnyPointer>().initAsAnyStruct(kDataWords, kPointers);
  for (kj::byte& byte : record.getDataSection()) byte = static_cast<kj::byte>(number() | 1);
  for (auto pointer : record.getPointerSection()) {
    pointer.setAs<capnp::Text>(text(below(30)).c_str());
  }
  return format::Record(record.asReader());
}

std::string RandomRecord::text(std::size_t size_bytes) {
  std::string text(size_bytes, '\0');
  for (char& c : text) c = static_cast<char>('a' + below(26));
  return text;
}

std::string RandomRecord::key() {
  static constexpr std::array<std::string_view, 6> kBeginnings = {
      "",
      "a",
      "task-00000000",
      std::string_view("\0\0\0\0\0\0\0\0\0", 9),
      "\xFF\xFF\xFF\xFF",
      "shared beginning longer than a prefix/"};
  static constexpr std::array<char, 5> kBytes = {'\0', '\1', 'a', 'b', '\xFF'};
  std::string key(kBeginnings[below(kBeginnings.size())]);
  for (std::size_t n = below(one_in(50) ? 2000 : 12) + (key.empty() ? 1 : 0); n > 0; --n) {
    key.push_back(kBytes[below(kBytes.size())]);
  }
  return key;
}

}  // namespace session::test
