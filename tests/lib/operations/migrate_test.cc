// From format 1 to format 2 and back: every file of the directory comes back, what cannot be read
// is salvaged and told, and nothing appears that was not checked.

#include "session/migrate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include "lib/convert/aca_text.h"
#include "session/reader.h"
#include "session/verify.h"
#include "session/writer.h"
#include "tests/support/directories.h"
#include "tests/support/disk_session.h"
#include "tests/support/records.h"
#include "tests/support/seed.h"
#include "tests/support/temp_dir.h"

namespace session::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFirst = "0f0e0d0c-0000-4000-8000-000000000001";
constexpr const char* kSecond = "0f0e0d0c-0000-4000-8000-000000000002";

std::string state(const std::string& name, const std::string& updated) {
  return R"({"metadata":{"id":"0f0e0d0c-0000-4000-8000-00000000000a","name":")" + name +
         R"(","created_at":"2026-03-01T08:00:00Z","last_updated":")" + updated +
         R"(","checkpoints":[]},"task_tree":{"tasks":{"t-1":{"id":"t-1","title":"Dig",)"
         R"("status":"Pending","children":[],"dependencies":[]}},"roots":["t-1"]}})";
}

// A workspace of two sessions, with a checkpoint, a log, a copy cut short, and something else in
// .aca.
class Migrate : public testing::Test {
 protected:
  Migrate() {
    for (const char* id : {kFirst, kSecond}) {
      write_text(directory(id) / "meta/session.json", state(id, "2026-03-01T09:00:00Z"));
      const std::string early = state("early", "2026-03-01T08:30:00Z");
      const std::string stem = std::string("checkpoints/checkpoint_aa") + (id + 2);
      write_text(directory(id) / (stem + ".json"), early);
      write_text(directory(id) / (stem + ".checksum"), convert::aca::checksum(early));
      write_text(directory(id) / "logs/run.log", "line\n\xff");
      write_text(directory(id) / "temp/session_1.json", early.substr(0, 40));
    }
    write_text(workspace() / ".aca/settings.toml", "colour = 1\n");
  }

  [[nodiscard]] fs::path workspace() const { return dir_.file("workspace"); }
  [[nodiscard]] fs::path directory(const std::string& id) const {
    return workspace() / ".aca/sessions" / id;
  }
  [[nodiscard]] std::string at(const std::string& name) const { return dir_.file(name); }

  [[nodiscard]] MigrateReport go(const std::string& source, const std::string& output,
                                 unsigned to = kNewestFormat) const {
    MigrateOptions options;
    options.to = to;
    options.output = output;
    return migrate(source, options);
  }
  // What stands in the test's directory.
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& entry : fs::directory_iterator(dir_.path())) {
      found.push_back(entry.path().filename().string());
    }
    std::sort(found.begin(), found.end());
    return found;
  }
  static bool warns(const MigratedSession& session, std::string_view words) {
    return std::any_of(session.warnings.begin(), session.warnings.end(), [&](const auto& warning) {
      return warning.find(words) != std::string::npos;
    });
  }

  TempDir dir_;
};

TEST_F(Migrate, BringsAWorkspaceOverAndBackAgain) {
  const MigrateReport there = go(workspace().string(), at("sessions"));
  ASSERT_EQ(there.sessions.size(), 2U);
  EXPECT_TRUE(there.is_whole());
  for (const MigratedSession& session : there.sessions) {
    EXPECT_EQ(session.checkpoints, 1U);
    EXPECT_GE(session.records, 2U);
    EXPECT_EQ(session.bytes, fs::file_size(session.output));
    EXPECT_EQ(verify(session.output, {}).verdict, Verdict::kClean);
  }
  const MigrateReport back = go(at("sessions"), at("back"), 1);
  EXPECT_TRUE(back.is_whole());
  expect_same_files(workspace(), at("back"));
}

TEST_F(Migrate, BringsOneSessionOverAndBackAgain) {
  (void)go(directory(kFirst).string(), at("one.session"));
  (void)go(at("one.session"), at("back"), 1);
  expect_same_files(directory(kFirst), at("back"));
}

