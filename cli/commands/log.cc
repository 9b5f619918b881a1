// sessiontool log: revisions and checkpoints, newest first.

#include <map>
#include <string>

#include "cli/arguments/revision.h"
#include "cli/commands/commands.h"
#include "cli/io/interrupt.h"
#include "cli/render/revision.h"
#include "cli/render/table.h"
#include "cli/render/units.h"

namespace session::cli {
namespace {

constexpr std::size_t kShortFingerprint = 12;

struct Options {
  std::string source;
  std::uint64_t limit = 0;  // 0: all
};

using Checkpoints = std::map<std::uint64_t, CheckpointInfo>;  // by revision

Checkpoints checkpoints_of(const Snapshot& snapshot) {
  Checkpoints checkpoints;
  for (CheckpointInfo& checkpoint : snapshot.checkpoints()) {
    const std::uint64_t revision = checkpoint.revision;
    checkpoints.insert_or_assign(revision, std::move(checkpoint));
  }
  return checkpoints;
}

const CheckpointInfo* find(const Checkpoints& checkpoints, const RevisionInfo& revision) {
  const auto found = checkpoints.find(revision.revision);
  return found == checkpoints.end() ? nullptr : &found->second;
}

// Calls `visit(revision, its checkpoint or null)` for each that is to be shown.
template <class Visit>
void each_revision(const Options& options, const Snapshot& snapshot, const Visit& visit) {
  const Checkpoints checkpoints = checkpoints_of(snapshot);
  std::uint64_t shown = 0;
  snapshot.history([&](const RevisionInfo& revision) {
    stop_if_interrupted();
    visit(revision, find(checkpoints, revision));
    return ++shown != options.limit;
  });
}

void write_json(Context& context, const Options& options, const OpenRevision& open) {
  JsonDocument document(context);
  document.field("file", open.file);
  document.key("revisions").begin_array();
  each_revision(options, open.snapshot,
                [&](const RevisionInfo& revision, const CheckpointInfo* checkpoint) {
                  document.begin_object();
                  write_revision(document, revision, checkpoint);
                  document.end_object();
                });
  document.end_array();
  document.finish();
}

void write_text(Context& context, const Options& options, const OpenRevision& open) {
  TextTable table(context.out(), context.style(), context.columns(),
                  {{"revision", true},
                   {"time"},
                   {"kind"},
                   {"changes", true},
                   {"size", true},
                   {"fingerprint"},
                   {"message"}});
  each_revision(
      options, open.snapshot, [&](const RevisionInfo& revision, const CheckpointInfo* checkpoint) {
        const Ink ink = checkpoint != nullptr ? Ink::kYellow : Ink::kPlain;
        const std::string fingerprint =
            revision.fingerprint ? to_hex(*revision.fingerprint).substr(0, kShortFingerprint) : "";
        table.row({{std::to_string(revision.revision), ink},
                   {short_time(revision.time_nanos), Ink::kDim},
                   {std::string(kind_words(revision, checkpoint)), ink},
                   {change_words(revision)},
                   {human_bytes(revision.size_bytes)},
                   {fingerprint, Ink::kDim},
                   {message_words(revision, checkpoint)}});
      });
  table.finish();
}

ExitCode run(Context& context, const Options& options) {
  const OpenRevision open = open_revision(context, options.source);
  if (context.options.json) {
    write_json(context, options, open);
  } else {
    write_text(context, options, open);
  }
  return ExitCode::kDone;
}

}  // namespace

void add_log(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  CLI::App& command = *app.add_subcommand("log", "List revisions and checkpoints, newest first");
  add_revision_argument(command, context, options->source);
  command.add_option("--limit", options->limit, "the newest N only")->type_name("N");
  on_run(command, context, options, run);
}

}  // namespace session::cli
