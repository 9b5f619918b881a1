// sessiontool protect: parity for everything not yet covered.

#include "session/protect.h"

#include <string>

#include "cli/commands/commands.h"
#include "cli/render/text.h"
#include "cli/render/units.h"

namespace session::cli {
namespace {

struct Options {
  std::string file;
  std::uint32_t parity = 0;
  bool dry_run = false;
};

void write_json(Context& context, const Options& options, const ProtectReport& report) {
  JsonDocument document(context);
  document.field("file", options.file).field("dry_run", options.dry_run);
  document.field("parity_percent", report.percent).field("groups_added", report.groups_added);
  document.field("covered_bytes", report.covered_bytes);
  document.field("parity_bytes", report.parity_bytes);
  document.field("uncovered_bytes", report.uncovered_bytes);
  document.field("duration_seconds", static_cast<double>(report.duration_nanos) / 1e9);
  document.finish();
}

std::string sentence(const Options& options, const ProtectReport& report) {
  if (report.groups_added == 0) return "everything is covered already";
  return std::string(options.dry_run ? "would cover " : "covered ") +
         human_bytes(report.covered_bytes) + " with " + human_bytes(report.parity_bytes) +
         " of parity (" + std::to_string(report.percent) + " %, " +
         counted(report.groups_added, "group") + ")";
}

ExitCode run(Context& context, const Options& options) {
  ProtectOptions protection;
  protection.percent = options.parity;
  protection.dry_run = options.dry_run;
  protection.progress = context.progress();
  const ProtectReport report = protect(options.file, protection);
  if (context.options.json) {
    write_json(context, options, report);
  } else if (!context.options.quiet) {
    context.out() << one_line(options.file) << ": " << sentence(options, report) << '\n';
  }
  return ExitCode::kDone;
}

}  // namespace

void add_protect(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  CLI::App& command = *app.add_subcommand(
      "protect", "Add parity for what has none yet, so that damage can be repaired bit for bit");
  command.add_option("FILE", options->file, "session file")->required();
  add_parity(command, options->parity,
             "percent of what it covers, 1 to 50 (default: the session's own, or 6)");
  add_dry_run(command, options->dry_run);
  on_run(command, context, options, run);
}

}  // namespace session::cli
