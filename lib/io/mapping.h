#pragma once
// Read-only memory over an open file, by Boost.Interprocess.

#include <cstdint>
#include <memory>
#include <string>

#include "lib/io/file.h"

namespace session::io {

// Maps the first `size_bytes` bytes of the file behind `descriptor`, which may be closed, renamed
// or unlinked afterwards. Throws kIo if the file is shorter, naming `path`.
[[nodiscard]] std::shared_ptr<const Mapping> map_descriptor(int descriptor, const std::string& path,
                                                            std::uint64_t size_bytes);

}  // namespace session::io
