#include "lib/convert/beads.h"

#include <capnp/message.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "format/layout.h"
#include "lib/convert/line_reader.h"
#include "lib/convert/record_json.h"
#include "lib/convert/text_fields.h"
#include "session/error.h"
#include "tests/support/random_json.h"
#include "tests/support/seed.h"

namespace session::convert {
namespace {

using json::parse;
using json::to_text;
using json::Value;
using schema::DependencyType;
using schema::TaskStatus;

class Imported {
 public:
  explicit Imported(const Value& issue)
      : key(issue_id(issue)), task(message_.initRoot<schema::Task>()) {
    issue_to_task(issue, task);
  }
  explicit Imported(std::string_view text) : Imported(parse(text)) {}
  [[nodiscard]] schema::Task::Reader reader() const { return task.asReader(); }
  [[nodiscard]] Value back() const { return task_to_issue(key, task.asReader()); }
  [[nodiscard]] std::string extra() const {
    const auto reader = task.asReader();
    return reader.hasExtra() ? std::string(view(reader.getExtra())) : "";
  }

 private:
  capnp::MallocMessageBuilder message_;

 public:
  std::string key;
  schema::Task::Builder task;
};

// With every field the mapping knows.
constexpr std::string_view kFull =
    R"({"id":"bd-1","title":"t","description":"","design":"d","acceptance_criteria":"a","notes":"n",)"
    R"("status":"closed","priority":0,"issue_type":"bug","assignee":"me","estimated_minutes":90,)"
    R"("created_at":"2025-12-13T10:00:00.120-08:00","updated_at":"2025-12-14T00:00:00Z",)"
    R"("closed_at":"2025-12-14T00:00:00Z","close_reason":"done","labels":["x","y"],)"
    R"("dependencies":[{"issue_id":"bd-1","depends_on_id":"bd-0","type":"blocks",)"
    R"("created_at":"2025-12-13T10:00:00Z","created_by":"me"},)"
    R"({"issue_id":"bd-1","depends_on_id":"bd-9","type":"parent-child"},)"
    R"({"issue_id":"bd-1","depends_on_id":"bd-8","type":"discovered-from"}],)"
    R"("comments":[{"id":7,"issue_id":"bd-1","author":"you","text":"hm","created_at":"2025-12-13T10:00:00Z"}]})";

TEST(Beads, FillsTheFieldsOfATask) {
  const Imported issue(kFull);
  const auto task = issue.reader();
  EXPECT_EQ(issue.extra(), "");
  EXPECT_EQ(issue.back(), parse(kFull));
  EXPECT_EQ(task.getOrigin(), schema::Origin::BEADS);
  EXPECT_EQ(task.getStatus(), TaskStatus::COMPLETED);
  EXPECT_EQ(task.getPriority(), schema::Priority::CRITICAL);
  EXPECT_EQ(task.getStatusDetail().getReason(), "done");
  EXPECT_NE(task.getStatusDetail().getAtForm(), 0U);
  EXPECT_EQ(task.getDetails(), "d");
  EXPECT_EQ(task.getAcceptance(), "a");
  EXPECT_EQ(task.getKind(), "bug");
  EXPECT_EQ(task.getEstimatedNanos(), 5'400'000'000'000);
  EXPECT_EQ(task.getRank(), 0);
  EXPECT_EQ(task.getParent(), "bd-9");
  ASSERT_EQ(task.getDependencies().size(), 3U);
  EXPECT_EQ(task.getDependencies()[0].getType(), DependencyType::PREREQUISITE);
  EXPECT_FALSE(task.getDependencies()[0].hasLabel());
  EXPECT_EQ(task.getDependencies()[1].getType(), DependencyType::PARENT);
  EXPECT_EQ(task.getDependencies()[2].getType(), DependencyType::RELATED);
  EXPECT_EQ(task.getDependencies()[2].getLabel(), "discovered-from");
  EXPECT_EQ(task.getComments()[0].getId(), "7");
}

TEST(Beads, MapsEveryStatusAndGivesItsWordBack) {
  const std::pair<std::string_view, TaskStatus> words[] = {
      {"open", TaskStatus::PENDING},       {"in_progress", TaskStatus::IN_PROGRESS},
      {"closed", TaskStatus::COMPLETED},   {"blocked", TaskStatus::BLOCKED},
      {"tombstone", TaskStatus::SKIPPED},  {"hooked", TaskStatus::IN_PROGRESS},
      {"pinned", TaskStatus::PENDING},     {"deferred", TaskStatus::BLOCKED},
      {"never heard", TaskStatus::PENDING}};
  for (const auto& [word, status] : words) {
    const Value issue = parse(R"({"id":"x","status":")" + std::string(word) + "\"}");
    const Imported imported(issue);
    EXPECT_EQ(imported.reader().getStatus(), status) << word;
    EXPECT_EQ(imported.back(), issue) << word;
  }
}

TEST(Beads, ATombstoneKeepsWhenAndWhyItWasDeleted) {
  const std::string text =
      R"({"id":"x","status":"tombstone","deleted_at":"2025-12-13T10:00:00Z","delete_reason":"dup"})";
  const Imported issue(text);
  EXPECT_EQ(issue.extra(), "");
  EXPECT_EQ(issue.reader().getStatusDetail().getReason(), "dup");
  EXPECT_EQ(issue.back(), parse(text));
}

TEST(Beads, TellsAbsentNullEmptyAndDefaultApart) {
  for (const std::string_view name :
       {"title", "description", "design", "status", "priority", "issue_type", "labels",
        "created_at", "dependencies", "comments", "closed_at", "estimated_minutes", "unknown"}) {
    for (const std::string_view content :
         {"", "null", "\"\"", "0", "[]", "{}", "false", "2.0", "[null]", "[{}]"}) {
      std::string text = R"({"id":"x")";
      if (!content.empty()) text += ",\"" + std::string(name) + "\":" + std::string(content);
      const Value issue = parse(text + "}");
      EXPECT_EQ(Imported(issue).back(), issue) << to_text(issue);
    }
  }
}

TEST(Beads, AnEstimateNoDurationCanHoldStaysBesideTheRecord) {
  // The first two are the largest that fit; multiplied by the nanoseconds of a minute, the others
  // overflow.
  for (const std::string_view minutes :
       {"153722867", "-153722867", "153722868", "2147483647", "-2147483648", "9223372036854775807",
        "-9223372036854775808", "9223372036854775808"}) {
    const Value issue = parse(R"({"id":"x","estimated_minutes":)" + std::string(minutes) + "}");
    const Imported imported(issue);
    const bool fits = minutes.ends_with("153722867");
    EXPECT_EQ(imported.reader().getEstimatedNanos() != 0, fits) << minutes;
    EXPECT_EQ(imported.back(), issue) << minutes;
  }
}

TEST(Beads, PassesOverEdgesOfOtherIssues) {
  const Value issue = parse(
      R"({"id":"x","dependencies":[{"issue_id":"other","depends_on_id":"y","type":"parent-child"},)"
      R"({"depends_on_id":5},null,{"depends_on_id":"z","type":"blocks"}]})");
  const Imported imported(issue);
  EXPECT_EQ(imported.reader().getDependencies().size(), 1U);
  EXPECT_FALSE(imported.reader().hasParent());
  EXPECT_EQ(imported.back(), issue);
}

TEST(Beads, AnEditedTaskIsWrittenAsEdited) {
  Imported issue(
      R"({"id":"x","title":"t","status":"hooked","created_by":"me","dependencies":)"
      R"([{"issue_id":"x","depends_on_id":"p","type":"parent-child","metadata":"{}"}]})");
  issue.task.setStatus(TaskStatus::COMPLETED);
  EXPECT_EQ(
      issue.back(),
      parse(R"({"id":"x","title":"t","status":"closed","created_by":"me","dependencies":)"
            R"([{"issue_id":"x","depends_on_id":"p","type":"parent-child","metadata":"{}"}]})"));
  issue.task.setParent("q");
  EXPECT_EQ(issue.back().find("dependencies")->items()[0],
            parse(R"({"issue_id":"x","depends_on_id":"q","type":"parent-child"})"));
  issue.task.disownParent();
  EXPECT_TRUE(issue.back().find("dependencies")->items().empty());
}

TEST(Beads, WritesATaskOfOurOwnAsAnIssueBeadsUnderstands) {
  capnp::MallocMessageBuilder message;
  auto task = message.initRoot<schema::Task>();
  task.setTitle("t");
  task.setStatus(TaskStatus::SKIPPED);
  task.initStatusDetail().setReason("no need");
  task.setParent("p");
  task.setExtra(R"({"=unknown":1})");
  EXPECT_EQ(
      task_to_issue("k", task.asReader()),
      parse(
          R"({"id":"k","title":"t","status":"closed","close_reason":"no need","priority":2,)"
          R"("issue_type":"task","dependencies":[{"issue_id":"k","depends_on_id":"p","type":"parent-child"}]})"));
  task.setStatus(TaskStatus::FAILED);
  EXPECT_EQ(task_to_issue("k", task.asReader()).find("status")->text(), "blocked");
}

// An issue with a list of `count` elements, and the task's size once its large texts have left it.
std::string with_list(std::string_view name, std::string_view element, std::size_t count) {
  std::string text = R"({"id":"bd-1","title":"t",")" + std::string(name) + "\":[";
  for (std::size_t i = 0; i < count; ++i) (text += i == 0 ? "" : ",") += element;
  return text + "]}";
}

