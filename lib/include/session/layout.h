#pragma once
// The bytes of a session file, frame by frame: what `sessiontool layout` prints.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "session/error.h"

namespace session {

namespace io {
class FileSystem;
}

// A stretch of the file. Together they cover it from the first byte to the last, without overlap.
struct LayoutEntry {
  std::uint64_t offset = 0;
  std::uint64_t size_bytes = 0;   // header, payload and padding
  std::string kind;               // "file_header", "leaf", ..., "tail", "reserve", "damaged"
  std::string codec;              // "none", "zstd", "zstd-prefix"; empty where there is no payload
  std::uint32_t stored_size = 0;  // of the payload
  std::uint32_t raw_size = 0;
  std::uint64_t home = 0;  // the last commit before it; of a commit: its parent
  std::string detail;      // "revision 12, delta, 3 records", "level 1, 120 children", ...
  std::vector<std::uint64_t> points_to;  // offsets of the frames it refers to
};

// Walks a file from start to end in constant memory. Damage is shown as an entry, never thrown;
// throws kNotFound, kNotASession, kIo. The callback returns false to stop.
void walk_layout(const std::string& path, const std::function<bool(const LayoutEntry&)>& visit,
                 io::FileSystem* files = nullptr);

struct FormatNumber {
  std::string_view name;
  std::uint64_t value;
  std::string_view unit;
};

// The constants of the format.
[[nodiscard]] std::vector<FormatNumber> format_numbers();

}  // namespace session