TEST_F(Migrate, LeavesTheSourceAndNothingElse) {
  const auto before = files_below(workspace());
  (void)go(workspace().string(), at("sessions"));
  EXPECT_EQ(files_below(workspace()), before);
  EXPECT_EQ(names(), (std::vector<std::string>{"sessions", "workspace"}));
  EXPECT_EQ(files_below(at("sessions")).size(), 2U);
}

TEST_F(Migrate, ADryRunPutsNothingInPlace) {
  MigrateOptions options;
  options.output = at("sessions");
  options.dry_run = true;
  const MigrateReport report = migrate(workspace().string(), options);
  EXPECT_EQ(report.sessions.size(), 2U);
  EXPECT_EQ(names(), (std::vector<std::string>{"workspace"}));
}

TEST_F(Migrate, SalvagesAStateThatCannotBeReadAndKeepsItsBytes) {
  const std::string broken = state("newest", "2026-03-01T10:00:00Z").substr(0, 100);
  write_text(directory(kFirst) / "meta/session.json", broken);
  const MigrateReport report = go(workspace().string(), at("sessions"));
  ASSERT_EQ(report.sessions.size(), 2U);
  EXPECT_TRUE(warns(report.sessions[0], "the newest that can be read"));
  const Snapshot head = Reader::open(report.sessions[0].output).head();
  const auto metadata = head.get<schema::SessionRecord>("metadata");
  ASSERT_TRUE(metadata);
  EXPECT_EQ((*metadata)->getMetadata().getName(), "early");
  (void)go(at("sessions"), at("back"), 1);
  expect_same_files(workspace(), at("back"));
}

TEST_F(Migrate, GoesOnWhereOneOfSeveralCannotBeSaved) {
  fs::remove_all(directory(kSecond) / "checkpoints");
  write_text(directory(kSecond) / "meta/session.json", "{");
  const MigrateReport report = go(workspace().string(), at("sessions"));
  EXPECT_FALSE(report.is_whole());
  EXPECT_FALSE(report.sessions[0].failure);
  ASSERT_TRUE(report.sessions[1].failure);
  EXPECT_EQ(report.sessions[1].failure->code(), ErrorCode::kBadSource);
  EXPECT_EQ(report.sessions[1].output, "");
  EXPECT_EQ(files_below(at("sessions")).size(), 1U);
}

TEST_F(Migrate, TellsOfFilesItCannotReadThoughThereIsNothingToDo) {
  fs::create_directories(at("sessions"));
  Writer::create(at("sessions/a.session")).close();
  write_text(at("sessions/b.session"), "no session");
  const MigrateReport report = go(at("sessions"), "");
  EXPECT_TRUE(report.steps.empty());
  EXPECT_FALSE(report.is_whole());
  ASSERT_EQ(report.sessions.size(), 1U);
  EXPECT_EQ(report.sessions[0].failure->code(), ErrorCode::kNotASession);
}

TEST_F(Migrate, ReplacesNoFileThatSomebodyWrites) {
  const Writer writer = Writer::create(at("one.session"));
  MigrateOptions options;
  options.output = at("one.session");
  options.overwrite = true;
  try {
    (void)migrate(directory(kFirst).string(), options);
    FAIL() << "what is written there would be lost";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kLocked);
  }
}

TEST_F(Migrate, TellsOfAChecksumThatIsWrong) {
  const std::string stem = std::string("checkpoints/checkpoint_aa") + (kFirst + 2);
  write_text(directory(kFirst) / (stem + ".checksum"), "0000");
  const MigrateReport report = go(workspace().string(), at("sessions"));
  EXPECT_TRUE(warns(report.sessions[0], "does not match its checksum"));
}

TEST_F(Migrate, GoesBackOnlyWithWhatCameFromThere) {
  Writer::create(at("own.session")).close();
  try {
    (void)go(at("own.session"), at("back"), 1);
    FAIL() << "it did not come from format 1";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
  }
  EXPECT_FALSE(fs::exists(at("back")));
}

