#include "lib/convert/codex.h"

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
using test::text_of;

class Mapped {
 public:
  explicit Mapped(const Value& line) : message(builder_.initRoot<schema::Message>()) {
    codex_to_message(line, message);
  }
  explicit Mapped(std::string_view text) : Mapped(parse(text)) {}
  [[nodiscard]] schema::Message::Reader reader() const { return message.asReader(); }
  [[nodiscard]] Value back() const { return message_to_codex(message.asReader()).at(0); }

 private:
  capnp::MallocMessageBuilder builder_;

 public:
  schema::Message::Builder message;
};

std::string line(std::string_view type, std::string_view payload) {
  return R"({"timestamp":"2026-02-23T11:41:32.240Z","type":")" + std::string(type) +
         R"(","payload":)" + std::string(payload) + "}";
}
std::string item(std::string_view payload) {
  return line("response_item", payload);
}
std::string event(std::string_view payload) {
  return line("event_msg", payload);
}

constexpr std::string_view kMeta =
    R"({"id":"s-1","timestamp":"2026-02-23T11:41:04.709Z","cwd":"/w","originator":"x","cli_version":"0.104","git":{"branch":"main"}})";
constexpr std::string_view kSaid =
    R"({"type":"message","role":"assistant","content":[{"type":"output_text","text":"Done."}],"phase":"final"})";
constexpr std::string_view kReasoned =
    R"({"type":"reasoning","summary":[{"type":"summary_text","text":"so"}],"content":null,"encrypted_content":"Zz"})";
constexpr std::string_view kCalled =
    R"({"type":"function_call","name":"exec_command","arguments":"{\"cmd\":\"ls\"}","call_id":"c-1"})";
constexpr std::string_view kGave =
    R"({"type":"function_call_output","call_id":"c-1","output":"a\nb"})";
constexpr std::string_view kPatched =
    R"({"type":"custom_tool_call","status":"completed","call_id":"c-2","name":"apply_patch","input":"*** Begin Patch\n*** Update File: src/a.cc\n*** End Patch"})";
constexpr std::string_view kCounted =
    R"({"type":"token_count","info":{"last_token_usage":{"input_tokens":10,"cached_input_tokens":4,"output_tokens":3}},"rate_limits":{"used_percent":2.0}})";
constexpr std::string_view kTurn = R"({"turn_id":"t","cwd":"/w","model":"m-5","effort":"high"})";

