#include "lib/convert/transcript.h"

#include <capnp/message.h>
#include <gtest/gtest.h>

#include <string>

#include "format/layout.h"
#include "lib/convert/residual.h"
#include "lib/convert/text_fields.h"
#include "lib/convert/transcript_work.h"
#include "tests/lib/convert/transcript_session.h"
#include "tests/support/random_json.h"
#include "tests/support/seed.h"

namespace session::convert::transcript {
namespace {

using json::parse;
using json::to_text;
using json::Value;
using schema::TaskStatus;
using test::text_of;

const std::string kLong(100, 'x');

// A message whose first block has a text of a hundred characters.
class Kept {
 public:
  explicit Kept(const Value& source, std::string_view text = kLong) {
    Piece piece;
    piece.kind = schema::Block::Kind::TOOL_RESULT;
    piece.text = std::string(text);
    set_blocks({piece}, message);
    keep_rest(Value::object(), source, message);
  }
  [[nodiscard]] std::string extra() const {
    return std::string(view(message.asReader().getExtra()));
  }
  [[nodiscard]] Value back() const { return with_rest(Value::object(), message.asReader()); }

 private:
  capnp::MallocMessageBuilder builder_;

 public:
  schema::Message::Builder message = builder_.initRoot<schema::Message>();
};

TEST(Transcript, KeysSortByPosition) {
  EXPECT_EQ(position_key(12), "000000012");
  EXPECT_LT(position_key(9), position_key(10));
  EXPECT_LT(position_key(999'999), position_key(1'000'000));
}

TEST(Transcript, ATextThatIsAFieldAlreadyIsReferredTo) {
  const Value source = parse(R"({"stdout":")" + kLong + R"(","stderr":""})");
  const Kept kept(source);
  EXPECT_EQ(kept.extra(), R"({"=stdout":{"@":"blocks.0.text"},"=stderr":""})");
  EXPECT_EQ(kept.back(), source);
}

TEST(Transcript, PiecesOfAJoinedTextAreReferredToOneAfterTheOther) {
  const std::string one(50, 'a');
  const std::string two(60, 'b');
  const Value source = parse(R"({"content":[")" + one + "\",\"" + two + R"("]})");
  const Kept kept(source, one + "\n" + two);
  EXPECT_EQ(kept.extra(),
            R"({"=content":[{"@":["blocks.0.text",0,50]},{"@":["blocks.0.text",51,60]}]})");
  EXPECT_EQ(kept.back(), source);
}

TEST(Transcript, ALargeTextNoFieldHasBecomesABlockOfItsOwn) {
  const std::string large(5000, 'y');
  const Value source = parse(R"({"before":")" + large + R"(","again":")" + large + "\"}");
  const Kept kept(source);
  EXPECT_EQ(kept.extra(), R"({"=before":{"@":"blocks.1.text"},"=again":{"@":"blocks.1.text"}})");
  const auto blocks = kept.message.asReader().getBlocks();
  ASSERT_EQ(blocks.size(), 2U);
  EXPECT_EQ(text_of(blocks[0].getText()), kLong);
  EXPECT_EQ(text_of(blocks[1].getText()), large);
  EXPECT_EQ(text_of(blocks[1].getName()), "before");
  EXPECT_TRUE(is_kept_text(blocks[1]));
  EXPECT_FALSE(is_kept_text(blocks[0]));
  EXPECT_EQ(kept.back(), source);
}

TEST(Transcript, WhatLooksLikeAReferenceInTheSourceComesBack) {
  for (const std::string_view odd :
       {R"({"a":{"@":"text"}})", R"({"a":{"@@":"text"}})", R"({"@":{"@":{"@@":[1]}}})",
        R"({"a":{"@":1,"b":2}})", R"({"a":[{"@":["blocks.0.text",0,1]}]})", R"([{"@":null}])"}) {
    EXPECT_EQ(Kept(parse(odd)).back(), parse(odd)) << odd;
  }
  const Value inside = parse(R"({"a":{"@":")" + kLong + "\"}}");
  EXPECT_EQ(Kept(inside).back(), inside);
}

