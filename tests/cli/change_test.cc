// Commands that write: dry runs, outputs, and what a failure leaves behind.

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/cli/tool.h"

namespace session::test {
namespace {

const std::string kIssues =
    R"({"id":"bd-1","title":"First","status":"open","issue_type":"task","created_at":"2025-12-13T10:00:00Z","updated_at":"2025-12-13T10:00:00Z"})"
    "\n"
    R"({"id":"bd-2","title":"Second","status":"closed","issue_type":"bug","created_at":"2025-12-13T10:00:00Z","updated_at":"2025-12-13T10:00:00Z","closed_at":"2025-12-13T11:00:00Z"})"
    "\n";
const std::string kDeleteDocs = R"({"table": "tasks", "key": "docs", "delete": true})"
                                "\n";

class Change : public CliTest {
 protected:
  std::string issues() {
    write_file(path("issues.jsonl"), kIssues);
    return path("issues.jsonl");
  }
};

using DryRun = Change;
using Output = Change;
using Import = Change;
using Apply = Change;

TEST_F(DryRun, WritesNothingWhateverTheCommand) {
  const std::string file = sample();
  tool({"checkpoint", file, "--description", "one"});
  const std::string id =
      text_at(at(tool_json({"checkpoint", file, "--list"}), "checkpoints").items().at(0), "id");
  const std::string source = issues();
  const auto before = files_in(directory());
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {"init", path("new.session")},
           {"init", file, "--force"},
           {"import", source, "-o", path("new.session")},
           {"import", source, "-o", file},
           {"import", source, "-o", file, "--force"},
           {"export", file, "--to", "jsonl", "-o", path("out.jsonl")},
           {"apply", file},
           {"checkpoint", file, "--description", "two"},
           {"checkpoint", file, "--delete", id},
           {"restore", file + "@1"}}) {
    for (const std::string flag : {"-n", "--dry-run"}) {
      std::vector<std::string> dry = arguments;
      dry.push_back(flag);
      ProgramOptions options;
      options.input = kDeleteDocs;
      const ProgramResult result = tool(dry, options);
      EXPECT_EQ(result.exit_code, 0) << dry[0] << ": " << result.err;
      EXPECT_TRUE(result.out.find("would") != std::string::npos) << dry[0] << ": " << result.out;
      EXPECT_EQ(files_in(directory()), before) << dry[0];
    }
  }
}

TEST_F(DryRun, FindsTheSameFaultsAsTheRealRun) {
  const std::string file = sample();
  write_file(path("bad.jsonl"), "{\"id\":");
  EXPECT_EQ(tool({"import", path("bad.jsonl"), "--from", "beads", "-o", path("x"), "-n"}).exit_code,
            5);
  EXPECT_EQ(tool({"init", file, "-n"}).exit_code, 2);
  EXPECT_EQ(tool({"restore", file + "@77", "-n"}).exit_code, 10);
  ProgramOptions options;
  options.input = "nonsense\n";
  EXPECT_EQ(tool({"apply", file, "-n"}, options).exit_code, 5);
}

TEST_F(Output, AnExistingFileIsKeptWithoutForce) {
  const std::string file = sample();
  write_file(path("out"), "precious");
  const ProgramResult refused = tool({"export", file, "--to", "jsonl", "-o", path("out")});
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_NE(refused.err.find("--force"), std::string::npos) << refused.err;
  EXPECT_EQ(read_file(path("out")), "precious");
  EXPECT_EQ(tool({"init", file}).exit_code, 2);
  EXPECT_EQ(tool({"export", file, "--to", "jsonl", "-o", path("out"), "--force"}).exit_code, 0);
  EXPECT_NE(read_file(path("out")), "precious");
}

TEST_F(Output, AnInputIsNeverAnOutput) {
  const std::string file = sample();
  const std::string before = read_file(file);
  ::symlink(file.c_str(), path("symbolic").c_str());
  for (const std::string& name : {file, path("symbolic"), directory() + "/./sample.session"}) {
    const ProgramResult result = tool({"export", file, "--to", "jsonl", "-o", name, "--force"});
    EXPECT_EQ(result.exit_code, 2) << name;
    EXPECT_NE(result.err.find("same file"), std::string::npos) << result.err;
  }
  const std::string source = issues();
  ::link(source.c_str(), path("hard").c_str());
  for (const std::string& name : {source, path("hard")}) {
    EXPECT_EQ(tool({"import", source, "-o", name}).exit_code, 2) << name;
    EXPECT_EQ(tool({"import", source, "-o", name, "--force"}).exit_code, 2) << name;
  }
  EXPECT_EQ(read_file(source), kIssues);
  EXPECT_EQ(tool({"apply", file, file}).exit_code, 2);
  EXPECT_EQ(read_file(file), before);
}

TEST_F(Output, GoesThroughALinkToTheFileBehindIt) {
  const std::string file = sample();
  write_file(path("target"), "old");
  ::symlink(path("target").c_str(), path("link").c_str());
  EXPECT_EQ(tool({"export", file, "--to", "jsonl", "-o", path("link"), "--force"}).exit_code, 0);
  EXPECT_TRUE(std::filesystem::is_symlink(path("link")));
  EXPECT_NE(read_file(path("target")), "old");
}

