#include "cli/arguments/revision.h"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <utility>

#include "session/error.h"

namespace session::cli {
namespace {

bool file_exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

std::size_t position_of_parting_at(std::string_view argument,
                                   const std::function<bool(const std::string&)>& exists) {
  const std::size_t last = argument.rfind('@');
  for (std::size_t at = last; at != std::string_view::npos && at > 0;
       at = argument.rfind('@', at - 1)) {
    if (exists(std::string(argument.substr(0, at)))) return at;
  }
  return last;
}

}  // namespace

RevisionName split_revision(std::string_view argument, std::string_view at,
                            const std::function<bool(const std::string&)>& exists) {
  if (argument.empty()) throw Error(ErrorCode::kUsage, "the name of the session file is empty");
  const std::string whole(argument);
  if (!at.empty()) return {whole, std::string(at)};
  const std::size_t parting =
      exists(whole) ? std::string_view::npos : position_of_parting_at(argument, exists);
  if (parting == std::string_view::npos) return {whole, "head"};
  RevisionName name{whole.substr(0, parting), whole.substr(parting + 1)};
  if (name.file.empty()) {
    throw Error(ErrorCode::kUsage, "no file is named before the @ of '" + whole + "'");
  }
  if (name.revision.empty()) {
    throw Error(ErrorCode::kUsage,
                "no revision is named behind the @ of '" + whole +
                    "'; give a number, head, ~N, a checkpoint or a time, or leave the @ out");
  }
  return name;
}

RevisionName split_revision(const Context& context, const std::string& argument) {
  return split_revision(argument, context.options.at, file_exists);
}

CLI::Option* add_revision_argument(CLI::App& command, Context& context, std::string& argument,
                                   const std::string& name, const std::string& description) {
  command.preparse_callback([&context](std::size_t) { context.takes_revision = true; });
  return command.add_option(name, argument, description);
}

void add_revision_argument(CLI::App& command, Context& context, std::string& argument) {
  add_revision_argument(command, context, argument, "FILE[@REV]",
                        "session file; @REV names a revision of it (default: the head)")
      ->required();
}

OpenRevision open_revision(const Context& context, const std::string& argument) {
  RevisionName name = split_revision(context, argument);
  Reader reader = Reader::open(name.file);
  Snapshot snapshot = reader.at(std::string_view(name.revision));
  return {std::move(name.file), std::move(reader), std::move(snapshot)};
}

}  // namespace session::cli
