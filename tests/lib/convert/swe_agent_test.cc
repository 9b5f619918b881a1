#include "lib/convert/swe_agent.h"

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
  Mapped(const Value& entry, bool is_step)
      : message(builder_.initRoot<schema::Message>()), is_step_(is_step) {
    if (is_step) {
      swe_step_to_message(entry, message);
    } else {
      swe_history_to_message(entry, message);
    }
  }
  [[nodiscard]] schema::Message::Reader reader() const { return message.asReader(); }
  [[nodiscard]] Value back() const { return back_of(message.asReader()); }
  [[nodiscard]] Value back_of(schema::Message::Reader reader) const {
    return is_step_ ? message_to_swe_step(reader) : message_to_swe_history(reader);
  }

 private:
  capnp::MallocMessageBuilder builder_;

 public:
  schema::Message::Builder message;

 private:
  bool is_step_;
};

constexpr std::string_view kSystem = R"({"role":"system","content":"You are.","agent":"main"})";
constexpr std::string_view kAction =
    R"({"message_type":"action","role":"assistant","content":"Let us see what is in that folder.","agent":"main",)"
    R"("thought":"Let us see what is in that folder.","action":"ls -F","tool_calls":[)"
    R"({"id":"c-1","type":"function","function":{"name":"bash","arguments":"{\"command\":\"ls -F\"}"}}]})";
constexpr std::string_view kObserved =
    R"({"role":"tool","content":"a.cc\n","agent":"main","tool_call_ids":["c-1"],"message_type":"observation"})";
constexpr std::string_view kOldAction =
    R"({"role":"assistant","content":"Look.\n```\nls\n```","thought":"Look.\n","action":"ls\n","agent":"primary"})";
constexpr std::string_view kPieces =
    R"({"role":"user","content":[{"type":"text","text":"a","cache_control":{"type":"ephemeral"}},{"type":"image_url"}],"is_demo":true})";
constexpr std::string_view kStep =
    R"({"action":"edit 1:1\nx\nend_of_edit","observation":"[File: /w/src/a.cc (3 lines total)]\n1:x","response":"Do it now.\n```",)"
    R"("thought":"Do it now.","execution_time":0.2387,"state":"{\"open_file\": \"/w/src/a.cc\", \"working_dir\": \"/w\"}\n"})";

TEST(SweAgent, AnActionWithToolCallsIsJoinedToItsObservation) {
  const Mapped action(parse(kAction), false);
  const Mapped observed(parse(kObserved), false);
  EXPECT_EQ(action.back(), parse(kAction));
  EXPECT_EQ(observed.back(), parse(kObserved));
  EXPECT_EQ(action.reader().getRole(), Role::ASSISTANT);
  EXPECT_EQ(observed.reader().getRole(), Role::TOOL);
  const auto call = action.reader().getBlocks()[0];
  const auto result = observed.reader().getBlocks()[0];
  EXPECT_EQ(text_of(call.getName()), "bash");
  EXPECT_EQ(text_of(call.getInput()), R"({"command":"ls -F"})");
  EXPECT_EQ(text_of(result.getText()), "a.cc\n");
  EXPECT_EQ(text_of(result.getCallId()), text_of(call.getCallId()));
  // The thought repeats the content.
  EXPECT_NE(text_of(action.reader().getExtra()).find(R"("=thought":{"@":"text"})"),
            std::string::npos);
}

TEST(SweAgent, AnActionWithoutToolCallsIsACommandLine) {
  const Mapped action(parse(kOldAction), false);
  EXPECT_EQ(action.back(), parse(kOldAction));
  const auto call = action.reader().getBlocks()[0];
  EXPECT_EQ(call.getKind(), Block::Kind::TOOL_CALL);
  EXPECT_EQ(text_of(call.getName()), "ls");
  EXPECT_EQ(text_of(call.getInput()), R"("ls\n")");
}

TEST(SweAgent, AStepHasItsActionAndObservation) {
  const Mapped step(parse(kStep), true);
  EXPECT_EQ(step.back(), parse(kStep));
  EXPECT_EQ(text_of(step.reader().getText()), "Do it now.\n```");
  const auto blocks = step.reader().getBlocks();
  ASSERT_EQ(blocks.size(), 2U);
  EXPECT_EQ(text_of(blocks[0].getName()), "edit");
  EXPECT_EQ(text_of(blocks[1].getText()), "[File: /w/src/a.cc (3 lines total)]\n1:x");
  const Mapped other(parse(R"({"response":"r","thought":"t"})"), true);
  EXPECT_EQ(other.reader().getBlocks()[0].getKind(), Block::Kind::THINKING);
}

