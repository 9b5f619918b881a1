// sessiontool init: an empty session.

#include <string>

#include "cli/commands/commands.h"
#include "cli/io/output_file.h"
#include "cli/render/text.h"
#include "session/reader.h"
#include "session/writer.h"

namespace session::cli {
namespace {

struct Options {
  std::string file;
  std::string name;
  std::string description;
  std::string workspace;
  std::uint32_t parity = 0;
  bool force = false;
  bool dry_run = false;
};

FileInfo create(const Options& options) {
  CreateOptions create;
  create.name = options.name;
  create.description = options.description;
  create.workspace = options.workspace;
  create.parity_percent = options.parity;
  create.overwrite = options.force;
  Writer::create(options.file, create).close();
  return Reader::open(options.file).info();
}

ExitCode run(Context& context, const Options& options) {
  refuse_existing_output(options.file, options.force);
  std::string session;
  std::uint64_t revision = 1;
  if (!options.dry_run) {
    const FileInfo info = create(options);
    session = info.session_id;
    revision = info.head.revision;
  }
  if (context.options.json) {
    JsonDocument document(context);
    document.field("file", options.file);
    document.field("session", session.empty() ? std::optional<std::string>() : session);
    document.field("revision", revision);
    document.field("parity_percent", options.parity);
    document.field("dry_run", options.dry_run);
    document.finish();
  } else if (!context.options.quiet) {
    const std::string file = one_line(options.file);
    if (options.dry_run) {
      context.out() << "would create " << file << '\n';
    } else {
      context.out() << "created " << file << ", session " << session << ", revision " << revision
                    << '\n';
    }
  }
  return ExitCode::kDone;
}

}  // namespace

void add_init(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  CLI::App& command = *app.add_subcommand("init", "Make an empty session");
  command.add_option("FILE", options->file, "session file to make")->required();
  command.add_option("--name", options->name, "name of the session");
  command.add_option("--description", options->description, "what the session is about");
  command.add_option("--workspace", options->workspace, "directory the session works in")
      ->type_name("DIR");
  add_parity(command, options->parity,
             "keep up parity of so many percent, 1 to 50 (default: none)");
  command.add_flag("--force", options->force, "replace an existing file");
  add_dry_run(command, options->dry_run);
  on_run(command, context, options, run);
}

}  // namespace session::cli
