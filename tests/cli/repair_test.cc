// repair as its users call it: words, exit codes, the document, what is left beside the file.

#include <filesystem>
#include <string>

#include "tests/cli/tool.h"
#include "tests/support/damage.h"

namespace session::test {
namespace {

class CliRepair : public CliTest {
 protected:
  static std::string fingerprint_of(const std::string& revision) {
    return text_at(at(tool_json({"info", revision}), "head"), "fingerprint");
  }

  // A commit of its own is destroyed: a revision is gone for good.
  std::string with_a_lost_revision() {
    const std::string file = sample("lossy.session");
    FileBytes bytes = bytes_of(file);
    int commits = 0;
    for (const FramePlace& place : frames_in(bytes)) {
      if (place.kind == 4 && ++commits == 2) flip_bit(bytes, (place.offset + 100) * 8);
    }
    put_bytes(file, bytes);
    return file;
  }
};

TEST_F(CliRepair, ACleanFileIsNotTouched) {
  const std::string file = sample("work.session");
  const auto before = files_in(directory());
  const ProgramResult result = tool({"repair", file});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.out.find("clean, nothing was done"), std::string::npos) << result.out;
  EXPECT_EQ(files_in(directory()), before);
}

TEST_F(CliRepair, ParityRestoresBitForBitAndKeepsTheDamagedFile) {
  const std::string file = sample("work.session");
  ASSERT_EQ(tool({"protect", file}).exit_code, 0);
  const std::string whole = read_file(file);
  FileBytes bytes = bytes_of(file);
  flip_bit(bytes, bytes.size() * 2);
  put_bytes(file, bytes);
  using std::filesystem::perms;
  const perms shared = perms::owner_read | perms::owner_write | perms::group_read;
  std::filesystem::permissions(file, shared);
  const std::string damaged = read_file(file);
  EXPECT_EQ(tool({"verify", file}).exit_code, 1);
  const JsonValue document = tool_json({"repair", file});
  EXPECT_EQ(std::filesystem::status(file).permissions(), shared);
  EXPECT_EQ(text_at(document, "schema"), "sessiontool.repair/1");
  EXPECT_EQ(text_at(document, "verdict"), "restored");
  EXPECT_EQ(convert::json::to_text(at(document, "bit_exact")), "true");
  EXPECT_EQ(read_file(file), whole);
  EXPECT_EQ(read_file(text_at(document, "backup")), damaged);
  EXPECT_EQ(tool({"verify", "--full", file}).exit_code, 0);
}

TEST_F(CliRepair, LossIsRefusedUntilItIsAccepted) {
  const std::string file = with_a_lost_revision();
  const auto before = files_in(directory());
  const ProgramResult refused = tool({"repair", file});
  EXPECT_EQ(refused.exit_code, 3);
  EXPECT_NE(refused.out.find("--accept-loss"), std::string::npos) << refused.out;
  EXPECT_EQ(files_in(directory()), before);
  const ProgramResult accepted = tool({"repair", "--accept-loss", file});
  EXPECT_EQ(accepted.exit_code, 3);
  EXPECT_NE(accepted.out.find("lost:"), std::string::npos) << accepted.out;
  EXPECT_NE(accepted.out.find("revision 2"), std::string::npos) << accepted.out;
  EXPECT_EQ(tool({"verify", file}).exit_code, 0);
}

TEST_F(CliRepair, ADryRunOnlyReports) {
  const std::string file = with_a_lost_revision();
  const auto before = files_in(directory());
  const ProgramResult result = tool({"repair", "-n", "--accept-loss", file});
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_NE(result.out.find("would be"), std::string::npos) << result.out;
  EXPECT_EQ(files_in(directory()), before);
}

TEST_F(CliRepair, TheResultCanGoElsewhere) {
  const std::string file = sample("work.session");
  const std::string whole = read_file(file);
  FileBytes bytes = bytes_of(file);
  flip_bit(bytes, std::size_t{60} * 8);
  put_bytes(file, bytes);
  const std::string damaged = read_file(file);
  const std::string output = path("repaired.session");
  EXPECT_EQ(tool({"repair", file, "-o", output}).exit_code, 0);
  EXPECT_EQ(read_file(file), damaged);
  EXPECT_EQ(read_file(output), whole);
  EXPECT_EQ(tool({"repair", file, "-o", output}).exit_code, 2);
  EXPECT_EQ(tool({"repair", file, "-o", file}).exit_code, 2);
  EXPECT_EQ(tool({"repair", file, "-o", output, "--force"}).exit_code, 0);
}

TEST_F(CliRepair, WhatMakesNoSenseIsCorrectedOnRequestAndTold) {
  const std::string file = sample("work.session");
  ProgramOptions lines;
  lines.input = R"({"table": "tasks", "key": "lost", "record": {"title": "x", "parent": "gone"}})";
  ASSERT_EQ(tool({"apply", file}, lines).exit_code, 0);
  const std::string before = read_file(file);
  const ProgramResult found = tool({"verify", "--full", "--strict", file});
  EXPECT_EQ(found.exit_code, 1);
  EXPECT_NE(found.out.find("next: sessiontool repair " + file + " --fix-semantics"),
            std::string::npos)
      << found.out;
  EXPECT_EQ(tool({"repair", file}).exit_code, 0);
  EXPECT_EQ(read_file(file), before);

  const ProgramResult imagined = tool({"repair", "-n", "--fix-semantics", file});
  EXPECT_EQ(imagined.exit_code, 0) << imagined.err;
  EXPECT_NE(imagined.out.find("would be corrected"), std::string::npos) << imagined.out;
  EXPECT_NE(
      imagined.out.find("tasks \"lost\": the task's parent does not exist: parent \"gone\" -> "
                        "a root"),
      std::string::npos)
      << imagined.out;
  EXPECT_EQ(read_file(file), before);

  const JsonValue document = tool_json({"repair", "--fix-semantics", file});
  EXPECT_EQ(text_at(document, "verdict"), "restored");
  EXPECT_EQ(convert::json::to_text(at(document, "bit_exact")), "false");
  EXPECT_EQ(number_at(document, "semantic_findings"), "0");
  EXPECT_EQ(read_file(text_at(document, "backup")), before);
  ASSERT_EQ(at(document, "actions").items().size(), 1U);
  const JsonValue& action = at(document, "actions").items()[0];
  EXPECT_EQ(text_at(action, "step"), "meaning");
  EXPECT_EQ(text_at(action, "code"), "orphan_task");
  EXPECT_EQ(text_at(action, "table"), "tasks");
  EXPECT_EQ(text_at(action, "key"), "lost");
  EXPECT_EQ(text_at(action, "before"), "parent \"gone\"");
  EXPECT_EQ(text_at(action, "after"), "a root");
  EXPECT_EQ(tool({"verify", "--full", "--strict", file}).exit_code, 0);
  const ProgramResult again = tool({"repair", "--fix-semantics", file});
  EXPECT_NE(again.out.find("clean, nothing was done"), std::string::npos) << again.out;
}

TEST_F(CliRepair, ADamagedFileGoesBackToWhatWasChosen) {
  const std::string whole = sample("whole.session");
  const ProgramResult refused = tool({"repair", whole, "--from", "2"});
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_NE(refused.err.find("sessiontool restore " + whole + "@2"), std::string::npos)
      << refused.err;

  const std::string file = with_a_lost_revision();
  const std::string damaged = read_file(file);
  EXPECT_EQ(tool({"repair", "--accept-loss", file, "--from", "nobody"}).exit_code, 10);
  const ProgramResult lost = tool({"repair", "--accept-loss", file, "--from", "2"});
  EXPECT_EQ(lost.exit_code, 3);
  EXPECT_NE(lost.out.find("revision 2 is damaged itself"), std::string::npos) << lost.out;
  EXPECT_EQ(tool({"repair", file, "--from", "1"}).exit_code, 3);
  EXPECT_EQ(read_file(file), damaged);
  const ProgramResult back = tool({"repair", "--accept-loss", file, "--from", "1"});
  EXPECT_EQ(back.exit_code, 3) << back.err;
  EXPECT_NE(back.out.find("has the content of revision 1"), std::string::npos) << back.out;
  EXPECT_EQ(tool({"verify", file}).exit_code, 0);
  EXPECT_EQ(fingerprint_of(file), fingerprint_of(file + "@1"));
}

TEST_F(CliRepair, WhatIsNoSessionIsRefused) {
  const std::string file = path("text");
  write_file(file, std::string(5000, 'x'));
  EXPECT_EQ(tool({"repair", file}).exit_code, 5);
  EXPECT_EQ(tool({"repair", path("missing")}).exit_code, 10);
}

}  // namespace
}  // namespace session::test
