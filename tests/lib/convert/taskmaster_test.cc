// Documents of Task Master in and out again, by way of whole session files.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>

#include "lib/convert/converter.h"
#include "lib/convert/json_place.h"
#include "lib/convert/taskmaster_document.h"
#include "session/convert.h"
#include "session/reader.h"
#include "tests/support/random_json.h"
#include "tests/support/records.h"
#include "tests/support/seed.h"
#include "tests/support/temp_dir.h"

namespace session::test {
namespace {

namespace json = convert::json;
namespace taskmaster = convert::taskmaster;
using json::Value;
using schema::TaskStatus;

// With every shape and every field the mapping knows.
constexpr std::string_view kMixed = R"({
  "version": "1.0", "currentTag": "master",
  "tags": {"master": {"name": "home-made", "tasks": [{"id": "1", "title": "in tags"}]}},
  "master": {
    "tasks": [
      {"id": 1, "title": "one", "description": "d", "details": "how", "testStrategy": "check",
       "priority": "high", "dependencies": [], "status": "done", "subtasks": [
         {"id": 1, "title": "first", "status": "done", "dependencies": []},
         {"id": 2, "title": "second", "status": "review", "dependencies": [1, "2", "1.1"]}]},
      {"id": 2, "title": "two", "status": "in-progress", "priority": "critical",
       "dependencies": [1, "1.2", "1"], "updatedAt": "2026-04-20T21:34:05.369Z", "assignee": "me",
       "estimatedHours": 4, "complexity": 7, "tags": ["a"], "subtasks": [
         {"id": 31.1, "parentTaskId": 2}, {"id": 31.10, "parentId": "undefined"},
         {"id": "2.3", "dependencies": ["31.1"], "subtasks": [{"id": 1, "status": "todo"}]}]}],
    "metadata": {"created": "2025-08-07T03:02:12.969Z", "taskCount": 3}},
  "tasks": [{"id": 7, "status": "cancelled", "dependencies": [null, 1.50, 9]}],
  "metadata": {"phases": {}}
})";

class Taskmaster : public ::testing::Test {
 protected:
  ImportReport import(std::string_view text, SourceFormat from = SourceFormat::kTaskmaster) {
    std::ofstream(dir_.file("tasks.json"), std::ios::binary) << text;
    ImportOptions options;
    options.from = from;
    return import_sources({dir_.file("tasks.json")}, path_, options);
  }
  [[nodiscard]] std::string exported() const {
    std::ostringstream out;
    (void)export_session(Reader::open(path_).head(), SourceFormat::kTaskmaster, out);
    return out.str();
  }
  [[nodiscard]] Value back() const { return json::parse(exported()); }
  // Into a file of its own.
  Value there_and_back(std::string_view text) {
    std::filesystem::remove(path_);
    (void)import(text);
    return back();
  }
  std::string refusal(std::string_view text) {
    try {
      (void)import(text);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kBadSource);
      EXPECT_EQ(error.file(), dir_.file("tasks.json"));
      EXPECT_FALSE(std::filesystem::exists(path_));
      return error.message();
    }
    return "accepted";
  }
  // What of the head's tasks says `show`, in one word each.
  [[nodiscard]] std::vector<std::string> targets(std::string_view key) const {
    std::vector<std::string> keys;
    const Snapshot head = Reader::open(path_).head();
    const auto task = head.get<schema::Task>(key);
    if (!task) return {"no such task"};
    for (const auto dependency : (*task)->getDependencies()) {
      keys.push_back(test::text(dependency.getTarget()));
    }
    return keys;
  }
  void change(const std::function<void(Transaction&)>& edit) {
    Writer writer = Writer::open(path_);
    Transaction transaction = writer.begin();
    edit(transaction);
    (void)transaction.commit();
  }

  TempDir dir_;
  std::string path_ = dir_.file("work.session");
};

// Changes one task of the head.
void edit_task(Transaction& change, std::string_view key,
               const std::function<void(schema::Task::Builder)>& edit) {
  capnp::MallocMessageBuilder message;
  const auto old = change.get<schema::Task>(key);
  ASSERT_TRUE(old) << key;
  message.setRoot(**old);
  edit(message.getRoot<schema::Task>());
  change.upsert(key, message.getRoot<schema::Task>().asReader());
}

TEST_F(Taskmaster, EveryShapeInOneDocumentComesBack) {
  EXPECT_EQ(there_and_back(kMixed), json::parse(kMixed));
}

