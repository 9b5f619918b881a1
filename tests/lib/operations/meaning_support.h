#pragma once
// Records with something wrong in them, made in a few words.

#include <capnp/message.h>

#include <cstdint>
#include <functional>
#include <string_view>

#include "session/writer.h"

namespace session::test {

inline constexpr std::int64_t kNow = 1'700'000'000'000'000'000;
inline constexpr std::uint32_t kWithTime = 1;  // a form: there is a time

template <class Record>
void put(Transaction& change, std::string_view key,
         const std::function<void(typename Record::Builder)>& fill) {
  capnp::MallocMessageBuilder message;
  auto record = message.initRoot<Record>();
  fill(record);
  change.upsert(key, record.asReader());
}

inline void task(
    Transaction& change, std::string_view key,
    const std::function<void(schema::Task::Builder)>& fill = [](schema::Task::Builder) {}) {
  put<schema::Task>(change, key, [&](schema::Task::Builder record) {
    record.setTitle("a title");
    fill(record);
  });
}

}  // namespace session::test
