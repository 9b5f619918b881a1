// sessiontool show: the content of a revision.

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/arguments/choices.h"
#include "cli/arguments/revision.h"
#include "cli/commands/commands.h"
#include "cli/commands/show.h"
#include "cli/render/units.h"

namespace session::cli {
namespace {

struct Options {
  std::string source;
  std::string what = "tasks";
  std::string key;
  std::vector<std::string> statuses;
  std::string since;
  std::uint64_t limit = 0;
  bool ready = false;
};

struct View {
  std::string_view name;
  void (*show)(Context&, const ShowRequest&);
  bool takes_key = false;
  bool takes_task_filter = false;  // --status, --ready
  bool takes_range = false;        // --since, --limit
};

constexpr std::array kViews = {
    View{"tasks", show_tasks, false, true, true},
    View{"task", show_task, true, false, false},
    View{"messages", show_messages, false, false, true},
    View{"files", show_files, false, false, true},
    View{"context", show_context, false, false, false},
    View{"events", show_events, false, false, true},
    View{"status", show_status, false, false, false},
};

std::vector<std::string> view_names() {
  std::vector<std::string> names;
  for (const View& view : kViews) names.emplace_back(view.name);
  return names;
}

const View& view_of(const std::string& name) {
  for (const View& view : kViews) {
    if (view.name == name) return view;
  }
  throw Error(ErrorCode::kInternal, "no view is called '" + name + "'");
}

[[noreturn]] void refuse(const Options& options, const std::string& what) {
  throw Error(ErrorCode::kUsage, what + " means nothing to `show FILE " + options.what + "`");
}

void check(const Options& options, const View& view) {
  if (view.takes_key && options.key.empty()) {
    throw Error(ErrorCode::kUsage, "name the task: `show FILE task KEY`");
  }
  if (!view.takes_key && !options.key.empty()) refuse(options, "'" + options.key + "'");
  if (!view.takes_task_filter && !options.statuses.empty()) refuse(options, "--status");
  if (!view.takes_task_filter && options.ready) refuse(options, "--ready");
  if (!view.takes_range && !options.since.empty()) refuse(options, "--since");
  if (!view.takes_range && options.limit != 0) refuse(options, "--limit");
}

std::optional<std::int64_t> since_of(const Options& options) {
  if (options.since.empty()) return std::nullopt;
  if (const auto time = parse_time(options.since, now_nanos())) return time;
  throw Error(ErrorCode::kUsage, "--since does not understand '" + options.since +
                                     "'; give a time such as 2026-11-22T10:00:00Z, a day, or how "
                                     "long ago: 90m, 2h, 3d");
}

ExitCode run(Context& context, const Options& options) {
  const View& view = view_of(options.what);
  check(options, view);
  std::vector<schema::TaskStatus> statuses;
  for (const std::string& name : options.statuses) {
    statuses.push_back(status_from_name(name).value());
  }
  const auto since = since_of(options);
  const OpenRevision open = open_revision(context, options.source);
  view.show(context, {open.file, open.reader, open.snapshot, options.what, options.key,
                      std::move(statuses), since, options.limit, options.ready});
  return ExitCode::kDone;
}

}  // namespace

void add_show(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  CLI::App& command = *app.add_subcommand("show", "Show the content: tasks, messages, files, ...");
  add_revision_argument(command, context, options->source);
  one_of(command.add_option("WHAT", options->what, "what of it (default: tasks)"), view_names());
  command.add_option("KEY", options->key, "the task, with `task`");
  one_of_words(command.add_option("--status", options->statuses,
                                  "tasks in one of these, parted by commas or given again"),
               status_names())
      ->delimiter(',')
      ->allow_extra_args(false);
  command.add_flag("--ready", options->ready,
                   "pending tasks whose prerequisites are all completed");
  command
      .add_option("--since", options->since,
                  "what changed at or after this time, or so long ago (2h, 3d)")
      ->type_name("TIME");
  command.add_option("--limit", options->limit, "the first N; of messages and events the newest N")
      ->type_name("N");
  on_run(command, context, options, run);
}

}  // namespace session::cli
