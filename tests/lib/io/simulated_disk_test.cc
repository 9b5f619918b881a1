// The tests of what the other tests lean on: a disk that kept too much would prove nothing.

#include "tests/support/simulated_disk.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <thread>

#include "lib/io/lock.h"
#include "session/error.h"
#include "tests/support/seed.h"

namespace session::test {
namespace {

using io::OpenMode;
using Bytes = std::vector<std::byte>;

Bytes filled(std::size_t size, char with) {
  return Bytes(size, static_cast<std::byte>(with));
}

Bytes joined(const Bytes& a, const Bytes& b) {
  Bytes both = a;
  both.insert(both.end(), b.begin(), b.end());
  return both;
}

Bytes random_bytes(std::size_t size, std::mt19937_64& random) {
  Bytes bytes(size);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random() & 0xFFU);
  return bytes;
}

ErrorCode code_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.code();
  }
  ADD_FAILURE() << "nothing was thrown";
  return ErrorCode::kInternal;
}

// A disk with a durable file /s of one kind of bytes.
SimulatedDisk disk_with(const Bytes& bytes) {
  SimulatedDisk disk;
  disk.put("/s", bytes);
  return disk;
}

TEST(SimulatedDisk, ReadsBackWhatWasWrittenAtOnce) {
  SimulatedDisk disk;
  const auto file = disk.open("/s", OpenMode::kCreateNew);
  file->write_at(3, filled(2, 'a'));
  Bytes read(10);
  EXPECT_EQ(file->read_at(1, read), 4U);
  EXPECT_EQ(disk.contents("/s"), joined(filled(3, '\0'), filled(2, 'a')));
  EXPECT_EQ(file->size_bytes(), 5U);
}

TEST(SimulatedDisk, FailsAsASystemDoes) {
  SimulatedDisk disk = disk_with(filled(3, 'a'));
  disk.put("/dir/t", {});
  EXPECT_EQ(code_of([&] { (void)disk.open("/no", OpenMode::kRead); }), ErrorCode::kNotFound);
  EXPECT_EQ(code_of([&] { (void)disk.open("/s", OpenMode::kCreateNew); }), ErrorCode::kExists);
  EXPECT_EQ(code_of([&] { (void)disk.open("/dir", OpenMode::kRead); }), ErrorCode::kNotASession);
  EXPECT_EQ(code_of([&] { disk.rename_new("/s", "/dir/t"); }), ErrorCode::kExists);
  EXPECT_EQ(code_of([&] { disk.rename("/no", "/s"); }), ErrorCode::kNotFound);
  EXPECT_EQ(code_of([&] { disk.remove("/no"); }), ErrorCode::kNotFound);
  const auto file = disk.open("/s", OpenMode::kRead);
  EXPECT_EQ(code_of([&] { file->write_at(0, filled(1, 'b')); }), ErrorCode::kIo);
  EXPECT_EQ(code_of([&] { (void)file->map(4); }), ErrorCode::kIo);
  EXPECT_EQ(disk.contents("/s"), filled(3, 'a'));
}

TEST(SimulatedDisk, ListsSortedNamesOfOneDirectory) {
  SimulatedDisk disk;
  for (const char* path : {"/d/b", "/d/a", "/d/e/f", "/other"}) disk.put(path, {});
  EXPECT_EQ(disk.list("/d"), (std::vector<std::string>{"a", "b", "e"}));
  EXPECT_EQ(disk.list("/"), (std::vector<std::string>{"d", "other"}));
  EXPECT_EQ(disk.real_path("d/./e/../a"), "/d/a");
}

TEST(SimulatedDisk, MappingAndOpenFileOutliveTheName) {
  SimulatedDisk disk = disk_with(filled(3, 'a'));
  const auto file = disk.open("/s", OpenMode::kRead);
  const auto mapping = file->map(3);
  disk.remove("/s");
  disk.sync_directory("/s");
  EXPECT_TRUE(std::ranges::equal(mapping->bytes(), filled(3, 'a')));
  EXPECT_EQ(file->size_bytes(), 3U);
}

