// Whole sources in and out again: what is committed, what is refused, and what is left behind.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "lib/convert/json.h"
#include "session/convert.h"
#include "session/reader.h"
#include "tests/support/records.h"
#include "tests/support/temp_dir.h"

namespace session::test {
namespace {

namespace json = convert::json;

constexpr std::string_view kFirst =
    R"({"id":"a-1","title":"one","status":"open","created_at":"2026-01-02T03:04:05.60-08:00"})"
    "\n"
    R"({"id":"a-2","title":"two","status":"closed","priority":0,"strange":[1.10,null]})"
    "\n";
constexpr std::string_view kSecond =
    R"({"id":"a-2","title":"two","status":"closed","priority":0,"strange":[1.1,null]})"
    "\n"
    R"({"id":"a-3","title":"three","status":"open","dependencies":[)"
    R"({"issue_id":"a-3","depends_on_id":"a-9","type":"blocks"}]})"
    "\n";

std::map<std::string, json::Value> by_id(const std::string& lines) {
  std::map<std::string, json::Value> issues;
  std::istringstream in(lines);
  for (std::string line; std::getline(in, line);) {
    json::Value issue = json::parse(line);
    const std::string id(issue.find("id")->text());
    issues.emplace(id, std::move(issue));
  }
  return issues;
}

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

class Import : public ::testing::Test {
 protected:
  std::string source(std::string_view name, std::string_view text) {
    std::ofstream(dir_.file(name), std::ios::binary) << text;
    return dir_.file(name);
  }
  ImportReport import(const std::vector<std::string>& sources, const ImportOptions& options = {}) {
    return import_sources(sources, path_, options);
  }
  std::string exported(const Snapshot& snapshot, SourceFormat format) {
    std::ostringstream out;
    (void)export_session(snapshot, format, out);
    return out.str();
  }
  std::string message_of(const std::vector<std::string>& sources) {
    try {
      (void)import(sources);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kBadSource);
      return error.what();
    }
    return "";
  }

