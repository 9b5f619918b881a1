// Corrections of meaning: each code has its correction or a reason why there is none; what no
// finding concerns stays as it was; a second time there is nothing left to do.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "format/record.h"
#include "lib/convert/json.h"
#include "lib/operations/repair_meaning_parts.h"
#include "session/convert.h"
#include "session/repair.h"
#include "tests/lib/operations/meaning_support.h"
#include "tests/lib/operations/verify_support.h"
#include "tests/support/seed.h"
#include "tests/support/spec_text.h"
#include "tests/support/temp_dir.h"

namespace session::test {
namespace {

using EventBuilder = schema::Event::Builder;
using ExecutionBuilder = schema::Execution::Builder;
using MessageBuilder = schema::Message::Builder;
using TaskBuilder = schema::Task::Builder;
using schema::DependencyType;
using schema::TaskStatus;

void depends(TaskBuilder record, const std::vector<std::string>& targets,
             DependencyType type = DependencyType::PREREQUISITE) {
  auto list = record.initDependencies(static_cast<std::uint32_t>(targets.size()));
  for (std::uint32_t i = 0; i < list.size(); ++i) {
    list[i].setTarget(targets[i].c_str());
    list[i].setType(type);
  }
}

void message(Transaction& change, int number, const std::function<void(MessageBuilder)>& fill) {
  put<schema::Message>(change, numbered("m", static_cast<std::uint64_t>(number)), fill);
}

using Records = std::map<std::pair<Table, std::string>, format::Record>;

Records records_of(const Snapshot& snapshot) {
  Records records;
  for (const Table table : kContentTables) {
    for (Cursor cursor = snapshot.cursor(table); cursor.valid(); cursor.next()) {
      records.emplace(std::pair(table, std::string(cursor.key())), format::Record(cursor.record()));
    }
  }
  return records;
}

// A session, verified before and repaired.
class Mended {
 public:
  explicit Mended(const std::function<void(Transaction&)>& fill) {
    {
      Writer writer = create_on(disk_);
      auto change = writer.begin();
      fill(change);
      (void)change.commit();
      writer.close();
    }
    file_ = disk_.contents(kDiskPath);
    found_ = check();
    before_ = records_of(read_on(disk_).head());
    report_ = mend();
    left_ = check();
    after_ = records_of(read_on(disk_).head());
  }

  RepairReport mend(bool dry_run = false) {
    RepairOptions options;
    options.files = &disk_;
    options.clock = [] { return kClockBegin + 1'000'000 * kClockStep; };
    options.fix_semantics = true;
    options.dry_run = dry_run;
    return repair(kDiskPath, options);
  }
  Verified check() {
    VerifyOptions options;
    options.level = VerifyLevel::kFull;
    return verify_on(disk_, options);
  }

  SimulatedDisk& disk() { return disk_; }
  [[nodiscard]] const FileBytes& file() const { return file_; }
  [[nodiscard]] const Verified& found() const { return found_; }
  [[nodiscard]] const Verified& left() const { return left_; }
  [[nodiscard]] const RepairReport& report() const { return report_; }
  [[nodiscard]] Snapshot head() { return read_on(disk_).head(); }

  // Tables and keys that are not what they were.
  [[nodiscard]] std::set<std::pair<Table, std::string>> changed() const {
    std::set<std::pair<Table, std::string>> keys;
    for (const auto& [key, record] : before_) {
      const auto now = after_.find(key);
      if (now == after_.end() || !(now->second == record)) keys.insert(key);
    }
    for (const auto& [key, record] : after_) {
      if (!before_.contains(key)) keys.insert(key);
    }
    return keys;
  }