TEST(SimulatedDisk, KeepsWhatWasSyncedWhateverTheCrash) {
  std::mt19937_64 random(random_seed());
  for (int round = 0; round < 200; ++round) {
    SimulatedDisk disk;
    const auto file = disk.open("/s", OpenMode::kCreateNew);
    disk.sync_directory("/s");
    Bytes expected;
    for (int write = 0; write < 5; ++write) {
      const Bytes bytes = random_bytes(random() % 2000, random);
      file->write_at(expected.size(), bytes);
      expected = joined(expected, bytes);
    }
    file->sync_data();
    // Appended and lost: nothing before it may suffer, also not in its first sector.
    file->write_at(expected.size(), random_bytes(1 + random() % 2000, random));
    const Bytes after = disk.crashed(random).contents("/s");
    ASSERT_GE(after.size(), expected.size());
    ASSERT_TRUE(std::equal(expected.begin(), expected.end(), after.begin()));
  }
}

TEST(SimulatedDisk, IsAsSeenIfACrashKeepsAll) {
  std::mt19937_64 random(random_seed());
  for (int round = 0; round < 200; ++round) {
    SimulatedDisk disk = disk_with(random_bytes(random() % 3000, random));
    const auto file = disk.open("/s", OpenMode::kReadWrite);
    for (int step = 0; step < 12; ++step) {
      switch (random() % 5) {
        case 0:
          file->truncate(random() % 4000);
          break;
        case 1:
          file->sync_data();
          break;
        case 2:
          disk.fail({.kind = DiskCall::kSync});
          EXPECT_THROW(file->sync_data(), Error);
          break;
        default:
          file->write_at(random() % 3000, random_bytes(random() % 1500, random));
      }
    }
    ASSERT_EQ(disk.crashed_with({}).contents("/s"), disk.contents("/s"));
    ASSERT_EQ(disk.killed().contents("/s"), disk.contents("/s"));
  }
}

TEST(SimulatedDisk, LosesAnySubsetOfUnsyncedSectors) {
  SimulatedDisk disk = disk_with(filled(3 * kSectorBytes, 'o'));
  disk.open("/s", OpenMode::kReadWrite)->write_at(0, filled(3 * kSectorBytes, 'n'));
  ASSERT_EQ(disk.sectors_in_flight(), 3U);
  std::set<std::string> states;
  for (std::uint64_t mask = 0; mask < 8; ++mask) {
    const Bytes after = disk.crashed_with_mask(mask).contents("/s");
    for (std::size_t i = 0; i < 3; ++i) {
      const char expected = ((mask >> i) & 1U) != 0 ? 'n' : 'o';
      EXPECT_EQ(after[i * kSectorBytes], static_cast<std::byte>(expected));
    }
    states.emplace(reinterpret_cast<const char*>(after.data()), after.size());
  }
  EXPECT_EQ(states.size(), 8U);
}

TEST(SimulatedDisk, EveryCrashTriesAllMasksFatesSizesAndNames) {
  SimulatedDisk disk = disk_with(filled(kSectorBytes, 'o'));
  const auto file = disk.open("/s", OpenMode::kReadWrite);
  file->write_at(0, filled(2 * kSectorBytes, 'n'));
  disk.rename("/s", "/t");
  const std::vector<CrashChoice> choices = disk.every_crash();
  // Masks 0 to 2 with three fates, and mask 3 with one; three sizes; renamed or not.
  EXPECT_EQ(choices.size(), (3U * 3U + 1U) * 3U * 2U);
  std::set<std::size_t> sizes;
  std::set<std::byte> first_bytes;
  std::size_t renamed = 0;
  for (const CrashChoice& choice : choices) {
    SimulatedDisk after = disk.crashed_with(choice);
    const bool is_renamed = after.exists("/t");
    EXPECT_NE(is_renamed, after.exists("/s"));
    renamed += is_renamed ? 1U : 0U;
    const Bytes bytes = after.contents(is_renamed ? "/t" : "/s");
    sizes.insert(bytes.size());
    first_bytes.insert(bytes.at(0));
  }
  EXPECT_EQ(renamed * 2, choices.size());
  EXPECT_EQ(sizes, (std::set<std::size_t>{kSectorBytes, 2 * kSectorBytes}));
  EXPECT_EQ(first_bytes.size(), 4U);  // old, new, zero, garbage
}