TEST(Beads, AListOfAnyLengthFitsTheRecordAndComesBack) {
  const std::string comment = R"({"id":1,"issue_id":"bd-1","author":"a","text":")";
  const std::string edge = R"({"issue_id":"bd-1","depends_on_id":"bd-2","type":"blocks"})";
  for (const std::string& text :
       {with_list("comments", comment + std::string(3000, 'x') + "\"}", 100),
        with_list("comments", comment + "x\"}", 20'000),
        with_list("comments", comment + std::string(5000, 'x') + "\"}", 3000),
        with_list("dependencies", edge, 20'000), with_list("labels", "\"urgent\"", 20'000)}) {
    const Imported imported(text);
    const std::size_t bytes = imported.reader().totalSize().wordCount * sizeof(capnp::word);
    std::size_t large_bytes = imported.extra().size();
    for (const auto c : imported.reader().getComments()) {
      if (c.getText().size() > format::kInlineBytes) large_bytes += c.getText().size();
    }
    EXPECT_LT(bytes - large_bytes, format::kMaxRecordBytes / 2) << text.substr(0, 100);
    EXPECT_TRUE(imported.back() == parse(text)) << text.substr(0, 100);
  }
}

TEST(Beads, TheParentIsKnownAlsoBehindMoreEdgesThanFit) {
  std::string text = with_list(
      "dependencies", R"({"issue_id":"bd-1","depends_on_id":"bd-2","type":"blocks"})", 20'000);
  text.insert(text.size() - 2,
              R"(,{"issue_id":"bd-1","depends_on_id":"bd-0","type":"parent-child"})");
  const Imported imported(text);
  EXPECT_EQ(std::string(view(imported.reader().getParent())), "bd-0");
  EXPECT_TRUE(imported.back() == parse(text));
}

TEST(Beads, RefusesWhatIsNoIssue) {
  const auto refusal = [](std::string_view text) -> std::string {
    try {
      (void)Imported(text);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kBadSource);
      return error.message();
    }
    return "accepted";
  };
  EXPECT_EQ(refusal("[]"), "an issue must be a JSON object");
  EXPECT_EQ(refusal("{}"), "the issue has no \"id\"");
  EXPECT_EQ(refusal(R"({"id":5})"), "the issue's \"id\" must be a text, not 5");
  EXPECT_EQ(refusal(R"({"id":""})"), "the issue's \"id\" is empty");
  EXPECT_EQ(refusal(R"({"id":"a\u0000b"})"), "the issue's \"id\" has a NUL in it: \"a\\u0000b\"");
  EXPECT_TRUE(refusal(R"({"id":")" + std::string(4097, 'x') + "\"}")
                  .starts_with("the issue's \"id\" is longer than 4096 bytes"));
  EXPECT_EQ(refusal(R"({"id":")" + std::string(4096, 'x') + "\"}"), "accepted");
}

