// sessiontool log: revisions and checkpoints, newest first.

#include <map>
#include <optional>
#include <string>

#include "cli/arguments/revision.h"
#include "cli/commands/commands.h"
#include "cli/io/interrupt.h"
#include "cli/render/names.h"
#include "cli/render/table.h"
#include "cli/render/text.h"
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

std::string_view kind_name(CommitKind kind) {
  return kind == CommitKind::kSnapshot ? "snapshot" : "delta";
}

void write_json(Context& context, const Options& options, const OpenRevision& open) {
  JsonDocument document(context);
  document.field("file", open.file);
  document.key("revisions").begin_array();
  each_revision(
      options, open.snapshot, [&](const RevisionInfo& revision, const CheckpointInfo* checkpoint) {
        using Text = std::optional<std::string>;
        document.begin_object();
        document.field("revision", revision.revision).field("parent", revision.parent);
        document.field("time", rfc3339(revision.time_nanos));
        document.field("kind", kind_name(revision.kind)).field("bytes", revision.size_bytes);
        document.field("fingerprint",
                       revision.fingerprint ? Text(to_hex(*revision.fingerprint)) : Text());
        document.field("checkpoint", checkpoint != nullptr ? Text(checkpoint->id) : Text());
        document.field("trigger",
                       checkpoint != nullptr ? Text(trigger_name(checkpoint->trigger)) : Text());
        document.field("description",
                       checkpoint != nullptr ? Text(checkpoint->description) : Text());
        document.field("message", revision.message);
        document.field("upserts", revision.upserts).field("erases", revision.erases);
        document.end_object();
      });
  document.end_array();
  document.finish();
}

std::string changes_of(const RevisionInfo& revision) {
  std::string text;
  if (revision.upserts > 0) text += "+" + grouped(revision.upserts);
  if (revision.erases > 0) text += (text.empty() ? "-" : " -") + grouped(revision.erases);
  return text.empty() ? "0" : text;
}

std::string words_of(const RevisionInfo& revision, const CheckpointInfo* checkpoint) {
  std::string text = revision.message;
  if (checkpoint == nullptr) return one_line(text);
  if (text.empty() || text == checkpoint->description) return one_line(checkpoint->description);
  return one_line(checkpoint->description + " (" + text + ")");
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
        const std::string_view kind =
            checkpoint != nullptr ? trigger_name(checkpoint->trigger) : kind_name(revision.kind);
        const std::string fingerprint =
            revision.fingerprint ? to_hex(*revision.fingerprint).substr(0, kShortFingerprint) : "";
        table.row({{std::to_string(revision.revision), ink},
                   {short_time(revision.time_nanos), Ink::kDim},
                   {std::string(kind), ink},
                   {changes_of(revision)},
                   {human_bytes(revision.size_bytes)},
                   {fingerprint, Ink::kDim},
                   {words_of(revision, checkpoint)}});
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
