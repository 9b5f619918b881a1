#pragma once
// Where aca keeps a session, and what else lies there:
//
//   <workspace>/.aca/sessions/<uuid>/meta/session.json
//                                   /checkpoints/checkpoint_<uuid>.json, .checksum
//                                   /temp/session_<uuid>.json, .checksum
//   <workspace>/.aca/sessions/<another uuid>/logs/...
//
// Only regular files are looked at; links are not followed, so that nothing outside the directory
// gets into a session.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace session::convert::aca {

// What a path given by the user is; export gives back the same.
enum class Layout : std::uint8_t {
  kSession,    // one session's directory
  kSessions,   // a directory of such directories
  kFolder,     // an .aca
  kWorkspace,  // holds an .aca
};
[[nodiscard]] std::string_view layout_name(Layout layout);
[[nodiscard]] std::optional<Layout> layout_from_name(std::string_view name);
// Where a session's directory lies in a layout: "", "<id>", "sessions/<id>", ...
[[nodiscard]] std::string session_place(Layout layout, std::string_view id);
// Where the rest of .aca lies in it; nothing if it does not belong to it.
[[nodiscard]] std::optional<std::string> folder_place(Layout layout);

struct Source {
  Layout layout = Layout::kSession;
  std::string path;                   // without a final slash
  std::vector<std::string> sessions;  // their directories, in order of their names
};
// Nothing if it is no directory of aca's, or none that holds a session.
[[nodiscard]] std::optional<Source> find_source(const std::string& path);

// The last component: the id of a session's directory.
[[nodiscard]] std::string directory_name(const std::string& path);

struct FileList {
  std::vector<std::string> files;    // relative, with '/', sorted
  std::vector<std::string> skipped;  // links, devices, ...
};
[[nodiscard]] FileList list_files(const std::string& directory);
// The files of the .aca around a session that belong to no session.
[[nodiscard]] FileList list_folder_files(const Source& source);

// Whether a file at `path`, which need not be there, is one of those that importing the source, or
// one of its sessions, reads.
[[nodiscard]] bool is_in(const Source& source, const std::string& path);

[[nodiscard]] std::string read_file(const std::string& path);

// A path that stays below the directory it is put behind: relative, no "..", no empty part.
[[nodiscard]] bool is_safe_path(std::string_view path);

}  // namespace session::convert::aca
