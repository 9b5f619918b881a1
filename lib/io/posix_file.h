#pragma once
// The real File: positioned reads and writes on a descriptor.

#include <memory>
#include <string>

#include "lib/io/file.h"

namespace session::io {

// Throws kNotASession for what is no regular file (a directory, a pipe, a device), without waiting
// for whoever is at its other end.
[[nodiscard]] std::unique_ptr<File> open_posix_file(const std::string& path, OpenMode mode);

}  // namespace session::io
