// What bad input gets: a sentence that names the file, the place and what to do next, the right
// exit code, nothing written and nothing lost.

#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "tests/cli/tool.h"
#include "tests/support/damage.h"

namespace session::test {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kIssues =
    R"({"id":"a-1","title":"one","status":"open","created_at":"2026-01-02T03:04:05Z"})"
    "\n"
    R"({"id":"a-2","title":"two","status":"closed","created_at":"2026-01-02T03:04:05Z"})"
    "\n";

// Some megabytes that look like a tracker.
std::string many_issues(std::size_t count) {
  std::string lines;
  for (std::size_t i = 0; i < count; ++i) {
    lines += R"({"id":"a-)" + std::to_string(i) + R"(","title":"number )" + std::to_string(i) +
             R"(","status":"open","created_at":"2026-01-02T03:04:05Z","description":")" +
             std::string(300, static_cast<char>('a' + i % 26)) + "\"}\n";
  }
  return lines;
}

class BadInput : public CliTest {
 protected:
  std::string file(std::string_view name, std::string_view content) {
    write_file(path(name), std::string(content));
    return path(name);
  }

  // Fails with this code and these words, and leaves everything as it was.
  void expect_refused(const std::vector<std::string>& arguments, int exit_code,
                      const std::vector<std::string>& words, const ProgramOptions& options = {}) {
    const auto before = files_in(directory());
    const ProgramResult result = tool(arguments, options);
    const std::string call = arguments[0] + " " + (arguments.size() > 1 ? arguments[1] : "");
    EXPECT_EQ(result.exit_code, exit_code) << call << "\n" << result.err;
    EXPECT_EQ(result.out, "") << call;
    EXPECT_TRUE(result.err.starts_with("sessiontool: ")) << call << "\n" << result.err;
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
    for (const std::string& word : words) {
      EXPECT_NE(result.err.find(word), std::string::npos) << call << "\n" << result.err;
    }
    EXPECT_TRUE(files_in(directory()) == before) << call << " changed a file";
  }
  // The same for a source, both into a new session and into one that is there.
  void expect_source_refused(const std::string& source, const std::vector<std::string>& words,
                             const std::string& from = "", int exit_code = 5) {
    if (!fs::exists(path("there.session"))) sample("there.session");
    for (const std::string output : {"new.session", "there.session"}) {
      std::vector<std::string> arguments = {"import", source, "-o", path(output)};
      if (!from.empty()) arguments.insert(arguments.end(), {"--from", from});
      std::vector<std::string> all = words;
      all.push_back(source);
      expect_refused(arguments, exit_code, all);
    }
  }
};

// Every command that reads a session, then every one that writes to it.
std::vector<std::vector<std::string>> commands_on(const std::string& file,
                                                  const std::string& source) {
  return {{"info", file},
          {"log", file},
          {"show", file},
          {"layout", file},
          {"export", file, "--to", "jsonl"},
          {"apply", file},
          {"checkpoint", file, "--description", "x"},
          {"restore", file + "@1"},
          {"import", source, "-o", file}};
}

// ---- what is no session -------------------------------------------------------------------------

TEST_F(BadInput, AFileThatIsNoSessionIsNamedAndLeftAlone) {
  const std::string source = file("source.jsonl", kIssues);
  const std::string text = file("notes.txt", std::string(500, '.'));
  for (const auto& command : commands_on(text, source)) {
    expect_refused(command, 5, {text, "; "});
  }
}

TEST_F(BadInput, AnEmptyFileIsNoSession) {
  const std::string source = file("source.jsonl", kIssues);
  const std::string empty = file("empty.session", "");
  for (const auto& command : commands_on(empty, source)) {
    expect_refused(command, 5, {empty, "the file is empty", "; "});
  }
}

TEST_F(BadInput, ADirectoryIsNoSession) {
  const std::string source = file("source.jsonl", kIssues);
  const std::string folder = path("folder");
  fs::create_directory(folder);
  for (const auto& command : commands_on(folder, source)) {
    expect_refused(command, 5, {folder, "this is a directory", "; "});
  }
  EXPECT_FALSE(fs::exists(folder + ".lock"));
}

