#pragma once
// One task's record being written, inside a unit of the core.

#include <capnp/message.h>

#include <string>
#include <string_view>
#include <vector>

#include "lib/manager/core.h"

namespace session::manager {

class TaskChange {
 public:
  explicit TaskChange(Core& core);  // a new record
  // A copy of the one that is there. Throws kNotFound.
  TaskChange(Core& core, std::string_view key);

  [[nodiscard]] schema::Task::Builder task() { return task_; }
  // Writes it, with the time of the change.
  void put() { put_as(key_); }
  void put_as(std::string_view key);

 private:
  Core& core_;
  std::string key_;
  capnp::MallocMessageBuilder message_;
  schema::Task::Builder task_;
};

[[nodiscard]] std::string execution_key(std::string_view task, std::uint64_t number);
// Oldest first; copies.
[[nodiscard]] std::vector<Entry<schema::Execution>> executions_of(Core& core,
                                                                  std::string_view task);

}  // namespace session::manager
