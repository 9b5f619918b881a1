#include "cli/render/conversation.h"

#include <capnp/message.h>
#include <gtest/gtest.h>

#include <functional>
#include <sstream>
#include <string>

#include "cli/render/tool_call.h"

namespace session::test {
namespace {

using cli::call_summary;
using cli::output_text;
using schema::Block;
using schema::Role;

class ConversationTest : public ::testing::Test {
 protected:
  using Fill = std::function<void(schema::Message::Builder)>;

  void say(Role role, std::string_view text, std::uint32_t flags = 0, const Fill& fill = {}) {
    capnp::MallocMessageBuilder builder;
    auto message = builder.initRoot<schema::Message>();
    message.setRole(role);
    message.setOrigin(schema::Origin::CLAUDE_CODE);
    message.setFlags(flags);
    if (!text.empty()) message.setText(std::string(text));
    if (fill) fill(message);
    conversation_.add("00000000" + std::to_string(++number_), message);
  }
  void call(std::string_view id, std::string_view name, std::string_view input) {
    say(Role::ASSISTANT, "", 0, [&](schema::Message::Builder message) {
      auto block = message.initBlocks(1)[0];
      block.setKind(Block::Kind::TOOL_CALL);
      block.setCallId(std::string(id));
      block.setName(std::string(name));
      block.setInput(std::string(input));
    });
  }
  void answer(std::string_view id, std::string_view text, bool failed = false) {
    say(Role::TOOL, "", 0, [&](schema::Message::Builder message) {
      auto block = message.initBlocks(1)[0];
      block.setKind(Block::Kind::TOOL_RESULT);
      block.setCallId(std::string(id));
      block.setText(std::string(text));
      block.setIsError(failed);
    });
  }
  std::string shown() {
    conversation_.finish();
    return out_.str();
  }

