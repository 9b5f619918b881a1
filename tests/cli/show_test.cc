// What a person sees of a session.

#include <algorithm>

#include "cli/render/text.h"
#include "tests/cli/tool.h"

namespace session::test {
namespace {

using schema::TaskStatus;

class Show : public CliTest {
 protected:
  // A session with these tasks.
  template <class Fill>
  std::string session_with(const Fill& fill) {
    const std::string file = path("a.session");
    Writer writer = Writer::create(file);
    Transaction change = writer.begin();
    fill(change);
    change.commit();
    writer.close();
    return file;
  }
};

std::string shown(const std::vector<std::string>& arguments, const ProgramOptions& options = {}) {
  const ProgramResult result = tool(arguments, options);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  return result.out;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_F(Show, DrawsTheTasksAsATree) {
  const std::string out = shown({"show", sample()});
  const std::string tree = out.substr(out.find("\n\n") + 2);
  EXPECT_EQ(tree,
            "✓ build  Build it\n"
            "├─ ✓ build.lexer  Lexer\n"
            "└─ ▶ build.parser  Parser\n"
            "· docs  Write it down  blocked by build.parser\n"
            "· free  Ready to go\n");
}

TEST_F(Show, CountsOnTop) {
  const std::string out = shown({"show", sample()});
  EXPECT_TRUE(has(out, "5 tasks, 40 % done: 2 ✓ completed, 1 ▶ in progress, 2 · pending")) << out;
}

TEST_F(Show, AFilterKeepsTheAncestorsOfWhatItFinds) {
  const std::string file = sample();
  const std::string out = shown({"show", file, "--status", "in-progress"});
  EXPECT_TRUE(has(out, "✓ build  Build it\n└─ ▶ build.parser  Parser\n")) << out;
  EXPECT_FALSE(has(out, "Lexer"));
  EXPECT_FALSE(has(out, "docs"));
}

TEST_F(Show, StatusTakesCommasAndRepetition) {
  const std::string file = sample();
  const auto count = [&file](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"show", file};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return at(tool_json(arguments), "tasks").items().size();
  };
  EXPECT_EQ(count({"--status", "pending"}), 2U);
  EXPECT_EQ(count({"--status", "pending,completed"}), 4U);
  EXPECT_EQ(count({"--status", "pending", "--status", "in_progress"}), 3U);
  EXPECT_EQ(tool({"show", file, "--status", "doing"}).exit_code, 2);
}

TEST_F(Show, ReadyIsPendingWithEveryPrerequisiteCompleted) {
  const JsonValue document = tool_json({"show", sample(), "--ready"});
  ASSERT_EQ(at(document, "tasks").items().size(), 1U);
  EXPECT_EQ(text_at(at(document, "tasks").items()[0], "key"), "free");
}

TEST_F(Show, APrerequisiteThatIsMissingBlocks) {
  const std::string file = session_with([](Transaction& change) {
    put_sample_task(change, "a", "", 1, TaskStatus::PENDING, "A", "gone");
  });
  EXPECT_TRUE(has(shown({"show", file}), "blocked by gone (missing)"));
  EXPECT_TRUE(at(tool_json({"show", file, "--ready"}), "tasks").items().empty());
}

TEST_F(Show, SinceLeavesOutWhatIsOlderOrHasNoTime) {
  const std::string file = session_with([](Transaction& change) {
    for (const auto& [key, nanos] :
         {std::pair("old", 0LL), std::pair("new", 86'400'000'000'000LL)}) {
      capnp::MallocMessageBuilder message;
      auto task = message.initRoot<schema::Task>();
      task.setUpdatedAt(nanos);
      task.setUpdatedAtForm(1);
      change.upsert(key, task.asReader());
    }
    put_task(change, "never", {.title = "never"});
  });
  const JsonValue document = tool_json({"show", file, "--since", "1970-01-02T00:00:00Z"});
  ASSERT_EQ(at(document, "tasks").items().size(), 1U);
  EXPECT_EQ(text_at(at(document, "tasks").items()[0], "key"), "new");
  EXPECT_EQ(tool({"show", file, "--since", "lately"}).exit_code, 2);
}

TEST_F(Show, OptionsThatMeanNothingToAViewAreRefused) {
  const std::string file = sample();
  EXPECT_EQ(tool({"show", file, "messages", "--ready"}).exit_code, 2);
  EXPECT_EQ(tool({"show", file, "status", "--limit", "3"}).exit_code, 2);
  EXPECT_EQ(tool({"show", file, "tasks", "build"}).exit_code, 2);
  EXPECT_EQ(tool({"show", file, "task"}).exit_code, 2);
}

TEST_F(Show, LimitsFromTheStartButConversationsFromTheEnd) {
  const std::string file = sample();
  EXPECT_TRUE(has(shown({"show", file, "--limit", "2"}), "✓ build.lexer  Lexer\n… 3 more\n"));
  const JsonValue messages = tool_json({"show", file, "messages", "--limit", "1"});
  ASSERT_EQ(at(messages, "messages").items().size(), 1U);
  EXPECT_EQ(text_at(at(messages, "messages").items()[0], "key"), "0000000002");
}

TEST_F(Show, ATaskWhoseParentIsMissingIsARootAndSaidSo) {
  const std::string file = session_with([](Transaction& change) {
    put_sample_task(change, "orphan", "gone", 1, TaskStatus::PENDING, "Orphan");
  });
  const ProgramResult result = tool({"show", file});
  EXPECT_TRUE(has(result.out, "· orphan  Orphan  parent gone is missing\n")) << result.out;
  EXPECT_TRUE(has(result.err, "1 task with a parent that is not in the session")) << result.err;
  EXPECT_EQ(tool({"show", file, "--quiet"}).err, "");
}

TEST_F(Show, ACircleOfParentsIsOpenedAndEndsThere) {
  const std::string file = session_with([](Transaction& change) {
    put_sample_task(change, "a", "c", 1, TaskStatus::PENDING, "A");
    put_sample_task(change, "b", "a", 1, TaskStatus::PENDING, "B");
    put_sample_task(change, "c", "b", 1, TaskStatus::PENDING, "C");
    put_sample_task(change, "d", "c", 1, TaskStatus::PENDING, "D");
    put_sample_task(change, "self", "self", 1, TaskStatus::PENDING, "Self");
  });
  const ProgramResult result = tool({"show", file});
  EXPECT_TRUE(has(result.out,
                  "· a  A  parent c is below it\n"
                  "└─ · b  B\n"
                  "   └─ · c  C\n"
                  "      └─ · d  D\n"
                  "· self  Self  parent self is below it\n"))
      << result.out;
  EXPECT_TRUE(has(result.err, "2 circles")) << result.err;
}

TEST_F(Show, ADeepTreeIsDrawnInLinesOfBoundedLength) {
  constexpr int kDepth = 20'000;
  const std::string file = session_with([](Transaction& change) {
    for (int i = 0; i < kDepth; ++i) {
      put_sample_task(change, numbered("t-", static_cast<std::uint64_t>(i)),
                      i == 0 ? "" : numbered("t-", static_cast<std::uint64_t>(i - 1)), 1,
                      TaskStatus::PENDING, "Deep");
    }
  });
  const std::string out = shown({"show", file});
  EXPECT_TRUE(has(out, "t-019999"));
  EXPECT_LT(out.size(), std::size_t{kDepth} * 300);
  EXPECT_TRUE(has(shown({"show", file, "--status", "pending"}), "t-019999"));
}

TEST_F(Show, LinesFitTheTerminal) {
  const std::string file = session_with([](Transaction& change) {
    put_sample_task(change, "a", "", 1, TaskStatus::PENDING, std::string(300, 'x'), "gone");
    put_sample_task(change, "b", "a", 1, TaskStatus::PENDING,
                    "任务任务任务任务任务任务任务任务任务");
  });
  for (const std::size_t columns : {20U, 40U, 79U}) {
    ProgramOptions options;
    options.environment = {{"COLUMNS", std::to_string(columns)}};
    const std::string out = shown({"show", file}, options);
    const std::string tree = out.substr(out.find("\n\n") + 2);
    std::size_t begin = 0;
    for (std::size_t end = tree.find('\n'); end != std::string::npos;
         end = tree.find('\n', begin)) {
      EXPECT_LE(cli::display_width(tree.substr(begin, end - begin)), columns) << tree;
      begin = end + 1;
    }
    EXPECT_TRUE(has(tree, "…"));
  }
}

TEST_F(Show, IntoAPipeTitlesAreWhole) {
  const std::string title(300, 'x');
  const std::string file = session_with([&title](Transaction& change) {
    put_sample_task(change, "a", "", 1, TaskStatus::PENDING, title);
  });
  ProgramOptions options;
  options.environment = {{"COLUMNS", ""}};
  EXPECT_TRUE(has(shown({"show", file}, options), title));
}

TEST_F(Show, AHostileSessionCannotDriveTheTerminal) {
  const std::string evil =
      "\x1b]0;owned\x07\x1b[2J\r\nforged\xc2\x9b"
      "31m\xe2\x80\xae\x7f";
  const std::string file = session_with([&evil](Transaction& change) {
    put_sample_task(change, "k" + evil, "p" + evil, 1, TaskStatus::PENDING, evil, evil);
    put_message(change, "0000000001", evil);
    capnp::MallocMessageBuilder event;
    event.initRoot<schema::Event>().setText(evil.c_str());
    change.upsert("0000000001", event.getRoot<schema::Event>().asReader());
    capnp::MallocMessageBuilder record;
    record.initRoot<schema::File>().setLastAction(evil.c_str());
    change.upsert("f" + evil, record.getRoot<schema::File>().asReader());
    CommitOptions commit;
    commit.message = evil;
  });
  ASSERT_EQ(tool({"checkpoint", file, "--description", evil, "--tag", evil}).exit_code, 0);
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"show", file},
                                             {"show", file, "task", "k" + evil},
                                             {"show", file, "task", "k"},
                                             {"show", file, "messages"},
                                             {"show", file, "files"},
                                             {"show", file, "events"},
                                             {"show", file, "status"},
                                             {"show", file, "context"},
                                             {"log", file},
                                             {"checkpoint", file, "--list"},
                                             {"info", file},
                                             {"info", evil}}) {
    const ProgramResult result = tool(arguments);
    for (const char c : result.out + result.err) {
      EXPECT_TRUE(static_cast<unsigned char>(c) >= 0x20 || c == '\n') << arguments[0];
      EXPECT_NE(c, '\x7f');
    }
    EXPECT_FALSE(has(result.out + result.err, "\xc2\x9b"));
    EXPECT_FALSE(has(result.out + result.err, "\xe2\x80\xae"));
  }
}

