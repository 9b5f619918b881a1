// sessiontool compact: drop what no kept revision needs, and say per revision why it stays.

#include "session/compact.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <vector>

#include "cli/commands/commands.h"
#include "cli/io/output_file.h"
#include "cli/render/table.h"
#include "cli/render/text.h"
#include "cli/render/units.h"

namespace session::cli {
namespace {

struct Options {
  std::string file;
  std::string output;
  bool force = false;
  bool dry_run = false;
  std::string last, hourly, daily, weekly, monthly, within;
  std::vector<std::string> tags;
  std::vector<std::string> drop;
  std::vector<std::string> erase;
  std::uint32_t parity = 0;
  bool archive = false;
};

Error wrong_value(const std::string& option, const std::string& value, const std::string& wanted) {
  return {ErrorCode::kUsage, option + " takes " + wanted + ", not '" + value + "'"};
}

std::int64_t span_of(const std::string& option, const std::string& value,
                     const std::string& wanted) {
  const auto span = parse_span(value);
  if (!span || *span <= 0) throw wrong_value(option, value, wanted);
  return *span;
}

std::optional<std::uint64_t> parse_count(const std::string& text) {
  std::uint64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return count;
}

std::uint64_t count_of(const std::string& option, const std::string& value) {
  const auto count = parse_count(value);
  if (!count || *count == 0) throw wrong_value(option, value, "a number from 1 on");
  return *count;
}

// "7" is a number of them, "7d" a span.
KeepEvery every(const std::string& option, const std::string& value) {
  KeepEvery keep;
  if (value.empty()) return keep;
  const auto count = parse_count(value);
  if (count && *count > 0) {
    keep.count = *count;
  } else {
    keep.span_nanos = span_of(option, value, "a number or a span such as 7d");
  }
  return keep;
}

RetentionPolicy retention_of(const Options& options) {
  RetentionPolicy policy;
  if (!options.last.empty()) policy.keep_last = count_of("--keep-last", options.last);
  policy.hourly = every("--keep-hourly", options.hourly);
  policy.daily = every("--keep-daily", options.daily);
  policy.weekly = every("--keep-weekly", options.weekly);
  policy.monthly = every("--keep-monthly", options.monthly);
  if (!options.within.empty()) {
    policy.keep_within_nanos = span_of("--keep-within", options.within, "a span such as 7d");
  }
  policy.keep_tags = options.tags;
  return policy;
}

// ---- for scripts --------------------------------------------------------------------------------

void write_revision(Json& document, const RevisionFate& fate) {
  document.begin_object().field("revision", fate.revision);
  document.field("time", rfc3339(fate.time_nanos));
  document.field("checkpoint", fate.checkpoint.empty() ? std::optional<std::string>()
                                                       : std::optional(fate.checkpoint));
  document.field("keep", fate.kept).key("reasons").begin_array();
  for (const std::string& reason : fate.reasons) document.text(reason);
  document.end_array().end_object();
}

void write_json(Context& context, const Options& options, const CompactReport& report) {
  JsonDocument document(context);
  document.field("file", options.file).field("dry_run", options.dry_run);
  document.field("output", report.output);
  document.field("bytes_before", report.bytes_before).field("bytes_after", report.bytes_after);
  document.field("archive", options.archive);
  document.field("parity_percent", report.parity_percent);
  document.field("parity_bytes", report.parity_bytes);
  document.key("revisions").begin_array();
  for (const RevisionFate& fate : report.revisions) write_revision(document, fate);
  document.end_array().key("erased").begin_array();
  for (const ErasedRecord& erased : report.erased) {
    document.begin_object().field("table", table_name(erased.name.table));
    document.field("key", erased.name.key).field("revisions", erased.revisions).end_object();
  }
  document.end_array().key("fingerprints").begin_array();
  for (const ChangedFingerprint& changed : report.fingerprints) {
    document.begin_object().field("revision", changed.revision);
    document.field("old", to_hex(changed.before)).field("new", to_hex(changed.after));
    document.end_object();
  }
  document.end_array().key("copies").begin_array();
  for (const std::string& copy : report.copies) document.text(copy);
  document.end_array();
  document.field("duration_seconds", static_cast<double>(report.duration_nanos) / 1e9);
  document.finish();
}

// ---- for people ---------------------------------------------------------------------------------

std::string joined(const std::vector<std::string>& reasons) {
  std::string text;
  for (const std::string& reason : reasons) text += (text.empty() ? "" : ", ") + reason;
  return text;
}

void write_revisions(Context& context, const CompactReport& report) {
  TextTable table(context.out(), context.style(), context.columns(),
                  {{"revision", true}, {"time"}, {""}, {"because of"}});
  for (auto fate = report.revisions.rbegin(); fate != report.revisions.rend(); ++fate) {
    table.row({{std::to_string(fate->revision), Ink::kYellow},
               {short_time(fate->time_nanos), Ink::kDim},
               {fate->kept ? "keep" : "drop", fate->kept ? Ink::kGreen : Ink::kRed},
               {one_line(joined(fate->reasons))}});
  }
  table.finish();
}

std::string sentence(const Options& options, const CompactReport& report) {
  const auto kept =
      static_cast<std::uint64_t>(std::count_if(report.revisions.begin(), report.revisions.end(),
                                               [](const RevisionFate& fate) { return fate.kept; }));
  std::string text = options.dry_run ? "would go from " : "";
  text += human_bytes(report.bytes_before) + (options.dry_run ? " to " : " became ") +
          human_bytes(report.bytes_after);
  if (report.bytes_after < report.bytes_before) {
    text += " (" + human_bytes(report.bytes_before - report.bytes_after) + " less)";
  }
  text += ", ";
  text += kept == report.revisions.size()
              ? "with all " + counted(kept, "revision")
              : "with " + grouped(kept) + " of " + counted(report.revisions.size(), "revision");
  if (report.parity_bytes != 0) {
    text += " and " + human_bytes(report.parity_bytes) + " of parity (" +
            std::to_string(report.parity_percent) + " %)";
  }
  return text;
}

void write_erased(std::ostream& out, const CompactReport& report) {
  for (const ErasedRecord& erased : report.erased) {
    out << "erased " << table_name(erased.name.table) << " \"" << one_line(erased.name.key)
        << "\" from " << counted(erased.revisions, "revision") << '\n';
  }
  for (const ChangedFingerprint& changed : report.fingerprints) {
    out << "fingerprint of " << changed.revision << ": " << to_hex(changed.before) << " -> "
        << to_hex(changed.after) << '\n';
  }
  if (report.erased.empty()) return;
  for (const std::string& copy : report.copies) {
    out << "it is still in " << one_line(copy) << '\n';
  }
  out << "copies that were made elsewhere, and what the disk itself remembers, are not known "
         "here\n";
}

ExitCode run(Context& context, const Options& options) {
  CompactOptions compacting;
  compacting.output = options.output;
  compacting.overwrite = options.force;
  compacting.dry_run = options.dry_run;
  compacting.retention = retention_of(options);
  compacting.drop = options.drop;
  compacting.archive = options.archive;
  compacting.parity_percent = options.parity;
  for (const std::string& name : options.erase) {
    compacting.erase.push_back(parse_record_name(name));
  }
  compacting.progress = context.progress();
  if (!options.output.empty()) {
    const std::string inputs[] = {options.file};
    refuse_output_that_is_input(options.output, inputs);
    refuse_existing_output(options.output, options.force);
  }
  const CompactReport report = compact(options.file, compacting);
  if (context.options.json) {
    write_json(context, options, report);
  } else if (!context.options.quiet || options.dry_run || !report.erased.empty()) {
    const bool is_choice = report.revisions.size() > 1 && !compacting.retention.empty();
    if (options.dry_run || is_choice || !options.drop.empty()) write_revisions(context, report);
    context.out() << one_line(options.file) << ": " << sentence(options, report) << '\n';
    write_erased(context.out(), report);
  }
  return ExitCode::kDone;
}

void add_retention(CLI::App& command, Options& options) {
  command.add_option("--keep-last", options.last, "keep the newest N revisions")->type_name("N");
  const auto add_every = [&](const std::string& name, std::string& value, const std::string& what) {
    command
        .add_option(name, value,
                    "keep the newest of each " + what + ": of N of them, or within a span (7d)")
        ->type_name("N");
  };
  add_every("--keep-hourly", options.hourly, "hour");
  add_every("--keep-daily", options.daily, "day");
  add_every("--keep-weekly", options.weekly, "week");
  add_every("--keep-monthly", options.monthly, "month");
  command
      .add_option("--keep-within", options.within,
                  "keep all within this span before the newest: 90m, 2h, 7d, 4w")
      ->type_name("SPAN");
  command.add_option("--keep-tag", options.tags, "keep checkpoints with this tag (repeatable)")
      ->type_name("T")
      ->expected(1)
      ->take_all();
  command
      .add_option("--drop", options.drop,
                  "drop this checkpoint, whatever would keep it (repeatable)")
      ->type_name("CHECKPOINT")
      ->expected(1)
      ->take_all();
}

}  // namespace

void add_compact(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  CLI::App& command = *app.add_subcommand(
      "compact", "Write the file anew with what is to be kept; without --keep-*, every revision");
  command.add_option("FILE", options->file, "session file")->required();
  command.add_option("-o,--output", options->output, "write there and leave FILE as it is")
      ->type_name("OUT");
  command.add_flag("--force", options->force, "replace an existing OUT");
  add_dry_run(command, options->dry_run);
  add_retention(command, *options);
  command.add_flag("--archive", options->archive, "compress everything: small, slower to read");
  add_parity(command, options->parity, "percent of parity, 1 to 50 (default: as much as FILE has)");
  command
      .add_option("--erase", options->erase,
                  "remove this record from every revision, for good (repeatable)")
      ->type_name("TABLE/KEY")
      ->expected(1)
      ->take_all();
  on_run(command, context, options, run);
}

}  // namespace session::cli
