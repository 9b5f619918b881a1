// Sessions of aca come in from their directories and go out again: our own small one, changed in
// every way we could think of, and those of the data folder where it is there.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "lib/convert/aca_text.h"
#include "lib/convert/json.h"
#include "session/convert.h"
#include "session/reader.h"
#include "tests/support/directories.h"
#include "tests/support/seed.h"
#include "tests/support/temp_dir.h"

namespace session::test {
namespace {

namespace fs = std::filesystem;
using convert::json::parse;
using convert::json::Value;

constexpr const char* kSession = ".aca/sessions/0f0e0d0c-0000-4000-8000-000000000001";
constexpr const char* kCheckpoint = "aaaaaaaa-0000-4000-8000-000000000001";

ImportReport import(const fs::path& source, const std::string& output) {
  ImportOptions options;
  options.from = SourceFormat::kAca;
  return import_sources({source.string()}, output, options);
}

void export_to(const std::string& file, const std::string& directory) {
  (void)export_session_directory(Reader::open(file).head(), SourceFormat::kAca, directory);
}

bool warns(const ImportReport& report, std::string_view a, std::string_view b = {}) {
  const auto& warnings = report.sources.at(0).warnings;
  return std::any_of(warnings.begin(), warnings.end(), [&](const std::string& warning) {
    return warning.find(a) != std::string::npos && warning.find(b) != std::string::npos;
  });
}

// ---- a session of our own -----------------------------------------------------------------------

std::string state_text(std::string_view tasks, std::string_view roots,
                       std::string_view checkpoints = "") {
  std::string text = R"({"metadata":{"id":"0a0a0a0a-0000-4000-8000-00000000000a",
"name":"Garden","description":null,"created_at":"2026-03-01T08:00:00Z",
"last_updated":"2026-03-01T09:30:00.250Z","version":{"major":1,"minor":0,"patch":0,
"agent_version":"0.9.1","format_version":"1.0"},"checkpoints":[CHECKPOINTS],
"total_tasks":2,"completed_tasks":1,"failed_tasks":0,"session_tags":["spring"],
"workspace_root":"/home/gardener","custom_properties":{"z":{"b":1,"a":[1.50,null]},"big":18446744073709551615},
"execution_mode":{"type":"host"}},
"task_tree":{"tasks":{TASKS},"roots":[ROOTS],"metadata":{"created_at":"2026-03-01T08:00:00Z",
"updated_at":"2026-03-01T09:30:00Z","version":3,"total_tasks_created":2,"statistics":{"total_tasks":2,
"pending_tasks":1,"in_progress_tasks":0,"completed_tasks":1,"failed_tasks":0,"blocked_tasks":0,
"skipped_tasks":0,"average_completion_time":[61,5],"success_rate":1.0}}},
"execution_context":{"current_working_directory":"/home/gardener","environment_variables":{"B":"2","A":"1",
"API_TOKEN":"kept as it is"},"active_file_watchers":["*.md"],"resource_usage":{"memory_usage_mb":12,
"cpu_usage_percent":1.5,"disk_usage_mb":18446744073709551615,"open_file_handles":3,"network_connections":0}},
"file_system_state":{"tracked_files":{"/home/gardener/plan.md":{"size":18446744073709551615,
"modified":"2026-03-01T08:00:00.000000001Z","checksum":"00ff","is_generated":false}},
"workspace_files":["b","a","b"],"temp_files":[],"created_directories":["x"]}})";
  const auto fill = [&](std::string_view name, std::string_view value) {
    text.replace(text.find(name), name.size(), value);
  };
  fill("TASKS", tasks);
  fill("ROOTS", roots);
  fill("CHECKPOINTS", checkpoints);
  return text;
}

