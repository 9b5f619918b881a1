// sessiontool migrate: from one version of the format to another.

#include "session/migrate.h"

#include <array>
#include <string>
#include <vector>

#include "cli/commands/commands.h"
#include "cli/io/output_file.h"
#include "cli/render/text.h"
#include "cli/render/units.h"

namespace session::cli {
namespace {

struct Options {
  std::string source;
  unsigned to = kNewestFormat;
  std::string output;
  bool force = false;
  bool dry_run = false;
  bool list = false;
};

std::string arrow(const MigrationStep& step) {
  return std::to_string(step.from) + " -> " + std::to_string(step.to);
}

void write_steps(Json& document, const std::vector<MigrationStep>& steps) {
  document.begin_array();
  for (const MigrationStep& step : steps) {
    document.begin_object().field("from", step.from).field("to", step.to);
    document.field("what", step.what).end_object();
  }
  document.end_array();
}

// ---- --list -------------------------------------------------------------------------------------

std::vector<MigrationStep> needs(const SessionVersion& session, unsigned to) {
  if (session.problem) return {};
  return plan_migration(session.version, to);
}

std::string version_text(const SessionVersion& session) {
  if (session.version == 0) return "?";
  return std::to_string(session.version) + "." + std::to_string(session.minor);
}

std::string needs_text(const SessionVersion& session, unsigned to) {
  if (session.problem) return one_line(session.problem->message());
  std::string text;
  for (const MigrationStep& step : needs(session, to)) {
    text += (text.empty() ? "" : ", then ") + arrow(step) + ": " + std::string(step.what);
  }
  return text.empty() ? "nothing" : text;
}

ExitCode list(Context& context, const Options& options) {
  const std::vector<SessionVersion> sessions = find_versions(options.source);
  ExitCode exit_code = ExitCode::kDone;
  for (const SessionVersion& session : sessions) {
    if (session.problem) exit_code = worse(exit_code, exit_code_for(session.problem->code()));
  }
  if (context.options.json) {
    JsonDocument document(context, exit_code);
    document.field("to", options.to).key("sessions").begin_array();
    for (const SessionVersion& session : sessions) {
      document.begin_object().field("source", session.path).field("session", session.session);
      document.field("version", session.version).field("minor", session.minor);
      document.field("problem", session.problem ? std::optional(session.problem->message())
                                                : std::optional<std::string>());
      document.key("needs");
      write_steps(document, needs(session, options.to));
      document.end_object();
    }
    document.end_array();
    document.finish();
    return exit_code;
  }
  for (const SessionVersion& session : sessions) {
    context.out() << one_line(session.path) << ": format " << version_text(session) << "; needs "
                  << needs_text(session, options.to) << '\n';
  }
  return exit_code;
}

// ---- doing it -----------------------------------------------------------------------------------

ExitCode exit_code_of(const MigrateReport& report) {
  ExitCode code = ExitCode::kDone;
  for (const MigratedSession& session : report.sessions) {
    if (session.is_lossy) code = worse(code, ExitCode::kLost);
    if (session.failure) code = worse(code, exit_code_for(session.failure->code()));
  }
  return code;
}

void write_json(Context& context, const Options& options, const MigrateReport& report) {
  JsonDocument document(context, exit_code_of(report));
  document.field("source", options.source).field("dry_run", options.dry_run);
  document.field("from", report.from).field("to", report.to).key("steps");
  write_steps(document, report.steps);
  document.key("sessions").begin_array();
  for (const MigratedSession& session : report.sessions) {
    document.begin_object().field("source", session.source).field("session", session.session);
    document.field("output", session.output).field("revision", session.revision);
    document.field("records", session.records).field("checkpoints", session.checkpoints);
    document.field("bytes", session.bytes).field("lossy", session.is_lossy);
    document.field("error", session.failure ? std::optional<std::string>(session.failure->what())
                                            : std::optional<std::string>());
    document.key("warnings").begin_array();
    for (const std::string& warning : session.warnings) document.text(warning);
    document.end_array().end_object();
  }
  document.end_array();
  document.finish();
}

void write_text(Context& context, const Options& options, const MigrateReport& report) {
  for (const MigratedSession& session : report.sessions) {
    for (const std::string& warning : session.warnings) {
      context.remark(session.session + ": " + warning);
    }
    if (session.failure) context.remark(session.session + ": left out: " + session.failure->what());
  }
  if (context.options.quiet) return;
  if (report.steps.empty()) {
    if (!report.is_whole()) return;
    context.out() << one_line(options.source) << ": format " << report.to
                  << " already, nothing to do"
                  << (report.to == kNewestFormat ? "; --to 1 goes back" : "") << '\n';
    return;
  }
  for (const MigratedSession& session : report.sessions) {
    if (session.failure) continue;
    context.out() << one_line(session.source) << " -> " << one_line(session.output) << ": "
                  << (options.dry_run ? "would be " : "") << "format " << report.from << " -> "
                  << report.to << ", " << counted(session.records, "record") << ", "
                  << counted(session.checkpoints, "checkpoint") << ", "
                  << human_bytes(session.bytes) << ", verified"
                  << (session.is_lossy ? ", not everything could be carried over" : "") << '\n';
  }
}

ExitCode run(Context& context, const Options& options) {
  if (options.list) return list(context, options);
  if (!options.output.empty()) {
    const std::array inputs = {options.source};
    refuse_output_that_is_input(options.output, inputs);
  }
  MigrateOptions migrating;
  migrating.to = options.to;
  migrating.output = options.output;
  migrating.overwrite = options.force;
  migrating.dry_run = options.dry_run;
  migrating.progress = context.progress();
  const MigrateReport report = migrate(options.source, migrating);
  if (context.options.json) {
    write_json(context, options, report);
  } else {
    write_text(context, options, report);
  }
  return exit_code_of(report);
}

}  // namespace

void add_migrate(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  CLI::App& command = *app.add_subcommand(
      "migrate", "Carry sessions from one version of the format to another; the source stays");
  command
      .add_option("SOURCE", options->source,
                  "a directory of aca (format 1), a session file (format 2), or a directory of "
                  "session files")
      ->required();
  command.add_option("--to", options->to, "version of the format to go to")
      ->type_name("VERSION")
      ->check(CLI::Range(kOldestFormat, kNewestFormat))
      ->capture_default_str();
  command
      .add_option("-o,--output", options->output,
                  "file or directory to make; for several sessions a directory, each as "
                  "SESSION.session there (default: the session's name)")
      ->type_name("OUT");
  command.add_flag("--force", options->force, "replace an existing session file");
  command.add_flag("--list", options->list, "say which version each session has and what it needs");
  add_dry_run(command, options->dry_run);
  on_run(command, context, options, run);
}

}  // namespace session::cli
