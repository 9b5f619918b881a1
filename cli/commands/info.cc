// sessiontool info: what a session file is.

#include <optional>
#include <string>
#include <vector>

#include "cli/arguments/revision.h"
#include "cli/commands/commands.h"
#include "cli/render/names.h"
#include "cli/render/revision.h"
#include "cli/render/table.h"
#include "cli/render/text.h"
#include "cli/render/units.h"
#include "session/convert.h"

namespace session::cli {
namespace {

struct Options {
  std::string source;
  bool stats = false;
};

// What is printed: the file, and the revision that was asked for.
struct Facts {
  explicit Facts(const OpenRevision& open) : snapshot(open.snapshot), file(open.file) {}

  Snapshot snapshot;  // what `statistics` points into
  std::string file;
  FileInfo info;
  RevisionInfo revision;
  std::string fingerprint;
  std::vector<TableSize> tables;
  std::string name;
  std::string description;
  std::string workspace;
  std::vector<std::string> tags;
  std::string agent_version;
  std::optional<Entry<schema::Upkeep>> statistics;
};

void read_session(const Snapshot& snapshot, Facts& facts) {
  if (const auto entry = snapshot.get<schema::SessionRecord>("metadata")) {
    const WholeRecord whole = snapshot.whole(Table::kSession, entry->any());
    const auto metadata = whole.as<schema::SessionRecord>().getMetadata();
    facts.name = view(metadata.getName());
    facts.description = view(metadata.getDescription());
    facts.workspace = view(metadata.getWorkspace());
    for (const auto tag : metadata.getTags()) facts.tags.emplace_back(view(tag));
  }
  if (const auto entry = snapshot.get<schema::Upkeep>("identity")) {
    facts.agent_version = view((*entry)->getIdentity().getAgentVersion());
  }
}

Facts facts_of(const OpenRevision& open, bool stats) {
  Facts facts(open);
  facts.info = open.reader.info();
  facts.revision = open.snapshot.info();
  facts.fingerprint = to_hex(open.snapshot.fingerprint());
  for (const Table table : kAllTables) facts.tables.push_back(open.snapshot.size(table));
  read_session(open.snapshot, facts);
  if (stats) facts.statistics = open.snapshot.get<schema::Upkeep>("statistics");
  return facts;
}

std::uint64_t dead_bytes(const FileInfo& info) {
  const std::uint64_t used = info.live_bytes + info.parity_bytes;
  return info.head_end > used ? info.head_end - used : 0;
}

std::string format_of(const FileInfo& info) {
  return std::to_string(info.major) + "." + std::to_string(info.minor);
}

void write_tables_json(Json& document, const std::vector<TableSize>& tables) {
  document.key("tables").begin_object();
  for (const TableSize& table : tables) {
    document.key(table_name(table.table)).begin_object();
    document.field("count", table.count).field("bytes", table.content_bytes);
    document.field("stored_bytes", table.stored_bytes).end_object();
  }
  document.end_object();
}

void write_file_json(Json& document, const FileInfo& info) {
  document.key("file").begin_object();
  document.field("path", info.path).field("id", info.file_id);
  document.field("created", rfc3339(info.created_nanos));
  document.field("bytes", info.file_bytes).field("live_bytes", info.live_bytes);
  document.field("dead_bytes", dead_bytes(info)).field("parity_bytes", info.parity_bytes);
  document.field("uncovered_bytes", info.uncovered_bytes).field("tail_bytes", info.tail_bytes);
  document.field("reserve_bytes", info.reserve_bytes).end_object();
}

void write_session_json(Json& document, const Facts& facts) {
  document.key("session").begin_object();
  document.field("id", facts.info.session_id).field("name", facts.name);
  document.field("description", facts.description).field("workspace", facts.workspace);
  document.field("agent_version", facts.agent_version);
  document.key("tags").begin_array();
  for (const std::string& tag : facts.tags) document.text(tag);
  document.end_array().end_object();
}

void write_json(Context& context, const Facts& facts) {
  JsonDocument document(context);
  document.field("format", format_of(facts.info));
  write_session_json(document, facts);
  document.key("head").begin_object();
  document.field("revision", facts.revision.revision);
  document.field("time", rfc3339(facts.revision.time_nanos));
  document.field("fingerprint", facts.fingerprint).end_object();
  write_tables_json(document, facts.tables);
  write_file_json(document, facts.info);
  write_writer(document, facts.info);
  document.field("revisions", facts.info.revisions);
  document.field("checkpoints", facts.info.checkpoints).field("writer", facts.info.writer);
  if (facts.statistics) {
    const AnyEntry& entry = facts.statistics->any();
    document.key("statistics").raw(record_as_json(Table::kUpkeep, entry.record()));
  }
  document.finish();
}

std::string share(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) return human_bytes(part);
  return human_bytes(part) + " (" + std::to_string(part * 100 / whole) + " %)";
}

void write_facts(Context& context, const Facts& facts) {
  TextTable table(context.out(), context.style(), context.columns(), {{""}, {""}});
  const auto fact = [&table](std::string_view name, std::string_view value) {
    if (!value.empty()) table.row({{std::string(name), Ink::kDim}, {one_line(value)}});
  };
  const FileInfo& info = facts.info;
  fact("file", facts.file);
  fact("name", facts.name);
  fact("description", facts.description);
  fact("workspace", facts.workspace);
  for (const std::string& tag : facts.tags) fact("tag", tag);
  fact("session", info.session_id);
  fact("format", format_of(info) + (info.writer.empty() ? "" : ", written by " + info.writer));
  fact("agent", facts.agent_version);
  fact("created", short_time(info.created_nanos));
  fact(facts.revision.revision == info.head.revision ? "head" : "revision",
       std::to_string(facts.revision.revision) + ", " + short_time(facts.revision.time_nanos));
  fact("fingerprint", facts.fingerprint);
  fact("history",
       counted(info.revisions, "revision") + ", " + counted(info.checkpoints, "checkpoint"));
  fact("size", human_bytes(info.file_bytes) + ", " + writer_words(info));
  fact("live", share(info.live_bytes, info.file_bytes));
  fact("dead", share(dead_bytes(info), info.file_bytes));
  fact("parity",
       human_bytes(info.parity_bytes) + ", " + human_bytes(info.uncovered_bytes) + " not covered");
  if (info.tail_bytes > 0) fact("torn tail", human_bytes(info.tail_bytes) + ", not committed");
  if (info.reserve_bytes > 0) fact("reserve", human_bytes(info.reserve_bytes));
  table.finish();
}

void write_tables(Context& context, const Facts& facts) {
  context.out() << '\n';
  TextTable table(context.out(), context.style(), context.columns(),
                  {{"table"}, {"records", true}, {"content", true}, {"stored", true}});
  for (const TableSize& size : facts.tables) {
    if (size.count == 0) continue;
    table.row({{std::string(table_name(size.table))},
               {grouped(size.count)},
               {human_bytes(size.content_bytes)},
               {human_bytes(size.stored_bytes)}});
  }
  table.finish();
}

void write_statistics(Context& context, const Facts& facts) {
  context.out() << '\n';
  if (!facts.statistics) {
    context.out() << "no statistics were recorded in this session\n";
    return;
  }
  const auto statistics = (**facts.statistics).getStatistics();
  TextTable table(context.out(), context.style(), context.columns(), {{"statistics"}, {"", true}});
  const auto figure = [&table](std::string_view name, const std::string& value) {
    table.row({{std::string(name), Ink::kDim}, {value}});
  };
  const auto mean = [](std::uint64_t sum, std::uint64_t count) {
    return count == 0 ? std::string("-") : human_duration(static_cast<std::int64_t>(sum / count));
  };
  figure("saves", grouped(statistics.getSaves()));
  figure("mean save", mean(statistics.getSaveNanos(), statistics.getSaves()));
  figure("loads", grouped(statistics.getLoads()));
  figure("mean load", mean(statistics.getLoadNanos(), statistics.getLoads()));
  figure("checkpoints", grouped(statistics.getCheckpoints()));
  figure("recoveries", grouped(statistics.getRecoveries()));
  figure("execution", human_duration(static_cast<std::int64_t>(statistics.getExecutionNanos())));
  figure("written", human_bytes(statistics.getBytesWritten()));
  figure("compressed", share(statistics.getStoredBytes(), statistics.getRawBytes()));
  figure("reads", grouped(statistics.getReadCalls()));
  figure("writes", grouped(statistics.getWriteCalls()));
  figure("syncs", grouped(statistics.getSyncCalls()));
  table.finish();
}

ExitCode run(Context& context, const Options& options) {
  const Facts facts = facts_of(open_revision(context, options.source), options.stats);
  if (context.options.json) {
    write_json(context, facts);
    return ExitCode::kDone;
  }
  write_facts(context, facts);
  write_tables(context, facts);
  if (options.stats) write_statistics(context, facts);
  return ExitCode::kDone;
}

}  // namespace

void add_info(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  CLI::App& command =
      *app.add_subcommand("info", "Say what a session file is: version, head, sizes");
  add_revision_argument(command, context, options->source);
  command.add_flag("--stats", options->stats, "the recorded statistics as well");
  on_run(command, context, options, run);
}

}  // namespace session::cli
