#pragma once
// Sessions carried from one version of the format to another.
//
//   MigrateReport report = migrate("project", {.output = "sessions"});
//
// Version 1 is the directory of JSON files that aca writes, version 2 a session file. 1 -> 2 takes
// a workspace, an .aca or a session's directory, with checkpoints and every other file in it; what
// cannot be read is kept byte for byte, and a session whose state cannot be read gets the newest
// state that one of its other files has. 2 -> 1 is for sessions that came from there.
//
// Every result is made beside its place and checked: a session file is verified in full, and the
// directory it gives back is compared with the one it came from (JSON by value, all else byte for
// byte). Only then it gets its name. The source is left as it is.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "session/error.h"
#include "session/progress.h"

namespace session {

namespace io {
class FileSystem;
}

inline constexpr unsigned kOldestFormat = 1;
inline constexpr unsigned kNewestFormat = 2;

// One version to the next; longer ways are chains of these.
struct MigrationStep {
  unsigned from = 0;
  unsigned to = 0;
  std::string_view what;  // for a person
};
[[nodiscard]] std::span<const MigrationStep> migration_steps();
// The shortest chain of `steps`; none if both are the same. Throws kUsage if there is no way.
[[nodiscard]] std::vector<MigrationStep> plan_migration(
    unsigned from, unsigned to, std::span<const MigrationStep> steps = migration_steps());

// A session that was found, and what it is.
struct SessionVersion {
  std::string path;      // its file, or its directory
  std::string session;   // of a directory: its name
  unsigned version = 0;  // 0: not known, see `problem`
  unsigned minor = 0;
  std::optional<Error> problem;  // why this version of the program cannot read it
};
// Of a session file, a directory of version 1, or a directory that holds session files. Throws
// kNotFound, kBadSource where there is no session.
[[nodiscard]] std::vector<SessionVersion> find_versions(const std::string& source);

struct MigrateOptions {
  unsigned to = kNewestFormat;
  // A session file (a directory for version 1), or a directory for several sessions, which get the
  // names "<session>.session" there. Empty: beside the working directory's other files, under the
  // session's name.
  std::string output;
  bool overwrite = false;  // of a session file; a directory is never written over
  bool dry_run = false;    // do and check everything, put nothing in place
  ProgressCallback progress;
  // Where session files are made and get their names; null: the machine's own. Directories, read
  // or made, are always the machine's own, so session files go into none that is new then.
  io::FileSystem* files = nullptr;
};

struct MigratedSession {
  std::string source;
  std::string session;
  std::string output;  // empty: it failed
  std::uint64_t revision = 0;
  std::uint64_t records = 0;
  std::uint64_t checkpoints = 0;
  std::uint64_t bytes = 0;            // of the result
  std::vector<std::string> warnings;  // damage that was met, what could not be carried over
  bool is_lossy = false;              // the new version has no place for something: see `warnings`
  std::optional<Error> failure;
};

struct MigrateReport {
  unsigned from = 0;
  unsigned to = 0;
  std::vector<MigrationStep> steps;  // none: nothing to do
  std::vector<MigratedSession> sessions;

  [[nodiscard]] bool is_whole() const {
    for (const MigratedSession& session : sessions) {
      if (session.failure || session.is_lossy) return false;
    }
    return true;
  }
};

// Of several sessions one that fails does not stop the others: its error is in the report. Throws
// what is wrong with the request as a whole (kNotFound, kBadSource, kUsage, kExists), and the error
// of the only session.
MigrateReport migrate(const std::string& source, const MigrateOptions& options = {});

}  // namespace session
