// Memory runs out at any allocation, once or for good: the caller hears of it by an exception,
// nothing acknowledged is lost, nothing stays locked, and once there is memory again all goes on.

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <functional>
#include <new>
#include <sstream>

#include "session/compact.h"
#include "session/convert.h"
#include "session/diff.h"
#include "session/protect.h"
#include "session/reader.h"
#include "session/repair.h"
#include "session/verify.h"
#include "tests/memory/failing_new.h"
#include "tests/support/damage.h"
#include "tests/support/file_bytes.h"
#include "tests/support/random_record.h"
#include "tests/support/records.h"
#include "tests/support/temp_dir.h"

namespace session::test {
namespace {

namespace fs = std::filesystem;

// Syncing costs nothing there, and thousands of files are made.
class MemoryDisk : public ::testing::Environment {
 public:
  void SetUp() override {
    if (fs::is_directory("/dev/shm")) ::setenv("TMPDIR", "/dev/shm", 1);
  }
};
const auto* const kMemoryDisk = ::testing::AddGlobalTestEnvironment(new MemoryDisk);

constexpr std::uint64_t kEndless = 200'000;

// Runs `work` with the n-th allocation failing, n = 1, 2, ... until it runs whole; `after` looks at
// what is left each time. Returns how many allocations it takes.
std::uint64_t at_each_allocation(bool from_then_on, std::uint64_t step,
                                 const std::function<void()>& before,
                                 const std::function<void()>& work,
                                 const std::function<void(bool finished)>& after) {
  for (std::uint64_t n = 1; n < kEndless; n += step) {
    before();
    bool finished = false;
    std::string words;
    try {
      const FailingNew failing(n, from_then_on);
      work();
      finished = true;
    } catch (const std::bad_alloc&) {
    } catch (const Error& error) {
      words = error.what();
    }
    const std::uint64_t failures = FailingNew::failures();
    SCOPED_TRACE("allocation " + std::to_string(n) + (from_then_on ? " and all after it" : ""));
    after(finished);
    if (::testing::Test::HasFailure()) return n;
    if (failures == 0) {
      EXPECT_TRUE(finished) << "it failed with all the memory it wanted: " << words;
      return n;
    }
  }
  ADD_FAILURE() << "it allocates without end";
  return kEndless;
}

void put_some(Transaction& change, int i) {
  put_value(change, numbered("n/", static_cast<std::uint64_t>(i)), std::string(40, 'x'));
  put_task(change, numbered("t-", static_cast<std::uint64_t>(i)), {.title = "a task", .rank = i});
}

class OutOfMemory : public ::testing::TestWithParam<bool> {
 protected:
  [[nodiscard]] std::string path() const { return dir_.file("work.session"); }
  // Six revisions, one of them a checkpoint, and a blob; protected.
  void make_session() const {
    Writer writer = Writer::create(path());
    for (int i = 0; i < 4; ++i) {
      auto change = writer.begin();
      put_some(change, i);
      if (i == 2) put_value(change, "large", std::string(9'000, 'y'));
      change.commit();
    }
    CheckpointOptions checkpoint;
    checkpoint.description = "here";
    (void)writer.checkpoint(checkpoint);
    writer.close();
    (void)protect(path(), {});
  }
  void forget() const {
    for (const auto& entry : fs::directory_iterator(dir_.path())) fs::remove(entry);
  }
  void expect_sound_and_writable() const {
    const VerifyReport report = verify(path(), {});
    EXPECT_TRUE(report.verdict == Verdict::kClean || report.verdict == Verdict::kTornTail)
        << verdict_name(report.verdict);
    Writer writer = Writer::open(path());  // nobody holds it
    auto change = writer.begin();
    put_value(change, "later", "later");
    change.commit();
    writer.close();
  }

  TempDir dir_;
};

TEST_P(OutOfMemory, LosesNoCommitThatWasAcknowledged) {
  int acknowledged = 0;
  const auto work = [&] {
    Writer writer = Writer::create(path());
    CommitOptions relaxed;
    relaxed.durability = Durability::kRelaxed;
    for (int i = 0; i < 4; ++i) {
      auto change = writer.begin();
      put_some(change, i);
      change.commit(i == 2 ? relaxed : CommitOptions());
      ++acknowledged;
    }
    CheckpointOptions checkpoint;
    checkpoint.description = "here";
    (void)writer.checkpoint(checkpoint);
    writer.close();
  };
  const auto after = [&](bool) {
    if (acknowledged == 0 && !fs::exists(path())) return;
    {
      const Reader reader = Reader::open(path());
      const Snapshot head = reader.head();
      for (int i = 0; i < acknowledged; ++i) {
        EXPECT_TRUE(
            head.get<schema::Value>(numbered("n/", static_cast<std::uint64_t>(i))).has_value())
            << "commit " << i;
      }
    }
    expect_sound_and_writable();
  };
  const auto before = [&] {
    forget();
    acknowledged = 0;
  };
  const std::uint64_t n = at_each_allocation(GetParam(), GetParam() ? 7 : 1, before, work, after);
  std::cout << n << " allocations\n";
}

TEST_P(OutOfMemory, AWriterGoesOnOrSaysThatItCannot) {
  std::optional<Writer> writer;
  int acknowledged = 0;
  const auto before = [&] {
    writer.reset();
    forget();
    writer = Writer::create(path());
    acknowledged = 0;
  };
  const auto work = [&] {
    for (int i = 0; i < 3; ++i) {
      auto change = writer->begin();
      put_some(change, i);
      change.commit();
      ++acknowledged;
    }
  };
  const auto after = [&](bool) {
    const int known = acknowledged;
    try {
      auto change = writer->begin();
      put_value(change, "more", "more");
      change.commit();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kPoisoned) << error.what();
    }
    writer.reset();
    {
      const Snapshot head = Reader::open(path()).head();
      EXPECT_GE(head.count(Table::kTasks), static_cast<std::uint64_t>(known));
    }
    expect_sound_and_writable();
  };
  (void)at_each_allocation(GetParam(), GetParam() ? 7 : 1, before, work, after);
}

TEST_P(OutOfMemory, AReaderGivesARightAnswerOrNone) {
  make_session();
  const Digest fingerprint = Reader::open(path()).head().fingerprint();
  std::string exported;
  const auto write_export = [&](std::ostream& out) {
    (void)export_session(Reader::open(path()).head(), SourceFormat::kJson, out);
  };
  {
    std::ostringstream out;
    write_export(out);
    exported = out.str();
  }
  Digest found{};
  std::uint64_t revisions = 0;
  std::string said;
  const auto work = [&] {
    const Reader reader = Reader::open(path());
    const Snapshot head = reader.head();
    found = head.fingerprint();
    head.history([&](const RevisionInfo& info) {
      revisions += reader.at(info.revision).count(Table::kValues) != 0 ? 1 : 0;
      return true;
    });
    std::ostringstream out;
    write_export(out);
    said = out.str();
  };
  const auto after = [&](bool finished) {
    if (!finished) return;
    EXPECT_EQ(found, fingerprint);
    EXPECT_EQ(said, exported);
    EXPECT_NE(revisions, 0U);
  };
  (void)at_each_allocation(
      GetParam(), GetParam() ? 5 : 1, [] {}, work, after);
  expect_sound_and_writable();
}

TEST_P(OutOfMemory, VerifyNeverCallsASoundFileDamaged) {
  make_session();
  VerifyOptions options;
  options.level = VerifyLevel::kFull;
  options.jobs = 2;
  VerifyReport report;
  (void)at_each_allocation(
      GetParam(), GetParam() ? 5 : 1, [] {}, [&] { report = verify(path(), options); },
      [&](bool finished) {
        if (finished) {
          EXPECT_EQ(report.verdict, Verdict::kClean);
        }
      });
}

TEST_P(OutOfMemory, OnManyThreadsVerifyEndsInOrder) {
  {
    Writer writer = Writer::create(path());
    for (std::uint64_t i = 0; i < 3; ++i) {  // more than one thread takes at a time
      auto change = writer.begin();
      put_value(change, numbered("n/", i), RandomRecord(i).text(std::size_t{12} << 20));
      change.commit();
    }
    writer.close();
  }
  ASSERT_GT(fs::file_size(path()), std::size_t{17} << 20);
  VerifyOptions options;
  options.jobs = 3;
  VerifyReport report;
  (void)at_each_allocation(
      GetParam(), 13, [] {}, [&] { report = verify(path(), options); },
      [&](bool finished) {
        if (finished) {
          EXPECT_EQ(report.verdict, Verdict::kClean);
        }
      });
}

TEST_P(OutOfMemory, CompactLeavesTheOneFileOrTheOther) {
  const auto before = [&] {
    forget();
    make_session();
  };
  CompactOptions options;
  options.retention.keep_last = 1;
  const auto after = [&](bool) { expect_sound_and_writable(); };
  (void)at_each_allocation(
      GetParam(), 11, before, [&] { (void)compact(path(), options); }, after);
}

TEST_P(OutOfMemory, RepairLeavesTheOneFileOrTheOther) {
  make_session();
  FileBytes damaged = bytes_of(path());
  const FileBytes whole = damaged;
  flip_bit(damaged, damaged.size() * 4);
  const auto before = [&] {
    forget();
    put_bytes(path(), damaged);
  };
  const auto after = [&](bool finished) {
    const FileBytes now = bytes_of(path());
    EXPECT_TRUE(now == whole || (!finished && now == damaged));
  };
  (void)at_each_allocation(
      GetParam(), 7, before, [&] { (void)repair(path(), {}); }, after);
}

TEST_P(OutOfMemory, DiffSaysWhatDiffersOrNothing) {
  make_session();
  DiffSummary summary;
  const auto work = [&] {
    const Reader reader = Reader::open(path());
    summary = each_change(
        reader.at(2), reader.head(), [](const RecordChange&) { return true; }, DiffOptions());
  };
  (void)at_each_allocation(
      GetParam(), GetParam() ? 5 : 1, [] {}, work,
      [&](bool finished) {
        if (finished) {
          EXPECT_EQ(summary[slot(Table::kTasks)].added, 3U);
        }
      });
}

INSTANTIATE_TEST_SUITE_P(OnceOrForGood, OutOfMemory, ::testing::Bool(),
                         [](const auto& param) { return param.param ? "ForGood" : "Once"; });

}  // namespace
}  // namespace session::test
