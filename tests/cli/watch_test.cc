// watch: commits as they happen; and what `show FILE status` says about who writes.

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <sstream>
#include <thread>

#include "lib/operations/rewrite.h"
#include "lib/store/head.h"
#include "session/reader.h"
#include "tests/cli/tool.h"

namespace session::test {
namespace {

void commit(Writer& writer, const std::string& message) {
  auto change = writer.begin();
  put_value(change, "test/" + message, message);
  put_value(change, "test/latest", message);
  CommitOptions options;
  options.message = message;
  (void)change.commit(options);
}

std::vector<JsonValue> lines_of(const std::string& out) {
  std::vector<JsonValue> lines;
  std::istringstream in(out);
  for (std::string line; std::getline(in, line);) lines.push_back(convert::json::parse(line));
  return lines;
}

class Watch : public CliTest {
 protected:
  [[nodiscard]] RunningProgram start(std::vector<std::string> arguments) const {
    std::filesystem::remove(path("out"));  // of one before
    arguments.insert(arguments.begin(), {"watch", path("sample.session")});
    ProgramOptions options;
    options.output_file = path("out");
    return {SESSIONTOOL_BINARY, arguments, options};
  }
  // Waits until so many lines stand there.
  void await_lines(std::size_t count) const {
    const auto lines = [&] {
      const std::string out = read_file(path("out"));
      return static_cast<std::size_t>(std::ranges::count(out, '\n'));
    };
    while (lines() < count) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
};

TEST_F(Watch, PrintsEachCommitOnceAndInOrder) {
  Writer writer = Writer::open(sample());
  RunningProgram watch = start({"--json-lines", "--since", "3", "--limit", "20"});
  for (int i = 0; i < 19; ++i) commit(writer, std::to_string(i));
  CheckpointOptions checkpoint;
  checkpoint.description = "the end";
  (void)writer.checkpoint(checkpoint);
  const ProgramResult result = watch.wait();
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.err, "");
  const auto lines = lines_of(read_file(path("out")));
  ASSERT_EQ(lines.size(), 20U);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    EXPECT_EQ(text_at(lines[i], "type"), "commit");
    EXPECT_EQ(number_at(lines[i], "revision"), std::to_string(4 + i));
    EXPECT_TRUE(text_at(lines[i], "time").ends_with("Z"));
  }
  EXPECT_EQ(text_at(lines[0], "kind"), "delta");
  EXPECT_EQ(number_at(lines[0], "changes"), "2");
  EXPECT_EQ(text_at(lines[0], "message"), "0");
  EXPECT_EQ(text_at(lines[19], "kind"), "snapshot");
  EXPECT_EQ(text_at(lines[19], "description"), "the end");
  EXPECT_EQ(text_at(lines[19], "trigger"), "manual");
}

TEST_F(Watch, SaysTheSameAsLog) {
  const std::string file = sample();
  tool({"checkpoint", file, "--description", "one"});
  const auto lines = lines_of(tool({"watch", file, "--json", "--since", "0", "--limit", "4"}).out);
  const JsonValue log = tool_json({"log", file});
  ASSERT_EQ(lines.size(), 4U);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const JsonValue& logged = at(log, "revisions").items()[3 - i];
    for (const auto& member : logged.members()) {
      EXPECT_EQ(convert::json::to_text(at(lines[i], member.key)),
                convert::json::to_text(member.value))
          << member.key;
    }
  }
}

TEST_F(Watch, ALineIsThereBeforeTheNextCommit) {
  Writer writer = Writer::open(sample());
  RunningProgram watch = start({"--since", "3", "--json-lines", "--limit", "3"});
  for (std::size_t i = 1; i <= 3; ++i) {
    commit(writer, std::to_string(i));
    await_lines(i);
  }
  EXPECT_EQ(watch.wait().exit_code, 0);
}

TEST_F(Watch, WritesForPeopleWithoutJson) {
  const std::string file = sample();
  tool({"checkpoint", file, "--description", "before it all"});
  const ProgramResult result = tool({"watch", file, "--since", "1", "--limit", "3"});
  EXPECT_EQ(result.exit_code, 0);
  std::istringstream out(result.out);
  std::string line;
  std::getline(out, line);
  EXPECT_TRUE(line.starts_with("     2  20")) << line;
  EXPECT_NE(line.find("delta"), std::string::npos) << line;
  EXPECT_NE(line.find("+5  the plan"), std::string::npos) << line;
  std::getline(out, line);
  std::getline(out, line);
  EXPECT_NE(line.find("manual"), std::string::npos) << line;
  EXPECT_NE(line.find("before it all"), std::string::npos) << line;
  EXPECT_NE(result.err.find("from revision 1"), std::string::npos) << result.err;
}

TEST_F(Watch, AnInterruptEndsItWithItsExitCode) {
  const std::string file = sample();
  for (const int signal : {SIGINT, SIGTERM}) {
    RunningProgram watch = start({"--json-lines", "--since", "0"});
    await_lines(3);
    watch.send_signal(signal);
    const ProgramResult result = watch.wait();
    EXPECT_EQ(result.exit_code, 130);
    EXPECT_EQ(text_at(convert::json::parse(result.err), "code"), "interrupted");
  }
}

