#pragma once
// The session's own record, its files and its events, for a person.

#include <string_view>

#include "cli/render/page.h"
#include "cli/render/table.h"
#include "session/schema/record.capnp.h"

namespace session::cli {

void write_metadata(Page& page, schema::Metadata::Reader metadata);
void write_context(Page& page, schema::ExecutionContext::Reader context);

[[nodiscard]] std::vector<Column> file_columns();
[[nodiscard]] std::vector<Cell> file_row(std::string_view path, schema::File::Reader file);

[[nodiscard]] std::vector<Column> event_columns();
[[nodiscard]] std::vector<Cell> event_row(schema::Event::Reader event);

}  // namespace session::cli
