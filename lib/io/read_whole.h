#pragma once
// A file as one text, for formats that are one document.

#include <string>

namespace session::io {

// Throws as FileSystem::open and read_exactly.
[[nodiscard]] std::string read_whole(const std::string& path);

}  // namespace session::io
