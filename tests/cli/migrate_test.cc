// migrate, as its users call it.

#include <signal.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <random>
#include <string>
#include <thread>

#include "tests/cli/tool.h"
#include "tests/support/directories.h"
#include "tests/support/seed.h"

namespace session::test {
namespace {

class MigrateCommand : public ::testing::Test {
 protected:
  MigrateCommand() {
    write_text(std::filesystem::path(source_) / "meta/session.json",
               R"({"metadata":{"name":"garden"},"task_tree":{"tasks":{"t-1":{"id":"t-1",)"
               R"("title":"Dig"}},"roots":["t-1"]}})");
  }
  TempDir dir_;
  std::string source_ = dir_.file("a-session");
  std::string file_ = dir_.file("a.session");
};

TEST_F(MigrateCommand, GoesThereAndBack) {
  const ProgramResult there = tool({"migrate", source_, "-o", file_});
  EXPECT_EQ(there.exit_code, 0) << there.err;
  EXPECT_NE(there.out.find("format 1 -> 2"), std::string::npos) << there.out;
  EXPECT_NE(there.out.find("verified"), std::string::npos) << there.out;
  EXPECT_EQ(tool({"verify", "--full", file_}).exit_code, 0);
  const std::string back = dir_.file("back");
  EXPECT_EQ(tool({"migrate", file_, "--to", "1", "-o", back}).exit_code, 0);
  expect_same_files(source_, back);
}

TEST_F(MigrateCommand, SaysWhatAFileNeeds) {
  EXPECT_NE(tool({"migrate", "--list", source_}).out.find("format 1.0; needs 1 -> 2"),
            std::string::npos);
  ASSERT_EQ(tool({"migrate", source_, "-o", file_}).exit_code, 0);
  EXPECT_NE(tool({"migrate", "--list", file_}).out.find("format 2.0; needs nothing"),
            std::string::npos);
  const JsonValue listed = tool_json({"migrate", "--list", file_, "--to", "1"});
  EXPECT_EQ(text_at(listed, "schema"), "sessiontool.migrate/1");
  EXPECT_EQ(at(listed, "sessions").items().at(0).find("needs")->items().size(), 1U);
}

TEST_F(MigrateCommand, HasNothingToDoForTheNewestFormat) {
  ASSERT_EQ(tool({"migrate", source_, "-o", file_}).exit_code, 0);
  const ProgramResult again = tool({"migrate", file_});
  EXPECT_EQ(again.exit_code, 0);
  EXPECT_NE(again.out.find("already"), std::string::npos) << again.out;
}

TEST_F(MigrateCommand, ADryRunTellsTheSameAndMakesNothing) {
  const JsonValue planned = tool_json({"migrate", source_, "-o", file_, "-n"});
  EXPECT_FALSE(std::filesystem::exists(file_));
  const JsonValue made = tool_json({"migrate", source_, "-o", file_});
  for (const char* field : {"from", "to", "steps"}) {
    EXPECT_TRUE(at(planned, field) == at(made, field)) << field;
  }
  const auto count = [](const JsonValue& report) {
    return number_at(at(report, "sessions").items().at(0), "records");
  };
  EXPECT_EQ(count(planned), count(made));
}

TEST_F(MigrateCommand, RefusesInOneSentenceWithTheRightCode) {
  ASSERT_EQ(tool({"init", file_}).exit_code, 0);
  const auto code = [](const std::vector<std::string>& arguments) {
    const ProgramResult result = tool(arguments);
    EXPECT_FALSE(result.err.empty());
    return result.exit_code;
  };
  EXPECT_EQ(code({"migrate", dir_.file("nothing")}), 10);
  EXPECT_EQ(code({"migrate", source_, "-o", file_}), 2);
  EXPECT_EQ(code({"migrate", file_, "-o", file_, "--to", "1"}), 2);
  EXPECT_EQ(code({"migrate", file_, "-o", dir_.file("back"), "--to", "1"}), 2);
  EXPECT_EQ(code({"migrate", source_, "--to", "3"}), 2);
  write_file(dir_.file("text"), "no session");
  EXPECT_EQ(code({"migrate", dir_.file("text"), "-o", dir_.file("x")}), 5);
}

// A workspace of two sessions with some hundred tasks each.
void write_workspace(const std::filesystem::path& root) {
  for (const std::string session : {"one", "two"}) {
    std::string tasks;
    std::string roots;
    for (int i = 0; i < 400; ++i) {
      const std::string id = numbered("t-", static_cast<std::uint64_t>(i));
      tasks += (i == 0 ? "" : ",") + ("\"" + id + "\":{\"id\":\"" + id + "\",\"title\":\"Task ") +
               std::to_string(i) + "\"}";
      roots += (i == 0 ? "\"" : ",\"") + id + "\"";
    }
    write_text(root / ".aca/sessions" / session / "meta/session.json",
               R"({"metadata":{"name":")" + session + R"("},"task_tree":{"tasks":{)" + tasks +
                   R"(},"roots":[)" + roots + "]}}");
  }
}

TEST_F(MigrateCommand, AKillAtAnyMomentLeavesTheSourceAndAllOrNothing) {
  int rounds = 12;
  if (const char* given = std::getenv("SESSIONTOOL_KILL_ROUNDS")) rounds = std::atoi(given);
  std::mt19937_64 random(random_seed());
  const std::string source = dir_.file("workspace");
  const std::string output = dir_.file("migrated");
  write_workspace(source);
  const auto before = files_below(source);
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_EQ(tool({"migrate", source, "-o", output}).exit_code, 0);
  const auto whole_run = std::chrono::steady_clock::now() - begin;
  const auto migrated = files_below(output);
  ASSERT_GE(migrated.size(), 2U);
  int killed = 0;
  for (int round = 0; round < rounds; ++round) {
    std::filesystem::remove_all(output);
    RunningProgram migrate(SESSIONTOOL_BINARY, {"migrate", source, "-o", output});
    std::this_thread::sleep_for(whole_run * static_cast<double>(random() % 1000) / 1000.0);
    migrate.send_signal(SIGKILL);
    killed += migrate.wait().signal == SIGKILL ? 1 : 0;
    ASSERT_TRUE(files_below(source) == before) << "round " << round;
    if (std::filesystem::exists(output)) {
      ASSERT_EQ(files_below(output).size(), migrated.size()) << "round " << round;
      EXPECT_EQ(tool({"verify", "--full", output}).exit_code, 0) << "round " << round;
    } else {
      const ProgramResult again = tool({"migrate", source, "-o", output});
      ASSERT_EQ(again.exit_code, 0) << again.err;
    }
  }
  std::cout << "killed " << killed << " of " << rounds << " times\n";
}

}  // namespace
}  // namespace session::test