 private:
  SimulatedDisk disk_;
  FileBytes file_;
  Verified found_;
  Verified left_;
  Records before_;
  Records after_;
  RepairReport report_;
};

// One finding of this code; corrected by actions of the code, on these records and no others.
void expect_mended(Mended& mended, FindingCode code,
                   const std::set<std::pair<Table, std::string>>& changed,
                   const std::set<std::pair<Table, std::string>>& bookkeeping = {}) {
  ASSERT_TRUE(mended.found().has(code)) << mended.found().text();
  const std::string command = "sessiontool repair " + std::string(kDiskPath) + " --fix-semantics";
  EXPECT_EQ(mended.found().first(code)->repair, command);
  EXPECT_TRUE(mended.left().findings.empty()) << mended.left().text();
  EXPECT_EQ(mended.left().report.verdict, Verdict::kClean);
  EXPECT_EQ(mended.report().verdict, RepairVerdict::kRestored);
  EXPECT_FALSE(mended.report().bit_exact);
  EXPECT_EQ(mended.report().semantic_findings, 0U);
  EXPECT_FALSE(mended.report().actions.empty());
  for (const RepairAction& action : mended.report().actions) {
    EXPECT_EQ(action.step, RepairStep::kMeaning);
    EXPECT_EQ(action.finding, code) << action.message;
    const std::pair record(action.table.value(), action.key);
    EXPECT_TRUE(changed.contains(record) || bookkeeping.contains(record)) << action.key;
    EXPECT_NE(action.before, action.after);
  }
  EXPECT_EQ(mended.changed(), changed);
}

TEST(RepairMeaning, AnOrphanBecomesARoot) {
  Mended mended([](Transaction& change) {
    task(change, "a", [](TaskBuilder t) { t.setParent("nobody"); });
    task(change, "b");
  });
  expect_mended(mended, FindingCode::kOrphanTask, {{Table::kTasks, "a"}});
  EXPECT_EQ(mended.head().children("").size(), 2U);
  EXPECT_EQ(mended.report().actions[0].before, "parent \"nobody\"");
  EXPECT_EQ(mended.report().actions[0].after, "a root");
}

TEST(RepairMeaning, ACircleOfParentsIsOpenedWhereItWasClosed) {
  Mended mended([](Transaction& change) {
    const auto in_circle = [&](const char* key, const char* parent, std::int64_t updated) {
      task(change, key, [&](TaskBuilder t) {
        t.setParent(parent);
        t.setUpdatedAt(kNow + updated);
        t.setUpdatedAtForm(kWithTime);
        depends(t, {parent}, DependencyType::PARENT);
      });
    };
    in_circle("a", "c", 1);
    in_circle("b", "a", 3);
    in_circle("c", "b", 2);
    task(change, "d", [](TaskBuilder t) { t.setParent("c"); });
  });
  expect_mended(mended, FindingCode::kParentCycle, {{Table::kTasks, "b"}});
  const Snapshot head = mended.head();
  EXPECT_EQ(text((*head.get<schema::Task>("c"))->getParent()), "b");
  // Else it would come back from a source that has it twice.
  EXPECT_FALSE((*head.get<schema::Task>("b"))->hasDependencies());
}

TEST(RepairMeaning, AMissingDependencyIsDroppedAndTold) {
  Mended mended([](Transaction& change) {
    task(change, "a", [](TaskBuilder t) {
      depends(t, {"b", "nobody"});
      t.getDependencies()[1].setLabel("blocks");
    });
    task(change, "b");
  });
  expect_mended(mended, FindingCode::kMissingDependency, {{Table::kTasks, "a"}});
  EXPECT_EQ(mended.report().actions[0].before, "\"nobody\" (prerequisite, blocks)");
  EXPECT_EQ((*mended.head().get<schema::Task>("a"))->getDependencies().size(), 1U);
}

TEST(RepairMeaning, OfACircleOfDependenciesTheNewestGoes) {
  Mended mended([](Transaction& change) {
    const auto needs = [&](const char* key, const char* target, std::int64_t time) {
      task(change, key, [&](TaskBuilder t) {
        depends(t, {target});
        t.getDependencies()[0].setCreatedAt(kNow + time);
        t.getDependencies()[0].setCreatedAtForm(kWithTime);
      });
    };
    needs("a", "b", 1);
    needs("b", "c", 3);
    needs("c", "a", 2);
    task(change, "d", [](TaskBuilder t) { depends(t, {"a", "b"}); });
  });
  expect_mended(mended, FindingCode::kDependencyCycle, {{Table::kTasks, "b"}});
}

TEST(RepairMeaning, ATaskDoesNotDependOnItself) {
  Mended mended([](Transaction& change) {
    task(change, "a", [](TaskBuilder t) { depends(t, {"a", "b"}); });
    task(change, "b");
  });
  expect_mended(mended, FindingCode::kDependencyCycle, {{Table::kTasks, "a"}});
  EXPECT_EQ((*mended.head().get<schema::Task>("a"))->getDependencies().size(), 1U);
}

TEST(RepairMeaning, ADependencyNamedTwiceIsNamedOnceWithAllThatWasSaid) {
  Mended mended([](Transaction& change) {
    task(change, "a", [](TaskBuilder t) {
      depends(t, {"b", "b"});
      t.getDependencies()[0].setLabel("blocks");
      t.getDependencies()[1].setLabel("needs");
      t.getDependencies()[1].setCreatedBy("somebody");
    });
    task(change, "b");
  });
  expect_mended(mended, FindingCode::kDuplicateDependency, {{Table::kTasks, "a"}});
  const Snapshot head = mended.head();
  const auto kept = head.get<schema::Task>("a");
  const auto left = (*kept)->getDependencies();
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(text(left[0].getLabel()), "blocks");
  EXPECT_EQ(text(left[0].getCreatedBy()), "somebody");
  EXPECT_NE(mended.report().actions[0].before.find("needs"), std::string::npos);
}

TEST(RepairMeaning, TheSameMessageAgainGoesAndAnotherOneLosesItsId) {
  Mended mended([](Transaction& change) {
    const auto say = [&](int number, const char* words) {
      message(change, number, [&](MessageBuilder m) {
        m.setId("m1");
        m.setText(words);
      });
    };
    say(1, "first");
    say(2, "first");
    say(3, "another");
  });
  expect_mended(mended, FindingCode::kDuplicateMessage,
                {{Table::kMessages, "m000002"}, {Table::kMessages, "m000003"}});
  const Snapshot head = mended.head();
  EXPECT_FALSE(head.get<schema::Message>("m000002"));
  EXPECT_FALSE((*head.get<schema::Message>("m000003"))->hasId());
  EXPECT_EQ(text((*head.get<schema::Message>("m000003"))->getText()), "another");
}

TEST(RepairMeaning, ReferencesThatLeadNowhereAreDropped) {
  Mended mended([](Transaction& change) {
    message(change, 1, [](MessageBuilder m) {
      m.setParentId("nobody");
      m.setTask("no task");
      m.setId("m1");
    });
    message(change, 2, [](MessageBuilder m) {
      m.setParentId("m1");
      m.setTask("gone");
    });
    put<schema::Event>(change, "1", [](EventBuilder e) {
      e.setTask("gone");
      e.setText("something happened");
    });
  });
  expect_mended(
      mended, FindingCode::kBrokenReference,
      {{Table::kMessages, "m000001"}, {Table::kMessages, "m000002"}, {Table::kEvents, "1"}});
  EXPECT_EQ(mended.report().actions.size(), 4U);
  EXPECT_EQ(text((*mended.head().get<schema::Message>("m000002"))->getParentId()), "m1");
}

TEST(RepairMeaning, AnExecutionBelongsToTheTaskOfItsKeyOrIsSetAside) {
  Mended mended([](Transaction& change) {
    task(change, "a");
    put<schema::Execution>(change, "a#000001", [](ExecutionBuilder e) { e.setTask("b"); });
    put<schema::Execution>(change, "b#000001", [](ExecutionBuilder e) {
      e.setTask("b");
      e.setAgentSession("seven");
    });
  });
  const std::string kept = "sessiontool/set-aside/executions/b#000001";
  EXPECT_EQ(mended.changed(),
            (std::set<std::pair<Table, std::string>>{{Table::kExecutions, "a#000001"},
                                                     {Table::kExecutions, "b#000001"},
                                                     {Table::kValues, kept}}));
  EXPECT_TRUE(mended.left().findings.empty()) << mended.left().text();
  const Snapshot head = mended.head();
  EXPECT_EQ(text((*head.get<schema::Execution>("a#000001"))->getTask()), "a");
  const std::string value = text((*head.get<schema::Value>(kept))->getText());
  EXPECT_NE(value.find("seven"), std::string::npos) << value;
}

TEST(RepairMeaning, TimesBecomeThatOfWhatTheyMustFollow) {
  Mended mended([](Transaction& change) {
    task(change, "a", [](TaskBuilder t) {
      t.setCreatedAt(kNow);
      t.setCreatedAtForm(kWithTime);
      t.setUpdatedAt(kNow - 1);
      t.setUpdatedAtForm(kWithTime);
      t.setStatus(TaskStatus::COMPLETED);
      t.initStatusDetail().setAt(kNow - 2);
      t.getStatusDetail().setAtForm(kWithTime);
    });
    put<schema::Execution>(change, "a#000001", [](ExecutionBuilder e) {
      e.setTask("a");
      e.setStartedAt(kNow);
      e.setStartedAtForm(kWithTime);
      e.setCompletedAt(kNow - 5);
      e.setCompletedAtForm(kWithTime);
    });
  });
  expect_mended(mended, FindingCode::kTimeOrder,
                {{Table::kTasks, "a"}, {Table::kExecutions, "a#000001"}});
  const Snapshot head = mended.head();
  EXPECT_EQ((*head.get<schema::Task>("a"))->getUpdatedAt(), kNow);
  EXPECT_EQ((*head.get<schema::Task>("a"))->getStatusDetail().getAt(), kNow);
  EXPECT_EQ((*head.get<schema::Execution>("a#000001"))->getCompletedAt(), kNow);
}

TEST(RepairMeaning, OneClockThatWasWrongOnceChangesOneTime) {
  Mended mended([](Transaction& change) {
    const std::vector<std::int64_t> times = {1, 2, 900, 3, 4, 5};
    for (std::size_t i = 0; i < times.size(); ++i) {
      message(change, static_cast<int>(i), [&](MessageBuilder m) {
        m.setTime(kNow + times[i]);
        m.setTimeForm(kWithTime);
      });
      put<schema::Event>(change, numbered("e", i), [&](EventBuilder e) {
        e.setTime(kNow + times[i]);
        e.setTimeForm(kWithTime);
      });
    }
  });
  expect_mended(mended, FindingCode::kTimeOrder,
                {{Table::kMessages, "m000002"}, {Table::kEvents, "e000002"}});
  EXPECT_EQ((*mended.head().get<schema::Message>("m000002"))->getTime(), kNow + 2);
}

TEST(RepairMeaning, RisingTimesChangeAsFewAsPossibleAndBelieveWhoCameFirst) {
  using Times = std::vector<std::int64_t>;
  EXPECT_EQ(operations::rising_times({}), Times{});
  EXPECT_EQ(operations::rising_times({10, 5}), (Times{10, 10}));
  EXPECT_EQ(operations::rising_times({10, 5, 7}), (Times{5, 5, 7}));
  EXPECT_EQ(operations::rising_times({1000, 1, 2, 3}), (Times{1, 1, 2, 3}));
  EXPECT_EQ(operations::rising_times({3, 3, 3}), (Times{3, 3, 3}));
  std::mt19937_64 random(random_seed());
  for (int round = 0; round < 200; ++round) {
    Times times(random() % 9);
    for (auto& time : times) time = static_cast<std::int64_t>(random() % 8);
    const Times risen = operations::rising_times(times);
    ASSERT_TRUE(std::is_sorted(risen.begin(), risen.end()));
    std::size_t stayed = 0;
    for (std::size_t i = 0; i < times.size(); ++i) stayed += times[i] == risen[i] ? 1 : 0;
    std::size_t longest = 0;
    for (std::uint32_t chosen = 0; chosen < (1U << times.size()); ++chosen) {
      Times run;
      for (std::size_t i = 0; i < times.size(); ++i) {
        if ((chosen >> i & 1U) != 0) run.push_back(times[i]);
      }
      if (std::is_sorted(run.begin(), run.end())) longest = std::max(longest, run.size());
    }
    ASSERT_GE(stayed, longest);
  }
}

TEST(RepairMeaning, DetailsOfAnotherStatusAreSetAside) {
  Mended mended([](Transaction& change) {
    task(change, "a", [](TaskBuilder t) {
      t.initStatusDetail().initError().setMessage("it broke");
      t.getStatusDetail().setRetryCount(2);
    });
  });
  EXPECT_TRUE(mended.left().findings.empty()) << mended.left().text();
  const std::string kept = "sessiontool/set-aside/tasks/a";
  EXPECT_EQ(mended.changed(), (std::set<std::pair<Table, std::string>>{{Table::kTasks, "a"},
                                                                       {Table::kValues, kept}}));
  const std::string value = text((*mended.head().get<schema::Value>(kept))->getText());
  EXPECT_NE(value.find("it broke"), std::string::npos) << value;
}

TEST(RepairMeaning, ATitleComesFromWhatIsWrittenElseFromTheKey) {
  Mended mended([](Transaction& change) {
    put_task(change, "a", {.description = " \n\n  Write the parser \nand test it"});
    put_task(change, "b", {});
    put_task(change, "c", {.description = std::string(119, 'x') + "\u00e4"});
  });
  expect_mended(mended, FindingCode::kMissingMetadata,
                {{Table::kTasks, "a"}, {Table::kTasks, "b"}, {Table::kTasks, "c"}});
  const Snapshot head = mended.head();
  EXPECT_EQ(text((*head.get<schema::Task>("a"))->getTitle()), "Write the parser");
  EXPECT_EQ(text((*head.get<schema::Task>("b"))->getTitle()), "b");
  EXPECT_EQ(text((*head.get<schema::Task>("c"))->getTitle()), std::string(119, 'x'));
}

TEST(RepairMeaning, ASessionWithoutAnIdGetsOneAndKeepsTheRest) {
  Mended mended([](Transaction& change) {
    put<schema::Upkeep>(change, "identity", [](schema::Upkeep::Builder upkeep) {
      upkeep.initIdentity().setAgentVersion("seven");
    });
  });
  expect_mended(mended, FindingCode::kMissingMetadata, {}, {{Table::kUpkeep, "identity"}});
  const Snapshot head = mended.head();
  const auto identity = head.get<schema::Upkeep>("identity");
  EXPECT_EQ((*identity)->getIdentity().getSessionId().size(), 36U);
  EXPECT_EQ(text((*identity)->getIdentity().getAgentVersion()), "seven");
}

TEST(RepairMeaning, ACheckpointCountsItsTasksAnew) {
  SimulatedDisk disk;
  {
    Writer writer = create_on(disk);
    auto change = writer.begin();
    task(change, "a");
    CheckpointOptions options;
    options.id = "c0ffee00-0000-4000-8000-000000000000";
    (void)change.checkpoint(options);
    auto wrong = writer.begin();
    const auto entry = wrong.get<schema::Checkpoint>(options.id);
    capnp::MallocMessageBuilder edited;
    edited.setRoot(**entry);
    edited.getRoot<schema::Checkpoint>().setTaskCount(7);
    wrong.upsert(options.id, edited.getRoot<schema::Checkpoint>().asReader());
    (void)wrong.commit();
    writer.close();
  }
  RepairOptions options;
  options.files = &disk;
  options.fix_semantics = true;
  const RepairReport report = repair(kDiskPath, options);
  ASSERT_EQ(report.actions.size(), 1U);
  EXPECT_EQ(report.actions[0].finding, FindingCode::kInconsistentCounter);
  EXPECT_EQ(report.actions[0].before, "7");
  EXPECT_EQ(report.actions[0].after, "1");
  VerifyOptions full;
  full.level = VerifyLevel::kFull;
  EXPECT_TRUE(verify_on(disk, full).findings.empty());
}

TEST(RepairMeaning, WhatOnlyTheWorldOutsideKnowsIsLeft) {
  Mended mended([](Transaction& change) {
    for (const auto kind : {schema::Block::Kind::TOOL_CALL, schema::Block::Kind::TOOL_RESULT}) {
      message(change, static_cast<int>(kind), [&](MessageBuilder m) {
        auto block = m.initBlocks(1)[0];
        block.setKind(kind);
        block.setCallId(kind == schema::Block::Kind::TOOL_CALL ? "open" : "answer");
      });
    }
  });
  EXPECT_EQ(mended.found().findings.size(), 2U);
  for (const Finding& finding : mended.found().findings) EXPECT_EQ(finding.repair, "");
  EXPECT_EQ(mended.report().verdict, RepairVerdict::kClean);
  EXPECT_EQ(mended.report().semantic_findings, 2U);
  EXPECT_EQ(mended.disk().contents(kDiskPath), mended.file());
}

// Somebody wrote a record that is another task altogether.
TEST(RepairMeaning, WhatCannotBeCorrectedIsLeftAloneAndNotToldOf) {
  Mended mended([](Transaction& change) {
    put<schema::SessionRecord>(change, "metadata", [](schema::SessionRecord::Builder session) {
      session.setOrigin(schema::Origin::ACA);
      session.initMetadata();
    });
    task(change, "a", [](TaskBuilder t) {
      t.setOrigin(schema::Origin::ACA);
      t.setExtra(R"({"!":{"id":"other","status":"Pending"}})");
    });
  });
  ASSERT_EQ(mended.found().findings.size(), 1U) << mended.found().text();
  EXPECT_TRUE(mended.found().has(FindingCode::kKeyDiffersFromId));
  EXPECT_EQ(mended.report().verdict, RepairVerdict::kClean);
  EXPECT_TRUE(mended.report().bit_exact);
  EXPECT_TRUE(mended.report().actions.empty());
  EXPECT_EQ(mended.report().semantic_findings, 1U);
  EXPECT_EQ(mended.disk().contents(kDiskPath), mended.file());
}

TEST(RepairMeaning, CorrectionsAreOneCommitBehindAnUntouchedPast) {
  Mended mended([](Transaction& change) {
    task(change, "a", [](TaskBuilder t) { t.setParent("nobody"); });
    put_task(change, "b", {});
  });
  const FileBytes now = mended.disk().contents(kDiskPath);
  EXPECT_EQ(mended.disk().contents(mended.report().backup), mended.file());
  const Reader reader = read_on(mended.disk());
  EXPECT_EQ(reader.head().revision(), 3U);
  EXPECT_EQ(mended.report().revision, 3U);
  EXPECT_EQ(text((*reader.at(2).get<schema::Task>("a"))->getParent()), "nobody");
  EXPECT_EQ(reader.head().count(Table::kRecoveries), 1U);
  // Twice is once.
  EXPECT_EQ(mended.mend().verdict, RepairVerdict::kClean);
  EXPECT_EQ(mended.disk().contents(kDiskPath), now);
}

TEST(RepairMeaning, ADryRunTellsAndChangesNothing) {
  SimulatedDisk disk;
  {
    Writer writer = create_on(disk);
    auto change = writer.begin();
    task(change, "a", [](TaskBuilder t) { t.setParent("nobody"); });
    (void)change.commit();
  }
  const auto before = disk.contents(kDiskPath);
  RepairOptions options;
  options.files = &disk;
  options.fix_semantics = true;
  options.dry_run = true;
  const RepairReport report = repair(kDiskPath, options);
  EXPECT_EQ(report.actions.size(), 1U);
  EXPECT_TRUE(report.output.empty());
  EXPECT_EQ(disk.contents(kDiskPath), before);
}

TEST(RepairMeaning, DamageIsMendedFirst) {
  SimulatedDisk disk;
  std::uint64_t size = 0;
  {
    Writer writer = create_on(disk);
    auto change = writer.begin();
    task(change, "a", [](TaskBuilder t) { t.setParent("nobody"); });
    (void)change.commit(folded());
    writer.close();
    size = disk.contents(kDiskPath).size();
  }
  FileBytes torn = disk.contents(kDiskPath);
  torn.resize(torn.size() + 64, std::byte{0x55});
  disk.put(kDiskPath, torn);
  RepairOptions options;
  options.files = &disk;
  options.fix_semantics = true;
  const RepairReport report = repair(kDiskPath, options);
  ASSERT_EQ(report.actions.size(), 2U);
  EXPECT_EQ(report.actions[0].step, RepairStep::kTail);
  EXPECT_EQ(report.actions[1].step, RepairStep::kMeaning);
  EXPECT_GT(disk.contents(kDiskPath).size(), size);
  VerifyOptions full;
  full.level = VerifyLevel::kFull;
  EXPECT_TRUE(verify_on(disk, full).findings.empty());
}

// ---- any session --------------------------------------------------------------------------------

void random_task(Transaction& change, std::mt19937_64& random, const std::string& key,
                 std::uint64_t tasks) {
  const auto any = [&] { return numbered("t", random() % (tasks + 2)); };
  put<schema::Task>(change, key, [&](TaskBuilder t) {
    if (random() % 8 != 0) t.setTitle("a title");
    if (random() % 2 != 0) t.setParent(any().c_str());
    t.setStatus(static_cast<TaskStatus>(random() % 6));
    const auto time = [&] { return kNow + static_cast<std::int64_t>(random() % 5); };
    if (random() % 2 != 0) {
      t.setCreatedAt(time());
      t.setCreatedAtForm(kWithTime);
      t.setUpdatedAt(time());
      t.setUpdatedAtForm(random() % 2 != 0 ? kWithTime : 0);
    }
    if (random() % 3 == 0) {
      auto detail = t.initStatusDetail();
      detail.setAt(time());
      detail.setAtForm(kWithTime);
      detail.setRetryCount(static_cast<std::uint32_t>(random() % 2));
      if (random() % 2 != 0) detail.initResult().setOutput("{}");
      if (random() % 2 != 0) detail.initError().setMessage("no");
    }
    const auto count = static_cast<std::uint32_t>(random() % 4);
    if (count == 0) return;
    auto list = t.initDependencies(count);
    for (auto dependency : list) {
      dependency.setTarget(any().c_str());
      dependency.setType(static_cast<DependencyType>(random() % 6));
      // Texts of this size leave the record, and their places move with the list.
      if (random() % 8 == 0) dependency.setLabel(std::string(5000, 'x').c_str());
    }
  });
}

void random_message(Transaction& change, std::mt19937_64& random, int number, std::uint64_t tasks) {
  message(change, number, [&](MessageBuilder m) {
    const auto id = [&] { return "id" + std::to_string(random() % 20); };
    if (random() % 2 != 0) m.setId(id().c_str());
    if (random() % 3 == 0) m.setParentId(id().c_str());
    if (random() % 3 == 0) m.setTask(numbered("t", random() % (tasks + 2)).c_str());
    if (random() % 2 != 0) m.setAgent("a");
    m.setFlags(static_cast<std::uint32_t>(random() % 2));
    m.setTime(kNow + static_cast<std::int64_t>(random() % 10));
    m.setTimeForm(random() % 4 != 0 ? kWithTime : 0);
  });
}

TEST(RepairMeaning, AnyBrokenSessionIsMendedAtOnceAndNothingElseIsTouched) {
  std::mt19937_64 random(random_seed());
  for (int round = 0; round < 25; ++round) {
    const std::uint64_t tasks = 1 + random() % 12;
    Mended mended([&](Transaction& change) {
      for (std::uint64_t i = 0; i < tasks; ++i) {
        random_task(change, random, numbered("t", i), tasks);
        if (random() % 2 == 0) continue;
        put<schema::Execution>(change, numbered("t", i) + "#000001", [&](ExecutionBuilder e) {
          if (random() % 4 != 0) e.setTask(numbered("t", random() % (tasks + 2)).c_str());
          e.setStartedAt(kNow + static_cast<std::int64_t>(random() % 3));
          e.setStartedAtForm(kWithTime);
          e.setCompletedAt(kNow + static_cast<std::int64_t>(random() % 3));
          e.setCompletedAtForm(kWithTime);
          e.setStatus(static_cast<TaskStatus>(random() % 6));
          if (random() % 2 != 0) e.initStatusDetail().initError();
        });
      }
      for (int i = 0; i < 12; ++i) random_message(change, random, i, tasks);
      for (int i = 0; i < 6; ++i) {
        put<schema::Event>(change, std::to_string(i), [&](EventBuilder e) {
          e.setTime(kNow + static_cast<std::int64_t>(random() % 6));
          e.setTimeForm(kWithTime);
          if (random() % 2 != 0) e.setTask(numbered("t", random() % (tasks + 2)).c_str());
        });
      }
    });
    ASSERT_TRUE(mended.left().findings.empty()) << mended.left().text();
    std::set<std::pair<Table, std::string>> told;
    for (const RepairAction& action : mended.report().actions) {
      told.emplace(action.table.value(), action.key);
    }
    for (const auto& [table, key] : mended.changed()) {
      const bool is_kept = key.starts_with("sessiontool/set-aside/");
      EXPECT_TRUE(is_kept || told.contains({table, key})) << table_name(table) << " " << key;
    }
    for (const Finding& finding : mended.found().findings) {
      const bool is_told =
          std::any_of(mended.report().actions.begin(), mended.report().actions.end(),
                      [&](const RepairAction& action) { return action.finding == finding.code; });
      EXPECT_TRUE(is_told) << finding_name(finding.code) << " " << finding.key;
    }
    const FileBytes once = mended.disk().contents(kDiskPath);
    EXPECT_EQ(mended.mend().verdict, RepairVerdict::kClean);
    EXPECT_EQ(mended.disk().contents(kDiskPath), once);
  }
}

// ---- what came from elsewhere -------------------------------------------------------------------

class RepairOfImported : public testing::Test {
 protected:
  [[nodiscard]] std::string file() const { return directory_.file("imported.session"); }