TEST_F(Taskmaster, AKeyIsListTaskAndSubtaskWithTheNumbersAsWritten) {
  (void)import(kMixed);
  const Snapshot head = Reader::open(path_).head();
  std::vector<std::string> keys;
  for (const auto& task : head.all<schema::Task>()) keys.emplace_back(task.key());
  EXPECT_EQ(keys, (std::vector<std::string>{"master/1", "master/1/1", "master/1/2", "master/2",
                                            "master/2/2.3", "master/2/2.3/1", "master/2/31.1",
                                            "master/2/31.10", "tags.master/1", "tasks/7"}));
}

TEST_F(Taskmaster, FillsTheFieldsOfATask) {
  (void)import(kMixed);
  const Snapshot head = Reader::open(path_).head();
  const auto one = head.get<schema::Task>("master/1");
  ASSERT_TRUE(one);
  EXPECT_EQ((*one)->getOrigin(), schema::Origin::TASKMASTER);
  EXPECT_EQ((*one)->getTitle(), "one");
  EXPECT_EQ((*one)->getDetails(), "how");
  EXPECT_EQ((*one)->getAcceptance(), "check");
  EXPECT_EQ((*one)->getStatus(), TaskStatus::COMPLETED);
  EXPECT_EQ((*one)->getPriority(), schema::Priority::HIGH);
  EXPECT_FALSE((*one)->hasExtra()) << text((*one)->getExtra());
  const auto two = head.get<schema::Task>("master/2");
  EXPECT_EQ((*two)->getEstimatedNanos(), 14'400'000'000'000);
  EXPECT_NE((*two)->getUpdatedAtForm(), 0U);
  const auto subtask = head.get<schema::Task>("master/1/2");
  EXPECT_EQ((*subtask)->getParent(), "master/1");
  EXPECT_EQ((*subtask)->getStatus(), TaskStatus::IN_PROGRESS);
}

TEST_F(Taskmaster, MapsEveryStatusAndGivesItsWordBack) {
  const std::pair<std::string_view, TaskStatus> words[] = {
      {"pending", TaskStatus::PENDING},         {"todo", TaskStatus::PENDING},
      {"not-started", TaskStatus::PENDING},     {"in-progress", TaskStatus::IN_PROGRESS},
      {"review", TaskStatus::IN_PROGRESS},      {"blocked", TaskStatus::BLOCKED},
      {"deferred", TaskStatus::BLOCKED},        {"done", TaskStatus::COMPLETED},
      {"completed", TaskStatus::COMPLETED},     {"cancelled", TaskStatus::SKIPPED},
      {"in_progress", TaskStatus::IN_PROGRESS}, {"canceled", TaskStatus::SKIPPED},
      {"failed", TaskStatus::FAILED},           {"never heard of", TaskStatus::PENDING}};
  std::string tasks;
  for (std::size_t i = 0; i < std::size(words); ++i) {
    tasks += (i == 0 ? "" : ",") + std::string(R"({"id":)") + std::to_string(i) + R"(,"status":")" +
             std::string(words[i].first) + "\"}";
  }
  const std::string document = R"({"tasks":[)" + tasks + "]}";
  EXPECT_EQ(there_and_back(document), json::parse(document));
  const Snapshot head = Reader::open(path_).head();
  for (std::size_t i = 0; i < std::size(words); ++i) {
    const auto task = head.get<schema::Task>("master/" + std::to_string(i));
    EXPECT_EQ((*task)->getStatus(), words[i].second) << words[i].first;
  }
}

TEST_F(Taskmaster, DependenciesLeadToSiblingsSubtasksAndTasks) {
  (void)import(kMixed);
  using Keys = std::vector<std::string>;
  EXPECT_EQ(targets("master/2"), (Keys{"master/1", "master/1/2", "master/1"}));
  EXPECT_EQ(targets("master/1/2"), (Keys{"master/1/1", "master/1/2", "master/1/1"}));
  EXPECT_EQ(targets("master/2/2.3"), (Keys{"master/2/31.1"}));
}

TEST_F(Taskmaster, ADependencyThatLeadsNowhereIsKeptAndToldOf) {
  const std::string document =
      R"({"tasks":[{"id":1,"dependencies":[9,"9.1"],"subtasks":[{"id":1,"dependencies":[8]}]}]})";
  const ImportReport report = import(document);
  EXPECT_EQ(back(), json::parse(document));
  ASSERT_EQ(report.sources[0].warnings.size(), 3U);
  EXPECT_EQ(report.sources[0].warnings[0],
            R"(task "master/1" depends on one that does not exist: "master/9")");
  EXPECT_EQ(report.sources[0].warnings[1],
            R"(task "master/1" depends on one that does not exist: "master/9/1")");
  EXPECT_EQ(report.sources[0].warnings[2],
            R"(task "master/1/1" depends on one that does not exist: "master/1/8")");
}

