// The views of `show` that list records: messages, files, events; and the session's own.

#include <deque>
#include <functional>
#include <optional>
#include <string>

#include "cli/commands/show.h"
#include "cli/io/interrupt.h"
#include "cli/render/conversation.h"
#include "cli/render/page.h"
#include "cli/render/session_page.h"
#include "cli/render/table.h"

namespace session::cli {
namespace {

std::optional<std::int64_t> time_of(schema::Message::Reader message) {
  return message.getTimeForm() == 0 ? std::nullopt : std::optional(message.getTime());
}

std::optional<std::int64_t> time_of(schema::Event::Reader event) {
  return event.getTimeForm() == 0 ? std::nullopt : std::optional(event.getTime());
}

std::optional<std::int64_t> time_of(schema::File::Reader file) {
  return file.getModifiedAtForm() == 0 ? std::nullopt : std::optional(file.getModifiedAt());
}

template <class Record>
bool is_wanted(const ShowRequest& request, const Entry<Record>& entry) {
  if (!request.since_nanos) return true;
  return time_of(*entry).value_or(INT64_MIN) >= *request.since_nanos;
}

// Records in key order; with a limit the first.
template <class Record>
void each_first(const ShowRequest& request,
                const std::function<void(const Entry<Record>&)>& visit) {
  std::uint64_t shown = 0;
  for (const auto& entry : request.snapshot.all<Record>()) {
    stop_if_interrupted();
    if (!is_wanted(request, entry)) continue;
    visit(entry);
    if (++shown == request.limit) return;
  }
}

// Records in key order; with a limit the last.
template <class Record>
void each_last(const ShowRequest& request, const std::function<void(const Entry<Record>&)>& visit) {
  if (request.limit == 0) {
    each_first<Record>(request, visit);
    return;
  }
  std::deque<Entry<Record>> last;
  for (const auto& entry : request.snapshot.all<Record>()) {
    stop_if_interrupted();
    if (!is_wanted(request, entry)) continue;
    if (last.size() == request.limit) last.pop_front();
    last.push_back(entry);
  }
  for (const auto& entry : last) visit(entry);
}

template <class Record>
using Each = void (*)(const ShowRequest&, const std::function<void(const Entry<Record>&)>&);

template <class Record>
void write_json(Context& context, const ShowRequest& request, Each<Record> each) {
  ShowDocument document(context, request);
  document.key(table_name(kTableOf<Record>)).begin_array();
  each(request, [&](const Entry<Record>& entry) {
    document.record(request.snapshot, kTableOf<Record>, entry.any());
  });
  document.end_array();
  document.finish();
}

// Calls `visit(key, record)` with large texts put back in.
template <class Record, class Visit>
void each_whole(const ShowRequest& request, Each<Record> each, const Visit& visit) {
  each(request, [&](const Entry<Record>& entry) {
    const WholeRecord whole = request.snapshot.whole(kTableOf<Record>, entry.any());
    visit(entry.key(), whole.as<Record>());
  });
}

}  // namespace

void show_messages(Context& context, const ShowRequest& request) {
  if (context.options.json) {
    write_json<schema::Message>(context, request, each_last<schema::Message>);
    return;
  }
  const Style style = context.style();
  Page page(context.out(), style);
  Conversation conversation(page, context.columns());
  each_whole<schema::Message>(
      request, each_last<schema::Message>,
      [&conversation](std::string_view key, schema::Message::Reader message) {
        conversation.add(key, message);
      });
  conversation.finish();
}

void show_files(Context& context, const ShowRequest& request) {
  if (context.options.json) {
    write_json<schema::File>(context, request, each_first<schema::File>);
    return;
  }
  TextTable table(context.out(), context.style(), context.columns(), file_columns());
  each_whole<schema::File>(request, each_first<schema::File>,
                           [&table](std::string_view path, schema::File::Reader file) {
                             table.row(file_row(path, file));
                           });
  table.finish();
}

void show_events(Context& context, const ShowRequest& request) {
  if (context.options.json) {
    write_json<schema::Event>(context, request, each_last<schema::Event>);
    return;
  }
  TextTable table(context.out(), context.style(), context.columns(), event_columns());
  each_whole<schema::Event>(
      request, each_last<schema::Event>,
      [&table](std::string_view, schema::Event::Reader event) { table.row(event_row(event)); });
  table.finish();
}

void show_context(Context& context, const ShowRequest& request) {
  const Snapshot& snapshot = request.snapshot;
  const auto metadata = snapshot.find(Table::kSession, "metadata");
  const auto execution = snapshot.find(Table::kSession, "context");
  if (context.options.json) {
    ShowDocument document(context, request);
    for (const auto& [name, entry] :
         {std::pair("metadata", &metadata), std::pair("context", &execution)}) {
      document.key(name);
      if (*entry) {
        document.record(snapshot, Table::kSession, **entry);
      } else {
        document.null();
      }
    }
    document.finish();
    return;
  }
  const Style style = context.style();
  Page page(context.out(), style);
  if (metadata) {
    const WholeRecord whole = snapshot.whole(Table::kSession, *metadata);
    write_metadata(page, whole.as<schema::SessionRecord>().getMetadata());
  }
  if (execution) {
    const WholeRecord whole = snapshot.whole(Table::kSession, *execution);
    write_context(page, whole.as<schema::SessionRecord>().getContext());
  }
  if (!metadata && !execution) page.line("nothing is recorded about the session itself");
}

}  // namespace session::cli
