// FILE@REV on the command line.

#include "cli/arguments/revision.h"

#include "session/error.h"
#include "tests/cli/tool.h"

namespace session::test {
namespace {

using cli::RevisionName;
using cli::split_revision;

// Splits as if exactly these files existed.
RevisionName split(std::string_view argument, const std::vector<std::string>& existing = {},
                   std::string_view at = {}) {
  return split_revision(argument, at, [&existing](const std::string& name) {
    return std::find(existing.begin(), existing.end(), name) != existing.end();
  });
}

void expect_parts(const RevisionName& name, const std::string& file, const std::string& revision) {
  EXPECT_EQ(name.file, file);
  EXPECT_EQ(name.revision, revision);
}

TEST(SplitRevision, WithoutAnAtItIsTheHead) {
  expect_parts(split("a.session"), "a.session", "head");
}

TEST(SplitRevision, TheLastAtParts) {
  expect_parts(split("a.session@42"), "a.session", "42");
  expect_parts(split("a@b@42"), "a@b", "42");
  expect_parts(split("a.session@~3"), "a.session", "~3");
  expect_parts(split("a.session@2026-11-22T10:00:00Z"), "a.session", "2026-11-22T10:00:00Z");
}

TEST(SplitRevision, AWholeNameThatExistsIsTheFile) {
  expect_parts(split("a@42", {"a@42", "a"}), "a@42", "head");
}

TEST(SplitRevision, AnAtBehindAnExistingFileIsPreferred) {
  expect_parts(split("a.session@mail to x@y", {"a.session"}), "a.session", "mail to x@y");
}

TEST(SplitRevision, WithAtTheWholeArgumentIsTheFile) {
  expect_parts(split("a@42", {}, "7"), "a@42", "7");
}

TEST(SplitRevision, AMissingHalfIsWrongUsage) {
  EXPECT_THROW((void)split(""), Error);
  EXPECT_THROW((void)split("@42"), Error);
  EXPECT_THROW((void)split("a.session@"), Error);
}

class RevisionArgument : public CliTest {};

TEST_F(RevisionArgument, NamesWhatTheCommandReads) {
  const std::string file = sample();
  for (const std::string revision : {"1", "2", "3"}) {
    const JsonValue info = tool_json({"info", file + "@" + revision});
    EXPECT_EQ(number_at(at(info, "head"), "revision"), revision);
  }
  EXPECT_EQ(number_at(at(tool_json({"info", file + "@~1"}), "head"), "revision"), "2");
  EXPECT_EQ(number_at(at(tool_json({"info", file + "@head"}), "head"), "revision"), "3");
}

TEST_F(RevisionArgument, AFileWithAnAtInItsNameIsFound) {
  const std::string file = sample("a@1");
  EXPECT_EQ(number_at(at(tool_json({"info", file}), "head"), "revision"), "3");
  EXPECT_EQ(number_at(at(tool_json({"info", file, "--at", "2"}), "head"), "revision"), "2");
  EXPECT_EQ(number_at(at(tool_json({"--at", "2", "info", file}), "head"), "revision"), "2");
  EXPECT_EQ(number_at(at(tool_json({"info", file + "@2"}), "head"), "revision"), "2");
}

TEST_F(RevisionArgument, ACheckpointIsFoundByItsDescriptionAndId) {
  const std::string file = sample();
  const JsonValue made = tool_json({"checkpoint", file, "--description", "before: a@b refactor"});
  const std::string id = text_at(at(made, "checkpoint"), "id");
  for (const std::string& name : {std::string("before: a@b refactor"), id, id.substr(0, 8)}) {
    const JsonValue info = tool_json({"info", file + "@" + name});
    EXPECT_EQ(number_at(at(info, "head"), "revision"), "4") << name;
  }
}

TEST_F(RevisionArgument, TheTimeTheLogPrintsNamesItsRevision) {
  const std::string file = sample();
  const JsonValue log = tool_json({"log", file});
  for (const JsonValue& revision : at(log, "revisions").items()) {
    const JsonValue info = tool_json({"info", file + "@" + text_at(revision, "time")});
    EXPECT_EQ(number_at(at(info, "head"), "revision"), number_at(revision, "revision"));
  }
}

}  // namespace
}  // namespace session::test