TEST_F(Output, ADeviceIsNotReplaced) {
  const ProgramResult result =
      tool({"export", sample(), "--to", "jsonl", "-o", "/dev/null", "--force"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/null"));
}

TEST_F(Output, AFailureLeavesNothingHalfMade) {
  const std::string file = sample();
  write_file(path("bad.jsonl"), kIssues + "{\"id\":\n");
  const auto before = files_in(directory());
  EXPECT_EQ(tool({"import", path("bad.jsonl"), "-o", path("new.session")}).exit_code, 5);
  EXPECT_EQ(tool({"import", path("missing"), "-o", path("new.session")}).exit_code, 10);
  EXPECT_EQ(tool({"import", path("bad.jsonl"), "-o", file}).exit_code, 5);
  EXPECT_EQ(tool({"export", file, "--to", "jsonl", "-o", path("no/such/place")}).exit_code, 10);
  EXPECT_EQ(tool({"init", path("no/such/place")}).exit_code, 10);
  EXPECT_EQ(files_in(directory()), before);
}

TEST_F(Output, ExportIntoAFullDeviceIsFour) {
  ProgramOptions options;
  options.output_file = "/dev/full";
  const ProgramResult result = tool({"export", sample(), "--to", "jsonl"}, options);
  EXPECT_EQ(result.exit_code, 4);
  EXPECT_NE(result.err.find("No space left"), std::string::npos) << result.err;
}

TEST_F(Output, ExportIntoAClosedPipeEndsQuietly) {
  ProgramOptions options;
  options.output_closed = true;
  const ProgramResult result = tool({"export", sample(), "--to", "jsonl"}, options);
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.err, "");
}

TEST_F(Output, ExportWithJsonNeedsAFile) {
  const std::string file = sample();
  EXPECT_EQ(tool({"export", file, "--to", "jsonl", "--json"}).exit_code, 2);
  const JsonValue report = tool_json({"export", file, "--to", "jsonl", "-o", path("out.jsonl")});
  EXPECT_EQ(text_at(report, "schema"), "sessiontool.export/1");
  EXPECT_EQ(number_at(report, "bytes"),
            std::to_string(std::filesystem::file_size(path("out.jsonl"))));
  EXPECT_EQ(read_file(path("out.jsonl")), tool({"export", file, "--to", "jsonl"}).out);
}

TEST_F(Output, QuietSaysNothingOfSuccess) {
  const std::string file = path("new.session");
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {"init", file},
           {"import", issues(), "-o", file},
           {"checkpoint", file, "--description", "x"},
           {"restore", file + "@1"},
           {"export", file, "--to", "json", "-o", path("out.json")}}) {
    std::vector<std::string> quiet = arguments;
    quiet.emplace_back("--quiet");
    const ProgramResult result = tool(quiet);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(result.out + result.err, "") << arguments[0];
  }
}

TEST_F(Import, ANewFileHasOneRevisionASourceAndEqualOnesNone) {
  const std::string source = issues();
  const JsonValue report =
      tool_json({"import", source, source, "-o", path("new.session"), "--message", "hello"});
  EXPECT_EQ(text_at(report, "schema"), "sessiontool.import/1");
  EXPECT_TRUE(at(report, "created").as_bool());
  const auto& sources = at(report, "sources").items();
  ASSERT_EQ(sources.size(), 2U);
  EXPECT_EQ(text_at(sources[0], "format"), "beads");
  EXPECT_EQ(number_at(sources[0], "revision"), "1");
  EXPECT_EQ(number_at(sources[1], "revision"), "1");
  EXPECT_EQ(number_at(sources[1], "upserts"), "0");
  const JsonValue log = tool_json({"log", path("new.session")});
  ASSERT_EQ(at(log, "revisions").items().size(), 1U);
  EXPECT_EQ(text_at(at(log, "revisions").items()[0], "message"), "hello");
}

TEST_F(Import, ABadSourceIsFiveWithLineAndColumn) {
  write_file(path("bad.jsonl"), kIssues + "{\"id\" \"bd-3\"}\n");
  const ProgramResult result = tool({"import", path("bad.jsonl"), "-o", path("new.session")});
  EXPECT_EQ(result.exit_code, 5);
  EXPECT_NE(result.err.find("bad.jsonl"), std::string::npos) << result.err;
  EXPECT_NE(result.err.find("line 3, column"), std::string::npos) << result.err;
}

TEST_F(Import, InterruptedLeavesNothingBehind) {
  std::string issues;
  for (int i = 0; i < 40'000; ++i) {
    issues += R"({"id":"bd-)" + std::to_string(i) + R"(","title":"One of many","description":")" +
              std::string(1000, 'x') +
              R"(","status":"open","issue_type":"task",)"
              R"("created_at":"2025-12-13T10:00:00Z","updated_at":"2025-12-13T10:00:00Z"})"
              "\n";
  }
  write_file(path("many.jsonl"), issues);
  RunningProgram import(SESSIONTOOL_BINARY,
                        {"import", path("many.jsonl"), "-o", path("new.session")});
  while (!std::filesystem::exists(path("new.session.lock"))) ::usleep(1000);
  import.send_signal(SIGINT);
  const ProgramResult result = import.wait();
  EXPECT_EQ(result.exit_code, 130) << result.err;
  EXPECT_NE(result.err.find("interrupted"), std::string::npos) << result.err;
  const auto left = files_in(directory());
  EXPECT_EQ(left.size(), 1U);
  EXPECT_EQ(left.begin()->first, path("many.jsonl"));
}

