#pragma once
// One state of an aca session - a session.json or a checkpoint - as the records of four tables, and
// back.
//
//   tasks, executions   aca_task.h
//   files               tracked_files; workspace_files, temp_files, created_directories as flags
//   session/metadata    name, description, workspace, tags, properties, mode, container; in its
//                       `extra` what else the document says beside tasks and tracked files
//   session/context     execution_context
//
// Counts, roots and lists of files are computed when a state is written; where the source said
// something else, that comes back for as long as nobody changes what is counted.

#include "lib/convert/converter.h"
#include "lib/convert/json.h"
#include "session/snapshot.h"

namespace session::convert::aca {

// Puts the records of the state, and erases what the head has of aca's and the state has not.
// Throws kBadSource if `document` is no object.
void state_to_records(json::Value document, ImportContext& into);

// `visit`, if given, is called for each record.
[[nodiscard]] json::Value records_to_state(const Snapshot& snapshot,
                                           const std::function<void()>& visit = {});

// What a state says beside the tasks and tracked files that are records, and what it would say if
// its source had said nothing more: the difference is the `extra` of session/metadata.
struct Outline {
  json::Value document;
  json::Value derived;
};
[[nodiscard]] Outline records_to_outline(const Snapshot& snapshot,
                                         const std::function<void()>& visit = {});

}  // namespace session::convert::aca
