#pragma once
// A copy of a session file to try something on, gone with the object.

#include <string>

namespace session::cli {

class ScratchCopy {
 public:
  // In a directory of its own among the system's temporary files, readable by nobody else. Throws
  // Error, also when `file` is no regular file.
  explicit ScratchCopy(const std::string& file);
  ScratchCopy(const ScratchCopy&) = delete;
  ScratchCopy& operator=(const ScratchCopy&) = delete;
  ~ScratchCopy();

  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  std::string directory_;
  std::string path_;
};

}  // namespace session::cli