TEST_F(Migrate, SaysWhatFormat1HasNoPlaceFor) {
  (void)go(directory(kFirst).string(), at("one.session"));
  {
    Writer writer = Writer::open(at("one.session"));
    auto change = writer.begin();
    put_message(change, "0000000001", "Shall I dig?");
    (void)change.commit();
  }
  const MigrateReport report = go(at("one.session"), at("back"), 1);
  EXPECT_TRUE(report.sessions.at(0).is_lossy);
  EXPECT_TRUE(warns(report.sessions[0], "no place for 1 records of table messages"));
}

TEST_F(Migrate, RefusesWhatIsThereAndWhatLiesInItsSource) {
  const auto code = [&](const std::string& output) {
    try {
      (void)go(directory(kFirst).string(), output);
    } catch (const Error& error) {
      return error.code();
    }
    return ErrorCode::kInternal;
  };
  write_text(at("there.session"), "something");
  EXPECT_EQ(code(at("there.session")), ErrorCode::kExists);
  EXPECT_EQ(code((directory(kFirst) / "logs/x.session").string()), ErrorCode::kUsage);
  MigrateOptions options;
  options.output = at("there.session");
  options.overwrite = true;
  EXPECT_TRUE(migrate(directory(kFirst).string(), options).is_whole());
}

TEST_F(Migrate, RefusesASessionWhoseDirectoryHasANameThatIsNoText) {
  fs::rename(directory(kSecond), workspace() / ".aca/sessions/second-\xff");
  const MigrateReport report = go(workspace().string(), at("out"));
  ASSERT_EQ(report.sessions.size(), 2U);
  int failures = 0;
  for (const MigratedSession& session : report.sessions) {
    if (!session.failure) continue;
    EXPECT_EQ(session.failure->code(), ErrorCode::kBadSource);
    ++failures;
  }
  EXPECT_EQ(failures, 1);
}

TEST_F(Migrate, FindsOutWhatVersionThereIs) {
  (void)go(workspace().string(), at("sessions"));
  const auto old = find_versions(workspace().string());
  ASSERT_EQ(old.size(), 2U);
  EXPECT_EQ(old[0].version, 1U);
  EXPECT_EQ(old[0].session, kFirst);
  const auto now = find_versions(at("sessions"));
  ASSERT_EQ(now.size(), 2U);
  EXPECT_EQ(now[0].version, 2U);
  write_text(at("other.txt"), "no session");
  EXPECT_EQ(find_versions(at("other.txt")).at(0).problem->code(), ErrorCode::kNotASession);
}

// ---- crashes and failures -----------------------------------------------------------------------

// The session file is made on a disk that forgets; its source, and what it is compared with, stay
// on the machine's own.
class MigrateCrash : public Migrate {
 protected:
  [[nodiscard]] MigrateOptions making(SimulatedDisk& disk) const {
    MigrateOptions options;
    options.output = place();
    options.overwrite = true;
    options.files = &disk;
    return options;
  }
  [[nodiscard]] std::string place() const { return at("made.session"); }
  [[nodiscard]] std::string source() const { return directory(kFirst).string(); }

  // Nothing, where nothing was; what was there; or the result, whole.
  void expect_old_or_new(SimulatedDisk& disk, const std::vector<std::byte>& old,
                         const Digest& fingerprint, const std::string& when) const {
    if (!disk.exists(place())) {
      EXPECT_TRUE(old.empty()) << when;
      return;
    }
    if (!old.empty() && disk.contents(place()) == old) return;
    EXPECT_EQ(read_on(disk, place()).head().fingerprint(), fingerprint) << when;
    VerifyOptions options;
    options.files = &disk;
    options.level = VerifyLevel::kFull;
    EXPECT_EQ(verify(place(), options).verdict, Verdict::kClean) << when;
  }

  static std::vector<std::byte> older_session() {
    SimulatedDisk disk;
    Writer writer = create_on(disk);
    Transaction change = writer.begin();
    put_value(change, "a/1", "was here before");
    (void)change.commit();
    writer.close();
    return disk.contents(kDiskPath);
  }
};

