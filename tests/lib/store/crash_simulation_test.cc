// The power goes at any moment, and the disk keeps any part of what it was not told to keep (G3).
// What is opened afterwards is the last acknowledged commit or a later one that was under way,
// whole; the next writer goes on from there, and a crash while it recovers changes nothing.

#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "format/layout.h"
#include "tests/support/crash_run.h"
#include "tests/support/disk_session.h"
#include "tests/support/records.h"
#include "tests/support/seed.h"

namespace session::test {
namespace {

using Steps = std::function<void(CrashRun&)>;

constexpr std::uint64_t kChangesSeed = 7;
// Beyond this many sectors in flight, masks are drawn instead of tried one after the other.
constexpr std::size_t kEveryMaskSectors = 6;

// What is done before power is at risk, and what then.
struct Workload {
  std::string name;
  Steps prepare;
  Steps run;
};

void just_create(CrashRun& run) {
  run.create();
  run.commit(6, Durability::kDurable);
}

void small_commits(CrashRun& run) {
  for (int i = 0; i < 3; ++i) run.commit(2, Durability::kDurable);
  run.close();
}

void relaxed_commits(CrashRun& run) {
  for (int i = 0; i < 3; ++i) run.commit(1, Durability::kRelaxed);
  run.flush();
  run.commit(1, Durability::kRelaxed);
  run.commit(1, Durability::kDurable);
  run.commit(1, Durability::kRelaxed);
  run.close();
}

void small_folds(CrashRun& run) {
  run.commit(2, Durability::kDurable, true);
  run.commit(1, Durability::kRelaxed, true);
  run.commit(1, Durability::kDurable);
}

// So many pending deltas that the third commit of the workload folds them.
void nearly_full_chain(CrashRun& run) {
  run.create();
  run.commit(40, Durability::kRelaxed);
  for (std::uint32_t i = 3; i < format::kMaxPendingDeltas; ++i) {
    run.commit(1, Durability::kRelaxed);
  }
  run.flush();
}

void commits_over_the_bound(CrashRun& run) {
  for (int i = 0; i < 6; ++i) {
    run.commit(2, i % 2 == 0 ? Durability::kDurable : Durability::kRelaxed);
  }
}

void checkpoints_and_restore(CrashRun& run) {
  run.checkpoint("first");
  run.commit(3, Durability::kDurable);
  run.restore(2);
  run.commit(2, Durability::kRelaxed);
  run.checkpoint("second");
  run.close();
}

void blobs(CrashRun& run) {
  run.commit_blobs();
  run.commit_blobs();
  run.commit(1, Durability::kDurable, true);
  run.commit_blobs();
  run.close();
}

void large_transactions(CrashRun& run) {
  run.commit_spilled(250, 8'000);
  run.roll_back_spilled(120, 8'000);
  run.commit(2, Durability::kRelaxed);
  run.roll_back_spilled(120, 8'000);
  run.commit_spilled(120, 8'000);
  run.commit(2, Durability::kDurable);
  run.close();
}

// More than may stay unsynced, so that pages are synced before the commit that needs them.
void a_commit_beyond_the_unsynced_bound(CrashRun& run) {
  run.commit(1, Durability::kRelaxed);
  run.commit(9'000, Durability::kDurable, true);
  run.commit(1, Durability::kDurable);
}

void several_sittings(CrashRun& run) {
  run.commit(1, Durability::kDurable);
  run.close();
  run.open();
  run.close();
  run.open();
  run.commit(1, Durability::kRelaxed);
  run.close();
  run.open();
  run.commit(1, Durability::kDurable);
}

void just_create_with_parity(CrashRun& run) {
  run.create(10);
  run.commit(6, Durability::kDurable);
}

// A group at each close: the file is small, so every change is a large part of it.
void parity_kept_up(CrashRun& run) {
  run.commit(1, Durability::kRelaxed);
  run.close();
  run.open();
  run.commit(2, Durability::kDurable);
  run.close();
}

void protection(CrashRun& run) {
  run.close();
  run.protect();
  run.open();
  run.commit(2, Durability::kRelaxed);
  run.close();
  run.protect();
}

// So much that the snapshot gets its group at once.
void parity_at_a_snapshot(CrashRun& run) {
  run.commit(1, Durability::kRelaxed);
  run.commit(9'000, Durability::kDurable, true);
  run.commit(1, Durability::kDurable);
  run.close();
}

const std::vector<Workload>& small_workloads() {
  static const std::vector<Workload> all = {
      {"create", [](CrashRun&) {}, [](CrashRun& run) { run.create(); }},
      {"draft", [](CrashRun&) {}, [](CrashRun& run) { run.create_from_draft(12); }},
      {"small commits", just_create, small_commits},
      {"relaxed commits", just_create, relaxed_commits},
      {"small folds", just_create, small_folds},
      {"several sittings", just_create, several_sittings},
      {"parity kept up", just_create_with_parity, parity_kept_up},
      {"protection", just_create, protection},
  };
  return all;
}

const std::vector<Workload>& large_workloads() {
  static const std::vector<Workload> all = {
      {"commits over the bound", nearly_full_chain, commits_over_the_bound},
      {"checkpoints and restore", just_create, checkpoints_and_restore},
      {"blobs", just_create, blobs},
      {"large transactions", just_create, large_transactions},
      {"small commits", just_create, small_commits},
      {"relaxed commits", just_create, relaxed_commits},
      {"several sittings", just_create, several_sittings},
      {"draft", [](CrashRun&) {}, [](CrashRun& run) { run.create_from_draft(40); }},
  };
  return all;
}

// A workload that can be run again and again up to any operation.
class Stage {
 public:
  explicit Stage(const Workload& workload) : workload_(workload) {
    CrashRun run(disk_, promise_, kChangesSeed);
    workload.prepare(run);
    SimulatedDisk disk = start();
    Promise promise = promise_;
    play(disk, promise);
    operations_ = disk.operations();
  }

  [[nodiscard]] std::size_t operations() const { return operations_; }

  // The disk at the moment of a crash after `n` operations; `promise` is what held then.
  [[nodiscard]] SimulatedDisk crash_after(std::size_t n, Promise& promise) const {
    SimulatedDisk disk = start();
    disk.crash_after(n);
    promise = promise_;
    try {
      play(disk, promise);
    } catch (const CrashNow&) {
    } catch (const std::exception& error) {
      ADD_FAILURE() << workload_.name << ": " << error.what();
    }
    return disk;
  }

 private:
  // The session as `prepare` left it, all of it on the disk.
  [[nodiscard]] SimulatedDisk start() const { return disk_.crashed_with({}); }

  void play(SimulatedDisk& disk, Promise& promise) const {
    CrashRun run(disk, promise, kChangesSeed);
    if (promise.acknowledged != 0) run.open();
    workload_.run(run);
  }

  const Workload& workload_;
  SimulatedDisk disk_;
  Promise promise_;
  std::size_t operations_ = 0;
};

class CrashSimulation : public ::testing::Test {
 protected:
  // A disk that came up again: what it shows, and, for some, what a second life makes of it.
  void check(SimulatedDisk disk, const Promise& promise, const std::string& where) {
    ++crashes_;
    const std::uint64_t dice = random_();
    const AfterCrash found = examine(disk, promise, dice % 8 == 0);
    ASSERT_EQ(found.wrong, "") << where;
    if (dice % 3 == 0) {
      ASSERT_NO_FATAL_FAILURE(crash_again(disk, found, promise, where));
    }
    if (dice % 4 == 0) {
      ASSERT_EQ(go_on(disk, promise, dice >> 8), "") << where << ", going on";
    }
  }

  // A crash while a writer recovers, and perhaps after it has committed again.
  void crash_again(const SimulatedDisk& disk, const AfterCrash& found, Promise promise,
                   const std::string& where) {
    if (found.revision == 0) return;
    promise.states.erase(promise.states.upper_bound(found.revision), promise.states.end());
    // After a crash, not after a kill, nothing is in flight: what is there is there for good.
    if (disk.sectors_in_flight() == 0 && disk.directory_operations_in_flight() == 0) {
      promise.acknowledged = found.revision;
    }
    SimulatedDisk second = disk.killed();
    const std::size_t after = random_() % 10;
    second.crash_after(after);
    const std::string again = where + ", again after " + std::to_string(after);
    try {
      CrashRun run(second, promise, random_());
      run.open();
      run.commit(2, Durability::kDurable);
      run.commit(2, Durability::kRelaxed);
      run.close();
    } catch (const CrashNow&) {
    } catch (const std::exception& error) {
      FAIL() << again << ": " << error.what();
    }
    ++crashes_;
    SimulatedDisk third = random_() % 6 == 0 ? second.killed() : second.crashed(random_);
    ASSERT_EQ(go_on(third, promise, random_()), "") << again;
  }

  void TearDown() override {
    std::cout << crashes_ << " crashes simulated\n";
    RecordProperty("crashes", std::to_string(crashes_));
  }

  std::uint64_t seed_ = random_seed();
  std::mt19937_64 random_{seed_};
  std::size_t crashes_ = 0;
};

std::string place(const Workload& workload, std::size_t operation) {
  return workload.name + ", crash after operation " + std::to_string(operation);
}

TEST_F(CrashSimulation, ShowsAWholeCommitAfterEveryOperationOfSmallWorkloads) {
  for (const Workload& workload : small_workloads()) {
    const Stage stage(workload);
    for (std::size_t n = 0; n <= stage.operations(); ++n) {
      Promise promise;
      const SimulatedDisk disk = stage.crash_after(n, promise);
      const std::string where = place(workload, n);
      ASSERT_NO_FATAL_FAILURE(check(disk.killed(), promise, where + ", killed"));
      if (disk.sectors_in_flight() <= kEveryMaskSectors) {
        for (const CrashChoice& choice : disk.every_crash()) {
          ASSERT_NO_FATAL_FAILURE(
              check(disk.crashed_with(choice), promise,
                    where + ", mask " + std::to_string(choice.keep_mask) + ", lost " +
                        std::to_string(static_cast<int>(choice.lost_sectors)) + ", size " +
                        std::to_string(static_cast<int>(choice.sizes)) + ", names " +
                        std::to_string(choice.directory_operations)));
        }
        continue;
      }
      for (int i = 0; i < 25; ++i) {
        ASSERT_NO_FATAL_FAILURE(check(disk.crashed(random_), promise, where));
      }
    }
  }
}

TEST_F(CrashSimulation, SyncsWhatACommitNeedsWhenItIsTooMuchToVouchFor) {
  const Workload workload = {"beyond the bound", just_create, a_commit_beyond_the_unsynced_bound};
  const Stage stage(workload);
  for (std::size_t n = 0; n <= stage.operations(); ++n) {
    Promise promise;
    const SimulatedDisk disk = stage.crash_after(n, promise);
    for (int i = 0; i < 2; ++i) {
      SimulatedDisk after = disk.crashed(random_);
      ++crashes_;
      ASSERT_EQ(examine(after, promise, false).wrong, "") << place(workload, n);
    }
  }
}

TEST_F(CrashSimulation, KeepsUpParityAtSnapshotsWithoutRiskToACommit) {
  const Workload workload = {"parity at a snapshot", just_create_with_parity, parity_at_a_snapshot};
  const Stage stage(workload);
  for (std::size_t n = 0; n <= stage.operations(); ++n) {
    Promise promise;
    const SimulatedDisk disk = stage.crash_after(n, promise);
    SimulatedDisk after = disk.crashed(random_);
    ++crashes_;
    ASSERT_EQ(examine(after, promise, false).wrong, "") << place(workload, n);
    if (n % 3 == 0) {
      ASSERT_EQ(go_on(after, promise, random_()), "") << place(workload, n);
    }
  }
}

// The fingerprint that a crash leaves, folded or not, is that of the same content built afresh.
TEST_F(CrashSimulation, LeavesTheFingerprintOfItsContent) {
  for (const Workload& workload : small_workloads()) {
    const Stage stage(workload);
    std::map<std::uint64_t, Digest> afresh;
    for (std::size_t n = 0; n <= stage.operations(); ++n) {
      Promise promise;
      SimulatedDisk after = stage.crash_after(n, promise).crashed(random_);
      ++crashes_;
      if (!after.exists(kDiskPath)) continue;
      const Snapshot head = read_on(after).head();
      auto known = afresh.find(head.revision());
      if (known == afresh.end()) {
        const Digest digest =
            fingerprint_of(promise.states.at(head.revision()), kSmallPageLog2, kSmallPageLog2);
        known = afresh.emplace(head.revision(), digest).first;
      }
      EXPECT_EQ(head.fingerprint(), known->second) << place(workload, n);
    }
  }
}

// An existing session that is replaced is there before or after, never neither, never a mixture.
// A draft may be written without a sync; its name must not come before its bytes.
TEST_F(CrashSimulation, PublishesADraftOnlyWithItsBytes) {
  SimulatedDisk disk;
  CreateOptions options;
  options.files = &disk;
  Writer writer = Writer::create_draft(kDiskPath, options);
  Transaction change = writer.begin();
  put_task(change, "a", {.title = "task"});
  (void)change.commit(relaxed());
  writer.publish();
  for (int i = 0; i < 50; ++i) {
    SimulatedDisk after = disk.crashed(random_);
    ++crashes_;
    ASSERT_TRUE(after.exists(kDiskPath));
    EXPECT_TRUE(read_on(after).head().get<schema::Task>("a"));
  }
}

TEST_F(CrashSimulation, ReplacesASessionWholeOrNotAtAll) {
  SimulatedDisk base;
  Promise old;
  CrashRun first(base, old, kChangesSeed);
  just_create(first);
  first.close();
  Promise replaced;
  replaced.states[1] = SessionState();
  for (std::size_t n = 0;; ++n) {
    SimulatedDisk disk = base.crashed_with({});
    disk.crash_after(n);
    bool acknowledged = false;
    try {
      CreateOptions options;
      options.files = &disk;
      options.overwrite = true;
      Writer writer = Writer::create(kDiskPath, options);
      acknowledged = true;
      writer.close();
    } catch (const CrashNow&) {
    }
    const bool finished = !disk.has_crashed();
    for (int i = 0; i < 20; ++i) {
      SimulatedDisk after = disk.crashed(random_);
      ++crashes_;
      const bool is_new = examine(after, replaced, true).wrong.empty();
      const bool is_old = examine(after, old, true).wrong.empty();
      ASSERT_TRUE(is_new || (is_old && !acknowledged)) << "after operation " << n;
    }
    if (finished) break;
  }
}

// As many cases as SESSIONTOOL_CRASH_CASES says, an equal share for each workload.
class RandomCrashes : public CrashSimulation, public ::testing::WithParamInterface<std::size_t> {};

TEST_P(RandomCrashes, ShowAWholeCommit) {
  constexpr std::size_t kCases = 5'000;
  constexpr std::size_t kStatesPerRun = 12;
  const char* given = std::getenv("SESSIONTOOL_CRASH_CASES");
  const std::size_t all = given != nullptr ? std::strtoull(given, nullptr, 0) : kCases;
  const std::size_t share = all / large_workloads().size() + 1;
  const Workload& workload = large_workloads()[GetParam()];
  const Stage stage(workload);
  while (crashes_ < share) {
    const std::size_t n = random_() % (stage.operations() + 1);
    Promise promise;
    const SimulatedDisk disk = stage.crash_after(n, promise);
    const std::string where = place(workload, n) + ", seed " + std::to_string(seed_);
    for (std::size_t state = 0; state < kStatesPerRun && crashes_ < share; ++state) {
      ASSERT_NO_FATAL_FAILURE(check(disk.crashed(random_), promise, where));
    }
  }
}

std::string workload_name(const ::testing::TestParamInfo<std::size_t>& info) {
  std::string name = large_workloads()[info.param].name;
  std::erase(name, ' ');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Workloads, RandomCrashes,
                         ::testing::Range(std::size_t{0}, large_workloads().size()), workload_name);

}  // namespace
}  // namespace session::test