TEST(SweAgent, AnEntryThatIsNoneComesBack) {
  for (const std::string_view odd :
       {"null", "5", "[]", "{}", R"("text")", R"({"role":7})",
        R"({"content":[null,{"text":"a"},{"text":1}]})",
        R"({"role":"tool","content":null,"tool_call_ids":[]})",
        R"({"action":"","tool_calls":[null]})", R"({"thought":null})"}) {
    EXPECT_EQ(Mapped(parse(odd), false).back(), parse(odd)) << odd;
    EXPECT_EQ(Mapped(parse(odd), true).back(), parse(odd)) << odd;
  }
}

TEST(SweAgentProperty, AMutatedEntryComesBack) {
  test::RandomJson random(test::random_seed());
  random.use_names({"role", "content", "agent", "thought", "action", "tool_calls", "function",
                    "name", "arguments", "id", "type", "text", "tool_call_ids", "observation",
                    "response", "state", "is_demo", "@"});
  const std::vector<Value> seeds = {parse(kSystem),    parse(kAction), parse(kObserved),
                                    parse(kOldAction), parse(kPieces), parse(kStep)};
  for (int i = 0; i < 4000; ++i) {
    Value entry = random.mutated(random.one_of(seeds));
    if (random.chance(0.3)) entry = random.mutated(std::move(entry));
    const Mapped mapped(entry, random.chance(0.4));
    ASSERT_EQ(mapped.back(), entry) << "case " << i << "\n" << to_text(entry);
    const Value own = record_to_json<schema::Message>(mapped.reader());
    capnp::MallocMessageBuilder builder;
    auto again = builder.initRoot<schema::Message>();
    record_from_json<schema::Message>(own, again);
    ASSERT_EQ(mapped.back_of(again), entry) << "case " << i << "\n" << to_text(own);
  }
}

// ---- whole files
// ---------------------------------------------------------------------------------

class SweAgentFile : public test::TranscriptSession {
 protected:
  SweAgentFile() : TranscriptSession(SourceFormat::kSweAgent) {}

  static std::string document(const std::vector<std::string_view>& history,
                              const std::vector<std::string_view>& trajectory) {
    const auto list = [](const std::vector<std::string_view>& entries) {
      std::string text = "[";
      for (const std::string_view entry : entries) {
        text += (text.size() > 1 ? ",\n" : "\n") + std::string(entry);
      }
      return text + "]";
    };
    return "{\n\"environment\": \"main\",\n\"trajectory\": " + list(trajectory) +
           ",\n\"history\": " + list(history) +
           R"(,"info":{"exit_status":"submitted","model_stats":{"instance_cost":1.26719,"api_calls":12}},)"
           R"("replay_config":{"agent":{"model":{"name":"m-4"}}}})";
  }
  static std::string step(std::string_view action, std::string_view observation) {
    return R"({"action":)" + to_text(Value::string(action)) + R"(,"observation":)" +
           to_text(Value::string(observation)) + R"(,"state":{"working_dir":"/w"}})";
  }
  [[nodiscard]] Value back() const { return parse(exported()); }
};

