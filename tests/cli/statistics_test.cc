// What a running session measured, as `info --stats` shows it.

#include <gtest/gtest.h>

#include <string>

#include "session/manager.h"
#include "tests/cli/tool.h"

namespace session::test {
namespace {

TEST(InfoStatistics, ShowsWhatARunningSessionMeasured) {
  const TempDir dir;
  SessionConfig config;
  config.path = dir.file("work.session");
  {
    Session session = Session::open(config);
    session.tasks().create({.key = "a"});
    session.save();
    session.milestone("m");
  }
  const ProgramResult text = tool({"info", "--stats", config.path});
  ASSERT_EQ(text.exit_code, 0) << text.err;
  EXPECT_NE(text.out.find("checkpoints"), std::string::npos) << text.out;
  EXPECT_NE(text.out.find("mean save"), std::string::npos) << text.out;
  const ProgramResult json = tool({"info", "--stats", "--json", config.path});
  ASSERT_EQ(json.exit_code, 0) << json.err;
  EXPECT_NE(json.out.find("\"sync_calls\""), std::string::npos) << json.out;
}

}  // namespace
}  // namespace session::test
