// A running session's memory grows with what changed since the last save, not with the session.
// SESSIONTOOL_EXHAUSTIVE=1: a million tasks.

#include <gtest/gtest.h>

#include <fstream>
#include <iostream>
#include <sstream>
#include <string>

#include "tests/support/child_process.h"
#include "tests/support/exhaustive.h"
#include "tests/support/running_session.h"
#include "tests/support/sanitized.h"
#include "tests/support/temp_dir.h"

namespace session::test {
namespace {

// Bytes that are this process's own: neither a file's nor shared.
std::uint64_t private_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with("RssAnon:")) continue;
    std::istringstream words(line.substr(line.find(':') + 1));
    std::uint64_t kib = 0;
    words >> kib;
    return kib << 10;
  }
  return 0;
}

// In a process of its own, so that what it took does not count.
void make_tasks(const std::string& path, std::uint64_t count) {
  ChildProcess child([&](const ChildProcess::Line&) {
    Writer writer = Writer::create(path);
    constexpr std::uint64_t kAtOnce = 50'000;
    for (std::uint64_t i = 0; i < count;) {
      Transaction change = writer.begin();
      for (const std::uint64_t end = std::min(count, i + kAtOnce); i < end; ++i) {
        put_task(change, numbered("t-", i),
                 {.title = "task " + std::to_string(i),
                  .rank = static_cast<std::int64_t>(i),
                  .description = std::string(350, static_cast<char>('a' + i % 26))});
      }
      (void)change.commit(folded());
    }
    writer.close();
    return 0;
  });
  ASSERT_EQ(child.wait(), 0);
}

// What it takes to open a session and change so many tasks of it.
std::uint64_t private_bytes_of_changing(const std::string& path, std::uint64_t count,
                                        std::uint64_t changes) {
  ChildProcess child([&](const ChildProcess::Line& line) {
    const std::uint64_t before = private_bytes();
    SessionConfig config;
    config.path = path;
    config.policy = by_hand();
    Session session = Session::open(config);
    for (std::uint64_t i = 0; i < changes; ++i) {
      session.tasks().edit(numbered("t-", i * (count / changes)),
                           [](schema::Task::Builder task) { task.setTitle("changed"); });
    }
    const std::uint64_t dirty = private_bytes();
    (void)session.save();
    line.say(std::max(dirty, private_bytes()) - before);
    session.shutdown();
    return 0;
  });
  const auto bytes = child.line().hear();
  EXPECT_EQ(child.wait(), 0);
  return bytes.value_or(0);
}

TEST(SessionMemory, GrowsWithTheChangesAndNotWithTheSession) {
  if (kIsSanitized) GTEST_SKIP() << "a sanitizer takes memory of its own";
  constexpr std::uint64_t kChanges = 1'000;
  constexpr std::uint64_t kMostBytes = std::uint64_t{64} << 20;
  const std::uint64_t count = is_exhaustive() ? 1'000'000 : 40'000;
  const TempDir dir;
  const std::string path = dir.file("work.session");
  make_tasks(path, count);
  const std::uint64_t bytes = private_bytes_of_changing(path, count, kChanges);
  std::cout << (bytes >> 10) << " KiB for " << kChanges << " changes of " << count << " tasks\n";
  EXPECT_NE(bytes, 0U);
  // A session of this size would take a multiple of it, were it all in memory.
  EXPECT_LT(bytes, is_exhaustive() ? kMostBytes : std::uint64_t{12} << 20);
}

}  // namespace
}  // namespace session::test
