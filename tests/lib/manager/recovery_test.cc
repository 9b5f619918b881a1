// Opening after a crash and after damage: what was saved is there, what was done is said and kept.

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "format/file_header.h"
#include "lib/io/counting_files.h"
#include "session/protect.h"
#include "tests/support/damage.h"
#include "tests/support/running_session.h"
#include "tests/support/seed.h"
#include "tests/support/session_state.h"
#include "tests/support/temp_dir.h"

namespace session::test {
namespace {

class Recovering : public ::testing::Test {
 protected:
  // Many small pages, closed cleanly.
  static void make_session(SimulatedDisk& disk) {
    {
      Writer writer = create_on(disk);
      auto change = writer.begin();
      for (std::uint64_t i = 0; i < 60; ++i) {
        put_task(change, numbered("t", i), {.title = std::string(60, 't')});
      }
      (void)change.commit(folded());
    }
    Session session = session_on(disk);
    session.set_value("app/x", "y");
    session.shutdown();
  }
  // Damages a page that opening a session has to read.
  static FileBytes damaged(SimulatedDisk& disk) {
    const FileBytes whole = disk.contents(kDiskPath);
    for (const FramePlace& frame : frames_in(whole)) {
      FileBytes bytes = whole;
      zero_block(bytes, frame.offset + frame.size / 2, 8);
      SimulatedDisk trial;
      trial.put(kDiskPath, bytes);
      SessionConfig config = config_on(trial);
      config.max_repairs = 0;
      const auto code = error_of([&] { (void)Session::open(config); });
      if (code != ErrorCode::kDamaged) continue;
      disk.put(kDiskPath, bytes);
      return bytes;
    }
    ADD_FAILURE() << "nothing that is read can be damaged";
    return {};
  }
  // What the file itself says.
  static std::vector<SessionRecovery> recoveries(SimulatedDisk& disk) {
    std::vector<SessionRecovery> all;
    const Snapshot head = read_on(disk).head();
    for (const auto& entry : head.all<schema::Recovery>()) {
      SessionRecovery one;
      one.bytes_ignored = entry->getBytesIgnored();
      one.preserved_as = text(entry->getPreservedAs());
      for (const auto lost : entry->getLost()) one.lost.push_back(text(lost));
      all.push_back(std::move(one));
    }
    return all;
  }