TEST_F(SweAgentFile, TheDocumentComesBackAndGrows) {
  const std::string first = document({kSystem, kAction, kObserved}, {kStep});
  // Four messages, a file, two records of the session and the rest of the document.
  EXPECT_EQ(import_text(first).upserts, 8U);
  EXPECT_EQ(back(), parse(first));
  EXPECT_EQ(import_text(first).upserts, 0U);
  const std::string second = document({kSystem, kAction, kObserved, kOldAction}, {kStep, kStep});
  EXPECT_EQ(import_text(second).upserts, 2U);
  EXPECT_EQ(back(), parse(second));
}

TEST_F(SweAgentFile, StepsAreShownWhereThereIsNoHistory) {
  (void)import_text(document({kAction}, {kStep}));
  EXPECT_EQ((*head().get<schema::Message>("trajectory/000000001"))->getFlags(),
            transcript::kNotShown);
  EXPECT_EQ((*head().get<schema::Message>("history/000000001"))->getFlags(), 0U);
  EXPECT_EQ(text_of((*head().get<schema::Message>("history/000000001"))->getModel()), "m-4");
  (void)import_text(document({}, {kStep}));
  EXPECT_EQ((*head().get<schema::Message>("trajectory/000000001"))->getFlags(), 0U);
}

TEST_F(SweAgentFile, TellsAbsentNullAndEmptyListsApart) {
  for (const std::string_view text :
       {R"({"trajectory":[]})", R"({"trajectory":[],"history":null})",
        R"({"trajectory":[],"history":[]})", R"({"trajectory":[null],"history":{}})",
        R"({"trajectory":null,"history":[1],"info":0})", R"({"history":[],"info":{}})"}) {
    start_anew();
    (void)import_text(text);
    EXPECT_EQ(back(), parse(text)) << text;
  }
}

TEST_F(SweAgentFile, FilesAreThoseTheEditorSaysItShows) {
  const std::vector<std::string> steps = {
      step("create new.py", "[File: new.py (1 lines total)]\r\n1:"),
      step("open \"src/a.py\" 12", "[File: /w/src/a.py (90 lines total)]\n(10 more lines above)"),
      step("edit 1:2\nx\nend_of_edit",
           "Your proposed edit has introduced new syntax error(s).\n"
           "[File: /w/src/bad.py (1 lines total)]"),
      step("insert 'x'", "Done.\n[File: src/b.py (2 lines total)]\n1:x"),
      step("cat c.py", "[File: /w/c.py (2 lines total)]"),
      step("str_replace_editor create /w/d.py --file_text x",
           "File created successfully at: /w/d.py"),
      step("str_replace_editor view /w/e.py", "Here's the result of running `cat -n` on /w/e.py:"),
      step("str_replace_editor view /w/f.py", "The path /w/f.py does not exist.")};
  (void)import_text(document({}, {steps.begin(), steps.end()}));
  std::map<std::string, std::string> actions;
  const Snapshot snapshot = head();
  for (const auto& file : snapshot.all<schema::File>()) {
    actions[std::string(file.key())] = text_of(file->getLastAction());
  }
  EXPECT_EQ(actions, (std::map<std::string, std::string>{{"/w/new.py", "write"},
                                                         {"/w/src/a.py", "read"},
                                                         {"/w/src/b.py", "edit"},
                                                         {"/w/d.py", "write"},
                                                         {"/w/e.py", "read"}}));
}

