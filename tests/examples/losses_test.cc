// The example that lists losses names what is damaged, and after a repair what was lost by it.

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "session/repair.h"
#include "session/writer.h"
#include "tests/support/damage.h"
#include "tests/support/records.h"
#include "tests/support/run_program.h"
#include "tests/support/temp_dir.h"

namespace session::test {
namespace {

class ExampleLosses : public ::testing::Test {
 protected:
  ExampleLosses() {
    CreateOptions options;
    options.leaf_target_log2 = options.index_target_log2 = 9;
    Writer writer = Writer::create(path_, options);
    auto change = writer.begin();
    for (std::uint64_t i = 0; i < 60; ++i) {
      put_task(change, numbered("t", i), {.title = std::string(60, 't')});
    }
    CommitOptions commit;
    commit.as_snapshot = true;
    (void)change.commit(commit);
  }
  [[nodiscard]] FileBytes bytes() const {
    std::ifstream in(path_, std::ios::binary);
    const std::string all{std::istreambuf_iterator<char>(in), {}};
    const auto* begin = reinterpret_cast<const std::byte*>(all.data());
    return {begin, begin + all.size()};
  }
  void write(const FileBytes& bytes) const {
    std::ofstream out(path_, std::ios::binary);
    out.write(reinterpret_cast<const char*>(bytes.data()),
              static_cast<std::streamsize>(bytes.size()));
  }
  // A page of tasks that nothing can bring back.
  void damage() {
    const FileBytes whole = bytes();
    for (const FramePlace& frame : frames_in(whole)) {
      FileBytes broken = whole;
      zero_block(broken, frame.offset + frame.size / 2, 8);
      write(broken);
      const ProgramResult result = losses();
      if (result.exit_code == 1 && result.out.find("(tasks)") != std::string::npos) return;
    }
    FAIL() << "no page of tasks";
  }
  [[nodiscard]] ProgramResult losses() const { return run_program(EXAMPLE_LOSSES, {path_}); }

  TempDir dir_;
  std::string path_ = dir_.file("work.session");
};

TEST_F(ExampleLosses, SaysThatNothingIs) {
  const ProgramResult result = losses();
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, path_ + " is clean\n");
}

TEST_F(ExampleLosses, NamesDamageAndThenWhatTheRepairLost) {
  damage();
  const ProgramResult damaged = losses();
  EXPECT_EQ(damaged.exit_code, 1);
  EXPECT_NE(damaged.out.find("damaged: "), std::string::npos) << damaged.out;
  EXPECT_NE(damaged.out.find(path_ + " is lossy\n"), std::string::npos) << damaged.out;
  RepairOptions options;
  options.accept_loss = true;
  const RepairReport report = repair(path_, options);
  ASSERT_FALSE(report.lost.empty());
  const ProgramResult repaired = losses();
  EXPECT_EQ(repaired.exit_code, 1) << "it is clean, and something is gone";
  EXPECT_NE(repaired.out.find(path_ + " is clean\n"), std::string::npos) << repaired.out;
  EXPECT_NE(repaired.out.find("  lost: " + report.lost.front().message), std::string::npos)
      << repaired.out;
  EXPECT_NE(repaired.out.find("  kept as " + report.backup), std::string::npos) << repaired.out;
}

TEST_F(ExampleLosses, SaysWhatIsWrong) {
  EXPECT_EQ(run_program(EXAMPLE_LOSSES, {}).exit_code, 2);
  const ProgramResult result = run_program(EXAMPLE_LOSSES, {dir_.file("nothing")});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_NE(result.err.find("nothing"), std::string::npos);
}

}  // namespace
}  // namespace session::test
