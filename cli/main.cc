// sessiontool: the toolbox for session files.

#include <CLI/CLI.hpp>

#include "cli/application.h"
#include "cli/commands/commands.h"
#include "cli/context.h"
#include "cli/io/interrupt.h"
#include "cli/io/streams.h"

namespace {

using namespace session::cli;

constexpr auto kCommands = {
    add_init,    add_import,  add_export,     add_apply,   add_info,   add_log,
    add_show,    add_diff,    add_checkpoint, add_restore, add_verify, add_repair,
    add_compact, add_migrate, add_protect,    add_watch,   add_layout, add_completion,
};

}  // namespace

int main(int argc, char** argv) {
  prepare_standard_streams();
  watch_for_interrupts();
  Context context;
  CLI::App app;
  set_up(app, context);
  for (const auto add : kCommands) add(app, context);
  return static_cast<int>(run(app, context, argc, argv));
}
