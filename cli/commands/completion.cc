// sessiontool completion: a script for the shell, read off the very tree that reads the arguments,
// so that it knows every command and option there is.

#include "cli/render/completion.h"

#include <string>
#include <vector>

#include "cli/arguments/choices.h"
#include "cli/commands/commands.h"

namespace session::cli {
namespace {

struct Options {
  std::string shell;
  const CLI::App* app = nullptr;
};

// The type's name is "a|b|c" where one_of() set the choices.
std::vector<std::string> choices_of(const std::string& type_name) {
  if (type_name.find('|') == std::string::npos) return {};
  return CLI::detail::split(type_name, '|');
}

bool names_a_file(const std::string& type_name) {
  return type_name == "FILE" || type_name == "DIR" || type_name == "OUT";
}

OptionShape shape_of(const CLI::Option& option) {
  OptionShape shape;
  for (const std::string& name : option.get_snames()) shape.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) shape.names.push_back("--" + name);
  if (option.get_positional()) shape.names.push_back(option.get_name(true));
  shape.description = option.get_description();
  shape.takes_value = option.get_type_size() != 0;
  if (shape.takes_value) {
    shape.choices = choices_of(option.get_type_name());
    shape.takes_file = option.get_positional() || names_a_file(option.get_type_name());
  }
  return shape;
}

void read_options(const CLI::App& app, std::vector<OptionShape>& options,
                  std::vector<OptionShape>& arguments) {
  for (const CLI::Option* option : app.get_options()) {
    (option->get_positional() ? arguments : options).push_back(shape_of(*option));
  }
}

ProgramShape shape_of(const CLI::App& app) {
  ProgramShape program;
  program.name = app.get_name();
  std::vector<OptionShape> no_arguments;
  read_options(app, program.options, no_arguments);
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    CommandShape shape;
    shape.name = command->get_name();
    shape.description = command->get_description();
    read_options(*command, shape.options, shape.arguments);
    program.commands.push_back(std::move(shape));
  }
  return program;
}

ExitCode run(Context& context, const Options& options) {
  if (context.options.json) {
    throw Error(ErrorCode::kUsage, "completion prints a script for a shell; leave --json out");
  }
  const ProgramShape program = shape_of(*options.app);
  if (options.shell == "bash") {
    write_bash_completion(program, context.out());
  } else if (options.shell == "zsh") {
    write_zsh_completion(program, context.out());
  } else {
    write_fish_completion(program, context.out());
  }
  return ExitCode::kDone;
}

}  // namespace

void add_completion(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  options->app = &app;
  CLI::App& command = *app.add_subcommand("completion", "Print a completion script for a shell");
  one_of(command.add_option("SHELL", options->shell, "the shell"), {"bash", "zsh", "fish"})
      ->required();
  on_run(command, context, options, run);
}

}  // namespace session::cli
