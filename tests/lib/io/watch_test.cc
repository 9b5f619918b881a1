#include "lib/io/watch.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <chrono>
#include <csignal>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "tests/support/temp_dir.h"

namespace session::io {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

// Long enough for any machine, and over at once when all is well.
constexpr auto kLong = 60s;
// For what must not happen.
constexpr auto kShort = 30ms;

void append(const std::string& path, const std::string& text = "x") {
  std::ofstream(path, std::ios::binary | std::ios::app) << text;
}

class InotifyWatch : public ::testing::Test {
 protected:
  // One that says nothing but what it was told.
  [[nodiscard]] static std::unique_ptr<Watch> watch(const std::string& path) {
    auto made = watch_by_inotify(path, 24h);
    EXPECT_NE(made, nullptr);
    return made;
  }

  test::TempDir dir_;
  std::string path_ = dir_.file("a.session");
  std::stop_token never_;
};

TEST_F(InotifyWatch, HearsWhatIsWritten) {
  append(path_);
  const auto watched = watch(path_);
  EXPECT_FALSE(watched->wait(kShort, never_));
  append(path_);
  append(path_);
  EXPECT_TRUE(watched->wait(kLong, never_));
  EXPECT_FALSE(watched->wait(kShort, never_)) << "both were heard at once";
}

TEST_F(InotifyWatch, HearsWhatWasWrittenBetweenTwoWaits) {
  append(path_);
  const auto watched = watch(path_);
  append(path_);
  EXPECT_TRUE(watched->wait(0s, never_));
  append(path_);
  EXPECT_TRUE(watched->wait(0s, never_));
  EXPECT_FALSE(watched->wait(0s, never_));
}

TEST_F(InotifyWatch, NeighboursAreNotHeard) {
  append(path_);
  const auto watched = watch(path_);
  append(path_ + ".lock");
  append(dir_.file("b.session"));
  fs::rename(dir_.file("b.session"), dir_.file("c.session"));
  fs::remove(path_ + ".lock");
  EXPECT_FALSE(watched->wait(kShort, never_));
}

TEST_F(InotifyWatch, FollowsTheNameToTheFileThatReplacesIt) {
  append(path_);
  const auto watched = watch(path_);
  append(dir_.file("new"));
  fs::rename(dir_.file("new"), path_);
  EXPECT_TRUE(watched->wait(kLong, never_));
  append(path_);
  EXPECT_TRUE(watched->wait(kLong, never_)) << "the new file is watched";
}

TEST_F(InotifyWatch, FollowsTheNameThroughRemovalAndCreation) {
  const auto watched = watch(path_);
  EXPECT_FALSE(watched->wait(kShort, never_));
  append(path_);
  EXPECT_TRUE(watched->wait(kLong, never_));
  while (watched->wait(0s, never_)) {
  }
  fs::remove(path_);
  EXPECT_TRUE(watched->wait(kLong, never_));
  while (watched->wait(0s, never_)) {
  }
  append(path_, "");
  EXPECT_TRUE(watched->wait(kLong, never_));
  append(path_);
  EXPECT_TRUE(watched->wait(kLong, never_));
}

TEST_F(InotifyWatch, FollowsALinkToWhereItLeads) {
  fs::create_directory(dir_.file("store"));
  const std::string target = dir_.file("store") + "/real.session";
  append(target);
  fs::create_symlink(target, path_);
  const auto watched = watch(path_);
  append(target);
  EXPECT_TRUE(watched->wait(kLong, never_));
  append(dir_.file("store") + "/new");
  EXPECT_FALSE(watched->wait(kShort, never_));
  fs::rename(dir_.file("store") + "/new", target);
  EXPECT_TRUE(watched->wait(kLong, never_)) << "the target was replaced";
  append(dir_.file("other"));
  fs::remove(path_);
  fs::create_symlink(dir_.file("other"), path_);
  EXPECT_TRUE(watched->wait(kLong, never_)) << "the link was replaced";
  while (watched->wait(0s, never_)) {
  }
  append(dir_.file("other"));
  EXPECT_TRUE(watched->wait(kLong, never_)) << "where it leads now is watched";
}

TEST_F(InotifyWatch, AsksForALookNowAndThenWithoutBeingTold) {
  append(path_);
  const auto watched = watch_by_inotify(path_, 1ms);
  EXPECT_TRUE(watched->wait(kLong, never_));
  EXPECT_TRUE(watched->wait(kLong, never_));
}

// The directory goes away and comes again: nobody tells, so it has to be looked for.
TEST_F(InotifyWatch, FindsADirectoryThatCameAgain) {
  const std::string directory = dir_.file("store");
  fs::create_directory(directory);
  const auto watched = watch(directory + "/a.session");
  fs::remove(directory);
  EXPECT_TRUE(watched->wait(kLong, never_));
  EXPECT_TRUE(watched->wait(kLong, never_)) << "asks for looks while there is nothing to watch";
  fs::create_directory(directory);
  while (watched->wait(kShort, never_)) {
  }
  append(directory + "/a.session");
  EXPECT_TRUE(watched->wait(kLong, never_));
}

TEST_F(InotifyWatch, IsRefusedWhereThereIsNoDirectory) {
  EXPECT_EQ(watch_by_inotify(dir_.file("missing") + "/a.session"), nullptr);
}

TEST_F(InotifyWatch, ASignalEndsTheWait) {
  struct sigaction action = {};
  struct sigaction before = {};
  action.sa_handler = [](int) {};
  ::sigaction(SIGUSR1, &action, &before);
  append(path_);
  const auto watched = watch(path_);
  std::jthread sender([waiting = ::pthread_self()](const std::stop_token& stop) {
    while (!stop.stop_requested()) {  // one may come before the wait has begun
      ::pthread_kill(waiting, SIGUSR1);
      std::this_thread::sleep_for(1ms);
    }
  });
  EXPECT_FALSE(watched->wait(24h, never_));
  sender = {};
  ::sigaction(SIGUSR1, &before, nullptr);
}

TEST(WatchThreads, AStopEndsTheWaitAndNotTheNextOne) {
  test::TempDir dir;
  append(dir.file("a"));
  for (const bool told : {true, false}) {
    const auto watched = told ? watch_by_inotify(dir.file("a"), 24h) : watch_by_looking();
    std::stop_source source;
    std::jthread stopper([&source] {
      std::this_thread::sleep_for(5ms);
      source.request_stop();
    });
    while (watched->wait(24h, source.get_token())) {
    }
    EXPECT_FALSE(watched->wait(24h, source.get_token())) << "it stays asked for";
    if (told) {
      const std::clock_t before = std::clock();
      EXPECT_FALSE(watched->wait(200ms, {}));
      EXPECT_LT(std::clock() - before, CLOCKS_PER_SEC / 50) << "it sleeps, and does not spin";
    }
    append(dir.file("a"));
    EXPECT_TRUE(watched->wait(kLong, {}));
  }
}

TEST(LookingWatch, AsksForALookAgainAndAgain) {
  const auto watched = watch_by_looking();
  EXPECT_FALSE(watched->wait(0s, {}));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(watched->wait(kLong, {}));
}

TEST(LookingWatch, AddsUpShortWaits) {
  const auto watched = watch_by_looking();
  int waits = 1;
  while (!watched->wait(1ms, {})) ++waits;
  EXPECT_LE(waits, 21);
}

TEST(Deadline, NeverLiesBeyondTheClocksEnd) {
  using Clock = std::chrono::steady_clock;
  EXPECT_EQ(deadline_after(std::chrono::nanoseconds::max()), Clock::time_point::max());
  EXPECT_LE(deadline_after(-1h), Clock::now());
  EXPECT_GT(deadline_after(1h), Clock::now());
}

}  // namespace
}  // namespace session::io