constexpr std::string_view kTasks = R"("t-1":{"id":"t-1","title":"Dig","description":"deep",
"status":{"Completed":{"completed_at":"2026-03-01T08:20:00Z","result":{"Success":{"output":{"depth_m":0.50},
"files_created":["hole"],"files_modified":[],"build_artifacts":[]}}}},"parent_id":null,"children":["t-2"],
"dependencies":[],"created_at":"2026-03-01T08:00:00Z","updated_at":"2026-03-01T08:20:00Z",
"metadata":{"priority":"High","estimated_complexity":"Simple","estimated_duration":[-2,500000000],
"repository_refs":[{"name":"garden","url":"u","branch":null,"commit":"c"}],
"file_refs":[{"path":"plan.md","repository":"garden","line_range":[1,4294967295],"importance":"Medium"}],
"tags":["soil"],"context_requirements":{"required_files":["plan.md"],"required_repositories":[],
"build_dependencies":["spade"],"environment_vars":{"TZ":"UTC"},"claude_context_keys":[]}},
"execution_history":[{"started_at":"2026-03-01T08:05:00Z","completed_at":null,"status":{"Failed":{
"failed_at":"2026-03-01T08:06:00Z","error":{"TimeoutError":{"operation":"dig","timeout_duration":[60,0],
"elapsed_time":[60,1]}},"retry_count":4294967295}},"claude_session_id":"s","resources_used":{
"max_memory_mb":3,"cpu_time_seconds":1.250,"disk_io_mb":0,"network_requests":7},"files_modified":[],
"errors":["stone \u0000\u001b"]}]},
"t-2":{"id":"t-2","title":"Sow","description":"","status":"Pending","parent_id":"t-1","children":[],
"dependencies":["t-1"],"created_at":"2026-03-01T08:00:01Z","updated_at":"2026-03-01T08:00:01Z",
"metadata":{"priority":"Normal","estimated_complexity":null,"estimated_duration":null,"repository_refs":[],
"file_refs":[],"tags":[],"context_requirements":{"required_files":[],"required_repositories":[],
"build_dependencies":[],"environment_vars":{},"claude_context_keys":[]}},"execution_history":[]})";

std::string listed(std::string_view id, std::string_view time) {
  return R"({"id":"checkpoint_)" + std::string(id) + R"(","created_at":")" + std::string(time) +
         R"(","description":"first","task_count":0,"size_bytes":0,"is_automatic":true,)"
         R"("trigger_reason":{"Automatic":{"trigger":{"TaskCompletion":{"count":1}}}}})";
}

class AcaSession : public testing::Test {
 protected:
  AcaSession() {
    const std::string early = convert::aca::file_text(parse(state_text("", "")));
    write_text(session() / "meta/session.json",
               convert::aca::file_text(parse(
                   state_text(kTasks, R"("t-1")", listed(kCheckpoint, "2026-03-01T08:10:00.5Z")))));
    const std::string stem = std::string("checkpoints/checkpoint_") + kCheckpoint;
    write_text(session() / (stem + ".json"), early);
    write_text(session() / (stem + ".checksum"), convert::aca::checksum(early));
    write_text(session() / "logs/run.log", "line\n\xff");
    write_text(workspace() / ".aca/sessions/only-logs/logs/a.txt", "a");
    write_text(workspace() / "garden.md", "not aca's");
  }

  [[nodiscard]] fs::path workspace() const { return directory_.file("workspace"); }
  [[nodiscard]] fs::path session() const { return workspace() / kSession; }
  [[nodiscard]] std::string file() const { return directory_.file("garden.session"); }
  [[nodiscard]] fs::path out() const { return directory_.file("out"); }
  [[nodiscard]] std::string directory(std::string_view name) const { return directory_.file(name); }

 private:
  TempDir directory_;
};

