#include "lib/convert/claude_code.h"

#include <capnp/message.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "lib/convert/record_json.h"
#include "lib/convert/text_fields.h"
#include "lib/convert/transcript.h"
#include "tests/lib/convert/transcript_session.h"
#include "tests/support/random_json.h"
#include "tests/support/seed.h"

namespace session::convert {
namespace {

using json::parse;
using json::to_text;
using json::Value;
using schema::Block;
using schema::Role;
using schema::TaskStatus;
using test::text_of;

class Mapped {
 public:
  explicit Mapped(const Value& line) : message(builder_.initRoot<schema::Message>()) {
    claude_code_to_message(line, message);
  }
  explicit Mapped(std::string_view text) : Mapped(parse(text)) {}
  [[nodiscard]] schema::Message::Reader reader() const { return message.asReader(); }
  [[nodiscard]] Value back() const { return message_to_claude_code(message.asReader()); }

 private:
  capnp::MallocMessageBuilder builder_;

 public:
  schema::Message::Builder message;
};

constexpr std::string_view kAssistant =
    R"({"parentUuid":"u-1","isSidechain":true,"cwd":"/w","sessionId":"s","version":"1.0","type":"assistant",)"
    R"("message":{"id":"msg_1","type":"message","role":"assistant","model":"m-4","content":[)"
    R"({"type":"text","text":"Let me look."},{"type":"thinking","thinking":"hm","signature":"Zz"},)"
    R"({"type":"tool_use","id":"t-1","name":"Read","input":{"file_path":"/w/a.cc","n":1.50}},)"
    R"({"type":"server_tool_use","deep":[1]}],"stop_reason":null,"stop_sequence":null,)"
    R"("usage":{"input_tokens":3,"cache_creation_input_tokens":9,"cache_read_input_tokens":4734,"output_tokens":8}},)"
    R"("requestId":"r","uuid":"u-2","timestamp":"2025-09-03T00:47:21.100Z"})";
constexpr std::string_view kResult =
    R"({"parentUuid":"u-2","isSidechain":false,"type":"user","message":{"role":"user","content":[)"
    R"({"tool_use_id":"t-1","type":"tool_result","content":[{"type":"text","text":"a line long enough to refer to it"},)"
    R"({"type":"text","text":"and another one that is long enough"}],"is_error":false}]},)"
    R"("uuid":"u-3","timestamp":"2025-09-03T00:47:22Z","toolUseResult":{"stdout":"and another one that is long enough","interrupted":false}})";

TEST(ClaudeCode, FillsTheFieldsOfAMessage) {
  const Mapped line(kAssistant);
  const auto message = line.reader();
  EXPECT_EQ(line.back(), parse(kAssistant));
  EXPECT_EQ(message.getRole(), Role::ASSISTANT);
  EXPECT_EQ(message.getFlags(), transcript::kSideChain);
  EXPECT_EQ(text_of(message.getText()), "Let me look.");
  EXPECT_EQ(text_of(message.getId()), "u-2");
  EXPECT_EQ(text_of(message.getParentId()), "u-1");
  EXPECT_EQ(text_of(message.getModel()), "m-4");
  EXPECT_EQ(format_time(message.getTime(), message.getTimeForm()), "2025-09-03T00:47:21.100Z");
  EXPECT_EQ(message.getInputTokens(), 3U);
  EXPECT_EQ(message.getCachedTokens(), 4734U);
  EXPECT_EQ(message.getOutputTokens(), 8U);
  const auto blocks = message.getBlocks();
  ASSERT_EQ(blocks.size(), 3U);
  EXPECT_EQ(blocks[0].getKind(), Block::Kind::THINKING);
  EXPECT_EQ(text_of(blocks[0].getText()), "hm");
  EXPECT_EQ(blocks[1].getKind(), Block::Kind::TOOL_CALL);
  EXPECT_EQ(text_of(blocks[1].getCallId()), "t-1");
  EXPECT_EQ(text_of(blocks[1].getName()), "Read");
  EXPECT_EQ(text_of(blocks[1].getInput()), R"({"file_path":"/w/a.cc","n":1.50})");
  EXPECT_EQ(blocks[2].getKind(), Block::Kind::OTHER);
  EXPECT_EQ(text_of(blocks[2].getName()), "server_tool_use");
}

TEST(ClaudeCode, AResultIsJoinedToItsCallAndKeptOnce) {
  const Mapped line(kResult);
  EXPECT_EQ(line.back(), parse(kResult));
  EXPECT_EQ(line.reader().getRole(), Role::TOOL);
  const auto blocks = line.reader().getBlocks();
  ASSERT_EQ(blocks.size(), 1U);
  EXPECT_EQ(text_of(blocks[0].getCallId()), "t-1");
  EXPECT_EQ(text_of(blocks[0].getText()),
            "a line long enough to refer to it\nand another one that is long enough");
  EXPECT_EQ(text_of(line.reader().getExtra()).find("long enough"), std::string::npos);
}

TEST(ClaudeCode, AFailureIsMarkedAndItsRepetitionNotKept) {
  const std::string text =
      R"({"parentUuid":"u","isSidechain":false,"type":"user","message":{"role":"user","content":[)"
      R"({"type":"tool_result","content":"no such file","is_error":true,"tool_use_id":"t"}]},)"
      R"("uuid":"v","toolUseResult":"Error: no such file"})";
  const Mapped line(text);
  EXPECT_EQ(line.back(), parse(text));
  EXPECT_FALSE(line.reader().hasExtra());
  EXPECT_TRUE(line.reader().getBlocks()[0].getIsError());
}

TEST(ClaudeCode, KeepsEveryKindOfLine) {
  struct Case {
    std::string_view line;
    Role role;
    std::uint32_t flags;
  };
  for (const Case& entry : std::vector<Case>{
           {R"({"type":"summary","summary":"All done","leafUuid":"u"})", Role::SUMMARY, 0},
           {R"({"type":"system","content":"Compacted","subtype":"x","uuid":"u"})", Role::SYSTEM, 0},
           {R"({"type":"progress","data":{"n":1},"uuid":"u","isSidechain":true})", Role::EVENT, 3},
           {R"({"type":"file-history-snapshot","snapshot":{},"isSnapshotUpdate":false})",
            Role::EVENT, 2},
           {R"({"type":"queue-operation","operation":"enqueue","content":"go"})", Role::EVENT, 2},
           {R"({"type":"user","message":{"role":"user","content":"hi"},"isMeta":true})", Role::USER,
            2},
           {R"({"type":"user","message":"odd"})", Role::EVENT, 2},
           {R"({"type":"user","message":{"role":"user","content":[]}})", Role::USER, 0},
           {R"({})", Role::EVENT, 2},
           {R"({"type":null,"timestamp":"yesterday"})", Role::EVENT, 2}}) {
    const Mapped line(entry.line);
    EXPECT_EQ(line.back(), parse(entry.line)) << entry.line;
    EXPECT_EQ(line.reader().getRole(), entry.role) << entry.line;
    EXPECT_EQ(line.reader().getFlags(), entry.flags) << entry.line;
  }
}

TEST(ClaudeCode, AnImageIsABlockWithItsData) {
  const std::string text =
      R"({"type":"user","message":{"role":"user","content":[{"type":"image","source":)"
      R"({"type":"base64","media_type":"image/png","data":"AAEC"}},{"type":"image","source":{"type":"url"}}]}})";
  const Mapped line(text);
  EXPECT_EQ(line.back(), parse(text));
  EXPECT_EQ(line.reader().getBlocks()[0].getKind(), Block::Kind::IMAGE);
  EXPECT_EQ(text_of(line.reader().getBlocks()[0].getText()), "AAEC");
  EXPECT_EQ(line.reader().getBlocks()[1].getKind(), Block::Kind::OTHER);
}

TEST(ClaudeCode, AnEditedMessageIsWrittenAsEdited) {
  Mapped line(kAssistant);
  line.message.setText("Redacted.");
  line.message.setModel("other");
  const Value back = line.back();
  const Value& api = *back.find("message");
  EXPECT_EQ(api.find("content")->items()[0], parse(R"({"type":"text","text":"Redacted."})"));
  EXPECT_EQ(api.find("content")->items()[1].find("signature")->text(), "Zz");
  EXPECT_EQ(api.find("model")->text(), "other");
}

TEST(ClaudeCode, WritesAMessageOfOurOwn) {
  capnp::MallocMessageBuilder builder;
  auto message = builder.initRoot<schema::Message>();
  message.setRole(Role::USER);
  message.setText("hello");
  message.setExtra(R"({"=odd":1})");
  EXPECT_EQ(message_to_claude_code(message),
            parse(R"({"parentUuid":null,"isSidechain":false,"type":"user",)"
                  R"("message":{"role":"user","content":"hello"}})"));
}

TEST(ClaudeCodeProperty, AMutatedLineComesBack) {
  test::RandomJson random(test::random_seed());
  random.use_names({"type",         "message",     "content",       "role",       "usage",
                    "input_tokens", "tool_use_id", "text",          "thinking",   "input",
                    "source",       "data",        "uuid",          "parentUuid", "timestamp",
                    "isSidechain",  "isMeta",      "toolUseResult", "summary",    "leafUuid",
                    "is_error",     "agentId",     "model",         "@",          "assistant",
                    "user"});
  const std::vector<Value> seeds = {parse(kAssistant), parse(kResult),
                                    parse(R"({"type":"summary","summary":"s","leafUuid":"u"})"),
                                    parse(R"({"type":"progress","data":{}})")};
  for (int i = 0; i < 4000; ++i) {
    Value line = random.mutated(random.one_of(seeds));
    if (random.chance(0.3)) line = random.mutated(std::move(line));
    if (!line.is_object()) continue;
    const Mapped mapped(line);
    const Value back = mapped.back();
    ASSERT_EQ(back, line) << "case " << i << "\n" << to_text(line) << "\n" << to_text(back);
    // And by way of our own JSON.
    const Value own = record_to_json<schema::Message>(mapped.reader());
    capnp::MallocMessageBuilder builder;
    auto again = builder.initRoot<schema::Message>();
    record_from_json<schema::Message>(own, again);
    ASSERT_EQ(message_to_claude_code(again), line) << "case " << i << "\n" << to_text(own);
  }
}

// ---- whole files
// ---------------------------------------------------------------------------------

class ClaudeCodeFile : public test::TranscriptSession {
 protected:
  ClaudeCodeFile() : TranscriptSession(SourceFormat::kClaudeCode) {}