TEST(SimulatedDisk, RandomCrashesReachEveryFateAndSize) {
  std::mt19937_64 random(random_seed());
  SimulatedDisk disk = disk_with(filled(kSectorBytes, 'o'));
  const auto file = disk.open("/s", OpenMode::kReadWrite);
  file->write_at(0, filled(kSectorBytes, 'e'));
  file->write_at(0, filled(4 * kSectorBytes, 'n'));
  std::map<std::string, int> seen;
  for (int round = 0; round < 2000; ++round) {
    const Bytes bytes = disk.crashed(random).contents("/s");
    const Bytes first(bytes.begin(), bytes.begin() + kSectorBytes);
    if (first == filled(kSectorBytes, 'o'))
      ++seen["old"];
    else if (first == filled(kSectorBytes, 'e'))
      ++seen["earlier"];
    else if (first == filled(kSectorBytes, 'n'))
      ++seen["new"];
    else if (first == filled(kSectorBytes, '\0'))
      ++seen["zero"];
    else if (first.front() == std::byte{'n'} && first.back() == std::byte{'o'})
      ++seen["torn"];
    else
      ++seen["garbage"];
    if (bytes.size() == kSectorBytes)
      ++seen["old size"];
    else if (bytes.size() == 4 * kSectorBytes)
      ++seen["new size"];
    else
      ++seen["size between"];
    if (bytes.size() == 4 * kSectorBytes && first == filled(kSectorBytes, 'o') &&
        bytes.back() == std::byte{'n'}) {
      ++seen["last kept, first lost"];
    }
  }
  for (const char* what : {"old", "earlier", "new", "zero", "torn", "garbage", "old size",
                           "new size", "size between", "last kept, first lost"}) {
    EXPECT_GT(seen[what], 0) << what;
  }
}

TEST(SimulatedDisk, IsTheSameForTheSameSeed) {
  SimulatedDisk disk = disk_with(filled(5 * kSectorBytes, 'o'));
  disk.open("/s", OpenMode::kReadWrite)->write_at(100, filled(4 * kSectorBytes, 'n'));
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    std::mt19937_64 one(seed);
    std::mt19937_64 other(seed);
    EXPECT_EQ(disk.crashed(one).contents("/s"), disk.crashed(other).contents("/s"));
  }
}

TEST(SimulatedDisk, RewritingDurableBytesWithTheSameValueRisksNothing) {
  std::mt19937_64 random(random_seed());
  SimulatedDisk disk = disk_with(filled(1000, 'o'));
  disk.open("/s", OpenMode::kReadWrite)->write_at(0, filled(1000, 'o'));
  EXPECT_EQ(disk.sectors_in_flight(), 0U);
  EXPECT_EQ(disk.crashed(random).contents("/s"), filled(1000, 'o'));
}

TEST(SimulatedDisk, CutThatWasNotSyncedMayComeBack) {
  SimulatedDisk disk = disk_with(filled(2 * kSectorBytes, 'o'));
  const auto file = disk.open("/s", OpenMode::kReadWrite);
  file->truncate(10);
  const SimulatedDisk back = disk.crashed_with(
      {.keep_mask = 0, .lost_sectors = LostSector::kOld, .sizes = LostSize::kOld});
  EXPECT_EQ(back.contents("/s"), filled(2 * kSectorBytes, 'o'));
  EXPECT_EQ(disk.crashed_with({}).contents("/s"), filled(10, 'o'));
  file->sync_data();
  std::mt19937_64 random(random_seed());
  EXPECT_EQ(disk.crashed(random).contents("/s"), filled(10, 'o'));
}

