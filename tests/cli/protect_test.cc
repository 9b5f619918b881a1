// protect and init --parity, as their users call them.

#include <filesystem>
#include <string>

#include "session/reader.h"
#include "tests/cli/tool.h"

namespace session::test {
namespace {

class ProtectCommand : public ::testing::Test {
 protected:
  [[nodiscard]] std::string make(const std::vector<std::string>& options = {}) const {
    const std::string file = dir_.file("work.session");
    std::vector<std::string> arguments = {"init", file};
    arguments.insert(arguments.end(), options.begin(), options.end());
    EXPECT_EQ(tool(arguments).exit_code, 0);
    return file;
  }
  static std::string size_in_info(const std::string& file, const char* name) {
    return number_at(at(tool_json({"info", file}), "file"), name);
  }

  TempDir dir_;
};

TEST_F(ProtectCommand, SaysWhatItCoveredAndAtWhatCost) {
  const std::string file = make();
  const auto size = std::filesystem::file_size(file);
  const ProgramResult result = tool({"protect", file});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.err, "");
  EXPECT_NE(result.out.find("covered"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("6 %"), std::string::npos) << result.out;
  EXPECT_EQ(size_in_info(file, "uncovered_bytes"), "0");
  EXPECT_EQ(size_in_info(file, "parity_bytes"),
            std::to_string(std::filesystem::file_size(file) - size));
  EXPECT_NE(tool({"protect", file}).out.find("already"), std::string::npos);
}

TEST_F(ProtectCommand, GivesTheSameAsJson) {
  const std::string file = make();
  const std::string size = std::to_string(std::filesystem::file_size(file));
  const JsonValue planned = tool_json({"protect", file, "--parity", "10", "-n"});
  EXPECT_EQ(std::to_string(std::filesystem::file_size(file)), size);
  EXPECT_TRUE(at(planned, "dry_run").as_bool());
  const JsonValue report = tool_json({"protect", file, "--parity", "10"});
  EXPECT_EQ(text_at(report, "schema"), "sessiontool.protect/1");
  EXPECT_EQ(number_at(report, "parity_percent"), "10");
  EXPECT_EQ(number_at(report, "groups_added"), "1");
  EXPECT_EQ(number_at(report, "covered_bytes"), size);
  EXPECT_EQ(number_at(report, "uncovered_bytes"), "0");
  EXPECT_EQ(number_at(report, "parity_bytes"), number_at(planned, "parity_bytes"));
}

TEST_F(ProtectCommand, RefusesPercentagesOutOfRange) {
  const std::string file = make();
  for (const char* percent : {"0", "51", "-1", "six"}) {
    EXPECT_EQ(tool({"protect", file, "--parity", percent}).exit_code, 2) << percent;
    EXPECT_EQ(tool({"init", dir_.file("new.session"), "--parity", percent}).exit_code, 2);
  }
  EXPECT_FALSE(std::filesystem::exists(dir_.file("new.session")));
}

TEST_F(ProtectCommand, EndsWith11WhereAnotherWriterHoldsTheFile) {
  const std::string file = make();
  const Writer writer = Writer::open(file);
  const ProgramResult result = tool({"protect", file});
  EXPECT_EQ(result.exit_code, 11);
  EXPECT_NE(result.err.find(std::to_string(::getpid())), std::string::npos) << result.err;
}

TEST_F(ProtectCommand, EndsAsEveryCommandWhereThereIsNothingToProtect) {
  EXPECT_EQ(tool({"protect", dir_.file("none.session")}).exit_code, 10);
  EXPECT_EQ(tool({"protect", dir_.file("none.session"), "-n"}).exit_code, 10);
  const std::string other = dir_.file("other.txt");
  write_file(other, "no session");
  EXPECT_EQ(tool({"protect", other}).exit_code, 5);
  EXPECT_EQ(tool({"protect"}).exit_code, 2);
}

TEST_F(ProtectCommand, InitWithParityKeepsItUp) {
  const std::string file = make({"--parity", "6"});
  EXPECT_EQ(size_in_info(file, "uncovered_bytes"), "0");
  ProgramOptions input;
  input.input = R"({"table": "tasks", "key": "a", "record": {"title": "x"}})";
  EXPECT_EQ(tool({"apply", file}, input).exit_code, 0);
  EXPECT_EQ(size_in_info(file, "uncovered_bytes"), "0");
  const std::string layout = tool({"layout", file}).out;
  EXPECT_NE(layout.find("covers [0, "), std::string::npos) << layout;
}

}  // namespace
}  // namespace session::test
