#pragma once
// A file of the workspace as the session remembers it.

#include <string>

#include "session/manager.h"

namespace session::manager {

// Reads size, time and content of `directory`/`path`; an empty directory is the current one.
// Throws kNotFound, kIo.
void read_tracked_file(const std::string& directory, const std::string& path,
                       const TrackOptions& options, schema::File::Builder record);

}  // namespace session::manager
