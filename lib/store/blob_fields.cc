#include "lib/store/blob_fields.h"

#include <capnp/dynamic.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "session/error.h"
#include "session/schema/record.capnp.h"

namespace session::store {
namespace {

using capnp::DynamicList;
using capnp::DynamicStruct;
using capnp::DynamicValue;
using format::Bytes;

struct LargeField {
  std::string path;
  Digest digest;
  std::uint64_t size_bytes;
};

bool is_blobs(capnp::StructSchema::Field field) {
  return field.getIndex() == 0;
}

Bytes bytes_of(const DynamicValue::Reader& value) {
  if (value.getType() == DynamicValue::TEXT) {
    const auto text = value.as<capnp::Text>();
    return std::as_bytes(std::span(text.begin(), text.size()));
  }
  const auto data = value.as<capnp::Data>();
  return std::as_bytes(std::span(data.begin(), data.size()));
}

// Moves large fields out of a builder, depth first.
class Mover {
 public:
  explicit Mover(const StoreBlob& store) : store_(store) {}

  void visit(DynamicStruct::Builder record, const std::string& path, bool is_root) {
    for (const auto field : record.getSchema().getNonUnionFields()) {
      const auto type = field.getType();
      const bool can_hold_text = type.isText() || type.isData() || type.isStruct() || type.isList();
      if (!can_hold_text || (is_root && is_blobs(field)) || !record.has(field)) continue;
      visit_field(record, field, path + field.getProto().getName().cStr());
    }
  }
  [[nodiscard]] const std::vector<LargeField>& moved() const { return moved_; }

 private:
  void visit_field(DynamicStruct::Builder record, capnp::StructSchema::Field field,
                   const std::string& path) {
    const auto type = field.getType();
    if (type.isText() || type.isData()) {
      const DynamicValue::Reader value = record.asReader().get(field);
      const Bytes bytes = bytes_of(value);
      if (bytes.size() <= format::kInlineBytes) return;
      moved_.push_back({path, store_(bytes), bytes.size()});
      record.clear(field);
    } else if (type.isStruct()) {
      visit(record.get(field).as<DynamicStruct>(), path + ".", false);
    } else if (type.asList().getElementType().isStruct()) {
      auto list = record.get(field).as<DynamicList>();
      for (std::uint32_t i = 0; i < list.size(); ++i) {
        visit(list[i].as<DynamicStruct>(), path + "." + std::to_string(i) + ".", false);
      }
    }
  }

  const StoreBlob& store_;
  std::vector<LargeField> moved_;
};

[[noreturn]] void bad_path(std::string_view path) {
  throw Error(ErrorCode::kDamaged,
              "a record keeps \"" + std::string(path) + "\" in a blob but has no such field");
}

std::string_view next_part(std::string_view& path) {
  const std::size_t dot = path.find('.');
  const std::string_view part = path.substr(0, dot);
  path = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
  return part;
}

std::optional<std::uint32_t> parse_index(std::string_view text, std::uint32_t size) {
  std::uint32_t index = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), index);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() || index >= size) {
    return std::nullopt;
  }
  return index;
}

void put_back(DynamicStruct::Builder record, std::string_view path, Bytes content) {
  const std::string_view whole = path;
  while (true) {
    const std::string name(next_part(path));
    const auto found = record.getSchema().findFieldByName(name.c_str());
    capnp::StructSchema::Field field;
    KJ_IF_MAYBE (f, found) {
      field = *f;
    } else {
      return;  // of a newer version, whose business it is
    }
    const auto type = field.getType();
    if (path.empty()) {
      if (type.isText()) {
        const auto text = format::as_text(content);
        auto out = record.init(field, static_cast<std::uint32_t>(text.size())).as<capnp::Text>();
        std::copy(text.begin(), text.end(), out.begin());
      } else if (type.isData()) {
        auto out = record.init(field, static_cast<std::uint32_t>(content.size())).as<capnp::Data>();
        if (!content.empty()) std::memcpy(out.begin(), content.data(), content.size());
      } else {
        bad_path(whole);
      }
      return;
    }
    if (type.isList() && type.asList().getElementType().isStruct()) {
      auto list = record.get(field).as<DynamicList>();
      const auto index = parse_index(next_part(path), list.size());
      if (!index || path.empty()) bad_path(whole);
      record = list[*index].as<DynamicStruct>();
    } else if (type.isStruct()) {
      record = record.get(field).as<DynamicStruct>();
    } else {
      bad_path(whole);
    }
  }
}

