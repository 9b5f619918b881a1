// Reads a session file and says what is in it, as the vectors' JSON does.

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

#include <capnp/dynamic.h>

#include "format/checksum.h"
#include "format/file_header.h"
#include "format/record.h"
#include "lib/convert/json.h"
#include "lib/convert/record_json.h"
#include "lib/io/file.h"
#include "lib/operations/parity_groups.h"
#include "session/reader.h"
#include "tests/support/vectors.h"

namespace session::test {
namespace {

namespace json = convert::json;
using format::Bytes;

json::Value text_value(std::string_view text) {
  return json::Value::string(text);
}

json::Value hex_value(Bytes bytes) {
  return text_value(format::hex(bytes));
}

json::Value records_of(const Snapshot& snapshot, Table table) {
  json::Value list = json::Value::array();
  for (Cursor cursor = snapshot.cursor(table); cursor.valid(); cursor.next()) {
    const format::Record record(cursor.record());
    json::Value entry = json::Value::object();
    entry.add("key", text_value(cursor.key()));
    entry.add("record", convert::record_to_json(
                            table, cursor.record().as<capnp::DynamicStruct>(table_schema(table))));
    entry.add("canonical", hex_value(record.bytes()));
    list.items().push_back(std::move(entry));
  }
  return list;
}

void add_children(const Snapshot& snapshot, const std::string& parent, json::Value& out) {
  const std::vector<ChildRef> children = snapshot.children(parent);
  if (children.empty()) return;
  json::Value keys = json::Value::array();
  for (const ChildRef& child : children) keys.items().push_back(text_value(child.key));
  out.add(parent, std::move(keys));
}

json::Value children_of(const Snapshot& snapshot) {
  json::Value all = json::Value::object();
  add_children(snapshot, "", all);
  for (const auto& task : snapshot.all<schema::Task>()) {
    add_children(snapshot, std::string(task.key()), all);
  }
  return all;
}

json::Value blobs_of(const Snapshot& snapshot) {
  json::Value list = json::Value::array();
  for (const auto& blob : snapshot.all<schema::Blob>()) {
    Digest digest{};
    std::copy_n(format::as_bytes(blob.key()).begin(), digest.size(), digest.begin());
    const std::vector<std::byte> content = snapshot.blob(digest);
    json::Value entry = json::Value::object();
    entry.add("sha256", hex_value(digest));
    entry.add("size_bytes", json::Value::natural(content.size()));
    entry.add("parts", json::Value::natural(blob->getParts().size()));
    entry.add("begins", text_value(format::as_text(content).substr(0, 16)));
    list.items().push_back(std::move(entry));
  }
  return list;
}

json::Value time_value(std::int64_t nanos) {
  return json::Value::integer(nanos);
}

json::Value revision_of(const Snapshot& snapshot) {
  static constexpr std::array kShown = {
      Table::kSession, Table::kTasks,  Table::kExecutions, Table::kMessages,    Table::kFiles,
      Table::kEvents,  Table::kValues, Table::kUpkeep,     Table::kCheckpoints, Table::kRecoveries};
  const RevisionInfo& info = snapshot.info();
  json::Value out = json::Value::object();
  out.add("revision", json::Value::natural(info.revision));
  out.add("parent", json::Value::natural(info.parent));
  out.add("kind", text_value(info.kind == CommitKind::kSnapshot ? "snapshot" : "delta"));
  out.add("time_nanos", time_value(info.time_nanos));
  out.add("offset", json::Value::natural(info.offset));
  out.add("message", text_value(info.message));
  out.add("checkpoint", info.checkpoint.empty() ? json::Value() : text_value(info.checkpoint));
  out.add("upserts", json::Value::natural(info.upserts));
  out.add("erases", json::Value::natural(info.erases));
  out.add("fingerprint", text_value(to_hex(snapshot.fingerprint())));
  json::Value tables = json::Value::object();
  for (const Table table : kShown) {
    if (snapshot.count(table) == 0) continue;
    tables.add(table_name(table), records_of(snapshot, table));
  }
  out.add("tables", std::move(tables));
  out.add("children", children_of(snapshot));
  if (snapshot.count(Table::kBlobs) != 0) out.add("blobs", blobs_of(snapshot));
  return out;
}

json::Value header_of(const std::string& bytes) {
  const auto header = value_or_throw(format::decode_file_header(format::as_bytes(bytes)));
  std::string tag;
  format::append_big_endian(tag, header.tag(), 8);
  json::Value out = json::Value::object();
  out.add("major", json::Value::natural(header.major));
  out.add("minor", json::Value::natural(header.minor));
  out.add("leaf_target_log2", json::Value::natural(header.leaf_target_log2));
  out.add("index_target_log2", json::Value::natural(header.index_target_log2));
  out.add("file_id", hex_value(header.file_id));
  out.add("created_nanos", time_value(header.created_nanos));
  out.add("file_tag", hex_value(format::as_bytes(tag)));
  return out;
}

json::Value head_of(const FileInfo& info) {
  json::Value out = json::Value::object();
  out.add("revision", json::Value::natural(info.head.revision));
  out.add("commit_offset", json::Value::natural(info.head.offset));
  out.add("end", json::Value::natural(info.head_end));
  out.add("sealed", json::Value::boolean(info.sealed));
  out.add("tail_bytes", json::Value::natural(info.tail_bytes));
  out.add("reserve_bytes", json::Value::natural(info.reserve_bytes));
  return out;
}

json::Value groups_of(const std::string& path) {
  const auto file = io::system_files().open(path, io::OpenMode::kRead);
  json::Value out = json::Value::array();
  for (const auto& group :
       operations::find_parity_groups(*file, operations::find_file_tag(*file).value())) {
    json::Value one = json::Value::object();
    one.add("begin", json::Value::natural(group.begin));
    one.add("end", json::Value::natural(group.end));
    one.add("parity_begin", json::Value::natural(group.parity_begin));
    one.add("parity_end", json::Value::natural(group.parity_end()));
    one.add("previous", json::Value::natural(group.previous));
    one.add("home", json::Value::natural(group.home));
    one.add("block_bytes", json::Value::natural(group.block_bytes()));
    one.add("stripes", json::Value::natural(group.stripes));
    one.add("width", json::Value::natural(group.width()));
    one.add("rows", json::Value::natural(group.rows));
    one.add("frames", json::Value::natural(group.frames()));
    out.items().push_back(std::move(one));
  }
  return out;
}

void describe_content(const std::string& path, const std::string& bytes, json::Value& out) {
  const Reader reader = Reader::open(path);
  const FileInfo info = reader.info();
  out.add("header", header_of(bytes));
  out.add("head", head_of(info));
  if (info.parity_bytes != 0) out.add("parity", groups_of(path));
  out.add("session_id", text_value(info.session_id));
  out.add("written_by", text_value(info.writer));
  std::vector<std::uint64_t> kept;
  reader.head().history([&](const RevisionInfo& revision) {
    kept.push_back(revision.revision);
    return true;
  });
  std::reverse(kept.begin(), kept.end());
  json::Value revisions = json::Value::array();
  for (const std::uint64_t revision : kept) {
    revisions.items().push_back(revision_of(reader.at(revision)));
  }
  out.add("revisions", std::move(revisions));
}

// The code of the error the file is refused with.
std::string refusal(const Vector& vector, const std::string& path) {
  try {
    (void)Reader::open(path);
  } catch (const Error& error) {
    for (const std::string_view word : vector.mentions) {
      if (error.message().find(word) == std::string::npos) {
        throw std::logic_error("\"" + error.message() + "\" does not mention " + std::string(word));
      }
    }
    return std::string(error_code_name(error.code()));
  }
  return "none";
}

}  // namespace

std::string describe_vector(const Vector& vector, const std::string& path) {
  const std::string bytes = read_whole_file(path);
  json::Value out = json::Value::object();
  out.add("vector", text_value(vector.name));
  out.add("about", text_value(vector.about));
  out.add("file_bytes", json::Value::natural(bytes.size()));
  if (vector.error.empty()) {
    describe_content(path, bytes, out);
  } else {
    json::Value error = json::Value::object();
    error.add("code", text_value(refusal(vector, path)));
    json::Value mentions = json::Value::array();
    for (const std::string_view word : vector.mentions)
      mentions.items().push_back(text_value(word));
    error.add("mentions", std::move(mentions));
    out.add("error", std::move(error));
  }
  return json::to_pretty_text(out) + "\n";
}

}  // namespace session::test
