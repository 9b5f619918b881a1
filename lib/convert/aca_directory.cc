#include "lib/convert/aca_directory.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <system_error>

#include "lib/io/read_whole.h"
#include "session/error.h"

namespace session::convert::aca {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 4> kLayoutNames = {"session", "sessions", "folder",
                                                          "workspace"};

bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

// A session is where its state is, or where at least its checkpoints are.
bool is_session(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path / "meta" / "session.json", ignored) ||
         is_folder(path / "checkpoints");
}

std::vector<std::string> sessions_in(const fs::path& directory) {
  std::vector<std::string> found;
  std::error_code failed;
  for (fs::directory_iterator at(directory, failed), end; !failed && at != end;
       at.increment(failed)) {
    if (!at->is_symlink() && is_session(at->path())) found.push_back(at->path().string());
  }
  std::sort(found.begin(), found.end());
  return found;
}

// Links followed on both sides, as far as the paths are there.
bool is_below(const fs::path& root, const fs::path& path) {
  std::error_code failed;
  const fs::path whole_root = fs::weakly_canonical(root / "", failed);
  if (failed) return false;
  const fs::path whole = fs::weakly_canonical(fs::absolute(path, failed), failed);
  if (failed) return false;
  const fs::path between = whole.lexically_relative(whole_root);
  return !between.empty() && *between.begin() != "..";
}

// `enter` says which directories are looked into.
template <class Enter>
FileList list(const fs::path& root, Enter enter) {
  FileList result;
  try {
    for (fs::recursive_directory_iterator at(root), end; at != end; ++at) {
      const std::string name = at->path().lexically_relative(root).generic_string();
      const fs::file_status status = at->symlink_status();
      if (fs::is_directory(status)) {
        if (!enter(at->path())) at.disable_recursion_pending();
      } else {
        (fs::is_regular_file(status) ? result.files : result.skipped).push_back(name);
      }
    }
  } catch (const fs::filesystem_error& error) {
    throw Error(ErrorCode::kIo, "cannot list the directory: " + error.code().message(),
                error.path1().string());
  }
  std::sort(result.files.begin(), result.files.end());
  std::sort(result.skipped.begin(), result.skipped.end());
  return result;
}

}  // namespace

std::string_view layout_name(Layout layout) {
  return kLayoutNames[static_cast<std::size_t>(layout)];
}

std::optional<Layout> layout_from_name(std::string_view name) {
  for (std::size_t i = 0; i < kLayoutNames.size(); ++i) {
    if (kLayoutNames[i] == name) return static_cast<Layout>(i);
  }
  return std::nullopt;
}

std::string session_place(Layout layout, std::string_view id) {
  std::string name(id);
  switch (layout) {
    case Layout::kSession:
      return "";
    case Layout::kSessions:
      return name;
    case Layout::kFolder:
      return "sessions/" + name;
    case Layout::kWorkspace:
      break;
  }
  return ".aca/sessions/" + name;
}

std::optional<std::string> folder_place(Layout layout) {
  if (layout == Layout::kFolder) return "";
  if (layout == Layout::kWorkspace) return ".aca";
  return std::nullopt;
}

std::optional<Source> find_source(const std::string& path) {
  Source source;
  source.path = path;
  while (source.path.size() > 1 && source.path.back() == '/') source.path.pop_back();
  const fs::path root(source.path);
  if (!is_folder(root)) return std::nullopt;
  if (is_session(root)) {
    source.layout = Layout::kSession;
    source.sessions = {source.path};
  } else if (is_folder(root / ".aca" / "sessions")) {
    source.layout = Layout::kWorkspace;
    source.sessions = sessions_in(root / ".aca" / "sessions");
  } else if (is_folder(root / "sessions")) {
    source.layout = Layout::kFolder;
    source.sessions = sessions_in(root / "sessions");
  } else {
    source.layout = Layout::kSessions;
    source.sessions = sessions_in(root);
  }
  if (source.sessions.empty()) return std::nullopt;
  return source;
}

std::string directory_name(const std::string& path) {
  std::error_code failed;
  const fs::path whole = fs::canonical(path, failed);
  return (failed ? fs::path(path) : whole).filename().string();
}

FileList list_files(const std::string& directory) {
  return list(directory, [](const fs::path&) { return true; });
}

FileList list_folder_files(const Source& source) {
  const auto place = folder_place(source.layout);
  if (!place) return {};
  const fs::path folder = fs::path(source.path) / *place;
  return list(folder, [&](const fs::path& path) {
    return std::find(source.sessions.begin(), source.sessions.end(), path.string()) ==
           source.sessions.end();
  });
}

bool is_in(const Source& source, const std::string& path) {
  std::vector<fs::path> read(source.sessions.begin(), source.sessions.end());
  if (const auto place = folder_place(source.layout)) {
    read.push_back(fs::path(source.path) / *place);
  }
  return std::any_of(read.begin(), read.end(),
                     [&](const fs::path& root) { return is_below(root, path); });
}

std::string read_file(const std::string& path) {
  return io::read_whole(path);
}

bool is_safe_path(std::string_view path) {
  if (path.empty() || path.find('\0') != std::string_view::npos) return false;
  std::size_t begin = 0;
  while (begin <= path.size()) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view part = path.substr(begin, end - begin);
    if (part.empty() || part == "." || part == "..") return false;
    begin = end + 1;
  }
  return true;
}

}  // namespace session::convert::aca
