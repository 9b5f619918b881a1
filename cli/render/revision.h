#pragma once
// A revision, and the file it stands in, as several commands show them.

#include <optional>
#include <string>
#include <string_view>

#include "cli/render/json.h"
#include "session/revision.h"

namespace session::cli {

// Records written and erased.
[[nodiscard]] std::uint64_t change_count(const RevisionInfo& revision);
// The same for a person: "+3 -1".
[[nodiscard]] std::string change_words(const RevisionInfo& revision);
// A checkpoint's trigger, else "snapshot" or "delta".
[[nodiscard]] std::string_view kind_words(const RevisionInfo& revision,
                                          const CheckpointInfo* checkpoint);
// What its writer said about it, on one line.
[[nodiscard]] std::string message_words(const RevisionInfo& revision,
                                        const CheckpointInfo* checkpoint);
// The fields of an object that has begun. `checkpoint`: null if the revision is none.
void write_revision(Json& object, const RevisionInfo& revision, const CheckpointInfo* checkpoint);

// "closed cleanly", "not closed", "open: process 4711 writes it"
[[nodiscard]] std::string writer_words(const FileInfo& info);
// The fields sealed, being_written and writer_process.
void write_writer(Json& object, const FileInfo& info);

}  // namespace session::cli
