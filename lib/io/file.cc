#include "lib/io/file.h"

#include <filesystem>

#include "lib/io/watch.h"
#include "session/error.h"

namespace session::io {

const std::string& File::path() const {
  static const std::string none;
  return none;
}

std::optional<LockHolder> FileSystem::lock_holder(const std::string& /*path*/) {
  return std::nullopt;
}

void FileSystem::copy_access(const std::string& /*from*/, const std::string& /*to*/) {}

std::unique_ptr<Watch> FileSystem::watch(const std::string& /*path*/) {
  return watch_by_looking();
}

void sync_tree(const std::string& directory) {
  namespace fs = std::filesystem;
  FileSystem& files = system_files();
  try {
    for (const auto& entry : fs::recursive_directory_iterator(directory)) {
      if (entry.is_directory() && !entry.is_symlink()) {
        files.sync_directory((entry.path() / "entry").string());
      }
    }
  } catch (const fs::filesystem_error& error) {
    throw Error(ErrorCode::kIo, error.code().message(), error.path1().string());
  }
  files.sync_directory((fs::path(directory) / "entry").string());
}

void read_exactly(File& file, const std::string& path, std::uint64_t offset,
                  std::span<std::byte> into) {
  const std::size_t got = file.read_at(offset, into);
  if (got == into.size()) return;
  throw Error(ErrorCode::kIo,
              "the file ends here, " + std::to_string(into.size() - got) +
                  " bytes early; it was cut short by another program",
              path, offset + got);
}

}  // namespace session::io