TEST_F(Show, ColourIsForTerminalsOnly) {
  const std::string file = sample();
  ProgramOptions terminal;
  terminal.on_terminal = true;
  terminal.environment = {{"TERM", "xterm"}, {"NO_COLOR", ""}, {"COLUMNS", ""}};
  EXPECT_TRUE(has(shown({"show", file}, terminal), "\x1b["));
  EXPECT_FALSE(has(shown({"show", file}), "\x1b["));
  EXPECT_TRUE(has(shown({"show", file, "--color", "always"}), "\x1b["));
  EXPECT_FALSE(has(shown({"show", file, "--color", "never"}, terminal), "\x1b["));
}

TEST_F(Show, NoColorIsRespected) {
  const std::string file = sample();
  ProgramOptions terminal;
  terminal.on_terminal = true;
  terminal.environment = {{"TERM", "xterm"}, {"NO_COLOR", "1"}};
  EXPECT_FALSE(has(shown({"show", file}, terminal), "\x1b["));
  EXPECT_TRUE(has(shown({"show", file, "--color", "always"}, terminal), "\x1b["));
}

TEST_F(Show, ATaskPageNamesDependenciesByTitle) {
  const std::string out = shown({"show", sample(), "task", "docs"});
  EXPECT_TRUE(has(out, "docs  Write it down\n")) << out;
  EXPECT_TRUE(has(out, "  ▶ build.parser  Parser  needs\n")) << out;
  EXPECT_TRUE(has(shown({"show", sample("b"), "task", "build.lexer"}), "✓ build  Build it"));
}

