#pragma once
// Completion scripts for shells, from a description of the command line.

#include <ostream>
#include <string>
#include <vector>

namespace session::cli {

struct OptionShape {
  std::vector<std::string> names;  // "-n", "--dry-run"; of an argument: its name in the help
  std::string description;
  std::vector<std::string> choices;  // the words it takes, where they are few
  bool takes_value = false;
  bool takes_file = false;
};

struct CommandShape {
  std::string name;
  std::string description;
  std::vector<OptionShape> options;
  std::vector<OptionShape> arguments;
};

struct ProgramShape {
  std::string name;
  std::vector<OptionShape> options;  // of the program itself; they go with every command
  std::vector<CommandShape> commands;
};

void write_bash_completion(const ProgramShape& program, std::ostream& out);
void write_zsh_completion(const ProgramShape& program, std::ostream& out);
void write_fish_completion(const ProgramShape& program, std::ostream& out);

}  // namespace session::cli