TEST(SimulatedDisk, FailedSyncIsNotMadeGoodByTheNext) {
  SimulatedDisk disk = disk_with(filled(kSectorBytes, 'o'));
  const auto file = disk.open("/s", OpenMode::kReadWrite);
  file->write_at(0, filled(kSectorBytes, 'n'));
  disk.fail({.kind = DiskCall::kSync, .error = EIO});
  EXPECT_EQ(code_of([&] { file->sync_data(); }), ErrorCode::kIo);
  EXPECT_EQ(disk.contents("/s"), filled(kSectorBytes, 'n'));
  file->sync_data();
  EXPECT_EQ(disk.sectors_in_flight(), 1U);
  EXPECT_EQ(disk.crashed_with_mask(0).contents("/s"), filled(kSectorBytes, 'o'));
  EXPECT_EQ(disk.crashed_with_mask(1).contents("/s"), filled(kSectorBytes, 'n'));
}

TEST(SimulatedDisk, RewritingAfterAFailedSyncMakesTheNextOneGood) {
  std::mt19937_64 random(random_seed());
  SimulatedDisk disk = disk_with(filled(kSectorBytes, 'o'));
  const auto file = disk.open("/s", OpenMode::kReadWrite);
  file->write_at(0, filled(kSectorBytes, 'n'));
  disk.fail({.kind = DiskCall::kSync});
  EXPECT_THROW(file->sync_data(), Error);
  // As the next process does it, which sees the same page cache.
  SimulatedDisk next = disk.killed();
  const auto again = next.open("/s", OpenMode::kReadWrite);
  again->write_at(0, filled(kSectorBytes, 'n'));
  again->sync_data();
  EXPECT_EQ(next.crashed(random).contents("/s"), filled(kSectorBytes, 'n'));
  EXPECT_EQ(disk.sectors_in_flight(), 1U);
}

TEST(SimulatedDisk, SyncOfAFileDoesNotSyncItsName) {
  SimulatedDisk disk;
  const auto file = disk.open("/d/s", OpenMode::kCreateNew);
  file->write_at(0, filled(10, 'n'));
  file->sync_data();
  EXPECT_EQ(disk.directory_operations_in_flight(), 1U);
  EXPECT_FALSE(disk.crashed_with({.directory_operations = 0}).exists("/d/s"));
  EXPECT_EQ(disk.crashed_with({.directory_operations = 1}).contents("/d/s"), filled(10, 'n'));
  disk.sync_directory("/d/s");
  EXPECT_EQ(disk.crashed_with({.directory_operations = 0}).contents("/d/s"), filled(10, 'n'));
}

TEST(SimulatedDisk, LosesRenamesAndRemovalsInTheirOrder) {
  SimulatedDisk disk;
  disk.put("/old", filled(1, 'o'));
  disk.put("/new", filled(1, 'n'));
  disk.rename("/old", "/backup");
  disk.rename("/new", "/old");
  disk.remove("/backup");
  using Names = std::vector<std::string>;
  const auto names_after = [&](std::size_t done) {
    return disk.crashed_with({.directory_operations = done}).list("/");
  };
  EXPECT_EQ(names_after(0), (Names{"new", "old"}));
  EXPECT_EQ(names_after(1), (Names{"backup", "new"}));
  EXPECT_EQ(names_after(2), (Names{"backup", "old"}));
  EXPECT_EQ(names_after(3), (Names{"old"}));
  EXPECT_EQ(disk.crashed_with({.directory_operations = 0}).contents("/old"), filled(1, 'o'));
  EXPECT_EQ(disk.crashed_with({.directory_operations = 2}).contents("/old"), filled(1, 'n'));
  EXPECT_EQ(disk.crashed_with({.directory_operations = 2}).contents("/backup"), filled(1, 'o'));
}

TEST(SimulatedDisk, AnExchangeHappensWholeOrNotAtAll) {
  SimulatedDisk disk;
  disk.put("/old", filled(1, 'o'));
  disk.put("/new", filled(1, 'n'));
  disk.exchange("/old", "/new");
  EXPECT_EQ(disk.contents("/old"), filled(1, 'n'));
  for (const std::size_t done : {0U, 1U}) {
    const SimulatedDisk after = disk.crashed_with({.directory_operations = done});
    EXPECT_EQ(after.contents("/old"), filled(1, done == 0 ? 'o' : 'n'));
    EXPECT_EQ(after.contents("/new"), filled(1, done == 0 ? 'n' : 'o'));
  }
  EXPECT_EQ(code_of([&] { disk.exchange("/old", "/no"); }), ErrorCode::kNotFound);
}

