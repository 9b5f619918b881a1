// What the documents of all views of `show` have in common.

#include "cli/commands/show.h"
#include "session/convert.h"

namespace session::cli {

ShowDocument::ShowDocument(Context& context, const ShowRequest& request) : JsonDocument(context) {
  field("file", request.file).field("revision", request.snapshot.revision());
  field("what", request.what);
}

void ShowDocument::record(const Snapshot& snapshot, Table table, const AnyEntry& entry) {
  const WholeRecord whole = snapshot.whole(table, entry);
  begin_object();
  field("table", table_name(table)).field("key", entry.key());
  key("record").raw(record_as_json(table, whole.record())).end_object();
}

}  // namespace session::cli
