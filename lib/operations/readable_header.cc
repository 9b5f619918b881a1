#include "lib/operations/readable_header.h"

#include "session/error.h"

namespace session::operations {

std::optional<format::FileHeader> readable_header(format::Bytes bytes) {
  try {
    const auto header = format::decode_file_header(bytes);
    if (format::damage_in(header) == nullptr) return std::get<format::FileHeader>(header);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kNewerVersion) throw;
  }
  return std::nullopt;
}

}  // namespace session::operations
