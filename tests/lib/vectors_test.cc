// The files of spec/vectors: that we still write them byte for byte, and read in them what their
// JSON says. A change of the format, wanted or not, fails here first.
//
// `SESSIONTOOL_WRITE_VECTORS=1 session_tests --gtest_also_run_disabled_tests
// --gtest_filter=Vectors.DISABLED_AreWrittenAnew` writes them (spec/vectors/README.md).

#include <gtest/gtest.h>
#include <zstd.h>

#include <cstdlib>
#include <set>
#include <sstream>
#include <string>

#include "session/error.h"
#include "session/reader.h"
#include "tests/support/spec_text.h"
#include "tests/support/temp_dir.h"
#include "tests/support/vectors.h"

namespace session::test {
namespace {

// What wrote the compressed frames in spec/vectors.
constexpr unsigned kZstdVersion = 10504;
constexpr std::size_t kMaxVectorBytes = 8192;

std::filesystem::path session_file(const Vector& vector) {
  return vectors_directory() / (std::string(vector.name) + ".session");
}
std::filesystem::path json_file(const Vector& vector) {
  return vectors_directory() / (std::string(vector.name) + ".json");
}

TEST(Vectors, AreWrittenByteForByteAsBefore) {
  const TempDir dir;
  for (const Vector& vector : all_vectors()) {
    if (vector.is_compressed && ZSTD_versionNumber() != kZstdVersion) {
      std::cout << vector.name << " is not compared: another version of zstd made it\n";
      continue;
    }
    const std::string path = dir.file(vector.name);
    vector.make(path, vector.name);
    EXPECT_TRUE(read_whole_file(path) == read_whole_file(session_file(vector)))
        << vector.name << ".session: the format changed, or how it is written";
  }
}

TEST(Vectors, HoldWhatTheirJsonSays) {
  for (const Vector& vector : all_vectors()) {
    EXPECT_EQ(describe_vector(vector, session_file(vector).string()),
              read_whole_file(json_file(vector)));
  }
}

TEST(Vectors, AreRefusedWithTheErrorTheirJsonSays) {
  for (const Vector& vector : all_vectors()) {
    if (vector.error.empty()) continue;
    try {
      (void)Reader::open(session_file(vector).string());
      ADD_FAILURE() << vector.name << " was opened";
    } catch (const Error& error) {
      EXPECT_EQ(error_code_name(error.code()), vector.error) << vector.name;
    }
  }
}

TEST(Vectors, AreSmall) {
  for (const Vector& vector : all_vectors()) {
    EXPECT_LE(std::filesystem::file_size(session_file(vector)), kMaxVectorBytes) << vector.name;
  }
}

TEST(Vectors, AreAllThereAndNothingElse) {
  std::set<std::string> expected = {"README.md"};
  for (const Vector& vector : all_vectors()) {
    expected.insert(session_file(vector).filename().string());
    expected.insert(json_file(vector).filename().string());
  }
  std::set<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(vectors_directory())) {
    found.insert(entry.path().filename().string());
  }
  EXPECT_EQ(found, expected);
}

TEST(Vectors, TheSmallestFileStandsInTheSpecification) {
  const std::string bytes = read_whole_file(vectors_directory() / "smallest.session");
  EXPECT_EQ(dumped_bytes(read_spec("format.md")), bytes);
}

TEST(Vectors, DISABLED_AreWrittenAnew) {
  if (std::getenv("SESSIONTOOL_WRITE_VECTORS") == nullptr) {
    GTEST_SKIP() << "set SESSIONTOOL_WRITE_VECTORS to replace the files in spec/vectors";
  }
  ASSERT_EQ(ZSTD_versionNumber(), kZstdVersion) << "say in this file which version it is now";
  const TempDir dir;
  for (const Vector& vector : all_vectors()) {
    const std::string path = dir.file(vector.name);
    vector.make(path, vector.name);
    write_whole_file(session_file(vector), read_whole_file(path));
    write_whole_file(json_file(vector), describe_vector(vector, path));
  }
  const std::string bytes = read_whole_file(vectors_directory() / "smallest.session");
  write_whole_file(spec_directory() / "format.md", with_dump(read_spec("format.md"), bytes));
}

}  // namespace
}  // namespace session::test
