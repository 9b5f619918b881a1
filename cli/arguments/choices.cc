#include "cli/arguments/choices.h"

#include <CLI/CLI.hpp>
#include <algorithm>

namespace session::cli {

CLI::Option* one_of(CLI::Option* option, const std::vector<std::string>& choices) {
  const auto check = [choices](const std::string& value) -> std::string {
    if (std::find(choices.begin(), choices.end(), value) != choices.end()) return {};
    return "'" + value + "' is none of " + CLI::detail::join(choices, ", ");
  };
  // The type's name is what help shows and completion reads.
  return option->check(check, "")->type_name(CLI::detail::join(choices, "|"));
}

CLI::Option* one_of_words(CLI::Option* option, const std::vector<std::string>& choices) {
  const auto underscored = [](std::string value) {
    std::replace(value.begin(), value.end(), '-', '_');
    return value;
  };
  // A transformation comes before the checks.
  return one_of(option, choices)->transform(underscored, "", "");
}

CLI::Option* add_format_option(CLI::App& command, const std::string& name, std::string& value,
                               const std::vector<SourceFormat>& formats,
                               const std::string& description) {
  std::vector<std::string> names;
  names.reserve(formats.size());
  for (const SourceFormat format : formats) names.emplace_back(source_format_name(format));
  return one_of(command.add_option(name, value, description), names);
}

}  // namespace session::cli
