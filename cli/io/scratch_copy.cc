#include "cli/io/scratch_copy.h"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "cli/io/streams.h"

namespace session::cli {
namespace fs = std::filesystem;

ScratchCopy::ScratchCopy(const std::string& file) {
  std::error_code error;
  directory_ = (fs::temp_directory_path(error) / "sessiontool-XXXXXX").string();
  if (::mkdtemp(directory_.data()) == nullptr) {
    const std::string wanted = std::exchange(directory_, {});
    throw_system_error("cannot make a directory for a copy", wanted);
  }
  path_ = directory_ + "/" + fs::path(file).filename().string();
  if (fs::copy_file(file, path_, error)) {
    fs::permissions(path_, fs::perms::owner_read | fs::perms::owner_write, error);
    return;
  }
  std::error_code ignored;
  fs::remove_all(directory_, ignored);
  errno = error.value();
  throw_system_error("cannot copy", file);
}

ScratchCopy::~ScratchCopy() {
  std::error_code ignored;
  fs::remove_all(directory_, ignored);
}

}  // namespace session::cli
