#include "lib/manager/tracked_file.h"

#include <array>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <system_error>

#include "format/checksum.h"
#include "lib/convert/time_text.h"

namespace session::manager {
namespace {

namespace fs = std::filesystem;

struct Content {
  std::uint64_t size_bytes = 0;
  Digest digest{};
};

// Size and digest of the same bytes, also while somebody writes.
Content read_content(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  Content content;
  format::Sha256 hash;
  std::array<char, std::size_t{64} << 10> buffer;
  while (in) {
    in.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    hash.add(std::string_view(buffer.data(), static_cast<std::size_t>(in.gcount())));
    content.size_bytes += static_cast<std::uint64_t>(in.gcount());
  }
  if (!in.eof()) throw Error(ErrorCode::kIo, "the file cannot be read", path.string());
  content.digest = hash.finish();
  return content;
}

std::int64_t modified_at(const fs::path& path) {
  std::error_code error;
  const auto time = fs::last_write_time(path, error);
  if (error) throw Error(ErrorCode::kIo, "its time cannot be read", path.string());
  const auto system = std::chrono::file_clock::to_sys(time);
  return std::chrono::duration_cast<std::chrono::nanoseconds>(system.time_since_epoch()).count();
}

}  // namespace

void read_tracked_file(const std::string& directory, const std::string& path,
                       const TrackOptions& options, schema::File::Builder record) {
  const fs::path place = fs::path(directory) / fs::path(path);
  std::error_code error;
  const fs::file_status status = fs::status(place, error);
  if (status.type() == fs::file_type::not_found) {
    throw Error(ErrorCode::kNotFound, "no such file", place.string());
  }
  if (status.type() == fs::file_type::directory) {
    record.setIsCreatedDirectory(true);
  } else if (status.type() != fs::file_type::regular) {
    throw Error(ErrorCode::kUsage, "only files and directories can be tracked", place.string());
  } else {
    const Content content = read_content(place);
    record.setIsTracked(true);
    record.setSizeBytes(content.size_bytes);
    record.setChecksum("sha256:" + to_hex(content.digest));
  }
  const std::int64_t time = modified_at(place);
  record.setModifiedAt(time);
  record.setModifiedAtForm(convert::utc_form(time));
  record.setIsWorkspace(!options.is_temporary);
  record.setIsTemporary(options.is_temporary);
  record.setIsGenerated(options.is_generated);
  if (!options.last_action.empty()) {
    record.setLastAction({options.last_action.c_str(), options.last_action.size()});
  }
}

}  // namespace session::manager