TEST_F(Import, WhatComesInGoesOutAgain) {
  const std::string source = issues();
  ASSERT_EQ(tool({"import", source, "-o", path("new.session")}).exit_code, 0);
  const std::string out = tool({"export", path("new.session"), "--to", "beads"}).out;
  std::istringstream a(kIssues);
  std::istringstream b(out);
  for (std::string line; std::getline(a, line);) {
    std::string other;
    ASSERT_TRUE(std::getline(b, other));
    EXPECT_EQ(convert::json::parse(other), convert::json::parse(line));
  }
}

TEST_F(Apply, CommitsEverythingAtOnce) {
  const std::string file = sample();
  ProgramOptions options;
  options.input = kDeleteDocs + R"({"table": "tasks", "key": "new", "record": {"title": "New"}})"
                                "\n";
  const JsonValue report = tool_json({"apply", file, "--message", "by hand"}, options);
  EXPECT_EQ(text_at(report, "schema"), "sessiontool.apply/1");
  EXPECT_EQ(number_at(report, "revision"), "4");
  EXPECT_EQ(number_at(report, "upserts"), "1");
  EXPECT_EQ(number_at(report, "erases"), "1");
  const JsonValue log = tool_json({"log", file});
  EXPECT_EQ(text_at(at(log, "revisions").items()[0], "message"), "by hand");
}

TEST_F(Apply, TakesWhatShowPrints) {
  const std::string file = sample();
  const JsonValue tasks = tool_json({"show", file});
  std::string lines;
  for (const JsonValue& task : at(tasks, "tasks").items()) {
    lines += convert::json::to_text(task) + "\n";
  }
  ProgramOptions options;
  options.input = lines;
  const std::string before = text_at(at(tool_json({"info", file}), "head"), "fingerprint");
  EXPECT_EQ(tool({"apply", file}, options).exit_code, 0);
  EXPECT_EQ(text_at(at(tool_json({"info", file}), "head"), "fingerprint"), before);
}

TEST_F(Apply, ADryRunSpeaksOfTheFileAndNotOfACopy) {
  write_file(path("text"), std::string(200, '.'));
  const ProgramResult result = tool({"apply", path("text"), "-n"});
  EXPECT_EQ(result.exit_code, 5);
  EXPECT_TRUE(result.err.starts_with("sessiontool: " + path("text") + " ")) << result.err;
}

TEST_F(Apply, ABadLineChangesNothingAndIsNamed) {
  const std::string file = sample();
  write_file(path("ops.jsonl"), kDeleteDocs + "{\"table\": \"nonsense\"}\n");
  const ProgramResult result = tool({"apply", file, path("ops.jsonl")});
  EXPECT_EQ(result.exit_code, 5);
  EXPECT_NE(result.err.find("ops.jsonl"), std::string::npos) << result.err;
  EXPECT_NE(result.err.find("line 2"), std::string::npos) << result.err;
  EXPECT_EQ(number_at(at(tool_json({"info", file}), "head"), "revision"), "3");
}

// What a person sees while `apply` waits for a slow input.
std::string seen_while_reading(const std::string& file, const std::vector<std::string>& more) {
  ProgramOptions terminal;
  terminal.on_terminal = true;
  terminal.environment = {{"TERM", "xterm"}, {"COLUMNS", ""}};
  std::vector<std::string> arguments = {"apply", file, "-n"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  RunningProgram apply(SESSIONTOOL_BINARY, arguments, terminal);
  apply.write(kDeleteDocs);
  ::usleep(500'000);  // longer than work may take without a bar
  apply.write(kDeleteDocs);
  return apply.wait().out;
}

TEST_F(Change, LongWorkShowsProgressOnATerminalAndTakesItAway) {
  const std::string seen = seen_while_reading(sample(), {});
  const std::size_t bar = seen.find("reading  ");
  const std::size_t result = seen.find("would be revision");
  ASSERT_NE(bar, std::string::npos) << seen;
  ASSERT_NE(result, std::string::npos) << seen;
  EXPECT_LT(bar, result);
  EXPECT_NE(seen.find("\r\x1b[K", bar), std::string::npos);
}

TEST_F(Change, QuietShowsNoProgress) {
  EXPECT_EQ(seen_while_reading(sample(), {"--quiet"}), "");
}

TEST_F(Change, MessagesOfTheLibraryNameTheNextStep) {
  const ProgramResult result = tool({"restore", sample()});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_NE(result.err.find("sessiontool log"), std::string::npos) << result.err;
}

}  // namespace
}  // namespace session::test