TEST(SimulatedDisk, SyncOfOneDirectoryTakesAlongWhatItBuildsOnAndNothingElse) {
  SimulatedDisk disk;
  (void)disk.open("/a/x", OpenMode::kCreateNew);
  (void)disk.open("/c/y", OpenMode::kCreateNew);
  disk.rename("/a/x", "/b/x");
  disk.sync_directory("/b/x");
  SimulatedDisk after = disk.crashed_with({.directory_operations = 0});
  EXPECT_FALSE(after.exists("/a/x"));
  EXPECT_TRUE(after.exists("/b/x"));
  EXPECT_FALSE(after.exists("/c/y"));
}

TEST(SimulatedDisk, CrashesAfterTheNthOperationAndStaysDown) {
  SimulatedDisk disk;
  disk.crash_after(3);
  const auto file = disk.open("/s", OpenMode::kCreateNew);
  file->write_at(0, filled(1, 'a'));
  file->sync_data();
  EXPECT_EQ(disk.operations(), 3U);
  Bytes read(1);
  EXPECT_EQ(file->read_at(0, read), 1U);  // reads are no operations
  EXPECT_THROW(file->write_at(1, filled(1, 'b')), CrashNow);
  EXPECT_TRUE(disk.has_crashed());
  EXPECT_THROW((void)file->read_at(0, read), CrashNow);
  EXPECT_THROW((void)disk.exists("/s"), CrashNow);
  EXPECT_THROW(disk.remove("/s"), CrashNow);
  EXPECT_EQ(disk.operations(), 3U);
  EXPECT_EQ(disk.contents("/s"), filled(1, 'a'));
  SimulatedDisk after = disk.crashed_with({});
  EXPECT_EQ(after.open("/s", OpenMode::kRead)->size_bytes(), 1U);
  EXPECT_EQ(after.operations(), 0U);
}

TEST(SimulatedDisk, RemembersItsOperations) {
  SimulatedDisk disk;
  const auto file = disk.open("/s", OpenMode::kCreateNew);
  file->write_at(7, filled(3, 'a'));
  (void)file->size_bytes();
  file->sync_data();
  const std::vector<DiskOperation> history = disk.history();
  ASSERT_EQ(history.size(), 3U);
  EXPECT_EQ(history[0].kind, DiskCall::kCreate);
  EXPECT_EQ(history[1].kind, DiskCall::kWrite);
  EXPECT_EQ(history[1].path, "/s");
  EXPECT_EQ(history[1].offset, 7U);
  EXPECT_EQ(history[1].size_bytes, 3U);
  EXPECT_EQ(history[2].kind, DiskCall::kSync);
  EXPECT_EQ(disk.calls(), 4U);
}

TEST(SimulatedDisk, FailsTheNthCallOnceWithTheErrorAsked) {
  SimulatedDisk disk = disk_with({});
  const auto file = disk.open("/s", OpenMode::kReadWrite);
  disk.fail({.kind = DiskCall::kWrite, .nth = 2, .error = ENOSPC});
  file->write_at(0, filled(10, 'a'));
  try {
    file->write_at(10, filled(10, 'b'));
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kIo);
    EXPECT_NE(error.message().find("No space left"), std::string::npos);
    EXPECT_EQ(error.file(), "/s");
    EXPECT_EQ(error.offset(), 15U);
  }
  EXPECT_EQ(disk.contents("/s"), joined(filled(10, 'a'), filled(5, 'b')));  // its first half
  file->write_at(10, filled(10, 'b'));
  EXPECT_EQ(disk.faults_met(), 1U);
}