  static std::string call(std::string_view id, std::string_view tool, std::string_view input,
                          std::string_view more = "") {
    return R"({"type":"assistant","uuid":"c)" + std::string(id) +
           R"(","sessionId":"s","cwd":"/w",)" + std::string(more) +
           R"("timestamp":"2026-01-02T03:04:05Z","message":{"role":"assistant","content":[)" +
           R"({"type":"tool_use","id":")" + std::string(id) + R"(","name":")" + std::string(tool) +
           R"(","input":)" + std::string(input) + "}]}}\n";
  }
  static std::string answer(std::string_view id, bool failed = false, std::string_view more = "") {
    return R"({"type":"user","uuid":"r)" + std::string(id) + R"(","sessionId":"s",)" +
           std::string(more) +
           R"("timestamp":"2026-01-02T03:04:06Z","message":{"role":"user","content":[)" +
           R"({"type":"tool_result","tool_use_id":")" + std::string(id) +
           R"(","content":"ok","is_error":)" + (failed ? "true" : "false") + "}]}}\n";
  }
  static std::string todos(std::string_view id, std::string_view list, std::string_view more = "") {
    return call(id, "TodoWrite", R"({"todos":)" + std::string(list) + "}", more) +
           answer(id, false, more);
  }
  std::map<std::string, std::string> titles() {
    std::map<std::string, std::string> result;
    const Snapshot snapshot = head();
    for (const auto& task : snapshot.all<schema::Task>()) {
      result[std::string(task.key())] = text_of(task->getTitle());
    }
    return result;
  }
  std::map<std::string, std::string> actions() {
    std::map<std::string, std::string> result;
    const Snapshot snapshot = head();
    for (const auto& file : snapshot.all<schema::File>()) {
      result[std::string(file.key())] = text_of(file->getLastAction());
    }
    return result;
  }
};

