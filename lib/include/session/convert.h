#pragma once
// Sessions come in from the formats people have, and go out again unchanged: a record imported and
// exported gives back the same JSON, in which absent, null, empty and default stay different and
// numbers and times keep their text.

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "session/error.h"
#include "session/progress.h"
#include "session/snapshot.h"
#include "session/writer.h"

namespace session {

enum class SourceFormat : std::uint8_t {
  kJson,   // ours: one document
  kJsonl,  // ours: one record a line
  kBeads,
  kTaskmaster,
  kAca,
  kClaudeCode,
  kCodex,
  kSweAgent,
};

// "json", "claude-code", ...; and back.
[[nodiscard]] std::string_view source_format_name(SourceFormat format);
[[nodiscard]] std::optional<SourceFormat> source_format_from_name(std::string_view name);
// What this build can read and write, for help texts.
[[nodiscard]] std::vector<SourceFormat> import_formats();
[[nodiscard]] std::vector<SourceFormat> export_formats();

struct ImportOptions {
  std::optional<SourceFormat> from;  // nothing: detected
  std::string message;               // of the commits
  bool dry_run = false;              // read and compare everything, write nothing
  bool overwrite = false;            // a new session in place of an existing file
  ProgressCallback progress;
  io::FileSystem* files = nullptr;
  std::uint64_t memory_bytes = 64ULL << 20;  // of pending changes before they are written out
};

// One source, one revision.
struct ImportedSource {
  std::string source;
  std::string output;  // the session file it went to
  SourceFormat format = SourceFormat::kJson;
  std::uint64_t revision = 0;  // the head afterwards; unchanged if `upserts + erases` is 0, and in
                               // a dry run; 0 of a file that is not there
  std::uint64_t upserts = 0;
  std::uint64_t erases = 0;
  std::uint64_t written_bytes = 0;
  std::vector<std::string> warnings;  // references that lead nowhere, ...: imported all the same
};

struct ImportReport {
  std::string output;
  bool created = false;
  std::vector<ImportedSource> sources;
};

// Imports each source in turn into the session at `output`, one revision each. A new file has the
// first source as revision 1 and appears only when all are in; on an existing one each source
// commits the difference to the head, and nothing when there is none. Throws kBadSource with line
// and column, and then leaves a new file unmade and an existing one with the content that the last
// whole source gave it; the error says which sources are in.
// Checkpoints a source holds (aca) become revisions of their own, before its state. Where a source
// fails after some of them, its head is a new revision with the content from before.
//
// Where the sources hold several sessions (an aca workspace), `output` is a directory, made when
// missing, and each session goes to "<its name>.session" there; so does one of aca's if `output` is
// a directory. New files appear together. Throws kUsage if it is a file, and for an output among
// the files that are imported.
ImportReport import_sources(const std::vector<std::string>& sources, const std::string& output,
                            const ImportOptions& options = {});

struct ExportReport {
  SourceFormat format = SourceFormat::kJson;
  std::uint64_t revision = 0;
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;
  std::vector<std::string> warnings;  // what the format cannot say, and so was left out
};

// Of an aca workspace, an .aca or a session's directory: the directories of its sessions, in order
// of their names. Empty if it is none of these.
[[nodiscard]] std::vector<std::string> aca_sessions(const std::string& path);

// Writes one revision in a format. Throws kUsage where the format needs a directory.
ExportReport export_session(const Snapshot& snapshot, SourceFormat format, std::ostream& out,
                            const ProgressCallback& progress = {});

// Which formats need one: aca.
[[nodiscard]] bool is_directory_format(SourceFormat format);
// Writes one revision, and the checkpoints it knows, as a directory, which appears whole or not at
// all. What was imported comes back as it lay there: a workspace with its .aca, an .aca, or a
// session's directory. Throws kExists unless `directory` is missing or empty, kUsage for a format
// that is a file. A dry run checks and reports the same, and writes nothing.
ExportReport export_session_directory(const Snapshot& snapshot, SourceFormat format,
                                      const std::string& directory,
                                      const ProgressCallback& progress = {}, bool dry_run = false);

struct ApplyReport {
  std::uint64_t revision = 0;
  std::uint64_t upserts = 0;
  std::uint64_t erases = 0;
  std::uint64_t written_bytes = 0;
};

// Reads operations, one JSON object a line: {"table", "key", "record"} or {"table", "key",
// "delete": true}, into the transaction; the caller commits. Throws kBadSource with line and
// column.
ApplyReport apply_operations(Transaction& transaction, std::istream& operations,
                             const std::string& source_name);

// One record as our own JSON, compact: what `export --to jsonl` prints for it.
[[nodiscard]] std::string record_as_json(Table table, AnyRecord record);
// Indented by two spaces.
[[nodiscard]] std::string record_as_pretty_json(Table table, AnyRecord record);

}  // namespace session