TEST_F(AcaSession, ComesBackFileByFileFromEachWayToNameIt) {
  fs::remove(workspace() / "garden.md");
  int number = 0;
  for (const fs::path& source : {workspace(), workspace() / ".aca", session()}) {
    const std::string name = std::to_string(number++);
    const ImportReport report = import(source, directory(name + ".session"));
    EXPECT_TRUE(report.sources.at(0).warnings.empty()) << report.sources[0].warnings.at(0);
    export_to(directory(name + ".session"), directory(name));
    expect_same_files(source, directory(name));
    // Where a checksum stands beside a file, the file comes back to the byte.
    const auto files = files_below(source);
    const auto made = files_below(directory(name));
    for (const auto& [path, text] : files) {
      if (path.find("checkpoint_") != std::string::npos) {
        EXPECT_EQ(made.at(path), text) << path;
      }
    }
  }
}

TEST_F(AcaSession, IsRecognisedAndKeepsWhatBelongsToTheProjectOut) {
  const ImportReport report = import_sources({workspace().string()}, file());
  EXPECT_EQ(report.sources.at(0).format, SourceFormat::kAca);
  export_to(file(), out().string());
  EXPECT_FALSE(fs::exists(out() / "garden.md"));
  EXPECT_TRUE(fs::exists(out() / ".aca/sessions/only-logs/logs/a.txt"));
}