TEST_F(ClaudeCodeFile, ComesBackInTheOrderOfItsLines) {
  const std::string text = std::string(kAssistant) + "\n\n" + std::string(kResult) + "\n" +
                           R"({"type":"summary","summary":"s","leafUuid":"u-2"})";
  (void)import_text(text);
  EXPECT_EQ(lines_of(exported()), lines_of(text));
}

TEST_F(ClaudeCodeFile, OfATranscriptThatGrewOnlyTheNewLinesAreCommitted) {
  const std::string first = call("1", "Read", R"({"file_path":"/w/a"})") + answer("1");
  EXPECT_EQ(import_text(first).upserts, 5U);  // two messages, a file, the session's two records
  EXPECT_EQ(import_text(first).upserts, 0U);
  const std::string second = first + call("2", "Bash", R"({"command":"ls"})") + answer("2");
  const ImportedSource grown = import_text(second);
  EXPECT_EQ(grown.upserts, 2U);
  EXPECT_EQ(grown.erases, 0U);
  const ImportedSource cut = import_text(first);
  EXPECT_EQ(cut.upserts, 0U);
  EXPECT_EQ(cut.erases, 2U);
}

TEST_F(ClaudeCodeFile, TheLastStateOfATodoListBecomesTasks) {
  const std::string one =
      todos("1", R"([{"content":"a","status":"in_progress"},{"content":"b","status":"pending"}])");
  const std::string two = todos(
      "2",
      R"([{"content":"a","status":"completed"},{"content":"c","status":"in_progress"},{"content":"b","status":"pending"}])");
  (void)import_text(one);
  EXPECT_EQ(titles(), (std::map<std::string, std::string>{{"todo/1", "a"}, {"todo/2", "b"}}));
  (void)import_text(one + two);
  EXPECT_EQ(titles(), (std::map<std::string, std::string>{
                          {"todo/1", "a"}, {"todo/2", "b"}, {"todo/3", "c"}}));
  const Snapshot snapshot = head();
  EXPECT_EQ((*snapshot.get<schema::Task>("todo/1"))->getStatus(), TaskStatus::COMPLETED);
  EXPECT_EQ((*snapshot.get<schema::Task>("todo/2"))->getRank(), 2);
  // Another list takes the place of the first.
  (void)import_text(one + todos("3", R"([{"content":"x","status":"pending"}])"));
  EXPECT_EQ(titles(), (std::map<std::string, std::string>{{"todo/3", "x"}}));
}

