#include "lib/io/lock.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>

#include "lib/io/file.h"
#include "tests/support/temp_dir.h"

namespace session::io {
namespace {

using test::TempDir;

std::optional<Error> failure_of_locking(const std::string& path) {
  try {
    const auto lock = system_files().lock(path);
    return std::nullopt;
  } catch (const Error& error) {
    return error;
  }
}

// Locking as another process sees it: 0 when it got the lock, else the error's code plus one.
int lock_from_child(const std::string& path) {
  const pid_t child = ::fork();
  if (child == 0) {
    const auto failure = failure_of_locking(path);
    ::_exit(failure ? 1 + static_cast<int>(failure->code()) : 0);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  return WEXITSTATUS(status);
}

constexpr int kRefused = 1 + static_cast<int>(ErrorCode::kLocked);

// A process that holds the lock until it is killed.
class Holder {
 public:
  explicit Holder(const std::string& path) {
    int pipe_ends[2] = {};
    EXPECT_EQ(::pipe(pipe_ends), 0);
    process_ = ::fork();
    if (process_ == 0) {
      const auto lock = system_files().lock(path);
      const char ready = 'r';
      if (::write(pipe_ends[1], &ready, 1) != 1) ::_exit(1);
      while (true) ::pause();
    }
    char ready = 0;
    EXPECT_EQ(::read(pipe_ends[0], &ready, 1), 1);
    ::close(pipe_ends[0]);
    ::close(pipe_ends[1]);
  }
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;
  ~Holder() { kill(); }

  [[nodiscard]] pid_t process() const { return process_; }

  void kill() {
    if (process_ == 0) return;
    ::kill(process_, SIGKILL);
    int status = 0;
    ::waitpid(process_, &status, 0);
    process_ = 0;
  }

 private:
  pid_t process_ = 0;
};

std::string content_of(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(Lock, SecondOneOfThisProcessIsRefusedWithOurOwnProcessId) {
  const TempDir dir;
  const auto lock = system_files().lock(dir.file("s"));
  const auto failure = failure_of_locking(dir.file("s"));
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->code(), ErrorCode::kLocked);
  EXPECT_EQ(lock_holder(*failure), ::getpid());
  EXPECT_EQ(failure->file(), dir.file("s"));
}

TEST(Lock, OfAnotherThreadIsRefusedToo) {
  const TempDir dir;
  const auto lock = system_files().lock(dir.file("s"));
  std::optional<Error> failure;
  std::thread([&] { failure = failure_of_locking(dir.file("s")); }).join();
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->code(), ErrorCode::kLocked);
}

TEST(Lock, SurvivesARefusalInThisProcess) {
  const TempDir dir;
  const auto lock = system_files().lock(dir.file("s"));
  EXPECT_TRUE(failure_of_locking(dir.file("s")));
  EXPECT_EQ(lock_from_child(dir.file("s")), kRefused);
}

TEST(Lock, IsRefusedWithTheProcessIdOfTheOtherProcess) {
  const TempDir dir;
  const Holder holder(dir.file("s"));
  const auto failure = failure_of_locking(dir.file("s"));
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->code(), ErrorCode::kLocked);
  EXPECT_EQ(lock_holder(*failure), holder.process());
}

TEST(Lock, NamesTheHolderEvenIfTheLockFileSaysOtherwise) {
  const TempDir dir;
  const Holder holder(dir.file("s"));
  std::ofstream(dir.file("s.lock")) << "1\n";
  const auto failure = failure_of_locking(dir.file("s"));
  ASSERT_TRUE(failure);
  EXPECT_EQ(lock_holder(*failure), holder.process());
}

TEST(Lock, ItsHolderIsNamedToWhomeverAsks) {
  const TempDir dir;
  EXPECT_FALSE(system_files().lock_holder(dir.file("s")));
  EXPECT_FALSE(std::filesystem::exists(dir.file("s.lock"))) << "asking makes no lock file";
  Holder holder(dir.file("s"));
  const auto named = system_files().lock_holder(dir.file("s"));
  ASSERT_TRUE(named);
  EXPECT_EQ(named->process, holder.process());
  EXPECT_EQ(lock_from_child(dir.file("s")), kRefused) << "asking took nothing away";
  holder.kill();
  EXPECT_FALSE(system_files().lock_holder(dir.file("s"))) << "the lock file is still there";
}

TEST(Lock, AskingForOurOwnDoesNotDropIt) {
  const TempDir dir;
  const auto lock = system_files().lock(dir.file("s"));
  std::filesystem::create_symlink(dir.file("s.lock"), dir.file("link.lock"));
  std::filesystem::create_hard_link(dir.file("s.lock"), dir.file("other.lock"));
  for (const char* name : {"s", "link", "other"}) {
    const auto named = system_files().lock_holder(dir.file(name));
    ASSERT_TRUE(named) << name;
    EXPECT_EQ(named->process, ::getpid());
  }
  EXPECT_EQ(lock_from_child(dir.file("s")), kRefused);
}

TEST(Lock, OfAKilledProcessLeavesNothingToCleanUp) {
  const TempDir dir;
  Holder holder(dir.file("s"));
  holder.kill();
  EXPECT_FALSE(failure_of_locking(dir.file("s")));
}

TEST(Lock, IsFreeAgainAfterItsRelease) {
  const TempDir dir;
  for (int round = 0; round < 3; ++round) {
    const auto lock = system_files().lock(dir.file("s"));
    EXPECT_EQ(lock_from_child(dir.file("s")), kRefused);
  }
  EXPECT_EQ(lock_from_child(dir.file("s")), 0);
}

TEST(Lock, FileHoldsTheHoldersProcessIdAndIsForTheOwnerOnly) {
  const TempDir dir;
  const auto lock = system_files().lock(dir.file("s"));
  struct stat status {};
  ASSERT_EQ(::stat(dir.file("s.lock").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  EXPECT_EQ(status.st_size, static_cast<off_t>(std::to_string(::getpid()).size() + 1));
}

TEST(Lock, FileStaysWithTheLastHoldersProcessId) {
  const TempDir dir;
  std::ofstream(dir.file("s.lock")) << "999999999999\n";
  EXPECT_FALSE(failure_of_locking(dir.file("s")));
  EXPECT_EQ(content_of(dir.file("s.lock")), std::to_string(::getpid()) + "\n");
}

// Any close of the lock file in the holding process would drop an unguarded fcntl lock.
TEST(Lock, SurvivesThatItsFileIsOpenedReadAndClosedThroughTheLibrary) {
  const TempDir dir;
  auto opened_before = system_files().open(dir.file("s.lock"), OpenMode::kCreateNew);
  auto lock = system_files().lock(dir.file("s"));
  opened_before.reset();
  EXPECT_EQ(lock_from_child(dir.file("s")), kRefused);
  {
    const auto opened_while_held = system_files().open(dir.file("s.lock"), OpenMode::kRead);
    std::byte first{};
    EXPECT_EQ(opened_while_held->read_at(0, {&first, 1}), 1U);
  }
  EXPECT_EQ(lock_from_child(dir.file("s")), kRefused);
  lock.reset();
  EXPECT_EQ(lock_from_child(dir.file("s")), 0);
}

TEST(Lock, SurvivesThatItsFileIsReachedByASecondName) {
  const TempDir dir;
  const auto lock = system_files().lock(dir.file("s"));
  std::filesystem::create_hard_link(dir.file("s.lock"), dir.file("t.lock"));
  const auto failure = failure_of_locking(dir.file("t"));
  ASSERT_TRUE(failure);
  EXPECT_EQ(lock_holder(*failure), ::getpid());
  EXPECT_EQ(lock_from_child(dir.file("s")), kRefused);
}

TEST(Lock, KeepsThisProcessOutEvenIfSomebodyRemovedTheFile) {
  const TempDir dir;
  const auto lock = system_files().lock(dir.file("s"));
  std::filesystem::remove(dir.file("s.lock"));
  EXPECT_TRUE(failure_of_locking(dir.file("s")));
}

TEST(Lock, IsNotInheritedByAForkedProcess) {
  const TempDir dir;
  auto lock = system_files().lock(dir.file("s"));
  const pid_t child = ::fork();
  if (child == 0) {
    const auto failure = failure_of_locking(dir.file("s"));
    const bool parent_named = failure && lock_holder(*failure) == ::getppid();
    lock.reset();
    ::_exit(parent_named ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(lock_from_child(dir.file("s")), kRefused);
}

TEST(Lock, OfAForkedProcessOutlivesTheOneItInherited) {
  const TempDir dir;
  auto lock = system_files().lock(dir.file("s"));
  int released[2] = {};
  ASSERT_EQ(::pipe(released), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    char signal = 0;
    if (::read(released[0], &signal, 1) != 1) ::_exit(1);
    const auto own = system_files().lock(dir.file("s"));
    lock.reset();
    ::_exit(lock_from_child(dir.file("s")) == kRefused ? 0 : 2);
  }
  lock.reset();
  ASSERT_EQ(::write(released[1], "r", 1), 1);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  ::close(released[0]);
  ::close(released[1]);
}

TEST(Lock, OfAFileWithSeveralNamesIsRefusedSayingWhy) {
  const TempDir dir;
  std::ofstream(dir.file("s")) << "x";
  std::filesystem::create_hard_link(dir.file("s"), dir.file("other name"));
  const auto failure = failure_of_locking(dir.file("s"));
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->code(), ErrorCode::kUsage);
  EXPECT_NE(failure->message().find("2 names (hard links)"), std::string::npos);
}

TEST(Lock, FileThatIsALinkIsNotFollowed) {
  const TempDir dir;
  std::ofstream(dir.file("precious")) << "keep";
  std::filesystem::create_symlink(dir.file("precious"), dir.file("s.lock"));
  const auto failure = failure_of_locking(dir.file("s"));
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->code(), ErrorCode::kIo);
  EXPECT_EQ(content_of(dir.file("precious")), "keep");
}

TEST(Lock, InAMissingDirectoryIsRefusedNamingTheLockFile) {
  const TempDir dir;
  const auto failure = failure_of_locking(dir.file("no/s"));
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->code(), ErrorCode::kNotFound);
  EXPECT_EQ(failure->file(), dir.file("no/s.lock"));
}

TEST(LockHolder, IsReadBackFromTheErrorThatNamesIt) {
  EXPECT_EQ(lock_holder(locked_error("s", 1234)), 1234);
  EXPECT_EQ(lock_holder(locked_error("s", std::nullopt)), std::nullopt);
  EXPECT_EQ(lock_holder(Error(ErrorCode::kIo, "process 5")), std::nullopt);
}

}  // namespace
}  // namespace session::io
