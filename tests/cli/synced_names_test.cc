// A name that a file was given is on the disk before the tool says that it is done. Where the
// simulated disk does not reach (links, directories that are made) the tool's own calls are
// watched.

#include <algorithm>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "tests/cli/tool.h"
#include "tests/support/directories.h"
#include "tests/support/sanitized.h"

namespace session::test {
namespace {

namespace fs = std::filesystem;

class SyncedNames : public CliTest {
 protected:
  void SetUp() override {
    if (kIsSanitized) GTEST_SKIP() << "the sanitizer's own runtime has to be loaded first";
  }

  // What is synced is in synced() afterwards.
  ProgramResult watched(const std::vector<std::string>& arguments,
                        const std::string& fails = "/nowhere") {
    fs::remove(path("syncs"));
    ProgramOptions options;
    options.environment = {{"LD_PRELOAD", WATCHED_FSYNC_LIBRARY},
                           {"WATCHED_FSYNC_LOG", path("syncs")},
                           {"WATCHED_FSYNC_FAILS", fails}};
    return tool(arguments, options);
  }
  [[nodiscard]] bool is_synced(const std::string& name) const {
    std::istringstream lines(read_file(path("syncs")));
    for (std::string line; std::getline(lines, line);) {
      if (line == fs::canonical(name).string()) return true;
    }
    return false;
  }
  // A session of format 1 in a directory of its own.
  void write_old_session(const std::string& name) const {
    write_text(fs::path(name) / "meta/session.json",
               R"({"metadata":{"name":"garden"},"task_tree":{"tasks":{"t-1":{"id":"t-1",)"
               R"("title":"Dig"}},"roots":["t-1"]}})");
  }
};

TEST_F(SyncedNames, OfTheDirectoriesThatAnImportMade) {
  write_old_session(path("workspace/.aca/sessions/one"));
  write_old_session(path("workspace/.aca/sessions/two"));
  const ProgramResult result = watched({"import", path("workspace"), "-o", path("new/below")});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  ASSERT_TRUE(fs::exists(path("new/below/one.session")));
  EXPECT_TRUE(is_synced(path("new/below"))) << "which holds the sessions";
  EXPECT_TRUE(is_synced(path("new"))) << "which holds that directory";
  EXPECT_TRUE(is_synced(directory())) << "which holds them all";
}

TEST_F(SyncedNames, OfAFileBehindALinkThatAMigrationReplaced) {
  write_old_session(path("old"));
  fs::create_directory(path("elsewhere"));
  ASSERT_EQ(tool({"migrate", path("old"), "-o", path("elsewhere/a.session")}).exit_code, 0);
  fs::create_symlink(path("elsewhere/a.session"), path("a.session"));
  const ProgramResult result =
      watched({"migrate", path("old"), "-o", path("a.session"), "--force"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  ASSERT_TRUE(fs::is_symlink(path("a.session")));
  EXPECT_TRUE(is_synced(path("elsewhere")));
}

TEST_F(SyncedNames, ADirectoryThatCannotBeSyncedIsAnError) {
  const std::string file = sample();
  fs::create_directory(path("out"));
  const std::vector<std::string> arguments = {"export", file, "--to",
                                              "jsonl",  "-o", path("out/a.jsonl")};
  const ProgramResult result = watched(arguments, fs::canonical(path("out")).string());
  EXPECT_EQ(result.exit_code, 4) << result.err;
  EXPECT_NE(result.err.find("cannot sync its directory"), std::string::npos) << result.err;
  EXPECT_NE(result.err.find("a.jsonl"), std::string::npos) << result.err;
}

}  // namespace
}  // namespace session::test