TEST_F(ClaudeCodeFile, AnEditedTitleStaysTheSameTask) {
  (void)import_text(
      todos("1", R"([{"content":"a","status":"pending"},{"content":"b","status":"pending"}])") +
      todos("2",
            R"([{"content":"a","status":"pending"},{"content":"better","status":"pending"}])"));
  EXPECT_EQ(titles(), (std::map<std::string, std::string>{{"todo/1", "a"}, {"todo/2", "better"}}));
}

TEST_F(ClaudeCodeFile, ASideChainHasItsOwnListUnderTheTaskThatBeganIt) {
  const std::string side = R"("isSidechain":true,"parentUuid":"root",)";
  const std::string text =
      call("0", "Task", R"({"prompt":"Do it all","description":"Do it"})") +
      R"({"type":"user","uuid":"root","parentUuid":null,"isSidechain":true,"sessionId":"s","message":{"role":"user","content":"Do it all"}})" +
      "\n" + todos("1", R"([{"content":"inside","status":"completed"}])", side) +
      todos("2", R"([{"content":"outside","status":"pending"}])");
  (void)import_text(text);
  EXPECT_EQ(titles(),
            (std::map<std::string, std::string>{
                {"agent/1", "Do it"}, {"agent/1/todo/1", "inside"}, {"todo/1", "outside"}}));
  const Snapshot snapshot = head();
  EXPECT_EQ(text_of((*snapshot.get<schema::Task>("agent/1/todo/1"))->getParent()), "agent/1");
  EXPECT_EQ((*snapshot.get<schema::Task>("agent/1"))->getStatus(), TaskStatus::COMPLETED);
}