TEST_F(Taskmaster, TellsAbsentNullEmptyAndDefaultApart) {
  for (const std::string_view name :
       {"title", "description", "details", "testStrategy", "status", "priority", "dependencies",
        "subtasks", "updatedAt", "tags", "assignee", "estimatedHours", "unknown"}) {
    for (const std::string_view content :
         {"null", "\"\"", "0", "[]", "{}", "false", "2.0", "[null]", "[{}]", "[[]]", "[[0,1]]"}) {
      std::string text = "{\"";
      text.append(name).append("\":").append(content).append("}");
      for (const std::string_view id : {R"("id":1,)", R"("id":"x",)", ""}) {
        std::string task = text;
        task.insert(1, id);
        const std::string document =
            R"({"t":{"tasks":[)" + task + R"(]},"tasks":[{"id":1,"subtasks":[)" + task + "]}]}";
        ASSERT_EQ(there_and_back(document), json::parse(document)) << document;
      }
    }
  }
}

TEST_F(Taskmaster, TheOrderOfTasksIsKeptWhateverTheirIdsAre) {
  for (const std::string_view ids :
       {"1,2,10", "10,2,1", "\"b\",\"a\"", "31.1,31.10,31.9", "0,-0,00.5", "3,null,1", "{},2,1,[]",
        "1e2,100,\"-1\"", "999999999999999,1,99999999999999999999"}) {
    std::string tasks;
    std::istringstream list{std::string(ids)};
    for (std::string id; std::getline(list, id, ',');) {
      if (!json::is_number(id) && id.front() >= '0' && id.front() <= '9') id = '"' + id + '"';
      tasks += (tasks.empty() ? R"({"id":)" : R"(,{"id":)") + id + "}";
    }
    const std::string document = R"({"m":{"tasks":[)" + tasks + "]}}";
    EXPECT_EQ(there_and_back(document), json::parse(document)) << document;
  }
}

TEST_F(Taskmaster, WhatIsNoTaskStaysWhereItWasAndIsToldOf) {
  const std::string document =
      R"({"a":{"tasks":[null,{"id":1},7,{"title":"no id"},{"id":{}},{"id":""},)"
      R"({"id":"nul\u0000"},{"id":2,"subtasks":[[],{"id":3},"x"]}]},"b":null})";
  const ImportReport report = import(document);
  EXPECT_EQ(back(), json::parse(document));
  EXPECT_EQ(Reader::open(path_).head().count(Table::kTasks), 3U);
  ASSERT_EQ(report.sources[0].warnings.size(), 1U);
  EXPECT_EQ(report.sources[0].warnings[0],
            "line 1: this and 7 more entries of lists of tasks without an id that can be a key; "
            "kept, but not shown as a task");
}

TEST_F(Taskmaster, OneKeyForTwoTasksOfDifferentListsIsNoError) {
  // The key of each first one could be that of the second.
  for (const std::string_view document :
       {R"({"a":{"tasks":[{"id":"b/1"}]},"a/b":{"tasks":[{"id":1,"subtasks":[{"id":2}]}]}})",
        R"({"a/b":{"tasks":[{"id":1}]},"a":{"tasks":[{"id":"b","subtasks":[{"id":1}]}]}})",
        R"({"tasks":[{"id":1,"subtasks":[{"id":2}]},{"id":"1/2"}]})",
        R"({"":{"tasks":[{"id":"/"},{"id":1,"subtasks":[null,{"id":2}]},null]}})",
        R"({"tags":{"tasks":[{"id":1}],"tasks.":{"tasks":[]},"tags":{"tasks":[{"id":1}]}}})"}) {
    EXPECT_EQ(there_and_back(document), json::parse(document)) << document;
  }
}

TEST_F(Taskmaster, AnIdTwiceInOneListIsRefusedWithBothPlaces) {
  EXPECT_EQ(
      refusal(
          "{\"m\": {\n \"tasks\": [\n  {\"id\": 1},\n  {\"title\": \"\xC3\xA4\", \"id\": 1}]}}"),
      "line 4, column 24: the id \"1\" stands twice in one list, first on line 3; "
      "give one of the two another id");
  EXPECT_EQ(refusal(R"({"tasks":[{"id":1,"subtasks":[{"id":"2"},{"id":2}]}]})"),
            "line 1, column 48: the id \"2\" stands twice in one list, first on line 1; "
            "give one of the two another id");
}

