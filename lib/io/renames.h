#pragma once
// Renames that lose no file: to a name that must be free, without a moment in which another could
// take it, and two names swapped.

#include <string>

namespace session::io {

// As FileSystem::rename_new.
void rename_to_free_name(const std::string& from, const std::string& to);

// As FileSystem::exchange.
void exchange_names(const std::string& one, const std::string& other);

// What exchange_names does where the file system knows no such rename: `other` steps aside to
// `one` + ".exchanged" first. A crash between the steps leaves a file there.
void exchange_by_third_name(const std::string& one, const std::string& other);

// What rename_to_free_name does where the file system knows no such rename: a second name, then the
// first one removed. A crash between the two leaves the file with both names.
void rename_by_link(const std::string& from, const std::string& to);

}  // namespace session::io