TEST_F(ClaudeCodeFile, AFileCountsWhenTheToolSucceeded) {
  (void)import_text(call("1", "Read", R"({"file_path":"/w/a"})") + answer("1") +
                    call("2", "Write", R"({"file_path":"/w/b","content":"x"})") +
                    answer("2", true) +
                    call("3", "MultiEdit", R"({"file_path":"/elsewhere/c","edits":[]})") +
                    answer("3") + call("4", "Write", R"({"file_path":"/w/d"})"));
  EXPECT_EQ(actions(),
            (std::map<std::string, std::string>{{"/elsewhere/c", "edit"}, {"/w/a", "read"}}));
  const Snapshot snapshot = head();
  EXPECT_TRUE((*snapshot.get<schema::File>("/w/a"))->getIsWorkspace());
  EXPECT_FALSE((*snapshot.get<schema::File>("/elsewhere/c"))->getIsWorkspace());
  EXPECT_EQ((*snapshot.get<schema::File>("/w/a"))->getModifiedAtForm(), 0U);
  EXPECT_NE((*snapshot.get<schema::File>("/elsewhere/c"))->getModifiedAtForm(), 0U);
  const auto metadata = snapshot.get<schema::SessionRecord>("metadata");
  ASSERT_TRUE(metadata);
  EXPECT_EQ(text_of((*metadata)->getMetadata().getWorkspace()), "/w");
}

TEST_F(ClaudeCodeFile, WhatSomebodyElseSaidAboutTheSessionStays) {
  {
    CreateOptions create;
    create.name = "mine";
    Writer writer = Writer::create(session_, create);
    writer.close();
  }
  (void)import_text(call("1", "Read", R"({"file_path":"/w/a"})") + answer("1"));
  const Snapshot snapshot = head();
  EXPECT_EQ(text_of((*snapshot.get<schema::SessionRecord>("metadata"))->getMetadata().getName()),
            "mine");
}

TEST_F(ClaudeCodeFile, ALargeOutputIsStoredOnceHoweverOftenItIsSaid) {
  std::string large;
  for (int i = 0; i < 6000; ++i) large += static_cast<char>('a' + (i * i) % 26);
  std::string text;
  for (int i = 0; i < 10; ++i) {
    text +=
        R"({"type":"user","uuid":"u","sessionId":"s","message":{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":")" +
        large + R"("}]},"toolUseResult":{"stdout":")" + large + R"(","file":{"old":")" + large +
        "!\"}}}\n";
  }
  const ImportedSource report = import_text(text);
  EXPECT_LT(report.written_bytes, 4 * large.size());
  EXPECT_EQ(lines_of(exported()), lines_of(text));
}

