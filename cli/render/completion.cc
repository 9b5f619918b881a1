#include "cli/render/completion.h"

#include <string_view>

namespace session::cli {
namespace {

std::string joined(const std::vector<std::string>& words, std::string_view separator) {
  std::string text;
  for (const std::string& word : words) {
    if (!text.empty()) text += separator;
    text += word;
  }
  return text;
}

// In single quotes, as all three shells read them (fish takes the backslash form too).
std::string single_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::vector<OptionShape> options_with(const ProgramShape& program, const CommandShape& command) {
  std::vector<OptionShape> all = command.options;
  for (const OptionShape& shape : program.options) {
    // Each command has its own --help.
    bool known = false;
    for (const OptionShape& own : command.options) known = known || own.names == shape.names;
    if (!known) all.push_back(shape);
  }
  return all;
}

std::string all_names(const std::vector<OptionShape>& options) {
  std::vector<std::string> names;
  for (const OptionShape& option : options) {
    names.insert(names.end(), option.names.begin(), option.names.end());
  }
  return joined(names, " ");
}

std::string words_of(const std::vector<CommandShape>& commands, std::string_view separator) {
  std::vector<std::string> names;
  for (const CommandShape& command : commands) names.push_back(command.name);
  return joined(names, separator);
}

// ---- bash ---------------------------------------------------------------------------------------

void write_bash_values(const std::vector<OptionShape>& options, std::ostream& out) {
  out << "      case $previous in\n";
  for (const OptionShape& option : options) {
    if (!option.takes_value) continue;
    out << "        " << joined(option.names, "|") << ") ";
    if (!option.choices.empty()) {
      out << "_sessiontool_words " << single_quoted(joined(option.choices, " ")) << "; ";
    } else if (option.takes_file) {
      out << "_sessiontool_files; ";
    }
    out << "return ;;\n";
  }
  out << "      esac\n";
}

void write_bash_command(const ProgramShape& program, const CommandShape& command,
                        std::ostream& out) {
  const std::vector<OptionShape> options = options_with(program, command);
  std::vector<std::string> choices;
  for (const OptionShape& argument : command.arguments) {
    choices.insert(choices.end(), argument.choices.begin(), argument.choices.end());
  }
  out << "    " << command.name << ")\n";
  write_bash_values(options, out);
  out << "      if [[ $current == -* ]]; then\n"
      << "        _sessiontool_words " << single_quoted(all_names(options)) << "\n"
      << "      else\n"
      << "        _sessiontool_files\n";
  if (!choices.empty()) {
    out << "        _sessiontool_words " << single_quoted(joined(choices, " ")) << "\n";
  }
  out << "      fi\n      ;;\n";
}

// ---- zsh ----------------------------------------------------------------------------------------

// In the description of a specification, brackets and colons have a meaning.
std::string zsh_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string zsh_values(const OptionShape& option) {
  if (!option.choices.empty()) return ":value:(" + joined(option.choices, " ") + ")";
  return option.takes_file ? ":file:_files" : ":value: ";
}

void write_zsh_options(const std::vector<OptionShape>& options, std::string_view indent,
                       std::ostream& out) {
  for (const OptionShape& option : options) {
    for (const std::string& name : option.names) {
      const std::string text = name + "[" + zsh_text(option.description) + "]" +
                               (option.takes_value ? zsh_values(option) : "");
      out << indent << single_quoted(text) << " \\\n";
    }
  }
}

void write_zsh_command(const ProgramShape& program, const CommandShape& command,
                       std::ostream& out) {
  out << "        " << command.name << ")\n          _arguments \\\n";
  write_zsh_options(options_with(program, command), "            ", out);
  int position = 0;
  for (const OptionShape& argument : command.arguments) {
    ++position;
    if (argument.choices.empty()) continue;
    out << "            "
        << single_quoted(std::to_string(position) + ":" + zsh_text(argument.names.front()) + ":(" +
                         joined(argument.choices, " ") + ")")
        << " \\\n";
  }
  out << "            '*:file:_files'\n          ;;\n";
}

// ---- fish ---------------------------------------------------------------------------------------

void write_fish_option(const std::string& condition, const OptionShape& option, std::ostream& out) {
  out << "complete -c sessiontool -n " << single_quoted(condition);
  for (const std::string& name : option.names) {
    if (name.starts_with("--")) {
      out << " -l " << name.substr(2);
    } else {
      out << " -s " << name.substr(1);
    }
  }
  if (!option.choices.empty()) {
    out << " -x -a " << single_quoted(joined(option.choices, " "));
  } else if (option.takes_value) {
    out << (option.takes_file ? " -r -F" : " -x");
  }
  out << " -d " << single_quoted(option.description) << "\n";
}

}  // namespace

void write_bash_completion(const ProgramShape& program, std::ostream& out) {
  out << "# bash completion for sessiontool: put into a file that your shell sources.\n"
         "_sessiontool_words() {\n"
         "  local word\n"
         "  while IFS= read -r word; do COMPREPLY+=(\"$word\"); done "
         "< <(compgen -W \"$1\" -- \"$current\")\n"
         "}\n\n"
         "_sessiontool_files() {\n"
         "  local word\n"
         "  compopt -o filenames 2>/dev/null\n"
         "  while IFS= read -r word; do COMPREPLY+=(\"$word\"); done "
         "< <(compgen -f -- \"$current\")\n"
         "}\n\n"
         "_sessiontool() {\n"
         "  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}\n"
         "  local command= word\n"
         "  COMPREPLY=()\n"
         "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
      << "    case $word in " << words_of(program.commands, "|")
      << ") command=$word; break ;; esac\n"
         "  done\n"
         "  case $command in\n";
  for (const CommandShape& command : program.commands) write_bash_command(program, command, out);
  out << "    *)\n";
  write_bash_values(program.options, out);
  out << "      _sessiontool_words "
      << single_quoted(words_of(program.commands, " ") + " " + all_names(program.options))
      << "\n      ;;\n  esac\n}\n\n"
         "complete -F _sessiontool sessiontool\n";
}

void write_zsh_completion(const ProgramShape& program, std::ostream& out) {
  out << "#compdef sessiontool\n"
         "# zsh completion for sessiontool: save as _sessiontool in a directory of $fpath.\n"
         "_sessiontool() {\n"
         "  local curcontext=$curcontext state line\n"
         "  local -a commands\n"
         "  commands=(\n";
  for (const CommandShape& command : program.commands) {
    out << "    " << single_quoted(zsh_text(command.name) + ":" + zsh_text(command.description))
        << "\n";
  }
  out << "  )\n  _arguments -C \\\n";
  write_zsh_options(program.options, "    ", out);
  out << "    '1:command:->command' \\\n"
         "    '*::argument:->argument'\n"
         "  case $state in\n"
         "    command) _describe command commands ;;\n"
         "    argument)\n"
         "      case $words[1] in\n";
  for (const CommandShape& command : program.commands) write_zsh_command(program, command, out);
  out << "      esac\n      ;;\n  esac\n}\n\n"
         "if [[ $zsh_eval_context[-1] == loadautofunc ]]; then\n"
         "  _sessiontool \"$@\"\n"
         "else\n"
         "  compdef _sessiontool sessiontool\n"
         "fi\n";
}

void write_fish_completion(const ProgramShape& program, std::ostream& out) {
  out << "# fish completion for sessiontool: save as ~/.config/fish/completions/sessiontool.fish\n";
  for (const CommandShape& command : program.commands) {
    out << "complete -c sessiontool -f -n __fish_use_subcommand -a " << command.name << " -d "
        << single_quoted(command.description) << "\n";
  }
  for (const OptionShape& option : program.options) {
    write_fish_option("__fish_use_subcommand", option, out);
  }
  for (const CommandShape& command : program.commands) {
    const std::string here = "__fish_seen_subcommand_from " + command.name;
    for (const OptionShape& option : options_with(program, command)) {
      write_fish_option(here, option, out);
    }
    for (const OptionShape& argument : command.arguments) {
      if (argument.choices.empty()) continue;
      out << "complete -c sessiontool -n " << single_quoted(here) << " -a "
          << single_quoted(joined(argument.choices, " ")) << " -d "
          << single_quoted(argument.description) << "\n";
    }
  }
}

}  // namespace session::cli
