#pragma once
// The stores that are compared, each as somebody would use it who knows it: our own; SQLite in WAL
// mode, a table with a column for each field; LMDB, a Cap'n Proto message for each record; one JSON
// file, read with simdjson, written anew with nlohmann's library; and the flat file of
// bench/support, the floor of reading without copies, which cannot be changed.
//
// All hold the same tasks under the same keys (bench/support/workload.h).

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "session/schema/record.capnp.h"

namespace session::bench {

enum class Access : std::uint8_t {
  kRead,
  kDurable,  // a change is on the disk when it returns
  kRelaxed,  // the store decides when it gets there
};

// Any failure is thrown.
class TaskStore {
 public:
  virtual ~TaskStore() = default;
  // The length of the title of a task that is there.
  [[nodiscard]] virtual std::uint64_t title_bytes(std::string_view key) = 0;
  // Of all tasks: the sum of status and length of the title.
  [[nodiscard]] virtual std::uint64_t scan() = 0;
  // Writes these tasks, which are there, in this version, in one commit.
  virtual void change(std::span<const std::uint64_t> numbers, std::uint64_t version) = 0;
};

// A conversation that is being written. Durable: each message is on the disk before the next.
class MessageStore {
 public:
  virtual ~MessageStore() = default;
  virtual void append(std::uint64_t number) = 0;
  // Nothing more comes: the file is what it will be.
  virtual void close() = 0;
};

struct Peer {
  std::string name;
  // A file with that many tasks, built once per process; not to be changed.
  std::function<std::string(std::int64_t)> file;
  std::function<std::unique_ptr<TaskStore>(const std::string& path, Access)> open;
  bool can_change = true;
  std::function<std::unique_ptr<MessageStore>(const std::string& path)>
      new_conversation;  // or none
};

[[nodiscard]] Peer our_store();
[[nodiscard]] Peer sqlite_store();
// The same file, read through a mapping.
[[nodiscard]] Peer sqlite_mapped_store();
[[nodiscard]] Peer lmdb_store();
[[nodiscard]] Peer json_store();
[[nodiscard]] Peer flat_store();
// All of them, ours first.
[[nodiscard]] std::vector<Peer> all_stores();

// ---- what the stores share ----------------------------------------------------------------------

// Calls `put(key, task)` with tasks 0..tasks-1 in the order of their keys.
void each_task(std::int64_t tasks,
               const std::function<void(std::string_view, schema::Task::Reader)>& put);
void with_task(std::uint64_t number, std::uint64_t version,
               const std::function<void(std::string_view, schema::Task::Reader)>& put);
void with_message(std::uint64_t number,
                  const std::function<void(std::string_view, schema::Message::Reader)>& put);

// Builds `name` in the scratch directory by `build(path)`, unless it was built before.
[[nodiscard]] std::string built_once(const std::string& name,
                                     const std::function<void(const std::string&)>& build);

// ---- what single questions ask of one store
// ------------------------------------------------------

// Runs a statement on a database file; the number in the first column of its last row, or 0.
double sqlite_run(const std::string& path, const std::string& statement);
// How many tasks of one file are not, or not so, in the other.
[[nodiscard]] double sqlite_except(const std::string& path, const std::string& other);
// Erases every second task, as the caller's file stands, in one commit.
void lmdb_erase_half(const std::string& path, std::int64_t tasks);
// Seconds to save a conversation of that many messages, once.
[[nodiscard]] double json_save_seconds(const std::string& path, std::uint64_t messages);
// Copies without the pages that nothing refers to.
void lmdb_compact(const std::string& from, const std::string& to);

}  // namespace session::bench