TEST_F(ClaudeCodeFile, AMessageOfAnyNumberOfBlocksComesBack) {
  for (const std::size_t size : {1U, 3000U, 5000U}) {
    std::string blocks;
    for (int i = 0; i < (size == 1 ? 20'000 : 3000); ++i) {
      blocks += (i == 0 ? "" : ",") + (R"({"type":"text","text":")" + std::to_string(i)) +
                std::string(size, 'x') + "\"}";
    }
    const std::string line =
        R"({"type":"user","uuid":"u","sessionId":"s","message":{"role":"user","content":[)" +
        blocks + "]}}\n";
    start_anew();
    (void)import_text(line);
    EXPECT_TRUE(lines_of(exported()) == lines_of(line)) << size;
  }
}

TEST_F(ClaudeCodeFile, RefusesBadLinesByPlace) {
  EXPECT_EQ(refusal("{\"type\":\"user\"}\n[]\n"),
            "line 2, column 1: a line of a transcript must be a JSON object; "
            "mend the source and try again");
  EXPECT_TRUE(refusal("{\"type\":\"user\"}\n{\"type\":\"us\n{}\n").starts_with("line 2, column "));
  const std::string cut = refusal("{\"type\":\"user\"}\n{\"type\":\"us");
  EXPECT_TRUE(cut.starts_with("line 2, column ")) << cut;
  EXPECT_NE(cut.find("this is the last line"), std::string::npos) << cut;
  EXPECT_TRUE(refusal("{\"a\":1,\"a\":2}\n").starts_with("line 1, column ")) << "a key twice";
}

TEST_F(ClaudeCodeFile, AMutatedTranscriptComesBack) {
  test::RandomJson random(test::random_seed());
  random.use_names({"type", "message", "content", "todos", "newTodos", "toolUseResult", "status",
                    "uuid", "parentUuid", "isSidechain", "file_path", "cwd", "input", "id"});
  const std::vector<Value> seeds =
      lines_of(std::string(kAssistant) + "\n" + std::string(kResult) + "\n" +
               todos("1", R"([{"content":"a","status":"pending"}])", R"("isSidechain":true,)") +
               call("2", "Write", R"({"file_path":"/w/b"})") + answer("2"));
  for (int i = 0; i < 25; ++i) {
    std::string text;
    for (const Value& seed : seeds) {
      Value line = random.mutated(seed);
      if (line.is_object()) text += to_text(line) + "\n";
    }
    (void)import_text(text);
    ASSERT_EQ(lines_of(exported()), lines_of(text)) << text;
    ASSERT_EQ(import_text(text).upserts, 0U) << text;
  }
}

TEST_F(ClaudeCodeFile, IsRecognisedByItsFirstLine) {
  const auto is_ours = [&](const std::string& text) {
    const Probe source = probe(write("probe", text));
    return converter_for(SourceFormat::kClaudeCode).recognises(source);
  };
  EXPECT_TRUE(is_ours(call("1", "Read", "{}")));
  EXPECT_TRUE(is_ours(R"({"type":"summary","summary":"s","leafUuid":"u"})"));
  EXPECT_TRUE(is_ours(R"({"type":"file-history-snapshot","messageId":"m","snapshot":{}})"));
  EXPECT_TRUE(is_ours(R"({"type":"queue-operation","operation":"enqueue","sessionId":"s"})"));
  EXPECT_TRUE(is_ours(R"({"parentUuid":null,"sessionId":"s","text":")" + std::string(300'000, 'x') +
                      "\"}"));
  EXPECT_FALSE(is_ours(R"({"type":"user"})"));
  EXPECT_FALSE(is_ours(R"({"id":"a-1","title":"one","status":"open"})"));
  EXPECT_FALSE(is_ours(R"({"timestamp":"t","type":"session_meta","payload":{}})"));
}

class ClaudeCodeData : public ClaudeCodeFile, public ::testing::WithParamInterface<const char*> {};

std::string sample(const std::string& name) {
  return std::string(SESSIONTOOL_SHARED_DATA) + "/transcripts/claude-code/" + name + ".jsonl";
}

TEST_P(ClaudeCodeData, ComesBack) {
  check_sample(sample(GetParam()));
}

TEST_P(ClaudeCodeData, ComesBackWithOddThingsInIt) {
  check_mutated_sample(sample(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(Files, ClaudeCodeData,
                         ::testing::Values("fe5e1c67-53e7-4862-81ae-d0e013e3270b",
                                           "5c0375b4-57a5-4f26-b12d-d022ee4e51b7",
                                           "1af7fc5e-8455-4414-9ccd-011d40f70b2a"),
                         [](const auto& file) { return std::string(file.param).substr(0, 8); });

}  // namespace
}  // namespace session::convert
