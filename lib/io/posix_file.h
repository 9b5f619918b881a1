#pragma once
// The real File: positioned reads and writes on a descriptor.

#include <sys/types.h>

#include <memory>
#include <string>

#include "lib/io/file.h"

namespace session::io {

// Throws kNotASession unless a file of this mode is a regular one.
void refuse_other_kinds(const std::string& path, mode_t mode);

// Throws kNotASession for what is no regular file (a directory, a pipe, a device), without waiting
// for whoever is at its other end.
[[nodiscard]] std::unique_ptr<File> open_posix_file(const std::string& path, OpenMode mode);

}  // namespace session::io
