#pragma once
// Session files to measure on: each built once per process, when it is first asked for, in a
// directory that goes with the process. TMPDIR chooses the disk.

#include <cstdint>
#include <string>
#include <string_view>

#include "session/writer.h"

namespace session::bench {

// The path of `name` in the process's directory; nothing is created. Throws std::filesystem's.
[[nodiscard]] std::string scratch_file(std::string_view name);

// `tasks` tasks in one snapshot, sealed. Not to be changed: copy it first.
[[nodiscard]] std::string task_file(std::int64_t tasks);
// The same with as many pending deltas over it as a writer lets stand, each a changed task.
[[nodiscard]] std::string pending_file(std::int64_t tasks);
// 10,000 tasks and then a relaxed commit of one changed task for each further revision.
[[nodiscard]] std::string revisions_file(std::int64_t revisions);

// A copy that may be changed; gone with its object.
class ScratchCopy {
 public:
  explicit ScratchCopy(const std::string& path);
  ~ScratchCopy();
  ScratchCopy(const ScratchCopy&) = delete;
  ScratchCopy& operator=(const ScratchCopy&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

void remove_session(const std::string& path);  // and its lock file

// Writes tasks 0..tasks-1 in the order of their keys.
void put_tasks(Transaction& change, std::int64_t tasks);
void put_task(Transaction& change, std::uint64_t number, std::uint64_t version);
void put_message(Transaction& change, std::uint64_t number);

}  // namespace session::bench
