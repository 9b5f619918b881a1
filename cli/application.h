#pragma once
// The command line around the commands: global options, help, and the way from a result to an exit
// code.

#include <CLI/CLI.hpp>

#include "cli/context.h"

namespace session::cli {

// Declares what goes with every command, and how the program as a whole explains itself. Comes
// before the commands are added.
void set_up(CLI::App& app, Context& context);

// Reads the arguments, runs the command, delivers its output.
[[nodiscard]] ExitCode run(CLI::App& app, Context& context, int argc, const char* const* argv);

}  // namespace session::cli