TEST_F(SweAgentFile, AnEntryOfAnyNumberOfCallsComesBack) {
  std::string calls;
  for (int i = 0; i < 100; ++i) {
    calls += (i == 0 ? "" : ",") + (R"({"type":"function","id":"c)" + std::to_string(i)) +
             R"(","function":{"name":"bash","arguments":")" + std::string(3000, 'x') + "\"}}";
  }
  const std::string entry = R"({"role":"assistant","content":"go","tool_calls":[)" + calls + "]}";
  const std::string text = document({entry}, {});
  (void)import_text(text);
  EXPECT_TRUE(back() == parse(text));
}

TEST_F(SweAgentFile, CanBeInterruptedAtEachEntry) {
  const std::string path =
      write("source",
            document({R"({"role":"user","content":"a"})", R"({"role":"user","content":"b"})"}, {}));
  int asked = 0;
  ImportOptions options;
  options.from = SourceFormat::kSweAgent;
  options.progress = [&](const Progress&) { return ++asked < 2; };
  EXPECT_THROW((void)import_sources({path}, session_, options), Error);
  EXPECT_EQ(asked, 2);
  EXPECT_FALSE(std::filesystem::exists(session_));
}

TEST_F(SweAgentFile, RefusesWhatIsNoTrajectory) {
  EXPECT_TRUE(
      refusal("[]").starts_with("line 1, column 1: a SWE-agent trajectory is a JSON object"));
  EXPECT_TRUE(refusal(R"({"history":[]})").starts_with("line 1, column 1: "));
  EXPECT_TRUE(refusal("{\"trajectory\": [\n{\"action\": }]}").starts_with("line 2, column "));
  EXPECT_TRUE(refusal("{\"trajectory\": [\n").starts_with("line 2, column "));
}

TEST_F(SweAgentFile, AMutatedDocumentComesBack) {
  test::RandomJson random(test::random_seed());
  random.use_names({"history", "trajectory", "info", "environment", "role", "content", "action",
                    "state", "replay_config", "model_stats", "observation"});
  const Value seed = parse(document({kSystem, kAction, kObserved, kOldAction, kPieces}, {kStep}));
  std::size_t tried = 0;
  for (int i = 0; i < 60; ++i) {
    const Value mutated = random.mutated(random.chance(0.3) ? random.mutated(seed) : seed);
    const Value* list = mutated.find("trajectory");
    if (list == nullptr || !list->is_array()) continue;
    ++tried;
    const std::string text = to_text(mutated);
    (void)import_text(text);
    ASSERT_EQ(back(), mutated) << text;
    ASSERT_EQ(import_text(text).upserts, 0U) << text;
  }
  EXPECT_GT(tried, 20U);
}

TEST_F(SweAgentFile, IsRecognisedByItsLists) {
  const auto is_ours = [&](const std::string& text) {
    const Probe source = probe(write("probe", text));
    return converter_for(SourceFormat::kSweAgent).recognises(source);
  };
  EXPECT_TRUE(is_ours(document({kSystem}, {kStep})));
  EXPECT_TRUE(is_ours(R"({"trajectory":[],"history":[],"info":{}})"));
  EXPECT_TRUE(is_ours(R"({"history":[],"info":{}})"));
  EXPECT_TRUE(is_ours(R"({"trajectory":[{"action":"a","observation":")" +
                      std::string(300'000, 'x') + "\"}]}"));
  EXPECT_FALSE(is_ours(R"({"tasks":[]})"));
  EXPECT_FALSE(is_ours(R"({"type":"summary","summary":"s","leafUuid":"u"})"));
  EXPECT_FALSE(is_ours("{\n\"tasks\": []\n}"));
}

class SweAgentData : public SweAgentFile, public ::testing::WithParamInterface<const char*> {};

std::string sample(const std::string& name) {
  return std::string(SESSIONTOOL_SHARED_DATA) + "/transcripts/swe-agent/" + name + ".traj";
}

TEST_P(SweAgentData, ComesBack) {
  check_sample(sample(GetParam()));
}

TEST_P(SweAgentData, ComesBackWithOddThingsInIt) {
  check_mutated_sample(sample(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(Files, SweAgentData,
                         ::testing::Values("pydicom-1458", "marshmallow-1867-function-calling",
                                           "marshmallow-1867-xml"),
                         [](const auto& file) { return std::to_string(file.index); });

}  // namespace
}  // namespace session::convert
