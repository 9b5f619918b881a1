#pragma once
// The steps from one version of the format to the next: each makes one session anew at a place
// where nothing is, checks it, and throws rather than leave something that is not right.

#include <span>
#include <string>

#include "session/migrate.h"

namespace session::operations {

struct MigrationInput {
  std::string path;     // a session file, or what holds directories of version 1
  std::string session;  // which of those
};

struct MigrationWork {
  MigrationStep about;
  // `bench` is a directory for what the step needs meanwhile.
  void (*run)(const MigrationInput& input, const std::string& place, const std::string& bench,
              const ProgressCallback& progress, MigratedSession& report);
};
[[nodiscard]] std::span<const MigrationWork> migration_work();

}  // namespace session::operations