TEST_F(Watch, EndsWhenTheTimeIsUp) {
  const ProgramResult result = tool({"watch", sample(), "--timeout", "1s", "--quiet"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.out + result.err, "");
}

TEST_F(Watch, EndsWhenNobodyReads) {
  ProgramOptions options;
  options.output_closed = true;
  EXPECT_EQ(tool({"watch", sample(), "--quiet"}, options).exit_code, 0);
}

TEST_F(Watch, SaysWhichRevisionsAreNotKept) {
  const std::string file = sample();
  {
    Writer writer = Writer::open(file);
    for (int i = 4; i <= 9; ++i) commit(writer, std::to_string(i));
  }
  const Reader old = Reader::open(file);
  operations::RewriteOptions options;
  options.header =
      store::read_file_header(*io::system_files().open(file, io::OpenMode::kRead), file);
  operations::Rewriter rewriter(path("new"), options);
  for (const std::uint64_t kept : {2, 6, 9}) rewriter.add(old.at(kept));
  rewriter.finish();
  std::filesystem::rename(path("new"), file);
  const auto lines = lines_of(tool({"watch", file, "--json", "--since", "2", "--limit", "2"}).out);
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_EQ(text_at(lines[0], "type"), "skipped");
  EXPECT_EQ(number_at(lines[0], "first"), "3");
  EXPECT_EQ(number_at(lines[0], "last"), "5");
  EXPECT_EQ(number_at(lines[1], "revision"), "6");
  EXPECT_EQ(number_at(lines[2], "first"), "7");
  EXPECT_EQ(number_at(lines[3], "revision"), "9");
  const ProgramResult text = tool({"watch", file, "--since", "6", "--limit", "1"});
  EXPECT_NE(text.err.find("revisions 7 to 8 are not kept any more"), std::string::npos) << text.err;
}

TEST_F(Watch, SaysThatAnotherSessionHasTakenThePlace) {
  const std::string file = sample();
  RunningProgram watch = start({"--json-lines", "--since", "0", "--limit", "4"});
  await_lines(3);
  EXPECT_EQ(tool({"init", file, "--force"}).exit_code, 0);
  await_lines(4);
  Writer writer = Writer::open(file);
  commit(writer, "new");
  EXPECT_EQ(watch.wait().exit_code, 0);
  const auto lines = lines_of(read_file(path("out")));
  ASSERT_EQ(lines.size(), 5U);
  EXPECT_EQ(text_at(lines[3], "type"), "replaced");
  EXPECT_EQ(number_at(lines[3], "revision"), "1");
  EXPECT_EQ(text_at(lines[3], "session"), Reader::open(file).info().session_id);
  EXPECT_EQ(number_at(lines[4], "revision"), "2");
}

TEST_F(Watch, SaysThatTheFileIsGoneAndThatItIsThereAgain) {
  const std::string file = sample();
  const std::string aside = path("aside.session");
  RunningProgram watch = start({"--json-lines", "--since", "0", "--limit", "4"});
  await_lines(3);
  std::filesystem::rename(file, aside);
  await_lines(4);
  std::filesystem::rename(aside, file);
  await_lines(5);
  {
    Writer writer = Writer::open(file);
    commit(writer, "one more");
  }
  EXPECT_EQ(watch.wait().exit_code, 0);
  const auto lines = lines_of(read_file(path("out")));
  ASSERT_EQ(lines.size(), 6U);
  EXPECT_EQ(text_at(lines[3], "type"), "gone");
  EXPECT_EQ(text_at(lines[4], "type"), "returned");
  EXPECT_EQ(number_at(lines[5], "revision"), "4");
}

TEST_F(Watch, RefusesWhatMakesNoSense) {
  const std::string file = sample();
  EXPECT_EQ(tool({"watch", path("missing")}).exit_code, 10);
  EXPECT_EQ(tool({"watch", file, "--since", "4"}).exit_code, 10);
  EXPECT_EQ(tool({"watch", file, "--since", "no such checkpoint"}).exit_code, 10);
  EXPECT_EQ(tool({"watch", file, "--timeout", "soon"}).exit_code, 2);
  EXPECT_EQ(tool({"watch", file, "--at", "2"}).exit_code, 2);
}

TEST_F(Watch, StatusSaysWhoWritesTheFile) {
  const std::string file = sample();
  const auto text = [&] { return tool({"show", file, "status"}).out; };
  JsonValue status = tool_json({"show", file, "status"});
  EXPECT_EQ(number_at(status, "bytes"), std::to_string(std::filesystem::file_size(file)));
  EXPECT_TRUE(at(status, "sealed").as_bool());
  EXPECT_FALSE(at(status, "being_written").as_bool());
  EXPECT_TRUE(at(status, "writer_process").is_null());
  EXPECT_NO_THROW((void)std::stoull(number_at(status, "age_seconds")));
  EXPECT_NE(text().find("closed cleanly"), std::string::npos) << text();
  EXPECT_NE(text().find(" ago"), std::string::npos) << text();

  Writer writer = Writer::open(file);
  commit(writer, "open");
  status = tool_json({"show", file, "status"});
  EXPECT_FALSE(at(status, "sealed").as_bool());
  EXPECT_TRUE(at(status, "being_written").as_bool());
  EXPECT_EQ(number_at(status, "writer_process"), std::to_string(::getpid()));
  const std::string who = "process " + std::to_string(::getpid()) + " writes it";
  EXPECT_NE(text().find(who), std::string::npos) << text();
  EXPECT_NE(tool({"info", file}).out.find(who), std::string::npos);
}

}  // namespace
}  // namespace session::test
