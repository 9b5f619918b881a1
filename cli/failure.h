#pragma once
// How a failure reaches the person, or the script.

#include <exception>
#include <string_view>

#include "cli/context.h"

namespace session::cli {

// Puts the failure on standard error: a sentence, or with --json a document of the schema
// sessiontool.error/1. What was not printed yet of a JSON result is dropped.
[[nodiscard]] ExitCode report_failure(Context& context, const std::exception& failure);

// The same for arguments that were not understood.
[[nodiscard]] ExitCode report_wrong_usage(Context& context, std::string_view message);

}  // namespace session::cli
