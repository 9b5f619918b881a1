// Help and completion know everything there is.

#include <sstream>

#include "tests/cli/tool.h"

namespace session::test {
namespace {

const std::vector<std::string> kCommands = {
    "init",    "import",  "export",     "apply",   "info",   "log",
    "show",    "diff",    "checkpoint", "restore", "verify", "repair",
    "compact", "migrate", "protect",    "watch",   "layout", "completion"};

// The words of a help text that are options.
std::vector<std::string> options_in(const std::string& help) {
  std::vector<std::string> options;
  std::istringstream lines(help);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("  -")) continue;
    std::istringstream names(line.substr(2, line.find(' ', 2) - 2));
    for (std::string name; std::getline(names, name, ',');) options.push_back(name);
  }
  return options;
}

TEST(Help, ListsEveryCommand) {
  const std::string help = tool({"--help"}).out;
  for (const std::string& command : kCommands) {
    EXPECT_NE(help.find("\n  " + command + " "), std::string::npos) << command;
  }
}

TEST(Help, IsThereForEveryCommandAndGoesToStandardOutput) {
  for (const std::string& command : kCommands) {
    const ProgramResult result = tool({command, "--help"});
    EXPECT_EQ(result.exit_code, 0) << command;
    EXPECT_EQ(result.err, "") << command;
    EXPECT_NE(result.out.find("Usage: sessiontool " + command), std::string::npos) << result.out;
  }
}

TEST(Help, EveryCommandThatChangesAFileHasADryRun) {
  for (const std::string command : {"init", "import", "export", "apply", "checkpoint", "restore"}) {
    EXPECT_NE(tool({command, "--help"}).out.find("-n,--dry-run"), std::string::npos) << command;
  }
}

TEST(Version, IsPrinted) {
  const ProgramResult result = tool({"--version"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_TRUE(result.out.starts_with("sessiontool ")) << result.out;
}

class Completion : public testing::TestWithParam<std::string> {};

TEST_P(Completion, KnowsEveryCommandAndEveryOption) {
  const bool fish = GetParam() == "fish";
  const ProgramResult script = tool({"completion", GetParam()});
  ASSERT_EQ(script.exit_code, 0);
  for (const std::string& command : kCommands) {
    EXPECT_NE(script.out.find(command), std::string::npos) << command;
    for (const std::string& option : options_in(tool({command, "--help"}).out)) {
      const std::string word = !fish                      ? option
                               : option.starts_with("--") ? " -l " + option.substr(2)
                                                          : " -s " + option.substr(1);
      EXPECT_NE(script.out.find(word), std::string::npos) << command << " " << option;
    }
  }
  for (const std::string& option : options_in(tool({"--help"}).out)) {
    EXPECT_NE(script.out.find(fish ? option.substr(option.find_first_not_of('-')) : option),
              std::string::npos)
        << option;
  }
}

INSTANTIATE_TEST_SUITE_P(Shells, Completion, testing::Values("bash", "zsh", "fish"),
                         [](const auto& param) { return param.param; });

// What bash would offer for a line whose last word is being typed.
std::string offered(const std::string& words) {
  const std::string script = tool({"completion", "bash"}).out;
  const std::string ask = script + "\nCOMP_WORDS=(" + words +
                          ")\nCOMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n_sessiontool\n"
                          "printf '%s\\n' \"${COMPREPLY[@]}\"\n";
  const ProgramResult result = run_program("/bin/bash", {"-c", ask});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  return result.out;
}

TEST(BashCompletion, OffersCommandsOptionsAndChoices) {
  if (!std::filesystem::exists("/bin/bash")) GTEST_SKIP() << "there is no bash here";
  EXPECT_EQ(offered("sessiontool im"), "import\n");
  EXPECT_EQ(offered("sessiontool show --lim"), "--limit\n");
  EXPECT_EQ(offered("sessiontool show x --status in"), "in_progress\n");
  EXPECT_EQ(offered("sessiontool completion ba"), "bash\n");
  EXPECT_EQ(offered("sessiontool info --qu"), "--quiet\n");
}

}  // namespace
}  // namespace session::test