TEST_F(Taskmaster, RefusesWhatIsNoDocumentOfTaskMaster) {
  EXPECT_TRUE(refusal("[]").starts_with("line 1, column 1: no list of tasks"));
  EXPECT_TRUE(refusal(R"({"a": {"b": []}})").starts_with("line 1, column 1: no list of tasks"));
  EXPECT_TRUE(refusal("{\"tasks\": [\n}").starts_with("line 2, column 1: ")) << refusal("");
  EXPECT_TRUE(refusal("").starts_with("the file is empty; "));
  EXPECT_TRUE(refusal("{\"tasks\": [],\n\"tasks\": 1}")
                  .starts_with("line 2, column 1: the key \"tasks\" stands twice"));
}

TEST_F(Taskmaster, CommitsOnlyTheDifference) {
  const auto document = [](const std::string& tasks) {
    return R"({"master":{"tasks":[)" + tasks + R"(],"metadata":{"description":"d"}}})";
  };
  (void)import(document(R"({"id":1},{"id":2},{"id":3,"title":"t"})"));
  const ImportReport same =
      import(R"({"master":{"metadata":{"description":"d"},"tasks":[{"id":1},{"id":2},)"
             R"({"title":"t","id":3}]}})");
  EXPECT_EQ(same.sources[0].revision, 1U);
  EXPECT_EQ(same.sources[0].upserts + same.sources[0].erases, 0U);
  // A task removed and one added move no other.
  const ImportReport changed = import(document(R"({"id":2},{"id":3,"title":"u"},{"id":4})"));
  EXPECT_EQ(changed.sources[0].upserts, 2U);
  EXPECT_EQ(changed.sources[0].erases, 1U);
  EXPECT_EQ(back(), json::parse(document(R"({"id":2},{"id":3,"title":"u"},{"id":4})")));
}

TEST_F(Taskmaster, AnEditedTaskIsWrittenAsEdited) {
  (void)import(kMixed);
  change([](Transaction& transaction) {
    edit_task(transaction, "master/1/2", [](schema::Task::Builder task) {
      task.setStatus(TaskStatus::COMPLETED);
      task.initDependencies(1)[0].setTarget("master/2");
    });
    edit_task(transaction, "tasks/7", [](schema::Task::Builder task) {
      task.setStatus(TaskStatus::FAILED);
      task.setTitle("new");
    });
    put_task(transaction, "master/1/3", {.title = "third", .parent = "master/1", .rank = 3});
    put_task(transaction, "b7b0", {.title = "of our own", .rank = 9});
  });
  const Value document = back();
  const auto& tasks = document.find("master")->find("tasks")->items();
  const auto& subtasks = tasks[0].find("subtasks")->items();
  ASSERT_EQ(subtasks.size(), 3U);
  EXPECT_EQ(subtasks[1], json::parse(R"({"id":2,"title":"second","status":"done",)"
                                     R"("dependencies":[2]})"));
  EXPECT_EQ(subtasks[2], json::parse(R"({"id":3,"title":"third","status":"pending"})"));
  ASSERT_EQ(tasks.size(), 3U);
  EXPECT_EQ(tasks[2], json::parse(R"({"id":"b7b0","title":"of our own","priority":"medium",)"
                                  R"("dependencies":[],"status":"pending","subtasks":[]})"));
  const Value& legacy = document.find("tasks")->items()[0];
  EXPECT_EQ(legacy.find("status")->text(), "blocked");
  EXPECT_EQ(legacy.find("title")->text(), "new");
  EXPECT_EQ(json::to_text(*legacy.find("dependencies")), "[null,1.50,9]");
}