  SimulatedDisk disk_;
};

TEST_F(Recovering, IsNotNeededAfterACleanShutdown) {
  make_session(disk_);
  Session session = session_on(disk_);
  EXPECT_FALSE(session.recovery());
  session.shutdown();
  EXPECT_EQ(read_on(disk_).head().count(Table::kRecoveries), 0U);
}

TEST_F(Recovering, GoesOnAfterACrashFromTheLastSaveAndSaysSo) {
  std::uint64_t saved = 0;
  SimulatedDisk disk;
  {
    Session session = session_on(disk_);
    session.tasks().create({.key = "saved"});
    saved = session.save().revision;
    session.tasks().create({.key = "unsaved"});
    disk = disk_.killed();
  }
  std::string heard;
  SessionConfig config = config_on(disk);
  config.observer = [&](const SessionEvent& event) {
    if (const auto* recovered = std::get_if<Recovered>(&event)) heard = recovered->reason;
  };
  Session session = Session::open(config);
  ASSERT_TRUE(session.recovery());
  EXPECT_EQ(session.recovery()->recovered_to, saved);
  EXPECT_EQ(session.recovery()->method, "continue");
  EXPECT_EQ(heard, session.recovery()->reason);
  EXPECT_TRUE(session.tasks().get("saved"));
  EXPECT_FALSE(session.tasks().get("unsaved"));
  EXPECT_EQ(session.statistics().recoveries, 1U);
  EXPECT_EQ(recoveries(disk).size(), 1U) << "kept at once";
  SimulatedDisk again = disk.killed();
  (void)session_on(again);
  EXPECT_EQ(recoveries(again).size(), 2U);
  EXPECT_FALSE(session_on(again).recovery());
}

TEST_F(Recovering, CutsATornTailAndKeepsItBeside) {
  make_session(disk_);
  FileBytes bytes = disk_.contents(kDiskPath);
  bytes.insert(bytes.end(), 700, std::byte{0xAB});
  disk_.put(kDiskPath, bytes);
  Session session = session_on(disk_);
  ASSERT_TRUE(session.recovery());
  EXPECT_EQ(session.recovery()->bytes_ignored, 700U);
  const std::string beside = session.recovery()->preserved_as;
  EXPECT_EQ(beside.find('/'), std::string::npos);
  EXPECT_EQ(disk_.contents("/d/" + beside).size(), 700U);
  EXPECT_EQ(session.tasks().counts().total(), 60U);
  EXPECT_EQ(recoveries(disk_).at(0).bytes_ignored, 700U);
  EXPECT_EQ(recoveries(disk_).at(0).preserved_as, beside);
}

TEST_F(Recovering, RepairsDamageByParityWithoutLoss) {
  make_session(disk_);
  ProtectOptions protecting;
  protecting.files = &disk_;
  protecting.percent = 30;
  (void)protect(kDiskPath, protecting);
  const FileBytes broken = damaged(disk_);
  Session session = session_on(disk_);
  ASSERT_TRUE(session.recovery());
  EXPECT_EQ(session.recovery()->method, "repair: restored");
  EXPECT_TRUE(session.recovery()->lost.empty());
  EXPECT_EQ(session.tasks().counts().total(), 60U);
  EXPECT_EQ(disk_.contents("/d/" + session.recovery()->preserved_as), broken) << "the original";
  EXPECT_EQ(recoveries(disk_).size(), 1U);
}

TEST_F(Recovering, BringsADestroyedHeaderBack) {
  make_session(disk_);
  const FileBytes whole = disk_.contents(kDiskPath);
  FileBytes broken = whole;
  zero_block(broken, 0, 64);
  disk_.put(kDiskPath, broken);
  Session session = session_on(disk_);
  ASSERT_TRUE(session.recovery());
  EXPECT_EQ(session.tasks().counts().total(), 60U);
  EXPECT_EQ(disk_.contents("/d/" + session.recovery()->preserved_as), broken);
}

TEST_F(Recovering, LosesNothingUnlessThatIsAccepted) {
  make_session(disk_);
  const FileBytes broken = damaged(disk_);
  const std::string words = words_of([&] { (void)session_on(disk_); });
  EXPECT_NE(words.find("accept_loss"), std::string::npos) << words;
  EXPECT_EQ(error_of([&] { (void)session_on(disk_); }), ErrorCode::kDamaged);
  EXPECT_EQ(disk_.contents(kDiskPath), broken) << "nothing was changed";
  SessionConfig config = config_on(disk_);
  config.accept_loss = true;
  Session session = Session::open(config);
  ASSERT_TRUE(session.recovery());
  EXPECT_FALSE(session.recovery()->lost.empty());
  EXPECT_FALSE(session.recovery()->reason.empty());
  EXPECT_EQ(disk_.contents("/d/" + session.recovery()->preserved_as), broken);
  ASSERT_EQ(recoveries(disk_).size(), 1U) << "the repair's word and ours are one record";
  EXPECT_EQ(recoveries(disk_).at(0).lost, session.recovery()->lost);
  session.tasks().create({.key = "on"});
  session.shutdown();
  EXPECT_EQ(contradiction_in(read_on(disk_).head()), "");
}

// The newest state has a page of its own that is lost; the state before has none.
TEST_F(Recovering, GoesBackToAWholeRevisionIfThatIsPreferred) {
  {
    Writer writer = create_on(disk_);
    for (const char* title : {"old", "new"}) {
      auto change = writer.begin();
      for (std::uint64_t i = 0; i < 60; ++i) {
        put_task(change, numbered("t", i), {.title = std::string(60, 't') + title});
      }
      (void)change.commit(folded());
    }
  }
  const FileBytes whole = disk_.contents(kDiskPath);
  SessionConfig config = config_on(disk_);
  config.accept_loss = true;
  int tried = 0;
  for (const FramePlace& frame : frames_in(whole)) {
    FileBytes broken = whole;
    zero_block(broken, frame.offset + frame.size / 2, 8);
    const auto open_anew = [&](bool prefer_whole) {
      disk_ = SimulatedDisk();
      disk_.put(kDiskPath, broken);
      config.prefer_whole = prefer_whole;
      return Session::open(config);
    };
    const auto titles = [](Session& session) {
      std::set<std::string> found;
      for (const ChildRef& child : session.tasks().children("")) {
        found.insert(text((*session.tasks().get(child.key))->getTitle()).substr(60));
      }
      return found;
    };
    {
      Session patched = open_anew(false);
      if (!patched.recovery() || titles(patched).size() != 2) continue;  // not a page of tasks
    }
    ++tried;
    Session session = open_anew(true);
    EXPECT_EQ(titles(session), std::set<std::string>{"old"}) << "a state that there was";
    EXPECT_EQ(session.tasks().counts().total(), 60U);
    EXPECT_NE(session.recovery()->method.find("revision 2"), std::string::npos)
        << session.recovery()->method;
    EXPECT_EQ(recoveries(disk_).size(), 1U);
    EXPECT_EQ(disk_.contents("/d/" + session.recovery()->preserved_as), broken);
  }
  EXPECT_GT(tried, 3);
}

TEST_F(Recovering, StartsAnewOnlyWhenItIsToldToAndKeepsTheOldFile) {
  const FileBytes ruin(5'000, std::byte{'x'});
  disk_.put(kDiskPath, ruin);
  SessionConfig config = config_on(disk_);
  config.accept_loss = true;
  EXPECT_EQ(error_of([&] { (void)Session::open(config); }), ErrorCode::kNotASession);
  EXPECT_EQ(disk_.contents(kDiskPath), ruin);
  config.start_anew = true;
  Session session = Session::open(config);
  ASSERT_TRUE(session.recovery());
  EXPECT_EQ(session.recovery()->method, "started anew");
  EXPECT_EQ(disk_.contents("/d/" + session.recovery()->preserved_as), ruin);
  EXPECT_EQ(recoveries(disk_).at(0).lost, session.recovery()->lost);
  session.tasks().create({.key = "a"});
  session.shutdown();
  EXPECT_FALSE(Session::open(config).recovery()) << "only once";
}

// However the process ends that sets it aside: the next one does not begin as if nothing had been.
TEST_F(Recovering, StartsAnewWithARecordThoughTheFirstAttemptWasKilled) {
  const FileBytes ruin(5'000, std::byte{'x'});
  int begun = 0;
  for (std::size_t n = 0;; ++n) {
    SimulatedDisk disk;
    disk.put(kDiskPath, ruin);
    SessionConfig config = config_on(disk);
    config.accept_loss = config.start_anew = true;
    disk.crash_after(n);
    try {
      Session session = Session::open(config);
    } catch (const CrashNow&) {
    }
    const bool finished = !disk.has_crashed();
    SimulatedDisk next = disk.killed();
    if (!next.exists(kDiskPath)) {
      ++begun;
      config.files = &next;
      Session session = Session::open(config);
      ASSERT_TRUE(session.recovery()) << n;
      EXPECT_EQ(session.recovery()->method, "started anew");
      EXPECT_EQ(next.contents("/d/" + session.recovery()->preserved_as), ruin);
    }
    if (finished || n > 200) break;
  }
  EXPECT_GT(begun, 0);
}

TEST_F(Recovering, SetsNothingAsideThatCanBeRepaired) {
  make_session(disk_);
  (void)damaged(disk_);
  SessionConfig config = config_on(disk_);
  config.accept_loss = config.start_anew = true;
  Session session = Session::open(config);
  EXPECT_EQ(session.recovery()->method.rfind("repair: ", 0), 0U) << session.recovery()->method;
  EXPECT_GT(session.tasks().counts().total(), 0U);
}

// Another program puts the file in order between our look at it and our lock.
class RepairedMeanwhile : public io::CountingFiles {
 public:
  RepairedMeanwhile(SimulatedDisk& disk, FileBytes good)
      : io::CountingFiles(disk), disk_(disk), good_(std::move(good)) {}
  std::unique_ptr<io::Lock> lock(const std::string& path) override {
    if (++locks_ == 2) {
      disk_.put("/d/good", good_);
      disk_.rename("/d/good", path);
    }
    return io::CountingFiles::lock(path);
  }

 private:
  SimulatedDisk& disk_;
  FileBytes good_;
  int locks_ = 0;
};

TEST_F(Recovering, SetsNothingAsideThatSomebodyElsePutThere) {
  make_session(disk_);
  RepairedMeanwhile files(disk_, disk_.contents(kDiskPath));
  disk_.put(kDiskPath, FileBytes(5'000, std::byte{'x'}));
  SessionConfig config = config_on(disk_);
  config.files = &files;
  config.max_repairs = 0;
  config.accept_loss = config.start_anew = true;
  EXPECT_EQ(error_of([&] { (void)Session::open(config); }), ErrorCode::kNotASession);
  EXPECT_EQ(session_on(disk_).tasks().counts().total(), 60U);
}

TEST_F(Recovering, SetsNothingAsideThatIsNoFile) {
  const TempDir dir;
  SessionConfig config = config_on(disk_);
  config.files = nullptr;
  config.accept_loss = config.start_anew = true;
  config.path = dir.file("pipe");
  ASSERT_EQ(::mkfifo(config.path.c_str(), 0600), 0);
  EXPECT_EQ(error_of([&] { (void)Session::open(config); }), ErrorCode::kNotASession);
  EXPECT_TRUE(std::filesystem::is_fifo(config.path));
  config.path = dir.file("directory");
  std::filesystem::create_directory(config.path);
  EXPECT_EQ(error_of([&] { (void)Session::open(config); }), ErrorCode::kNotASession);
  EXPECT_TRUE(std::filesystem::is_directory(config.path));
}

TEST_F(Recovering, IsRefusedForWhatIsNoSession) {
  disk_.put(kDiskPath, FileBytes(5'000, std::byte{'x'}));
  EXPECT_EQ(error_of([&] { (void)session_on(disk_); }), ErrorCode::kNotASession);
  EXPECT_EQ(disk_.contents(kDiskPath).size(), 5'000U);
}

TEST_F(Recovering, RefusesANewerVersionByName) {
  make_session(disk_);
  FileBytes bytes = disk_.contents(kDiskPath);
  auto header = value_or_throw(format::decode_file_header(bytes));
  ++header.major;
  const auto newer = format::encode(header);
  std::copy(newer.begin(), newer.end(), bytes.begin());
  disk_.put(kDiskPath, bytes);
  EXPECT_EQ(error_of([&] { (void)session_on(disk_); }), ErrorCode::kNewerVersion);
  const std::string words = words_of([&] { (void)session_on(disk_); });
  EXPECT_NE(words.find(std::to_string(header.major)), std::string::npos) << words;
  EXPECT_EQ(disk_.contents(kDiskPath), bytes) << "nothing was repaired";
}

// The power goes at each moment of a session's life; the next one opens without help and has every
// save that was acknowledged, whole.
TEST_F(Recovering, HasEveryAcknowledgedSaveWhenThePowerGoes) {
  std::mt19937_64 random(random_seed());
  for (std::size_t n = 0;; ++n) {
    SimulatedDisk disk;
    int acknowledged = 0;
    disk.crash_after(n);
    try {
      Session session = session_on(disk);
      for (int i = 1; i <= 5; ++i) {
        session.transaction([&](Session::Edit&) {
          session.tasks().create({.key = "t" + std::to_string(i)});
          session.set_value("app/count", std::to_string(i));
        });
        if (i == 3) {
          session.milestone("three");
        } else {
          session.save();
        }
        acknowledged = i;
      }
      session.shutdown();
    } catch (const CrashNow&) {
    }
    const bool finished = !disk.has_crashed();
    SimulatedDisk after = disk.crashed(random);
    if (acknowledged != 0 || after.exists(kDiskPath)) {
      Session session = session_on(after);
      const auto count = session.get<schema::Value>("app/count");
      const int last = count ? std::stoi(text((*count)->getText())) : 0;
      EXPECT_TRUE(last == acknowledged || last == acknowledged + 1) << "after operation " << n;
      EXPECT_EQ(session.tasks().counts().total(), static_cast<std::uint64_t>(last));
      EXPECT_EQ(session.tasks().children("").size(), static_cast<std::size_t>(last));
    }
    if (finished) break;
  }
}

TEST_F(Recovering, NamesTheFigures) {
  {
    Session session = session_on(disk_);
    session.tasks().create({.key = "a"});
    session.save();
    session.milestone("m");
    const SessionStatistics now = session.statistics();
    EXPECT_EQ(now.saves, 2U);
    EXPECT_EQ(now.checkpoints, 1U);
    EXPECT_EQ(now.loads, 1U);
    EXPECT_GT(now.written_bytes, 0U);
    EXPECT_GT(now.raw_bytes, 0U);
    EXPECT_GT(now.stored_bytes, 0U);
    EXPECT_GT(now.save_nanos, 0U);
    EXPECT_GT(now.load_nanos, 0U);
    EXPECT_GT(now.execution_nanos, 0U);
    EXPECT_GT(now.write_calls, 1U);
    EXPECT_GT(now.sync_calls, 1U);
  }
  const Snapshot head = read_on(disk_).head();
  const auto stored = head.get<schema::Upkeep>("statistics");
  ASSERT_TRUE(stored);
  EXPECT_EQ((*stored)->getStatistics().getCheckpoints(), 1U);
  const std::uint64_t revision = read_on(disk_).head().revision();
  {
    Session session = session_on(disk_);
    EXPECT_EQ(session.statistics().checkpoints, 1U) << "they go on";
    EXPECT_GE(session.statistics().saves, 2U);
  }
  EXPECT_EQ(read_on(disk_).head().revision(), revision) << "looking alone writes nothing";
}

}  // namespace
}  // namespace session::test