TEST_F(BadInput, WithoutPermissionTheSystemsWordsAreGiven) {
  const std::string source = file("source.jsonl", kIssues);
  const std::string locked = sample();
  const std::string hidden = file("hidden.jsonl", kIssues);
  for (const std::string& name : {locked, hidden}) ASSERT_EQ(::chmod(name.c_str(), 0), 0);
  ASSERT_EQ(::chmod(directory().c_str(), 0755), 0);
  ProgramOptions nobody;
  nobody.unprivileged = true;
  if (tool({"--version"}, nobody).exit_code != 0) GTEST_SKIP() << "nobody may not run the tool";
  for (const auto& command : commands_on(locked, source)) {
    expect_refused(command, 4, {"Permission denied", "; check the owner and the permissions"},
                   nobody);
  }
  expect_refused({"import", hidden, "-o", path("new.session")}, 4,
                 {hidden, "Permission denied", "; "}, nobody);
  fs::create_directory(path("closed"));
  ASSERT_EQ(::chmod(path("closed").c_str(), 0555), 0);
  expect_refused({"init", path("closed/new.session")}, 4,
                 {"closed/new.session", "Permission denied", "; "}, nobody);
}

// ---- sources ------------------------------------------------------------------------------------

TEST_F(BadInput, AnEmptySourceIsRefused) {
  const std::string empty = file("empty.jsonl", "");
  expect_source_refused(empty, {"the file is empty", "; "});
  for (const std::string from : {"json", "beads", "taskmaster"}) {
    expect_source_refused(empty, {"empty", "; "}, from);
  }
}

TEST_F(BadInput, ADirectoryIsNoSourceOfAFormatThatIsAFile) {
  const std::string folder = path("folder");
  fs::create_directory(folder);
  expect_source_refused(folder, {"no session of aca", "; "});
  expect_source_refused(folder, {"no session of aca"}, "aca");
  for (const std::string from : {"json", "jsonl", "beads", "taskmaster"}) {
    expect_source_refused(folder, {"this is a directory", "; name the file"}, from);
  }
}

TEST_F(BadInput, AMissingSourceIsTen) {
  expect_source_refused(path("missing.jsonl"), {"no such file", "; check the path"}, "", 10);
}

TEST_F(BadInput, ASyntaxErrorHasLineAndColumn) {
  expect_source_refused(file("a.jsonl", std::string(kIssues) + "{\"id\": \"a-3\", \"title\": }\n"),
                        {"line 3, column 24", "; mend the source"});
  expect_source_refused(
      file("b.json", "{\"master\": {\"tasks\": [\n  {\"id\": 1,\n   \"title\" \"x\"}]}}"),
      {"line 3, column 12", "; mend the source"});
  expect_source_refused(
      file("c.jsonl", "{\"table\":\"tasks\",\"key\":\"a\",\"record\":{}}\n{\"table\":\"tasks\""),
      {"line 2, column 17", "; mend the source"});
  expect_source_refused(file("d.json", "{\"schema\":\"sessiontool.session/1\",\n\"tasks\":{]}"),
                        {"line 2, column 10", "; mend the source"});
  expect_source_refused(file("e.jsonl", "not JSON at all\n"),
                        {"line 1, column", "; say what it is"});
}

TEST_F(BadInput, ASyntaxErrorInOperationsHasLineAndColumn) {
  const std::string session = sample();
  const std::string operations =
      file("ops.jsonl", "{\"table\":\"tasks\",\"key\":\"a\",\"record\":{}}\n{\"table\"}\n");
  for (const std::string flag : {"--quiet", "-n"}) {
    expect_refused({"apply", session, operations, flag}, 5,
                   {operations, "line 2, column 9", "; mend the source"});
  }
}