  TempDir dir_;
  std::string path_ = dir_.file("work.session");
};

TEST_F(Import, CommitsOneRevisionPerSourceAndOnlyTheDifference) {
  const ImportReport report =
      import({source("1.jsonl", kFirst), source("2.jsonl", kSecond), source("3.jsonl", kSecond)});
  ASSERT_EQ(report.sources.size(), 3U);
  EXPECT_TRUE(report.created);
  EXPECT_EQ(report.sources[0].revision, 1U);
  EXPECT_EQ(report.sources[0].upserts, 2U);
  EXPECT_EQ(report.sources[1].upserts, 2U);  // 1.10 is not 1.1
  EXPECT_EQ(report.sources[1].erases, 1U);
  ASSERT_EQ(report.sources[1].warnings.size(), 1U);
  EXPECT_NE(report.sources[1].warnings[0].find("a-9"), std::string::npos);
  EXPECT_EQ(report.sources[2].revision, 2U);
  EXPECT_EQ(report.sources[2].upserts + report.sources[2].erases, 0U);
  const Reader reader = Reader::open(path_);
  EXPECT_EQ(by_id(exported(reader.at(1), SourceFormat::kBeads)), by_id(std::string(kFirst)));
  EXPECT_EQ(by_id(exported(reader.head(), SourceFormat::kBeads)), by_id(std::string(kSecond)));
}

TEST_F(Import, ReachesTheSameFingerprintAtOnceAndStepByStep) {
  (void)import({source("1.jsonl", kFirst), source("2.jsonl", kSecond)});
  const Digest steps = Reader::open(path_).head().fingerprint();
  path_ = dir_.file("once.session");
  std::string reversed;
  for (const auto& [id, issue] : by_id(std::string(kSecond))) {
    reversed = json::to_text(issue) + "\n" + reversed;
  }
  (void)import({source("r.jsonl", reversed)});
  EXPECT_EQ(Reader::open(path_).head().fingerprint(), steps);
}

TEST_F(Import, SpeaksOnlyForRecordsOfItsOwnOrigin) {
  (void)import({source("1.jsonl", kFirst)});
  {
    Writer writer = Writer::open(path_);
    auto change = writer.begin();
    put_task(change, "mine", {.title = "not of the tracker"});
    (void)change.commit();
  }
  (void)import({source("2.jsonl", kSecond)});
  EXPECT_TRUE(Reader::open(path_).head().get<schema::Task>("mine"));
  const auto put_a4 = [&](schema::Origin origin) {
    Writer writer = Writer::open(path_);
    auto change = writer.begin();
    capnp::MallocMessageBuilder message;
    auto task = message.initRoot<schema::Task>();
    task.setTitle("not of the tracker either");
    task.setOrigin(origin);
    change.upsert("a-4", task.asReader());
    (void)change.commit();
  };
  const std::string third = std::string(kSecond) + R"({"id":"a-4","title":"four","status":"open"})"
                                                   "\n";
  put_a4(schema::Origin::TASKMASTER);
  const Digest before = Reader::open(path_).head().fingerprint();
  const std::string message = message_of({source("3.jsonl", third)});
  for (const char* part :
       {"line 3", "\"a-4\"", "taskmaster's", "beads's", "; import it into a file of its own"}) {
    EXPECT_NE(message.find(part), std::string::npos) << message;
  }
  EXPECT_EQ(Reader::open(path_).head().fingerprint(), before);
  // What was written here by hand gives way to the tracker, with a word.
  put_a4(schema::Origin::NATIVE);
  const ImportReport report = import({source("3.jsonl", third)});
  const auto& warnings = report.sources[0].warnings;
  EXPECT_TRUE(std::any_of(warnings.begin(), warnings.end(), [](const std::string& warning) {
    return warning.find("\"a-4\" was written here") != std::string::npos;
  }));
  const std::string own = R"({"table":"tasks","key":"a-2","record":{"title":"taken over"}})"
                          "\n";
  EXPECT_EQ(import({source("own.jsonl", own)}).sources[0].upserts, 1U);
}

constexpr std::string_view kClaudeLine =
    R"({"type":"user","sessionId":"s","uuid":"u","parentUuid":null,)"
    R"("message":{"role":"user","content":"hello"}})"
    "\n";
constexpr std::string_view kCodexLine = R"({"type":"session_meta","payload":{"id":"x","cwd":"/w"}})"
                                        "\n";

TEST_F(Import, ATranscriptNeverReplacesTheMessagesOfAnother) {
  (void)import({source("claude.jsonl", kClaudeLine)});
  const Digest before = Reader::open(path_).head().fingerprint();
  const std::string message = message_of({source("codex.jsonl", kCodexLine)});
  for (const char* part : {"\"000000001\"", "claude-code", "codex", "a file of its own"}) {
    EXPECT_NE(message.find(part), std::string::npos) << message;
  }
  EXPECT_EQ(Reader::open(path_).head().fingerprint(), before);
}

TEST_F(Import, WhatWasMadeOfATranscriptLeavesTheRecordsOfOthersAlone) {
  {
    Writer writer = Writer::create(path_);
    auto change = writer.begin();
    put_task(change, "todo/1", {.title = "mine"});
    put_task(change, "todo/2", {.title = "mine too"});
    (void)change.commit();
  }
  const std::string todos =
      R"({"type":"response_item","payload":{"type":"function_call","name":"update_plan",)"
      R"("call_id":"c","arguments":"{\"plan\":[{\"step\":\"a\",\"status\":\"pending\"},)"
      R"({\"step\":\"b\",\"status\":\"pending\"},{\"step\":\"c\",\"status\":\"pending\"}]}"}})"
      "\n";
  const ImportReport report = import({source("codex.jsonl", std::string(kCodexLine) + todos)});
  ASSERT_EQ(report.sources[0].warnings.size(), 1U);
  EXPECT_NE(report.sources[0].warnings[0].find("\"todo/1\""), std::string::npos);
  const Snapshot head = Reader::open(path_).head();
  EXPECT_EQ(text(head.get<schema::Task>("todo/1").value()->getTitle()), "mine");
  EXPECT_EQ(text(head.get<schema::Task>("todo/2").value()->getTitle()), "mine too");
  EXPECT_EQ(text(head.get<schema::Task>("todo/3").value()->getTitle()), "c");
}

TEST_F(Import, NothingButBlankLinesIsAnEmptySource) {
  (void)import({source("1.jsonl", kFirst)});
  const Digest before = Reader::open(path_).head().fingerprint();
  const std::string blank = source("blank.jsonl", "\xEF\xBB\xBF\n \t\r\n\n");
  EXPECT_NE(message_of({blank}).find("the file is empty; "), std::string::npos);
  for (const SourceFormat format :
       {SourceFormat::kBeads, SourceFormat::kClaudeCode, SourceFormat::kCodex}) {
    ImportOptions options;
    options.from = format;
    try {
      (void)import({blank}, options);
      ADD_FAILURE() << source_format_name(format);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kBadSource);
      EXPECT_TRUE(error.message().starts_with("the file is empty; ")) << error.message();
    }
  }
  EXPECT_EQ(Reader::open(path_).head().fingerprint(), before);
}

