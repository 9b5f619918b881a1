// sessiontool checkpoint: make one, list them, delete one.

#include <optional>
#include <string>
#include <vector>

#include "cli/arguments/choices.h"
#include "cli/commands/commands.h"
#include "cli/render/names.h"
#include "cli/render/table.h"
#include "cli/render/text.h"
#include "cli/render/units.h"
#include "session/reader.h"
#include "session/writer.h"

namespace session::cli {
namespace {

constexpr std::size_t kLeastIdPrefix = 4;

struct Options {
  std::string file;
  std::string description;
  std::string trigger = "manual";
  std::string reason;
  std::vector<std::string> tags;
  std::string delete_id;
  bool list = false;
  bool dry_run = false;
};

void write_json(Json& document, const CheckpointInfo& checkpoint) {
  document.begin_object();
  document.field("id", checkpoint.id.empty() ? std::optional<std::string>() : checkpoint.id);
  document.field("revision", checkpoint.revision);
  document.field("time", rfc3339(checkpoint.time_nanos));
  document.field("trigger", trigger_name(checkpoint.trigger));
  document.field("automatic", checkpoint.is_automatic);
  document.field("description", checkpoint.description).field("reason", checkpoint.reason);
  document.field("task_count", checkpoint.task_count);
  document.field("size_bytes", checkpoint.size_bytes);
  document.key("tags").begin_array();
  for (const std::string& tag : checkpoint.tags) document.text(tag);
  document.end_array().end_object();
}

std::string joined(const std::vector<std::string>& tags) {
  std::string text;
  for (const std::string& tag : tags) text += (text.empty() ? "" : ", ") + tag;
  return text;
}

ExitCode list(Context& context, const Options& options) {
  const std::vector<CheckpointInfo> checkpoints = Reader::open(options.file).head().checkpoints();
  if (context.options.json) {
    JsonDocument document(context);
    document.field("file", options.file).key("checkpoints").begin_array();
    for (const CheckpointInfo& checkpoint : checkpoints) write_json(document, checkpoint);
    document.end_array();
    document.finish();
    return ExitCode::kDone;
  }
  TextTable table(context.out(), context.style(), context.columns(),
                  {{"checkpoint"},
                   {"revision", true},
                   {"time"},
                   {"trigger"},
                   {"tasks", true},
                   {"size", true},
                   {"tags"},
                   {"description"}});
  for (const CheckpointInfo& checkpoint : checkpoints) {
    table.row({{one_line(checkpoint.id), Ink::kYellow},
               {std::to_string(checkpoint.revision)},
               {short_time(checkpoint.time_nanos), Ink::kDim},
               {std::string(trigger_name(checkpoint.trigger))},
               {grouped(checkpoint.task_count)},
               {human_bytes(checkpoint.size_bytes)},
               {one_line(joined(checkpoint.tags))},
               {one_line(checkpoint.description)}});
  }
  table.finish();
  return ExitCode::kDone;
}

// By the id or a unique beginning of it.
CheckpointInfo find_checkpoint(const Snapshot& snapshot, const Options& options) {
  const std::string& wanted = options.delete_id;
  std::optional<CheckpointInfo> found;
  for (const CheckpointInfo& checkpoint : snapshot.checkpoints()) {
    if (checkpoint.id == wanted) return checkpoint;
    if (wanted.size() < kLeastIdPrefix || !checkpoint.id.starts_with(wanted)) continue;
    if (found) {
      throw Error(ErrorCode::kUsage,
                  "more than one checkpoint's id begins with '" + wanted + "'; give more of it",
                  options.file);
    }
    found = checkpoint;
  }
  if (found) return *std::move(found);
  throw Error(
      ErrorCode::kNotFound,
      "there is no checkpoint '" + wanted + "'; `sessiontool checkpoint FILE --list` shows all",
      options.file);
}

ExitCode remove(Context& context, const Options& options) {
  CheckpointInfo checkpoint;
  std::uint64_t revision = 0;
  if (options.dry_run) {
    const Snapshot head = Reader::open(options.file).head();
    checkpoint = find_checkpoint(head, options);
    revision = head.revision() + 1;
  } else {
    Writer writer = Writer::open(options.file);
    checkpoint = find_checkpoint(writer.head(), options);
    revision = writer.delete_checkpoint(checkpoint.id).revision;
    writer.close();
  }
  if (context.options.json) {
    JsonDocument document(context);
    document.field("file", options.file).field("revision", revision);
    document.field("dry_run", options.dry_run).key("deleted");
    write_json(document, checkpoint);
    document.finish();
  } else if (!context.options.quiet) {
    context.out() << (options.dry_run ? "would delete" : "deleted") << " checkpoint "
                  << one_line(checkpoint.id) << " of revision " << checkpoint.revision << " ("
                  << one_line(checkpoint.description) << "); its bytes go at the next compact\n";
  }
  return ExitCode::kDone;
}

CheckpointInfo make(const Options& options) {
  CheckpointOptions checkpoint;
  checkpoint.description = options.description;
  checkpoint.trigger = trigger_from_name(options.trigger).value();
  checkpoint.reason = options.reason;
  checkpoint.tags = options.tags;
  Writer writer = Writer::open(options.file);
  const std::uint64_t revision = writer.checkpoint(checkpoint).revision;
  const std::vector<CheckpointInfo> all = writer.head().checkpoints();
  writer.close();
  for (const CheckpointInfo& made : all) {
    if (made.revision == revision) return made;
  }
  throw Error(ErrorCode::kInternal, "the new checkpoint is not among the checkpoints",
              options.file);
}

// What make() would make; the id is given only then.
CheckpointInfo imagine(const Options& options) {
  const Snapshot head = Reader::open(options.file).head();
  CheckpointInfo checkpoint;
  checkpoint.revision = head.revision() + 1;
  checkpoint.time_nanos = head.info().time_nanos;
  checkpoint.trigger = trigger_from_name(options.trigger).value();
  checkpoint.description = options.description;
  checkpoint.reason = options.reason;
  checkpoint.tags = options.tags;
  checkpoint.task_count = head.count(Table::kTasks);
  return checkpoint;
}

ExitCode create(Context& context, const Options& options) {
  const CheckpointInfo checkpoint = options.dry_run ? imagine(options) : make(options);
  if (context.options.json) {
    JsonDocument document(context);
    document.field("file", options.file).field("revision", checkpoint.revision);
    document.field("dry_run", options.dry_run).key("checkpoint");
    write_json(document, checkpoint);
    document.finish();
  } else if (!context.options.quiet) {
    context.out() << (options.dry_run ? "would make checkpoint" : "checkpoint ")
                  << one_line(checkpoint.id) << ", revision " << checkpoint.revision << ", "
                  << counted(checkpoint.task_count, "task") << '\n';
  }
  return ExitCode::kDone;
}

ExitCode run(Context& context, const Options& options) {
  if (options.list) return list(context, options);
  if (!options.delete_id.empty()) return remove(context, options);
  if (options.description.empty()) {
    throw Error(ErrorCode::kUsage,
                "say what the checkpoint is for with --description, or use --list or --delete ID");
  }
  return create(context, options);
}

}  // namespace

void add_checkpoint(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  CLI::App& command =
      *app.add_subcommand("checkpoint", "Make a checkpoint, list them, or delete one");
  command.add_option("FILE", options->file, "session file")->required();
  auto* description = command.add_option("--description", options->description, "what it is for");
  auto* trigger = one_of_words(
      command.add_option("--trigger", options->trigger, "why it is made (default: manual)"),
      trigger_choices());
  auto* tag = command.add_option("--tag", options->tags, "a tag; may be given again")
                  ->expected(1)
                  ->take_all();
  auto* reason = command.add_option("--reason", options->reason, "more about why");
  auto* list = command.add_flag("--list", options->list, "list the checkpoints");
  auto* remove = command.add_option("--delete", options->delete_id,
                                    "delete the checkpoint with this id, or beginning of one");
  remove->type_name("ID");
  for (auto* other : {description, trigger, tag, reason, remove}) list->excludes(other);
  for (auto* other : {description, trigger, tag, reason}) remove->excludes(other);
  add_dry_run(command, options->dry_run);
  on_run(command, context, options, run);
}

}  // namespace session::cli
