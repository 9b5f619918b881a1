#include "cli/render/revision.h"

#include "cli/render/names.h"
#include "cli/render/text.h"
#include "cli/render/units.h"

namespace session::cli {
namespace {

std::string_view kind_name(CommitKind kind) {
  return kind == CommitKind::kSnapshot ? "snapshot" : "delta";
}

}  // namespace

std::uint64_t change_count(const RevisionInfo& revision) {
  return std::uint64_t{revision.upserts} + revision.erases;
}

std::string change_words(const RevisionInfo& revision) {
  std::string text;
  if (revision.upserts > 0) text += "+" + grouped(revision.upserts);
  if (revision.erases > 0) text += (text.empty() ? "-" : " -") + grouped(revision.erases);
  return text.empty() ? "0" : text;
}

std::string_view kind_words(const RevisionInfo& revision, const CheckpointInfo* checkpoint) {
  return checkpoint != nullptr ? trigger_name(checkpoint->trigger) : kind_name(revision.kind);
}

std::string message_words(const RevisionInfo& revision, const CheckpointInfo* checkpoint) {
  std::string text = revision.message;
  if (checkpoint == nullptr) return one_line(text);
  if (text.empty() || text == checkpoint->description) return one_line(checkpoint->description);
  return one_line(checkpoint->description + " (" + text + ")");
}

void write_revision(Json& object, const RevisionInfo& revision, const CheckpointInfo* checkpoint) {
  using Text = std::optional<std::string>;
  object.field("revision", revision.revision).field("parent", revision.parent);
  object.field("time", rfc3339(revision.time_nanos));
  object.field("kind", kind_name(revision.kind)).field("bytes", revision.size_bytes);
  object.field("fingerprint", revision.fingerprint ? Text(to_hex(*revision.fingerprint)) : Text());
  object.field("checkpoint", checkpoint != nullptr ? Text(checkpoint->id) : Text());
  object.field("trigger", checkpoint != nullptr ? Text(trigger_name(checkpoint->trigger)) : Text());
  object.field("description", checkpoint != nullptr ? Text(checkpoint->description) : Text());
  object.field("message", revision.message).field("changes", change_count(revision));
  object.field("upserts", revision.upserts).field("erases", revision.erases);
}

std::string writer_words(const FileInfo& info) {
  if (info.writer_process != 0) {
    return "open: process " + std::to_string(info.writer_process) + " writes it";
  }
  if (info.is_being_written) return "open: a writer that cannot be seen from here has it";
  return info.sealed ? "closed cleanly" : "not closed";
}

void write_writer(Json& object, const FileInfo& info) {
  object.field("sealed", info.sealed).field("being_written", info.is_being_written);
  object.field("writer_process",
               info.writer_process != 0 ? std::optional(info.writer_process) : std::nullopt);
}

}  // namespace session::cli
