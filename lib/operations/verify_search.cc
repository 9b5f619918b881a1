#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "format/layout.h"
#include "session/verify.h"

namespace session {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kExtension = ".session";

// NAME.lock, NAME.partial, NAME.tail-<time>, NAME.damaged-<time>.
bool is_kept_beside(const std::string& name) {
  return name.ends_with(".lock") || name.ends_with(".partial") ||
         name.find(".session.tail-") != std::string::npos ||
         name.find(".session.damaged-") != std::string::npos;
}

bool begins_as_session(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::array<char, format::kFileMagic.size()> magic{};
  in.read(magic.data(), magic.size());
  return in.gcount() == static_cast<std::streamsize>(magic.size()) &&
         std::memcmp(magic.data(), format::kFileMagic.data(), magic.size()) == 0;
}

}  // namespace

std::vector<std::string> find_session_files(const std::string& directory) {
  std::vector<std::string> found;
  std::error_code error;
  constexpr auto kOptions = fs::directory_options::skip_permission_denied;
  fs::recursive_directory_iterator at(directory, kOptions, error);
  if (error) {
    throw Error(
        error == std::errc::no_such_file_or_directory ? ErrorCode::kNotFound : ErrorCode::kIo,
        "cannot list the directory: " + error.message(), directory);
  }
  while (at != fs::recursive_directory_iterator()) {
    const std::string name = at->path().filename().string();
    std::error_code ignored;
    const bool is_candidate = at->is_regular_file(ignored) && !is_kept_beside(name);
    if (is_candidate && (name.ends_with(kExtension) || begins_as_session(at->path()))) {
      found.push_back(at->path().string());
    }
    at.increment(error);
    if (error) {
      throw Error(ErrorCode::kIo, "cannot list the directory: " + error.message(), directory);
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace session
