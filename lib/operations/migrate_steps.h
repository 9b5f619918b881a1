#pragma once
// The steps from one version of the format to the next: each makes one session anew at a place
// where nothing is, checks it, and throws rather than leave something that is not right.

#include <span>
#include <string>

#include "lib/io/file.h"
#include "session/migrate.h"

namespace session::operations {

struct MigrationInput {
  std::string path;     // a session file, or what holds directories of version 1
  std::string session;  // which of those
};

// Where its work is done.
struct MigrationPlace {
  std::string result;
  std::string bench;      // a directory for what the step needs meanwhile
  io::FileSystem& files;  // of session files
  const ProgressCallback& progress;
};

struct MigrationWork {
  MigrationStep about;
  void (*run)(const MigrationInput& input, const MigrationPlace& place, MigratedSession& report);
};
[[nodiscard]] std::span<const MigrationWork> migration_work();

}  // namespace session::operations
