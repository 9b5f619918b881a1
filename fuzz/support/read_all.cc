#include "fuzz/support/read_all.h"

#include <capnp/dynamic.h>

#include <cstring>
#include <string>
#include <vector>

#include "format/checksum.h"

namespace session::fuzz {
namespace {

using capnp::DynamicList;
using capnp::DynamicStruct;
using capnp::DynamicValue;

// What a caller would do in the same place: not ask for more than it can hold. A file may hold a
// gigabyte in a few kilobytes of zstd, and a record may ask for it many times.
constexpr std::uint64_t kWholeBytes = 1U << 20;
// Revisions opened by number: each costs what its pending deltas hold.
constexpr int kRevisions = 6;

void read_value(const DynamicValue::Reader& value, Seen& seen);

void read_struct(DynamicStruct::Reader record, Seen& seen) {
  for (const auto field : record.getSchema().getFields()) {
    // Each by itself, so that a bad one does not hide those behind it.
    seeing_failures(seen, [&] {
      if (record.has(field)) read_value(record.get(field), seen);
    });
  }
}

void read_value(const DynamicValue::Reader& value, Seen& seen) {
  switch (value.getType()) {
    case DynamicValue::BOOL:
      return seen.add(std::uint64_t{value.as<bool>()});
    case DynamicValue::INT:
      return seen.add(static_cast<std::uint64_t>(value.as<std::int64_t>()));
    case DynamicValue::UINT:
      return seen.add(value.as<std::uint64_t>());
    case DynamicValue::FLOAT: {
      const auto number = value.as<double>();
      std::uint64_t bits = 0;
      std::memcpy(&bits, &number, sizeof bits);
      return seen.add(bits);
    }
    case DynamicValue::TEXT: {
      const auto text = value.as<capnp::Text>();
      return seen.add(std::string_view(text.begin(), text.size()));
    }
    case DynamicValue::DATA: {
      const auto data = value.as<capnp::Data>();
      return seen.add({reinterpret_cast<const char*>(data.begin()), data.size()});
    }
    case DynamicValue::ENUM:
      return seen.add(std::uint64_t{value.as<capnp::DynamicEnum>().getRaw()});
    case DynamicValue::LIST: {
      const auto list = value.as<DynamicList>();
      seen.add(std::uint64_t{list.size()});
      for (const auto element : list) read_value(element, seen);
      return;
    }
    case DynamicValue::STRUCT:
      return read_struct(value.as<DynamicStruct>(), seen);
    default:
      return;
  }
}

// The sum of what whole() would put back, or nothing when it is too much for a test.
bool is_small_whole(capnp::AnyStruct::Reader record) {
  const auto pointers = record.getPointerSection();
  if (pointers.size() == 0) return true;
  std::uint64_t left = kWholeBytes;
  for (const auto blob : pointers[0].getAs<capnp::List<schema::BlobRef>>()) {
    if (blob.getSizeBytes() > left) return false;
    left -= blob.getSizeBytes();
  }
  return true;
}

void read_entry(const Snapshot& snapshot, Table table, const AnyEntry& entry, Seen& seen) {
  seen.add(entry.key());
  read_record(table, entry.record(), seen);
  seeing_failures(seen,
                  [&] { seen.add(std::uint64_t{snapshot.find(table, entry.key()) ? 1U : 0U}); });
  seeing_failures(seen, [&] {
    if (!is_small_whole(entry.record())) return;
    const WholeRecord whole = snapshot.whole(table, entry);
    read_record(table, whole.record(), seen);
  });
}

void read_table(const Snapshot& snapshot, Table table, Seen& seen) {
  seeing_failures(seen, [&] {
    const TableSize size = snapshot.size(table);
    seen.add(size.count);
    seen.add(size.content_bytes);
    seen.add(size.stored_bytes);
  });
  seeing_failures(seen, [&] {
    for (Cursor cursor = snapshot.cursor(table); cursor.valid(); cursor.next()) {
      read_entry(snapshot, table, cursor.entry(), seen);
    }
  });
  for (const std::string& from :
       {std::string("a"), std::string("t-000003"), std::string(9, '\xFF')}) {
    seeing_failures(seen, [&] {
      const Cursor cursor = snapshot.cursor(table, from);
      if (cursor.valid()) seen.add(cursor.key());
    });
  }
}

void read_blobs(const Snapshot& snapshot, Seen& seen) {
  for (Cursor cursor = snapshot.cursor(Table::kBlobs); cursor.valid(); cursor.next()) {
    if (cursor.key().size() != sizeof(Digest)) continue;
    seeing_failures(seen, [&] {
      if (cursor.record().as<schema::Blob>().getSizeBytes() > kWholeBytes) return;
      Digest digest;
      std::memcpy(digest.data(), cursor.key().data(), digest.size());
      seen.add(format::as_text(snapshot.blob(digest)));
    });
  }
}

void read_children(const Snapshot& snapshot, std::string_view parent, Seen& seen) {
  for (const ChildRef& child : snapshot.children(parent)) {
    seen.add(child.key);
    seen.add(static_cast<std::uint64_t>(child.rank));
  }
}

void see(const RevisionInfo& info, Seen& seen) {
  for (const std::uint64_t number : {info.revision, info.parent, info.offset, info.size_bytes}) {
    seen.add(number);
  }
  seen.add(static_cast<std::uint64_t>(info.time_nanos));
  seen.add(info.message);
  seen.add(info.checkpoint);
}

void see(const CheckpointInfo& info, Seen& seen) {
  seen.add(info.id);
  seen.add(info.revision);
  seen.add(info.description);
  seen.add(info.reason);
  for (const std::string& tag : info.tags) seen.add(tag);
}

void read_names(const Reader& reader, Seen& seen) {
  for (const char* name : {"head", "~1", "~1000000", "1", "18446744073709551615", "c0ffee",
                           "before the storm", "2026-11-22T10:00:00Z", "1677-09-21T00:12:44Z"}) {
    seeing_failures(seen, [&] { seen.add(reader.at(std::string_view(name)).revision()); });
  }
}

}  // namespace

void Seen::add(std::string_view text) {
  add(format::xxh3_64(format::as_bytes(text)));
}

void read_record(Table table, capnp::AnyStruct::Reader record, Seen& seen) {
  seeing_failures(seen, [&] { read_struct(record.as<DynamicStruct>(table_schema(table)), seen); });
}

void read_snapshot(const Snapshot& snapshot, Seen& seen) {
  see(snapshot.info(), seen);
  for (const Table table : kAllTables) read_table(snapshot, table, seen);
  seeing_failures(seen, [&] { read_blobs(snapshot, seen); });
  seeing_failures(seen, [&] {
    read_children(snapshot, {}, seen);
    for (Cursor tasks = snapshot.cursor(Table::kTasks); tasks.valid(); tasks.next()) {
      read_children(snapshot, tasks.key(), seen);
    }
  });
  seeing_failures(seen, [&] {
    for (const CheckpointInfo& checkpoint : snapshot.checkpoints()) see(checkpoint, seen);
  });
  seeing_failures(seen, [&] { seen.add(format::as_text(snapshot.fingerprint())); });
}

void read_file(io::FileSystem& files, const std::string& path, ReadMode mode, Seen& seen) {
  ReaderOptions options;
  options.mode = mode;
  options.files = &files;
  Reader reader = Reader::open(path, options);
  seeing_failures(seen, [&] {
    const FileInfo info = reader.info();
    seen.add(info.session_id);
    seen.add(info.writer);
    seen.add(info.live_bytes);
    seen.add(info.revisions);
  });
  const Snapshot head = reader.head();
  read_snapshot(head, seen);
  std::vector<std::uint64_t> revisions;
  seeing_failures(seen, [&] {
    head.history([&](const RevisionInfo& info) {
      see(info, seen);
      revisions.push_back(info.revision);
      return true;
    });
  });
  for (std::size_t i = 0; i < revisions.size(); i += revisions.size() / kRevisions + 1) {
    seeing_failures(seen, [&] { read_snapshot(reader.at(revisions[i]), seen); });
  }
  read_names(reader, seen);
  seeing_failures(seen, [&] { seen.add(std::uint64_t{reader.refresh()}); });
}

}  // namespace session::fuzz
