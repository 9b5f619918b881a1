// Each rule of meaning has its code, and a session that keeps the rules has no finding.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <string>

#include "format/checksum.h"
#include "lib/convert/json.h"
#include "lib/operations/meaning_parts.h"
#include "session/convert.h"
#include "tests/lib/operations/meaning_support.h"
#include "tests/lib/operations/verify_support.h"
#include "tests/support/temp_dir.h"

namespace session::test {
namespace {

using TaskBuilder = schema::Task::Builder;
using MessageBuilder = schema::Message::Builder;
using schema::TaskStatus;

void depends(TaskBuilder record, std::initializer_list<const char*> targets,
             schema::DependencyType type = schema::DependencyType::PREREQUISITE) {
  auto list = record.initDependencies(static_cast<std::uint32_t>(targets.size()));
  std::uint32_t at = 0;
  for (const char* const target : targets) {
    list[at].setTarget(target);
    list[at++].setType(type);
  }
}

Verified meaning_of(const std::function<void(Transaction&)>& fill, std::string workspace = {}) {
  SimulatedDisk disk;
  Writer writer = create_on(disk);
  auto change = writer.begin();
  fill(change);
  (void)change.commit();
  writer.close();
  VerifyOptions options;
  options.level = VerifyLevel::kFull;
  options.workspace = std::move(workspace);
  Verified verified = verify_on(disk, options);
  EXPECT_EQ(verified.report.verdict, Verdict::kClean) << verified.text();
  return verified;
}

// Exactly one finding: this one.
void expect_one(const Verified& verified, FindingCode code, Table table, std::string_view key) {
  ASSERT_EQ(verified.findings.size(), 1U) << verified.text();
  const Finding& finding = verified.findings[0];
  EXPECT_EQ(finding.code, code) << verified.text();
  EXPECT_EQ(finding.table, table);
  EXPECT_EQ(finding.key, key);
  EXPECT_EQ(finding.effect, FindingEffect::kNone);
  EXPECT_EQ(finding.revisions, std::vector<std::uint64_t>{2});
  EXPECT_EQ(verified.report.semantic_findings, 1U);
}

TEST(VerifyMeaning, ASessionThatKeepsTheRulesHasNoFinding) {
  const Verified verified = meaning_of([](Transaction& change) {
    task(change, "a", [](TaskBuilder t) {
      t.setCreatedAt(kNow);
      t.setCreatedAtForm(kWithTime);
      t.setUpdatedAt(kNow + 1);
      t.setUpdatedAtForm(kWithTime);
      t.setStatus(TaskStatus::COMPLETED);
      t.initStatusDetail().initResult();
    });
    task(change, "b", [](TaskBuilder t) {
      t.setParent("a");
      depends(t, {"a"});
    });
    // On both sides, as such dependencies are.
    task(change, "c", [](TaskBuilder t) { depends(t, {"d"}, schema::DependencyType::EXCLUSIVE); });
    task(change, "d", [](TaskBuilder t) { depends(t, {"c"}, schema::DependencyType::EXCLUSIVE); });
    put<schema::Message>(change, "0000000001", [](MessageBuilder m) {
      m.setId("m1");
      auto block = m.initBlocks(1)[0];
      block.setKind(schema::Block::Kind::TOOL_CALL);
      block.setCallId("c1");
    });
    put<schema::Message>(change, "0000000002", [](MessageBuilder m) {
      m.setId("m2");
      m.setParentId("m1");
      m.setTask("a");
      auto block = m.initBlocks(1)[0];
      block.setKind(schema::Block::Kind::TOOL_RESULT);
      block.setCallId("c1");
    });
    put<schema::Execution>(change, "a#000001",
                           [](schema::Execution::Builder e) { e.setTask("a"); });
    put<schema::Event>(change, "0000000001", [](schema::Event::Builder e) { e.setTask("a"); });
  });
  EXPECT_TRUE(verified.findings.empty()) << verified.text();
}

TEST(VerifyMeaning, AnOrphan) {
  expect_one(meaning_of([](Transaction& change) {
               task(change, "a", [](TaskBuilder t) { t.setParent("nobody"); });
             }),
             FindingCode::kOrphanTask, Table::kTasks, "a");
}

TEST(VerifyMeaning, ParentsInACircle) {
  expect_one(meaning_of([](Transaction& change) {
               task(change, "a", [](TaskBuilder t) { t.setParent("c"); });
               task(change, "b", [](TaskBuilder t) { t.setParent("a"); });
               task(change, "c", [](TaskBuilder t) { t.setParent("b"); });
               task(change, "d", [](TaskBuilder t) { t.setParent("a"); });
             }),
             FindingCode::kParentCycle, Table::kTasks, "a");
}

TEST(VerifyMeaning, AMissingDependency) {
  expect_one(meaning_of([](Transaction& change) {
               task(change, "a", [](TaskBuilder t) { depends(t, {"nobody"}); });
             }),
             FindingCode::kMissingDependency, Table::kTasks, "a");
}

TEST(VerifyMeaning, DependenciesInACircle) {
  expect_one(meaning_of([](Transaction& change) {
               task(change, "a", [](TaskBuilder t) { depends(t, {"b"}); });
               task(change, "b", [](TaskBuilder t) { depends(t, {"c", "d"}); });
               task(change, "c", [](TaskBuilder t) { depends(t, {"a"}); });
               task(change, "d");
             }),
             FindingCode::kDependencyCycle, Table::kTasks, "a");
  expect_one(meaning_of([](Transaction& change) {
               task(change, "a", [](TaskBuilder t) { depends(t, {"a"}); });
             }),
             FindingCode::kDependencyCycle, Table::kTasks, "a");
}

TEST(VerifyMeaning, ALongChainIsNoCircle) {
  constexpr std::uint64_t kTasks = 20'000;
  const Verified verified = meaning_of([](Transaction& change) {
    for (std::uint64_t i = 0; i < kTasks; ++i) {
      const std::string before = numbered("t", i == 0 ? 1 : i - 1);
      task(change, numbered("t", i), [&](TaskBuilder t) {
        if (i != 0) t.setParent(before.c_str());
        if (i != 0) depends(t, {before.c_str()});
      });
    }
  });
  EXPECT_TRUE(verified.findings.empty()) << verified.text();
}

// More than the first search keeps: the tasks are read again, and what it leaves open is looked at
// exactly.
TEST(VerifyMeaning, ACircleAmongHalfAMillionDependencies) {
  constexpr std::uint64_t kTasks = 1'400;
  constexpr std::uint64_t kEach = 500;
  static_assert((kTasks - kEach) * kEach + kEach * (kEach - 1) / 2 >
                operations::CircleSearch::kMostEdges);
  for (const bool has_circle : {false, true}) {
    const Verified verified = meaning_of([&](Transaction& change) {
      const auto name = [](std::uint64_t i) { return numbered("t", i * 11 % kTasks); };
      for (std::uint64_t i = 0; i < kTasks; ++i) {
        task(change, name(i), [&](TaskBuilder t) {
          const std::uint64_t count = std::min(i, kEach);
          auto list = t.initDependencies(static_cast<std::uint32_t>(count) +
                                         (has_circle && i == 0 ? 1 : 0));
          for (std::uint32_t k = 0; k < count; ++k) list[k].setTarget(name(i - 1 - k).c_str());
          if (has_circle && i == 0) list[0].setTarget(name(kTasks - 1).c_str());
          for (auto one : list) one.setType(schema::DependencyType::PREREQUISITE);
        });
      }
    });
    ASSERT_EQ(verified.findings.size(), has_circle ? 1U : 0U) << verified.text();
    if (!has_circle) continue;
    EXPECT_EQ(verified.findings[0].code, FindingCode::kDependencyCycle);
    EXPECT_NE(verified.findings[0].message.find(" more"), std::string::npos);
  }
}

TEST(VerifyMeaning, ADependencyNamedTwice) {
  expect_one(meaning_of([](Transaction& change) {
               task(change, "a", [](TaskBuilder t) { depends(t, {"b", "b"}); });
               task(change, "b");
             }),
             FindingCode::kDuplicateDependency, Table::kTasks, "a");
}

TEST(VerifyMeaning, ATaskWithoutATitle) {
  expect_one(meaning_of([](Transaction& change) { put_task(change, "a", {}); }),
             FindingCode::kMissingMetadata, Table::kTasks, "a");
}

TEST(VerifyMeaning, TimesThatRunBackwards) {
  expect_one(meaning_of([](Transaction& change) {
               task(change, "a", [](TaskBuilder t) {
                 t.setCreatedAt(kNow);
                 t.setCreatedAtForm(kWithTime);
                 t.setUpdatedAt(kNow - 1);
                 t.setUpdatedAtForm(kWithTime);
               });
             }),
             FindingCode::kTimeOrder, Table::kTasks, "a");
  const auto messages = [](std::uint32_t flags) {
    return [flags](Transaction& change) {
      for (int i = 0; i < 2; ++i) {
        put<schema::Message>(change, "000000000" + std::to_string(i), [&](MessageBuilder m) {
          m.setTime(kNow - i);
          m.setTimeForm(kWithTime);
          m.setFlags(i == 1 ? flags : 0);
        });
      }
    };
  };
  expect_one(meaning_of(messages(0)), FindingCode::kTimeOrder, Table::kMessages, "0000000001");
  EXPECT_TRUE(meaning_of(messages(1)).findings.empty());
  expect_one(meaning_of([](Transaction& change) {
               for (int i = 0; i < 2; ++i) {
                 put<schema::Event>(change, "000000000" + std::to_string(i),
                                    [&](schema::Event::Builder e) {
                                      e.setTime(kNow - i);
                                      e.setTimeForm(kWithTime);
                                    });
               }
             }),
             FindingCode::kTimeOrder, Table::kEvents, "0000000001");
}

TEST(VerifyMeaning, DetailsOfAnotherStatus) {
  expect_one(meaning_of([](Transaction& change) {
               task(change, "a", [](TaskBuilder t) { t.initStatusDetail().initError(); });
             }),
             FindingCode::kStatusDetail, Table::kTasks, "a");
  expect_one(meaning_of([](Transaction& change) {
               task(change, "a", [](TaskBuilder t) {
                 t.setStatus(TaskStatus::FAILED);
                 t.initStatusDetail().initResult();
               });
             }),
             FindingCode::kStatusDetail, Table::kTasks, "a");
}

TEST(VerifyMeaning, CallsWithoutResultsAndResultsWithoutCalls) {
  const auto message = [](schema::Block::Kind kind) {
    return [kind](Transaction& change) {
      put<schema::Message>(change, "0000000001", [&](MessageBuilder m) {
        auto block = m.initBlocks(1)[0];
        block.setKind(kind);
        block.setCallId("c1");
      });
    };
  };
  expect_one(meaning_of(message(schema::Block::Kind::TOOL_CALL)),
             FindingCode::kToolCallWithoutResult, Table::kMessages, "0000000001");
  expect_one(meaning_of(message(schema::Block::Kind::TOOL_RESULT)),
             FindingCode::kToolResultWithoutCall, Table::kMessages, "0000000001");
}

TEST(VerifyMeaning, ReferencesThatLeadNowhere) {
  expect_one(meaning_of([](Transaction& change) {
               put<schema::Message>(change, "0000000001",
                                    [](MessageBuilder m) { m.setParentId("nobody"); });
             }),
             FindingCode::kBrokenReference, Table::kMessages, "0000000001");
  expect_one(meaning_of([](Transaction& change) {
               put<schema::Execution>(change, "x#1",
                                      [](schema::Execution::Builder e) { e.setTask("x"); });
             }),
             FindingCode::kBrokenReference, Table::kExecutions, "x#1");
  expect_one(meaning_of([](Transaction& change) {
               put<schema::Event>(change, "1", [](schema::Event::Builder e) { e.setTask("x"); });
             }),
             FindingCode::kBrokenReference, Table::kEvents, "1");
}

TEST(VerifyMeaning, TwoMessagesWithOneId) {
  expect_one(meaning_of([](Transaction& change) {
               for (const char* key : {"0000000001", "0000000002"}) {
                 put<schema::Message>(change, key, [](MessageBuilder m) { m.setId("m1"); });
               }
             }),
             FindingCode::kDuplicateMessage, Table::kMessages, "0000000002");
}

TEST(VerifyMeaning, ACheckpointThatCountsWrongly) {
  FileBytes file = small_snapshot(4);
  forge<schema::Leaf>(file, root_of(file, Table::kCheckpoints), [](schema::Leaf::Builder leaf) {
    leaf.getRecords().getAs<capnp::List<schema::Checkpoint>>()[0].setTaskCount(5);
  });
  EXPECT_TRUE(verify_bytes(file, VerifyLevel::kFull).has(FindingCode::kInconsistentCounter));
}

TEST(VerifyMeaning, FilesAreComparedWithTheWorkspaceWhenAsked) {
  const TempDir workspace;
  std::ofstream(workspace.file("same.txt")) << "same";
  std::ofstream(workspace.file("longer.txt")) << "longer now";
  std::ofstream(workspace.file("edited.txt")) << "edit";
  const auto track = [](Transaction& change, std::string_view path, std::string_view content) {
    put<schema::File>(change, path, [&](schema::File::Builder file) {
      file.setIsTracked(true);
      file.setSizeBytes(content.size());
      file.setChecksum(("sha256:" + to_hex(format::sha256(format::as_bytes(content)))).c_str());
    });
  };
  const auto fill = [&](Transaction& change) {
    track(change, "same.txt", "same");
    track(change, "longer.txt", "longer");
    track(change, "edited.txt", "edti");
    track(change, "gone.txt", "gone");
  };
  EXPECT_TRUE(meaning_of(fill).findings.empty());
  const Verified verified = meaning_of(fill, workspace.path());
  std::set<std::string> found;
  for (const Finding& finding : verified.findings) {
    found.insert(std::string(finding_name(finding.code)) + " " + finding.key);
  }
  EXPECT_EQ(found, (std::set<std::string>{"file_changed edited.txt", "file_changed longer.txt",
                                          "file_missing gone.txt"}));
}

// ---- what came from aca -------------------------------------------------------------------------

class ImportedAca : public testing::Test {
 protected:
  // (code, key) of every finding of meaning.
  std::multiset<std::pair<std::string, std::string>> findings_of(const std::string& name) {
    const std::string source = std::string(SESSIONTOOL_SHARED_DATA) + "/aca/" + name;
    if (!std::filesystem::exists(source)) return {};
    const std::string file = directory_.file("imported.session");
    (void)import_sources({source}, file);
    std::multiset<std::pair<std::string, std::string>> found;
    VerifyOptions options;
    options.level = VerifyLevel::kFull;
    options.on_finding = [&](const Finding& finding) {
      if (finding.severity == Severity::kInfo) return;
      found.emplace(finding_name(finding.code), finding.key);
      messages_ += finding.message + "\n";
    };
    EXPECT_EQ(verify(file, options).verdict, Verdict::kClean);
    return found;
  }
  [[nodiscard]] bool says(std::string_view text) const {
    return messages_.find(text) != std::string::npos;
  }