TEST_F(Show, MessagesReadAsAConversation) {
  const std::string file = session_with([](Transaction& change) {
    capnp::MallocMessageBuilder message;
    auto record = message.initRoot<schema::Message>();
    record.setRole(schema::Role::ASSISTANT);
    record.setText("Let me look.");
    record.setModel("some-model");
    record.setOutputTokens(1234);
    auto blocks = record.initBlocks(2);
    blocks[0].setKind(schema::Block::Kind::TOOL_CALL);
    blocks[0].setName("Read");
    blocks[0].setInput("{\"path\": \"a.cc\"}");
    blocks[1].setKind(schema::Block::Kind::TOOL_RESULT);
    std::string lines;
    for (int i = 1; i <= 30; ++i) lines += "line " + std::to_string(i) + "\n";
    blocks[1].setText(lines.c_str());
    change.upsert("0000000007", record.asReader());
  });
  const std::string out = shown({"show", file, "messages"});
  EXPECT_TRUE(has(out, "#7 assistant  some-model\n  Let me look.\n")) << out;
  EXPECT_TRUE(has(out, "  → Read  a.cc\n  ← result  231 B\n    line 1\n")) << out;
  EXPECT_TRUE(has(out, "    line 6\n    … 24 more lines\n")) << out;
  EXPECT_TRUE(has(out, "\n1 message · 1 tool call · tokens: 1,234 out\n")) << out;
}

TEST_F(Show, ALargeTextIsShownWhole) {
  const std::string text = std::string(100'000, 'y') + "END";
  const std::string file =
      session_with([&text](Transaction& change) { put_message(change, "0000000001", text); });
  EXPECT_TRUE(has(shown({"show", file, "messages"}), text));
  const JsonValue document = tool_json({"show", file, "messages"});
  EXPECT_EQ(text_at(at(at(document, "messages").items().at(0), "record"), "text"), text);
}

}  // namespace
}  // namespace session::test