TEST_F(MigrateCrash, LeavesTheOldOrTheNewWheneverThePowerGoes) {
  std::mt19937_64 random(random_seed());
  for (const std::vector<std::byte>& old : {std::vector<std::byte>(), older_session()}) {
    SimulatedDisk before;
    if (!old.empty()) before.put(place(), old);
    SimulatedDisk whole = before;
    (void)migrate(source(), making(whole));
    const Digest fingerprint = read_on(whole, place()).head().fingerprint();
    const std::size_t operations = whole.operations();
    std::size_t crashes = 0;
    for (std::size_t n = 0; n <= operations; ++n) {
      SimulatedDisk disk = before;
      disk.crash_after(n);
      bool is_done = false;
      try {
        (void)migrate(source(), making(disk));
        is_done = true;
      } catch (const CrashNow&) {
      }
      for (int fate = 0; fate < 4; ++fate) {
        SimulatedDisk after = disk.crashed(random);
        const std::string when = "crash after operation " + std::to_string(n);
        expect_old_or_new(after, old, fingerprint, when);
        ++crashes;
        if (!is_done) continue;
        ASSERT_TRUE(after.exists(place())) << when;
        EXPECT_EQ(read_on(after, place()).head().fingerprint(), fingerprint) << when;
      }
    }
    std::cout << crashes << " crashes simulated\n";
  }
}

TEST_F(MigrateCrash, ACallThatFailsLeavesTheOldOrTheNew) {
  const std::vector<std::byte> old = older_session();
  SimulatedDisk whole;
  whole.put(place(), old);
  (void)migrate(source(), making(whole));
  const Digest fingerprint = read_on(whole, place()).head().fingerprint();
  for (const int error : {EIO, ENOSPC, EFBIG}) {
    for (std::size_t n = 1;; ++n) {
      SimulatedDisk disk;
      disk.put(place(), old);
      disk.fail({.nth = n, .error = error, .from_then_on = n % 2 == 0});
      bool is_done = false;
      try {
        (void)migrate(source(), making(disk));
        is_done = true;
      } catch (const Error& failure) {
        EXPECT_FALSE(failure.message().empty());
      }
      const bool was_met = disk.faults_met() != 0;
      disk.clear_faults();
      const std::string when = "failed call " + std::to_string(n);
      expect_old_or_new(disk, old, fingerprint, when);
      if (is_done) {
        EXPECT_EQ(read_on(disk, place()).head().fingerprint(), fingerprint) << when;
      }
      if (!was_met) break;
    }
  }
}

TEST(MigrationPlan, IsTheShortestChainOfSteps) {
  const std::vector<MigrationStep> steps = {{1, 2, "a"}, {2, 1, "b"}, {2, 3, "c"},
                                            {3, 2, "d"}, {3, 4, "e"}, {1, 3, "f"}};
  const auto way = [&](unsigned from, unsigned to) {
    std::string names;
    for (const MigrationStep& step : plan_migration(from, to, steps)) names += step.what;
    return names;
  };
  EXPECT_EQ(way(1, 1), "");
  EXPECT_EQ(way(1, 2), "a");
  EXPECT_EQ(way(1, 4), "fe");
  EXPECT_EQ(way(3, 1), "db");
  EXPECT_THROW((void)plan_migration(4, 1, steps), Error);
}

TEST(MigrationPlan, KnowsTheWayThereAndBack) {
  EXPECT_EQ(plan_migration(1, 2).size(), 1U);
  EXPECT_EQ(plan_migration(2, 1).size(), 1U);
}

class MigrateData : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Samples, MigrateData, testing::Values("small", "medium", "dirty"));

TEST_P(MigrateData, ComesBackTheSame) {
  const fs::path sample = fs::path(SESSIONTOOL_SHARED_DATA) / "aca" / GetParam();
  if (!fs::exists(sample)) GTEST_SKIP() << "no data folder beside the project";
  const TempDir dir;
  MigrateOptions there;
  there.output = dir.file("s.session");
  EXPECT_TRUE(migrate(sample.string(), there).is_whole());
  MigrateOptions back;
  back.to = 1;
  back.output = dir.file("back");
  EXPECT_TRUE(migrate(there.output, back).is_whole());
  fs::create_directories(dir.file("wanted"));
  fs::copy(sample / ".aca", fs::path(dir.file("wanted")) / ".aca", fs::copy_options::recursive);
  expect_same_files(dir.file("wanted"), dir.file("back"));
}

}  // namespace
}  // namespace session::test
