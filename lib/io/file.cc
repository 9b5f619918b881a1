#include "lib/io/file.h"

#include "session/error.h"

namespace session::io {

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
