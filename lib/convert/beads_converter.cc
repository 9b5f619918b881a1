// The issue tracker beads: `issues.jsonl`, one issue a line (lib/convert/beads.h has the mapping).
// Lines are written in the order of their ids, as beads itself does; their order is not content.

#include <capnp/message.h>

#include <ostream>

#include "lib/convert/beads.h"
#include "lib/convert/converter.h"
#include "lib/convert/text_fields.h"

namespace session::convert {
namespace {

class BeadsConverter : public Converter {
 public:
  [[nodiscard]] SourceFormat format() const override { return SourceFormat::kBeads; }
  [[nodiscard]] schema::Origin origin() const override { return schema::Origin::BEADS; }

  [[nodiscard]] bool recognises(const Probe& source) const override {
    if (!source.first_line || !source.first_line->is_object()) return false;
    const json::Value& issue = *source.first_line;
    return get_text(issue, "id") && get_text(issue, "title") &&
           (issue.find("issue_type") != nullptr || issue.find("created_at") != nullptr ||
            issue.find("status") != nullptr);
  }

  void read(const std::string& path, ImportContext& into) const override {
    into.each_line(path, [&](const json::Value& issue, std::uint64_t line) {
      capnp::MallocMessageBuilder message;
      auto task = message.initRoot<schema::Task>();
      issue_to_task(issue, task);
      into.put(*get_text(issue, "id"), task.asReader(), line);
    });
    into.erase_missing({Table::kTasks});
  }

  void write(ExportContext& out) const override {
    out.each(Table::kTasks, [&](std::string_view key, AnyRecord record) {
      out.out() << json::to_text(task_to_issue(key, record.as<schema::Task>())) << '\n';
    });
    for (const Table table : kContentTables) {
      const std::uint64_t left_out = table == Table::kTasks ? 0 : out.snapshot().count(table);
      if (left_out == 0) continue;
      out.warn("beads has no place for " + std::to_string(left_out) + " records of table " +
               std::string(table_name(table)));
    }
  }
};

}  // namespace

std::unique_ptr<Converter> make_beads_converter() {
  return std::make_unique<BeadsConverter>();
}

}  // namespace session::convert
