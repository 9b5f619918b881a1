// What the process says when it ends, and what it says about it.

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <regex>

#include "cli/exit_codes.h"
#include "tests/cli/tool.h"

namespace session::test {
namespace {

class ExitCode : public CliTest {};

void expect_failure(const ProgramResult& result, int exit_code, const std::string& words) {
  EXPECT_EQ(result.exit_code, exit_code) << result.err;
  EXPECT_EQ(result.out, "");
  EXPECT_NE(result.err.find(words), std::string::npos) << result.err;
  EXPECT_TRUE(result.err.starts_with("sessiontool: ")) << result.err;
}

TEST_F(ExitCode, EachStandsInTheTableOfTheHelp) {
  const std::string help = tool({"--help"}).out;
  for (const int code : {0, 1, 2, 3, 4, 5, 6, 10, 11, 130}) {
    EXPECT_TRUE(std::regex_search(help, std::regex("\n +" + std::to_string(code) + "  [a-z]")))
        << code << "\n"
        << help;
  }
}

TEST_F(ExitCode, EveryFailureOfTheLibraryHasOne) {
  for (int code = 0; code <= static_cast<int>(ErrorCode::kInternal); ++code) {
    const auto error = static_cast<ErrorCode>(code);
    EXPECT_EQ(cli::exit_code_for(error) == cli::ExitCode::kInternal, error == ErrorCode::kInternal);
  }
}

TEST_F(ExitCode, WrongUsageIsTwoAndPointsToTheHelp) {
  expect_failure(tool({}), 2, "--help");
  expect_failure(tool({"nonsense"}), 2, "--help");
  expect_failure(tool({"info"}), 2, "`sessiontool info --help`");
  expect_failure(tool({"info", "a", "--nonsense"}), 2, "--nonsense");
  expect_failure(tool({"show", sample(), "nonsense"}), 2, "tasks");
  expect_failure(tool({"completion", "tcsh"}), 2, "bash");
  expect_failure(tool({"init", path("x"), "--at", "3"}), 2, "--at");
}

TEST_F(ExitCode, AMissingFileIsTen) {
  expect_failure(tool({"info", path("missing")}), 10, path("missing"));
  expect_failure(tool({"log", path("missing")}), 10, path("missing"));
  expect_failure(tool({"layout", path("missing")}), 10, path("missing"));
  expect_failure(tool({"apply", path("missing")}), 10, path("missing"));
  expect_failure(tool({"checkpoint", path("missing"), "--description", "x"}), 10, path("missing"));
}

TEST_F(ExitCode, AMissingRevisionTaskOrCheckpointIsTen) {
  const std::string file = sample();
  expect_failure(tool({"info", file + "@17"}), 10, "17");
  expect_failure(tool({"show", file, "task", "bulid"}), 10, "bulid");
  expect_failure(tool({"checkpoint", file, "--delete", "12345678"}), 10, "12345678");
}

TEST_F(ExitCode, AMissingTaskIsAnsweredWithTheNextKeys) {
  expect_failure(tool({"show", sample(), "task", "build.l"}), 10, "'build.lexer'");
}

TEST_F(ExitCode, WhatIsNoSessionFileIsFive) {
  write_file(path("text"), "this is not a session file, but it is long enough for a header: " +
                               std::string(100, '.'));
  write_file(path("empty"), "");
  for (const std::string command : {"info", "log", "show", "layout"}) {
    expect_failure(tool({command, path("text")}), 5, path("text"));
    expect_failure(tool({command, path("empty")}), 5, path("empty"));
    expect_failure(tool({command, directory()}), 5, directory());
  }
  expect_failure(tool({"apply", path("text")}, {.input = "{}"}), 5, path("text"));
  EXPECT_EQ(read_file(path("empty")), "");
}

TEST_F(ExitCode, WithoutPermissionItIsFour) {
  const std::string file = sample();
  ASSERT_EQ(::chmod(file.c_str(), 0), 0);
  ProgramOptions nobody;
  nobody.unprivileged = true;
  if (tool({"--version"}, nobody).exit_code != 0) GTEST_SKIP() << "nobody may not run the tool";
  expect_failure(tool({"info", file}, nobody), 4, "ermission");
  expect_failure(tool({"apply", file}, nobody), 4, "ermission");
}

TEST_F(ExitCode, AFailedWriteOfTheResultIsFour) {
  const ProgramResult full = tool({"info", sample()}, {.output_file = "/dev/full"});
  EXPECT_EQ(full.exit_code, 4);
  EXPECT_NE(full.err.find("standard output"), std::string::npos) << full.err;
}

TEST_F(ExitCode, AReaderThatWentAwayIsNoFailure) {
  const ProgramResult gone = tool({"info", sample()}, {.output_closed = true});
  EXPECT_EQ(gone.exit_code, 0);
  EXPECT_EQ(gone.signal, 0);
  EXPECT_EQ(gone.err, "");
}

TEST_F(ExitCode, ASecondWriterIsElevenAndNamesTheFirst) {
  const std::string file = sample();
  const Writer holder = Writer::open(file);
  const std::string pid = std::to_string(::getpid());
  expect_failure(tool({"apply", file}, {.input = "{}"}), 11, pid);
  expect_failure(tool({"checkpoint", file, "--description", "x"}), 11, pid);
  expect_failure(tool({"restore", file + "@1"}), 11, pid);
}

TEST_F(ExitCode, ReadersDoNotMindAWriter) {
  const std::string file = sample();
  const Writer holder = Writer::open(file);
  EXPECT_EQ(tool({"info", file}).exit_code, 0);
  EXPECT_EQ(tool({"show", file}).exit_code, 0);
}

TEST_F(ExitCode, InterruptedIs130AndChangesNothing) {
  const std::string file = sample();
  const auto before = read_file(file);
  RunningProgram apply(SESSIONTOOL_BINARY, {"apply", file});
  apply.write(R"({"table": "tasks", "key": "build", "delete": true})"
              "\n");
  ::usleep(200'000);  // it waits for more by now; if not, the signal comes earlier
  apply.send_signal(SIGINT);
  const ProgramResult result = apply.wait();
  EXPECT_EQ(result.exit_code, 130) << result.err;
  EXPECT_NE(result.err.find("interrupted"), std::string::npos) << result.err;
  EXPECT_EQ(Reader::open(file).head().revision(), 3U);
  EXPECT_EQ(read_file(file).substr(0, before.size()), before);
}

TEST_F(ExitCode, WithJsonTheErrorIsADocument) {
  const ProgramResult result = tool({"--json", "info", path("missing")});
  EXPECT_EQ(result.exit_code, 10);
  EXPECT_EQ(result.out, "");
  const JsonValue error = convert::json::parse(result.err);
  EXPECT_EQ(text_at(error, "schema"), "sessiontool.error/1");
  EXPECT_EQ(number_at(error, "exit_code"), "10");
  EXPECT_EQ(text_at(error, "code"), "not_found");
  EXPECT_EQ(text_at(error, "file"), path("missing"));
  EXPECT_NE(text_at(error, "message"), "");
  EXPECT_TRUE(at(error, "offset").is_null());
}

TEST_F(ExitCode, WithJsonWrongUsageIsADocumentToo) {
  const ProgramResult result = tool({"info", "--nonsense", "--json"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_EQ(text_at(convert::json::parse(result.err), "code"), "usage");
}

}  // namespace
}  // namespace session::test