TEST(Beads, RefusesToWriteATaskWhoseExtraIsNoPatch) {
  Imported issue(R"({"id":"x"})");
  issue.task.setExtra("{");
  try {
    (void)issue.back();
    FAIL() << "written";
  } catch (const Error& error) {
    EXPECT_TRUE(error.message().starts_with("task \"x\": the record's `extra` is no patch: "))
        << error.message();
  }
}

class BeadsData : public ::testing::TestWithParam<const char*> {};

TEST_P(BeadsData, EveryIssueComesBack) {
  const std::string path = std::string(SESSIONTOOL_SHARED_DATA) + "/beads/" + GetParam();
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no " << path;
  LineReader lines = LineReader::open(path);
  std::size_t issues = 0;
  std::size_t with_extra = 0;
  std::size_t extra_bytes = 0;
  while (const auto line = lines.next()) {
    const Value issue = parse(line->text, {.first_line = line->number});
    const Imported imported(issue);
    ASSERT_EQ(imported.back(), issue) << "line " << line->number;
    // And by way of our own JSON.
    const Value own = record_to_json<schema::Task>(imported.reader());
    capnp::MallocMessageBuilder message;
    auto task = message.initRoot<schema::Task>();
    record_from_json<schema::Task>(own, task);
    ASSERT_EQ(task_to_issue(imported.key, task.asReader()), issue) << "line " << line->number;
    ++issues;
    with_extra += imported.extra().empty() ? 0 : 1;
    extra_bytes += imported.extra().size();
  }
  EXPECT_GT(issues, 0U);
  std::cout << issues << " issues, " << with_extra << " with extra, " << extra_bytes / issues
            << " bytes of it on average\n";
}

