// compact as its users call it: words, exit codes, the document, what is left beside the file.

#include <filesystem>
#include <string>
#include <vector>

#include "session/reader.h"
#include "tests/cli/tool.h"

namespace session::test {
namespace {

class CliCompact : public CliTest {
 protected:
  // Revisions 1 to 3 of the sample, a checkpoint 4, and 5.
  std::string with_checkpoint() {
    const std::string file = sample("work.session");
    EXPECT_EQ(tool({"checkpoint", file, "--description", "the plan", "--tag", "keep"}).exit_code,
              0);
    Writer writer = Writer::open(file);
    Transaction change = writer.begin();
    put_value(change, "notes/secret", "hunter2-hunter2");
    change.commit();
    writer.close();
    return file;
  }
  static std::string kept_in(const JsonValue& document) {
    std::string kept;
    for (const JsonValue& revision : at(document, "revisions").items()) {
      if (convert::json::to_text(at(revision, "keep")) == "true") {
        kept += number_at(revision, "revision") + " ";
      }
    }
    return kept;
  }
};

TEST_F(CliCompact, KeepsEveryRevisionUnlessToldOtherwise) {
  const std::string file = with_checkpoint();
  const JsonValue document = tool_json({"compact", file});
  EXPECT_EQ(text_at(document, "schema"), "sessiontool.compact/1");
  EXPECT_EQ(kept_in(document), "1 2 3 4 5 ");
  EXPECT_EQ(text_at(document, "output"), file);
  EXPECT_EQ(number_at(document, "bytes_after"), std::to_string(std::filesystem::file_size(file)));
  EXPECT_EQ(tool({"verify", file, "--full"}).exit_code, 0);
}

TEST_F(CliCompact, WhoCouldReadTheFileStillCan) {
  using std::filesystem::perms;
  const std::string file = with_checkpoint();
  const perms shared = perms::owner_read | perms::owner_write | perms::group_read;
  std::filesystem::permissions(file, shared);
  EXPECT_EQ(tool({"compact", file}).exit_code, 0);
  EXPECT_EQ(std::filesystem::status(file).permissions(), shared);
}

TEST_F(CliCompact, SaysOfEachRevisionWhyItStays) {
  const std::string file = with_checkpoint();
  const std::string before = read_file(file);
  const ProgramResult result = tool({"compact", file, "-n", "--keep-last", "1"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.out.find("keep  head, among the last"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("keep  manual checkpoint"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("drop  no rule keeps it"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("would go from"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find(" less), with 2 of 5 revisions"), std::string::npos) << result.out;
  EXPECT_EQ(read_file(file), before);
  EXPECT_EQ(kept_in(tool_json({"compact", file, "--keep-last", "1"})), "4 5 ");
}

TEST_F(CliCompact, RulesTakeNumbersAndSpans) {
  const std::string file = with_checkpoint();
  EXPECT_EQ(kept_in(tool_json({"compact", file, "-n", "--keep-within", "1h"})), "1 2 3 4 5 ");
  EXPECT_EQ(kept_in(tool_json({"compact", file, "-n", "--keep-monthly", "52w"})), "4 5 ");
  EXPECT_EQ(kept_in(tool_json({"compact", file, "-n", "--keep-daily", "7"})), "4 5 ");
  EXPECT_EQ(kept_in(tool_json({"compact", file, "-n", "--keep-last", "2", "--drop", "the plan"})),
            "3 5 ");
  for (const char* wrong : {"0", "-1", "x", "7y"}) {
    EXPECT_EQ(tool({"compact", file, "-n", "--keep-daily", wrong}).exit_code, 2) << wrong;
    EXPECT_EQ(tool({"compact", file, "-n", "--keep-last", wrong}).exit_code, 2) << wrong;
  }
}

TEST_F(CliCompact, ADroppedNumberIsNotFoundAndTheNearestAreNamed) {
  const std::string file = with_checkpoint();
  ASSERT_EQ(tool({"compact", file, "--keep-last", "1"}).exit_code, 0);
  const ProgramResult result = tool({"show", file + "@2"});
  EXPECT_EQ(result.exit_code, 10);
  EXPECT_NE(result.err.find("the nearest kept: 4"), std::string::npos) << result.err;
}

TEST_F(CliCompact, ExportsStayTheSame) {
  const std::string file = with_checkpoint();
  const std::string before = tool({"export", file + "@4", "--to", "json"}).out;
  const std::string head = tool({"export", file, "--to", "json"}).out;
  ASSERT_FALSE(before.empty());
  ASSERT_EQ(tool({"compact", file, "--archive", "--parity", "10"}).exit_code, 0);
  EXPECT_EQ(tool({"export", file + "@4", "--to", "json"}).out, before);
  ASSERT_EQ(tool({"compact", file, "--keep-tag", "keep"}).exit_code, 0);
  EXPECT_EQ(tool({"export", file + "@4", "--to", "json"}).out, before);
  EXPECT_EQ(tool({"export", file, "--to", "json"}).out, head);
  EXPECT_EQ(number_at(at(tool_json({"info", file}), "file"), "uncovered_bytes"), "0");
}

// Every tenth version of a real tracker, if the data folder is there.
TEST_F(CliCompact, VersionsOfATrackerStayWhatTheyWereAndGetSmaller) {
  const std::string packed = std::string(SESSIONTOOL_SHARED_DATA) + "/beads/beads-seq-300.tar.zst";
  if (!std::filesystem::exists(packed)) GTEST_SKIP() << "no data folder beside the project";
  ASSERT_EQ(run_program("/bin/tar",
                        {"--zstd", "-xf", packed, "-C", directory(), "--wildcards", "*5.jsonl"})
                .exit_code,
            0);
  const std::string file = path("work.session");
  std::vector<std::string> arguments = {"import", "-o", file};
  for (const auto& [name, content] : files_in(directory())) arguments.push_back(name);
  ASSERT_EQ(arguments.size(), 3 + 30U);
  ASSERT_EQ(tool(arguments).exit_code, 0);
  ASSERT_EQ(tool({"import", arguments.back(), "-o", path("fresh.session")}).exit_code, 0);
  const std::string archive = path("archive.session");
  const std::string last = path("last.session");
  ASSERT_EQ(tool({"compact", file, "--archive", "-o", archive}).exit_code, 0);
  ASSERT_EQ(tool({"compact", file, "--keep-last", "1", "-o", last}).exit_code, 0);
  const Reader was = Reader::open(file);
  const std::uint64_t before = was.info().file_bytes;
  ASSERT_EQ(tool({"compact", file}).exit_code, 0);
  const Reader all = Reader::open(file);
  const Reader archived = Reader::open(archive);
  was.head().history([&](const RevisionInfo& info) {
    const Digest fingerprint = was.at(info.revision).fingerprint();
    EXPECT_EQ(all.at(info.revision).fingerprint(), fingerprint) << info.revision;
    EXPECT_EQ(archived.at(info.revision).fingerprint(), fingerprint) << info.revision;
    return true;
  });
  EXPECT_EQ(tool({"export", last, "--to", "beads"}).out,
            tool({"export", file, "--to", "beads"}).out);
  EXPECT_LT(all.info().file_bytes, before);
  EXPECT_LT(archived.info().file_bytes, all.info().file_bytes * 2 / 3);
  EXPECT_LE(Reader::open(last).info().file_bytes,
            Reader::open(path("fresh.session")).info().file_bytes * 115 / 100);
}

TEST_F(CliCompact, AnOutputIsNeitherAnInputNorReplacedUnasked) {
  const std::string file = with_checkpoint();
  const std::string before = read_file(file);
  EXPECT_EQ(tool({"compact", file, "-o", file}).exit_code, 2);
  EXPECT_EQ(tool({"compact", file, "-o", file, "--force"}).exit_code, 2);
  const std::string out = path("out.session");
  EXPECT_EQ(tool({"compact", file, "-o", out}).exit_code, 0);
  EXPECT_EQ(tool({"compact", file, "-o", out}).exit_code, 2);
  EXPECT_EQ(tool({"compact", file, "-o", out, "--force", "--keep-last", "1"}).exit_code, 0);
  EXPECT_EQ(read_file(file), before);
}

TEST_F(CliCompact, AHeldFileIsLeftAloneAndItsHolderNamed) {
  const std::string file = sample();
  const Writer writer = Writer::open(file);
  const ProgramResult result = tool({"compact", file});
  EXPECT_EQ(result.exit_code, 11);
  EXPECT_NE(result.err.find(std::to_string(::getpid())), std::string::npos) << result.err;
}

TEST_F(CliCompact, WhatIsErasedIsGoneAndListed) {
  const std::string file = with_checkpoint();
  write_file(file + ".damaged-1", "x");
  ASSERT_NE(read_file(file).find("hunter2"), std::string::npos);
  const JsonValue document = tool_json({"compact", file, "--erase", "values/notes/secret"});
  EXPECT_EQ(read_file(file).find("hunter2"), std::string::npos);
  EXPECT_EQ(text_at(at(document, "erased").items().front(), "key"), "notes/secret");
  EXPECT_EQ(number_at(at(document, "fingerprints").items().front(), "revision"), "5");
  EXPECT_EQ(at(document, "copies").items().front().text(), file + ".damaged-1");
  EXPECT_EQ(tool({"compact", file, "--erase", "values/notes/secret"}).exit_code, 10);
  EXPECT_EQ(tool({"compact", file, "--erase", "tasks/build"}).exit_code, 2) << "it has children";
  EXPECT_EQ(tool({"compact", file, "--erase", "everything"}).exit_code, 2);
  const ProgramResult family = tool({"compact", file, "--erase", "tasks/build", "--erase",
                                     "tasks/build.lexer", "--erase", "tasks/build.parser"});
  EXPECT_EQ(family.exit_code, 0) << family.err;
  EXPECT_NE(family.out.find("it is still in"), std::string::npos) << family.out;
}

}  // namespace
}  // namespace session::test
