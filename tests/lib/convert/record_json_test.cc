#include "lib/convert/record_json.h"

#include <capnp/message.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "lib/convert/record_plan.h"
#include "lib/convert/residual.h"
#include "lib/convert/text_fields.h"
#include "session/error.h"
#include "tests/support/random_json.h"
#include "tests/support/seed.h"

namespace session::convert {
namespace {

using json::parse;
using json::to_text;
using json::Value;

template <class Record>
class Made {
 public:
  Made() : record(message_.initRoot<Record>()) {}
  explicit Made(std::string_view text) : Made() { record_from_json<Record>(parse(text), record); }
  [[nodiscard]] typename Record::Reader reader() const { return record.asReader(); }
  [[nodiscard]] std::string text() const { return to_text(record_to_json<Record>(reader())); }
  [[nodiscard]] std::string extra() const {
    return reader().hasExtra() ? std::string(view(reader().getExtra())) : "none";
  }

 private:
  capnp::MallocMessageBuilder message_;

 public:
  typename Record::Builder record;
};

TEST(RecordJson, NamesFieldsAndEnumerantsInSnakeCase) {
  Made<schema::Task> task;
  task.record.setTitle("t");
  task.record.setStatus(schema::TaskStatus::IN_PROGRESS);
  task.record.setCreatedAt(1'500'000'000);
  task.record.setCreatedAtForm(1U | 1U << 1);
  task.record.setEstimatedNanos(-5);
  task.record.initStatusDetail().initResult().setKind(schema::TaskResult::Kind::PARTIAL);
  EXPECT_EQ(task.text(),
            R"({"title":"t","status":"in_progress","created_at":"1970-01-01T00:00:01.5Z",)"
            R"("status_detail":{"result":{"kind":"partial"}},"estimated_nanos":-5})");
}

TEST(RecordJson, LeavesOutWhatIsAbsentZeroOrUnset) {
  EXPECT_EQ(Made<schema::Message>().text(), "{}");
  EXPECT_EQ(Made<schema::Task>().text(), R"({"status":"pending"})");
  EXPECT_EQ(Made<schema::Event>().text(), R"({"severity":"info"})");
  Made<schema::Task> task;
  task.record.setTitle("");
  task.record.initTags(0);
  task.record.initStatusDetail();
  EXPECT_EQ(task.text(), R"({"title":"","status":"pending","status_detail":{},"tags":[]})");
}

TEST(RecordJson, ReadsEveryKindOfField) {
  const std::string text = R"({"kind":"c","severity":"error","text":"\u0000é"})";
  EXPECT_EQ(parse(Made<schema::Event>(text).text()), parse(text));
  EXPECT_EQ(Made<schema::Event>(text).extra(), "none");

  const std::string checkpoint =
      R"({"revision":18446744073709551615,"time":"2025-12-13T10:00:00.120-08:00","trigger":"bound",)"
      R"("is_automatic":true,"amount":0.1,"tags":["a",""],"origin":"aca"})";
  EXPECT_EQ(Made<schema::Checkpoint>(checkpoint).text(), checkpoint);
  EXPECT_EQ(Made<schema::Checkpoint>(checkpoint).extra(), "none");

  const std::string value = R"({"bytes":"AAEC/w==","media_type":"x"})";
  EXPECT_EQ(Made<schema::Value>(value).text(), value);
  EXPECT_EQ(Made<schema::Value>(value).reader().getBytes().size(), 4U);
  EXPECT_EQ(Made<schema::Value>(R"({"bytes":""})").extra(), "none");

  const std::string message =
      R"({"role":"tool","blocks":[{"kind":"tool_call","is_error":true,"input":"{\"a\": 1}"},{"kind":"text"}]})";
  EXPECT_EQ(parse(Made<schema::Message>(message).text()), parse(message));
  EXPECT_EQ(Made<schema::Message>(message).extra(), "none");
}

