// sessiontool apply: upserts and deletes from JSON lines, in one commit.

#include <string>

#include "cli/commands/commands.h"
#include "cli/io/interrupt.h"
#include "cli/io/output_file.h"
#include "cli/io/streams.h"
#include "cli/render/text.h"
#include "cli/render/units.h"
#include "session/convert.h"
#include "session/writer.h"

namespace session::cli {
namespace {

struct Options {
  std::string file;
  std::string operations = "-";
  std::string message;
  bool dry_run = false;
};

ApplyReport apply(Context& context, const Options& options) {
  WriterOptions open;
  open.dry_run = options.dry_run;
  Writer writer = Writer::open(options.file, open);
  Transaction change = writer.begin();
  Input operations(options.operations, context.progress());
  ApplyReport report = apply_operations(change, operations, operations.name());
  // An interrupted read looks like the end of the input to whoever does not ask.
  stop_if_interrupted();
  report.revision = change.base().revision();
  if (options.dry_run) {
    if (!change.empty()) ++report.revision;
    change.rollback();
  } else {
    CommitOptions commit;
    commit.message = options.message;
    const CommitResult result = change.commit(commit);
    report.revision = result.revision;
    report.written_bytes = result.written_bytes;
  }
  writer.close();
  return report;
}

ExitCode run(Context& context, const Options& options) {
  refuse_output_that_is_input(options.file, {&options.operations, 1});
  const ApplyReport report = apply(context, options);
  if (context.options.json) {
    JsonDocument document(context);
    document.field("file", options.file).field("revision", report.revision);
    document.field("upserts", report.upserts).field("erases", report.erases);
    document.field("written_bytes", report.written_bytes).field("dry_run", options.dry_run);
    document.finish();
  } else if (!context.options.quiet) {
    context.out() << one_line(options.file) << ": " << (options.dry_run ? "would be " : "")
                  << "revision " << report.revision << ", " << counted(report.upserts, "record")
                  << " written, " << grouped(report.erases) << " deleted\n";
  }
  return ExitCode::kDone;
}

}  // namespace

void add_apply(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  CLI::App& command =
      *app.add_subcommand("apply", "Write and delete records from JSON lines, in one commit");
  command.add_option("FILE", options->file, "session file to change")->required();
  command.add_option(
      "OPS.jsonl", options->operations,
      R"({"table", "key", "record"} or {"table", "key", "delete": true} a line (default: standard input))");
  command.add_option("--message", options->message, "what the log says about it");
  add_dry_run(command, options->dry_run);
  on_run(command, context, options, run);
}

}  // namespace session::cli
