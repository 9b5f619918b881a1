// Tracked files whose place somebody else has taken.

#include <capnp/message.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "session/verify.h"
#include "session/writer.h"
#include "tests/support/directories.h"
#include "tests/support/temp_dir.h"

namespace session::test {
namespace {

void put_file(Transaction& change, const std::string& key, bool is_directory) {
  capnp::MallocMessageBuilder message;
  auto file = message.initRoot<schema::File>();
  file.setIsTracked(!is_directory);
  file.setIsCreatedDirectory(is_directory);
  change.upsert(key, file.asReader());
}

TEST(VerifyFiles, AFileAndADirectoryThatChangedPlacesAreChanged) {
  const TempDir dir;
  const std::string path = dir.file("work.session");
  {
    Writer writer = Writer::create(path);
    Transaction change = writer.begin();
    put_file(change, "notes", false);
    put_file(change, "out", true);
    (void)change.commit();
  }
  std::filesystem::create_directories(dir.file("workspace/notes"));
  write_text(dir.file("workspace/out"), "no directory");

  VerifyOptions options;
  options.level = VerifyLevel::kFull;
  options.workspace = dir.file("workspace");
  std::vector<std::string> changed;
  options.on_finding = [&](const Finding& finding) {
    if (finding.code == FindingCode::kFileChanged) changed.push_back(finding.key);
  };
  EXPECT_EQ(verify(path, options).verdict, Verdict::kClean);
  EXPECT_EQ(changed, (std::vector<std::string>{"notes", "out"}));
}

}  // namespace
}  // namespace session::test
