// A running session on a real disk that is full, in a directory nobody may write to, without its
// permission: clear errors, everything still in memory, and it goes on when the trouble is over.
//
// In processes of their own, which mount a small disk or let go of the superuser's rights. Failed
// syncs, which no real disk can be asked for, are in saving_test.cc.

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <functional>
#include <random>
#include <string>

#include "session/manager.h"
#include "session/verify.h"
#include "tests/support/child_process.h"
#include "tests/support/running_session.h"
#include "tests/support/session_state.h"
#include "tests/support/temp_dir.h"

namespace session::test {
namespace {

constexpr int kRefused = 77;
constexpr unsigned kNobody = 65534;

class RealDisk : public ::testing::Test {
 protected:
  // False if the system does not allow what the body needs.
  static bool in_child(const std::function<bool()>& body) {
    std::fflush(nullptr);  // or the child says it again
    ChildProcess child([&](const ChildProcess::Line&) {
      bool is_allowed = true;
      try {
        is_allowed = body();
      } catch (const std::exception& error) {
        ADD_FAILURE() << error.what();
      }
      std::fflush(nullptr);
      if (!is_allowed) return kRefused;
      return HasFailure() ? 1 : 0;
    });
    const int result = child.wait();
    if (result == kRefused) return false;
    EXPECT_EQ(result, 0);
    return true;
  }
  // A disk of two megabytes at `path`, seen by this process alone.
  static bool mount_small_disk(const std::string& path) {
    return ::unshare(CLONE_NEWNS) == 0 &&
           ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
           ::mount("tmpfs", path.c_str(), "tmpfs", 0, "size=2m") == 0;
  }
  // The superuser may do everything; this process is not it any more.
  static bool become_nobody() {
    if (::geteuid() != 0) return true;
    return ::setresgid(kNobody, kNobody, kNobody) == 0 &&
           ::setresuid(kNobody, kNobody, kNobody) == 0;
  }
  static void fill_up(const std::string& path) {
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT, 0600);
    const std::string block(4096, 'x');
    while (::write(file, block.data(), block.size()) > 0) {
    }
    ::close(file);
  }
  [[nodiscard]] SessionConfig config() const {
    SessionConfig config;
    config.path = path_;
    config.policy = by_hand();
    config.auto_save_changes = 0;
    return config;
  }
  // The error's words name the file and say what the system said.
  template <class F>
  static void expect_error(F&& call, const std::string& file, const std::string& words) {
    EXPECT_EQ(error_of(call), ErrorCode::kIo);
    const std::string said = words_of(call);
    EXPECT_NE(said.find(file), std::string::npos) << said;
    EXPECT_NE(said.find(words), std::string::npos) << said;
  }
  // Does not compress, and is larger than the zeros a session writes ahead.
  static std::string large_text() {
    std::mt19937_64 random(7);
    std::string large;
    while (large.size() < 300'000) large += static_cast<char>('!' + random() % 90);
    return large;
  }

  TempDir dir_;
  std::string path_ = dir_.file("work.session");
};

TEST_F(RealDisk, ThatIsFullCostsNothingThatWasSaidAndIsFilledAgainLater) {
  const bool is_allowed = in_child([&] {
    if (!mount_small_disk(dir_.path())) return false;
    const std::string filler = dir_.file("filler");
    const std::string large = large_text();
    Session session = Session::open(config());
    session.tasks().create({.key = "before"});
    session.save();
    fill_up(filler);
    session.tasks().create({.key = "large", .description = large});
    session.add_message({.text = large.substr(9)});
    for (int i = 1; i <= 2; ++i) {
      expect_error([&] { session.save(); }, path_, "No space left on device");
    }
    expect_error([&] { session.milestone("m"); }, path_, "No space left on device");
    expect_error([&] { session.shutdown(); }, path_, "No space left on device");
    EXPECT_EQ(session.tasks().counts().total(), 2U);
    EXPECT_TRUE(session.get<schema::Message>("0000000000"));
    EXPECT_FALSE(Reader::open(path_).head().get<schema::Task>("large"));
    SessionConfig another = config();
    another.path = dir_.file("another.session");
    expect_error([&] { (void)Session::open(another); }, another.path, "No space left on device");
    EXPECT_FALSE(std::filesystem::exists(another.path)) << "half a file";

    std::filesystem::remove(filler);
    session.tasks().create({.key = "after"});
    session.save();
    EXPECT_EQ(session.status().failed_saves, 0U);
    session.shutdown();
    const Snapshot head = Reader::open(path_).head();
    const auto whole = head.whole(Table::kTasks, head.get<schema::Task>("large")->any());
    EXPECT_EQ(text(whole.as<schema::Task>().getDescription()), large);
    EXPECT_TRUE(head.get<schema::Task>("after"));
    EXPECT_EQ(contradiction_in(head), "");
    EXPECT_EQ(verify(path_).verdict, Verdict::kClean);
    return true;
  });
  if (!is_allowed) GTEST_SKIP() << "mounting a small disk is refused here";
}

TEST_F(RealDisk, InADirectoryThatIsReadOnlySaysSoAndLetsEverybodyRead) {
  Session::open(config()).tasks().create({.key = "a"});
  ASSERT_EQ(::chmod(path_.c_str(), 0666), 0);
  ASSERT_EQ(::chmod(dir_.path().c_str(), 0555), 0);
  const bool is_allowed = in_child([&] {
    if (!become_nobody()) return false;
    SessionConfig another = config();
    another.path = dir_.file("another.session");
    expect_error([&] { (void)Session::open(another); }, another.path, "Permission denied");
    EXPECT_FALSE(std::filesystem::exists(another.path));
    expect_error([&] { (void)Session::open(config()); }, path_, "Permission denied");
    EXPECT_TRUE(Reader::open(path_).head().get<schema::Task>("a"));
    return true;
  });
  ASSERT_EQ(::chmod(dir_.path().c_str(), 0755), 0);
  if (!is_allowed) GTEST_SKIP() << "letting go of the superuser's rights is refused here";
}

TEST_F(RealDisk, WithoutItsPermissionSaysSoAndKeepsWhatWasNotSaved) {
  ASSERT_EQ(::chmod(dir_.path().c_str(), 0777), 0);
  const bool is_allowed = in_child([&] {
    if (!become_nobody()) return false;
    const std::string inner = dir_.file("inner");
    std::filesystem::create_directory(inner);
    SessionConfig mine = config();
    mine.path = inner + "/work.session";
    Session session = Session::open(mine);
    session.tasks().create({.key = "saved"});
    session.save();
    session.tasks().create({.key = "unsaved"});
    EXPECT_EQ(::chmod(inner.c_str(), 0), 0);
    expect_error([&] { session.save(); }, mine.path, "Permission denied");
    EXPECT_EQ(session.tasks().counts().total(), 2U);
    EXPECT_EQ(session.status().failed_saves, 2U);
    EXPECT_EQ(::chmod(inner.c_str(), 0700), 0);
    session.save();
    session.shutdown();
    EXPECT_TRUE(Reader::open(mine.path).head().get<schema::Task>("unsaved"));

    EXPECT_EQ(::chmod(mine.path.c_str(), 0), 0);
    expect_error([&] { (void)Session::open(mine); }, mine.path, "Permission denied");
    EXPECT_EQ(::chmod(mine.path.c_str(), 0600), 0);
    EXPECT_EQ(Session::open(mine).tasks().counts().total(), 2U);
    return true;
  });
  if (!is_allowed) GTEST_SKIP() << "letting go of the superuser's rights is refused here";
}

}  // namespace
}  // namespace session::test