  std::vector<Finding> find(const std::string& path) {
    std::vector<Finding> findings;
    VerifyOptions options;
    options.level = VerifyLevel::kFull;
    options.on_finding = [&](const Finding& finding) { findings.push_back(finding); };
    EXPECT_EQ(verify(path, options).verdict, Verdict::kClean);
    return findings;
  }

  // Imports it, corrects it; every finding has to be told of by its code, and where a record is
  // changed for it, by that.
  RepairReport mend(const std::string& source) {
    std::filesystem::remove(file());
    (void)import_sources({source}, file());
    const std::vector<Finding> found = find(file());
    RepairOptions options;
    options.fix_semantics = true;
    const RepairReport report = repair(file(), options);
    EXPECT_EQ(report.verdict, found.empty() ? RepairVerdict::kClean : RepairVerdict::kRestored);
    for (const Finding& finding : found) {
      EXPECT_FALSE(finding.repair.empty()) << finding.message;
      const bool is_told = std::any_of(
          report.actions.begin(), report.actions.end(), [&](const RepairAction& action) {
            // Who has to change is not always who was noticed.
            const bool is_elsewhere =
                finding.code == FindingCode::kParentCycle ||
                finding.code == FindingCode::kDependencyCycle ||
                (finding.code == FindingCode::kTimeOrder && finding.table == Table::kMessages);
            return action.finding == finding.code &&
                   (is_elsewhere || (action.table == finding.table && action.key == finding.key));
          });
      EXPECT_TRUE(is_told) << finding_name(finding.code) << " " << finding.message;
    }
    for (const Finding& left : find(file())) ADD_FAILURE() << source << ": " << left.message;
    return report;
  }

