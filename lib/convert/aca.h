#pragma once
// Sessions of aca, the program our format 1 comes from: directories of JSON files.
//
// A session's directory becomes a file with a revision for each checkpoint, in the order of their
// times, and one for the state in meta/session.json, the head. Of other files in the directory the
// bytes are kept, in the head, as values:
//
//   aca/files/<path in the session's directory>   logs, temp/, damaged checkpoints, checksums
//   aca/folder/<path in .aca>                     what lies in .aca and in no session's directory,
//                                                 such as a directory that has only logs; with the
//                                                 first of the workspace's sessions
//   aca/source                                    what the user named, and the directory's name
//
// Export gives back what the user named: a workspace, an .aca or a session's directory. A file
// under aca/files stands before one made from records.

#include <string>
#include <string_view>

#include "lib/convert/converter.h"

namespace session::convert::aca {

inline constexpr std::string_view kFilePrefix = "aca/files/";
inline constexpr std::string_view kFolderPrefix = "aca/folder/";
inline constexpr std::string_view kSourceKey = "aca/source";
inline constexpr std::string_view kStateFile = "meta/session.json";

// What becomes of a session whose state is missing or cannot be read.
enum class Unreadable : std::uint8_t {
  kRefused,
  kSalvaged,  // the newest state that a temporary file or a checkpoint has stands in for it, with a
              // warning; its own bytes are kept like those of any other broken file
};

// `id` names one of the sessions in `path`; it may be empty if there is one.
void import_directory(const std::string& path, const std::string& id, Writer& writer,
                      const ImportOptions& options, ImportedSource& report,
                      Unreadable unreadable = Unreadable::kRefused);
// What that would change, for a dry run: the head, and the checkpoints that are new.
void preview_directory(const std::string& path, const std::string& id, ImportContext& into);

// Below `directory`, which exists and is empty; nowhere if its name is empty.
void export_directory(const Snapshot& snapshot, const std::string& directory, ExportReport& report,
                      const ProgressCallback& progress);

}  // namespace session::convert::aca