TEST(RecordJson, ShowsPropertiesAsAnObjectWhereThatIsExact) {
  Made<schema::SessionRecord> record(
      R"({"metadata":{"properties":{"a":[1.0,null],"b":"x"}},"context":{"environment":{"PATH":"/bin"}}})");
  EXPECT_EQ(record.extra(), "none");
  const auto properties = record.reader().getMetadata().getProperties();
  EXPECT_EQ(properties[0].getValue(), "[1.0,null]");
  EXPECT_EQ(properties[1].getValue(), "\"x\"");
  EXPECT_EQ(record.reader().getContext().getEnvironment()[0].getValue(), "/bin");
  EXPECT_EQ(
      record.text(),
      R"({"metadata":{"properties":{"a":[1.0,null],"b":"x"}},"context":{"environment":{"PATH":"/bin"}}})");

  Made<schema::SessionRecord> odd;
  auto list = odd.record.initMetadata().initProperties(1);
  list[0].setName("a");
  list[0].setValue("{ }");
  EXPECT_EQ(odd.text(), R"({"metadata":{"properties":[{"name":"a","value":"{ }"}]}})");
  list[0].setValue("not json");
  EXPECT_EQ(odd.text(), R"({"metadata":{"properties":[{"name":"a","value":"not json"}]}})");
  auto twice = odd.record.initContext().initEnvironment(2);
  for (auto property : twice) {
    property.setName("same");
    property.setValue("1");
  }
  EXPECT_TRUE(odd.text().ends_with(
      R"("context":{"environment":[{"name":"same","value":"1"},{"name":"same","value":"1"}]}})"));
}

TEST(RecordJson, KeepsWhatFitsNoFieldInExtra) {
  for (const std::string_view text :
       {R"({"title":5,"status":"pending"})", R"({"status":"pending","rank":1.0})",
        R"({"status":"pending","rank":9223372036854775808})", R"({"status":"odd"})", "{}",
        R"({"status":"pending","priority":"unset"})", R"({"status":"pending","rank":0})",
        R"({"status":"pending","created_at":"yesterday"})", R"({"status":"pending","title":null})",
        R"({"status":"pending","tags":["a",1,"b"]})", R"({"status":"pending","extra":{"=x":1}})",
        R"({"status":"pending","blobs":[{"path":"x"}]})",
        R"({"status":"pending","origin":"native"})", R"({"status":"pending","plan":[]})"}) {
    const Made<schema::Task> task(text);
    EXPECT_EQ(parse(task.text()), parse(text));
    EXPECT_NE(task.extra(), "none") << text;
    EXPECT_FALSE(task.reader().hasBlobs());
  }
  EXPECT_EQ(Made<schema::Task>(R"({"status":"pending","unknown":1})").extra(), R"({"=unknown":1})");
  EXPECT_EQ(Made<schema::Value>(R"({"bytes":"AAEC/w"})").text(), R"({"bytes":"AAEC/w"})");
  EXPECT_EQ(Made<schema::Task>(R"({"tags":["a",1,"b"]})").reader().getTags().size(), 2U);
}

TEST(RecordJson, AnEditWinsOverWhatWasKept) {
  Made<schema::Task> task(R"({"status":"odd","rank":0,"unknown":[1]})");
  task.record.setStatus(schema::TaskStatus::COMPLETED);
  task.record.setRank(7);
  EXPECT_EQ(parse(task.text()), parse(R"({"status":"completed","rank":7,"unknown":[1]})"));
}

TEST(RecordJson, ShowsTheSourcesPatchOfAnImportedRecord) {
  Made<schema::Task> task;
  task.record.setOrigin(schema::Origin::BEADS);
  task.record.setExtra(R"({"=x":1})");
  const std::string shown = R"({"status":"pending","origin":"beads","extra":{"=x":1}})";
  EXPECT_EQ(task.text(), shown);
  const Made<schema::Task> again(shown);
  EXPECT_EQ(again.extra(), R"({"=x":1})");
  const Made<schema::Task> more(
      R"({"status":"pending","origin":"beads","extra":{"=x":1},"new":2})");
  EXPECT_EQ(more.extra(), R"({"=x":1,"$":{"=new":2}})");
  EXPECT_EQ(parse(more.text()),
            parse(R"({"status":"pending","origin":"beads","extra":{"=x":1},"new":2})"));
  EXPECT_EQ(to_text(merge(Value::object(), parse_patch(more.extra()))), R"({"x":1})");
}

TEST(RecordJson, AnExtraThatIsNoPatchIsShownAsText) {
  for (const auto origin : {schema::Origin::NATIVE, schema::Origin::BEADS}) {
    for (const std::string_view extra : {"", "no json", "[]", R"({"x":1})", R"({"!":5})"}) {
      Made<schema::Task> task;
      task.record.setOrigin(origin);
      set_text(extra, task.record, &schema::Task::Builder::initExtra);
      const Value shown = parse(task.text());
      ASSERT_NE(shown.find("extra"), nullptr) << extra;
      const Made<schema::Task> again(task.text());
      EXPECT_EQ(parse(again.text()), shown);
    }
  }
}

TEST(RecordJson, RefusesWhatIsNoRecord) {
  EXPECT_THROW(Made<schema::Task>("[]"), Error);
  EXPECT_THROW(Made<schema::Task>("null"), Error);
  capnp::MallocMessageBuilder message;
  EXPECT_THROW(
      record_from_json(Table::kBlobs, Value::object(),
                       message.initRoot<capnp::DynamicStruct>(table_schema(Table::kBlobs))),
      Error);
}

