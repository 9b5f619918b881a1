// The example dashboard follows a session that another process writes, and ends with it.

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <optional>
#include <string>
#include <thread>

#include "session/manager.h"
#include "tests/support/file_bytes.h"
#include "tests/support/run_program.h"
#include "tests/support/temp_dir.h"

namespace session::test {
namespace {

class ExampleDashboard : public ::testing::Test {
 protected:
  static std::size_t count(const std::string& text, const std::string& what) {
    std::size_t found = 0;
    for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) {
      ++found;
    }
    return found;
  }

  TempDir dir_;
  std::string path_ = dir_.file("work.session");
};

TEST_F(ExampleDashboard, ShowsWhereTheWorkStandsAndEndsWithIt) {
  SessionConfig config;
  config.path = path_;
  std::optional<Session> session(Session::open(config));
  session->tasks().create({.key = "a", .title = "the build"});
  session->tasks().create({.key = "b"});
  session->save();
  RunningProgram dashboard(EXAMPLE_DASHBOARD, {path_});
  session->tasks().start("a");
  session->save();
  session->tasks().complete("a");
  session->add_message({.text = "done"});
  session->save();
  session->shutdown();
  const ProgramResult result = dashboard.wait();
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.err, "");
  EXPECT_GE(count(result.out, "revision "), 1U) << result.out;
  EXPECT_NE(result.out.find(": 1 of 2 tasks done, 0 failed, 1 messages\n"), std::string::npos)
      << result.out;
  const std::string end = "nobody writes this session any more\n";
  EXPECT_EQ(count(result.out, end), 1U) << result.out;
}

TEST_F(ExampleDashboard, FollowsTheExampleAgentToItsEnd) {
  constexpr int kTasks = 60;
  RunningProgram agent(EXAMPLE_AGENT, {path_, std::to_string(kTasks)});
  const auto is_there = [&] {
    try {
      return Reader::open(path_).head().count(Table::kTasks) != 0;
    } catch (const Error&) {
      return false;
    }
  };
  for (int i = 0; i < 3'000 && !is_there(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  const ProgramResult seen = run_program(EXAMPLE_DASHBOARD, {path_});
  EXPECT_EQ(agent.wait().exit_code, 0);
  EXPECT_EQ(seen.exit_code, 0) << seen.err;
  EXPECT_NE(seen.out.find(": 60 of 60 tasks done"), std::string::npos) << seen.out;
}

TEST_F(ExampleDashboard, EndsInOrderWhenItIsAskedTo) {
  SessionConfig config;
  config.path = path_;
  Session session = Session::open(config);
  ProgramOptions options;
  options.output_file = path_ + ".out";
  RunningProgram dashboard(EXAMPLE_DASHBOARD, {path_}, options);
  while (read_file(options.output_file).find('\n') == std::string::npos) {  // it follows
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  dashboard.send_signal(SIGINT);
  const ProgramResult result = dashboard.wait();
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out.find("nobody writes"), std::string::npos);
}

TEST_F(ExampleDashboard, SaysWhatIsWrong) {
  const ProgramResult nothing = run_program(EXAMPLE_DASHBOARD, {path_});
  EXPECT_EQ(nothing.exit_code, 1);
  EXPECT_NE(nothing.err.find(path_), std::string::npos);
  EXPECT_EQ(run_program(EXAMPLE_DASHBOARD, {}).exit_code, 2);
}

}  // namespace
}  // namespace session::test