  static std::vector<std::string> lines_of(const Snapshot& snapshot, SourceFormat format) {
    std::stringstream out;
    (void)export_session(snapshot, format, out);
    std::vector<std::string> lines;
    for (std::string line; std::getline(out, line);) lines.push_back(line);
    return lines;
  }

  TempDir directory_;
};

TEST_F(RepairOfImported, TheDirtySessionHasNoFindingLeftNorHasItsDirectory) {
  const std::string source = std::string(SESSIONTOOL_SHARED_DATA) + "/aca/dirty";
  if (!std::filesystem::exists(source)) GTEST_SKIP() << "no data folder beside the project";
  const RepairReport report = mend(source);
  EXPECT_GT(report.actions.size(), 47U);
  // The bytes of what nobody can read are kept.
  const Reader reader = Reader::open(file());
  const Snapshot head = reader.head();
  const Snapshot past = reader.at(head.revision() - 1);
  std::uint64_t kept = 0;
  for (Cursor cursor = head.cursor(Table::kValues, "sessiontool/set-aside/"); cursor.valid();
       cursor.next()) {
    const std::string was(
        cursor.key().substr(std::string_view("sessiontool/set-aside/values/").size()));
    const auto before = past.find(Table::kValues, was);
    ASSERT_TRUE(before) << was;
    EXPECT_EQ(format::Record(before->record()), format::Record(cursor.record())) << was;
    ++kept;
  }
  EXPECT_EQ(kept, 13U);
  // And the directory that goes out comes in again as a session without fault.
  const std::string out = directory_.file("out");
  (void)export_session_directory(head, SourceFormat::kAca, out);
  const std::string again = directory_.file("again.session");
  (void)import_sources({out}, again);
  for (const Finding& left : find(again)) ADD_FAILURE() << left.message;
}

TEST_F(RepairOfImported, EverySampleIsMended) {
  const std::string data = SESSIONTOOL_SHARED_DATA;
  if (!std::filesystem::exists(data)) GTEST_SKIP() << "no data folder beside the project";
  for (const char* sample :
       {"/aca/small", "/aca/medium", "/beads/beads-clean.jsonl", "/taskmaster/typosentinel.json",
        "/transcripts/claude-code/1af7fc5e-8455-4414-9ccd-011d40f70b2a.jsonl",
        "/transcripts/claude-code/fe5e1c67-53e7-4862-81ae-d0e013e3270b.jsonl"}) {
    EXPECT_FALSE(mend(data + sample).actions.empty()) << sample;
  }
}

TEST_F(RepairOfImported, OnlyTheIssuesThatAreToldOfChange) {
  const std::string source = std::string(SESSIONTOOL_SHARED_DATA) + "/beads/beads-latest.jsonl";
  if (!std::filesystem::exists(source)) GTEST_SKIP() << "no data folder beside the project";
  const RepairReport report = mend(source);
  std::set<std::string> told;
  for (const RepairAction& action : report.actions) told.insert(action.key);
  const Reader reader = Reader::open(file());
  const auto before = lines_of(reader.at(1), SourceFormat::kBeads);
  const auto after = lines_of(reader.head(), SourceFormat::kBeads);
  ASSERT_EQ(before.size(), after.size());
  std::set<std::string> changed;
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (before[i] == after[i]) continue;
    changed.emplace(convert::json::parse(after[i]).find("id")->text());
  }
  EXPECT_EQ(changed, told);
}

// A state as aca writes it, but for everything that can be wrong with lists, counters and times.
std::string random_state(std::mt19937_64& random) {
  const auto one_of = [&](const std::vector<std::string>& texts) {
    return texts[random() % texts.size()];
  };
  const auto key = [&] { return "\"k" + std::to_string(random() % 6) + "\""; };
  const auto list = [&] {
    std::string items;
    for (std::uint64_t n = random() % 4; n > 0; --n) {
      items += (items.empty() ? "" : ",") + (random() % 12 == 0 ? std::string("7") : key());
    }
    return "[" + items + "]";
  };
  const auto time = [&] {
    return "\"2026-01-0" + std::to_string(1 + random() % 8) + "T08:00:00.5Z\"";
  };
  const auto count = [&] { return one_of({"0", "1", "2", "4294967295", "\"many\"", "1.5"}); };
  std::string tasks;
  for (std::uint64_t i = 0; i < 1 + random() % 5; ++i) {
    const std::string name = "\"k" + std::to_string(i) + "\"";
    tasks += (i == 0 ? "" : ",") + name + R"(:{"id":)" + (random() % 4 == 0 ? key() : name);
    tasks += R"(,"title":"t","description":"","children":)" + list();
    tasks +=
        R"(,"status":)" + one_of({R"("Pending")", R"({"Paused":{}})", R"({"Completed":7})",
                                  R"({"Completed":{"completed_at":)" + time() +
                                      R"(,"result":{"Success":{"output":null}}}})",
                                  R"({"Skipped":{"reason":"r","skipped_at":)" + time() + "}}"});
    tasks += R"(,"parent_id":)" +
             one_of({"null", key(), key(), R"("")", "\"" + std::string(3000, 'x') + "\"", "7"});
    tasks += R"(,"dependencies":)" + list() + R"(,"created_at":)" + time();
    tasks += R"(,"updated_at":)" + time() + R"(,"metadata":{},"execution_history":[]})";
  }
  // A key that no record can have: the task stays beside the records.
  if (random() % 3 == 0) {
    const std::string long_key = "\"" + std::string(2100, 'k') + "\"";
    tasks += "," + long_key + R"(:{"id":)" + one_of({long_key, key()}) +
             R"(,"status":"Pending","parent_id":null,"children":)" + list() + "}";
  }
  const std::string statistics = R"({"total_tasks":)" + count() + R"(,"completed_tasks":)" +
                                 count() + R"(,"success_rate":)" + one_of({"0.5", "7.25", "null"}) +
                                 R"(,"average_completion_time":)" +
                                 one_of({"null", "[-3,0]", "[5,5]"}) + "}";
  return R"({"metadata":{"id":"x","name":"n","created_at":)" + time() + R"(,"last_updated":)" +
         time() + R"(,"version":{"format_version":)" + one_of({R"("1.0")", R"("0.9")", "1"}) +
         R"(},"checkpoints":)" +
         one_of({"[]", R"([{"id":"checkpoint_gone","task_count":1},{"id":7},3])", "null"}) +
         R"(,"total_tasks":)" + count() + R"(,"failed_tasks":)" + count() +
         R"(},"task_tree":{"tasks":{)" + tasks + R"(},"roots":)" + list() +
         R"(,"metadata":{"created_at":)" + time() + R"(,"updated_at":)" + time() +
         R"(,"total_tasks_created":)" + count() + R"(,"statistics":)" + statistics + "}}}";
}

TEST_F(RepairOfImported, AnyStateOfAcaIsMendedAndSoIsItsDirectory) {
  std::mt19937_64 random(random_seed());
  const std::string session = "8d7b74cb-67fa-4444-9673-8abdf13731fa";
  for (int round = 0; round < 40; ++round) {
    const std::string source = directory_.file("source" + std::to_string(round));
    const std::string meta = source + "/.aca/sessions/" + session + "/meta";
    std::filesystem::create_directories(meta);
    const std::string state = random_state(random);
    std::ofstream(meta + "/session.json") << state;
    (void)mend(source);
    const std::string out = directory_.file("out" + std::to_string(round));
    (void)export_session_directory(Reader::open(file()).head(), SourceFormat::kAca, out);
    const std::string again = directory_.file("again" + std::to_string(round) + ".session");
    (void)import_sources({out}, again);
    for (const Finding& left : find(again)) ADD_FAILURE() << left.message;
    ASSERT_FALSE(HasFailure()) << state;
  }
}

TEST(RepairMeaning, TheSpecificationSaysOfEachCodeWhatBecomesOfIt) {
  const auto rows = spec_table(read_spec("recovery.md"), "corrections");
  std::size_t at = 0;
  for (const FindingKind& kind : finding_kinds()) {
    if (kind.layer != FindingLayer::kMeaning) {
      EXPECT_FALSE(is_correctable(kind.code)) << kind.name;
      continue;
    }
    ASSERT_LT(at, rows.size());
    EXPECT_EQ(rows[at].at(0), kind.name);
    EXPECT_EQ(!rows[at].at(1).starts_with("none"), is_correctable(kind.code)) << kind.name;
    ++at;
  }
  EXPECT_EQ(at, rows.size());
}

}  // namespace
}  // namespace session::test
