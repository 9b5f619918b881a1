// Committed bytes never change (G1): whatever is done to a file, its bytes up to the end of the
// head stay as they are.

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "tests/support/crash_run.h"
#include "tests/support/disk_session.h"
#include "tests/support/records.h"

namespace session::test {
namespace {

class AppendOnly : public ::testing::Test {
 protected:
  // Runs `step` and compares what was committed before it.
  void keeps(const std::string& name, const std::function<void()>& step) {
    const std::uint64_t end = read_on(disk_).info().head_end;
    const std::vector<std::byte> before = disk_.contents(kDiskPath);
    const std::size_t operations = disk_.operations();
    step();
    const std::vector<std::byte> after = disk_.contents(kDiskPath);
    ASSERT_GE(after.size(), end) << name << " cut the file";
    ASSERT_TRUE(
        std::equal(after.begin(), after.begin() + static_cast<std::ptrdiff_t>(end), before.begin()))
        << name << " changed committed bytes";
    for (const DiskOperation& done : operations_since(operations)) {
      if (done.kind != DiskCall::kTruncate) continue;
      ASSERT_GE(done.size_bytes, end) << name;
    }
  }
  [[nodiscard]] std::vector<DiskOperation> operations_since(std::size_t n) const {
    const std::vector<DiskOperation> all = disk_.history();
    return {all.begin() + static_cast<std::ptrdiff_t>(n), all.end()};
  }

  SimulatedDisk disk_;
  Promise promise_;
  CrashRun run_{disk_, promise_, 5};
};

TEST_F(AppendOnly, KeepsCommittedBytesWhateverIsDone) {
  run_.create();
  keeps("a durable commit", [&] { run_.commit(3, Durability::kDurable); });
  keeps("another", [&] { run_.commit(3, Durability::kDurable); });
  keeps("a relaxed commit", [&] { run_.commit(3, Durability::kRelaxed); });
  keeps("a flush", [&] { run_.flush(); });
  keeps("blobs", [&] { run_.commit_blobs(); });
  keeps("a fold", [&] { run_.commit(20, Durability::kDurable, true); });
  keeps("a checkpoint", [&] { run_.checkpoint("one"); });
  keeps("a large transaction", [&] { run_.commit_spilled(200, 4'000); });
  keeps("a rollback", [&] { run_.roll_back_spilled(200, 4'000); });
  keeps("a commit after a rollback", [&] { run_.commit(1, Durability::kRelaxed); });
  keeps("restoring", [&] { run_.restore(3); });
  keeps("closing", [&] { run_.close(); });
  keeps("opening", [&] { run_.open(); });
  keeps("closing unchanged", [&] { run_.close(); });
  keeps("opening again", [&] { run_.open(); });
  keeps("going on", [&] { run_.commit(2, Durability::kDurable); });
  keeps("closing again", [&] { run_.close(); });
}

TEST_F(AppendOnly, KeepsCommittedBytesAfterAnUncleanEnd) {
  run_.create();
  run_.commit(3, Durability::kDurable);
  run_.commit(3, Durability::kRelaxed);
  disk_ = disk_.killed();
  Promise promise = promise_;
  CrashRun next(disk_, promise, 6);
  keeps("opening an unsealed file", [&] { next.open(); });
  keeps("a commit", [&] { next.commit(2, Durability::kDurable); });
  next.close();
  std::vector<std::byte> torn = disk_.contents(kDiskPath);
  torn.insert(torn.end(), 300, std::byte{0x55});
  disk_ = SimulatedDisk();
  disk_.put(kDiskPath, torn);
  CrashRun last(disk_, promise, 7);
  keeps("opening a torn file", [&] { last.open(); });
  keeps("closing it", [&] { last.close(); });
}

TEST_F(AppendOnly, KeepsCommittedBytesWhenAWriteFails) {
  run_.create();
  run_.commit(3, Durability::kDurable);
  Fault fault;
  fault.kind = DiskCall::kWrite;
  disk_.fail(fault);
  keeps("a failed write",
        [&] { EXPECT_THROW(run_.commit(30, Durability::kRelaxed, true), Error); });
  keeps("the commit after it", [&] { run_.commit(3, Durability::kDurable); });
}

TEST_F(AppendOnly, ChecksThatThePathStillIsItsFile) {
  Writer writer = create_on(disk_);
  disk_.put(kDiskPath, {std::byte{1}});
  EXPECT_EQ(error_of([&] {
              auto change = writer.begin();
              put_value(change, "a/1", "x");
              (void)change.commit();
            }),
            ErrorCode::kPoisoned);
}

}  // namespace
}  // namespace session::test