TEST(Codex, KeepsEveryKindOfLine) {
  struct Case {
    std::string line;
    Role role;
    std::uint32_t flags;
    bool with_extra = true;
  };
  for (
      const Case& entry : std::vector<Case>{
          {line("session_meta", kMeta), Role::EVENT, 2},
          {line("turn_context", kTurn), Role::EVENT, 2},
          {line("compacted", R"({"message":"before","replacement_history":[]})"), Role::SUMMARY, 0},
          {line("ghost_snapshot", "{}"), Role::EVENT, 2},
          {item(kSaid), Role::ASSISTANT, 0},
          {item(
               R"({"type":"message","role":"developer","content":[{"type":"input_text","text":"x"}]})"),
           Role::DEVELOPER, 2, false},
          {item(
               R"({"type":"message","role":"user","content":[{"type":"input_text","text":"<environment_context>"}]})"),
           Role::USER, 2, false},
          {item(
               R"({"type":"message","role":"user","content":[{"type":"input_text","text":"hi"},{"type":"input_image","image_url":"data:"}]})"),
           Role::USER, 0, false},
          {item(kReasoned), Role::ASSISTANT, 0},
          {item(R"({"type":"reasoning","summary":[],"content":null})"), Role::ASSISTANT, 2},
          {item(kCalled), Role::ASSISTANT, 0, false},
          {item(kGave), Role::TOOL, 0, false},
          {item(kPatched), Role::ASSISTANT, 0, false},
          {item(R"({"type":"custom_tool_call_output","call_id":"c","output":"Exit code: 0"})"),
           Role::TOOL, 0},
          {item(
               R"({"type":"function_call_output","call_id":"c","output":{"content":"x","success":true}})"),
           Role::TOOL, 0},
          {item(
               R"({"type":"local_shell_call","status":"completed","call_id":"c","action":{"type":"exec","command":["ls"]}})"),
           Role::ASSISTANT, 0, false},
          {item(R"({"type":"web_search_call","status":"completed","action":{"query":"q"}})"),
           Role::ASSISTANT, 0, false},
          {item(R"({"type":"never heard of","n":1})"), Role::EVENT, 2},
          {event(kCounted), Role::EVENT, 2},
          {event(R"({"type":"token_count","info":null})"), Role::EVENT, 2},
          {event(R"({"type":"agent_message","message":"Done."})"), Role::ASSISTANT, 0, false},
          {event(R"({"type":"user_message","message":"hi","images":[]})"), Role::USER, 0},
          {event(R"({"type":"agent_reasoning","text":"so"})"), Role::ASSISTANT, 0, false},
          {event(R"({"type":"error","message":"no network"})"), Role::EVENT, 0, false},
          {R"({"id":"s","timestamp":"2025-08-01T10:00:00.000Z","instructions":null,"git":{}})",
           Role::EVENT, 2},
          {R"({"record_type":"state"})", Role::EVENT, 2, false},
          {std::string(kSaid), Role::ASSISTANT, 0},
          {std::string(kCalled), Role::ASSISTANT, 0, false},
          {R"({"type":"event_msg","payload":5,"timestamp":null})", Role::EVENT, 2},
          {"{}", Role::EVENT, 2}}) {
    const Mapped mapped(entry.line);
    EXPECT_EQ(mapped.back(), parse(entry.line)) << entry.line << to_text(mapped.back());
    EXPECT_EQ(mapped.reader().getRole(), entry.role) << entry.line;
    EXPECT_EQ(mapped.reader().getFlags(), entry.flags) << entry.line;
    EXPECT_EQ(mapped.reader().hasExtra(), entry.with_extra) << entry.line;
  }
}

TEST(Codex, JoinsACallAndItsOutput) {
  const Mapped call(item(kCalled));
  const Mapped output(item(kGave));
  const auto asked = call.reader().getBlocks()[0];
  const auto answered = output.reader().getBlocks()[0];
  EXPECT_EQ(asked.getKind(), Block::Kind::TOOL_CALL);
  EXPECT_EQ(text_of(asked.getName()), "exec_command");
  EXPECT_EQ(text_of(asked.getInput()), R"({"cmd":"ls"})");
  EXPECT_EQ(answered.getKind(), Block::Kind::TOOL_RESULT);
  EXPECT_EQ(text_of(answered.getText()), "a\nb");
  EXPECT_EQ(text_of(answered.getCallId()), text_of(asked.getCallId()));
}

TEST(Codex, CountsTheTokensOfTheLastUse) {
  const Mapped counted(event(kCounted));
  EXPECT_EQ(counted.reader().getInputTokens(), 10U);
  EXPECT_EQ(counted.reader().getCachedTokens(), 4U);
  EXPECT_EQ(counted.reader().getOutputTokens(), 3U);
}

TEST(Codex, AnEditedMessageIsWrittenAsEdited) {
  Mapped said(item(kSaid));
  said.message.setText("Redacted.");
  const Value back = said.back();
  const Value& payload = *back.find("payload");
  EXPECT_EQ(payload.find("content")->items()[0].find("text")->text(), "Redacted.");
  EXPECT_EQ(payload.find("phase")->text(), "final");
}