TEST_F(AcaSession, FillsTheFieldsOfTheRecords) {
  (void)import(session(), file());
  const Snapshot head = Reader::open(file()).head();
  const auto task = head.get<schema::Task>("t-1");
  ASSERT_TRUE(task);
  EXPECT_EQ((*task)->getTitle(), "Dig");
  EXPECT_EQ((*task)->getStatus(), schema::TaskStatus::COMPLETED);
  EXPECT_EQ((*task)->getEstimatedNanos(), -1'500'000'000);
  EXPECT_EQ((*task)->getStatusDetail().getResult().getOutput(), R"({"depth_m":0.50})");
  EXPECT_EQ((*task)->getPlan().getFiles()[0].getLastLine(), 4294967295U);
  EXPECT_FALSE((*task)->hasExtra());
  const auto children = head.children("t-1");
  ASSERT_EQ(children.size(), 1U);
  EXPECT_EQ(children[0].key, "t-2");
  const auto second = head.get<schema::Task>("t-2");
  EXPECT_EQ((*second)->getDependencies()[0].getTarget(), "t-1");
  EXPECT_EQ((*second)->getDependencies()[0].getType(), schema::DependencyType::PREREQUISITE);
  const auto execution = head.get<schema::Execution>("t-1#000000");
  ASSERT_TRUE(execution);
  EXPECT_EQ((*execution)->getCpuNanos(), 1'250'000'000);
  EXPECT_EQ((*execution)->getMemoryBytes(), 3U << 20);
  EXPECT_EQ((*execution)->getStatusDetail().getError().getKind(), schema::TaskError::Kind::TIMEOUT);
  const auto plan = head.get<schema::File>("/home/gardener/plan.md");
  EXPECT_EQ((*plan)->getSizeBytes(), 18446744073709551615ULL);
  EXPECT_TRUE((*head.get<schema::File>("a"))->getIsWorkspace());
  const auto context = head.get<schema::SessionRecord>("context");
  EXPECT_EQ((*context)->getContext().getEnvironment()[1].getValue(), "kept as it is");
  const auto upkeep = head.get<schema::Upkeep>("identity");
  EXPECT_EQ((*upkeep)->getIdentity().getAgentVersion(), "0.9.1");
}

TEST_F(AcaSession, HasItsCheckpointsAsRevisions) {
  (void)import(session(), file());
  const Reader reader = Reader::open(file());
  const auto checkpoints = reader.head().checkpoints();
  ASSERT_EQ(checkpoints.size(), 1U);
  EXPECT_EQ(checkpoints[0].id, kCheckpoint);
  EXPECT_EQ(checkpoints[0].revision, 1U);
  EXPECT_EQ(checkpoints[0].description, "first");
  EXPECT_EQ(checkpoints[0].trigger, schema::Trigger::TASK_COMPLETION);
  EXPECT_TRUE(checkpoints[0].is_automatic);
  EXPECT_EQ(checkpoints[0].time_nanos, 1772352600'500'000'000);
  EXPECT_EQ(reader.head().revision(), 2U);
  EXPECT_EQ(reader.at(std::string_view(kCheckpoint)).count(Table::kTasks), 0U);
  EXPECT_EQ(reader.head().count(Table::kTasks), 2U);
}

TEST_F(AcaSession, ChangesNothingWhenImportedAgain) {
  (void)import(workspace(), file());
  const std::string before = read_text(file());
  const ImportReport report = import(workspace(), file());
  EXPECT_EQ(report.sources.at(0).upserts, 0U);
  EXPECT_EQ(report.sources.at(0).erases, 0U);
  EXPECT_EQ(report.sources.at(0).revision, 2U);
  EXPECT_EQ(Reader::open(file()).info().revisions, 2U);
  // A narrower look at the same session takes nothing away.
  const ImportReport narrow = import(session(), file());
  EXPECT_EQ(narrow.sources.at(0).upserts + narrow.sources.at(0).erases, 0U);
}

TEST_F(AcaSession, DoesNotMindTheOrderOfMaps) {
  (void)import(workspace(), file());
  Value state = parse(read_text(session() / "meta/session.json"));
  Value& tasks = *state.find("task_tree")->find("tasks");
  std::reverse(tasks.members().begin(), tasks.members().end());
  Value& environment = *state.find("execution_context")->find("environment_variables");
  std::reverse(environment.members().begin(), environment.members().end());
  write_text(session() / "meta/session.json", convert::aca::file_text(state));
  const ImportReport report = import(workspace(), file());
  EXPECT_EQ(report.sources.at(0).upserts + report.sources.at(0).erases, 0U);
}

TEST_F(AcaSession, BringsOnlyTheDifferenceIntoAnExistingFile) {
  (void)import(workspace(), file());
  std::string text = read_text(session() / "meta/session.json");
  text.replace(text.find("\"Sow\""), 5, "\"Weed\"");
  write_text(session() / "meta/session.json", text);
  fs::remove(session() / "logs/run.log");
  const ImportReport report = import(workspace(), file());
  EXPECT_EQ(report.sources.at(0).upserts, 1U);
  EXPECT_EQ(report.sources.at(0).erases, 1U);
  EXPECT_EQ(report.sources.at(0).revision, 3U);
  fs::remove(workspace() / "garden.md");
  export_to(file(), out().string());
  expect_same_files(workspace(), out());
}

TEST_F(AcaSession, ReportsWhatIsDamagedAndKeepsItByteForByte) {
  const std::string good = read_text(session() / "meta/session.json");
  const fs::path checkpoints = session() / "checkpoints";
  write_text(checkpoints / "checkpoint_cut.json", good.substr(0, good.size() / 2));
  write_text(checkpoints / "checkpoint_empty.json", "");
  write_text(checkpoints / "checkpoint_zeros.json", good + std::string(64, '\0'));
  write_text(checkpoints / "checkpoint_twice.json", R"({"metadata":{},"metadata":{}})");
  write_text(checkpoints / "checkpoint_list.json", "[]");
  std::string odd = good;
  odd.replace(odd.find("\"Pending\""), 9, "\"Paused\"");
  write_text(checkpoints / "checkpoint_odd.json", odd);
  write_text(checkpoints / "checkpoint_odd.checksum", "0");
  write_text(checkpoints / "checkpoint_gone.checksum", "1");
  write_text(session() / "temp/session_x.json", "{");
  fs::remove(workspace() / "garden.md");

  const ImportReport report = import(workspace(), file());
  EXPECT_TRUE(warns(report, "checkpoint_cut.json: line"));
  EXPECT_TRUE(warns(report, "checkpoint_empty.json is empty"));
  EXPECT_TRUE(warns(report, "checkpoint_zeros.json: line"));
  EXPECT_TRUE(warns(report, "checkpoint_twice.json: line"));
  EXPECT_TRUE(warns(report, "checkpoint_list.json is no state"));
  EXPECT_TRUE(warns(report, "checkpoint_odd.json", "\"Paused\""));
  EXPECT_TRUE(warns(report, "checkpoint_odd.json does not match its checksum"));
  EXPECT_TRUE(warns(report, "checkpoint_odd.json is not in the session's list"));
  EXPECT_TRUE(warns(report, "checkpoint_gone.json is missing"));
  EXPECT_TRUE(warns(report, "temp/session_x.json: line"));
  export_to(file(), out().string());
  expect_same_files(workspace(), out());
  EXPECT_EQ(read_text(out() / kSession / "checkpoints/checkpoint_odd.json"), odd);
  EXPECT_EQ(import(workspace(), file()).sources.at(0).upserts, 0U);
}

TEST_F(AcaSession, IsRefusedWithThePlaceWhenItsStateIsNoJson) {
  write_text(session() / "meta/session.json", "{\"metadata\":\n  oops}");
  try {
    (void)import(workspace(), file());
    FAIL() << "imported";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kBadSource);
    EXPECT_NE(std::string(error.what()).find("meta/session.json"), std::string::npos);
    EXPECT_NE(error.message().find("line 2, column 3"), std::string::npos) << error.message();
  }
  EXPECT_FALSE(fs::exists(file()));
  write_text(session() / "meta/session.json", "");
  EXPECT_THROW((void)import(workspace(), file()), Error);
}

TEST_F(AcaSession, GoesToAFileOfItsOwnAmongSeveral) {
  const fs::path other = workspace() / ".aca/sessions/other";
  write_text(other / "meta/session.json", state_text(kTasks, R"("t-1")"));
  EXPECT_EQ(aca_sessions(workspace().string()).size(), 2U);
  const ImportReport report = import(workspace(), directory("all"));
  ASSERT_EQ(report.sources.size(), 2U);
  EXPECT_EQ(report.sources[1].output, directory("all") + "/other.session");
  export_to(directory("all") + "/other.session", directory("other"));
  expect_same_files(other, fs::path(directory("other")) / ".aca/sessions/other");
  EXPECT_FALSE(fs::exists(fs::path(directory("other")) / ".aca/sessions/only-logs"));
  write_text(file(), "in the way");
  EXPECT_THROW((void)import(workspace(), file()), Error);
}

TEST_F(AcaSession, PreviewsWithoutWriting) {
  (void)import(workspace(), file());
  const std::string before = read_text(file());
  std::string text = read_text(session() / "meta/session.json");
  text.replace(text.find("\"Sow\""), 5, "\"Weed\"");
  write_text(session() / "meta/session.json", text);
  ImportOptions options;
  options.dry_run = true;
  const ImportReport report = import_sources({workspace().string()}, file(), options);
  EXPECT_EQ(report.sources.at(0).upserts, 1U);
  EXPECT_EQ(read_text(file()), before);
}

TEST_F(AcaSession, IsNotWrittenOverAnything) {
  (void)import(workspace(), file());
  write_text(out() / "mine.txt", "x");
  EXPECT_THROW(export_to(file(), out().string()), Error);
  EXPECT_EQ(files_below(out()).size(), 1U);
  fs::remove(out() / "mine.txt");
  const ExportReport trial = export_session_directory(Reader::open(file()).head(),
                                                      SourceFormat::kAca, out().string(), {}, true);
  EXPECT_GT(trial.bytes, 0U);
  EXPECT_TRUE(fs::is_empty(out()));
  export_to(file(), out().string());
  EXPECT_TRUE(fs::exists(out() / kSession / "meta/session.json"));
}

TEST_F(AcaSession, NeverLeavesItsDirectory) {
  (void)import(workspace(), file());
  {
    Writer writer = Writer::open(file());
    Transaction change = writer.begin();
    std::istringstream operations(
        R"({"table":"values","key":"aca/files/../../../../escaped","record":{"bytes":"AA=="}})");
    (void)apply_operations(change, operations, "test");
    change.commit();
  }
  const ExportReport report =
      export_session_directory(Reader::open(file()).head(), SourceFormat::kAca, out().string());
  EXPECT_EQ(report.warnings.size(), 1U);
  EXPECT_FALSE(fs::exists(directory("escaped")));
  fs::create_symlink("/etc", session() / "logs/link");
  EXPECT_TRUE(warns(import(workspace(), file()), "logs/link is no regular file"));
}

TEST_F(AcaSession, ListsCheckpointsMadeSince) {
  (void)import(workspace(), file());
  {
    Writer writer = Writer::open(file());
    CheckpointOptions options;
    options.description = "ours";
    options.trigger = schema::Trigger::MILESTONE;
    options.reason = "sown";
    options.id = "bbbbbbbb-0000-4000-8000-000000000002";
    (void)writer.checkpoint(options);
  }
  export_to(file(), out().string());
  const fs::path at = out() / kSession;
  const Value head = parse(read_text(at / "meta/session.json"));
  const auto& list = head.find("metadata")->find("checkpoints")->items();
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(list[1].find("description")->text(), "ours");
  const std::string stem = "checkpoints/checkpoint_bbbbbbbb-0000-4000-8000-000000000002";
  EXPECT_EQ(read_text(at / (stem + ".checksum")),
            convert::aca::checksum(read_text(at / (stem + ".json"))));
}

// ---- changed at random --------------------------------------------------------------------------

class Mutator {
 public:
  explicit Mutator(std::uint64_t seed) : random_(seed) {}

  void mutate(Value& document) {
    const std::size_t count = 1 + random_() % 6;
    for (std::size_t i = 0; i < count; ++i) step(document);
  }

 private:
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_() % n); }

  Value anything() {
    switch (below(12)) {
      case 0:
        return {};
      case 1:
        return Value::boolean(below(2) == 0);
      case 2:
        return Value::number("18446744073709551616");
      case 3:
        return Value::number("-1e400");
      case 4:
        return Value::number("1.10");
      case 5:
        return Value::string("");
      case 6:
        return Value::string(std::string("\0\x1f\xF0\x9F\xA7\xAA", 6));
      case 7:
        return Value::array();
      case 8:
        return Value::object();
      case 9:
        return Value::string(std::string(5000, 'x'));
      case 10:
        return parse(R"({"Paused":{"since":"yesterday"}})");
      default: {
        Value deep = Value::string("deep");
        for (int i = 0; i < 300; ++i) {
          Value list = Value::array();
          list.items().push_back(std::move(deep));
          deep = std::move(list);
        }
        return deep;
      }
    }
  }

  void step(Value& document) {
    Value* at = &document;
    for (std::size_t depth = 0; depth < 7; ++depth) {
      Value* next = nullptr;
      if (at->is_object() && !at->members().empty()) {
        next = &at->members()[below(at->members().size())].value;
      }
      if (at->is_array() && !at->items().empty()) next = &at->items()[below(at->items().size())];
      if (next == nullptr || (depth > 1 && below(4) == 0)) break;
      at = next;
    }
    change(*at);
  }

  void change(Value& value) {
    const std::size_t what = below(4);
    if (value.is_object() && what == 0) {
      const std::string name = "new " + std::to_string(random_());
      return value.add(below(8) == 0 && value.find("") == nullptr ? "" : name, anything());
    }
    if (value.is_object() && what == 1 && !value.members().empty()) {
      value.members().erase(value.members().begin() +
                            static_cast<std::ptrdiff_t>(below(value.members().size())));
      return;
    }
    if (value.is_array() && what == 0) return value.items().push_back(anything());
    if (value.is_array() && what == 1 && !value.items().empty()) {
      return value.items().push_back(value.items()[below(value.items().size())]);
    }
    value = anything();
  }

  std::mt19937_64 random_;
};

