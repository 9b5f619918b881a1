#include "lib/operations/erasure.h"

#include <span>

#include "format/checksum.h"
#include "lib/convert/time_text.h"

namespace session {

RecordName parse_record_name(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto table = table_from_name(text.substr(0, slash));
  if (slash == std::string_view::npos || slash + 1 == text.size() || !table ||
      !is_content(*table)) {
    throw Error(ErrorCode::kUsage,
                "\"" + std::string(text) +
                    "\" names no record: expected TABLE/KEY, TABLE being session, tasks, "
                    "executions, messages, files, events or values");
  }
  return {*table, std::string(text.substr(slash + 1))};
}

namespace operations {

std::string marker_text(Table table, std::string_view key) {
  std::string name(table_name(table));
  name += '/';
  name += key;
  return std::string(table_name(table)) +
         " sha256:" + to_hex(format::sha256(std::as_bytes(std::span(name))));
}

std::vector<std::string> erased_names(schema::Recovery::Reader recovery) {
  std::vector<std::string> names;
  if (store::to_string(recovery.getReason()) != kErasedReason) return names;
  for (const auto name : recovery.getLost()) names.push_back(store::to_string(name));
  return names;
}

format::Record erasure_marker(const std::vector<RecordName>& names, const RevisionInfo& head,
                              std::int64_t time_nanos) {
  capnp::MallocMessageBuilder message;
  auto record = message.initRoot<schema::Recovery>();
  record.setTime(time_nanos);
  record.setTimeForm(convert::utc_form(time_nanos));
  record.setRecoveredTo(head.revision);
  record.setReason(std::string(kErasedReason).c_str());
  record.setMethod("compact --erase");
  auto lost = record.initLost(static_cast<std::uint32_t>(names.size()));
  for (std::uint32_t i = 0; i < names.size(); ++i) {
    lost.set(i, marker_text(names[i].table, names[i].key).c_str());
  }
  return format::Record::of(record.asReader());
}

void throw_left_behind(const std::string& parent, const std::string& child,
                       const RevisionInfo& revision) {
  throw Error(ErrorCode::kUsage, "the task \"" + parent + "\" has the child \"" + child +
                                     "\" in revision " + std::to_string(revision.revision) +
                                     ": name it with --erase as well, or move it first and drop "
                                     "the revisions in which it is still there");
}

}  // namespace operations
}  // namespace session
