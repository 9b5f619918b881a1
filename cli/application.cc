#include "cli/application.h"

#include <array>
#include <cstdio>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "cli/arguments/choices.h"
#include "cli/failure.h"
#include "session/error.h"
#include "session/version.h"

namespace session::cli {
namespace {

std::string exit_code_help() {
  std::string text = "Exit codes:\n";
  for (const ExitCodeMeaning& entry : kExitCodes) {
    std::array<char, 128> line = {};
    std::snprintf(line.data(), line.size(), "  %3d  %.*s\n", static_cast<int>(entry.code),
                  static_cast<int>(entry.meaning.size()), entry.meaning.data());
    text += line.data();
  }
  return text;
}

std::string program_footer() {
  return "FILE is the head of a session; FILE@REV is any revision: a number (@42), @head, @~3 "
         "(three\n"
         "before the head), a checkpoint's id or description, or a time "
         "(@2026-11-22T10:00:00Z).\n\n" +
         exit_code_help() + "\n`sessiontool COMMAND --help` explains a command.";
}

// Arguments by their name alone, and choices where there is room for them.
class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_option_opts(const CLI::Option* option) const override {
    if (option->get_positional() || option->get_type_size() == 0) return "";
    return " " + (are_many(option) ? std::string("WORD") : option->get_type_name());
  }
  std::string make_option_desc(const CLI::Option* option) const override {
    const bool listed = are_many(option) || option->get_positional();
    const std::string type = option->get_type_name();
    if (!listed || type.find('|') == std::string::npos) return option->get_description();
    return option->get_description() + ": " +
           CLI::detail::join(CLI::detail::split(type, '|'), ", ");
  }

 private:
  static bool are_many(const CLI::Option* option) {
    constexpr std::size_t kRoom = 20;
    return option->get_type_name().find('|') != std::string::npos &&
           option->get_type_name().size() > kRoom;
  }
};

std::string command_footer() {
  return "With every command: --json, --quiet, --color auto|always|never, --at REV. Exit codes and "
         "how to\n"
         "name a revision: `sessiontool --help`.";
}

void add_global_options(CLI::App& app, Context& context) {
  GlobalOptions& options = context.options;
  app.add_flag("--json", options.json, "one JSON document instead of text");
  app.add_flag("--quiet", options.quiet, "results and errors only: no progress, no remarks");
  one_of(app.add_option_function<std::string>(
             "--color",
             [&options](const std::string& choice) {
               options.color = choice == "always"  ? ColorChoice::kAlways
                               : choice == "never" ? ColorChoice::kNever
                                                   : ColorChoice::kAuto;
             },
             "colours (default: auto; NO_COLOR is respected)"),
         {"auto", "always", "never"});
  app.add_option("--at", options.at, "the revision, where the name of FILE itself has an @")
      ->type_name("REV");
  app.set_version_flag("--version", "sessiontool " SESSIONTOOL_VERSION, "print the version");
}

// Before the arguments are understood there is only their text to tell how to complain.
bool asks_for_json(int argc, const char* const* argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--") return false;
    if (argument == "--json") return true;
  }
  return false;
}

std::string hint_for(const CLI::App& app) {
  const auto chosen = app.get_subcommands();
  const std::string command = chosen.empty() ? "" : chosen.front()->get_name() + " ";
  return "; `sessiontool " + command + "--help` shows how";
}

// Nothing if the command is to be run; else how it ended already.
std::optional<ExitCode> read_arguments(CLI::App& app, Context& context, int argc,
                                       const char* const* argv) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {  // --help or --version
    app.exit(asked, context.out(), context.out());
    return ExitCode::kDone;
  } catch (const CLI::ParseError& error) {
    context.options.json = asks_for_json(argc, argv);
    return report_wrong_usage(context, error.what() + hint_for(app));
  }
  if (!context.run) return report_wrong_usage(context, "name a command" + hint_for(app));
  if (!context.options.at.empty() && !context.takes_revision) {
    return report_wrong_usage(context,
                              "`" + context.command + "` takes no revision; leave --at out");
  }
  return std::nullopt;
}

// Of a text, what there was before the failure. The failure is reported already.
void deliver_the_rest(Context& context) {
  try {
    context.out().flush();
  } catch (const std::exception&) {
    context.output().buffer().discard();
  }
}

}  // namespace

void set_up(CLI::App& app, Context& context) {
  app.name("sessiontool");
  app.description("Keeps, shows and moves the sessions of long-running agents and task runners.");
  app.set_help_flag("-h,--help", "explain and exit");
  app.footer(program_footer());
  add_global_options(app, context);
  // From here on: what a command does not know is looked for among the global options.
  app.fallthrough();
  app.require_subcommand(0, 1);
  app.formatter(std::make_shared<HelpFormatter>());
  app.get_formatter()->label("SUBCOMMAND", "COMMAND");
  app.get_formatter()->label("Positionals", "Arguments");
  app.get_formatter()->column_width(34);
}

ExitCode run(CLI::App& app, Context& context, int argc, const char* const* argv) {
  for (CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    command->group("Commands");
    command->footer(command_footer());
  }
  std::optional<ExitCode> exit_code;
  try {
    exit_code = read_arguments(app, context, argc, argv);
    if (!exit_code) exit_code = context.run();
    context.out().flush();
  } catch (const ReaderGone&) {
    // What was to be done is done; it only was not looked at to the end.
    if (!exit_code) exit_code = ExitCode::kDone;
  } catch (const std::exception& failure) {
    exit_code = report_failure(context, failure);
    deliver_the_rest(context);
  }
  return *exit_code;
}

}  // namespace session::cli
