// Which files of a directory are sessions, and how a path is written for a shell.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "lib/operations/verify_log.h"
#include "session/verify.h"
#include "session/writer.h"
#include "tests/support/directories.h"
#include "tests/support/disk_session.h"
#include "tests/support/temp_dir.h"

namespace session::test {
namespace {

TEST(FindSessionFiles, ByTheirNameOrByWhatTheyBeginWith) {
  const TempDir dir;
  write_text(dir.file("b/named.session"), "whatever it is");
  write_text(dir.file("a/notes.txt"), "no session");
  Writer::create(dir.file("a/nameless")).close();
  EXPECT_EQ(find_session_files(dir.path()),
            (std::vector<std::string>{dir.file("a/nameless"), dir.file("b/named.session")}));
}

TEST(FindSessionFiles, WhatIsKeptBesideASessionIsNone) {
  const TempDir dir;
  for (const char* name : {"s.session.lock", "s.session.1.partial", "s.session.tail-1.session",
                           "s.session.damaged-1.session"}) {
    write_text(dir.file(name), "x");
  }
  EXPECT_TRUE(find_session_files(dir.path()).empty());
}

TEST(FindSessionFiles, ADirectoryThatIsNotThereIsNotFound) {
  const TempDir dir;
  EXPECT_EQ(error_of([&] { (void)find_session_files(dir.file("missing")); }), ErrorCode::kNotFound);
}

TEST(ShellQuoted, APathComesBackAsOneWord) {
  using operations::shell_quoted;
  EXPECT_EQ(shell_quoted("work.session@~3"), "'work.session@~3'");
  EXPECT_EQ(shell_quoted("/a/work.session"), "/a/work.session");
  EXPECT_EQ(shell_quoted("my work"), "'my work'");
  EXPECT_EQ(shell_quoted("noor's"), "'noor'\\''s'");
  EXPECT_EQ(shell_quoted("-f"), "'./-f'");
  EXPECT_EQ(shell_quoted(""), "''");
}

}  // namespace
}  // namespace session::test