TEST(SimulatedDisk, FailsFromTheNthCallOnUntilCleared) {
  SimulatedDisk disk = disk_with(filled(1, 'a'));
  disk.fail({.nth = 2, .error = EIO, .from_then_on = true});
  const auto file = disk.open("/s", OpenMode::kReadWrite);
  for (int round = 0; round < 3; ++round) EXPECT_THROW(file->truncate(0), Error);
  EXPECT_THROW((void)file->size_bytes(), Error);
  EXPECT_THROW((void)disk.lock("/s"), Error);
  EXPECT_THROW((void)disk.list("/"), Error);
  disk.clear_faults();
  EXPECT_EQ(file->size_bytes(), 1U);
  EXPECT_EQ(disk.faults_met(), 6U);
}

TEST(SimulatedDisk, FailedNameChangesAndDirectorySyncsDoNothing) {
  SimulatedDisk disk = disk_with({});
  for (const DiskCall kind : {DiskCall::kCreate, DiskCall::kRename, DiskCall::kRemove}) {
    disk.fail({.kind = kind});
  }
  EXPECT_THROW((void)disk.open("/new", OpenMode::kCreateNew), Error);
  EXPECT_THROW(disk.rename("/s", "/t"), Error);
  EXPECT_THROW(disk.remove("/s"), Error);
  EXPECT_EQ(disk.list("/"), (std::vector<std::string>{"s"}));
  disk.rename("/s", "/t");
  disk.fail({.kind = DiskCall::kSyncDirectory});
  EXPECT_THROW(disk.sync_directory("/t"), Error);
  EXPECT_EQ(disk.directory_operations_in_flight(), 1U);
}

TEST(SimulatedDisk, LockExcludesUntilReleasedKilledOrCrashed) {
  SimulatedDisk disk = disk_with({});
  auto lock = disk.lock("/s");
  EXPECT_TRUE(disk.exists("/s.lock"));
  try {
    (void)disk.lock("/s");
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kLocked);
    EXPECT_EQ(io::lock_holder(error), ::getpid());
  }
  EXPECT_NE(disk.killed().lock("/s"), nullptr);
  EXPECT_NE(disk.crashed_with({}).lock("/s"), nullptr);
  lock.reset();
  EXPECT_NE(disk.lock("/s"), nullptr);
}

TEST(SimulatedDisk, CopyGoesItsOwnWay) {
  SimulatedDisk disk = disk_with(filled(1, 'a'));
  const auto file = disk.open("/s", OpenMode::kReadWrite);
  disk.fail({.kind = DiskCall::kWrite});
  SimulatedDisk fork = disk;
  EXPECT_THROW(file->write_at(0, filled(2, 'b')), Error);
  EXPECT_EQ(fork.contents("/s"), filled(1, 'a'));
  EXPECT_THROW(fork.open("/s", OpenMode::kReadWrite)->write_at(0, {}), Error);
  EXPECT_EQ(disk.contents("/s"), filled(1, 'b'));
  const SimulatedDisk moved = std::move(fork);
  EXPECT_EQ(moved.contents("/s"), filled(1, 'a'));
}

TEST(SimulatedDisk, TooManySectorsForEveryCrashIsSaid) {
  SimulatedDisk disk = disk_with({});
  disk.open("/s", OpenMode::kReadWrite)->write_at(0, filled(17 * kSectorBytes, 'n'));
  EXPECT_THROW((void)disk.every_crash(), std::length_error);
}

TEST(SimulatedDisk, ServesSeveralThreads) {
  SimulatedDisk disk = disk_with({});
  std::vector<std::thread> threads;
  for (std::uint64_t i = 0; i < 4; ++i) {
    threads.emplace_back([&disk, i] {
      const auto file = disk.open("/s", OpenMode::kReadWrite);
      for (std::uint64_t j = 0; j < 50; ++j) file->write_at((i * 50 + j) * 10, filled(10, 'x'));
      file->sync_data();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(disk.contents("/s"), filled(2000, 'x'));
  EXPECT_EQ(disk.operations(), 204U);
  EXPECT_EQ(disk.sectors_in_flight(), 0U);
}

}  // namespace
}  // namespace session::test
