#pragma once
// A directory of its own for one test, gone with everything in it when the object goes.

#include <string>
#include <string_view>

namespace session::test {

class TempDir {
 public:
  // In the system's directory for temporary files (TMPDIR). Throws std::system_error.
  TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir();

  // Absolute and without symbolic links.
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  // The path of `name` in it; nothing is created.
  [[nodiscard]] std::string file(std::string_view name) const;

 private:
  std::string path_;
};

}  // namespace session::test