TEST_F(BadInput, ATruncatedOrOverwrittenSourceHasItsPlace) {
  const std::string cut = std::string(kIssues).substr(0, kIssues.size() - 10);
  expect_source_refused(file("cut.jsonl", cut), {"line 2, column", "; "});
  expect_source_refused(file("nul.jsonl", std::string(kIssues) + std::string(20, '\0')),
                        {"line 3, column 1", "; "});
  expect_source_refused(file("latin.jsonl", std::string(kIssues) + "{\"id\":\"\xE4\"}\n"),
                        {"line 3, column 8", "UTF-8", "; "});
}

TEST_F(BadInput, ConflictMarkersAreCalledWhatTheyAre) {
  const std::string conflict =
      "<<<<<<< HEAD\n" + std::string(kIssues) + "=======\n>>>>>>> theirs\n";
  expect_source_refused(file("a.jsonl", conflict),
                        {"line 1, column 1", "merge conflict marker", "; resolve the conflict"});
  expect_source_refused(file("b.jsonl", std::string(kIssues) + conflict),
                        {"line 3, column 1", "merge conflict marker", "; resolve the conflict"});
  expect_source_refused(
      file("c.json", "{\"tasks\": [\n{\"id\": 1},\n<<<<<<< HEAD\n{\"id\": 2}\n=======\n]}"),
      {"line 3, column 1", "merge conflict marker", "; resolve the conflict"});
}

TEST_F(BadInput, IdsTwiceAreRefusedWithBothLines) {
  expect_source_refused(
      file("a.jsonl", std::string(kIssues) + std::string(kIssues)),
      {"line 3, column 1", "\"a-1\" stands twice", "first on line 1", "; remove"});
  expect_source_refused(file("b.jsonl",
                             "{\"table\":\"tasks\",\"key\":\"a\",\"record\":{}}\n"
                             "{\"table\":\"tasks\",\"key\":\"a\",\"record\":{}}\n"),
                        {"line 2, column 1", "\"a\" stands twice", "first on line 1", "; remove"});
  expect_source_refused(file("c.json", "{\"tasks\": [{\"id\": 1},\n{\"id\": \"1\"}]}"),
                        {"line 2, column 8", "\"1\" stands twice", "first on line 1", "; give"});
  expect_source_refused(file("d.json",
                             "{\"schema\":\"sessiontool.session/1\",\"tasks\":{\"a\":{},\n"
                             "\"a\":{}}}"),
                        {"line 2, column 1", "\"a\" stands twice", "; mend"});
  expect_source_refused(file("e.jsonl", R"({"id":"a","title":"x","status":"open","id":"b"})"
                                        "\n"),
                        {"line 1, column 39", "\"id\" stands twice", "; "}, "beads");
}

TEST_F(BadInput, AReferenceToNothingIsImportedAndReported) {
  const std::string source =
      file("source.jsonl", R"({"id":"a-1","title":"one","status":"open","dependencies":[)"
                           R"({"issue_id":"a-1","depends_on_id":"gone","type":"blocks"},)"
                           R"({"issue_id":"a-1","depends_on_id":"lost","type":"parent-child"}]})"
                           "\n");
  const ProgramResult result = tool({"import", source, "-o", path("new.session")});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_NE(result.err.find("depends on one that does not exist: \"gone\""), std::string::npos);
  EXPECT_NE(result.err.find("has a parent that does not exist: \"lost\""), std::string::npos);
  EXPECT_EQ(result.err.find(source), std::string("sessiontool: ").size());
  const JsonValue again = tool_json({"import", source, "-o", path("other.session")});
  EXPECT_EQ(at(again, "sources").items()[0].find("warnings")->items().size(), 2U);
  ASSERT_EQ(tool({"export", path("new.session"), "--to", "beads", "-o", path("out")}).exit_code, 0);
  EXPECT_EQ(convert::json::parse(read_file(path("out"))), convert::json::parse(read_file(source)));
}

