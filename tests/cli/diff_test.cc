// diff, as its users call it.

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include "session/reader.h"
#include "tests/cli/tool.h"

namespace session::test {
namespace {

using Words = std::vector<std::string>;

class DiffCommand : public CliTest {
 protected:
  // A revision more: what `operations` (JSON lines) say.
  static void apply(const std::string& file, const std::string& operations) {
    ProgramOptions options;
    options.input = operations;
    const ProgramResult result = tool({"apply", file}, options);
    ASSERT_EQ(result.exit_code, 0) << result.err;
  }
  // Revision 4 of the sample: a task each is added, removed, moved and edited, and more.
  std::string changed() {
    std::string file = sample();
    apply(
        file,
        R"({"table": "tasks", "key": "build.lexer", "record": {"title": "Lexer", "status": "completed", "rank": 1, "parent": "docs"}}
{"table": "tasks", "key": "build.parser", "record": {"title": "Parser", "status": "completed", "parent": "build", "rank": 2, "dependencies": [{"target": "build.lexer", "type": "prerequisite"}], "description": "one\ntwo\nthree\nfour\nfive\nsix\n"}}
{"table": "tasks", "key": "build.linker", "record": {"title": "Linker", "status": "pending", "parent": "build", "rank": 3}}
{"table": "tasks", "key": "free", "delete": true}
{"table": "messages", "key": "0000000003", "record": {"role": "user", "text": "Go on."}}
{"table": "messages", "key": "0000000002", "record": {"role": "assistant", "text": "Done with lexer and parser."}}
{"table": "files", "key": "src/lexer.cc", "record": {"size_bytes": 4321}}
)");
    return file;
  }
  static JsonValue diff_json(std::vector<std::string> arguments, int exit_code) {
    arguments.insert(arguments.begin(), "diff");
    arguments.emplace_back("--json");
    const ProgramResult result = tool(arguments);
    EXPECT_EQ(result.exit_code, exit_code) << result.err;
    EXPECT_EQ(result.err, "");
    return convert::json::parse(result.out);
  }
  static const JsonValue& change_of(const JsonValue& document, std::string_view key) {
    for (const JsonValue& change : at(document, "changes").items()) {
      if (at(change, "key").text() == key) return change;
    }
    throw std::out_of_range("no change of " + std::string(key));
  }
  static std::string fields_of(const JsonValue& change) {
    std::string all;
    for (const JsonValue& field : at(change, "fields").items()) {
      all += text_at(field, "path") + " " + text_at(field, "change") + " " +
             convert::json::to_text(at(field, "left")) + " " +
             convert::json::to_text(at(field, "right")) + "\n";
    }
    return all;
  }
};

TEST_F(DiffCommand, EqualRevisionsAreExit0AndDifferentOnesExit1) {
  const std::string file = changed();
  const ProgramResult equal = tool({"diff", file + "@4", file});
  EXPECT_EQ(equal.exit_code, 0);
  EXPECT_NE(equal.out.find("no difference"), std::string::npos) << equal.out;
  EXPECT_EQ(tool({"diff", file + "@3", file}).exit_code, 1);
  EXPECT_EQ(tool({"diff", file, file + "@~1"}).exit_code, 1);
}

TEST_F(DiffCommand, GivesTheSameAsJson) {
  const std::string file = changed();
  const JsonValue document = diff_json({file + "@3", file}, 1);
  EXPECT_EQ(text_at(document, "schema"), "sessiontool.diff/1");
  EXPECT_EQ(number_at(document, "exit_code"), "1");
  EXPECT_EQ(text_at(at(document, "left"), "file"), file);
  EXPECT_EQ(number_at(at(document, "left"), "revision"), "3");
  EXPECT_EQ(text_at(at(document, "right"), "fingerprint"),
            to_hex(Reader::open(file).head().fingerprint()));
  EXPECT_EQ(convert::json::to_text(at(at(document, "summary"), "tasks")),
            R"({"added":1,"removed":1,"changed":2})");
  EXPECT_EQ(convert::json::to_text(at(at(document, "summary"), "events")),
            R"({"added":0,"removed":0,"changed":0})");
  EXPECT_EQ(at(document, "changes").items().size(), 7U);
  EXPECT_EQ(text_at(change_of(document, "free"), "change"), "removed");
  EXPECT_EQ(text_at(change_of(document, "free"), "table"), "tasks");
  EXPECT_EQ(fields_of(change_of(document, "build.lexer")), "parent changed \"build\" \"docs\"\n");
  EXPECT_EQ(text_at(change_of(document, "build.lexer"), "nature"), "moved");
  EXPECT_EQ(text_at(change_of(document, "src/lexer.cc"), "nature"), "content");
  EXPECT_EQ(fields_of(change_of(document, "src/lexer.cc")), "size_bytes changed 1234 4321\n");
  EXPECT_EQ(fields_of(change_of(document, "build.linker")),
            "title added null \"Linker\"\nparent added null \"build\"\nrank added null 3\n"
            "status added null \"pending\"\n");
}

TEST_F(DiffCommand, JsonOfEqualSidesIsExit0) {
  const std::string file = sample();
  const JsonValue document = diff_json({file, file + "@head"}, 0);
  EXPECT_EQ(number_at(document, "exit_code"), "0");
  EXPECT_TRUE(at(document, "changes").items().empty());
  EXPECT_EQ(text_at(at(document, "left"), "fingerprint"),
            text_at(at(document, "right"), "fingerprint"));
}

TEST_F(DiffCommand, JsonLinesAreHeaderChangesAndSummary) {
  const std::string file = changed();
  const ProgramResult result = tool({"diff", file + "@3", file, "--json-lines"});
  EXPECT_EQ(result.exit_code, 1);
  std::vector<JsonValue> lines;
  std::istringstream in(result.out);
  for (std::string line; std::getline(in, line);) lines.push_back(convert::json::parse(line));
  ASSERT_EQ(lines.size(), 9U);
  EXPECT_EQ(text_at(lines.front(), "type"), "header");
  EXPECT_EQ(text_at(lines.front(), "schema"), "sessiontool.diff/1");
  EXPECT_EQ(number_at(at(lines.front(), "right"), "revision"), "4");
  EXPECT_EQ(text_at(lines.back(), "type"), "summary");
  EXPECT_EQ(number_at(lines.back(), "exit_code"), "1");
  EXPECT_EQ(number_at(at(at(lines.back(), "summary"), "messages"), "changed"), "1");
  const JsonValue document = diff_json({file + "@3", file}, 1);
  for (std::size_t i = 1; i + 1 < lines.size(); ++i) {
    EXPECT_EQ(text_at(lines[i], "type"), "change");
    EXPECT_EQ(text_at(lines[i], "key"), text_at(at(document, "changes").items()[i - 1], "key"));
    EXPECT_EQ(fields_of(lines[i]), fields_of(at(document, "changes").items()[i - 1]));
  }
}

TEST_F(DiffCommand, ShowsTasksBeneathTheirParentsAndTextsByLine) {
  const std::string file = changed();
  apply(
      file,
      R"({"table": "tasks", "key": "build.parser", "record": {"title": "Parser", "status": "completed", "parent": "build", "rank": 2, "dependencies": [{"target": "build.lexer", "type": "prerequisite"}], "description": "one\ntwo\nthree\n4\nfive\nsix\n"}})");
  const std::string all = tool({"diff", file + "@3", file + "@4"}).out;
  EXPECT_NE(all.find("  build  Build it\n"), std::string::npos) << all;
  EXPECT_NE(all.find("├─ ~ build.parser  Parser\n"), std::string::npos) << all;
  EXPECT_NE(all.find("└─ + build.linker  Linker  pending\n"), std::string::npos) << all;
  EXPECT_NE(all.find("- free  Ready to go\n"), std::string::npos) << all;
  EXPECT_NE(all.find("└─ ~ build.lexer  Lexer  moved\n"), std::string::npos) << all;
  EXPECT_NE(all.find("~ parent       build (Build it) → docs (Write it down)  moved\n"),
            std::string::npos)
      << all;
  EXPECT_NE(all.find("~ status       in_progress → completed\n"), std::string::npos) << all;
  EXPECT_NE(all.find("+ 0000000003  user: Go on.\n"), std::string::npos) << all;
  EXPECT_NE(all.find("~ 0000000002  edited\n"), std::string::npos) << all;
  EXPECT_NE(all.find("~ src/lexer.cc  content changed\n"), std::string::npos) << all;
  EXPECT_NE(all.find("1.2 KiB → 4.2 KiB\n"), std::string::npos) << all;
  const std::string text = tool({"diff", file + "@4", file + "@5"}).out;
  EXPECT_NE(text.find("@@ -2,5 +2,5 @@\n"), std::string::npos) << text;
  EXPECT_NE(text.find("  three\n"), std::string::npos) << text;
  EXPECT_NE(text.find(" -four\n"), std::string::npos) << text;
  EXPECT_NE(text.find(" +4\n"), std::string::npos) << text;
  EXPECT_EQ(text.find("one"), std::string::npos) << text;
}

TEST_F(DiffCommand, ParentsThatAreMissingOrInACircleDoNotMatter) {
  const std::string file = sample();
  apply(file, R"({"table": "tasks", "key": "x", "record": {"title": "X", "parent": "y"}}
{"table": "tasks", "key": "y", "record": {"title": "Y", "parent": "z"}}
{"table": "tasks", "key": "z", "record": {"title": "Z", "parent": "x"}}
{"table": "tasks", "key": "self", "record": {"title": "S", "parent": "self"}}
{"table": "tasks", "key": "lost", "record": {"title": "L", "parent": "nowhere"}}
)");
  const std::string out = tool({"diff", file + "@3", file}).out;
  for (const char* line : {"+ x  X", "+ y  Y", "+ z  Z", "+ self  S", "+ lost  L"}) {
    EXPECT_NE(out.find(line), std::string::npos) << out;
  }
  apply(file, R"({"table": "tasks", "key": "y", "record": {"title": "Y2", "parent": "z"}})");
  EXPECT_NE(tool({"diff", file + "@4", file}).out.find("~ y  Y2"), std::string::npos);
  std::string chain;
  for (int i = 0; i < 60; ++i) {
    chain += R"({"table": "tasks", "key": "d)" + std::to_string(i) +
             R"(", "record": {"parent": "d)" + std::to_string(i - 1) + "\"}}\n";
  }
  apply(file, chain);
  apply(file, R"({"table": "tasks", "key": "d59", "record": {"title": "deep", "parent": "d58"}})");
  const std::string deep = tool({"diff", file + "@6", file}).out;
  EXPECT_NE(deep.find("~ d59  deep"), std::string::npos) << deep;
  EXPECT_LT(std::count(deep.begin(), deep.end(), '\n'), 25) << deep;
}

TEST_F(DiffCommand, CountsNamesAndTablesAreOptions) {
  const std::string file = changed();
  const ProgramResult names = tool({"diff", file + "@3", file, "--name-only"});
  EXPECT_EQ(names.exit_code, 1);
  EXPECT_EQ(names.out,
            "tasks/build.lexer\ntasks/build.linker\ntasks/build.parser\ntasks/free\n"
            "messages/0000000002\nmessages/0000000003\nfiles/src/lexer.cc\n");
  const JsonValue named = diff_json({file + "@3", file, "--name-only"}, 1);
  for (const JsonValue& change : at(named, "changes").items()) {
    EXPECT_EQ(change.find("nature"), nullptr);
    EXPECT_EQ(change.find("fields"), nullptr);
  }
  EXPECT_EQ(at(named, "changes").items().size(), 7U);
  const ProgramResult stat = tool({"diff", file + "@3", file, "--stat"});
  EXPECT_EQ(stat.exit_code, 1);
  EXPECT_NE(stat.out.find("messages      1        -        1\n"), std::string::npos) << stat.out;
  EXPECT_EQ(stat.out.find("free"), std::string::npos);
  const ProgramResult files =
      tool({"diff", file + "@3", file, "--name-only", "--table", "files", "--table", "events"});
  EXPECT_EQ(files.out, "files/src/lexer.cc\n");
  EXPECT_EQ(tool({"diff", file + "@3", file, "--table", "events"}).exit_code, 0);
  EXPECT_EQ(at(diff_json({file + "@3", file, "--stat"}, 1), "changes").items().size(), 0U);
  EXPECT_EQ(tool({"diff", file + "@3", file, "--quiet"}).out, "");
  EXPECT_EQ(tool({"diff", file + "@3", file, "--quiet"}).exit_code, 1);
}

TEST_F(DiffCommand, OneFileIsComparedWithItsLastCheckpoint) {
  const std::string file = sample();
  const ProgramResult none = tool({"diff", file});
  EXPECT_EQ(none.exit_code, 10);
  EXPECT_NE(none.err.find("no checkpoint"), std::string::npos) << none.err;
  ASSERT_EQ(tool({"checkpoint", file, "--description", "first"}).exit_code, 0);
  EXPECT_EQ(tool({"diff", file}).exit_code, 0);
  apply(file, R"({"table": "tasks", "key": "free", "delete": true})");
  ASSERT_EQ(tool({"checkpoint", file, "--description", "second"}).exit_code, 0);
  apply(file, R"({"table": "tasks", "key": "docs", "delete": true})");
  EXPECT_EQ(tool({"diff", file, "--name-only"}).out, "tasks/docs\n");
  const JsonValue document = diff_json({file}, 1);
  EXPECT_EQ(number_at(at(document, "left"), "revision"), "6");
  // Of an older revision, the last one it knew.
  EXPECT_EQ(tool({"diff", file + "@5", "--name-only"}).out, "tasks/free\n");
}

TEST_F(DiffCommand, TwoFilesAreComparedByContentAlone) {
  const std::string one = sample("one.session");
  const std::string other = sample("other.session");
  const JsonValue document = diff_json({one, other}, 0);
  EXPECT_EQ(text_at(at(document, "right"), "file"), other);
  apply(other, R"({"table": "tasks", "key": "free", "delete": true})");
  const ProgramResult result = tool({"diff", one, other});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_NE(result.out.find(other), std::string::npos) << result.out;
}

TEST_F(DiffCommand, SaysWhatItCannotDo) {
  const std::string file = sample();
  EXPECT_EQ(tool({"diff"}).exit_code, 2);
  EXPECT_EQ(tool({"diff", file + "@1", file, "--json", "--json-lines"}).exit_code, 2);
  EXPECT_EQ(tool({"diff", file + "@1", file, "--stat", "--name-only"}).exit_code, 2);
  EXPECT_EQ(tool({"diff", file + "@1", file, "--table", "children"}).exit_code, 2);
  EXPECT_EQ(tool({"diff", file, path("missing.session")}).exit_code, 10);
  EXPECT_EQ(tool({"diff", file + "@99", file}).exit_code, 10);
  write_file(path("text"), "no session");
  EXPECT_EQ(tool({"diff", file, path("text")}).exit_code, 5);
}

TEST_F(DiffCommand, WhatSessionsSayDoesNotReachTheTerminalRaw) {
  const std::string file = sample();
  apply(
      file,
      R"({"table": "tasks", "key": "k\u001b[2J", "record": {"title": "\u001b[31m", "tags": ["\u001b]0;x\u0007"], "description": "a\u001b[1m\nb"}})");
  apply(
      file,
      R"({"table": "tasks", "key": "k\u001b[2J", "record": {"title": "\u001b[32m", "tags": ["\u001b]1;x\u0007"], "description": "a\u001b[2m\nb"}})");
  for (const char* from : {"@3", "@4"}) {
    for (const Words& more : {Words{}, Words{"--name-only"}, Words{"--stat"}}) {
      std::vector<std::string> arguments = {"diff", file + from, file};
      arguments.insert(arguments.end(), more.begin(), more.end());
      EXPECT_EQ(tool(arguments).out.find('\x1b'), std::string::npos) << tool(arguments).out;
    }
  }
}

TEST_F(DiffCommand, ColoursATerminalOnly) {
  const std::string file = changed();
  ProgramOptions terminal;
  terminal.on_terminal = true;
  EXPECT_NE(tool({"diff", file + "@3", file}, terminal).out.find("\x1b[32m+"), std::string::npos);
  EXPECT_EQ(tool({"diff", file + "@3", file}).out.find('\x1b'), std::string::npos);
}

// The real tracker's history: an independent program says what each pair of versions differs in.
TEST(DiffOfBeads, IsWhatTheJsonLinesSay) {
  const std::string script = std::string(SESSIONTOOL_SOURCE_DIR) + "/tests/cli/diff_of_beads.py";
  const std::string data = std::string(SESSIONTOOL_SHARED_DATA) + "/beads/beads-seq-300.tar.zst";
  if (!std::filesystem::exists(data)) GTEST_SKIP() << "there is no " << data;
  const TempDir directory;
  const ProgramResult result =
      run_program("/usr/bin/env", {"python3", script, SESSIONTOOL_BINARY, data, directory.path()});
  constexpr int kCannotUnpack = 77;
  if (result.exit_code == kCannotUnpack) GTEST_SKIP() << result.err;
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
  EXPECT_NE(result.out.find("299 neighbouring and 200 random pairs"), std::string::npos);
}

}  // namespace
}  // namespace session::test
