#pragma once
// The tool as its users call it, and a session to call it on.

#include <gtest/gtest.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "lib/convert/json.h"
#include "session/writer.h"
#include "tests/support/file_bytes.h"
#include "tests/support/records.h"
#include "tests/support/run_program.h"
#include "tests/support/temp_dir.h"

namespace session::test {

inline ProgramResult tool(const std::vector<std::string>& arguments,
                          const ProgramOptions& options = {}) {
  return run_program(SESSIONTOOL_BINARY, arguments, options);
}

using JsonValue = convert::json::Value;

// A member somewhere inside; a test that asks for one that is not there fails by the exception.
inline const JsonValue& at(const JsonValue& value, std::string_view name) {
  const JsonValue* member = value.find(name);
  if (member == nullptr) throw std::out_of_range("no member " + std::string(name));
  return *member;
}
inline std::string text_at(const JsonValue& value, std::string_view name) {
  return std::string(at(value, name).text());
}
inline std::string number_at(const JsonValue& value, std::string_view name) {
  return std::string(at(value, name).lexeme());
}

// Runs with --json, expects success, gives the document.
inline JsonValue tool_json(std::vector<std::string> arguments, const ProgramOptions& options = {}) {
  arguments.emplace_back("--json");
  const ProgramResult result = tool(arguments, options);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.err, "");
  return convert::json::parse(result.out);
}

// Every file of a directory with its content. Locks aside: they may stay.
inline std::map<std::string, std::string> files_in(const std::string& directory) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    const std::string name = entry.path().string();
    if (entry.is_regular_file() && !name.ends_with(".lock")) files[name] = read_file(name);
  }
  return files;
}

// Three revisions: empty; a small tree of tasks; messages, events and files.
//
//   build            completed
//   ├─ build.lexer   completed
//   └─ build.parser  in progress, needs build.lexer
//   docs             pending, needs build.parser
//   free             pending, needs build.lexer
inline void put_sample_task(Transaction& change, std::string_view key, std::string_view parent,
                            std::int64_t rank, schema::TaskStatus status, std::string_view title,
                            std::string_view prerequisite = {}) {
  capnp::MallocMessageBuilder message;
  auto task = message.initRoot<schema::Task>();
  task.setTitle(std::string(title).c_str());
  if (!parent.empty()) task.setParent(std::string(parent).c_str());
  task.setRank(rank);
  task.setStatus(status);
  if (!prerequisite.empty()) {
    task.initDependencies(1)[0].setTarget(std::string(prerequisite).c_str());
  }
  change.upsert(key, task.asReader());
}

inline void make_sample(const std::string& path) {
  using schema::TaskStatus;
  CreateOptions create;
  create.name = "sample";
  create.workspace = "/home/someone/project";
  Writer writer = Writer::create(path, create);
  Transaction tasks = writer.begin();
  put_sample_task(tasks, "build", "", 1, TaskStatus::COMPLETED, "Build it");
  put_sample_task(tasks, "build.lexer", "build", 1, TaskStatus::COMPLETED, "Lexer");
  put_sample_task(tasks, "build.parser", "build", 2, TaskStatus::IN_PROGRESS, "Parser",
                  "build.lexer");
  put_sample_task(tasks, "docs", "", 2, TaskStatus::PENDING, "Write it down", "build.parser");
  put_sample_task(tasks, "free", "", 3, TaskStatus::PENDING, "Ready to go", "build.lexer");
  CommitOptions second;
  second.message = "the plan";
  tasks.commit(second);
  Transaction rest = writer.begin();
  put_message(rest, "0000000001", "Shall I start?");
  put_message(rest, "0000000002", "Done with the lexer.");
  capnp::MallocMessageBuilder event;
  event.initRoot<schema::Event>().setKind("started");
  rest.upsert("0000000001", event.getRoot<schema::Event>().asReader());
  capnp::MallocMessageBuilder file;
  file.initRoot<schema::File>().setSizeBytes(1234);
  rest.upsert("src/lexer.cc", file.getRoot<schema::File>().asReader());
  rest.commit();
  writer.close();
}

class CliTest : public testing::Test {
 protected:
  [[nodiscard]] std::string path(std::string_view name) const { return directory_.file(name); }
  [[nodiscard]] const std::string& directory() const { return directory_.path(); }
  std::string sample(std::string_view name = "sample.session") {
    const std::string file = path(name);
    make_sample(file);
    return file;
  }

 private:
  TempDir directory_;
};

}  // namespace session::test