TEST(Transcript, RefusesAReferenceThatLeadsNowhere) {
  for (const std::string_view extra :
       {R"({"=a":{"@":"blocks.1.text"}})", R"({"=a":{"@":"blocks.x.text"}})",
        R"({"=a":{"@":"text"}})", R"({"=a":{"@":["blocks.0.text",90,11]}})",
        R"({"=a":{"@":["blocks.0.text",18446744073709551615,2]}})",
        R"({"=a":{"@":["blocks.0.text",-1,2]}})", R"({"=a":{"@":null}})", R"({"=a":{"@":[]}})"}) {
    Kept kept(Value::object());
    kept.message.setExtra(std::string(extra));
    try {
      (void)kept.back();
      FAIL() << extra;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kBadSource);
      EXPECT_TRUE(error.message().starts_with("the message's `extra` refers to a text that is not"))
          << error.message();
    }
  }
}

TEST(TranscriptProperty, AnyRestComesBack) {
  test::RandomJson random(test::random_seed());
  random.use_names({"@", "@@", "text", "blocks", "=a", "~a", "/a", "!", "$"});
  for (int i = 0; i < 2000; ++i) {
    Value source = random.object();
    if (random.chance(0.3)) source.add("long", Value::string(kLong.substr(0, random.below(101))));
    if (random.chance(0.1)) source.add("large", Value::string(std::string(5000, 'z')));
    if (random.chance(0.02)) source.add("deep", random.deep());
    const Kept kept(source);
    ASSERT_EQ(kept.back(), source) << "case " << i << "\n" << to_text(source);
    ASSERT_FALSE(patch_fault(parse_patch(kept.extra().empty() ? "{}" : kept.extra())));
  }
}

// ---- todo lists and patches
// ----------------------------------------------------------------------

std::vector<TodoItem> items(std::string_view json) {
  return todo_items(parse(json), "content").value();
}

TEST(TodoItems, AreRefusedWhereTheListIsNone) {
  EXPECT_FALSE(todo_items(parse("{}"), "content"));
  EXPECT_FALSE(todo_items(parse(R"([{"content":"a"},{"content":1}])"), "content"));
  EXPECT_TRUE(todo_items(parse("[]"), "content"));
}

TEST(TodoItems, HaveStatusAndPriority) {
  const auto list =
      items(R"([{"content":"a","status":"in_progress","priority":"high","id":"7"},)"
            R"({"content":"b","status":"completed"},{"content":"c","status":"cancelled"},)"
            R"({"content":"d","status":"what?","priority":3}])");
  ASSERT_EQ(list.size(), 4U);
  EXPECT_EQ(list[0].status, TaskStatus::IN_PROGRESS);
  EXPECT_EQ(list[0].priority, schema::Priority::HIGH);
  EXPECT_EQ(list[0].id, "7");
  EXPECT_EQ(list[1].status, TaskStatus::COMPLETED);
  EXPECT_EQ(list[2].status, TaskStatus::SKIPPED);
  EXPECT_EQ(list[3].status, TaskStatus::PENDING);
}

TEST(PatchedFiles, NamesEachFileWithWhatHappensToIt) {
  const auto files = patched_files(
      "*** Begin Patch\n*** Add File: a b.txt\n+x\n*** Update File: c\r\n@@\n-*** Add File: no\n"
      "*** Update File: old\n*** Move to: new\n*** Delete File: d\n*** End Patch");
  ASSERT_EQ(files.size(), 5U);
  EXPECT_EQ(files[0].path, "a b.txt");
  EXPECT_EQ(files[0].action, "write");
  EXPECT_EQ(files[1].path, "c");
  EXPECT_EQ(files[1].action, "edit");
  EXPECT_EQ(files[2].action, "delete");
  EXPECT_EQ(files[3].path, "new");
  EXPECT_EQ(files[4].action, "delete");
}