TEST_F(BadInput, WhatIsOfNoKnownFormatIsSaidSo) {
  expect_source_refused(file("a.json", "{\n \"name\": \"package\"\n}\n"),
                        {"no known format", "; say what it is with --from"});
  expect_source_refused(file("b.jsonl", "{\"name\": 1}\n{\"name\": 2}\n"),
                        {"no known format", "; say what it is with --from"});
  expect_source_refused(sample("other.session"), {"a session file already", "; export"});
  expect_source_refused(file("c.json", "{\"task_tree\": {\"tasks\": {}}}"),
                        {"line 1, column 1", "no list of tasks", "; "}, "taskmaster");
  expect_source_refused(file("d.jsonl", "[1]\n"), {"line 1", "; "}, "beads");
}

TEST_F(BadInput, OfSeveralSourcesTheFirstBadOneStopsTheImport) {
  const std::string good = file("good.jsonl", kIssues);
  const std::string bad = file("bad.jsonl", "{\"id\": }\n");
  expect_refused({"import", good, bad, "-o", path("new.session")}, 5, {bad, "line 1", "; "});
}

// ---- input and output
// -----------------------------------------------------------------------------

TEST_F(BadInput, TheOutputIsNeverTheInputUnderAnyName) {
  const std::string session = sample();
  const std::string source = file("source.jsonl", kIssues);
  const std::string link = path("link");
  const std::string name = path("second name");
  fs::create_symlink(session, link);
  const std::vector<std::string> words = {"same file", "; choose another name"};
  for (const std::string& output : {session, link}) {
    expect_refused({"export", session, "--to", "jsonl", "-o", output}, 2, words);
    expect_refused({"export", session, "--to", "jsonl", "-o", output, "--force"}, 2, words);
    expect_refused({"import", session, "-o", output, "--force"}, 2, words);
  }
  expect_refused({"import", source, "-o", source}, 2, words);
  expect_refused({"apply", session, session}, 2, {"same file", "; choose another name"});
  fs::create_hard_link(session, name);
  expect_refused({"export", session, "--to", "jsonl", "-o", name, "--force"}, 2, words);
}

TEST_F(BadInput, AFileIsOnlyReplacedWhenAsked) {
  const std::string session = sample();
  const std::string other = file("other", "precious");
  expect_refused({"export", session, "--to", "jsonl", "-o", other}, 2, {other, "; "});
  expect_refused({"init", other}, 2, {other, "; "});
}

// ---- the disk is full
// -----------------------------------------------------------------------------

TEST_F(BadInput, ADiskThatFillsUpHalfwayLosesNothing) {
  const std::string session = path("there.session");
  const std::string source = file("source.jsonl", many_issues(2000));
  ASSERT_EQ(tool({"import", file("first.jsonl", many_issues(400)), "-o", session}).exit_code, 0);
  std::string operations;
  for (int i = 0; i < 500; ++i) {
    operations += R"({"table":"tasks","key":"new-)" + std::to_string(i) +
                  R"(","record":{"title":")" + std::string(1000, 'x') + "\"}}\n";
  }
  const std::string ops = file("ops.jsonl", operations);
  const std::vector<std::string> words = {"cannot write", "; "};
  for (const std::uint64_t limit : {1'000U, 40'000U, 150'000U, 250'000U}) {
    ProgramOptions full;
    full.file_limit_bytes = limit;
    expect_refused({"import", source, "-o", path("new.session")}, 4, words, full);
    expect_refused({"import", source, "-o", session}, 4, words, full);
    expect_refused({"apply", session, ops}, 4, words, full);
    if (limit < 100'000) {
      expect_refused({"export", session, "--to", "beads", "-o", path("out")}, 4, words, full);
      expect_refused({"checkpoint", session, "--description", "x"}, 4, words, full);
    }
  }
  EXPECT_EQ(tool({"import", source, "-o", session}).exit_code, 0);
}

TEST_F(BadInput, AFullDiskIsNamedWithTheSystemsWords) {
  const std::string session = sample();
  const ProgramResult result =
      tool({"export", session, "--to", "jsonl"}, {.output_file = "/dev/full"});
  EXPECT_EQ(result.exit_code, 4);
  EXPECT_NE(result.err.find("standard output: cannot write: No space left on device; free some"),
            std::string::npos)
      << result.err;
}