TEST_F(Taskmaster, WritesASessionFromElsewhereAsOneList) {
  std::ofstream(dir_.file("issues.jsonl"))
      << R"({"id":"a-1","title":"epic","issue_type":"epic","status":"open"})"
         "\n"
         R"({"id":"a-2","title":"child","issue_type":"task","status":"closed","dependencies":[)"
         R"({"issue_id":"a-2","depends_on_id":"a-1","type":"parent-child"},)"
         R"({"issue_id":"a-2","depends_on_id":"a-3","type":"blocks"},)"
         R"({"issue_id":"a-2","depends_on_id":"a-1","type":"related"}]})"
         "\n"
         R"({"id":"a-3","title":"other","issue_type":"task","status":"open","priority":0})"
         "\n";
  (void)import_sources({dir_.file("issues.jsonl")}, path_);
  std::ostringstream out;
  const ExportReport report =
      export_session(Reader::open(path_).head(), SourceFormat::kTaskmaster, out);
  const Value document = json::parse(out.str());
  EXPECT_EQ(*document.find("master")->find("tasks"),
            json::parse(R"([{"id":"a-1","title":"epic","priority":"medium","dependencies":[],)"
                        R"("status":"pending","subtasks":[{"id":"a-2","title":"child",)"
                        R"("dependencies":["a-3"],"status":"done"}]},{"id":"a-3","title":"other",)"
                        R"("priority":"critical","dependencies":[],"status":"pending",)"
                        R"("subtasks":[]}])"));
  ASSERT_EQ(report.warnings.size(), 1U);
  EXPECT_EQ(report.warnings[0],
            "taskmaster has no place for 1 relations between tasks that are no dependencies");
}

TEST_F(Taskmaster, TasksInACircleAreLeftOutWithAWarning) {
  (void)import(R"({"master":{"tasks":[{"id":1}]}})");
  change([](Transaction& transaction) {
    put_task(transaction, "x", {.title = "x", .parent = "y"});
    put_task(transaction, "y", {.title = "y", .parent = "x"});
    put_task(transaction, "z", {.title = "z", .parent = "gone"});
  });
  std::ostringstream out;
  const ExportReport report =
      export_session(Reader::open(path_).head(), SourceFormat::kTaskmaster, out);
  const Value document = json::parse(out.str());
  EXPECT_EQ(document.find("master")->find("tasks")->items().size(), 2U);
  ASSERT_EQ(report.warnings.size(), 1U);
  EXPECT_TRUE(report.warnings[0].starts_with("2 tasks hang on no task that is there"));
}

TEST_F(Taskmaster, ADocumentOfAnyDepthComesBack) {
  std::string tasks = R"({"id":1})";
  for (int level = 0; level < 254; ++level) tasks = R"({"id":1,"subtasks":[)" + tasks + "]}";
  const std::string document = R"({"tasks":[)" + tasks + "]}";
  EXPECT_EQ(there_and_back(document), json::parse(document));
}

TEST_F(Taskmaster, ADependencyListOfAnySizeComesBack) {
  std::string list = "1";
  for (int i = 0; i < 20000; ++i) list += ",1";
  const std::string document = R"({"tasks":[{"id":1,"dependencies":[)" + list + "]}]}";
  EXPECT_EQ(there_and_back(document), json::parse(document));
}

TEST(TaskmasterDetection, KnowsItsDocumentsAndNoOthers) {
  for (const std::string_view head :
       {R"({"tasks":[]})", R"({"master": {"tasks": [ {"id": 1)",
        R"({"a":1,"tags":{"x":{"n":[1],"tasks":[{)",
        "{\n \"\\\"\": \"[\", \"m\": {\"metadata\": {\"x\": [[]]}, \"tasks\": [\n]"}) {
    EXPECT_TRUE(taskmaster::looks_like_document(head)) << head;
  }
  for (const std::string_view head :
       {"", "[", R"({"tasks":{"a":{}}})", R"({"tasks":[1]})", R"([{"tasks":[]}])",
        R"({"a":{"b":{"tasks":[]}}})", R"({"a":[{"tasks":[]}]})", R"({"a":"\"tasks\":[]"})",
        R"({"task_tree":{"tasks":{}}})", "}{\"tasks\":[]}"}) {
    EXPECT_FALSE(taskmaster::looks_like_document(head)) << head;
  }
}

TEST(TaskmasterDetection, ALineThatTellsOfTasksIsNoDocument) {
  const TempDir dir;
  const std::string path = dir.file("lines.jsonl");
  std::ofstream(path) << R"({"type":"user","toolUseResult":{"tasks":[{"id":1}]}})"
                         "\n{}\n";
  EXPECT_THROW((void)convert::recognise(path), Error);
  std::ofstream(path) << R"({"master":{"tasks":[{"id":1}]}})"
                         "\n\n";
  EXPECT_EQ(convert::recognise(path).format(), SourceFormat::kTaskmaster);
}

