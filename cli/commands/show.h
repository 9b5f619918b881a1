#pragma once
// What `show` can show: one function per view.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/context.h"
#include "cli/render/names.h"
#include "session/reader.h"
#include "session/snapshot.h"

namespace session::cli {

struct ShowRequest {
  const std::string& file;
  const Reader& reader;
  const Snapshot& snapshot;
  std::string what;
  std::string key;
  std::vector<schema::TaskStatus> statuses;  // empty: any
  std::optional<std::int64_t> since_nanos;
  std::uint64_t limit = 0;  // 0: all
  bool ready_only = false;
};

void show_tasks(Context& context, const ShowRequest& request);
void show_task(Context& context, const ShowRequest& request);
void show_status(Context& context, const ShowRequest& request);
void show_messages(Context& context, const ShowRequest& request);
void show_files(Context& context, const ShowRequest& request);
void show_events(Context& context, const ShowRequest& request);
void show_context(Context& context, const ShowRequest& request);

// The document of a view, opened: file, revision, and what it shows.
class ShowDocument : public JsonDocument {
 public:
  ShowDocument(Context& context, const ShowRequest& request);
  // {"table", "key", "record"}: what `apply` takes.
  void record(const Snapshot& snapshot, Table table, const AnyEntry& entry);
};

}  // namespace session::cli