// A file system of 64 KiB, for as long as the object lives.
class TinyDisk {
 public:
  explicit TinyDisk(const std::string& place) : place_(place) {
    fs::create_directory(place);
    is_there_ = ::mount("none", place.c_str(), "tmpfs", 0, "size=64k") == 0;
  }
  TinyDisk(const TinyDisk&) = delete;
  TinyDisk& operator=(const TinyDisk&) = delete;
  ~TinyDisk() {
    if (is_there_) ::umount2(place_.c_str(), MNT_DETACH);
  }
  [[nodiscard]] bool is_there() const { return is_there_; }

 private:
  std::string place_;
  bool is_there_ = false;
};

TEST_F(BadInput, AFileSystemWithoutRoomKeepsWhatWasThere) {
  const TinyDisk disk(path("disk"));
  if (!disk.is_there()) GTEST_SKIP() << "a file system can only be mounted by the superuser";
  const std::string session = path("disk/there.session");
  make_sample(session);
  const std::string source = file("source.jsonl", many_issues(2000));
  const std::vector<std::string> words = {"No space left on device", "; free some space"};
  expect_refused({"import", source, "-o", session}, 4, words);
  expect_refused({"import", source, "-o", path("disk/new.session")}, 4, words);
  ASSERT_EQ(tool({"import", source, "-o", path("large.session")}).exit_code, 0);
  expect_refused({"export", path("large.session"), "--to", "beads", "-o", path("disk/out")}, 4,
                 words);
  EXPECT_EQ(tool({"show", session}).exit_code, 0);
}

// ---- Ctrl-C
// ---------------------------------------------------------------------------------------

// A named pipe with a writer, which sends what it is told and then says nothing.
class SilentPipe {
 public:
  explicit SilentPipe(const std::string& path) {
    if (::mkfifo(path.c_str(), 0600) != 0) throw std::runtime_error("mkfifo");
    // Open for both, so that it opens without a reader and never ends.
    descriptor_ = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  }
  SilentPipe(const SilentPipe&) = delete;
  SilentPipe& operator=(const SilentPipe&) = delete;
  ~SilentPipe() { ::close(descriptor_); }
  // Returns when most of it was read: a pipe holds no more than 64 KiB.
  void send(const std::string& text) const {
    std::size_t done = 0;
    while (done < text.size()) {
      const ssize_t count = ::write(descriptor_, text.data() + done, text.size() - done);
      if (count <= 0) return;
      done += static_cast<std::size_t>(count);
    }
  }

 private:
  int descriptor_ = -1;
};

