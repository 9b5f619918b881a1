// sessiontool repair: put back what can be put back, and say what cannot.

#include "session/repair.h"

#include <algorithm>
#include <string>

#include "cli/commands/commands.h"
#include "cli/io/output_file.h"
#include "cli/render/text.h"
#include "cli/render/units.h"

namespace session::cli {
namespace {

// What a person takes in at once; --json has all.
constexpr std::size_t kShown = 20;

struct Options {
  std::string file;
  std::string output;
  bool force = false;
  bool dry_run = false;
  bool accept_loss = false;
};

ExitCode exit_code_of(const RepairReport& report) {
  const bool is_whole =
      report.verdict == RepairVerdict::kClean || report.verdict == RepairVerdict::kRestored;
  return is_whole ? ExitCode::kDone : ExitCode::kLost;
}

// ---- for scripts --------------------------------------------------------------------------------

void write_lost(Json& document, const LostItem& item) {
  document.begin_object();
  document.field("table", item.table ? std::optional(std::string(table_name(*item.table)))
                                     : std::optional<std::string>());
  document.field("key", item.key).field("after_key", item.after_key);
  document.field("records", item.records);
  document.field("revision", item.revision == 0 ? std::optional<std::uint64_t>()
                                                : std::optional(item.revision));
  document.field("message", item.message).end_object();
}

void write_json(Context& context, const Options& options, const RepairReport& report) {
  JsonDocument document(context, exit_code_of(report));
  document.field("file", options.file).field("dry_run", options.dry_run);
  document.field("verdict", repair_verdict_name(report.verdict));
  document.field("bit_exact", report.bit_exact).field("refused", report.refused);
  document.key("actions").begin_array();
  for (const RepairAction& action : report.actions) {
    document.begin_object().field("step", repair_step_name(action.step));
    document.field("offset", action.offset).field("length", action.length);
    document.field("message", action.message).end_object();
  }
  document.end_array().key("stale").begin_array();
  for (const StaleRecord& record : report.stale) {
    document.begin_object().field("table", table_name(record.table));
    document.field("key", record.key).end_object();
  }
  document.end_array().key("lost").begin_array();
  for (const LostItem& item : report.lost) write_lost(document, item);
  document.end_array();
  document.field("revision", report.revision);
  document.field("output", report.output).field("backup", report.backup);
  document.finish();
}

// ---- for people ---------------------------------------------------------------------------------

std::string headline(const Options& options, const RepairReport& report) {
  const std::string would = options.dry_run || report.refused ? "would be " : "";
  switch (report.verdict) {
    case RepairVerdict::kClean:
      return "clean, nothing was done";
    case RepairVerdict::kRestored:
      return would + "restored, " +
             (report.bit_exact ? "bit for bit" : "every revision with the content it had");
    case RepairVerdict::kRecovered:
      return would + "recovered: the newest state is whole, older revisions are missing";
    case RepairVerdict::kLossy:
      return would + "recovered with losses";
  }
  return {};
}

std::string text_of(const LostItem& item) {
  if (!item.table) return item.message;
  std::string text(table_name(*item.table));
  if (item.after_key) {
    text += " behind \"" + one_line(*item.after_key) + "\" up to ";
    text += item.key.empty() ? "the end" : "\"" + one_line(item.key) + "\"";
  } else {
    text += " \"" + one_line(item.key) + "\"";
  }
  return text + ": " + one_line(item.message);
}

template <class List, class F>
void write_list(std::ostream& out, std::string_view title, const List& list, F&& text) {
  if (list.empty()) return;
  out << title << '\n';
  for (std::size_t i = 0; i < std::min(list.size(), kShown); ++i)
    out << "  " << text(list[i]) << '\n';
  if (list.size() > kShown) out << "  and " << list.size() - kShown << " more (--json has all)\n";
}

void write_text(Context& context, const Options& options, const RepairReport& report) {
  std::ostream& out = context.out();
  out << one_line(options.file) << ": " << headline(options, report) << '\n';
  write_list(out, "done:", report.actions, [](const RepairAction& action) {
    std::string text = one_line(action.message);
    if (action.length != 0) {
      text =
          human_bytes(action.length) + " at offset " + std::to_string(action.offset) + ": " + text;
    }
    return text;
  });
  write_list(out, "only an older version is left of:", report.stale, [](const StaleRecord& record) {
    return std::string(table_name(record.table)) + " \"" + one_line(record.key) + "\"";
  });
  write_list(out, "lost:", report.lost, text_of);
  if (!report.backup.empty())
    out << "the damaged file is kept as " << one_line(report.backup) << '\n';
  if (report.refused) {
    out << "nothing was changed: something would be lost; `sessiontool repair --accept-loss "
        << one_line(options.file) << "` does it all the same and keeps the damaged file\n";
  }
}

ExitCode run(Context& context, const Options& options) {
  RepairOptions repairing;
  repairing.output = options.output;
  repairing.overwrite = options.force;
  repairing.dry_run = options.dry_run;
  repairing.accept_loss = options.accept_loss;
  repairing.progress = context.progress();
  if (!options.output.empty()) {
    const std::string inputs[] = {options.file};
    refuse_output_that_is_input(options.output, inputs);
    refuse_existing_output(options.output, options.force);
  }
  const RepairReport report = repair(options.file, repairing);
  if (context.options.json) {
    write_json(context, options, report);
  } else if (!context.options.quiet || report.refused) {
    write_text(context, options, report);
  }
  return exit_code_of(report);
}

}  // namespace

void add_repair(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  CLI::App& command =
      *app.add_subcommand("repair", "Put back what is damaged; the damaged file is kept");
  command.add_option("FILE", options->file, "session file")->required();
  command
      .add_option("-o,--output", options->output,
                  "write the repaired file there and leave FILE as it is")
      ->type_name("OUT");
  command.add_flag("--force", options->force, "replace an existing OUT");
  add_dry_run(command, options->dry_run);
  command.add_flag("--accept-loss", options->accept_loss,
                   "go on although something cannot be brought back");
  on_run(command, context, options, run);
}

}  // namespace session::cli
