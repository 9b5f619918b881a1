#pragma once
// The verbs. Each source in this folder declares its arguments and, when chosen, makes one call of
// the library and renders what comes back.

#include <CLI/CLI.hpp>
#include <cstdint>
#include <memory>
#include <string>

#include "cli/context.h"
#include "session/protect.h"

namespace session::cli {

void add_init(CLI::App& app, Context& context);
void add_import(CLI::App& app, Context& context);
void add_export(CLI::App& app, Context& context);
void add_apply(CLI::App& app, Context& context);
void add_info(CLI::App& app, Context& context);
void add_log(CLI::App& app, Context& context);
void add_show(CLI::App& app, Context& context);
void add_diff(CLI::App& app, Context& context);
void add_checkpoint(CLI::App& app, Context& context);
void add_restore(CLI::App& app, Context& context);
void add_verify(CLI::App& app, Context& context);
void add_repair(CLI::App& app, Context& context);
void add_migrate(CLI::App& app, Context& context);
void add_compact(CLI::App& app, Context& context);
void add_protect(CLI::App& app, Context& context);
void add_watch(CLI::App& app, Context& context);
void add_layout(CLI::App& app, Context& context);
void add_completion(CLI::App& app, Context& context);

// What the command does once all arguments are read.
template <class Options>
void on_run(CLI::App& command, Context& context, std::shared_ptr<Options> options,
            ExitCode (*run)(Context&, const Options&)) {
  command.callback([&context, &command, options = std::move(options), run] {
    context.command = command.get_name();
    context.run = [&context, options, run] { return run(context, *options); };
  });
}

// --parity P, of what the library takes.
inline void add_parity(CLI::App& command, std::uint32_t& percent, const std::string& help) {
  command.add_option("--parity", percent, help)
      ->type_name("P")
      ->check(CLI::Range(kLeastParityPercent, kMostParityPercent));
}

inline void add_dry_run(CLI::App& command, bool& dry_run) {
  command.add_flag("-n,--dry-run", dry_run, "say what would be done, change nothing");
}

}  // namespace session::cli
