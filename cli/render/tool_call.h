#pragma once
// What an agent's tools were called with and what they gave back, in a few words.

#include <string>
#include <string_view>

namespace session::cli {

// The argument that says most, on one line that is safe to print: the command, the path, the
// pattern; of a todo list how much of it is done, of a patch its files. `input` is JSON as a rule;
// what is none is shown as it is. Never longer than a few hundred characters.
[[nodiscard]] std::string call_summary(std::string_view input);

// The output itself where a tool wrapped it in JSON: {"output": ..., "metadata": ...}.
[[nodiscard]] std::string output_text(std::string_view output);

}  // namespace session::cli
