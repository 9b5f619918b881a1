#include "lib/io/read_whole.h"

#include <span>

#include "lib/io/file.h"

namespace session::io {

std::string read_whole(const std::string& path) {
  const auto file = system_files().open(path, OpenMode::kRead);
  std::string text(file->size_bytes(), '\0');
  read_exactly(*file, path, 0, std::as_writable_bytes(std::span(text)));
  return text;
}

}  // namespace session::io
