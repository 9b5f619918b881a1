// sessiontool repair: put back what can be put back, and say what cannot.

#include "session/repair.h"

#include <algorithm>
#include <string>
#include <vector>

#include "cli/commands/commands.h"
#include "cli/io/output_file.h"
#include "cli/render/text.h"
#include "cli/render/units.h"

namespace session::cli {
namespace {

// What a person takes in at once; --json has all.
constexpr std::size_t kShown = 20;
// Of what stood in a record and stands there now.
constexpr std::size_t kShownColumns = 120;

struct Options {
  std::string file;
  std::string output;
  bool force = false;
  bool dry_run = false;
  bool accept_loss = false;
  bool fix_semantics = false;
  std::string from;
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
  document.field("refusal", report.refusal.empty() ? std::optional<std::string>()
                                                   : std::optional(report.refusal));
  document.key("actions").begin_array();
  for (const RepairAction& action : report.actions) {
    document.begin_object().field("step", repair_step_name(action.step));
    document.field("offset", action.offset).field("length", action.length);
    document.field("message", action.message);
    if (action.finding) {
      document.field("code", finding_name(*action.finding));
      document.field("table", table_name(action.table.value_or(Table::kSession)));
      document.field("key", action.key);
      document.field("before", action.before).field("after", action.after);
    }
    document.end_object();
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
  document.field("semantic_findings", report.semantic_findings);
  document.field("output", report.output).field("backup", report.backup);
  document.finish();
}

// ---- for people ---------------------------------------------------------------------------------

bool is_correction(const RepairAction& action) {
  return action.step == RepairStep::kMeaning;
}

std::string headline(const Options& options, const RepairReport& report) {
  const std::string would = options.dry_run || report.refused ? "would be " : "";
  if (!report.refusal.empty()) return "not repaired: " + one_line(report.refusal);
  const auto& actions = report.actions;
  if (!actions.empty() && is_correction(actions.front())) {
    return would + "corrected, in revision " + std::to_string(report.revision) +
           "; every revision before it " + (would.empty() ? "is" : "stays") + " as it was";
  }
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
void write_list(std::ostream& out, std::string_view title, const List& list, F&& text,
                std::size_t shown = kShown) {
  if (list.empty()) return;
  out << title << '\n';
  for (std::size_t i = 0; i < std::min(list.size(), shown); ++i)
    out << "  " << text(list[i]) << '\n';
  if (list.size() > shown) out << "  and " << list.size() - shown << " more (--json has all)\n";
}

std::string text_of(const RepairAction& action) {
  std::string text = one_line(action.message);
  if (is_correction(action)) {
    const auto cut = [](const std::string& words) {
      return cut_to_width(one_line(words), kShownColumns);
    };
    const std::string record =
        std::string(table_name(*action.table)) + " \"" + one_line(action.key) + "\": ";
    const std::string before = action.before.empty() ? "" : cut(action.before) + " -> ";
    return record + text + ": " + before + cut(action.after);
  }
  if (action.length == 0) return text;
  return human_bytes(action.length) + " at offset " + std::to_string(action.offset) + ": " + text;
}

void write_text(Context& context, const Options& options, const RepairReport& report) {
  std::ostream& out = context.out();
  out << one_line(options.file) << ": " << headline(options, report) << '\n';
  std::vector<RepairAction> done;
  std::vector<RepairAction> corrected;
  for (const RepairAction& action : report.actions) {
    (is_correction(action) ? corrected : done).push_back(action);
  }
  const auto text = [](const auto& item) { return text_of(item); };
  write_list(out, "done:", done, text);
  write_list(out, "corrected:", corrected, text, corrected.size());
  write_list(out, "only an older version is left of:", report.stale, [](const StaleRecord& record) {
    return std::string(table_name(record.table)) + " \"" + one_line(record.key) + "\"";
  });
  write_list(out, "lost:", report.lost, text);
  if (report.semantic_findings.value_or(0) != 0) {
    out << *report.semantic_findings
        << " findings of meaning are left that nobody could correct without inventing something; "
           "`sessiontool verify --full` lists them\n";
  }
  if (!report.backup.empty()) {
    out << "the file as it was is kept as " << one_line(report.backup) << '\n';
  }
  if (!report.refusal.empty()) {
    out << "nothing was changed\n";
  } else if (report.refused) {
    out << "nothing was changed: something would be lost; `sessiontool repair --accept-loss "
        << (options.fix_semantics ? "--fix-semantics " : "")
        << (options.from.empty() ? "" : "--from '" + one_line(options.from) + "' ")
        << one_line(options.file) << "` does it all the same and keeps the damaged file\n";
  }
}

ExitCode run(Context& context, const Options& options) {
  RepairOptions repairing;
  repairing.output = options.output;
  repairing.overwrite = options.force;
  repairing.dry_run = options.dry_run;
  repairing.accept_loss = options.accept_loss;
  repairing.fix_semantics = options.fix_semantics;
  repairing.from = options.from;
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
  command.add_flag(
      "--fix-semantics", options->fix_semantics,
      "correct what makes no sense as well (what `verify --full` finds), in one commit "
      "at the end; each correction is told");
  command
      .add_option("--from", options->from,
                  "of a damaged file: make this older revision (number, checkpoint or time) the "
                  "newest state instead of what is left of it")
      ->type_name("CHECKPOINT");
  on_run(command, context, options, run);
}

}  // namespace session::cli
