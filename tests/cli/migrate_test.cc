// migrate, as its users call it.

#include <filesystem>
#include <string>

#include "tests/cli/tool.h"
#include "tests/support/directories.h"

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

}  // namespace
}  // namespace session::test
