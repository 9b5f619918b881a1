#pragma once
// One task's record being written, inside a unit of the core.

#include <capnp/message.h>

#include <cstdint>
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

inline void set_list(capnp::List<capnp::Text>::Builder list,
                     const std::vector<std::string>& texts) {
  for (std::uint32_t i = 0; i < list.size(); ++i) list.set(i, as_text(texts[i]));
}
[[nodiscard]] inline std::uint32_t size_of(const std::vector<std::string>& texts) {
  return static_cast<std::uint32_t>(texts.size());
}

}  // namespace session::manager