TEST_F(AcaSession, ComesBackHoweverItsStateWasChanged) {
  std::mt19937_64 random(random_seed());
  const Value original = parse(read_text(session() / "meta/session.json"));
  constexpr int kRounds = 25;
  for (int round = 0; round < kRounds; ++round) {
    Value state = original;
    const std::uint64_t seed = random();
    Mutator(seed).mutate(state);
    if (!state.is_object()) continue;
    write_text(session() / "meta/session.json", convert::aca::file_text(state));
    // Into a new file, and over what the round before left.
    for (const std::string& name : {std::string("fresh.session"), std::string("old.session")}) {
      if (name.starts_with("fresh")) fs::remove(directory(name));
      try {
        (void)import(session(), directory(name));
      } catch (const Error& error) {
        FAIL() << error.what() << " in round " << round << ", seed " << seed;
      }
      fs::remove_all(out());
      export_to(directory(name), out().string());
      ASSERT_TRUE(parse(read_text(out() / "meta/session.json")) == state)
          << "round " << round << ", seed " << seed << ":\n"
          << convert::aca::file_text(state);
    }
  }
}

// ---- the data folder ----------------------------------------------------------------------------

class AcaData : public testing::Test {
 protected:
  [[nodiscard]] static fs::path sample(const char* name) {
    return fs::path(SESSIONTOOL_SHARED_DATA) / "aca" / name;
  }
  void round_trip(const fs::path& workspace) {
    ImportReport report = import(workspace, directory_.file("s.session"));
    export_to(directory_.file("s.session"), directory_.file("out"));
    expect_same_files(workspace / ".aca", fs::path(directory_.file("out")) / ".aca");
    const ImportReport again = import(workspace, directory_.file("s.session"));
    EXPECT_EQ(again.sources.at(0).upserts, 0U);
    EXPECT_EQ(again.sources.at(0).erases, 0U);
    report_ = std::move(report);
  }

