#include "bench/compare/store.h"

#include <capnp/message.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "bench/support/files.h"
#include "bench/support/workload.h"

namespace session::bench {

std::vector<Peer> all_stores() {
  return {our_store(),  sqlite_store(), sqlite_mapped_store(),
          lmdb_store(), json_store(),   flat_store()};
}

void with_task(std::uint64_t number, std::uint64_t version,
               const std::function<void(std::string_view, schema::Task::Reader)>& put) {
  capnp::MallocMessageBuilder message;
  auto task = message.initRoot<schema::Task>();
  fill_task(task, number, version);
  put(task_key(number), task.asReader());
}

void with_message(std::uint64_t number,
                  const std::function<void(std::string_view, schema::Message::Reader)>& put) {
  capnp::MallocMessageBuilder message;
  auto content = message.initRoot<schema::Message>();
  fill_message(content, number);
  put(message_key(number), content.asReader());
}

void each_task(std::int64_t tasks,
               const std::function<void(std::string_view, schema::Task::Reader)>& put) {
  std::vector<std::pair<std::string, std::uint64_t>> order;
  order.reserve(static_cast<std::size_t>(tasks));
  for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(tasks); ++i) {
    order.emplace_back(task_key(i), i);
  }
  std::sort(order.begin(), order.end());
  for (const auto& [key, number] : order) with_task(number, 0, put);
}

std::string built_once(const std::string& name,
                       const std::function<void(const std::string&)>& build) {
  std::string path = scratch_file(name);
  if (!std::filesystem::exists(path)) build(path);
  return path;
}

}  // namespace session::bench