TEST(PatchedFiles, PassesOverAPathNoKeyCanBe) {
  const std::string long_path(format::kMaxKeyBytes + 1, 'p');
  const auto files =
      patched_files("*** Update File: a\n*** Update File: " + long_path + "\n*** Move to: b\n");
  ASSERT_EQ(files.size(), 2U);
  EXPECT_EQ(files[0].path, "a");
  EXPECT_EQ(files[0].action, "edit");
  EXPECT_EQ(files[1].path, "b");
}

TEST(Below, MakesOnlyRelativePathsAbsolute) {
  EXPECT_EQ(below("/w", "a/../b"), "/w/b");
  EXPECT_EQ(below("/w", "/a"), "/a");
  EXPECT_EQ(below("", "a"), "a");
  EXPECT_EQ(below("/w", ""), "");
}

// ---- the samples in examples/
// --------------------------------------------------------------------

struct Example {
  SourceFormat format;
  const char* file;
  std::uint64_t messages;
  std::uint64_t tasks;
  std::uint64_t files;
  std::uint64_t calls;  // of tools, those that are shown
};

class TranscriptExample : public test::TranscriptSession,
                          public ::testing::WithParamInterface<Example> {
 protected:
  TranscriptExample() : TranscriptSession(GetParam().format) {}
};

TEST_P(TranscriptExample, IsRecognisedByItsFormatAloneAndComesBack) {
  const std::string path =
      std::string(SESSIONTOOL_SOURCE_DIR) + "/examples/transcripts/" + GetParam().file;
  ASSERT_TRUE(std::filesystem::exists(path)) << path;
  const Probe source = probe(path);
  for (const auto& converter : converters()) {
    EXPECT_EQ(converter->recognises(source), converter->format() == format_)
        << source_format_name(converter->format());
  }
  check_sample(path);
  const Snapshot snapshot = head();
  EXPECT_EQ(snapshot.count(Table::kMessages), GetParam().messages);
  EXPECT_EQ(snapshot.count(Table::kTasks), GetParam().tasks);
  EXPECT_EQ(snapshot.count(Table::kFiles), GetParam().files);
}

// What each of the formats writes of a session that came from another is one of its own.
TEST_P(TranscriptExample, GoesOutInEveryOtherFormatAndComesInAgain) {
  (void)import_file(std::string(SESSIONTOOL_SOURCE_DIR) + "/examples/transcripts/" +
                    GetParam().file);
  const Snapshot snapshot = head();
  for (const SourceFormat format :
       {SourceFormat::kClaudeCode, SourceFormat::kCodex, SourceFormat::kSweAgent}) {
    if (format == format_) continue;
    std::ostringstream out;
    const ExportReport report = export_session(snapshot, format, out);
    EXPECT_FALSE(report.warnings.empty());
    const std::string other = write("other", out.str());
    EXPECT_EQ(recognise(other).format(), format);
    const std::string file = dir_.file("other.session");
    ImportOptions options;
    options.overwrite = true;
    (void)import_sources({other}, file, options);
    const Snapshot again = Reader::open(file).head();
    std::uint64_t calls = 0;
    for (const auto& message : again.all<schema::Message>()) {
      for (const auto block : message->getBlocks()) {
        calls += block.getKind() == schema::Block::Kind::TOOL_CALL ? 1U : 0U;
      }
    }
    EXPECT_EQ(calls, GetParam().calls) << source_format_name(format);
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, TranscriptExample,
    ::testing::Values(Example{SourceFormat::kClaudeCode, "claude-code.jsonl", 25, 2, 1, 8},
                      Example{SourceFormat::kCodex, "codex.jsonl", 25, 2, 2, 5},
                      Example{SourceFormat::kSweAgent, "swe-agent.traj", 12, 0, 1, 3}),
    [](const auto& example) { return std::to_string(example.index); });

}  // namespace
}  // namespace session::convert::transcript