TEST(RecordJson, ShowsDerivedTables) {
  capnp::MallocMessageBuilder message;
  auto revision = message.initRoot<schema::Revision>();
  revision.setOffset(64);
  revision.setTime(5);
  revision.setKind(1);
  EXPECT_EQ(to_text(record_to_json<schema::Revision>(revision)),
            R"({"offset":64,"time":5,"kind":1})");
}

void collect_names(const StructPlan& plan, std::set<std::string>& names) {
  for (const FieldPlan& field : plan.fields) {
    names.insert(field.name);
    if (field.inner != nullptr) collect_names(*field.inner, names);
  }
}

// Objects whose members often have the right name and kind, at every depth.
class RandomRecord {
 public:
  explicit RandomRecord(std::uint64_t seed) : random_(seed) {}

  Value of(const StructPlan& plan) {
    std::set<std::string> names;
    collect_names(plan, names);
    random_.use_names({names.begin(), names.end()});
    Value result = fitting(plan);
    if (random_.chance(0.7)) result = random_.mutated(std::move(result));
    if (!result.is_object()) result = random_.object();
    return result;
  }

 private:
  Value fitting(const StructPlan& plan) {
    Value result = Value::object();
    for (const FieldPlan& field : plan.fields) {
      if (random_.chance(0.4))
        result.add(field.name, random_.chance(0.8) ? content(field) : random_.value(2));
    }
    return result;
  }

  Value content(const FieldPlan& field) {
    switch (field.shape) {
      case Shape::kBool:
        return Value::boolean(random_.chance(0.7));
      case Shape::kInteger:
      case Shape::kReal:
        return Value::number(random_.lexeme());
      case Shape::kEnum:
        return Value::string(random_.one_of(field.enumerants));
      case Shape::kTime:
        return Value::string("2025-12-13T10:00:00.120-08:00");
      case Shape::kStruct:
        return fitting(*field.inner);
      case Shape::kTexts:
      case Shape::kStructs: {
        Value list = Value::array();
        for (std::size_t i = random_.below(4); i > 0; --i) {
          list.items().push_back(field.shape == Shape::kTexts ? Value::string(random_.text())
                                                              : fitting(*field.inner));
        }
        return list;
      }
      case Shape::kProperties:
        return random_.object(2);
      case Shape::kExtra: {
        Value patch = Value::object();
        if (random_.chance(0.5)) patch.add("=" + random_.name(), random_.value(2));
        return patch;
      }
      default:
        return Value::string(random_.text());
    }
  }

  test::RandomJson random_;
};

TEST(RecordJsonProperty, AnyObjectComesBackFromAnyTable) {
  RandomRecord random(test::random_seed());
  for (const Table table : kAllTables) {
    const StructPlan& plan = plan_of(table_schema(table));
    if (plan.extra == nullptr) continue;
    for (int i = 0; i < 400; ++i) {
      const Value value = random.of(plan);
      capnp::MallocMessageBuilder message;
      auto record = message.initRoot<capnp::DynamicStruct>(table_schema(table));
      record_from_json(table, value, record);
      const Value back = record_to_json(table, record.asReader());
      ASSERT_EQ(back, value) << table_name(table) << " case " << i << "\n"
                             << to_text(value) << "\n"
                             << to_text(back);
    }
  }
}

TEST(RecordJsonProperty, ARecordComesBackFromItsJson) {
  RandomRecord random(test::random_seed());
  for (const Table table : kAllTables) {
    const StructPlan& plan = plan_of(table_schema(table));
    if (plan.extra == nullptr) continue;
    for (int i = 0; i < 200; ++i) {
      capnp::MallocMessageBuilder message;
      auto record = message.initRoot<capnp::DynamicStruct>(table_schema(table));
      record_from_json(table, random.of(plan), record);
      const Value shown = record_to_json(table, record.asReader());
      capnp::MallocMessageBuilder second;
      auto again = second.initRoot<capnp::DynamicStruct>(table_schema(table));
      record_from_json(table, shown, again);
      ASSERT_EQ(record_to_json(table, again.asReader()), shown);
      const auto bytes = record.asReader().as<capnp::AnyStruct>().canonicalize();
      const auto again_bytes = again.asReader().as<capnp::AnyStruct>().canonicalize();
      ASSERT_TRUE(bytes.asBytes() == again_bytes.asBytes()) << to_text(shown);
    }
  }
}

}  // namespace
}  // namespace session::convert
