// A running session: created or resumed, saved, checkpointed, restored, shut down.

#include <gtest/gtest.h>

#include <csignal>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/damage.h"
#include "tests/support/running_session.h"
#include "tests/support/session_state.h"

namespace session::test {
namespace {

using std::chrono::nanoseconds;

class RunningSession : public ::testing::Test {
 protected:
  SimulatedDisk disk_;
};

TEST_F(RunningSession, IsCreatedOrResumedInOneCall) {
  SessionConfig config = config_on(disk_);
  config.name = "work";
  config.workspace = "/w";
  config.agent_version = "agent 1.2";
  {
    Session session = Session::open(config);
    EXPECT_EQ(session.add_message({.text = "one"}), "0000000000");
    session.save();
    EXPECT_EQ(session.add_message({.text = "two"}), "0000000001");
  }
  Session session = Session::open(config);
  EXPECT_TRUE(session.report().was_sealed);
  EXPECT_EQ(session.add_message({.text = "three"}), "0000000002");
  EXPECT_EQ(text((*session.get<schema::Message>("0000000001"))->getText()), "two");
  EXPECT_EQ(text((*session.get<schema::SessionRecord>("metadata"))->getMetadata().getName()),
            "work");
  const auto identity = session.get<schema::Upkeep>("identity");
  EXPECT_EQ(text((*identity)->getIdentity().getAgentVersion()), "agent 1.2");
  EXPECT_FALSE(text((*identity)->getIdentity().getCreatedBy()).empty());
  EXPECT_EQ(text((*identity)->getIdentity().getSessionId()).size(), 36U);
  SimulatedDisk empty;
  SessionConfig existing = config_on(empty);
  existing.create = false;
  EXPECT_EQ(error_of([&] { (void)Session::open(existing); }), ErrorCode::kNotFound);
}

TEST_F(RunningSession, RefusesASecondOne) {
  Session session = session_on(disk_);
  EXPECT_EQ(error_of([&] { (void)session_on(disk_); }), ErrorCode::kLocked);
  session.shutdown();
  (void)session_on(disk_);
}

TEST_F(RunningSession, NamesTheFieldOfAConfigurationThatMakesNoSense) {
  const auto words_for = [&](auto spoil) {
    SessionConfig config = config_on(disk_);
    spoil(config);
    EXPECT_EQ(error_of([&] { (void)Session::open(config); }), ErrorCode::kUsage);
    return words_of([&] { (void)Session::open(config); });
  };
  const auto names = [](const std::string& words, const char* field) {
    EXPECT_EQ(words.rfind(field, 0), 0U) << words;
  };
  names(words_for([](SessionConfig& c) { c.path.clear(); }), "path");
  names(words_for([](SessionConfig& c) { c.policy->auto_save_interval = nanoseconds(-1); }),
        "auto_save_interval");
  names(words_for([](SessionConfig& c) { c.policy->auto_checkpoint_interval = nanoseconds(1); }),
        "auto_checkpoint_interval");
  names(words_for([](SessionConfig& c) { c.policy->checkpoint_every_percent = 101; }),
        "checkpoint_every_percent");
  names(words_for([](SessionConfig& c) { c.policy->keep_within = nanoseconds(-1); }),
        "keep_within");
  names(words_for([](SessionConfig& c) { c.max_waiting_events = 0; }), "max_waiting_events");
  names(words_for([](SessionConfig& c) { c.prefer_whole = true; }), "prefer_whole");
  names(words_for([](SessionConfig& c) { c.start_anew = true; }), "start_anew");
  EXPECT_FALSE(disk_.exists(kDiskPath));
}

TEST_F(RunningSession, KeepsItsPolicyInTheFile) {
  SessionConfig config = config_on(disk_);
  config.policy->keep_last = 7;
  config.policy->checkpoint_every_completions = 100;
  { Session session = Session::open(config); }
  config.policy.reset();
  Session session = Session::open(config);
  EXPECT_EQ(session.policy().keep_last, 7U);
  EXPECT_EQ(session.policy().checkpoint_every_completions, 100U);
  EXPECT_EQ(session.policy().auto_save_interval, nanoseconds::zero());
  EXPECT_EQ(session.status().unsaved_changes, 0U) << "it was there already";
}

TEST_F(RunningSession, LeavesTheParityPolicyAlone) {
  CreateOptions options = creating_on(disk_);
  options.parity_percent = 5;
  { Writer writer = Writer::create(kDiskPath, options); }
  SessionConfig config = config_on(disk_);
  config.policy.reset();
  Session session = Session::open(config);
  EXPECT_EQ(session.policy(), SessionPolicy()) << "parity alone says nothing about the rest";
  session.save();
  const Snapshot head = read_on(disk_).head();
  const auto stored = head.get<schema::Upkeep>("policy");
  EXPECT_EQ((*stored)->getPolicy().getParityPercent(), 5U);
}

TEST_F(RunningSession, DoesNothingByItselfOnceItWasTold) {
  SessionPolicy nothing;
  nothing.auto_save_interval = nothing.auto_checkpoint_interval = nanoseconds::zero();
  for (const std::uint32_t parity : {0, 5}) {
    SimulatedDisk disk;
    CreateOptions options = creating_on(disk);
    options.parity_percent = parity;
    { Writer writer = Writer::create(kDiskPath, options); }
    SessionConfig config = config_on(disk);
    config.policy = nothing;
    { Session session = Session::open(config); }
    config.policy.reset();
    Session session = Session::open(config);
    EXPECT_EQ(session.policy(), nothing) << parity;
    EXPECT_EQ(session.status().unsaved_changes, 0U);
    const Snapshot head = read_on(disk).head();
    EXPECT_EQ((*head.get<schema::Upkeep>("policy"))->getPolicy().getParityPercent(), parity);
  }
}

TEST_F(RunningSession, SavesWhatChangedAndNothingWhenNothingDid) {
  Session session = session_on(disk_);
  session.save();
  session.tasks().create({.key = "a"});
  EXPECT_EQ(session.status().unsaved_changes, 1U);
  EXPECT_FALSE(read_on(disk_).head().get<schema::Task>("a"));
  const CommitResult first = session.save("with a");
  EXPECT_EQ(first.kind, CommitKind::kDelta);
  EXPECT_GT(first.written_bytes, 0U);
  EXPECT_TRUE(read_on(disk_).head().get<schema::Task>("a"));
  EXPECT_EQ(read_on(disk_).head().info().message, "with a");
  const CommitResult second = session.save();
  EXPECT_EQ(second.revision, first.revision);
  EXPECT_EQ(second.written_bytes, 0U);
}

TEST_F(RunningSession, KeepsValuesMetadataContextAndOtherRecords) {
  Session session = session_on(disk_);
  session.set_value("app/x", "{}", "application/json");
  session.set_metadata([](auto metadata) { metadata.setName("n"); });
  session.set_metadata([](auto metadata) {
    metadata.setDescription("d");
    metadata.initTags(1).set(0, "urgent");
    auto property = metadata.initProperties(1)[0];
    property.setName("budget");
    property.setValue("{\"usd\":7}");
    metadata.setMode(schema::Metadata::Mode::CONTAINER);
    metadata.initContainer().setImage("debian:12");
  });
  session.set_context([](auto context) { context.setWorkingDirectory("/w"); });
  session.add_event({.kind = "note", .text = "hello"});
  capnp::MallocMessageBuilder message;
  message.initRoot<schema::File>().setSizeBytes(3);
  session.put(Table::kFiles, "a.cc", message.getRoot<schema::File>().asReader());
  session.save();
  const Snapshot head = read_on(disk_).head();
  EXPECT_EQ(text((*head.get<schema::Value>("app/x"))->getMediaType()), "application/json");
  const auto metadata = head.get<schema::SessionRecord>("metadata");
  EXPECT_EQ(text((*metadata)->getMetadata().getName()), "n");
  EXPECT_EQ(text((*metadata)->getMetadata().getDescription()), "d");
  EXPECT_EQ(text((*metadata)->getMetadata().getTags()[0]), "urgent");
  EXPECT_EQ(text((*metadata)->getMetadata().getProperties()[0].getValue()), "{\"usd\":7}");
  EXPECT_EQ((*metadata)->getMetadata().getMode(), schema::Metadata::Mode::CONTAINER);
  EXPECT_EQ(text((*metadata)->getMetadata().getContainer().getImage()), "debian:12");
  EXPECT_EQ(text((*head.get<schema::SessionRecord>("context"))->getContext().getWorkingDirectory()),
            "/w");
  EXPECT_EQ(text((*head.get<schema::Event>("0000000000"))->getText()), "hello");
  EXPECT_EQ((*head.get<schema::File>("a.cc"))->getSizeBytes(), 3U);
  EXPECT_TRUE(session.erase(Table::kFiles, "a.cc"));
  EXPECT_FALSE(session.erase(Table::kFiles, "a.cc"));
  EXPECT_FALSE(session.get<schema::File>("a.cc"));
}

TEST_F(RunningSession, LeavesTasksAndItsOwnTablesToThoseWhoKeepThem) {
  Session session = session_on(disk_);
  capnp::MallocMessageBuilder message;
  const AnyRecord record = message.initRoot<schema::Task>().asReader();
  for (const Table table : {Table::kTasks, Table::kUpkeep, Table::kCheckpoints, Table::kChildren}) {
    EXPECT_EQ(error_of([&] { session.put(table, "a", record); }), ErrorCode::kUsage);
    EXPECT_EQ(error_of([&] { (void)session.erase(table, "a"); }), ErrorCode::kUsage);
  }
}

TEST_F(RunningSession, GivesEachMessageAPositionOfItsOwn) {
  Session session = session_on(disk_);
  capnp::MallocMessageBuilder message;
  message.initRoot<schema::Message>().setText("seven");
  session.put(Table::kMessages, "0000000007", message.getRoot<schema::Message>().asReader());
  EXPECT_EQ(session.add_message({.text = "eight"}), "0000000008");
  EXPECT_EQ(error_of([&] {
              session.put(Table::kMessages, "next", message.getRoot<schema::Message>().asReader());
            }),
            ErrorCode::kUsage);
  EXPECT_FALSE(session.get<schema::Message>("next"));
  EXPECT_EQ(error_of([&] {
              session.put(Table::kMessages, "12345678901",
                          message.getRoot<schema::Message>().asReader());
            }),
            ErrorCode::kUsage)
      << "no position behind it would be left";
  EXPECT_EQ(session.add_message({.text = "nine"}), "0000000009");
}

TEST_F(RunningSession, LosesNoContextSetInsideAnother) {
  Session session = session_on(disk_);
  const auto inner = [](auto context) { context.setWorkingDirectory("/inner"); };
  EXPECT_EQ(error_of([&] {
              session.set_context([&](auto context) {
                context.setWorkingDirectory("/outer");
                session.set_context(inner);
              });
            }),
            ErrorCode::kUsage);
  EXPECT_FALSE(session.get<schema::SessionRecord>("context"));
  session.set_metadata([&](auto metadata) {
    metadata.setName("n");
    session.set_context(inner);
  });
  EXPECT_TRUE(session.get<schema::SessionRecord>("context"));
  EXPECT_TRUE(session.get<schema::SessionRecord>("metadata"));
}

TEST_F(RunningSession, CheckpointsSayWhatMadeThem) {
  Session session = session_on(disk_);
  session.tasks().create({.key = "a"});
  CheckpointOptions by_hand_options;
  by_hand_options.description = "here";
  session.checkpoint(by_hand_options);
  session.before_risky_operation("rebase");
  session.checkpoint_after_error("it failed");
  session.milestone("beta");
  const auto checkpoints = read_on(disk_).head().checkpoints();
  ASSERT_EQ(checkpoints.size(), 4U);
  EXPECT_EQ(checkpoints[0].description, "here");
  EXPECT_EQ(checkpoints[0].task_count, 1U);
  EXPECT_EQ(checkpoints[0].trigger, schema::Trigger::MANUAL);
  EXPECT_EQ(checkpoints[1].trigger, schema::Trigger::BEFORE_RISKY_OPERATION);
  EXPECT_EQ(checkpoints[1].reason, "rebase");
  EXPECT_TRUE(checkpoints[1].is_automatic);
  EXPECT_EQ(checkpoints[2].trigger, schema::Trigger::ERROR);
  EXPECT_EQ(checkpoints[3].trigger, schema::Trigger::MILESTONE);
  EXPECT_FALSE(checkpoints[3].is_automatic);
  session.delete_checkpoint(checkpoints[0].id);
  EXPECT_EQ(read_on(disk_).head().checkpoints().size(), 3U);
  EXPECT_EQ(error_of([&] { session.delete_checkpoint("nobody"); }), ErrorCode::kNotFound);
}

TEST_F(RunningSession, RestoresAfterSavingAndAnEmergencyCheckpoint) {
  Session session = session_on(disk_);
  session.tasks().create({.key = "a"});
  session.add_message({.text = "old"});
  const std::uint64_t old = session.save().revision;
  session.tasks().complete("a");
  session.tasks().create({.key = "b"});
  session.add_message({.text = "unsaved"});
  EXPECT_EQ(error_of([&] { session.restore("777"); }), ErrorCode::kNotFound);
  session.restore(std::to_string(old));
  EXPECT_EQ(session.tasks().counts().total(), 1U);
  EXPECT_EQ(session.tasks().counts().of(schema::TaskStatus::PENDING), 1U);
  EXPECT_EQ(session.tasks().next(), "a");
  EXPECT_EQ(session.tasks().children("").size(), 1U);
  EXPECT_EQ(session.add_message({.text = "new"}), "0000000001");
  const Reader reader = read_on(disk_);
  const auto checkpoints = reader.head().checkpoints();
  ASSERT_EQ(checkpoints.size(), 1U);
  EXPECT_EQ(checkpoints[0].trigger, schema::Trigger::BEFORE_RESTORE);
  EXPECT_TRUE(reader.at(checkpoints[0].revision).get<schema::Task>("b"));
}

TEST_F(RunningSession, CountsAnewAfterARestore) {
  SessionConfig config = config_on(disk_);
  config.policy->checkpoint_every_completions = 3;
  Session session = Session::open(config);
  for (int i = 0; i < 10; ++i) session.tasks().create({});
  const std::string start = std::to_string(session.save().revision);
  const auto finish = [](Session& one, int count) {
    for (int i = 0; i < count; ++i) one.tasks().complete(*one.tasks().next());
  };
  finish(session, 2);
  session.restore(start);
  finish(session, 2);
  EXPECT_EQ(session.status().checkpoints, 0U) << "what was done before is undone";
  finish(session, 1);
  EXPECT_EQ(session.status().checkpoints, 1U);
  session.restore(start);
  session.shutdown();

  config.policy = by_hand();
  config.policy->checkpoint_every_percent = 25;
  Session next = Session::open(config);
  finish(next, 3);
  ASSERT_EQ(next.status().checkpoints, 1U);
  next.restore(start);
  finish(next, 3);
  EXPECT_EQ(next.status().checkpoints, 2U) << "from where it went back to";
}

// Old pages that nobody needs before they are restored.
TEST_F(RunningSession, StaysAsItIsWhenWhatToRestoreIsDamaged) {
  std::uint64_t old = 0;
  std::uint64_t end_of_old = 0;
  {
    Writer writer = create_on(disk_);
    for (const char* title : {"old", "new"}) {
      auto change = writer.begin();
      for (std::uint64_t i = 0; i < 60; ++i) {
        put_task(change, numbered("t", i), {.title = std::string(60, 't') + title});
      }
      const std::uint64_t revision = change.commit(folded()).revision;
      if (old == 0) {
        old = revision;
        end_of_old = writer.head().info().offset;
      }
    }
  }
  const FileBytes whole = disk_.contents(kDiskPath);
  int tried = 0;
  for (const FramePlace& frame : frames_in(whole)) {
    if (frame.offset >= end_of_old) break;
    FileBytes bytes = whole;
    zero_block(bytes, frame.offset + frame.size / 2, 8);
    SimulatedDisk disk;
    disk.put(kDiskPath, bytes);
    SessionConfig config = config_on(disk);
    config.max_repairs = 0;
    std::optional<Session> opened;
    if (error_of([&] { opened.emplace(Session::open(config)); }) != ErrorCode::kInternal) continue;
    Session& session = *opened;
    const std::uint64_t revision = session.status().revision;
    const auto code = error_of([&] { session.restore(std::to_string(old)); });
    if (code == ErrorCode::kInternal) continue;  // not a page that is needed
    ++tried;
    EXPECT_EQ(code, ErrorCode::kDamaged);
    EXPECT_EQ(session.status().revision, revision) << "nothing was done";
    EXPECT_EQ(session.tasks().counts().total(), 60U);
    session.tasks().complete("t000000");
    session.save();
    EXPECT_EQ((*session.tasks().get("t000000"))->getStatus(), schema::TaskStatus::COMPLETED);
  }
  EXPECT_GT(tried, 5);
}

// Whatever call to the system fails: the session says what there is, or nothing any more.
TEST_F(RunningSession, NeverSaysWhatIsNotSoAfterARestoreThatFailed) {
  using enum DiskCall;
  int met = 0;
  for (const DiskCall kind : {kRead, kMap, kWrite, kSync, kTruncate, kStatus}) {
    for (std::size_t nth = 1;; ++nth) {
      SimulatedDisk disk;
      std::size_t faults = 0;
      {
        Session session = session_on(disk);
        for (int i = 0; i < 3; ++i) session.tasks().create({.title = std::string(5'000, 't')});
        const std::string old = std::to_string(session.save().revision);
        for (int i = 0; i < 4; ++i) session.tasks().create({});
        disk.fail({.kind = kind, .nth = nth});
        const ErrorCode code = error_of([&] { session.restore(old); });
        faults = disk.faults_met();
        disk.clear_faults();
        const std::string where =
            std::to_string(static_cast<int>(kind)) + ' ' + std::to_string(nth);
        std::size_t total = 0;
        const ErrorCode after = error_of([&] { total = session.tasks().counts().total(); });
        if (after == ErrorCode::kInternal) {
          EXPECT_EQ(total, session.tasks().children("").size()) << where;
          EXPECT_EQ(total, session.tasks().ready(100).size()) << where;
        } else {
          EXPECT_EQ(after, ErrorCode::kPoisoned) << where;
          EXPECT_NE(code, ErrorCode::kInternal) << where;
          EXPECT_EQ(error_of([&] { session.save(); }), ErrorCode::kPoisoned) << where;
        }
      }
      Session next = session_on(disk);
      const std::size_t total = next.tasks().counts().total();
      EXPECT_TRUE(total == 3 || total == 7) << total;
      if (faults == 0) break;
      ++met;
    }
  }
  EXPECT_GT(met, 3);
}

TEST_F(RunningSession, GoesOnInMemoryWhenARestoreCannotCutTheFile) {
  Session session = session_on(disk_);
  session.tasks().create({.key = "a"});
  session.save();
  session.transaction([&](Session::Edit& edit) {  // its large text is in the file by now
    session.tasks().create({.key = "b", .description = std::string(2'000'000, 'd')});
    edit.rollback();
  });
  disk_.fail({.kind = DiskCall::kTruncate});
  EXPECT_EQ(error_of([&] { session.restore("1"); }), ErrorCode::kIo);
  EXPECT_TRUE(session.tasks().get("a"));
  session.tasks().create({.key = "c"});
  EXPECT_EQ(session.tasks().counts().total(), 2U);
  EXPECT_EQ(error_of([&] { session.save(); }), ErrorCode::kPoisoned);
}

TEST_F(RunningSession, ShutsDownOnceAndForAll) {
  Session session = session_on(disk_);
  TaskManager& tasks = session.tasks();
  tasks.create({.key = "a"});
  session.shutdown();
  session.shutdown();
  EXPECT_TRUE(read_on(disk_).head().get<schema::Task>("a"));
  EXPECT_TRUE(read_on(disk_).info().sealed);
  EXPECT_EQ(error_of([&] { tasks.create({.key = "b"}); }), ErrorCode::kUsage);
  EXPECT_EQ(error_of([&] { (void)tasks.get("a"); }), ErrorCode::kUsage);
  EXPECT_EQ(error_of([&] { session.save(); }), ErrorCode::kUsage);
  EXPECT_EQ(error_of([&] { (void)session.status(); }), ErrorCode::kUsage);
}

TEST_F(RunningSession, SavesWhenItGoesOutOfScope) {
  {
    Session session = session_on(disk_);
    session.tasks().create({.key = "a"});
    const Session moved = std::move(session);
  }
  EXPECT_TRUE(read_on(disk_).head().get<schema::Task>("a"));
}

}  // namespace
}  // namespace session::test
