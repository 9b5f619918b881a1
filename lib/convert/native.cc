// Our own JSON. `json` is one document, `{"schema", "session": {key: record, ...}, "tasks": ...}`
// with one record a line, so that a text diff of two exports reads well; `jsonl` is one
// `{"table", "key", "record"}` a line, which is also what `apply` takes. Both hold the content
// tables and nothing else: two sessions with equal content give equal text.

#include <capnp/dynamic.h>
#include <capnp/message.h>

#include <istream>
#include <ostream>

#include "lib/convert/converter.h"
#include "lib/convert/line_reader.h"
#include "lib/convert/record_json.h"
#include "lib/convert/text_fields.h"
#include "lib/io/read_whole.h"
#include "session/convert.h"

namespace session::convert {
namespace {

constexpr std::string_view kSchema = "sessiontool.session/1";
// The records of a document stand below the document and its tables.
constexpr std::size_t kDocumentDepth = json::kMaxOwnJsonDepth + 4;

std::optional<Table> content_table(std::string_view name) {
  const auto table = table_from_name(name);
  return table && is_content(*table) ? table : std::nullopt;
}

[[noreturn]] void bad(const std::string& what) {
  throw Error(ErrorCode::kBadSource, what);
}

std::string table_names() {
  std::string names;
  for (const Table table : kContentTables) {
    names += (names.empty() ? "" : ", ") + std::string(table_name(table));
  }
  return names;
}

// `use(record)` with the record that `value` describes.
template <class Use>
void with_record(Table table, const json::Value& value, Use use) {
  capnp::MallocMessageBuilder message;
  auto record = message.initRoot<capnp::DynamicStruct>(table_schema(table));
  record_from_json(table, value, record);
  use(message.getRoot<capnp::AnyPointer>().asReader().getAs<capnp::AnyStruct>());
}

class JsonConverter : public Converter {
 public:
  [[nodiscard]] SourceFormat format() const override { return SourceFormat::kJson; }
  [[nodiscard]] schema::Origin origin() const override { return schema::Origin::NATIVE; }

  [[nodiscard]] bool recognises(const Probe& source) const override {
    constexpr std::size_t kNear = 200;
    return source.head.substr(0, kNear).find(kSchema) != std::string::npos;
  }

  void read(const std::string& path, ImportContext& into) const override {
    const std::string text = io::read_whole(path);
    const json::Value document = json::parse(text, {.max_depth = kDocumentDepth});
    if (!document.is_object()) bad("line 1, column 1: a session is a JSON object");
    for (const json::Member& member : document.members()) {
      if (member.name() == "schema") {
        check_schema(member.value);
        continue;
      }
      const auto table = content_table(member.name());
      if (!table) {
        bad("unknown table " + json::quote(member.name()) + "; known are " + table_names());
      }
      if (!member.value.is_object()) {
        bad("table " + json::quote(member.name()) + " must be an object of records by key");
      }
      for (const json::Member& record : member.value.members()) {
        with_record(*table, record.value,
                    [&](AnyRecord any) { into.put_any(*table, record.name(), any); });
      }
    }
    into.progress(text.size());
    into.erase_missing({kContentTables.begin(), kContentTables.end()});
  }

  void write(ExportContext& out) const override {
    out.out() << "{\n\"schema\":" << json::to_text(json::Value::string(kSchema));
    for (const Table table : kContentTables) {
      if (out.snapshot().count(table) == 0) continue;
      out.out() << ",\n\"" << table_name(table) << "\":{";
      bool first = true;
      out.each(table, [&](std::string_view key, AnyRecord record) {
        out.out() << (first ? "\n" : ",\n") << json::to_text(json::Value::string(key)) << ':'
                  << record_as_json(table, record);
        first = false;
      });
      out.out() << "\n}";
    }
    out.out() << "\n}\n";
  }

