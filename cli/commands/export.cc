// sessiontool export: a revision goes out in another tool's format.

#include <unistd.h>

#include <optional>
#include <string>

#include "cli/arguments/choices.h"
#include "cli/arguments/revision.h"
#include "cli/commands/commands.h"
#include "cli/io/output_file.h"
#include "cli/render/text.h"
#include "cli/render/units.h"
#include "session/convert.h"

namespace session::cli {
namespace {

struct Options {
  std::string source;
  std::string to;
  std::string output;
  bool force = false;
  bool dry_run = false;
};

// Takes everything and keeps nothing: what a dry run writes to.
class NullBuffer : public std::streambuf {
 protected:
  int_type overflow(int_type c) override { return traits_type::not_eof(c); }
  std::streamsize xsputn(const char*, std::streamsize size) override { return size; }
};

// Asked for before anything is opened: such a format has no stream to write to.
bool goes_to_directory(const Options& options) {
  return is_directory_format(source_format_from_name(options.to).value());
}

ExportReport write_export(Context& context, const Options& options, const Snapshot& snapshot,
                          SourceFormat format) {
  if (goes_to_directory(options)) {
    return export_session_directory(snapshot, format, options.output, context.progress(),
                                    options.dry_run);
  }
  if (options.dry_run) {
    NullBuffer buffer;
    std::ostream nowhere(&buffer);
    return export_session(snapshot, format, nowhere, context.progress());
  }
  if (options.output.empty()) {
    if (::isatty(STDOUT_FILENO) == 1) context.without_progress_bar();
    return export_session(snapshot, format, context.output(), context.progress());
  }
  OutputFile file(options.output, options.force);
  ExportReport report = export_session(snapshot, format, file.stream(), context.progress());
  file.commit();
  return report;
}

void write_json(Context& context, const Options& options, const std::string& file,
                const ExportReport& report) {
  JsonDocument document(context);
  document.field("file", file).field("revision", report.revision);
  document.field("format", source_format_name(report.format)).field("output", options.output);
  document.field("records", report.records).field("bytes", report.bytes);
  document.field("dry_run", options.dry_run);
  document.key("warnings").begin_array();
  for (const std::string& warning : report.warnings) document.text(warning);
  document.end_array();
  document.finish();
}

void write_text(Context& context, const Options& options, const ExportReport& report) {
  for (const std::string& warning : report.warnings) context.remark(warning);
  if (context.options.quiet || (options.output.empty() && !options.dry_run)) return;
  context.out() << (options.dry_run ? "would write " : "wrote ")
                << (options.output.empty() ? "standard output" : one_line(options.output)) << ": "
                << counted(report.records, "record") << ", " << human_bytes(report.bytes)
                << ", revision " << report.revision << '\n';
}

ExitCode run(Context& context, const Options& options) {
  if (context.options.json && options.output.empty()) {
    throw Error(ErrorCode::kUsage,
                "export --json needs -o OUT: standard output has room for one document only");
  }
  if (goes_to_directory(options) && options.output.empty()) {
    throw Error(ErrorCode::kUsage,
                "export --to " + options.to + " needs -o DIR: it writes a directory, not a file");
  }
  const OpenRevision open = open_revision(context, options.source);
  if (!options.output.empty()) {
    refuse_output_that_is_input(options.output, {&open.file, 1});
    // A directory has its own rule: it may be there if it is empty.
    if (!goes_to_directory(options)) refuse_existing_output(options.output, options.force);
  }
  const ExportReport report =
      write_export(context, options, open.snapshot, source_format_from_name(options.to).value());
  if (context.options.json) {
    write_json(context, options, open.file, report);
  } else {
    write_text(context, options, report);
  }
  return ExitCode::kDone;
}

}  // namespace

void add_export(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  CLI::App& command = *app.add_subcommand("export", "Write a revision in another tool's format");
  add_revision_argument(command, context, options->source);
  add_format_option(command, "--to", options->to, export_formats(), "format to write")->required();
  command
      .add_option("-o,--output", options->output,
                  "file to write, whole or not at all (default: standard output); for aca a "
                  "directory")
      ->type_name("OUT");
  command.add_flag("--force", options->force, "replace an existing OUT");
  add_dry_run(command, options->dry_run);
  on_run(command, context, options, run);
}

}  // namespace session::cli
