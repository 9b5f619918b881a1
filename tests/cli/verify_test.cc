// verify as its users call it: words, exit codes, the document.

#include <filesystem>
#include <string>

#include "tests/cli/tool.h"
#include "tests/support/damage.h"

namespace session::test {
namespace {

namespace fs = std::filesystem;

JsonValue verify_json(const std::vector<std::string>& arguments, int exit_code) {
  std::vector<std::string> all = {"verify", "--json"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  const ProgramResult result = tool(all);
  EXPECT_EQ(result.exit_code, exit_code) << result.out << result.err;
  return convert::json::parse(result.out);
}

class CliVerify : public CliTest {
 protected:
  // With the header's hash destroyed: a commit has a copy.
  std::string repairable() {
    const std::string file = sample("repairable.session");
    FileBytes bytes = bytes_of(file);
    flip_bit(bytes, std::size_t{60} * 8);
    put_bytes(file, bytes);
    return file;
  }
  std::string lossy() {
    const std::string file = sample("lossy.session");
    FileBytes bytes = bytes_of(file);
    for (const FramePlace& place : frames_in(bytes)) {
      if (place.kind == 4) flip_bit(bytes, (place.offset + 100) * 8);
    }
    put_bytes(file, bytes);
    return file;
  }
  std::string torn() {
    const std::string file = sample("torn.session");
    write_file(file, read_file(file) + "the beginning of something");
    return file;
  }
  std::string unreadable() {
    const std::string file = sample("unreadable.session");
    FileBytes bytes = bytes_of(file);
    zero_block(bytes, 64, bytes.size() - 64);
    put_bytes(file, bytes);
    return file;
  }
  std::string with_orphan() {
    const std::string file = sample("orphan.session");
    Writer writer = Writer::open(file);
    auto change = writer.begin();
    put_task(change, "lost", {.title = "lost", .parent = "nobody"});
    change.commit();
    writer.close();
    return file;
  }
};

TEST_F(CliVerify, ExitCodesFollowTheVerdict) {
  EXPECT_EQ(tool({"verify", sample()}).exit_code, 0);
  EXPECT_EQ(tool({"verify", torn()}).exit_code, 0);
  EXPECT_EQ(tool({"verify", repairable()}).exit_code, 1);
  EXPECT_EQ(tool({"verify", lossy()}).exit_code, 3);
  EXPECT_EQ(tool({"verify", unreadable()}).exit_code, 5);
}

TEST_F(CliVerify, FindingsOfMeaningCountOnlyWhenStrict) {
  const std::string file = with_orphan();
  EXPECT_EQ(tool({"verify", file, "--strict"}).exit_code, 0);
  EXPECT_EQ(tool({"verify", file, "--full"}).exit_code, 0);
  EXPECT_EQ(tool({"verify", file, "--full", "--strict"}).exit_code, 1);
  EXPECT_EQ(number_at(verify_json({file, "--full"}, 0), "semantic_findings"), "1");
}

TEST_F(CliVerify, TheDocumentHasWhatScriptsRelyOn) {
  const std::string file = lossy();
  const JsonValue document = verify_json({file}, 3);
  EXPECT_EQ(text_at(document, "schema"), "sessiontool.verify/1");
  EXPECT_EQ(number_at(document, "exit_code"), "3");
  EXPECT_EQ(text_at(document, "verdict"), "lossy");
  EXPECT_EQ(text_at(document, "file"), file);
  EXPECT_EQ(number_at(document, "bytes_checked"), std::to_string(fs::file_size(file)));
  for (const char* name : {"frames_checked", "revisions_checked", "tail_bytes_ignored",
                           "uncovered_bytes", "semantic_findings"}) {
    EXPECT_TRUE(at(document, name).is_number()) << name;
  }
  ASSERT_FALSE(at(document, "findings").items().empty());
  for (const JsonValue& finding : at(document, "findings").items()) {
    for (const char* name : {"severity", "code", "message", "repair"}) {
      EXPECT_FALSE(text_at(finding, name).empty()) << name;
    }
    for (const char* name : {"offset", "length", "table", "key", "revisions"}) {
      EXPECT_NE(finding.find(name), nullptr) << name;
    }
  }
}

TEST_F(CliVerify, IgnoredBytesOfATornTailAreReported) {
  const JsonValue document = verify_json({torn()}, 0);
  EXPECT_EQ(text_at(document, "verdict"), "torn-tail");
  EXPECT_EQ(number_at(document, "tail_bytes_ignored"), "26");
}

TEST_F(CliVerify, PeopleSeeWhatIsWrongAndWhatToDoNext) {
  const std::string file = repairable();
  const ProgramResult result = tool({"verify", file});
  for (const char* words :
       {"critical", "header_hash", "at 0, 64 bytes", ": repairable", "next: "}) {
    EXPECT_NE(result.out.find(words), std::string::npos) << words << " in " << result.out;
  }
  EXPECT_NE(result.out.find("sessiontool repair " + file), std::string::npos) << result.out;
  EXPECT_EQ(result.err, "");
}

TEST_F(CliVerify, RepairableAnswersYesOrNo) {
  EXPECT_EQ(tool({"verify", sample(), "--repairable"}).out, "yes\n");
  EXPECT_EQ(tool({"verify", repairable(), "--repairable"}).out, "yes\n");
  EXPECT_EQ(tool({"verify", lossy(), "--repairable"}).out, "no\n");
}

TEST_F(CliVerify, SearchesDirectoriesAndTheWorstFileDecides) {
  (void)sample();
  (void)torn();
  fs::create_directory(path("inner"));
  fs::rename(lossy(), path("inner/lossy.session"));
  write_file(path("notes.txt"), "no session");
  write_file(path("sample.session.damaged-1"), read_file(path("sample.session")));
  const JsonValue document = verify_json({directory()}, 3);
  ASSERT_EQ(at(document, "files").items().size(), 3U);
  EXPECT_EQ(text_at(document, "verdict"), "lossy");
  EXPECT_EQ(text_at(at(document, "files").items()[0], "file"), path("inner/lossy.session"));
  EXPECT_EQ(text_at(at(document, "findings").items()[0], "file"), path("inner/lossy.session"));
}

TEST_F(CliVerify, AFileThatCannotBeVerifiedDoesNotHideTheOthers) {
  write_file(path("notes.txt"), "no session");
  const std::string good = sample();
  const ProgramResult result = tool({"verify", path("notes.txt"), good, path("missing")});
  EXPECT_EQ(result.exit_code, 5);
  EXPECT_NE(result.out.find("sample.session: clean"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("missing"), std::string::npos) << result.out;
  EXPECT_EQ(tool({"verify", good, path("missing")}).exit_code, 10);
}

TEST_F(CliVerify, WhatIsNoSessionIsSaidOnStandardError) {
  write_file(path("notes.txt"), "no session");
  write_file(path("empty"), "");
  for (const char* name : {"notes.txt", "empty"}) {
    const ProgramResult result = tool({"verify", path(name)});
    EXPECT_EQ(result.exit_code, 5) << name;
    EXPECT_NE(result.err.find(name), std::string::npos) << result.err;
    EXPECT_EQ(result.out, "");
  }
  EXPECT_EQ(tool({"verify", path("missing")}).exit_code, 10);
}

TEST_F(CliVerify, WrongUsageIsRefused) {
  EXPECT_EQ(tool({"verify"}).exit_code, 2);
  const std::string file = sample();
  EXPECT_EQ(tool({"verify", file, "--quick", "--full"}).exit_code, 2);
  EXPECT_EQ(tool({"verify", file, "--workspace", directory()}).exit_code, 2);
}

TEST_F(CliVerify, LeavesTheFileAlone) {
  const std::string file = lossy();
  const std::string before = read_file(file);
  const auto names = files_in(directory());
  (void)tool({"verify", "--full", "-j", "2", file});
  EXPECT_EQ(read_file(file), before);
  EXPECT_EQ(files_in(directory()), names);
}

}  // namespace
}  // namespace session::test
