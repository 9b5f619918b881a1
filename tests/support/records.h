#pragma once
// Records for tests, made in one line.

#include <capnp/message.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "session/table.h"
#include "session/writer.h"

namespace session::test {

struct TaskSpec {
  std::string title = {};
  std::string parent = {};
  std::int64_t rank = 0;
  schema::TaskStatus status = schema::TaskStatus::PENDING;
  std::string description = {};
};

inline void put_task(Transaction& change, std::string_view key, const TaskSpec& spec) {
  capnp::MallocMessageBuilder message;
  auto task = message.initRoot<schema::Task>();
  task.setTitle(spec.title.c_str());
  if (!spec.parent.empty()) task.setParent(spec.parent.c_str());
  if (!spec.description.empty()) task.setDescription(spec.description.c_str());
  task.setRank(spec.rank);
  task.setStatus(spec.status);
  change.upsert(key, task.asReader());
}

inline void put_message(Transaction& change, std::string_view key, std::string_view text) {
  capnp::MallocMessageBuilder message;
  auto record = message.initRoot<schema::Message>();
  record.setText(std::string(text).c_str());
  record.setRole(schema::Role::ASSISTANT);
  change.upsert(key, record.asReader());
}

inline void put_value(Transaction& change, std::string_view key, std::string_view text) {
  capnp::MallocMessageBuilder message;
  auto record = message.initRoot<schema::Value>();
  record.setText(std::string(text).c_str());
  change.upsert(key, record.asReader());
}

[[nodiscard]] inline std::string text(capnp::Text::Reader reader) {
  return {reader.begin(), reader.size()};
}

// Keys that sort as their numbers: "t-000042".
[[nodiscard]] inline std::string numbered(std::string_view prefix, std::uint64_t n) {
  std::string digits = std::to_string(n);
  return std::string(prefix) + std::string(digits.size() < 6 ? 6 - digits.size() : 0, '0') + digits;
}

}  // namespace session::test
