#pragma once
// The parts of an aca state that are no list of records: metadata, context, counts.

#include <cstdint>
#include <string>
#include <vector>

#include "lib/convert/json.h"
#include "session/schema/record.capnp.h"

namespace session::convert::aca {

// What a state says about its tasks and files as a whole.
struct Summary {
  std::vector<std::uint64_t> tasks_by_status = std::vector<std::uint64_t>(6);  // as TaskStatus
  std::vector<std::string> roots;
  std::vector<std::string> workspace_files;
  std::vector<std::string> temporary_files;
  std::vector<std::string> created_directories;
};

// The document, its maps of tasks and tracked files empty.
[[nodiscard]] json::Value records_to_document(schema::SessionRecord::Reader metadata,
                                              schema::SessionRecord::Reader context,
                                              const Summary& summary);

// Fills empty records. `document` has neither tasks nor tracked files of its own any more.
void document_to_metadata(const json::Value& document, schema::SessionRecord::Builder record);
void document_to_context(const json::Value& document, schema::SessionRecord::Builder record);
// What the document says beyond all that, into `metadata`.
void set_document_extra(const json::Value& document, schema::SessionRecord::Reader context,
                        const Summary& summary, schema::SessionRecord::Builder metadata);

}  // namespace session::convert::aca
