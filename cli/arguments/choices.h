#pragma once
// Options that take one of a few words.

#include <string>
#include <vector>

#include "session/convert.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace session::cli {

// An option that takes the name of one of `formats`.
CLI::Option* add_format_option(CLI::App& command, const std::string& name, std::string& value,
                               const std::vector<SourceFormat>& formats,
                               const std::string& description);

// An option or argument that takes one of `choices`, which help and completion list.
CLI::Option* one_of(CLI::Option* option, const std::vector<std::string>& choices);
// The same for words with underscores, which may be given with hyphens too.
CLI::Option* one_of_words(CLI::Option* option, const std::vector<std::string>& choices);

}  // namespace session::cli
