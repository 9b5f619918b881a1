// Sessions that were written once and are never written again: every later version must read them,
// find nothing wrong with them, and show in each revision what was in it then. New versions of the
// format add files; SHA256SUMS says that none was changed.
//
// `SESSIONTOOL_ADD_GOLDEN=1 session_tests --gtest_also_run_disabled_tests
// --gtest_filter=Golden.DISABLED_NewOnesAreAdded` writes those that are not there yet.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "format/checksum.h"
#include "session/compact.h"
#include "session/convert.h"
#include "session/migrate.h"
#include "session/protect.h"
#include "session/reader.h"
#include "session/verify.h"
#include "session/writer.h"
#include "tests/support/directories.h"
#include "tests/support/records.h"
#include "tests/support/temp_dir.h"

namespace session::test {
namespace {

namespace fs = std::filesystem;

fs::path golden_directory() {
  return fs::path(SESSIONTOOL_SOURCE_DIR) / "tests/golden";
}
fs::path example(const std::string& name) {
  return fs::path(SESSIONTOOL_SOURCE_DIR) / "examples" / name;
}

std::vector<fs::path> golden_files() {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(golden_directory())) {
    if (entry.path().extension() == ".session") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string sha256_of(const std::string& bytes) {
  return format::hex(format::sha256(format::as_bytes(bytes)));
}

// One line a revision, newest first: number, kind, fingerprint, and the SHA-256 of all its records
// as our own JSON lines.
std::string description_of(const std::string& path) {
  const Reader reader = Reader::open(path);
  std::ostringstream text;
  reader.head().history([&](const RevisionInfo& info) {
    const Snapshot snapshot = reader.at(info.revision);
    std::ostringstream lines;
    (void)export_session(snapshot, SourceFormat::kJsonl, lines);
    text << info.revision << ' ' << (info.kind == CommitKind::kDelta ? "delta" : "snapshot") << ' '
         << format::hex(snapshot.fingerprint()) << ' ' << sha256_of(lines.str()) << '\n';
    return true;
  });
  return text.str();
}

// By file name; a line "DIGEST  NAME" each, as sha256sum writes and checks them.
std::map<std::string, std::string> sums() {
  std::map<std::string, std::string> found;
  std::istringstream lines(read_text(golden_directory() / "SHA256SUMS"));
  for (std::string digest, name; lines >> digest >> name;) found[name] = digest;
  return found;
}

TEST(Golden, FilesAreNeverChangedNorTakenAway) {
  const auto listed = sums();
  EXPECT_FALSE(listed.empty());
  for (const auto& [name, digest] : listed) {
    EXPECT_EQ(sha256_of(read_text(golden_directory() / name)), digest) << name;
  }
  for (const fs::path& file : golden_files()) {
    EXPECT_TRUE(listed.contains(file.filename().string())) << file;
  }
}

TEST(Golden, FilesAreCleanForEver) {
  for (const fs::path& file : golden_files()) {
    VerifyOptions options;
    options.level = VerifyLevel::kFull;
    options.jobs = 1;
    EXPECT_EQ(verdict_name(verify(file.string(), options).verdict), "clean") << file;
  }
}

TEST(Golden, RevisionsShowWhatWasInThem) {
  for (const fs::path& file : golden_files()) {
    const fs::path expected = fs::path(file).replace_extension(".txt");
    EXPECT_EQ(description_of(file.string()), read_text(expected)) << file;
  }
}

// Whoever writes on keeps what is there.
TEST(Golden, FilesCanBeWrittenOn) {
  const TempDir dir;
  for (const fs::path& file : golden_files()) {
    const std::string copy = dir.file(file.filename().string());
    fs::copy_file(file, copy);
    const std::string before = description_of(copy);
    Writer writer = Writer::open(copy);
    auto change = writer.begin();
    put_value(change, "test/golden", "written on");
    (void)change.commit();
    writer.close();
    EXPECT_TRUE(description_of(copy).ends_with(before)) << file;
    EXPECT_EQ(verify(copy, {}).verdict, Verdict::kClean) << file;
  }
}

// ---- how they came to be ------------------------------------------------------------------------

// Without the place where it was read, which is nobody's business later.
void import_example(const std::string& name, const std::string& path) {
  ImportOptions options;
  options.message = "import " + name;
  (void)import_sources({example(name).string()}, path, options);
}

void versions_of_a_tracker(const std::string& path) {
  for (int i = 1; i <= 4; ++i) {
    import_example("sample/" + std::to_string(i) + ".jsonl", path);
    if (i != 2) continue;
    Writer writer = Writer::open(path);
    CheckpointOptions checkpoint;
    checkpoint.description = "before the big change";
    (void)writer.checkpoint(checkpoint);
    writer.close();
  }
}

void conversation(const std::string& path) {
  import_example("transcripts/claude-code.jsonl", path);
}

void tracker_archived(const std::string& path) {
  versions_of_a_tracker(path);
  CompactOptions options;
  options.archive = true;
  options.parity_percent = 10;
  (void)compact(path, options);
}

void tracker_thinned(const std::string& path) {
  versions_of_a_tracker(path);
  CompactOptions options;
  options.retention.keep_last = 1;
  (void)compact(path, options);
  ProtectOptions protection;
  protection.percent = 6;
  (void)protect(path, protection);
}

void messages_kept(const std::string& path) {
  Writer writer = Writer::create(path);
  for (std::uint64_t i = 0; i < 40; ++i) {
    auto change = writer.begin();
    put_message(change, numbered("", i), "the message with number " + std::to_string(i));
    CommitOptions options;
    options.as_snapshot = i % 16 == 15;
    (void)change.commit(options);
  }
  writer.close();
  (void)compact(path);
}

void secret_erased(const std::string& path) {
  {
    Writer writer = Writer::create(path);
    for (int i = 0; i < 4; ++i) {
      auto change = writer.begin();
      put_value(change, "env/TOKEN", std::string(5000, static_cast<char>('a' + i)));
      put_task(change, numbered("t", static_cast<std::uint64_t>(i)), {.title = "a task"});
      (void)change.commit();
    }
    writer.close();
  }
  CompactOptions options;
  options.erase = {parse_record_name("values/env/TOKEN")};
  (void)compact(path, options);
}

void came_from_format_1(const std::string& path) {
  const TempDir dir;
  const fs::path session = fs::path(dir.path()) / "a-session";
  write_text(session / "meta/session.json",
             R"({"metadata":{"name":"garden","checkpoints":[]},"task_tree":{"tasks":{"t-1":)"
             R"({"id":"t-1","title":"Dig","status":"Pending"}},"roots":["t-1"]}})");
  write_text(session / "logs/run.log", "line\n\xff");
  MigrateOptions options;
  options.output = path;
  const fs::path here = fs::current_path();
  fs::current_path(dir.path());
  (void)migrate("a-session", options);
  fs::current_path(here);
}

const std::map<std::string, std::function<void(const std::string&)>> kMakers = {
    {"2.0-tracker", versions_of_a_tracker},     {"2.0-conversation", conversation},
    {"2.0-tracker-archived", tracker_archived}, {"2.0-tracker-thinned", tracker_thinned},
    {"2.0-messages-kept", messages_kept},       {"2.0-secret-erased", secret_erased},
    {"2.0-from-format-1", came_from_format_1},
};

TEST(Golden, DISABLED_NewOnesAreAdded) {
  if (std::getenv("SESSIONTOOL_ADD_GOLDEN") == nullptr) {
    GTEST_SKIP() << "set SESSIONTOOL_ADD_GOLDEN to add the files that are missing";
  }
  const TempDir dir;
  std::ofstream list(golden_directory() / "SHA256SUMS", std::ios::app);
  for (const auto& [name, make] : kMakers) {
    const fs::path place = golden_directory() / (name + ".session");
    if (fs::exists(place)) continue;
    const std::string made = dir.file(name + ".session");
    make(made);
    fs::copy_file(made, place);
    const fs::path text = golden_directory() / (name + ".txt");
    write_text(text, description_of(place.string()));
    for (const fs::path& file : {place, text}) {
      list << sha256_of(read_text(file)) << "  " << file.filename().string() << '\n';
    }
  }
}

}  // namespace
}  // namespace session::test
