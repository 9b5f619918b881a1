// A transaction: what it shows, what it leaves, and what it costs when nothing is different.

#include <gtest/gtest.h>

#include <capnp/message.h>

#include <cerrno>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "session/verify.h"
#include "tests/support/disk_session.h"
#include "tests/support/records.h"
#include "tests/support/seed.h"
#include "tests/support/session_state.h"

namespace session::test {
namespace {

class InTransaction : public ::testing::Test {
 protected:
  static std::string title(const std::optional<Entry<schema::Task>>& task) {
    return task ? text((*task)->getTitle()) : "none";
  }
  [[nodiscard]] std::uint64_t head_end() { return read_on(disk_).info().head_end; }

  SimulatedDisk disk_;
  Writer writer_ = create_on(disk_);
};

TEST_F(InTransaction, ChangesShowOnlyInsideUntilTheyAreCommitted) {
  auto change = writer_.begin();
  EXPECT_TRUE(change.empty());
  put_task(change, "a", {.title = "one"});
  EXPECT_FALSE(change.empty());
  EXPECT_EQ(change.changes(), 1U);
  EXPECT_EQ(title(change.get<schema::Task>("a")), "one");
  EXPECT_FALSE(change.base().get<schema::Task>("a"));
  EXPECT_FALSE(writer_.head().get<schema::Task>("a"));
  EXPECT_FALSE(read_on(disk_).head().get<schema::Task>("a"));
  put_task(change, "a", {.title = "two"});
  EXPECT_EQ(title(change.get<schema::Task>("a")), "two");
  EXPECT_TRUE(change.erase(Table::kTasks, "a"));
  EXPECT_FALSE(change.get<schema::Task>("a"));
  EXPECT_FALSE(change.erase(Table::kTasks, "a"));
  put_task(change, "a", {.title = "three"});
  EXPECT_EQ(change.commit().revision, 2U);
  EXPECT_EQ(title(writer_.head().get<schema::Task>("a")), "three");
}

TEST_F(InTransaction, CountsARecordWrittenTwiceOnce) {
  auto change = writer_.begin();
  put_task(change, "a", {.title = "one"});
  put_task(change, "a", {.title = "two"});
  put_task(change, "b", {.title = "gone"});
  EXPECT_TRUE(change.erase(Table::kTasks, "b"));
  (void)change.commit();
  EXPECT_EQ(writer_.head().info().kind, CommitKind::kDelta);
  EXPECT_EQ(writer_.head().info().upserts, 1U);
  EXPECT_EQ(writer_.head().info().erases, 0U);
  writer_.close();
  VerifyOptions options;
  options.files = &disk_;
  EXPECT_EQ(verify(kDiskPath, options).verdict, Verdict::kClean);
}

TEST_F(InTransaction, ShowsSoFarWhatACommitWouldLeave) {
  for (const std::uint64_t limit : {~std::uint64_t{0}, std::uint64_t{1}}) {
    auto before = writer_.begin();
    put_task(before, "a", {.title = "one"});
    put_task(before, "b", {.title = "two"});
    (void)before.commit(folded());
    auto change = writer_.begin();
    change.spill_above(limit);
    put_task(change, "c", {.title = "three", .parent = "a", .description = std::string(9000, 'd')});
    EXPECT_TRUE(change.erase(Table::kTasks, "b"));
    const Snapshot so_far = change.so_far();
    put_task(change, "a", {.title = "later"});
    EXPECT_EQ(title(so_far.get<schema::Task>("a")), "one");
    EXPECT_EQ(title(change.so_far().get<schema::Task>("a")), "later");
    EXPECT_FALSE(so_far.get<schema::Task>("b"));
    EXPECT_EQ(so_far.count(Table::kTasks), 2U);
    ASSERT_EQ(so_far.children("a").size(), 1U);
    EXPECT_EQ(so_far.children("a")[0].key, "c");
    const auto whole = so_far.whole(Table::kTasks, *so_far.find(Table::kTasks, "c"));
    EXPECT_EQ(whole.as<schema::Task>().getDescription().size(), 9000U);
    EXPECT_EQ(so_far.revision(), change.base().revision());
    const Digest digest = change.so_far().fingerprint();
    EXPECT_NE(digest, change.base().fingerprint());
    (void)change.commit();
    EXPECT_EQ(writer_.head().fingerprint(), digest);
  }
}

TEST_F(InTransaction, EndsWithARollbackAndLeavesNothing) {
  const std::uint64_t end = head_end();
  {
    auto change = writer_.begin();
    put_task(change, "a", {.title = "explicit"});
    put_message(change, "m", std::string(50'000, 'm'));
    change.rollback();
    change.rollback();  // harmless
    EXPECT_EQ(error_of([&] { put_task(change, "a", {.title = "late"}); }), ErrorCode::kUsage);
    EXPECT_EQ(error_of([&] { (void)change.commit(); }), ErrorCode::kUsage);
    EXPECT_EQ(error_of([&] { (void)change.get<schema::Task>("a"); }), ErrorCode::kUsage);
  }
  {
    auto change = writer_.begin();
    put_task(change, "a", {.title = "by scope exit"});
  }
  try {
    auto change = writer_.begin();
    put_task(change, "a", {.title = "by exception"});
    throw std::runtime_error("something else went wrong");
  } catch (const std::runtime_error&) {
  }
  {
    auto change = writer_.begin();
    change.spill_above(1'000);
    for (std::uint64_t i = 0; i < 200; ++i) put_task(change, numbered("t", i), {.title = "spill"});
  }
  EXPECT_EQ(writer_.head().revision(), 1U);
  EXPECT_EQ(head_end(), end);
  EXPECT_EQ(read_on(disk_).info().tail_bytes, 0U);
  EXPECT_EQ(read_on(disk_).head().count(Table::kTasks), 0U);
}

TEST_F(InTransaction, CanBeMoved) {
  auto change = writer_.begin();
  put_task(change, "a", {.title = "moved"});
  std::optional<Transaction> moved(std::move(change));
  put_task(*moved, "b", {.title = "too"});
  EXPECT_EQ(moved->commit().revision, 2U);
  moved.reset();
  EXPECT_EQ(writer_.head().count(Table::kTasks), 2U);
  EXPECT_EQ(writer_.begin().commit().revision, 2U);  // the turn was given back once
}

TEST_F(InTransaction, OutlivesItsWriter) {
  auto other = std::make_unique<Writer>(create_on(disk_, "/d/other.session"));
  auto change = other->begin();
  put_task(change, "a", {.title = "late"});
  other.reset();
  EXPECT_EQ(change.commit().revision, 2U);
  EXPECT_TRUE(read_on(disk_, "/d/other.session").head().get<schema::Task>("a"));
}

TEST_F(InTransaction, WithoutChangesCommitsNoRevision) {
  const std::uint64_t end = head_end();
  const CommitResult result = writer_.begin().commit();
  EXPECT_EQ(result.revision, 1U);
  EXPECT_EQ(result.written_bytes, 0U);
  auto change = writer_.begin();
  EXPECT_FALSE(change.erase(Table::kTasks, "nobody"));
  EXPECT_EQ(change.commit().revision, 1U);
  EXPECT_EQ(head_end(), end);
  EXPECT_EQ(writer_.begin().commit(folded()).revision, 2U) << "unless told to";
}

TEST_F(InTransaction, StatesWhatItHoldsNotHowOftenItWasWritten) {
  {
    auto change = writer_.begin();
    put_task(change, "old", {.title = "old"});
    (void)change.commit();
  }
  auto change = writer_.begin();
  for (const char* title : {"one", "two", "three"}) put_task(change, "a", {.title = title});
  put_task(change, "passing", {.title = "never there"});
  change.erase(Table::kTasks, "passing");
  put_task(change, "old", {.title = "new"});
  change.erase(Table::kTasks, "old");
  (void)change.commit();
  const RevisionInfo info = read_on(disk_).head().info();
  EXPECT_EQ(info.kind, CommitKind::kDelta);
  EXPECT_EQ(info.upserts, 1U);
  EXPECT_EQ(info.erases, 1U);
}

TEST_F(InTransaction, GoesBackToASavepointAsIfNothingHadHappened) {
  {
    auto change = writer_.begin();
    put_task(change, "old", {.title = "old"});
    (void)change.commit();
  }
  auto change = writer_.begin();
  put_task(change, "a", {.title = "before"});
  const std::size_t outer = change.savepoint();
  put_task(change, "a", {.title = "after"});
  const std::size_t inner = change.savepoint();
  change.erase(Table::kTasks, "a");
  change.erase(Table::kTasks, "old");
  put_message(change, "m", std::string(50'000, 'm'));
  change.roll_back_to(inner);
  EXPECT_EQ(title(change.get<schema::Task>("a")), "after");
  EXPECT_EQ(title(change.get<schema::Task>("old")), "old");
  EXPECT_FALSE(change.get<schema::Message>("m"));
  const std::size_t kept = change.savepoint();
  put_task(change, "b", {.title = "kept"});
  change.release(kept);
  EXPECT_EQ(change.changes(), 3U);
  EXPECT_EQ(error_of([&] { change.roll_back_to(kept); }), ErrorCode::kUsage);
  change.roll_back_to(outer);
  EXPECT_EQ(title(change.get<schema::Task>("a")), "before");
  EXPECT_FALSE(change.get<schema::Task>("b"));
  EXPECT_EQ(change.changes(), 1U);
  EXPECT_EQ(change.commit().revision, 3U);
  EXPECT_EQ(read_on(disk_).head().info().upserts, 1U);
}

TEST_F(InTransaction, StaysOpenWhenItsCommitFailsIfAsked) {
  const std::string large(50'000, 'm');
  CommitOptions options = relaxed();
  options.keep_on_failure = true;
  for (const bool as_snapshot : {false, true}) {
    options.as_snapshot = as_snapshot;
    auto change = writer_.begin();
    put_message(change, as_snapshot ? "m1" : "m0", large + (as_snapshot ? "1" : ""));
    for (std::size_t nth = 1; nth < 3; ++nth) {  // what was there before, then the commit itself
      disk_.fail({.kind = DiskCall::kWrite, .nth = nth, .error = ENOSPC});
      EXPECT_EQ(error_of([&] { (void)change.commit(options); }), ErrorCode::kIo);
      disk_.clear_faults();
    }
    put_task(change, "a", {.title = "more"});
    (void)change.commit(options);
  }
  const Snapshot head = read_on(disk_).head();
  const auto whole = head.whole(Table::kMessages, head.get<schema::Message>("m0")->any());
  EXPECT_EQ(text(whole.as<schema::Message>().getText()), large);
  EXPECT_TRUE(head.get<schema::Message>("m1"));
  EXPECT_EQ(head.revision(), 3U);
}

TEST_F(InTransaction, ErasesOnlyWhatIsThere) {
  {
    auto change = writer_.begin();
    put_task(change, "tree", {.title = "x"});
    (void)change.commit(folded());
    auto delta = writer_.begin();
    put_task(delta, "delta", {.title = "x"});
    (void)delta.commit();
  }
  auto change = writer_.begin();
  EXPECT_FALSE(change.erase(Table::kTasks, "nobody"));
  EXPECT_FALSE(change.erase(Table::kMessages, "tree"));
  EXPECT_TRUE(change.erase(Table::kTasks, "tree"));
  EXPECT_TRUE(change.erase(Table::kTasks, "delta"));
  EXPECT_FALSE(change.erase(Table::kTasks, "tree"));
  EXPECT_EQ(change.changes(), 2U);
  (void)change.commit();
  EXPECT_EQ(writer_.head().count(Table::kTasks), 0U);
  auto next = writer_.begin();
  EXPECT_FALSE(next.erase(Table::kTasks, "tree"));
}

// The cursor of a transaction is the table as a commit would leave it: tree, pending deltas and
// changes under way merged.
TEST_F(InTransaction, WalksTheTableAsItWouldBe) {
  std::mt19937_64 random(random_seed());
  std::map<std::string, std::string> wanted;
  for (int round = 0; round < 60; ++round) {
    auto change = writer_.begin();
    if (round % 3 == 0) change.spill_above(500);
    for (int i = 0; i < 12; ++i) {
      const std::string key = numbered("t", random() % 70);
      if (random() % 3 == 0) {
        EXPECT_EQ(change.erase(Table::kTasks, key), wanted.erase(key) == 1);
      } else {
        put_task(change, key, {.title = wanted[key] = std::to_string(random())});
      }
    }
    const std::string from = numbered("t", random() % 70);
    std::map<std::string, std::string> seen;
    for (Cursor at = change.cursor(Table::kTasks, from); at.valid(); at.next()) {
      seen[std::string(at.key())] = text(at.record().as<schema::Task>().getTitle());
    }
    const std::map<std::string, std::string> rest(wanted.lower_bound(from), wanted.end());
    ASSERT_EQ(seen, rest) << "round " << round;
    (void)change.commit(round % 7 == 0 ? folded() : relaxed());
  }
}

TEST_F(InTransaction, WritesOnlyWhatDiffers) {
  const auto task = [](std::string_view title, std::size_t description) {
    auto message = std::make_unique<capnp::MallocMessageBuilder>();
    auto record = message->initRoot<schema::Task>();
    record.setTitle(std::string(title).c_str());
    if (description > 0) record.setDescription(std::string(description, 'd').c_str());
    return message;
  };
  const auto put = [&](const std::unique_ptr<capnp::MallocMessageBuilder>& message) {
    auto change = writer_.begin();
    const bool written = change.upsert_if_different(
        Table::kTasks, "t", AnyRecord(message->getRoot<schema::Task>().asReader()));
    EXPECT_NE(written, change.empty());
    (void)change.commit();
    return written;
  };
  EXPECT_TRUE(put(task("a", 0)));
  EXPECT_FALSE(put(task("a", 0)));
  EXPECT_TRUE(put(task("b", 0)));
  EXPECT_TRUE(put(task("b", 20'000)));  // a text that lives in a blob
  const std::uint64_t end = head_end();
  EXPECT_FALSE(put(task("b", 20'000)));
  EXPECT_EQ(head_end(), end) << "nothing was written for what was there";
  EXPECT_TRUE(put(task("b", 20'001)));
  (void)writer_.begin().commit(folded());
  EXPECT_FALSE(put(task("b", 20'001)));
  EXPECT_TRUE(put(task("b", 0)));
  auto change = writer_.begin();
  EXPECT_TRUE(change.erase(Table::kTasks, "t"));
  EXPECT_TRUE(change.upsert_if_different(
      Table::kTasks, "t", AnyRecord(task("b", 0)->getRoot<schema::Task>().asReader())));
}

TEST_F(InTransaction, IsTheSameInPiecesAndAtOnce) {
  std::optional<Digest> wanted;
  for (const std::uint64_t limit : {~std::uint64_t{0}, std::uint64_t{20'000}, std::uint64_t{700}}) {
    SimulatedDisk disk;
    Writer writer = create_on(disk);
    std::mt19937_64 same(5);
    SessionState state;
    for (int round = 0; round < 2; ++round) {
      auto change = writer.begin();
      change.spill_above(limit);
      Twin twin(change, state);
      for (int i = 0; i < 400; ++i) {
        const std::string key = numbered("t", same() % 150);
        if (same() % 4 == 0) {
          twin.erase(Table::kTasks, key);
        } else {
          twin.task(key, std::string(same() % 90, 'x'), same() % 2 == 0 ? "" : "p",
                    static_cast<std::int64_t>(same() % 5));
        }
        if (same() % 50 == 0) twin.message(key, std::string(9'000, 'b'));
      }
      (void)change.commit();
    }
    EXPECT_TRUE(state_of(writer.head()) == state) << state.difference(state_of(writer.head()));
    EXPECT_EQ(contradiction_in(writer.head()), "");
    if (!wanted) wanted = writer.head().fingerprint();
    EXPECT_EQ(to_hex(writer.head().fingerprint()), to_hex(*wanted)) << "spilling above " << limit;
  }
}

TEST_F(InTransaction, SaysWhatACommitCost) {
  const std::uint64_t before = disk_.contents(kDiskPath).size();
  auto change = writer_.begin();
  put_message(change, "m", std::string(100'000, 'm'));
  put_task(change, "t", {.title = "x"});
  const CommitResult result = change.commit(relaxed());
  EXPECT_EQ(disk_.contents(kDiskPath).size(), before + result.written_bytes);
  EXPECT_GT(result.raw_bytes, 100'000U);
  EXPECT_LT(result.stored_bytes, 5'000U);
  EXPECT_GT(result.duration_nanos, 0);
  EXPECT_EQ(result.kind, CommitKind::kDelta);
}

TEST_F(InTransaction, RelaxedCommitsAreOnTheDiskAfterAFlush) {
  auto change = writer_.begin();
  put_value(change, "a/1", "x");
  (void)change.commit(relaxed());
  EXPECT_TRUE(read_on(disk_).head().get<schema::Value>("a/1")) << "readers see them at once";
  SimulatedDisk before = disk_.crashed_with_mask(0);
  EXPECT_EQ(read_on(before).head().revision(), 1U);
  writer_.flush();
  EXPECT_EQ(disk_.sectors_in_flight(), 0U);
  SimulatedDisk after = disk_.crashed_with_mask(0);
  EXPECT_EQ(read_on(after).head().revision(), 2U);
}

TEST_F(InTransaction, RelaxedCommitsAreSyncedBeforeTheyAreTooMany) {
  const std::size_t operations = disk_.operations();
  for (int i = 0; i < 400; ++i) {
    auto change = writer_.begin();
    put_value(change, "a/" + std::to_string(i), std::string(3'500, 'x'));
    (void)change.commit(relaxed());
  }
  std::size_t syncs = 0;
  const std::vector<DiskOperation> history = disk_.history();
  for (std::size_t i = operations; i < history.size(); ++i) {
    syncs += history[i].kind == DiskCall::kSync ? 1 : 0;
  }
  EXPECT_GE(syncs, 1U);
  EXPECT_LE(syncs, 3U);
  SimulatedDisk off = disk_.crashed_with_mask(0);
  EXPECT_GT(read_on(off).head().revision(), 100U);
}

TEST_F(InTransaction, ACheckpointSaysWhatItHolds) {
  auto change = writer_.begin();
  for (std::uint64_t i = 0; i < 5; ++i) put_task(change, numbered("t", i), {.title = "x"});
  CheckpointOptions options;
  options.description = "five tasks";
  options.trigger = schema::Trigger::MILESTONE;
  options.is_automatic = true;
  options.reason = "because";
  options.tags = {"one", "two"};
  const CommitResult made = change.checkpoint(options, "the message");
  EXPECT_EQ(made.kind, CommitKind::kSnapshot);
  EXPECT_EQ(writer_.checkpoint({}).revision, made.revision + 1) << "also without a change";
  const Reader reader = read_on(disk_);
  const std::vector<CheckpointInfo> all = reader.head().checkpoints();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].id.size(), 36U);
  EXPECT_NE(all[0].id, all[1].id);
  EXPECT_EQ(all[0].revision, made.revision);
  EXPECT_EQ(all[0].time_nanos, reader.at(made.revision).info().time_nanos);
  EXPECT_EQ(all[0].trigger, schema::Trigger::MILESTONE);
  EXPECT_TRUE(all[0].is_automatic);
  EXPECT_EQ(all[0].description, "five tasks");
  EXPECT_EQ(all[0].reason, "because");
  EXPECT_EQ(all[0].task_count, 5U);
  EXPECT_EQ(all[0].tags, options.tags);
  std::uint64_t content = 0;
  for (const Table table : kContentTables) content += reader.head().size(table).content_bytes;
  EXPECT_EQ(all[0].size_bytes, content);
  EXPECT_EQ(reader.at(made.revision).info().checkpoint, all[0].id);
  EXPECT_EQ(reader.at(made.revision).info().message, "the message");
  EXPECT_EQ(reader.info().checkpoints, 2U);
}

TEST_F(InTransaction, ACheckpointCanBeDeletedAndItsRevisionStays) {
  CheckpointOptions options;
  options.id = "aaaa1111-0000-4000-8000-000000000001";
  const std::uint64_t revision = writer_.checkpoint(options).revision;
  EXPECT_EQ(error_of([&] { (void)writer_.delete_checkpoint("nobody"); }), ErrorCode::kNotFound);
  (void)writer_.delete_checkpoint(options.id);
  EXPECT_TRUE(read_on(disk_).head().checkpoints().empty());
  EXPECT_EQ(read_on(disk_).at(revision).checkpoints().size(), 1U);
  EXPECT_EQ(error_of([&] { (void)writer_.delete_checkpoint(options.id); }), ErrorCode::kNotFound);
  EXPECT_EQ(writer_.begin().commit().revision, writer_.head().revision()) << "no turn was kept";
}

TEST_F(InTransaction, RestoringBringsContentBackAndKeepsTheRest) {
  const auto put = [&](std::string_view key, std::string_view title) {
    auto change = writer_.begin();
    put_task(change, key, {.title = std::string(title)});
    return change.commit().revision;
  };
  put("a", "old");
  const std::uint64_t old = put("b", "old");
  CheckpointOptions options;
  options.description = "mine";
  (void)writer_.checkpoint(options);
  put("a", "new");
  auto change = writer_.begin();
  (void)change.erase(Table::kTasks, "b");
  put_task(change, "c", {.title = "new"});
  put_message(change, "m", std::string(9'000, 'm'));
  const std::uint64_t before = change.commit().revision;
  const Digest fingerprint = writer_.at(old).fingerprint();

  const CommitResult restored = writer_.restore(old);
  EXPECT_EQ(restored.revision, before + 2);
  const Reader reader = read_on(disk_);
  const Snapshot head = reader.head();
  EXPECT_EQ(head.fingerprint(), fingerprint);
  EXPECT_EQ(title(head.get<schema::Task>("a")), "old");
  EXPECT_EQ(title(head.get<schema::Task>("b")), "old");
  EXPECT_FALSE(head.get<schema::Task>("c"));
  EXPECT_EQ(head.children("").size(), 2U);
  const std::vector<CheckpointInfo> checkpoints = head.checkpoints();
  ASSERT_EQ(checkpoints.size(), 2U);
  EXPECT_EQ(checkpoints[0].description, "mine");
  EXPECT_EQ(checkpoints[1].revision, before + 1);
  EXPECT_EQ(checkpoints[1].trigger, schema::Trigger::BEFORE_RESTORE);
  EXPECT_TRUE(checkpoints[1].is_automatic);
  EXPECT_TRUE(state_of(reader.at(before + 1)).table(Table::kTasks) ==
              state_of(reader.at(before)).table(Table::kTasks))
      << "the emergency checkpoint is the state before";
  for (std::uint64_t revision = 1; revision <= restored.revision; ++revision) {
    EXPECT_EQ(contradiction_in(reader.at(revision)), "") << revision;
  }
  EXPECT_EQ(error_of([&] { (void)writer_.restore(99); }), ErrorCode::kNotFound);
  EXPECT_EQ(writer_.head().revision(), restored.revision) << "and left nothing";
  (void)writer_.restore(before);
  EXPECT_EQ(title(writer_.head().get<schema::Task>("c")), "new") << "nothing was lost";
}

class Draft : public InTransaction {
 protected:
  static constexpr const char* kDraft = "/d/draft.session";
};

TEST_F(Draft, ShowsNothingBeforeItIsPublishedAndLeavesNothingWithout) {
  const std::vector<std::string> before = disk_.list("/d");
  {
    Writer writer = Writer::create_draft(kDraft, creating_on(disk_));
    EXPECT_EQ(error_of([&] { (void)writer.head(); }), ErrorCode::kNotFound);
    EXPECT_EQ(error_of([&] { writer.publish(); }), ErrorCode::kUsage);
    auto change = writer.begin();
    put_task(change, "a", {.title = "draft"});
    EXPECT_EQ(change.commit().revision, 1U);
    EXPECT_TRUE(writer.head().get<schema::Task>("a"));
    EXPECT_FALSE(disk_.exists(kDraft));
    writer.close();
    EXPECT_EQ(error_of([&] { (void)writer.begin(); }), ErrorCode::kUsage);
    EXPECT_TRUE(writer.head().get<schema::Task>("a")) << "what was read stays readable";
  }
  std::vector<std::string> after = disk_.list("/d");
  std::erase(after, "draft.session.lock");
  EXPECT_EQ(after, before);
}

TEST_F(Draft, IsTheSessionOncePublished) {
  Writer writer = Writer::create_draft(kDraft, creating_on(disk_));
  {
    auto change = writer.begin();
    put_task(change, "a", {.title = "draft"});
    (void)change.commit();
  }
  writer.publish();
  writer.publish();  // harmless
  EXPECT_EQ(read_on(disk_, kDraft).head().revision(), 1U);
  auto change = writer.begin();
  put_task(change, "b", {.title = "more"});
  EXPECT_EQ(change.commit().revision, 2U);
  writer.close();
  EXPECT_TRUE(read_on(disk_, kDraft).info().sealed);
}

TEST_F(Draft, DoesNotReplaceAnExistingFileUnlessTold) {
  EXPECT_EQ(error_of([&] { (void)create_on(disk_); }), ErrorCode::kExists);
  EXPECT_EQ(error_of([&] { (void)Writer::create_draft(kDiskPath, creating_on(disk_)); }),
            ErrorCode::kExists);
  Writer writer = Writer::create_draft(kDraft, creating_on(disk_));
  (void)writer.begin().commit();
  disk_.put(kDraft, {std::byte{1}});  // somebody else was faster
  EXPECT_EQ(error_of([&] { writer.publish(); }), ErrorCode::kExists);
  EXPECT_EQ(disk_.contents(kDraft).size(), 1U);
  writer.close();
  CreateOptions options = creating_on(disk_);
  options.overwrite = true;
  EXPECT_EQ(Writer::create(kDraft, options).head().revision(), 1U);
  EXPECT_EQ(read_on(disk_, kDraft).head().revision(), 1U);
}

TEST_F(Draft, ThatAKilledProcessLeftIsNoHindrance) {
  disk_.put(std::string(kDraft) + ".partial", std::vector<std::byte>(500, std::byte{7}));
  (void)create_on(disk_, kDraft);
  EXPECT_EQ(read_on(disk_, kDraft).head().revision(), 1U);
}

}  // namespace
}  // namespace session::test