TEST(Codex, AMessageOfAnotherAgentBecomesAnItemForEachThingItDoes) {
  capnp::MallocMessageBuilder builder;
  auto message = builder.initRoot<schema::Message>();
  message.setRole(Role::ASSISTANT);
  message.setText("Look.");
  auto blocks = message.initBlocks(2);
  blocks[0].setKind(Block::Kind::THINKING);
  blocks[0].setText("hm");
  blocks[1].setKind(Block::Kind::TOOL_CALL);
  blocks[1].setName("Read");
  blocks[1].setCallId("c");
  blocks[1].setInput("{}");
  const auto items = message_to_codex(message);
  ASSERT_EQ(items.size(), 3U);
  EXPECT_EQ(items[0].find("type")->text(), "reasoning");
  EXPECT_EQ(
      items[1],
      parse(
          R"({"type":"message","role":"assistant","content":[{"type":"output_text","text":"Look."}]})"));
  EXPECT_EQ(items[2],
            parse(R"({"type":"function_call","call_id":"c","name":"Read","arguments":"{}"})"));
}

TEST(CodexProperty, AMutatedLineComesBack) {
  test::RandomJson random(test::random_seed());
  random.use_names(
      {"timestamp", "type",      "payload", "role",        "content", "text",
       "summary",   "arguments", "input",   "call_id",     "name",    "output",
       "info",      "action",    "message", "record_type", "model",   "last_token_usage",
       "id",        "status",    "@"});
  std::vector<Value> seeds = {parse(line("session_meta", kMeta)),
                              parse(line("turn_context", kTurn)),
                              parse(line("compacted", R"({"message":"m"})"))};
  for (const std::string_view payload : {kSaid, kReasoned, kCalled, kGave, kPatched}) {
    seeds.push_back(parse(item(payload)));
    seeds.push_back(parse(payload));
  }
  seeds.push_back(parse(event(kCounted)));
  seeds.push_back(parse(event(R"({"type":"agent_message","message":"Done."})")));
  seeds.push_back(parse(event(R"({"type":"agent_reasoning","text":"so"})")));
  for (int i = 0; i < 6000; ++i) {
    Value source = random.mutated(random.one_of(seeds));
    if (random.chance(0.3)) source = random.mutated(std::move(source));
    if (!source.is_object()) continue;
    const Mapped mapped(source);
    const Value back = mapped.back();
    ASSERT_EQ(back, source) << "case " << i << "\n" << to_text(source) << "\n" << to_text(back);
    const Value own = record_to_json<schema::Message>(mapped.reader());
    capnp::MallocMessageBuilder builder;
    auto again = builder.initRoot<schema::Message>();
    record_from_json<schema::Message>(own, again);
    ASSERT_EQ(message_to_codex(again).at(0), source) << "case " << i << "\n" << to_text(own);
  }
}

// ---- whole files
// ---------------------------------------------------------------------------------

class CodexFile : public test::TranscriptSession {
 protected:
  CodexFile() : TranscriptSession(SourceFormat::kCodex) {}

  // The flags of the messages, in order.
  std::vector<std::uint32_t> flags() {
    std::vector<std::uint32_t> result;
    const Snapshot snapshot = head();
    for (const auto& message : snapshot.all<schema::Message>()) {
      result.push_back(message->getFlags());
    }
    return result;
  }
  static std::string joined(const std::vector<std::string>& lines) {
    std::string text;
    for (const std::string& one : lines) text += one + "\n";
    return text;
  }
};

const std::string kUserItem =
    item(R"({"type":"message","role":"user","content":[{"type":"input_text","text":"hi"}]})");
const std::string kUserEvent = event(R"({"type":"user_message","message":"hi"})");
const std::string kAgentEvent = event(R"({"type":"agent_message","message":"Done."})");
const std::string kThoughtEvent = event(R"({"type":"agent_reasoning","text":"so"})");

TEST_F(CodexFile, WhatIsSaidTwiceIsShownOnceAndComesBackTwice) {
  const std::string text = joined({kUserItem, kUserEvent, kThoughtEvent, kThoughtEvent,
                                   item(kReasoned), kAgentEvent, item(kSaid), event(kCounted)});
  (void)import_text(text);
  EXPECT_EQ(flags(), (std::vector<std::uint32_t>{0, 2, 2, 2, 0, 2, 0, 2}));
  EXPECT_EQ(lines_of(exported()), lines_of(text));
}

