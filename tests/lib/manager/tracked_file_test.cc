// Files of the workspace, remembered so that verify can tell whether they changed.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "session/verify.h"
#include "tests/support/running_session.h"
#include "tests/support/temp_dir.h"

namespace session::test {
namespace {

class TrackedFiles : public ::testing::Test {
 protected:
  void write(const std::string& name, const std::string& content) {
    std::ofstream(dir_.file(name), std::ios::binary) << content;
  }
  [[nodiscard]] std::vector<FindingCode> findings() {
    std::vector<FindingCode> codes;
    VerifyOptions options;
    options.files = &disk_;
    options.level = VerifyLevel::kFull;
    options.workspace = dir_.path();
    options.on_finding = [&](const Finding& finding) { codes.push_back(finding.code); };
    (void)verify(kDiskPath, options);
    return codes;
  }
  [[nodiscard]] SessionConfig config() {
    SessionConfig config = config_on(disk_);
    config.workspace = dir_.path();
    return config;
  }

  TempDir dir_;
  SimulatedDisk disk_;
  Session session_ = Session::open(config());
};

TEST_F(TrackedFiles, AreComparedByVerify) {
  write("a.cc", "int a;");
  write("b.tmp", "");
  std::filesystem::create_directory(dir_.file("out"));
  EXPECT_TRUE(session_.track_file("a.cc", {.is_generated = true, .last_action = "write"}));
  EXPECT_TRUE(session_.track_file("b.tmp", {.is_temporary = true}));
  EXPECT_TRUE(session_.track_file("out"));
  const auto file = session_.get<schema::File>("a.cc");
  EXPECT_EQ((*file)->getSizeBytes(), 6U);
  EXPECT_TRUE((*file)->getIsGenerated());
  EXPECT_TRUE((*file)->getIsTracked());
  EXPECT_EQ(text((*file)->getLastAction()), "write");
  EXPECT_GT((*file)->getModifiedAt(), kClockBegin);
  session_.shutdown();
  EXPECT_TRUE(findings().empty());
  write("a.cc", "int b;");
  EXPECT_EQ(findings(), std::vector{FindingCode::kFileChanged});
}

TEST_F(TrackedFiles, AreWrittenAgainOnlyWhenTheyChanged) {
  write("a.cc", "int a;");
  EXPECT_TRUE(session_.track_file("a.cc"));
  EXPECT_FALSE(session_.track_file("a.cc"));
  write("a.cc", "int abc;");
  EXPECT_TRUE(session_.track_file("a.cc"));
  EXPECT_EQ((*session_.get<schema::File>("a.cc"))->getSizeBytes(), 8U);
}

TEST_F(TrackedFiles, MustBeThere) {
  EXPECT_EQ(error_of([&] { session_.track_file("nobody"); }), ErrorCode::kNotFound);
  EXPECT_FALSE(session_.get<schema::File>("nobody"));
}

}  // namespace
}  // namespace session::test
