// sessiontool import: another tool's session comes in.

#include <string>
#include <vector>

#include "cli/arguments/choices.h"
#include "cli/commands/commands.h"
#include "cli/io/output_file.h"
#include "cli/render/text.h"
#include "cli/render/units.h"
#include "session/convert.h"

namespace session::cli {
namespace {

struct Options {
  std::vector<std::string> sources;
  std::string output;
  std::string from;
  std::string message;
  bool force = false;
  bool dry_run = false;
};

void write_json(Context& context, const Options& options, const ImportReport& report) {
  JsonDocument document(context);
  document.field("output", report.output).field("created", report.created);
  document.field("dry_run", options.dry_run);
  document.key("sources").begin_array();
  for (const ImportedSource& source : report.sources) {
    document.begin_object();
    document.field("source", source.source).field("format", source_format_name(source.format));
    document.field("output", source.output);
    document.field("revision", source.revision);
    document.field("upserts", source.upserts).field("erases", source.erases);
    document.field("written_bytes", source.written_bytes);
    document.key("warnings").begin_array();
    for (const std::string& warning : source.warnings) document.text(warning);
    document.end_array().end_object();
  }
  document.end_array();
  document.finish();
}

std::string outcome_of(const ImportedSource& source, bool dry_run) {
  if (source.upserts + source.erases == 0) {
    return "no change, revision " + std::to_string(source.revision) + " stays the head";
  }
  std::string text = counted(source.upserts, "record") + " written";
  if (source.erases > 0) text += ", " + grouped(source.erases) + " deleted";
  if (dry_run) return "would be " + text;
  return "revision " + std::to_string(source.revision) + ", " + text + ", " +
         human_bytes(source.written_bytes);
}

void write_text(Context& context, const Options& options, const ImportReport& report) {
  for (const ImportedSource& source : report.sources) {
    for (const std::string& warning : source.warnings) {
      context.remark(source.source + ": " + warning);
    }
  }
  if (context.options.quiet) return;
  for (const ImportedSource& source : report.sources) {
    context.out() << one_line(source.source) << " (" << source_format_name(source.format) << ")";
    if (source.output != report.output) context.out() << " -> " << one_line(source.output);
    context.out() << ": " << outcome_of(source, options.dry_run) << '\n';
  }
}

ExitCode run(Context& context, const Options& options) {
  refuse_output_that_is_input(options.output, options.sources);
  ImportOptions import;
  if (!options.from.empty()) import.from = source_format_from_name(options.from);
  import.message = options.message;
  import.dry_run = options.dry_run;
  import.overwrite = options.force;
  import.progress = context.progress();
  const ImportReport report = import_sources(options.sources, options.output, import);
  if (context.options.json) {
    write_json(context, options, report);
  } else {
    write_text(context, options, report);
  }
  return ExitCode::kDone;
}

}  // namespace

void add_import(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  CLI::App& command = *app.add_subcommand(
      "import", "Bring in another tool's session; into an existing file only what differs");
  command.add_option("SOURCE", options->sources, "files to read, one revision each, in order")
      ->required()
      ->expected(-1);
  command
      .add_option("-o,--output", options->output,
                  "session file to make, or to bring up to date; a directory for "
                  "several sessions of aca")
      ->required()
      ->type_name("FILE");
  add_format_option(command, "--from", options->from, import_formats(),
                    "format of the sources (default: detected)");
  command.add_option("--message", options->message, "what the log says about it");
  command.add_flag("--force", options->force, "replace an existing file by a new session");
  add_dry_run(command, options->dry_run);
  on_run(command, context, options, run);
}

}  // namespace session::cli
