// A running session checked: what it says, saved or not, and what is on the disk.

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include "tests/support/damage.h"
#include "tests/support/running_session.h"
#include "tests/support/temp_dir.h"

namespace session::test {
namespace {

class Validation : public ::testing::Test {
 protected:
  [[nodiscard]] static std::size_t count(const ValidationReport& report, FindingCode code) {
    return static_cast<std::size_t>(
        std::count_if(report.findings.begin(), report.findings.end(),
                      [&](const Finding& finding) { return finding.code == code; }));
  }

  SimulatedDisk disk_;
  Session session_ = session_on(disk_);
  TaskManager& tasks_ = session_.tasks();
};

TEST_F(Validation, FindsNothingInASessionThatIsRight) {
  session_.save();
  tasks_.create({.key = "a", .title = "a"});
  tasks_.create({.key = "b",
                 .title = "b",
                 .description = std::string(2'000'000, 'd'),
                 .dependencies = {{"a"}}});
  tasks_.start("a");
  const std::uint64_t unsaved = session_.status().unsaved_changes;
  const ValidationReport report = session_.validate({.saved_file = true});
  for (const Finding& finding : report.findings) ADD_FAILURE() << finding.message;
  EXPECT_EQ(report.total, 0U);
  EXPECT_EQ(session_.status().unsaved_changes, unsaved) << "it changes nothing";
  session_.save();
  EXPECT_EQ(session_.validate({.saved_file = true}).total, 0U);
}

TEST_F(Validation, SeesWhatIsNotSavedYet) {
  tasks_.create({.key = "a", .title = "a"});
  tasks_.create({.key = "b", .title = "b", .dependencies = {{"a"}}});
  session_.save();
  tasks_.remove("a");
  const ValidationReport report = session_.validate();
  EXPECT_EQ(report.total, 1U);
  ASSERT_EQ(count(report, FindingCode::kMissingDependency), 1U);
  EXPECT_EQ(report.findings[0].key, "b");
  EXPECT_EQ(report.errors + report.warnings, 1U);
  tasks_.remove_dependency("b", {"a"});
  EXPECT_EQ(session_.validate().total, 0U) << "and that it was put right";
}

TEST_F(Validation, LooksAtTheBytesIfAskedTo) {
  for (std::uint64_t i = 0; i < 60; ++i) tasks_.create({.title = std::string(300, 't')});
  session_.milestone("m");
  FileBytes bytes = disk_.contents(kDiskPath);
  const auto frames = frames_in(bytes);
  const auto largest = std::max_element(
      frames.begin(), frames.end(),
      [](const FramePlace& one, const FramePlace& other) { return one.size < other.size; });
  flip_bit(bytes, (largest->offset + largest->size / 2) * 8);
  disk_.put(kDiskPath, bytes);
  EXPECT_EQ(session_.validate().total, 0U) << "the pages it works on were checked before";
  const ValidationReport report = session_.validate({.saved_file = true});
  EXPECT_GT(report.errors, 0U);
  EXPECT_TRUE(std::any_of(
      report.findings.begin(), report.findings.end(),
      [](const Finding& finding) { return layer_of(finding.code) == FindingLayer::kBytes; }));
}

// Opening reads the tasks; a damaged page of messages is first met by whoever needs it.
TEST_F(Validation, SaysThatSomethingCannotBeRead) {
  for (int i = 0; i < 60; ++i) session_.add_message({.text = std::string(300, 'm')});
  session_.milestone("m");
  session_.shutdown();
  const FileBytes whole = disk_.contents(kDiskPath);
  int found = 0;
  for (const FramePlace& frame : frames_in(whole)) {
    FileBytes bytes = whole;
    flip_bit(bytes, (frame.offset + frame.size / 2) * 8);
    SimulatedDisk disk;
    disk.put(kDiskPath, bytes);
    SessionConfig config = config_on(disk);
    config.max_repairs = 0;
    try {
      Session session = Session::open(config);
      const ValidationReport report = session.validate();
      if (report.total == 0) continue;  // of a revision before
      ++found;
      EXPECT_EQ(report.findings.back().severity, Severity::kCritical);
      EXPECT_TRUE(report.findings.back().offset);
    } catch (const Error&) {
      // Opening needs this one.
    }
  }
  EXPECT_GT(found, 0);
}

TEST_F(Validation, ComparesTrackedFilesIfAskedTo) {
  const TempDir dir;
  SimulatedDisk disk;
  SessionConfig config = config_on(disk);
  config.workspace = dir.path();
  Session session = Session::open(config);
  std::ofstream(dir.file("a.cc")) << "int main() {}\n";
  session.track_file("a.cc");
  EXPECT_EQ(session.validate({.workspace_files = true}).total, 0U);
  std::ofstream(dir.file("a.cc")) << "int main() { return 1; }\n";
  EXPECT_EQ(session.validate().total, 0U) << "nobody asked";
  EXPECT_EQ(count(session.validate({.workspace_files = true}), FindingCode::kFileChanged), 1U);
}

TEST_F(Validation, KeepsOnlySoManyFindingsAndCountsAll) {
  tasks_.create({.key = "a", .title = "a"});
  constexpr std::size_t kMany = ValidationReport::kMaxFindings + 9;
  for (std::size_t i = 0; i < kMany; ++i) tasks_.create({.title = "t", .dependencies = {{"a"}}});
  tasks_.remove("a");
  const ValidationReport report = session_.validate();
  EXPECT_EQ(report.findings.size(), ValidationReport::kMaxFindings);
  EXPECT_EQ(report.total, kMany);
}

TEST_F(Validation, StopsOnRequestAndRefusesASessionThatWasShutDown) {
  for (int i = 0; i < 5'000; ++i) tasks_.create({});
  ValidationOptions options;
  options.progress = [](const Progress&) { return false; };
  EXPECT_EQ(error_of([&] { (void)session_.validate(options); }), ErrorCode::kInterrupted);
  EXPECT_EQ(tasks_.counts().total(), 5'000U);
  session_.shutdown();
  EXPECT_EQ(error_of([&] { (void)session_.validate(); }), ErrorCode::kUsage);
}

}  // namespace
}  // namespace session::test
