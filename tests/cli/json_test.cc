// The documents of --json: what scripts rely on.

#include "tests/cli/tool.h"

namespace session::test {
namespace {

class Json : public CliTest {};

void expect_schema(const JsonValue& document, const std::string& command) {
  EXPECT_EQ(text_at(document, "schema"), "sessiontool." + command + "/1");
  EXPECT_EQ(number_at(document, "exit_code"), "0");
}

std::vector<std::string> names_of(const JsonValue& object) {
  std::vector<std::string> names;
  for (const auto& member : object.members()) names.emplace_back(member.name());
  return names;
}

void expect_members(const JsonValue& object, const std::vector<std::string>& wanted) {
  const auto names = names_of(object);
  for (const std::string& name : wanted) {
    EXPECT_NE(std::find(names.begin(), names.end(), name), names.end()) << name;
  }
}

bool is_time(const std::string& text) {
  return text.size() >= 20 && text[10] == 'T' && text.back() == 'Z';
}

TEST_F(Json, ADocumentIsOneLine) {
  const std::string file = sample();
  for (const std::string command : {"info", "log", "show", "layout"}) {
    const std::string out = tool({command, file, "--json"}).out;
    EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 1) << command;
    EXPECT_EQ(out.back(), '\n');
  }
}

TEST_F(Json, InfoSaysWhatTheFileIs) {
  const std::string file = sample();
  const JsonValue info = tool_json({"info", file});
  expect_schema(info, "info");
  expect_members(info, {"format", "session", "head", "tables", "file", "sealed", "revisions",
                        "checkpoints", "writer"});
  EXPECT_EQ(number_at(at(info, "head"), "revision"), "3");
  EXPECT_TRUE(is_time(text_at(at(info, "head"), "time")));
  EXPECT_EQ(text_at(at(info, "head"), "fingerprint").size(), 64U);
  EXPECT_EQ(number_at(at(at(info, "tables"), "tasks"), "count"), "5");
  EXPECT_NE(number_at(at(at(info, "tables"), "tasks"), "bytes"), "0");
  EXPECT_EQ(number_at(at(at(info, "tables"), "messages"), "count"), "2");
  EXPECT_TRUE(at(info, "sealed").as_bool());
  EXPECT_EQ(number_at(info, "revisions"), "3");
  EXPECT_EQ(number_at(info, "checkpoints"), "0");
  EXPECT_EQ(text_at(at(info, "session"), "name"), "sample");
}

TEST_F(Json, TheSizesOfAFileAddUp) {
  const std::string file = sample();
  const JsonValue info = tool_json({"info", file});
  const JsonValue& sizes = at(info, "file");
  expect_members(sizes, {"bytes", "live_bytes", "dead_bytes", "parity_bytes", "uncovered_bytes",
                         "tail_bytes", "reserve_bytes"});
  const auto size = [&sizes](const char* name) { return std::stoull(number_at(sizes, name)); };
  EXPECT_EQ(size("bytes"), std::filesystem::file_size(file));
  EXPECT_EQ(size("live_bytes") + size("dead_bytes") + size("parity_bytes") + size("tail_bytes") +
                size("reserve_bytes"),
            size("bytes"));
}

TEST_F(Json, ADeltaHasAFingerprintInInfoAndNoneInTheLog) {
  const std::string file = sample();
  const JsonValue log = tool_json({"log", file});
  ASSERT_EQ(text_at(at(log, "revisions").items().front(), "kind"), "delta");
  EXPECT_TRUE(at(at(log, "revisions").items().front(), "fingerprint").is_null());
  EXPECT_EQ(text_at(at(tool_json({"info", file}), "head"), "fingerprint"),
            to_hex(Reader::open(file).head().fingerprint()));
}

TEST_F(Json, LogGoesFromTheNewestBack) {
  const std::string file = sample();
  const JsonValue made = tool_json({"checkpoint", file, "--description", "four"});
  const std::string id = text_at(at(made, "checkpoint"), "id");
  const JsonValue log = tool_json({"log", file});
  expect_schema(log, "log");
  const auto& revisions = at(log, "revisions").items();
  ASSERT_EQ(revisions.size(), 4U);
  for (std::size_t i = 0; i < 4; ++i) {
    expect_members(revisions[i],
                   {"revision", "parent", "time", "kind", "bytes", "fingerprint", "checkpoint"});
    EXPECT_EQ(number_at(revisions[i], "revision"), std::to_string(4 - i));
    EXPECT_EQ(number_at(revisions[i], "parent"), std::to_string(3 - i));
  }
  EXPECT_EQ(text_at(revisions[0], "kind"), "snapshot");
  EXPECT_EQ(text_at(revisions[0], "checkpoint"), id);
  EXPECT_EQ(text_at(revisions[0], "trigger"), "manual");
  EXPECT_EQ(text_at(revisions[0], "fingerprint").size(), 64U);
  EXPECT_TRUE(at(revisions[1], "checkpoint").is_null());
  EXPECT_EQ(text_at(revisions[2], "message"), "the plan");
}

TEST_F(Json, LogStopsAtItsLimit) {
  const std::string file = sample();
  EXPECT_EQ(at(tool_json({"log", file, "--limit", "2"}), "revisions").items().size(), 2U);
  EXPECT_EQ(at(tool_json({"log", file + "@2"}), "revisions").items().size(), 2U);
}

TEST_F(Json, EveryViewOfShowHasItsRecords) {
  const std::string file = sample();
  const std::vector<std::pair<std::string, std::size_t>> views = {
      {"tasks", 5}, {"messages", 2}, {"files", 1}, {"events", 1}};
  for (const auto& [view, count] : views) {
    const JsonValue document = tool_json({"show", file, view});
    expect_schema(document, "show");
    const auto& records = at(document, view).items();
    ASSERT_EQ(records.size(), count) << view;
    for (const JsonValue& record : records) {
      EXPECT_EQ(text_at(record, "table"), view);
      EXPECT_NE(text_at(record, "key"), "");
      EXPECT_TRUE(at(record, "record").is_object());
    }
  }
}

TEST_F(Json, ATaskComesWithWhatBelongsToIt) {
  const std::string file = sample();
  const JsonValue document = tool_json({"show", file, "task", "build"});
  EXPECT_EQ(text_at(at(document, "task"), "key"), "build");
  ASSERT_EQ(at(document, "children").items().size(), 2U);
  EXPECT_EQ(at(document, "children").items()[0].text(), "build.lexer");
  const JsonValue lexer = tool_json({"show", file, "task", "build.lexer"});
  EXPECT_EQ(at(lexer, "dependents").items().size(), 2U);
}

TEST_F(Json, StatusCounts) {
  const JsonValue status = tool_json({"show", sample(), "status"});
  EXPECT_EQ(number_at(at(status, "tasks"), "total"), "5");
  EXPECT_EQ(number_at(at(status, "tasks"), "completed"), "2");
  EXPECT_EQ(number_at(at(status, "tasks"), "in_progress"), "1");
  EXPECT_EQ(number_at(at(status, "tasks"), "ready"), "1");
  EXPECT_EQ(number_at(status, "progress_percent"), "40");
  EXPECT_EQ(text_at(at(status, "running").items().at(0), "key"), "build.parser");
  EXPECT_TRUE(at(status, "last_checkpoint").is_null());
}

TEST_F(Json, ContextHasTheMetadata) {
  const JsonValue document = tool_json({"show", sample(), "context"});
  EXPECT_EQ(text_at(at(document, "metadata"), "key"), "metadata");
  EXPECT_TRUE(at(document, "context").is_null());
}

TEST_F(Json, CheckpointsAreMadeListedAndDeleted) {
  const std::string file = sample();
  const JsonValue made = tool_json({"checkpoint", file, "--description", "a", "--trigger",
                                    "before-risky-operation", "--tag", "x", "--tag", "y,z"});
  expect_schema(made, "checkpoint");
  const std::string id = text_at(at(made, "checkpoint"), "id");
  EXPECT_EQ(text_at(at(made, "checkpoint"), "trigger"), "before_risky_operation");
  const JsonValue list = tool_json({"checkpoint", file, "--list"});
  ASSERT_EQ(at(list, "checkpoints").items().size(), 1U);
  const JsonValue& listed = at(list, "checkpoints").items()[0];
  EXPECT_EQ(text_at(listed, "id"), id);
  ASSERT_EQ(at(listed, "tags").items().size(), 2U);
  EXPECT_EQ(at(listed, "tags").items()[1].text(), "y,z");
  const JsonValue deleted = tool_json({"checkpoint", file, "--delete", id.substr(0, 8)});
  EXPECT_EQ(text_at(at(deleted, "deleted"), "id"), id);
  EXPECT_TRUE(at(tool_json({"checkpoint", file, "--list"}), "checkpoints").items().empty());
}

TEST_F(Json, RestoreNamesTheEmergencyCheckpoint) {
  const std::string file = sample();
  const JsonValue restored = tool_json({"restore", file + "@1"});
  expect_schema(restored, "restore");
  EXPECT_EQ(number_at(restored, "restored"), "1");
  EXPECT_EQ(number_at(restored, "previous_head"), "3");
  EXPECT_EQ(tool_json({"show", file}).find("tasks")->items().size(), 0U);
  const std::string emergency = text_at(restored, "emergency_checkpoint");
  EXPECT_EQ(tool_json({"show", file + "@" + emergency}).find("tasks")->items().size(), 5U);
}

TEST_F(Json, LayoutCoversTheFileWithoutGapOrOverlap) {
  const std::string file = sample();
  const JsonValue layout = tool_json({"layout", file});
  expect_schema(layout, "layout");
  std::uint64_t end = 0;
  for (const JsonValue& frame : at(layout, "frames").items()) {
    EXPECT_EQ(number_at(frame, "offset"), std::to_string(end));
    end += std::stoull(number_at(frame, "size_bytes"));
  }
  EXPECT_EQ(end, std::filesystem::file_size(file));
}

TEST_F(Json, LayoutPrintsTheConstantsWithoutAFile) {
  const JsonValue layout = tool_json({"layout", "--numbers"});
  EXPECT_FALSE(at(layout, "numbers").items().empty());
  expect_members(at(layout, "numbers").items()[0], {"name", "value", "unit"});
}

TEST_F(Json, InitNamesTheSession) {
  const JsonValue made = tool_json({"init", path("new.session")});
  expect_schema(made, "init");
  EXPECT_EQ(text_at(made, "session"),
            text_at(at(tool_json({"info", path("new.session")}), "session"), "id"));
}

TEST_F(Json, InvalidBytesNeverMakeAnInvalidDocument) {
  const std::string file = path("a.session");
  Writer writer = Writer::create(file);
  Transaction change = writer.begin();
  put_message(change, "0000000001", "bad \xff\xfe bytes");
  change.commit();
  writer.close();
  const JsonValue document = tool_json({"show", file, "messages"});
  const JsonValue& record = at(at(document, "messages").items().at(0), "record");
  EXPECT_NE(text_at(record, "text").find("bad "), std::string::npos);
}

TEST_F(Json, NumbersBeyondADoubleKeepTheirDigits) {
  const std::string file = path("a.session");
  Writer writer = Writer::create(file);
  Transaction change = writer.begin();
  capnp::MallocMessageBuilder message;
  message.initRoot<schema::File>().setSizeBytes(UINT64_MAX);
  change.upsert("big", message.getRoot<schema::File>().asReader());
  change.commit();
  writer.close();
  EXPECT_NE(tool({"show", file, "files", "--json"}).out.find("18446744073709551615"),
            std::string::npos);
}

}  // namespace
}  // namespace session::test