TEST_F(Import, IsInterruptedWhereverTheBlankLinesAre) {
  std::string lines;
  for (int i = 0; i < 2000; ++i) {
    lines += R"({"id":"b-)" + std::to_string(i) + "\",\"title\":\"x\"}\n\n";
  }
  for (const char* start : {"", "\n"}) {
    ImportOptions options;
    options.from = SourceFormat::kBeads;
    std::uint64_t calls = 0;
    options.progress = [&](const Progress& progress) {
      ++calls;
      return progress.done_bytes < 10'000;
    };
    EXPECT_THROW((void)import({source("many.jsonl", start + lines)}, options), Error);
    EXPECT_GT(calls, 2U);
    EXPECT_LT(calls, 20U);
  }
}

TEST_F(Import, OnlyALastLineThatIsCutOffIsCalledTheLast) {
  const std::string first(kFirst);
  const std::string hint = "this is the last line";
  const auto says_it = [&](const std::string& text) {
    return message_of({source("cut.jsonl", text)}).find(hint) != std::string::npos;
  };
  EXPECT_TRUE(says_it(first + R"({"id":"x","title":"ä)"));
  EXPECT_TRUE(says_it(first + "{\"id\":\"x\",\n\n \n"));
  EXPECT_FALSE(says_it(first + "{\"id\":\"x\",\n" + R"({"id":"y","title":"t"})"));
  EXPECT_FALSE(says_it(first + R"({"id":"x","id":"y"})"));
  EXPECT_FALSE(says_it(first + R"({"id": oops, "title":"t"})"));
}

TEST_F(Import, GivesOurOwnJsonBackAndTakesItAgain) {
  (void)import({source("1.jsonl", kFirst)});
  const Snapshot head = Reader::open(path_).head();
  for (const SourceFormat format : {SourceFormat::kJson, SourceFormat::kJsonl}) {
    const std::string text = exported(head, format);
    path_ = dir_.file(std::string(source_format_name(format)) + ".session");
    (void)import({source("own", text)});
    const Snapshot again = Reader::open(path_).head();
    EXPECT_EQ(again.fingerprint(), head.fingerprint());
    EXPECT_EQ(exported(again, format), text);
    EXPECT_EQ(by_id(exported(again, SourceFormat::kBeads)), by_id(std::string(kFirst)));
  }
}

TEST_F(Import, NamesThePlaceOfWhatIsWrongAndLeavesNothing) {
  const std::map<std::string, std::vector<std::string>> cases = {
      {"<<<<<<< HEAD\n" + std::string(kFirst), {"line 1", "conflict"}},
      {std::string(kFirst) + std::string(kFirst), {"line 3", "a-1", "first on line 1"}},
      {std::string(kFirst) + "{\"id\":\"x\",", {"line 3"}},
      {std::string(kFirst) + R"({"id":"x","id":"y","title":"t"})", {"line 3", "\"id\""}},
      {std::string(kFirst) + "[1]\n", {"line 3"}},
      {"", {"empty"}},
  };
  for (const auto& [text, parts] : cases) {
    const std::string message = message_of({source("bad.jsonl", text)});
    for (const std::string& part : parts) {
      EXPECT_NE(message.find(part), std::string::npos) << message;
    }
    EXPECT_NE(message.find("bad.jsonl"), std::string::npos) << message;
    EXPECT_FALSE(std::filesystem::exists(path_));
    EXPECT_FALSE(std::filesystem::exists(path_ + ".partial"));
  }
}

TEST_F(Import, StopsAtAnExistingFilesLastWholeRevision) {
  (void)import({source("1.jsonl", kFirst)});
  EXPECT_NE(
      message_of({source("2.jsonl", kSecond), source("bad.jsonl", std::string(kFirst) + "{")}), "");
  EXPECT_EQ(Reader::open(path_).head().revision(), 2U);
}

TEST_F(Import, WritesNothingInADryRunAndCountsAllTheSame) {
  (void)import({source("1.jsonl", kFirst)});
  const std::string before = read_file(path_);
  ImportOptions options;
  options.dry_run = true;
  const ImportReport report =
      import({source("2.jsonl", kSecond), source("3.jsonl", kSecond)}, options);
  EXPECT_EQ(report.sources[0].upserts + report.sources[0].erases, 3U);
  EXPECT_EQ(report.sources[1].upserts + report.sources[1].erases, 0U);
  EXPECT_EQ(read_file(path_), before);
}

TEST_F(Import, UndoesItselfWhenInterrupted) {
  ImportOptions options;
  options.progress = [](const Progress&) { return false; };
  EXPECT_THROW((void)import({source("1.jsonl", kFirst)}, options), Error);
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(Import, HoldsNoMoreChangesThanToldAndEndsTheSame) {
  std::string lines;
  for (int i = 0; i < 3000; ++i) {
    lines += R"({"id":")" + numbered("b-", static_cast<std::uint64_t>(i * 7919 % 3000)) +
             R"(","title":")" + std::string(200, 'x') + "\"}\n";
  }
  ImportOptions options;
  options.from = SourceFormat::kBeads;
  (void)import({source("many.jsonl", lines)}, options);
  const Digest whole = Reader::open(path_).head().fingerprint();
  path_ = dir_.file("spilled.session");
  options.memory_bytes = 50'000;
  (void)import({source("many.jsonl", lines)}, options);
  EXPECT_EQ(Reader::open(path_).head().fingerprint(), whole);
  EXPECT_EQ(Reader::open(path_).head().children("").size(), 3000U);
}

TEST_F(Import, AppliesOperationsAsOneCommit) {
  Writer writer = Writer::create(path_);
  auto change = writer.begin();
  std::istringstream operations(
      R"({"table":"tasks","key":"t-1","record":{"title":"x","status":"blocked","odd":1e400}})"
      "\n\n"
      R"({"table":"values","key":"n/v","record":{"text":"y"}})"
      "\n"
      R"({"table":"values","key":"n/v","delete":true})"
      "\n");
  const ApplyReport report = apply_operations(change, operations, "ops");
  EXPECT_EQ(report.upserts, 2U);
  EXPECT_EQ(report.erases, 1U);
  (void)change.commit();
  const auto task = writer.head().get<schema::Task>("t-1");
  ASSERT_TRUE(task);
  EXPECT_EQ(json::parse(record_as_json(Table::kTasks, task->any().record())),
            json::parse(R"({"title":"x","status":"blocked","odd":1e400})"));
  auto refused = writer.begin();
  std::istringstream bad(R"({"table":"tasks","key":"t","record":{},"extra":1})");
  EXPECT_THROW((void)apply_operations(refused, bad, "ops"), Error);
}

TEST_F(Import, GivesBackEveryGoodTrackerOfTheDataFolder) {
  for (const char* name : {"beads-clean.jsonl", "beads-latest.jsonl"}) {
    const std::string file = std::string(SESSIONTOOL_SHARED_DATA) + "/beads/" + name;
    if (!std::filesystem::exists(file)) GTEST_SKIP() << "no data folder beside the project";
    path_ = dir_.file(std::string(name) + ".session");
    (void)import({file});
    const Reader reader = Reader::open(path_);
    EXPECT_EQ(by_id(exported(reader.head(), SourceFormat::kBeads)), by_id(read_file(file)));
  }
}

TEST_F(Import, RefusesEveryBadTrackerOfTheDataFolder) {
  const std::string folder = std::string(SESSIONTOOL_SHARED_DATA) + "/beads/beads-bad";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "no data folder beside the project";
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    const std::string message = message_of({file.path().string()});
    EXPECT_NE(message.find("line "), std::string::npos) << file.path() << message;
    EXPECT_FALSE(std::filesystem::exists(path_));
  }
}

// Takes nothing, and knows why.
class FullBuffer : public std::streambuf {
 protected:
  int_type overflow(int_type) override { throw Error(ErrorCode::kIo, "no room left", "the disk"); }
  std::streamsize xsputn(const char*, std::streamsize) override { return overflow(0); }
};

TEST_F(Import, AnExportThatFailsToWriteGivesTheCauseThatTheStreamGave) {
  (void)import({source("1.jsonl", kFirst)});
  const Reader reader = Reader::open(path_);
  for (const SourceFormat format : {SourceFormat::kJson, SourceFormat::kJsonl, SourceFormat::kBeads,
                                    SourceFormat::kTaskmaster}) {
    FullBuffer full;
    std::ostream out(&full);
    try {
      (void)export_session(reader.head(), format, out);
      FAIL() << "written";
    } catch (const Error& error) {
      EXPECT_EQ(error.message(), "no room left");
    }
    std::ostream nowhere(nullptr);
    EXPECT_THROW((void)export_session(reader.head(), format, nowhere), Error);
  }
}

}  // namespace
}  // namespace session::test
