// Following a writer: what wait_for_change() reports, and what it never shows (G9).

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "format/frame.h"
#include "lib/operations/rewrite.h"
#include "lib/store/head.h"
#include "tests/support/child_process.h"
#include "tests/support/disk_session.h"
#include "tests/support/faulty_reads.h"
#include "tests/support/records.h"
#include "tests/support/temp_dir.h"

namespace session::test {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using Line = ChildProcess::Line;

// Long enough for any machine, and over at once when all is well.
constexpr auto kLong = 60s;
// For what must not be reported.
constexpr auto kShort = 60ms;

constexpr std::uint64_t kSum = 1'000'000;

std::string value_in(const Snapshot& snapshot, std::string_view key) {
  const auto value = snapshot.get<schema::Value>(key);
  return value ? text((*value)->getText()) : "";
}

// A revision whose two accounts have the same sum as ever, and which says its number.
std::uint64_t commit_next(Writer& writer, const CommitOptions& options = {}) {
  const std::uint64_t next = writer.head().revision() + 1;
  const std::uint64_t left = next * 7919 % kSum;
  auto change = writer.begin();
  put_value(change, "account/left", std::to_string(left));
  put_task(change, numbered("t", next % 40), {.title = std::to_string(next), .parent = "p"});
  put_message(change, "number", std::to_string(next));
  put_value(change, "account/right", std::to_string(kSum - left));
  return change.commit(options).revision;
}

// Nothing if it is a whole revision made by commit_next().
std::string wrong_in(const Snapshot& head) {
  if (head.revision() == 1) return {};
  const auto number = head.get<schema::Message>("number");
  if (!number || text((*number)->getText()) != std::to_string(head.revision())) {
    return "another revision than it says";
  }
  const std::uint64_t left = std::stoull("0" + value_in(head, "account/left"));
  const std::uint64_t right = std::stoull("0" + value_in(head, "account/right"));
  if (left + right != kSum) return "half a revision";
  if (head.children("p").size() != head.count(Table::kTasks)) return "children are missing";
  return {};
}

// The file with only those revisions that `keeps` likes, put in its place by rename.
template <class Keeps>
void rewrite(const std::string& path, const Keeps& keeps) {
  const Reader old = Reader::open(path);
  operations::RewriteOptions options;
  options.header =
      store::read_file_header(*io::system_files().open(path, io::OpenMode::kRead), path);
  operations::Rewriter rewriter(path + ".new", options);
  old.head().history_after(0, [&](const RevisionInfo& revision) {
    if (keeps(revision.revision)) rewriter.add(old.at(revision.revision));
    return true;
  });
  rewriter.finish();
  fs::rename(path + ".new", path);
}

std::string bytes_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

void put(const std::string& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

// Told by the system, and looking by itself.
class WaitForChange : public ::testing::TestWithParam<bool> {
 protected:
  [[nodiscard]] Reader reader(ReadMode mode = ReadMode::kCopy) const {
    ReaderOptions options;
    options.mode = mode;
    options.poll = GetParam();
    return Reader::open(path_, options);
  }

  TempDir dir_;
  std::string path_ = dir_.file("work.session");
};

INSTANTIATE_TEST_SUITE_P(Both, WaitForChange, ::testing::Values(false, true),
                         [](const auto& param) { return param.param ? "Polling" : "Told"; });

TEST_P(WaitForChange, ACommitOfAnotherProcessIsSeen) {
  Writer::create(path_).close();
  ChildProcess child([&](const Line& line) {
    Writer writer = Writer::open(path_);
    line.say(0);
    while (line.hear()) line.say(commit_next(writer, relaxed()));
    return 0;
  });
  ASSERT_TRUE(child.line().hear());
  Reader follower = reader();
  EXPECT_EQ(follower.wait_for_change(kShort), HeadChange::kNone);
  for (std::uint64_t revision = 2; revision < 6; ++revision) {
    child.line().say(1);
    ASSERT_EQ(follower.wait_for_change(kLong), HeadChange::kNewer);
    EXPECT_EQ(follower.head().revision(), revision);
    EXPECT_EQ(wrong_in(follower.head()), "");
    ASSERT_EQ(child.line().hear(), revision);
  }
  EXPECT_EQ(follower.wait_for_change(kShort), HeadChange::kNone);
}

TEST_P(WaitForChange, WhatHappenedBeforeIsReportedAtOnce) {
  Writer writer = Writer::create(path_);
  Reader follower = reader();
  (void)commit_next(writer);
  (void)commit_next(writer);
  EXPECT_EQ(follower.wait_for_change(0s), HeadChange::kNewer);
  EXPECT_EQ(follower.head().revision(), 3U);
  (void)commit_next(writer);
  EXPECT_TRUE(follower.refresh());
  EXPECT_EQ(follower.wait_for_change(kShort), HeadChange::kNone) << "refresh() showed it";
}

TEST_P(WaitForChange, WhatIsNoCommitIsNoChange) {
  Writer::create(path_).close();
  Reader follower = reader();
  EXPECT_EQ(follower.wait_for_change(0s), HeadChange::kNone);
  Writer writer = Writer::open(path_);  // a lock, a reserve
  {
    auto rolled_back = writer.begin();
    put_value(rolled_back, "test/x", "y");
  }
  EXPECT_EQ(follower.wait_for_change(kShort), HeadChange::kNone);
  writer.close();  // a seal
  EXPECT_EQ(follower.wait_for_change(kShort), HeadChange::kNone);
  std::ofstream(path_, std::ios::binary | std::ios::app) << std::string(300, '\x07');
  EXPECT_EQ(follower.wait_for_change(kShort), HeadChange::kNone) << "a torn tail";
  Writer after = Writer::open(path_);
  (void)commit_next(after);
  EXPECT_EQ(follower.wait_for_change(kLong), HeadChange::kNewer);
}

TEST_P(WaitForChange, GoesOnInTheFileThatReplacesItsOwn) {
  {
    Writer writer = Writer::create(path_);
    while (writer.head().revision() < 30) (void)commit_next(writer, relaxed());
  }
  Reader follower = reader();
  EXPECT_EQ(follower.wait_for_change(0s), HeadChange::kNone);
  rewrite(path_, [](std::uint64_t revision) { return revision % 10 == 0; });
  EXPECT_EQ(follower.wait_for_change(kShort), HeadChange::kNone) << "the head is the same";
  Writer writer = Writer::open(path_);
  (void)commit_next(writer);
  ASSERT_EQ(follower.wait_for_change(kLong), HeadChange::kNewer);
  EXPECT_EQ(follower.head().revision(), 31U);
  std::vector<std::uint64_t> after;
  follower.head().history_after(12, [&](const RevisionInfo& revision) {
    after.push_back(revision.revision);
    return true;
  });
  EXPECT_EQ(after, (std::vector<std::uint64_t>{20, 30, 31}));
}

// Nobody looked while it was rewritten, and its head is not among what was kept.
TEST_P(WaitForChange, GoesOnWhereItsOwnRevisionWasDropped) {
  Writer first = Writer::create(path_);
  while (first.head().revision() < 5) (void)commit_next(first);
  Reader follower = reader();
  while (first.head().revision() < 8) (void)commit_next(first);
  first.close();
  rewrite(path_, [](std::uint64_t revision) { return revision == 8; });
  EXPECT_EQ(follower.wait_for_change(kLong), HeadChange::kNewer);
  EXPECT_EQ(follower.head().revision(), 8U);
}

TEST_P(WaitForChange, AnEarlierStateIsReportedAsReplaced) {
  Writer writer = Writer::create(path_);
  (void)commit_next(writer);
  writer.flush();
  fs::copy_file(path_, dir_.file("backup"));
  (void)commit_next(writer);
  writer.close();
  Reader follower = reader();
  fs::rename(dir_.file("backup"), path_);
  EXPECT_EQ(follower.wait_for_change(kLong), HeadChange::kReplaced);
  EXPECT_EQ(follower.head().revision(), 2U);
  EXPECT_EQ(follower.wait_for_change(kShort), HeadChange::kNone) << "it is told once";
  Writer again = Writer::open(path_);
  (void)commit_next(again);
  EXPECT_EQ(follower.wait_for_change(kLong), HeadChange::kNewer);
}

// The backup has been worked on: its numbers are ahead, but they count other commits.
TEST_P(WaitForChange, AnotherBranchIsReportedAsReplaced) {
  {
    Writer writer = Writer::create(path_);
    (void)commit_next(writer);
  }
  fs::copy_file(path_, dir_.file("backup"));
  {
    Writer writer = Writer::open(path_);
    (void)commit_next(writer);
  }
  Reader follower = reader();
  {
    Writer writer = Writer::open(dir_.file("backup"));
    while (writer.head().revision() < 6) (void)commit_next(writer);
  }
  fs::rename(dir_.file("backup"), path_);
  EXPECT_EQ(follower.wait_for_change(kLong), HeadChange::kReplaced);
  EXPECT_EQ(follower.head().revision(), 6U);
}

TEST_P(WaitForChange, AnotherSessionIsReportedAsReplaced) {
  Writer::create(path_).close();
  Reader follower = reader();
  EXPECT_EQ(follower.wait_for_change(0s), HeadChange::kNone);
  CreateOptions options;
  options.overwrite = true;
  Writer writer = Writer::create(path_, options);
  while (writer.head().revision() < 4) (void)commit_next(writer);
  EXPECT_EQ(follower.wait_for_change(kLong), HeadChange::kReplaced);
  EXPECT_EQ(follower.info().session_id, reader().info().session_id);
}

TEST_P(WaitForChange, WaitsForAFileThatIsRemovedAndCopiedBackPieceByPiece) {
  {
    Writer writer = Writer::create(path_);
    while (writer.head().revision() < 10) (void)commit_next(writer);
  }
  Reader follower = reader();
  {
    Writer writer = Writer::open(path_);
    (void)commit_next(writer);
  }
  const std::string whole = bytes_of(path_);
  fs::remove(path_);
  ASSERT_EQ(follower.wait_for_change(kShort), HeadChange::kNewer) << "the removed file has it";
  EXPECT_EQ(follower.wait_for_change(kShort), HeadChange::kNone);
  for (const std::size_t size : {std::size_t{0}, std::size_t{20}, std::size_t{200}}) {
    put(path_, whole.substr(0, size));
    EXPECT_EQ(follower.wait_for_change(10ms), HeadChange::kNone);
    EXPECT_EQ(follower.head().revision(), 11U);
  }
  put(path_, whole);
  EXPECT_EQ(follower.wait_for_change(kShort), HeadChange::kNone);
  Writer writer = Writer::open(path_);
  (void)commit_next(writer);
  EXPECT_EQ(follower.wait_for_change(kLong), HeadChange::kNewer);
  EXPECT_EQ(follower.head().revision(), 12U);
}

TEST_P(WaitForChange, WhatStaysNoSessionIsAnErrorAndShowsWhatWasThere) {
  Writer::create(path_).close();
  Reader follower = reader();
  put(path_ + ".new",
      "not a session file, and long enough to have a header of one: " + std::string(200, '.'));
  fs::rename(path_ + ".new", path_);
  EXPECT_EQ(error_of([&] {
              while (follower.wait_for_change(kLong) == HeadChange::kNone) {
              }
            }),
            ErrorCode::kNotASession);
  EXPECT_EQ(follower.head().revision(), 1U);
  EXPECT_EQ(follower.head().count(Table::kTasks), 0U);
}

// The same file, and other bytes in it.
TEST_P(WaitForChange, ASessionCopiedIntoTheFileIsReportedAsReplaced) {
  Writer::create(path_).close();
  Reader follower = reader();
  EXPECT_EQ(follower.wait_for_change(0s), HeadChange::kNone);
  {
    Writer writer = Writer::create(dir_.file("other"));
    while (writer.head().revision() < 20) (void)commit_next(writer);
  }
  put(path_, bytes_of(dir_.file("other")));
  EXPECT_EQ(follower.wait_for_change(kLong), HeadChange::kReplaced);
  EXPECT_EQ(wrong_in(follower.head()), "");
}

TEST(WaitForChangeThreads, AStopEndsTheWait) {
  TempDir dir;
  Writer::create(dir.file("a")).close();
  for (const bool poll : {false, true}) {
    ReaderOptions options;
    options.poll = poll;
    Reader follower = Reader::open(dir.file("a"), options);
    std::jthread waiting([&](const std::stop_token& stop) {
      EXPECT_EQ(follower.wait_for_change(std::chrono::nanoseconds::max(), stop), HeadChange::kNone);
    });
    std::this_thread::sleep_for(10ms);
  }
}

TEST(WaitForChangeThreads, ReadersFollowAWriterOfTheirProcess) {
  TempDir dir;
  const std::string path = dir.file("work.session");
  constexpr std::uint64_t kLast = 300;
  Writer writer = Writer::create(path);
  std::vector<std::string> wrong(4);
  {
    std::vector<std::jthread> readers;
    for (std::size_t i = 0; i < wrong.size(); ++i) {
      readers.emplace_back([&, i] {
        ReaderOptions options;
        options.poll = i == 0;
        options.mode = i == 1 ? ReadMode::kCopy : ReadMode::kMapped;
        Reader follower = Reader::open(path, options);
        for (std::uint64_t last = 1; last < kLast && wrong[i].empty();) {
          if (follower.wait_for_change(kLong) != HeadChange::kNewer) wrong[i] = "not told";
          if (follower.head().revision() <= last) wrong[i] = "went back";
          last = follower.head().revision();
          if (wrong[i].empty()) wrong[i] = wrong_in(follower.head());
        }
      });
    }
    while (writer.head().revision() < kLast) {
      (void)commit_next(writer, writer.head().revision() % 50 == 0 ? folded() : relaxed());
    }
  }
  for (const std::string& one : wrong) EXPECT_EQ(one, "");
}

TEST(WaitForChangeOnASimulatedDisk, LooksByItself) {
  SimulatedDisk disk;
  Writer writer = create_on(disk);
  Reader follower = read_on(disk);
  EXPECT_EQ(follower.wait_for_change(kShort), HeadChange::kNone);
  (void)commit_next(writer);
  EXPECT_EQ(follower.wait_for_change(kLong), HeadChange::kNewer);
  EXPECT_EQ(wrong_in(follower.head()), "");
}

// Its commit was not all there when it was looked at, and when its seal was looked for it was.
TEST(WaitForChangeOnASimulatedDisk, ACommitThatIsBeingFinishedIsNoDamage) {
  const auto places = std::make_shared<BadPlaces>();
  FaultyReads disk(places);
  Writer writer = create_on(disk);
  Reader follower = read_on(disk);
  (void)commit_next(writer);
  const std::uint64_t in_payload = writer.head().info().offset + format::kFrameHeaderBytes;
  writer.close();
  // By the search for the end, by that for the last frame, by the one that reads the commit.
  for (const int reads : {1, 2, 3}) {
    places->wrong_reads = {{in_payload, reads}};
    EXPECT_EQ(read_on(disk).head().revision(), 2U) << reads;
  }
  places->wrong_reads = {{in_payload, 1'000}};
  EXPECT_EQ(error_of([&] { (void)read_on(disk); }), ErrorCode::kDamaged);
  EXPECT_EQ(follower.wait_for_change(kShort), HeadChange::kNone) << "it may pass";
  places->wrong_reads.clear();
  EXPECT_EQ(follower.wait_for_change(kLong), HeadChange::kNewer);
}

struct Followed {
  std::uint64_t heads = 0;      // it was shown
  std::uint64_t revisions = 0;  // it heard of, those in between included
};

// Until a revision says it is the last. Throws what is wrong.
Followed follow(Reader& follower) {
  Followed seen;
  std::uint64_t last = follower.head().revision();
  while (value_in(follower.head(), "test/end").empty()) {
    const HeadChange change = follower.wait_for_change(kLong);
    const Snapshot head = follower.head();
    if (change != HeadChange::kNewer) throw std::runtime_error("not told of a newer head");
    if (head.revision() <= last) throw std::runtime_error("went back");
    if (const std::string wrong = wrong_in(head); !wrong.empty()) throw std::runtime_error(wrong);
    head.history_after(last, [&](const RevisionInfo& revision) {
      if (revision.revision <= last) throw std::runtime_error("history out of order");
      last = revision.revision;
      ++seen.revisions;
      return true;
    });
    if (last != head.revision()) throw std::runtime_error("history ends before the head");
    ++seen.heads;
  }
  return seen;
}

// SESSIONTOOL_FOLLOW_SECONDS: for how long, else two seconds.
TEST(FollowProcesses, EightReadersSeeEveryStateWholeAndInOrderAtFullSpeed) {
  int seconds = 2;
  if (const char* given = std::getenv("SESSIONTOOL_FOLLOW_SECONDS")) seconds = std::atoi(given);
  TempDir dir;
  const std::string path = dir.file("work.session");
  Writer::create(path).close();
  std::vector<std::unique_ptr<ChildProcess>> readers;
  for (int i = 0; i < 8; ++i) {
    readers.push_back(std::make_unique<ChildProcess>([&, i](const Line& line) {
      ReaderOptions options;
      options.poll = i % 4 == 3;
      options.mode = i % 2 == 0 ? ReadMode::kMapped : ReadMode::kCopy;
      Reader reader = Reader::open(path, options);
      line.say(0);
      try {
        const Followed seen = follow(reader);
        line.say(seen.heads);
        line.say(seen.revisions);
        return 0;
      } catch (const std::exception& error) {
        std::cerr << "reader " << i << ": " << error.what() << '\n';
        return 1;
      }
    }));
    ASSERT_TRUE(readers.back()->line().hear());
  }
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  std::uint64_t replacements = 0;
  auto writer = std::make_unique<Writer>(Writer::open(path));
  while (std::chrono::steady_clock::now() < end || replacements < 2) {
    const std::uint64_t revision =
        commit_next(*writer, writer->head().revision() % 64 == 0 ? CommitOptions() : relaxed());
    if (revision % 1'500 != 0 && (revision % 300 != 0 || replacements >= 2)) continue;
    writer.reset();
    rewrite(path, [&](std::uint64_t one) { return one % 3 == 0 || one + 50 > revision; });
    writer = std::make_unique<Writer>(Writer::open(path));
    ++replacements;
  }
  const std::uint64_t last = writer->head().revision() + 1;
  auto change = writer->begin();
  put_value(change, "account/left", "0");
  put_value(change, "account/right", std::to_string(kSum));
  put_message(change, "number", std::to_string(last));
  put_value(change, "test/end", "yes");
  (void)change.commit();
  std::cout << last << " revisions, " << replacements << " replacements of the file\n";
  for (const auto& reader : readers) {
    const auto heads = reader->line().hear();
    const auto revisions = reader->line().hear();
    EXPECT_EQ(reader->wait(), 0);
    ASSERT_TRUE(heads && revisions);
    EXPECT_GT(*heads, 1U);
    EXPECT_LE(*revisions, last - 1);
    EXPECT_GE(*revisions, *heads);
    std::cout << "  a reader saw " << *heads << " heads and heard of " << *revisions << '\n';
  }
}

}  // namespace
}  // namespace session::test
