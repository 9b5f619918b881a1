// What a verdict promises, over random damage: clean and torn-tail mean that everything can be read
// and is what it was; what cannot be read is never called so.

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>

#include "session/compact.h"
#include "tests/lib/operations/verify_support.h"
#include "tests/support/compressed_copy.h"
#include "tests/support/seed.h"
#include "tests/support/session_state.h"

namespace session::test {
namespace {

using States = std::map<std::uint64_t, SessionState>;

FileBytes rich_session() {
  return file_with([](Writer& writer) {
    for (int round = 0; round < 4; ++round) {
      auto change = writer.begin();
      for (std::uint64_t i = 0; i < 9; ++i) {
        const std::uint64_t n = i + 5 * static_cast<std::uint64_t>(round);
        put_task(change, numbered("t", n),
                 {.title = "task " + std::to_string(n) + " of round " + std::to_string(round),
                  .parent = n < 3 ? "" : numbered("t", n / 4)});
      }
      put_message(change, numbered("m", static_cast<std::uint64_t>(round)),
                  std::string(4100 + static_cast<std::size_t>(round), 'm'));
      if (round == 2) {
        CheckpointOptions checkpoint;
        checkpoint.description = "the second round";
        (void)change.checkpoint(checkpoint);
      } else {
        (void)change.commit(round == 1 ? relaxed() : round == 3 ? CommitOptions{} : folded());
      }
    }
  });
}

// Messages saved one by one and folded, compacted: deltas that lean on leaves and on each other.
FileBytes kept_session() {
  SimulatedDisk disk;
  disk.put(kDiskPath, file_with([](Writer& writer) {
             for (std::uint64_t i = 0; i < 24; ++i) {
               auto change = writer.begin();
               put_message(change, numbered("m", i), "the message with number " + numbered("", i));
               put_task(change, numbered("t", i % 4), {.title = "at " + numbered("", i)});
               if (i % 7 == 0) put_value(change, numbered("v", i), std::string(4200, 'v'));
               (void)change.commit(i % 8 == 7 ? folded() : relaxed());
             }
           }));
  CompactOptions options;
  options.files = &disk;
  (void)compact(kDiskPath, options);
  return disk.contents(kDiskPath);
}

// Every revision, whole; nothing if one of them cannot be read, or the file shows an older head.
std::optional<States> read_everything(SimulatedDisk& disk) {
  try {
    States states;
    const Reader reader = read_on(disk, kDiskPath, ReadMode::kCopy);
    std::vector<std::uint64_t> revisions;
    reader.head().history([&](const RevisionInfo& info) {
      revisions.push_back(info.revision);
      return true;
    });
    for (const std::uint64_t revision : revisions) {
      const Snapshot snapshot = reader.at(revision);
      (void)snapshot.fingerprint();
      states.emplace(revision, state_of(snapshot));
      const std::string wrong = contradiction_in(snapshot);
      EXPECT_EQ(wrong, "");
    }
    return states;
  } catch (const Error&) {
    return std::nullopt;
  }
}

bool is_readable(Verdict verdict) {
  return verdict == Verdict::kClean || verdict == Verdict::kTornTail;
}

// A prefix of the history: what a file with a torn tail may show.
bool is_prefix(const States& part, const States& whole) {
  return !part.empty() && std::all_of(part.begin(), part.end(), [&](const auto& entry) {
    const auto found = whole.find(entry.first);
    return found != whole.end() && found->second == entry.second;
  });
}

void expect_true_verdicts(const FileBytes& whole) {
  std::mt19937_64 random(random_seed());
  SimulatedDisk disk;
  disk.put(kDiskPath, whole);
  const auto expected = read_everything(disk);
  ASSERT_TRUE(expected);
  ASSERT_EQ(verify_bytes(whole, VerifyLevel::kFull).report.verdict, Verdict::kClean);
  int readable = 0;
  int lossy = 0;
  for (int run = 0; run < 400; ++run) {
    FileBytes file = whole;
    std::string deeds;
    for (std::uint64_t i = 0; i <= random() % 3; ++i) {
      deeds += damage_at_random(file, 2048, random) + "; ";
      if (file.empty()) break;
    }
    disk.put(kDiskPath, file);
    Verified verified;
    try {
      verified = verify_on(disk);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kNotASession) << deeds << error.what();
      EXPECT_FALSE(read_everything(disk)) << deeds;
      continue;
    }
    const auto found = read_everything(disk);
    const std::string context = deeds + verified.text();
    if (is_readable(verified.report.verdict)) {
      ASSERT_TRUE(found) << context;
      ASSERT_TRUE(is_prefix(*found, *expected)) << context;
      ++readable;
      if (file != whole && verified.report.verdict == Verdict::kClean) {
        // Only what was cut off exactly behind a commit, or zeroed up to there, leaves no trace.
        ASSERT_TRUE(verified.has(FindingCode::kNotClosed)) << context;
      }
    }
    if (!found) {
      ASSERT_FALSE(is_readable(verified.report.verdict)) << context;
    }
    lossy += verified.report.verdict >= Verdict::kLossy ? 1 : 0;
  }
  EXPECT_GT(lossy, 50);
  EXPECT_GT(readable, 0);
}

TEST(VerifyProperty, AVerdictIsWhatAReaderFinds) {
  expect_true_verdicts(rich_session());
}

TEST(VerifyProperty, AVerdictIsWhatAReaderFindsOfDeltasWithAPrefix) {
  expect_true_verdicts(kept_session());
}

TEST(VerifyProperty, TheLevelsAgreeOnWhatIsDamaged) {
  const std::uint64_t seed = random_seed();
  std::mt19937_64 random(seed);
  const FileBytes sessions[] = {rich_session(), kept_session()};
  for (int run = 0; run < 100; ++run) {
    FileBytes file = sessions[run % 2];
    flip_bit(file, random() % (file.size() * 8));
    const Verified some = verify_bytes(file);
    const Verified all = verify_bytes(file, VerifyLevel::kFull);
    EXPECT_EQ(some.report.verdict, all.report.verdict) << some.text() << "\n" << all.text();
    SimulatedDisk disk;
    disk.put(kDiskPath, file);
    VerifyOptions parallel;
    parallel.files = &disk;
    parallel.jobs = 3;
    EXPECT_EQ(verify(kDiskPath, parallel).verdict, some.report.verdict);
  }
}

TEST(VerifyProperty, CompressedPagesAreCheckedAsWell) {
  const FileBytes whole = small_snapshot(60);
  SimulatedDisk disk;
  disk.put(kDiskPath, whole);
  const std::vector<std::byte> packed = compressed_copy(whole, read_on(disk).head().info().offset);
  const Verified before = verify_bytes(packed, VerifyLevel::kFull);
  for (std::size_t at = 0; at < packed.size(); at += 13) {
    FileBytes file = packed;
    flip_bit(file, at * 8 + at % 8);
    const Verified verified = verify_bytes(file);
    ASSERT_NE(verified.report.verdict, Verdict::kClean) << at;
  }
  EXPECT_FALSE(before.has(FindingCode::kPayloadHash)) << before.text();
}

}  // namespace
}  // namespace session::test
