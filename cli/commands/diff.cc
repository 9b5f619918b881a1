// sessiontool diff: what differs between two revisions.

#include "session/diff.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/arguments/choices.h"
#include "cli/arguments/revision.h"
#include "cli/commands/commands.h"
#include "cli/render/changes.h"
#include "cli/render/text.h"

namespace session::cli {
namespace {

struct Options {
  std::string left;
  std::string right;
  std::vector<std::string> tables;
  bool stat = false;
  bool name_only = false;
  bool json_lines = false;
};

struct Sides {
  OpenRevision left;
  OpenRevision right;
};

// What FILE is compared with where nothing else is named.
std::uint64_t last_checkpoint(const OpenRevision& open) {
  std::optional<std::uint64_t> last;
  for (const CheckpointInfo& checkpoint : open.snapshot.checkpoints()) {
    // 0: the state of an imported checkpoint, or of one that repair found, is not there.
    if (checkpoint.revision != 0 && checkpoint.revision <= open.snapshot.revision()) {
      last = std::max(last.value_or(0), checkpoint.revision);
    }
  }
  if (last) return *last;
  throw Error(ErrorCode::kNotFound,
              "has no checkpoint to compare with; name both sides, as in `sessiontool diff FILE@~1 "
              "FILE`, or make a checkpoint with `sessiontool checkpoint FILE`",
              open.file);
}

Sides open_sides(const Context& context, const Options& options) {
  if (!options.right.empty()) {
    return {open_revision(context, options.left), open_revision(context, options.right)};
  }
  OpenRevision right = open_revision(context, options.left);
  const std::uint64_t checkpoint = last_checkpoint(right);
  Reader reader = Reader::open(right.file);
  Snapshot snapshot = reader.at(checkpoint);
  return {{right.file, std::move(reader), std::move(snapshot)}, std::move(right)};
}

DiffOptions diff_options(Context& context, const Options& options) {
  DiffOptions result;
  for (const std::string& name : options.tables) {
    result.tables.push_back(table_from_name(name).value());
  }
  result.with_fields = !options.stat && !options.name_only;
  result.progress = context.progress();
  return result;
}

// ---- for scripts --------------------------------------------------------------------------------

void write_side(Json& document, std::string_view name, const OpenRevision& side) {
  document.key(name).begin_object();
  document.field("file", side.file).field("revision", side.snapshot.revision());
  document.field("fingerprint", to_hex(side.snapshot.fingerprint())).end_object();
}

void write_value(Json& document, std::string_view name, const FieldValue& value) {
  document.key(name);
  switch (value.kind) {
    case FieldValue::Kind::kAbsent:
      document.null();
      break;
    case FieldValue::Kind::kText:
      document.text(value.text);
      break;
    case FieldValue::Kind::kJson:
      document.raw(value.text);
      break;
    case FieldValue::Kind::kLarge:
      document.begin_object();
      document.field("sha256", value.text).field("bytes", value.size_bytes).end_object();
      break;
  }
}

// Without its fields nobody looked what nature a change is of.
void write_change(Json& document, const RecordChange& change, const DiffOptions& options) {
  document.field("table", table_name(change.table)).field("key", change.key);
  document.field("change", change_kind_name(change.kind));
  if (!options.with_fields) return;
  document.field("nature", change_nature_name(nature_of(change)));
  document.key("fields").begin_array();
  for (const FieldChange& field : change.fields) {
    document.begin_object().field("path", field.path);
    document.field("change", change_kind_name(field.kind()));
    write_value(document, "left", field.left);
    write_value(document, "right", field.right);
    document.end_object();
  }
  document.end_array();
}

void write_summary(Json& document, const DiffSummary& summary, const DiffOptions& options) {
  document.key("summary").begin_object();
  for (const Table table : kContentTables) {
    if (!compares(options, table)) continue;
    const TableChanges& changes = summary[slot(table)];
    document.key(table_name(table)).begin_object();
    document.field("added", changes.added).field("removed", changes.removed);
    document.field("changed", changes.changed).end_object();
  }
  document.end_object();
}

ExitCode exit_code_of(bool differs) {
  return differs ? ExitCode::kDiffers : ExitCode::kDone;
}

bool any(const DiffSummary& summary) {
  return std::any_of(summary.begin(), summary.end(),
                     [](const TableChanges& changes) { return changes.total() != 0; });
}

ExitCode write_json(Context& context, const Options& options, const Sides& sides,
                    const DiffOptions& comparing) {
  const Snapshot& left = sides.left.snapshot;
  const Snapshot& right = sides.right.snapshot;
  const ExitCode exit_code = exit_code_of(differ(left, right, comparing));
  JsonDocument document(context, exit_code);
  write_side(document, "left", sides.left);
  write_side(document, "right", sides.right);
  document.key("changes").begin_array();
  const auto write = [&](const RecordChange& change) {
    if (options.stat) return true;
    document.begin_object();
    write_change(document, change, comparing);
    document.end_object();
    return true;
  };
  const DiffSummary summary = each_change(left, right, write, comparing);
  document.end_array();
  write_summary(document, summary, comparing);
  document.finish();
  return exit_code;
}

// One line that is whole.
template <class Fill>
void write_line(Context& context, std::string_view type, const Fill& fill) {
  Json line(context.out());
  line.begin_object().field("type", type);
  fill(line);
  line.end_object();
  line.finish();
}

ExitCode write_json_lines(Context& context, const Options& options, const Sides& sides,
                          const DiffOptions& comparing) {
  write_line(context, "header", [&](Json& line) {
    line.field("schema", "sessiontool.diff/1");
    write_side(line, "left", sides.left);
    write_side(line, "right", sides.right);
  });
  const auto write = [&](const RecordChange& change) {
    if (!options.stat) {
      write_line(context, "change", [&](Json& line) { write_change(line, change, comparing); });
    }
    return true;
  };
  const DiffSummary summary =
      each_change(sides.left.snapshot, sides.right.snapshot, write, comparing);
  const ExitCode exit_code = exit_code_of(any(summary));
  write_line(context, "summary", [&](Json& line) {
    line.field("exit_code", static_cast<int>(exit_code));
    write_summary(line, summary, comparing);
  });
  return exit_code;
}

// ---- for people ---------------------------------------------------------------------------------

ExitCode write_text(Context& context, const Options& options, const Sides& sides,
                    const DiffOptions& comparing) {
  const Snapshot& left = sides.left.snapshot;
  const Snapshot& right = sides.right.snapshot;
  if (context.options.quiet) return exit_code_of(differ(left, right, comparing));
  if (options.name_only) {
    const auto write = [&](const RecordChange& change) {
      context.out() << table_name(change.table) << '/' << one_line(change.key) << '\n';
      return true;
    };
    return exit_code_of(any(each_change(left, right, write, comparing)));
  }
  DiffText text(context.out(), context.style(), context.columns());
  text.head({sides.left.file, left.info()}, {sides.right.file, right.info()});
  if (options.stat) {
    const auto ignore = [](const RecordChange&) { return true; };
    const DiffSummary summary = each_change(left, right, ignore, comparing);
    text.counts(summary);
    return exit_code_of(any(summary));
  }
  const Diff difference = diff(left, right, comparing);
  (void)context.out();  // the progress bar is off the screen
  text.counts(difference.summary);
  text.changes(difference);
  return exit_code_of(any(difference.summary));
}

ExitCode run(Context& context, const Options& options) {
  if (options.json_lines && context.options.json) {
    throw Error(ErrorCode::kUsage, "give either --json or --json-lines");
  }
  const Sides sides = open_sides(context, options);
  const DiffOptions comparing = diff_options(context, options);
  if (context.options.json) return write_json(context, options, sides, comparing);
  if (options.json_lines) return write_json_lines(context, options, sides, comparing);
  return write_text(context, options, sides, comparing);
}

std::vector<std::string> content_names() {
  std::vector<std::string> names;
  for (const Table table : kContentTables) names.emplace_back(table_name(table));
  return names;
}

}  // namespace

void add_diff(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  CLI::App& command = *app.add_subcommand(
      "diff", "Say what differs between two revisions: by task, field, message, file");
  add_revision_argument(command, context, options->left, "A[@REV]",
                        "the left side; alone: the right side, against its last checkpoint")
      ->required();
  add_revision_argument(command, context, options->right, "B[@REV]", "the right side");
  CLI::Option* stat = command.add_flag("--stat", options->stat, "only how many, by table");
  command.add_flag("--name-only", options->name_only, "only which, as TABLE/KEY")->excludes(stat);
  one_of(command.add_option("--table", options->tables,
                            "only this table; several parted by commas or given again"),
         content_names())
      ->delimiter(',')
      ->allow_extra_args(false);
  command.add_flag("--json-lines", options->json_lines,
                   "one JSON object a line: header, changes, summary");
  on_run(command, context, options, run);
}

}  // namespace session::cli