TEST(JsonPlace, FindsAValueByItsPath) {
  const std::string_view text =
      "\xEF\xBB\xBF {\"a\\n\" : [ \"]\\\"\", {\"x\":1 , \"\xC3\xA4\" : [1, 22 ]}\n, null],\n "
      "\"b\": {}}";
  const auto at = [&](const json::Path& path) {
    const json::TextPlace place = json::place_of(text, path);
    return std::to_string(place.line) + ":" + std::to_string(place.column);
  };
  EXPECT_EQ(at({}), "1:3");
  EXPECT_EQ(at({"a\n"}), "1:12");
  EXPECT_EQ(at({"a\n", std::size_t{1}, "\xC3\xA4", std::size_t{1}}), "1:40");
  EXPECT_EQ(at({"a\n", std::size_t{2}}), "2:3");
  EXPECT_EQ(at({"b"}), "3:7");
  EXPECT_EQ(at({"b", "no such"}), "3:7");
}

class TaskmasterData : public ::testing::TestWithParam<const char*> {};

TEST_P(TaskmasterData, TheDocumentIsRecognisedAndComesBack) {
  const std::string path = std::string(SESSIONTOOL_SHARED_DATA) + "/taskmaster/" + GetParam();
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no " << path;
  const TempDir dir;
  const ImportReport report = import_sources({path}, dir.file("work.session"));
  EXPECT_EQ(report.sources[0].format, SourceFormat::kTaskmaster);
  std::ostringstream out;
  (void)export_session(Reader::open(report.output).head(), SourceFormat::kTaskmaster, out);
  std::ostringstream source;
  source << std::ifstream(path, std::ios::binary).rdbuf();
  EXPECT_TRUE(json::parse(out.str()) == json::parse(source.str()));
}

INSTANTIATE_TEST_SUITE_P(Files, TaskmasterData,
                         ::testing::Values("aastar-sdk.json", "ai-coding-assistants.json",
                                           "ai-docs-vector-db.json", "canai-platform.json",
                                           "conciergus.json", "intent-framework-empty.json",
                                           "intent-framework.json", "keyproxy.json", "ledger.json",
                                           "mystocks.json", "oppie-autonav.json", "padtrack.json",
                                           "typosentinel.json"),
                         [](const auto& file) {
                           std::string name(file.param);
                           std::erase_if(name, [](char c) { return c == '-' || c == '.'; });
                           return name;
                         });

class TaskmasterProperty : public Taskmaster {
 protected:
  void mutate_and_try(const Value& full, RandomJson& random, int cases);
};

void TaskmasterProperty::mutate_and_try(const Value& full, RandomJson& random, int cases) {
  std::size_t accepted = 0;
  for (int i = 0; i < cases; ++i) {
    Value document = random.mutated(full);
    while (random.chance(0.4)) document = random.mutated(std::move(document));
    const std::string text =
        random.chance(0.5) ? json::to_text(document) : json::to_pretty_text(document);
    std::filesystem::remove(path_);
    try {
      (void)import(text);
    } catch (const Error& error) {
      ASSERT_EQ(error.code(), ErrorCode::kBadSource) << error.what();
      ASSERT_TRUE(error.message().starts_with("line ")) << error.what();
      continue;
    }
    ++accepted;
    const std::string written = exported();
    ASSERT_EQ(json::parse(written), document) << "case " << i << "\n" << text << "\n" << written;
    const ImportReport again = import(written);
    ASSERT_EQ(again.sources[0].upserts + again.sources[0].erases, 0U) << "case " << i << "\n"
                                                                      << text;
  }
  EXPECT_GT(accepted, 0U);
}

TEST_F(TaskmasterProperty, AMutatedDocumentComesBackOrIsRefusedWithItsPlace) {
  RandomJson random(random_seed());
  random.use_names({"id", "tasks", "tags", "subtasks", "master", "metadata", "title", "status",
                    "dependencies", "priority", "details", "updatedAt", "testStrategy", "b",
                    "estimatedHours"});
  mutate_and_try(json::parse(kMixed), random, 600);
}

TEST_F(TaskmasterProperty, AMutatedRealDocumentComesBackOrIsRefusedWithItsPlace) {
  const std::string folder = std::string(SESSIONTOOL_SHARED_DATA) + "/taskmaster/";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "no " << folder;
  RandomJson random(random_seed());
  random.use_names({"id", "tasks", "subtasks", "metadata", "status", "dependencies"});
  for (const std::string_view name :
       {"typosentinel.json", "intent-framework.json", "mystocks.json"}) {
    std::ostringstream source;
    source << std::ifstream(folder + std::string(name), std::ios::binary).rdbuf();
    mutate_and_try(json::parse(source.str()), random, 30);
  }
}

}  // namespace
}  // namespace session::test