TEST_F(CodexFile, WhatOnlyAnEventSaysIsShown) {
  const std::string text =
      joined({kUserEvent, item(kCalled), kAgentEvent, item(kGave), kAgentEvent});
  (void)import_text(text);
  EXPECT_EQ(flags(), (std::vector<std::uint32_t>{0, 0, 0, 0, 0}));
  // The item comes later: the event is hidden then.
  const ImportedSource grown = import_text(text + item(kSaid) + "\n");
  EXPECT_EQ(grown.upserts, 2U);
  EXPECT_EQ(flags(), (std::vector<std::uint32_t>{0, 0, 0, 0, 2, 0}));
}

TEST_F(CodexFile, OfARolloutThatGrewOnlyTheNewLinesAreCommitted) {
  const std::string first = joined({line("session_meta", kMeta), kUserItem, kUserEvent});
  (void)import_text(first);
  EXPECT_EQ(import_text(first).upserts, 0U);
  EXPECT_EQ(import_text(first + joined({item(kCalled), item(kGave)})).upserts, 2U);
}

TEST_F(CodexFile, TheTurnSaysWhichModelSpoke) {
  const std::string text = joined({line("turn_context", kTurn), item(kSaid)});
  (void)import_text(text);
  EXPECT_EQ(text_of((*head().get<schema::Message>("000000002"))->getModel()), "m-5");
  EXPECT_EQ(lines_of(exported()), lines_of(text));
}

TEST_F(CodexFile, APlanBecomesTasks) {
  const auto plan = [](std::string_view arguments) {
    return item(R"({"type":"function_call","name":"update_plan","call_id":"p","arguments":)" +
                to_text(Value::string(arguments)) + "}");
  };
  (void)import_text(joined(
      {plan(R"({"plan":[{"step":"a","status":"in_progress"},{"step":"b","status":"pending"}]})"),
       plan(R"({"plan":[{"step":"a","status":"completed"},{"step":"b","status":"in_progress"}]})"),
       plan("no json"), plan(R"({"plan":5})")}));
  const Snapshot snapshot = head();
  EXPECT_EQ(snapshot.count(Table::kTasks), 2U);
  EXPECT_EQ((*snapshot.get<schema::Task>("todo/1"))->getStatus(), schema::TaskStatus::COMPLETED);
  EXPECT_EQ(text_of((*snapshot.get<schema::Task>("todo/2"))->getTitle()), "b");
}

TEST_F(CodexFile, APatchThatWentInNamesItsFiles) {
  const auto result = [](std::string_view output) {
    return item(R"({"type":"custom_tool_call_output","call_id":"c-2","output":)" +
                to_text(Value::string(output)) + "}");
  };
  const std::string meta = line("session_meta", kMeta);
  for (const auto& [output, counts] : std::map<std::string, std::uint64_t>{
           {R"({"output":"Success.","metadata":{"exit_code":0}})", 1},
           {"Exit code: 0\nOutput:\nSuccess.", 1},
           {R"({"output":"no","metadata":{"exit_code":1}})", 0},
           {"apply_patch verification failed", 0},
           {"[redacted]", 0}}) {
    (void)import_text(joined({meta, item(kPatched), result(output)}));
    const Snapshot snapshot = head();
    EXPECT_EQ(snapshot.count(Table::kFiles), counts) << output;
    if (counts == 1) {
      EXPECT_EQ(text_of((*snapshot.get<schema::File>("/w/src/a.cc"))->getLastAction()), "edit");
    }
  }
  (void)import_text(
      joined({meta, event(R"({"type":"patch_apply_end","call_id":"c","success":true,)"
                          R"("changes":{"/w/n":{"type":"add"},"/w/o":{"delete":{}}}})")}));
  EXPECT_EQ(text_of((*head().get<schema::File>("/w/n"))->getLastAction()), "write");
  EXPECT_EQ(text_of((*head().get<schema::File>("/w/o"))->getLastAction()), "delete");
}