std::unique_ptr<capnp::MallocMessageBuilder> copy_of(format::RecordView record) {
  // Twice the size: room for what is put back without a second segment in most cases.
  const std::uint64_t words = record.totalSize().wordCount + 64;
  auto message = std::make_unique<capnp::MallocMessageBuilder>(
      static_cast<std::uint32_t>(std::min<std::uint64_t>(words, 1U << 24)));
  message->getRoot<capnp::AnyPointer>().setAs<capnp::AnyStruct>(record);
  return message;
}

Digest digest_of(schema::BlobRef::Reader blob) {
  if (blob.getDigest().size() != sizeof(Digest)) {
    throw Error(ErrorCode::kDamaged, "a record refers to a blob by a malformed digest");
  }
  Digest digest;
  std::memcpy(digest.data(), blob.getDigest().begin(), digest.size());
  return digest;
}

LargeField field_of(schema::BlobRef::Reader blob) {
  return {{blob.getPath().begin(), blob.getPath().size()}, digest_of(blob), blob.getSizeBytes()};
}

// True if the path leads to a field that holds something: somebody wrote it again since it was
// moved out. What the schema does not know is a newer version's business.
bool is_set(DynamicStruct::Reader record, std::string_view path) {
  while (true) {
    const std::string name(next_part(path));
    KJ_IF_MAYBE (field, record.getSchema().findFieldByName(name.c_str())) {
      if (!record.has(*field)) return false;
      const auto type = field->getType();
      if (path.empty()) return type.isText() || type.isData();
      if (type.isList() && type.asList().getElementType().isStruct()) {
        const auto list = record.get(*field).as<DynamicList>();
        const auto index = parse_index(next_part(path), list.size());
        if (!index || path.empty()) return false;
        record = list[*index].as<DynamicStruct>();
      } else if (type.isStruct()) {
        record = record.get(*field).as<DynamicStruct>();
      } else {
        return false;
      }
    } else {
      return false;
    }
  }
}

// Whether the path leads to a field of the schema that is no text: nothing could be put back there.
bool leads_astray(capnp::StructSchema schema, std::string_view path) {
  while (true) {
    const std::string name(next_part(path));
    KJ_IF_MAYBE (field, schema.findFieldByName(name.c_str())) {
      const auto type = field->getType();
      if (path.empty()) return !type.isText() && !type.isData();
      if (type.isList() && type.asList().getElementType().isStruct()) {
        (void)next_part(path);
        if (path.empty()) return true;
        schema = type.asList().getElementType().asStruct();
      } else if (type.isStruct()) {
        schema = type.asStruct();
      } else {
        return true;
      }
    } else {
      return false;
    }
  }
}

// One blob may stand in many fields, so its own limit does not bound what a record asks for.
void require_bounded(capnp::List<schema::BlobRef>::Reader blobs) {
  std::uint64_t left = format::kMaxBlobBytes;
  for (const auto blob : blobs) {
    if (blob.getSizeBytes() > left) {
      throw Error(ErrorCode::kDamaged, "the blobs of a record are larger than the format allows");
    }
    left -= blob.getSizeBytes();
  }
}