 private:
  static void check_schema(const json::Value& value) {
    if (value.is_string() && value.text() == kSchema) return;
    bad("the schema is not " + std::string(kSchema) +
        "; a newer sessiontool may be able to read it");
  }
};

struct Operation {
  Table table = Table::kTasks;
  std::string key;
  const json::Value* record = nullptr;  // null: erase
};

Operation read_operation(const json::Value& line, bool may_delete) {
  if (!line.is_object()) bad("expected an object {\"table\", \"key\", \"record\"}");
  const auto name = get_text(line, "table");
  const auto key = get_text(line, "key");
  if (!name) bad("\"table\" is missing");
  if (!key || key->empty()) bad("\"key\" is missing or empty");
  const auto table = content_table(*name);
  if (!table) bad("unknown table " + json::quote(*name) + "; known are " + table_names());
  Operation operation{*table, std::string(*key), line.find("record")};
  const json::Value* erase = line.find("delete");
  const bool is_delete = erase != nullptr && erase->is_bool() && erase->as_bool();
  for (const json::Member& member : line.members()) {
    const auto& n = member.name();
    if (n != "table" && n != "key" && n != "record" && (n != "delete" || !may_delete)) {
      bad("unknown member " + json::quote(n));
    }
  }
  if (erase != nullptr && !is_delete) bad("\"delete\" must be true");
  if (is_delete == (operation.record != nullptr)) {
    bad(may_delete ? "either \"record\" or \"delete\": true is expected" : "\"record\" is missing");
  }
  return operation;
}

class JsonlConverter : public Converter {
 public:
  [[nodiscard]] SourceFormat format() const override { return SourceFormat::kJsonl; }
  [[nodiscard]] schema::Origin origin() const override { return schema::Origin::NATIVE; }

  [[nodiscard]] bool recognises(const Probe& source) const override {
    return source.first_line && get_text(*source.first_line, "table") &&
           get_text(*source.first_line, "key");
  }

  void read(const std::string& path, ImportContext& into) const override {
    const auto put = [&](const json::Value& value, std::uint64_t line) {
      const Operation operation = read_operation(value, false);
      with_record(operation.table, *operation.record, [&](AnyRecord record) {
        into.put_any(operation.table, operation.key, record, line);
      });
    };
    into.each_line(path, put, kDocumentDepth);
    into.erase_missing({kContentTables.begin(), kContentTables.end()});
  }

  void write(ExportContext& out) const override {
    for (const Table table : kContentTables) {
      out.each(table, [&](std::string_view key, AnyRecord record) {
        out.out() << "{\"table\":\"" << table_name(table)
                  << "\",\"key\":" << json::to_text(json::Value::string(key))
                  << ",\"record\":" << record_as_json(table, record) << "}\n";
      });
    }
  }
};

}  // namespace

std::unique_ptr<Converter> make_json_converter() {
  return std::make_unique<JsonConverter>();
}
std::unique_ptr<Converter> make_jsonl_converter() {
  return std::make_unique<JsonlConverter>();
}

}  // namespace session::convert

namespace session {

using namespace convert;

std::string record_as_json(Table table, AnyRecord record) {
  return json::to_text(record_to_json(table, record.as<capnp::DynamicStruct>(table_schema(table))));
}

std::string record_as_pretty_json(Table table, AnyRecord record) {
  return json::to_pretty_text(
      record_to_json(table, record.as<capnp::DynamicStruct>(table_schema(table))));
}

ApplyReport apply_operations(Transaction& transaction, std::istream& operations,
                             const std::string& source_name) {
  ApplyReport report;
  LineReader lines(operations, source_name);
  const auto apply = [&](const json::Value& line) {
    const Operation operation = read_operation(line, true);
    if (operation.record == nullptr) {
      if (transaction.erase(operation.table, operation.key)) ++report.erases;
      return;
    }
    with_record(operation.table, *operation.record, [&](AnyRecord record) {
      if (transaction.upsert_if_different(operation.table, operation.key, record)) {
        ++report.upserts;
      }
    });
  };
  at_source(source_name, [&] {
    const auto apply_line = [&](const json::Value& line, std::uint64_t) {
      try {
        apply(line);
      } catch (const Error& error) {
        // A key or record beyond the limits is the source's fault.
        const bool is_source =
            error.code() == ErrorCode::kLimit || error.code() == ErrorCode::kUsage;
        if (!is_source) throw;
        throw Error(ErrorCode::kBadSource, error.message());
      }
    };
    (void)each_json_line(lines, {.max_depth = kDocumentDepth}, apply_line);
  });
  return report;
}

}  // namespace session