TEST_F(CodexFile, ALargeTextSaidTwiceIsStoredOnce) {
  std::string large;
  for (int i = 0; i < 6000; ++i) large += static_cast<char>('a' + (i * i) % 26);
  const std::string content = R"([{"type":"output_text","text":")" + large + R"("}])";
  const std::string text = joined(
      {event(R"({"type":"agent_message","message":")" + large + "\"}"),
       item(R"({"type":"message","role":"assistant","content":)" + content + "}"),
       line("compacted", R"({"message":"","replacement_history":[{"content":)" + content + "}]}")});
  EXPECT_LT(import_text(text).written_bytes, 2 * large.size());
  EXPECT_EQ(lines_of(exported()), lines_of(text));
}

TEST_F(CodexFile, AMutatedRolloutComesBack) {
  test::RandomJson random(test::random_seed());
  random.use_names({"timestamp", "type", "payload", "role", "content", "plan", "arguments",
                    "output", "cwd", "model", "changes", "success", "call_id"});
  const std::vector<Value> seeds = lines_of(
      joined({line("session_meta", kMeta), kUserItem, kUserEvent, line("turn_context", kTurn),
              kThoughtEvent, item(kReasoned), kAgentEvent, item(kSaid), item(kPatched), item(kGave),
              event(kCounted), R"({"record_type":"state"})"}));
  for (int i = 0; i < 25; ++i) {
    std::string text;
    for (const Value& seed : seeds) {
      Value one = random.mutated(seed);
      if (one.is_object()) text += to_text(one) + "\n";
    }
    (void)import_text(text);
    ASSERT_EQ(lines_of(exported()), lines_of(text)) << text;
    ASSERT_EQ(import_text(text).upserts, 0U) << text;
  }
}

TEST_F(CodexFile, RefusesBadLinesByPlace) {
  EXPECT_EQ(refusal(line("session_meta", kMeta) + "\n7\n"),
            "line 2, column 1: a line of a transcript must be a JSON object; "
            "mend the source and try again");
  EXPECT_NE(refusal(line("session_meta", kMeta) + "\n{\"timest").find("this is the last line"),
            std::string::npos);
}

TEST_F(CodexFile, IsRecognisedByItsFirstLine) {
  const auto is_ours = [&](const std::string& text) {
    const Probe source = probe(write("probe", text));
    return converter_for(SourceFormat::kCodex).recognises(source);
  };
  EXPECT_TRUE(is_ours(line("session_meta", kMeta)));
  EXPECT_TRUE(is_ours(R"({"id":"s","timestamp":"t","instructions":null})"));
  EXPECT_TRUE(is_ours(R"({"record_type":"state"})"));
  EXPECT_TRUE(is_ours(kSaid.data()));
  EXPECT_TRUE(is_ours(kCalled.data()));
  EXPECT_TRUE(is_ours(line("session_meta", R"({"t":")" + std::string(300'000, 'x') + "\"}")));
  EXPECT_FALSE(is_ours(R"({"type":"user","payload":{}})"));
  EXPECT_FALSE(is_ours(R"({"id":"a-1","title":"one","status":"open"})"));
  EXPECT_FALSE(is_ours(R"({"type":"summary","summary":"s","leafUuid":"u"})"));
}

class CodexData : public CodexFile, public ::testing::WithParamInterface<const char*> {};

std::string sample(const std::string& name) {
  return std::string(SESSIONTOOL_SHARED_DATA) + "/transcripts/codex/" + name;
}

TEST_P(CodexData, ComesBack) {
  check_sample(sample(GetParam()));
}

TEST_P(CodexData, ComesBackWithOddThingsInIt) {
  check_mutated_sample(sample(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(
    Files, CodexData,
    ::testing::Values("rollout-2026-02-23T12-41-04-019c8a4d-8f45-7010-8b5d-7fad920aa6f9.jsonl",
                      "rollout-2026-02-23T12-54-34-019c8a59-e9dd-71f0-9ae3-4079fe9726a9.jsonl"),
    [](const auto& file) { return file.index == 0 ? "Short" : "Long"; });

}  // namespace
}  // namespace session::convert
