#include "session/table.h"

#include <capnp/schema.h>

#include <string>

#include "session/error.h"

namespace session {
namespace {

struct TableInfo {
  Table table;
  std::string_view name;
  capnp::StructSchema schema;
};

template <class Record>
TableInfo info(std::string_view name) {
  return {kTableOf<Record>, name, capnp::Schema::from<Record>()};
}

const std::array<TableInfo, kAllTables.size()>& infos() {
  static const std::array<TableInfo, kAllTables.size()> all = {
      info<schema::SessionRecord>("session"),
      info<schema::Task>("tasks"),
      info<schema::Execution>("executions"),
      info<schema::Message>("messages"),
      info<schema::File>("files"),
      info<schema::Event>("events"),
      info<schema::Value>("values"),
      info<schema::Upkeep>("upkeep"),
      info<schema::Checkpoint>("checkpoints"),
      info<schema::Recovery>("recoveries"),
      info<schema::Child>("children"),
      info<schema::Blob>("blobs"),
      info<schema::Revision>("revisions")};
  return all;
}

const TableInfo& info_of(Table table) {
  for (const TableInfo& entry : infos()) {
    if (entry.table == table) return entry;
  }
  throw Error(ErrorCode::kInternal,
              "no table has number " + std::to_string(static_cast<unsigned>(table)));
}

}  // namespace

std::string_view table_name(Table table) {
  return info_of(table).name;
}

std::optional<Table> table_from_name(std::string_view name) {
  for (const TableInfo& entry : infos()) {
    if (entry.name == name) return entry.table;
  }
  return std::nullopt;
}

std::optional<Table> table_from_number(std::uint16_t number) {
  if (number == 0 || number >= kTableSlots) return std::nullopt;
  return static_cast<Table>(number);
}

capnp::StructSchema table_schema(Table table) {
  return info_of(table).schema;
}

}  // namespace session
