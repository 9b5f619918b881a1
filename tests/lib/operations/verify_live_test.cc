// Verifying beside a writer: no lock, nothing written, and what is there is clean.

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <string>
#include <thread>

#include "session/verify.h"
#include "session/writer.h"
#include "tests/support/records.h"
#include "tests/support/temp_dir.h"

namespace session::test {
namespace {

TEST(VerifyLive, AFileBeingWrittenIsCleanAllTheTime) {
  const TempDir directory;
  const std::string path = directory.file("live.session");
  Writer::create(path).close();
  std::atomic<bool> done = false;
  std::thread writing([&] {
    for (int round = 0; round < 6; ++round) {
      Writer writer = Writer::open(path);
      for (std::uint64_t i = 0; i < 20; ++i) {
        auto change = writer.begin();
        put_task(change, numbered("t", i), {.title = "round " + std::to_string(round)});
        CommitOptions options;
        options.durability = i % 3 == 0 ? Durability::kDurable : Durability::kRelaxed;
        options.as_snapshot = i % 7 == 0;
        (void)change.commit(options);
      }
      writer.close();
    }
    done = true;
  });
  int runs = 0;
  while (!done || runs < 3) {
    VerifyOptions options;
    options.level = VerifyLevel::kFull;
    options.jobs = 2;
    std::string found;
    options.on_finding = [&](const Finding& finding) { found += finding.message + "; "; };
    const VerifyReport report = verify(path, options);
    // A commit on its way to the file may be seen in part.
    ASSERT_LE(report.verdict, Verdict::kTornTail) << found;
    ++runs;
  }
  writing.join();
  EXPECT_EQ(verify(path).verdict, Verdict::kClean);
  EXPECT_FALSE(std::filesystem::exists(path + ".damaged"));
}

}  // namespace
}  // namespace session::test