INSTANTIATE_TEST_SUITE_P(Files, BeadsData,
                         ::testing::Values("beads-latest.jsonl", "beads-clean.jsonl"),
                         [](const auto& file) {
                           return std::string(file.param) == "beads-clean.jsonl" ? "Clean"
                                                                                 : "Latest";
                         });

TEST(BeadsProperty, AMutatedIssueComesBack) {
  test::RandomJson random(test::random_seed());
  random.use_names({"id", "title", "status", "priority", "issue_type", "created_at", "closed_at",
                    "close_reason", "deleted_at", "dependencies", "comments", "labels", "issue_id",
                    "depends_on_id", "type", "author", "metadata", "estimated_minutes"});
  const Value full = parse(kFull);
  std::size_t tried = 0;
  for (int i = 0; i < 4000; ++i) {
    Value issue = random.mutated(full);
    if (random.chance(0.3)) issue = random.mutated(std::move(issue));
    if (!get_text(issue, "id") || get_text(issue, "id")->empty() ||
        get_text(issue, "id")->find('\0') != std::string_view::npos) {
      continue;
    }
    ++tried;
    const Value back = Imported(issue).back();
    ASSERT_EQ(back, issue) << "case " << i << "\n" << to_text(issue) << "\n" << to_text(back);
  }
  EXPECT_GT(tried, 2000U);
}

}  // namespace
}  // namespace session::convert
