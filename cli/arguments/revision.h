#pragma once
// FILE@REV on the command line.

#include <functional>
#include <string>
#include <string_view>

#include "cli/context.h"
#include "session/reader.h"
#include "session/snapshot.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace session::cli {

struct RevisionName {
  std::string file;
  std::string revision;  // as Reader::at takes it; "head" where none was given
};

// Takes FILE@REV apart. A whole name that exists is the file; so is every name when the revision
// was given by --at (`at`, else empty). Otherwise an @ parts the two: the last one behind the name
// of an existing file, else simply the last. Throws Error(kUsage) where one half is missing.
[[nodiscard]] RevisionName split_revision(std::string_view argument, std::string_view at,
                                          const std::function<bool(const std::string&)>& exists);

// The same with the files of this machine.
[[nodiscard]] RevisionName split_revision(const Context& context, const std::string& argument);

// Declares the argument FILE[@REV], and that --at may be given.
void add_revision_argument(CLI::App& command, Context& context, std::string& argument);
// The same where there are several, by name.
CLI::Option* add_revision_argument(CLI::App& command, Context& context, std::string& argument,
                                   const std::string& name, const std::string& description);

struct OpenRevision {
  std::string file;
  Reader reader;
  Snapshot snapshot;
};

[[nodiscard]] OpenRevision open_revision(const Context& context, const std::string& argument);

}  // namespace session::cli