  TempDir directory_;
  ImportReport report_;
};

TEST_F(AcaData, SmallComesBackToTheByteWithItsCheckpoints) {
  if (!fs::exists(sample("small"))) GTEST_SKIP() << "no data folder beside the project";
  round_trip(sample("small"));
  EXPECT_EQ(Reader::open(directory_.file("s.session")).head().checkpoints().size(), 8U);
  const auto made = files_below(directory_.file("out"));
  for (const auto& [name, text] : files_below(sample("small"))) {
    if (name.find("/checkpoints/") != std::string::npos &&
        name.find("10c48708") == std::string::npos) {
      EXPECT_EQ(made.at(name), text) << name;
    }
  }
}

TEST_F(AcaData, MediumComesBack) {
  if (!fs::exists(sample("medium"))) GTEST_SKIP() << "no data folder beside the project";
  round_trip(sample("medium"));
  // It lists two checkpoints that only the larger sample has.
  for (const std::string& warning : report_.sources.at(0).warnings) {
    EXPECT_TRUE(warning.ends_with("is listed, but its file is missing")) << warning;
  }
}

TEST_F(AcaData, MediumComesBackWithItsCheckpoints) {
  const fs::path archive = sample("medium-full.tar.zst");
  if (!fs::exists(archive)) GTEST_SKIP() << "no data folder beside the project";
  const std::string into = directory_.file("full");
  fs::create_directories(into);
  const std::string command = "tar --zstd -xf '" + archive.string() + "' -C '" + into + "'";
  if (std::system(command.c_str()) != 0) GTEST_SKIP() << "tar or zstd is missing";
  fs::path workspace = into;
  while (!fs::exists(workspace / ".aca")) {
    const auto first = fs::directory_iterator(workspace);
    ASSERT_NE(first, fs::directory_iterator());
    workspace = first->path();
  }
  round_trip(workspace);
}