TEST_F(BadInput, CtrlCInALargeImportLeavesNothingHalfMade) {
  const std::string session = sample("there.session");
  const std::string text = many_issues(10'000);
  for (const std::string output : {"new.session", "there.session"}) {
    const auto before = files_in(directory());
    const SilentPipe pipe(path("pipe"));
    RunningProgram import(SESSIONTOOL_BINARY,
                          {"import", path("pipe"), "--from", "beads", "-o", path(output)});
    pipe.send(text);
    import.send_signal(SIGINT);
    const ProgramResult result = import.wait();
    EXPECT_EQ(result.exit_code, 130) << result.err;
    EXPECT_EQ(result.out, "");
    EXPECT_NE(result.err.find("interrupted; nothing"), std::string::npos) << result.err;
    EXPECT_TRUE(files_in(directory()) == before) << output;
    fs::remove(path("pipe"));
  }
}

// The lock comes into being just before the source is read.
void wait_for(const std::string& file) {
  constexpr int kMostSteps = 1000;
  for (int step = 0; step < kMostSteps && !fs::exists(file); ++step) ::usleep(10'000);
  ::usleep(20'000);
}

TEST_F(BadInput, CtrlCIsHeardWhileAPipeIsSilent) {
  for (const std::string from : {"beads", "jsonl"}) {
    const SilentPipe pipe(path("pipe"));
    RunningProgram import(SESSIONTOOL_BINARY,
                          {"import", path("pipe"), "--from", from, "-o", path("new.session")});
    wait_for(path("new.session.lock"));
    import.send_signal(SIGINT);
    EXPECT_EQ(import.wait().exit_code, 130);
    EXPECT_FALSE(fs::exists(path("new.session")));
    fs::remove(path("pipe"));
    fs::remove(path("new.session.lock"));
  }
}

TEST_F(BadInput, CtrlCIsHeardBeforeAPipeHasAWriter) {
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  RunningProgram import(SESSIONTOOL_BINARY,
                        {"import", path("pipe"), "--from", "beads", "-o", path("new.session")});
  wait_for(path("new.session.lock"));
  import.send_signal(SIGTERM);
  EXPECT_EQ(import.wait().exit_code, 130);
  EXPECT_FALSE(fs::exists(path("new.session")));
}

// ---- the bad files people really have
// -------------------------------------------------------------

struct RealFile {
  const char* name;
  const char* place;
  const char* reason;
};

class BadData : public BadInput, public testing::WithParamInterface<RealFile> {};

TEST_P(BadData, IsRefusedWithItsPlace) {
  const std::string source =
      std::string(SESSIONTOOL_SHARED_DATA) + "/beads/beads-bad/" + GetParam().name;
  if (!fs::exists(source)) GTEST_SKIP() << "no " << source;
  expect_source_refused(source, {GetParam().place, GetParam().reason, "; "});
  expect_source_refused(source, {GetParam().place, GetParam().reason, "; "}, "beads");
}

INSTANTIATE_TEST_SUITE_P(
    Beads, BadData,
    testing::Values(
        RealFile{"conflict-558-da5493bac07f.jsonl", "line 1, column 1", "conflict marker"},
        RealFile{"conflict-676-3f4f7cc18579.jsonl", "line 1, column 1", "conflict marker"},
        RealFile{"conflict-6-markers-66d0dc4332fd.jsonl", "line 1, column 1", "conflict marker"},
        RealFile{"conflict-dups-5bfecf85f00f.jsonl", "line 224, column 1", "conflict marker"},
        RealFile{"invalid-line-fe8d20825514.jsonl", "line 430, column 2", "document root"}),
    [](const auto& file) {
      std::string name(file.param.name);
      std::erase_if(name, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; });
      return name;
    });

TEST_F(BadInput, ADirtySessionOfAcaIsImportedWithEveryDefectReported) {
  const std::string source = std::string(SESSIONTOOL_SHARED_DATA) + "/aca/dirty";
  if (!fs::exists(source)) GTEST_SKIP() << "no " << source;
  const ProgramResult result = tool({"import", source, "-o", path("dirty.session")});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  for (const std::string word : {"8a5d1655", "2a06dc8f", "c873cf73", "953fa0f7", "2082f8dd"}) {
    EXPECT_NE(result.err.find(word), std::string::npos) << word;
  }
  EXPECT_TRUE(fs::exists(path("dirty.session")));
}

// An exception that could not leave its way through the C library ended the tool with SIGABRT.
TEST_F(BadInput, OfADamagedFileEveryCommandGetsAnAnswer) {
  const std::string vector =
      std::string(SESSIONTOOL_SOURCE_DIR) + "/spec/vectors/checkpoint.session";
  const FileBytes whole = bytes_of(vector);
  const std::string damaged = path("damaged.session");
  for (std::size_t at = 64; at < whole.size(); at += 112) {
    FileBytes bytes = whole;
    flip_bit(bytes, at * 8 + 2);
    put_bytes(damaged, bytes);
    for (const std::string command : {"export", "info", "diff"}) {
      std::vector<std::string> arguments = {command, damaged};
      if (command == "export") arguments.insert(arguments.end(), {"--to", "json"});
      const ProgramResult result = tool(arguments);
      EXPECT_EQ(result.signal, 0) << command << " of a file whose byte " << at << " is damaged";
      if (result.exit_code <= 1) continue;
      EXPECT_NE(result.err.find(damaged), std::string::npos) << command << "\n" << result.err;
    }
  }
}

}  // namespace
}  // namespace session::test