  TempDir directory_;
  std::string messages_;
};

TEST_F(ImportedAca, EveryPlantedDefectIsFoundWithItsOwnCode) {
  const auto found = findings_of("dirty");
  if (found.empty()) GTEST_SKIP() << "no data folder beside the project";
  std::ifstream in(std::string(SESSIONTOOL_SHARED_DATA) + "/aca/dirty/EXPECTED.json");
  const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  const auto expected = convert::json::parse(text);
  const auto& state = *expected.find("session.json");
  const auto expect_each = [&](std::string_view list, std::string_view member,
                               const std::string& code) {
    for (const auto& item : state.find(list)->items()) {
      const auto* key = item.is_object() ? item.find(member) : &item;
      ASSERT_NE(key, nullptr);
      EXPECT_TRUE(found.contains({code, std::string(key->text())})) << list << " " << key->text();
    }
  };
  expect_each("orphaned_tasks", "task", "orphan_task");
  expect_each("broken_child_references", "task", "broken_child_reference");
  expect_each("missing_dependencies", "task", "missing_dependency");
  expect_each("duplicate_children", "child", "duplicate_child");
  expect_each("child_not_listed_by_its_parent", "", "unlisted_child");
  expect_each("updated_before_created", "", "time_order");
  expect_each("completed_before_created", "", "time_order");
  expect_each("map_key_differs_from_task_id", "key", "key_differs_from_id");
  const auto circle = [&](const convert::json::Value& members, const std::string& code) {
    bool is_found = false;
    for (const auto& member : members.items()) {
      is_found = is_found || found.contains({code, std::string(member.text())});
      EXPECT_TRUE(says(member.text()));
    }
    EXPECT_TRUE(is_found) << code;
  };
  for (const auto& members : state.find("dependency_cycles")->items()) {
    circle(members, "dependency_cycle");
  }
  circle(*state.find("parent_cycle"), "parent_cycle");
  for (const auto& root : state.find("roots")->members()) {
    EXPECT_TRUE(found.contains({"inconsistent_roots", std::string(root.value.text())}));
  }
  for (const char* words :
       {"metadata.total_tasks", "metadata.completed_tasks", "metadata.failed_tasks",
        "metadata.last_updated", "format_version", "task_tree.metadata.updated_at",
        "total_tasks_created", "statistics.total_tasks", "statistics.completed_tasks",
        "success_rate", "average_completion_time"}) {
    EXPECT_TRUE(says(words)) << words;
  }
  EXPECT_GE(found.count({"inconsistent_counter", "metadata"}), 8U);
  EXPECT_EQ(found.count({"foreign_version", "metadata"}), 1U);
}

TEST_F(ImportedAca, EveryPlantedFileIsFoundWithItsOwnCode) {
  const auto found = findings_of("dirty");
  if (found.empty()) GTEST_SKIP() << "no data folder beside the project";
  const auto file = [](std::string_view id, std::string_view kind) {
    return "aca/files/checkpoints/checkpoint_" + std::string(id) + "." + std::string(kind);
  };
  using Pair = std::pair<std::string, std::string>;
  for (const Pair& defect :
       {Pair{"checksum_mismatch", file("64ac02d3-89f5-4f92-a73c-49416a56b560", "checksum")},
        Pair{"broken_source_file", file("8a5d1655-0b2b-4417-a607-d8459d05fda6", "json")},
        Pair{"broken_source_file", file("2a06dc8f-523a-45c9-9578-24b7dbf91c10", "json")},
        Pair{"broken_source_file", file("c873cf73-bd19-4a53-b640-40c076127f04", "json")},
        Pair{"broken_source_file", file("953fa0f7-e9f4-486e-b0e3-696d275b1696", "json")},
        Pair{"foreign_version", file("7d07d497-c70b-478f-b1e1-a678d0eda2bc", "json")},
        Pair{"foreign_version", file("349c678c-d1a6-451d-8127-ae339c4d30b8", "json")},
        Pair{"inconsistent_counter", "4bc31907-cae5-478f-82c3-ac4d83e2ba3d"},
        Pair{"broken_reference", file("2082f8dd-c9df-4e72-964e-d4b8ce42d5fe", "checksum")},
        Pair{"broken_source_file",
             "aca/files/temp/session_51bf2278-a71b-48fc-8c28-61d6a6e40727.json"}}) {
    EXPECT_TRUE(found.contains(defect)) << defect.first << " " << defect.second;
  }
}

TEST_F(ImportedAca, ASoundSessionHasNoFinding) {
  const auto found = findings_of("small");
  EXPECT_TRUE(found.empty()) << messages_;
}

}  // namespace
}  // namespace session::test