  std::ostringstream out_;
  cli::Style style_{false};
  cli::Page page_{out_, style_};
  cli::Conversation conversation_{page_, 40};
  int number_ = 0;
};

TEST_F(ConversationTest, CallsAndResultsStandInTheTurnTheyBelongTo) {
  say(Role::ASSISTANT, "Let me look.");
  call("1", "Bash", R"({"command":"ls -la","description":"List"})");
  call("2", "Read", R"({"file_path":"/w/a.cc"})");
  answer("2", "");
  answer("1", "no such file", true);
  EXPECT_EQ(shown(),
            "#1 assistant\n  Let me look.\n  → Bash  ls -la\n  → Read  /w/a.cc\n"
            "  ← Read  (nothing)\n  ← Bash failed  no such file\n"
            "\n5 messages · 2 tool calls, 1 failed\n");
}

TEST_F(ConversationTest, ALongResultIsCutAndSaysHowLargeItIs) {
  call("1", "Bash", R"({"command":"seq 9"})");
  answer("1", "1\n2\n3\n4\n5\n6\n7\n8\n9\n");
  EXPECT_EQ(shown(),
            "#1 assistant\n  → Bash  seq 9\n  ← Bash  18 B\n    1\n    2\n    3\n    4\n    5\n"
            "    6\n    … 3 more lines\n\n2 messages · 1 tool call\n");
}

TEST_F(ConversationTest, BreaksLongLinesAtSpacesAndKeepsTheirIndent) {
  say(Role::USER,
      "one two three four five six seven eight nine\n  - a list item that is too long "
      "for it\nhttps://example.org/a/very/long/address/without/a/space");
  EXPECT_EQ(shown(),
            "#1 user\n  one two three four five six seven\n  eight nine\n"
            "    - a list item that is too long for\n    it\n"
            "  https://example.org/a/very/long/address/without/a/space\n\n1 message\n");
}

TEST_F(ConversationTest, SetsSideChainsApart) {
  say(Role::USER, "main");
  say(Role::USER, "inside", 1);
  say(Role::ASSISTANT, "also inside\n\nstill", 1);
  say(Role::ASSISTANT, "outside");
  EXPECT_EQ(shown(),
            "#1 user\n  main\n\n┆ #2 user  side chain\n┆   inside\n┆\n"
            "┆ #3 assistant  side chain\n┆   also inside\n┆\n┆   still\n\n"
            "#4 assistant\n  outside\n\n4 messages, 2 on side chains\n");
}

TEST_F(ConversationTest, WhatIsNotForAPersonIsCountedAndLeftOut) {
  say(Role::USER, "hi");
  say(Role::USER, "hi", 2);
  say(Role::EVENT, "", 2);
  EXPECT_EQ(shown(), "#1 user\n  hi\n\n3 messages, 2 not shown\n");
}

TEST_F(ConversationTest, CountsAModelsUseOnceHoweverManyMessagesItWasCutInto) {
  const auto used = [](std::uint32_t in, std::uint32_t cached, std::uint32_t out) {
    return [=](schema::Message::Builder message) {
      message.setInputTokens(in);
      message.setCachedTokens(cached);
      message.setOutputTokens(out);
    };
  };
  say(Role::ASSISTANT, "a", 0, used(5, 1000, 1));
  say(Role::ASSISTANT, "b", 0, used(5, 1000, 285));
  say(Role::ASSISTANT, "c", 0, used(7, 1200, 10));
  EXPECT_NE(shown().find("tokens: 12 in, 2,200 cached, 295 out\n"), std::string::npos);
}

TEST_F(ConversationTest, AThoughtAndWhatIsSaidAreOneTurn) {
  say(Role::ASSISTANT, "", 0, [](schema::Message::Builder message) {
    auto block = message.initBlocks(1)[0];
    block.setKind(Block::Kind::THINKING);
    block.setText("hm");
  });
  say(Role::ASSISTANT, "Aha.");
  EXPECT_EQ(shown(), "#1 assistant\n    hm\n  Aha.\n\n2 messages\n");
}

TEST_F(ConversationTest, LetsNoControlCharacterThrough) {
  call("1", "Ba\x1b[31msh", R"({"command":"\u001b[2J\u0007x\nrm"})");
  answer("1",
         "a\x1b[2J\x07"
         "b");
  say(Role::USER, "\x1b]0;title\x07");
  const std::string out = shown();
  EXPECT_EQ(out.find('\x1b'), std::string::npos);
  EXPECT_EQ(out.find('\x07'), std::string::npos);
}

TEST(CallSummary, IsTheArgumentThatSaysMost) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {R"({"description":"d","command":"ls\n"})", "ls"},
      {R"({"command":["bash","-lc","make test"]})", "make test"},
      {R"({"command":["git","status"]})", "git status"},
      {R"({"pattern":"x+","path":"src"})", "x+"},
      {R"({"file_path":"a","content":"b"})", "a"},
      {R"({"todos":[{"status":"completed"},{"status":"pending"},5]})", "3 items, 1 done"},
      {R"({"plan":[]})", "0 items, 0 done"},
      {R"("ls -F\n")", "ls -F"},
      {R"("*** Begin Patch\n*** Update File: a.cc\n@@\n*** Add File: b\n*** End Patch")",
       "a.cc, b"},
      {R"({"command":["apply_patch","*** Begin Patch\n*** Delete File: c\n"]})", "c"},
      {R"({"n":1.50})", R"({"n":1.50})"},
      {"{}", ""},
      {"", ""},
      {"no json", "no json"},
      {R"({"command":"","path":"p"})", "p"}};
  for (const auto& [input, summary] : cases) EXPECT_EQ(call_summary(input), summary) << input;
}

TEST(CallSummary, IsShortWhateverTheInput) {
  const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  EXPECT_LT(call_summary(deep).size(), 2000U);
  EXPECT_LT(call_summary("{\"command\":\"" + std::string(1'000'000, 'x') + "\"}").size(), 2000U);
  EXPECT_LT(call_summary("\"*** Begin Patch\\n*** Add File: " + std::string(1'000'000, 'x') + "\"")
                .size(),
            2000U);
}

TEST(OutputText, TakesTheOutputOutOfItsWrapping) {
  EXPECT_EQ(output_text(R"({"output":"a\nb","metadata":{"exit_code":0}})"), "a\nb");
  EXPECT_EQ(output_text(R"({"output":"a"})"), R"({"output":"a"})");
  EXPECT_EQ(output_text("{no json"), "{no json");
}

}  // namespace
}  // namespace session::test