// In the order of their paths, so that a record has one form whatever came first. Of several with
// one path the first stays: what was moved out just now.
void write_blobs(DynamicStruct::Builder record, std::vector<LargeField> blobs) {
  record.clear("blobs");
  if (blobs.empty()) return;
  std::stable_sort(blobs.begin(), blobs.end(),
                   [](const LargeField& a, const LargeField& b) { return a.path < b.path; });
  blobs.erase(
      std::unique(blobs.begin(), blobs.end(),
                  [](const LargeField& a, const LargeField& b) { return a.path == b.path; }),
      blobs.end());
  std::uint64_t total = 0;
  for (const LargeField& blob : blobs) total += blob.size_bytes;
  if (total > format::kMaxBlobBytes) {
    throw Error(ErrorCode::kLimit, "the large texts of one record have " + std::to_string(total) +
                                       " bytes, which is above the limit of " +
                                       std::to_string(format::kMaxBlobBytes));
  }
  const auto n = static_cast<std::uint32_t>(blobs.size());
  auto list = record.init("blobs", n).as<DynamicList>();
  for (std::uint32_t i = 0; i < n; ++i) {
    auto blob = list[i].as<DynamicStruct>().as<schema::BlobRef>();
    const Digest& digest = blobs[i].digest;
    blob.setDigest({reinterpret_cast<const kj::byte*>(digest.data()), digest.size()});
    blob.setPath(blobs[i].path.c_str());
    blob.setSizeBytes(blobs[i].size_bytes);
  }
}

}  // namespace

capnp::List<schema::BlobRef>::Reader blobs_of(format::RecordView record) {
  const auto pointers = record.getPointerSection();
  if (pointers.size() <= kBlobsPointer || pointers[kBlobsPointer].isNull()) return {};
  return pointers[kBlobsPointer].getAs<capnp::List<schema::BlobRef>>();
}

bool has_blobs(format::RecordView record) {
  return blobs_of(record).size() != 0;
}

std::optional<std::string> wrong_blob_list(Table table, format::RecordView record) {
  std::string_view last;
  for (const auto blob : blobs_of(record)) {
    const std::string_view path(blob.getPath().begin(), blob.getPath().size());
    if (blob.getDigest().size() != sizeof(Digest)) return "a digest of another size";
    if (path.empty() || path <= last) return "paths that are out of order";
    if (leads_astray(table_schema(table), path)) {
      return "a path to a field that holds no text: " + std::string(path);
    }
    last = path;
  }
  return std::nullopt;
}

std::unique_ptr<capnp::MallocMessageBuilder> move_out_large_fields(Table table,
                                                                   format::RecordView record,
                                                                   const StoreBlob& store) {
  const auto kept = blobs_of(record);
  const bool is_small = record.totalSize().wordCount * sizeof(capnp::word) <= format::kInlineBytes;
  if (is_small && kept.size() == 0) return nullptr;
  auto message = copy_of(record);
  auto root = message->getRoot<DynamicStruct>(table_schema(table));
  Mover mover(store);
  mover.visit(root, {}, true);
  if (mover.moved().empty() && kept.size() == 0) return nullptr;
  std::vector<LargeField> blobs = mover.moved();
  for (const auto blob : kept) {
    LargeField field = field_of(blob);
    if (!is_set(root.asReader(), field.path)) blobs.push_back(std::move(field));
  }
  write_blobs(root, std::move(blobs));
  return message;
}

std::unique_ptr<capnp::MallocMessageBuilder> put_back_large_fields(Table table,
                                                                   format::RecordView record,
                                                                   const LoadBlob& load,
                                                                   const ChooseBlob& chosen) {
  auto message = copy_of(record);
  auto root = message->getRoot<DynamicStruct>(table_schema(table));
  require_bounded(blobs_of(record));
  for (const auto blob : blobs_of(record)) {
    if (chosen && !chosen(blob)) continue;
    const std::vector<std::byte> content = load(digest_of(blob));
    if (content.size() != blob.getSizeBytes()) {
      throw Error(ErrorCode::kDamaged, "a blob has another size than its record says");
    }
    put_back(root, {blob.getPath().begin(), blob.getPath().size()}, content);
  }
  root.clear("blobs");
  return message;
}

}  // namespace session::store
