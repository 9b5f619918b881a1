#pragma once
// Giving a file a name that must be free, without a moment in which another could take it.

#include <string>

namespace session::io {

// As FileSystem::rename_new.
void rename_to_free_name(const std::string& from, const std::string& to);

// What rename_to_free_name does where the file system knows no such rename: a second name, then the
// first one removed. A crash between the two leaves the file with both names.
void rename_by_link(const std::string& from, const std::string& to);

}  // namespace session::io