TEST_F(AcaData, DirtyComesInWithEachDefectReported) {
  if (!fs::exists(sample("dirty"))) GTEST_SKIP() << "no data folder beside the project";
  round_trip(sample("dirty"));
  const Value expected = parse(read_text(sample("dirty") / "EXPECTED.json"));
  const Value& state = *expected.find("session.json");
  const auto named = [&](std::string_view list, std::string_view a, std::string_view b,
                         std::string_view words) {
    for (const Value& item : state.find(list)->items()) {
      const Value* first = item.is_object() ? item.find(a) : &item;
      if (first == nullptr) continue;
      const Value* second = b.empty() ? nullptr : item.find(b);
      const bool is_told = std::any_of(
          report_.sources[0].warnings.begin(), report_.sources[0].warnings.end(),
          [&](const std::string& warning) {
            return warning.find(words) != std::string::npos &&
                   warning.find(first->text()) != std::string::npos &&
                   (second == nullptr || warning.find(second->text()) != std::string::npos);
          });
      EXPECT_TRUE(is_told) << list << ": " << first->text();
    }
  };
  named("orphaned_tasks", "task", "missing_parent", "has a parent that does not exist");
  named("broken_child_references", "task", "missing_child", "lists a child that does not exist");
  named("missing_dependencies", "task", "missing_dependency", "depends on one that does not exist");
  named("duplicate_children", "parent", "child", "2 times");
  named("duplicate_children", "also_listed_by", "child", "lists the child");
  named("child_not_listed_by_its_parent", "", "", "is not among the children");
  named("parent_cycle", "", "", "each other's parents");
  named("updated_before_created", "", "", "was updated before");
  named("completed_before_created", "", "", "was completed before");
  named("map_key_differs_from_task_id", "key", "id", "has the id");
  for (const Value& cycle : state.find("dependency_cycles")->items()) {
    for (const Value& member : cycle.items())
      EXPECT_TRUE(warns(report_, "in a circle", member.text()));
  }
  const Value& roots = *state.find("roots");
  EXPECT_TRUE(warns(report_, "listed twice as a root", roots.find("twice")->text()));
  EXPECT_TRUE(warns(report_, "as a root and has a parent", roots.find("has_a_parent")->text()));
  EXPECT_TRUE(warns(report_, "does not exist", roots.find("absent")->text()));
  EXPECT_TRUE(warns(report_, "not listed as a root", roots.find("not_listed")->text()));
  for (const char* what :
       {"metadata.total_tasks is 57", "metadata.completed_tasks is 80",
        "metadata.failed_tasks is 4294967295", "metadata.last_updated is before", "\"0.9\"",
        "task_tree.metadata.updated_at is before", "total_tasks_created is 3",
        "statistics.total_tasks is 35", "statistics.completed_tasks is 99",
        "success_rate is above 1", "average_completion_time is negative"}) {
    EXPECT_TRUE(warns(report_, what)) << what;
  }
  EXPECT_TRUE(warns(report_, "checkpoint_64ac02d3", "does not match its checksum"));
  EXPECT_TRUE(warns(report_, "checkpoint_8a5d1655", "line"));
  EXPECT_TRUE(warns(report_, "checkpoint_2a06dc8f", "is empty"));
  EXPECT_TRUE(warns(report_, "checkpoint_c873cf73", "line"));
  EXPECT_TRUE(warns(report_, "checkpoint_953fa0f7", "4337902f-6490-4f12-8375-78cbf637ff60"));
  EXPECT_TRUE(warns(report_, "checkpoint_7d07d497", "has no metadata"));
  EXPECT_TRUE(warns(report_, "checkpoint_7d07d497", "has an unknown member"));
  EXPECT_TRUE(warns(report_, "checkpoint_349c678c", "Paused"));
  EXPECT_TRUE(warns(report_, "checkpoint_4bc31907", "9999"));
  EXPECT_TRUE(warns(report_, "checkpoint_7d4b365d", "not in the session's list"));
  EXPECT_TRUE(warns(report_, "2082f8dd-c9df-4e72-964e-d4b8ce42d5fe is listed, but its file"));
  EXPECT_TRUE(warns(report_, "session_51bf2278", "line"));
}

}  // namespace
}  // namespace session::test
