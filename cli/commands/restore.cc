// sessiontool restore: an older revision becomes the head again.

#include <optional>
#include <string>

#include "cli/arguments/revision.h"
#include "cli/commands/commands.h"
#include "cli/render/text.h"
#include "session/reader.h"
#include "session/writer.h"

namespace session::cli {
namespace {

struct Options {
  std::string source;
  bool dry_run = false;
};

struct Outcome {
  std::string file;
  std::uint64_t restored = 0;  // the revision whose content the head has now
  std::uint64_t previous_head = 0;
  std::uint64_t revision = 0;        // the new head; 0 in a dry run
  std::string emergency_checkpoint;  // its id
};

Outcome imagine(const RevisionName& name) {
  const Reader reader = Reader::open(name.file);
  Outcome outcome;
  outcome.file = name.file;
  outcome.restored = reader.at(std::string_view(name.revision)).revision();
  outcome.previous_head = reader.head().revision();
  return outcome;
}

Outcome restore(const RevisionName& name) {
  Writer writer = Writer::open(name.file);
  Outcome outcome;
  outcome.file = name.file;
  outcome.restored = writer.at(std::string_view(name.revision)).revision();
  outcome.previous_head = writer.head().revision();
  outcome.revision = writer.restore(outcome.restored).revision;
  for (const CheckpointInfo& checkpoint : writer.head().checkpoints()) {
    const bool emergency = checkpoint.trigger == schema::Trigger::BEFORE_RESTORE;
    if (emergency && checkpoint.revision >= outcome.previous_head) {
      outcome.emergency_checkpoint = checkpoint.id;
    }
  }
  writer.close();
  return outcome;
}

void write_json(Context& context, const Outcome& outcome, bool dry_run) {
  JsonDocument document(context);
  document.field("file", outcome.file).field("restored", outcome.restored);
  document.field("previous_head", outcome.previous_head);
  document.field("revision",
                 dry_run ? std::optional<std::uint64_t>() : std::optional(outcome.revision));
  document.field("emergency_checkpoint", outcome.emergency_checkpoint.empty()
                                             ? std::optional<std::string>()
                                             : std::optional(outcome.emergency_checkpoint));
  document.field("dry_run", dry_run);
  document.finish();
}

void write_text(Context& context, const Outcome& outcome, bool dry_run) {
  const std::string file = one_line(outcome.file);
  if (dry_run) {
    context.out() << file << ": would make the content of revision " << outcome.restored
                  << " the head's, after an emergency checkpoint of revision "
                  << outcome.previous_head << '\n';
    return;
  }
  context.out() << file << ": revision " << outcome.revision << " has the content of revision "
                << outcome.restored;
  if (!outcome.emergency_checkpoint.empty()) {
    context.out() << "; what was the head is kept as checkpoint "
                  << one_line(outcome.emergency_checkpoint);
  }
  context.out() << '\n';
}

ExitCode run(Context& context, const Options& options) {
  const RevisionName name = split_revision(context, options.source);
  if (name.revision == "head") {
    throw Error(ErrorCode::kUsage,
                "say which revision to restore: FILE@REV; `sessiontool log FILE` lists them",
                name.file);
  }
  const Outcome outcome = options.dry_run ? imagine(name) : restore(name);
  if (context.options.json) {
    write_json(context, outcome, options.dry_run);
  } else if (!context.options.quiet) {
    write_text(context, outcome, options.dry_run);
  }
  return ExitCode::kDone;
}

}  // namespace

void add_restore(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  CLI::App& command = *app.add_subcommand(
      "restore", "Make an older revision the head, as a new revision: nothing is lost");
  add_revision_argument(command, context, options->source);
  add_dry_run(command, options->dry_run);
  on_run(command, context, options, run);
}

}  // namespace session::cli
