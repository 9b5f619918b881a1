#pragma once
// Files and directories of this process, in memory where the machine has such a place, for what
// reads its sources as the user names them: by path. And the end of a process that found a broken
// promise.

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "lib/convert/json.h"

namespace session::fuzz {

[[noreturn]] void fail(std::string_view what, const std::string& wanted, const std::string& got);

// Every JSON that this build can write.
inline constexpr convert::json::ParseOptions kDeep = {.max_depth =
                                                          convert::json::kMaxOwnJsonDepth + 8};

// Removed at the end of the process.
class WorkFolder {
 public:
  WorkFolder();
  WorkFolder(const WorkFolder&) = delete;
  WorkFolder& operator=(const WorkFolder&) = delete;
  ~WorkFolder();

  void empty() const;
  [[nodiscard]] std::string path(std::string_view name) const { return (path_ / name).string(); }
  [[nodiscard]] std::string session() const { return path("work.session"); }

 private:
  std::filesystem::path path_;
};

// The one of this process, emptied: for each input.
[[nodiscard]] const WorkFolder& emptied_folder();

// Returns the path.
std::string write_file(const std::string& path, std::string_view text);
[[nodiscard]] std::string read_file(const std::filesystem::path& path);

// A directory of files, one after the other: "@PATH\n" and what is in it up to the next line that
// begins with "@"; what comes before the first of these lines is the state of a session. A PATH
// that leads out of the directory is passed over.
void write_entries(const std::filesystem::path& root, std::string_view text);

// By path below the directory.
using Files = std::map<std::string, std::string>;
[[nodiscard]] Files files_below(const std::filesystem::path& root);

// Equal bytes, or equal JSON.
[[nodiscard]] bool is_same_file(const std::string& wanted, const std::string& got);

}  // namespace session::fuzz
