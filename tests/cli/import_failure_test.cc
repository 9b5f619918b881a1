// Imports of whole directories that cannot be finished: what was there stays, nothing new is left.

#include <filesystem>
#include <string>

#include "tests/cli/tool.h"

namespace session::test {
namespace {

namespace fs = std::filesystem;

class CliImportFailure : public CliTest {
 protected:
  // A copy of a workspace of aca with one session; empty where the data folder is missing.
  std::string workspace() {
    const fs::path from = fs::path(SESSIONTOOL_SHARED_DATA) / "aca" / "small";
    if (!fs::exists(from)) return {};
    const std::string to = path("workspace");
    fs::copy(from, to, fs::copy_options::recursive);
    return to;
  }
  static fs::path session_of(const std::string& workspace) {
    for (const auto& entry : fs::directory_iterator(fs::path(workspace) / ".aca" / "sessions")) {
      if (fs::exists(entry.path() / "meta" / "session.json")) return entry.path();
    }
    return {};
  }
};

TEST_F(CliImportFailure, AnOutputInsideTheSourceIsRefused) {
  const std::string workspace = this->workspace();
  if (workspace.empty()) GTEST_SKIP() << "the data folder is not there";
  const fs::path session = session_of(workspace);
  const auto before = files_in(workspace);
  const ProgramResult result =
      tool({"import", session.string(), "-o", (session / "s.session").string()});
  EXPECT_EQ(result.exit_code, 2) << result.err;
  EXPECT_NE(result.err.find("choose a place outside"), std::string::npos) << result.err;
  EXPECT_EQ(files_in(workspace), before);
}

TEST_F(CliImportFailure, HalfWayThroughADirectoryTheHeadComesBack) {
  const std::string workspace = this->workspace();
  if (workspace.empty()) GTEST_SKIP() << "the data folder is not there";
  const std::string file = path("work.session");
  ASSERT_EQ(tool({"import", workspace, "-o", file}).exit_code, 0);
  const std::string before = text_at(at(tool_json({"info", file}), "head"), "fingerprint");
  // A checkpoint more, which is committed, and then a file that the disk has no room for.
  const fs::path session = session_of(workspace);
  fs::path one;
  for (const auto& entry : fs::directory_iterator(session / "checkpoints")) {
    if (entry.path().extension() == ".json" && (one.empty() || entry.path() < one)) {
      one = entry.path();
    }
  }
  fs::copy_file(one,
                session / "checkpoints" / "checkpoint_00000000-0000-0000-0000-000000000007.json");
  std::string noise(3'000'000, '\0');
  std::uint32_t state = 1;
  for (char& byte : noise) byte = static_cast<char>((state = state * 1664525U + 1013904223U) >> 24);
  write_file((session / "large.bin").string(), noise);
  ProgramOptions options;
  options.file_limit_bytes = fs::file_size(file) + 200'000;
  const ProgramResult result = tool({"import", workspace, "-o", file}, options);
  EXPECT_EQ(result.exit_code, 4) << result.err;
  EXPECT_NE(result.err.find("has the content of revision"), std::string::npos) << result.err;
  EXPECT_EQ(text_at(at(tool_json({"info", file}), "head"), "fingerprint"), before);
  EXPECT_EQ(tool({"verify", file}).exit_code, 0);
}

TEST_F(CliImportFailure, OfAWorkspaceLeavesNoneOfItsSessions) {
  const std::string workspace = this->workspace();
  if (workspace.empty()) GTEST_SKIP() << "the data folder is not there";
  const fs::path session = session_of(workspace);
  const fs::path bad = session.parent_path() / "ffffffff-0000-0000-0000-000000000000";
  fs::copy(session, bad, fs::copy_options::recursive);
  write_file((bad / "meta" / "session.json").string(), "{");
  const std::string output = path("sessions");
  const ProgramResult result = tool({"import", workspace, "-o", output});
  EXPECT_EQ(result.exit_code, 5) << result.err;
  EXPECT_FALSE(fs::exists(output)) << result.err;
}

TEST_F(CliImportFailure, ADryRunNamesTheHeadThatStays) {
  const std::string source = path("issues.jsonl");
  write_file(source, R"({"id":"a-1","title":"one","status":"open"})"
                     "\n");
  const std::string file = path("work.session");
  ASSERT_EQ(tool({"import", source, "-o", file}).exit_code, 0);
  const ProgramResult result = tool({"import", source, "-o", file, "-n"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_NE(result.out.find("revision 1"), std::string::npos) << result.out;
}

}  // namespace
}  // namespace session::test
