// The example agent does what its first lines say. It is killed 25 times; SESSIONTOOL_EXHAUSTIVE=1:
// 500 times; SESSIONTOOL_KILLS: so often.

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "session/reader.h"
#include "session/verify.h"
#include "tests/support/exhaustive.h"
#include "tests/support/records.h"
#include "tests/support/run_program.h"
#include "tests/support/seed.h"
#include "tests/support/session_state.h"
#include "tests/support/temp_dir.h"

namespace session::test {
namespace {

class ExampleAgent : public ::testing::Test {
 protected:
  // What it said was on the disk, and how often it had to recover.
  void listen(const std::string& out) {
    std::istringstream lines(out);
    for (std::string line; std::getline(lines, line);) {
      if (line.rfind("done ", 0) == 0) done_.push_back(line.substr(5));
      if (line.rfind("recovered", 0) == 0) ++recovered_;
    }
  }
  void expect_everything_acknowledged() {
    const Snapshot head = Reader::open(path_).head();
    for (const std::string& key : done_) {
      const auto task = head.get<schema::Task>(key);
      ASSERT_TRUE(task) << key;
      EXPECT_EQ((*task)->getStatus(), schema::TaskStatus::COMPLETED) << key;
    }
    EXPECT_GE(head.count(Table::kMessages), done_.size());
    EXPECT_GE(head.count(Table::kRecoveries), recovered_);
  }

  TempDir dir_;
  std::string path_ = dir_.file("work.session");
  std::vector<std::string> done_;
  std::uint64_t recovered_ = 0;
};

TEST_F(ExampleAgent, KeepsEveryAcknowledgedSaveHoweverOftenItIsKilled) {
  const char* wanted = std::getenv("SESSIONTOOL_KILLS");
  const int usual = is_exhaustive() ? 500 : 25;
  const int kills = wanted != nullptr ? std::atoi(wanted) : usual;
  const std::string tasks = std::to_string(4 * kills + 20);
  std::mt19937_64 random(random_seed());
  int killed = 0;
  for (int i = 0; i < kills; ++i) {
    RunningProgram agent(EXAMPLE_AGENT, {path_, tasks});
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 40'000));
    agent.send_signal(SIGKILL);
    const ProgramResult result = agent.wait();
    listen(result.out);
    ASSERT_EQ(result.err, "");
    if (result.signal == SIGKILL) ++killed;
    bool is_there = true;
    try {
      (void)Reader::open(path_);
    } catch (const Error&) {
      is_there = false;  // killed before the file had its name
      ASSERT_TRUE(done_.empty());
    }
    if (is_there) expect_everything_acknowledged();
  }
  const ProgramResult last = run_program(EXAMPLE_AGENT, {path_, tasks});
  ASSERT_EQ(last.exit_code, 0) << last.err;
  listen(last.out);
  expect_everything_acknowledged();
  const Snapshot head = Reader::open(path_).head();
  EXPECT_EQ(head.count(Table::kTasks), std::stoull(tasks));
  EXPECT_EQ(head.count(Table::kMessages), std::stoull(tasks)) << "each answered once";
  EXPECT_LE(head.count(Table::kRecoveries), static_cast<std::uint64_t>(killed));
  EXPECT_EQ(contradiction_in(head), "");
  VerifyOptions full;
  full.level = VerifyLevel::kFull;
  full.on_finding = [](const Finding& finding) {
    ADD_FAILURE() << finding.message << " at " << finding.offset.value_or(0);
  };
  const VerifyReport report = verify(path_, full);
  EXPECT_EQ(report.verdict, Verdict::kClean);
  EXPECT_EQ(report.errors, 0U);
}

TEST_F(ExampleAgent, EndsInOrderWhenItIsAskedTo) {
  RunningProgram agent(EXAMPLE_AGENT, {path_, "2000"});
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  for (int i = 0; i < 1'000; ++i) {  // it may still be planning
    try {
      if (Reader::open(path_).head().count(Table::kMessages) > 0) break;
    } catch (const Error&) {
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  agent.send_signal(SIGTERM);
  const ProgramResult result = agent.wait();
  EXPECT_EQ(result.exit_code, 0) << result.err;
  listen(result.out);
  expect_everything_acknowledged();
  EXPECT_TRUE(Reader::open(path_).info().sealed);
}

}  // namespace
}  // namespace session::test
