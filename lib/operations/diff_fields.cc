#include "lib/operations/diff_fields.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "format/checksum.h"
#include "format/record.h"
#include "lib/convert/json.h"
#include "lib/convert/record_json.h"
#include "lib/convert/record_plan.h"
#include "lib/convert/residual.h"
#include "lib/operations/diff_json.h"
#include "lib/store/blob_fields.h"
#include "lib/store/view.h"

namespace session::operations {
namespace {

namespace json = convert::json;
using json::Value;

// A text that a record keeps apart.
struct LargeText {
  std::string path;    // as the record names it: "blocks.3.text"
  std::string digest;  // its bytes
  std::uint64_t size_bytes = 0;
  friend bool operator<(const LargeText& a, const LargeText& b) {
    return std::tie(a.path, a.digest, a.size_bytes) < std::tie(b.path, b.digest, b.size_bytes);
  }
};

// One record that is compared.
struct Side {
  const Snapshot* snapshot = nullptr;
  AnyRecord record;
  std::vector<LargeText> apart;
};

std::vector<LargeText> large_texts(AnyRecord record) {
  std::vector<LargeText> texts;
  for (const auto blob : store::blobs_of(record)) {
    const auto digest = blob.getDigest();
    if (digest.size() != sizeof(Digest)) {
      throw Error(ErrorCode::kDamaged, "a record refers to a blob by a malformed digest");
    }
    texts.push_back({{blob.getPath().begin(), blob.getPath().size()},
                     {reinterpret_cast<const char*>(digest.begin()), digest.size()},
                     blob.getSizeBytes()});
  }
  return texts;
}

// ---- what is compared ---------------------------------------------------------------------------

// Without its guards a source's patch is what the source said beyond our fields: {"=a": 1, "~b":
// [guard, 2], "/c": {"=d": 3}} reads {"a": 1, "b": 2, "c": {"d": 3}}. A member that the source did
// not have, though its words in our fields would make one, is null.
Value readable(const Value& patch) {
  Value result = Value::object();
  for (const json::Member& member : patch.members()) {
    const std::string_view name = member.name();
    const std::string_view rest = name.substr(1);
    switch (name.front()) {
      case '=':
        result.add(rest, member.value);
        break;
      case '~':
        result.add(rest, member.value.items().back());
        break;
      case '-':
        result.add(rest, Value());
        break;
      case '/':
        result.add(rest, readable(member.value));
        break;
      case '?':
        break;
      default:
        result.add(name, member.value);
    }
  }
  return result;
}

void make_extra_readable(Value& shown) {
  Value* extra = shown.find("extra");
  // Anything else is a member of that name in our own JSON.
  if (extra == nullptr || !extra->is_object() || convert::patch_fault(*extra)) return;
  *extra = readable(*extra);
}

// What reading it takes, whatever the record says.
std::uint64_t size_of(const store::View& view, const LargeText& text) {
  const auto found = view.find(Table::kBlobs, text.digest);
  if (!found) return text.size_bytes;
  return std::max(text.size_bytes, found->record.as<schema::Blob>().getSizeBytes());
}

// The record with what of its texts is to be compared; those above the bound stay in `side.apart`,
// all others leave it. `other` is sorted.
Value shown(Table table, Side& side, const std::vector<LargeText>& other,
            std::uint64_t max_text_bytes) {
  const auto schema = table_schema(table);
  if (side.apart.empty()) {
    Value result = convert::record_to_json(table, side.record.as<capnp::DynamicStruct>(schema));
    make_extra_readable(result);
    return result;
  }
  const store::View& view = side.snapshot->view();
  std::vector<LargeText> too_large;
  std::size_t next = 0;  // `apart` is in the order of the record's list
  const auto chosen = [&](schema::BlobRef::Reader) {
    LargeText& text = side.apart[next++];
    if (std::binary_search(other.begin(), other.end(), text)) return false;
    const std::uint64_t size = size_of(view, text);
    if (size > max_text_bytes) {
      too_large.push_back(std::move(text));
      return false;
    }
    max_text_bytes -= size;
    return true;
  };
  const auto message = store::put_back_large_fields(
      table, side.record, [&view](const Digest& digest) { return view.blob(digest); }, chosen);
  side.apart = std::move(too_large);
  Value result =
      convert::record_to_json(table, message->getRoot<capnp::DynamicStruct>(schema).asReader());
  make_extra_readable(result);
  return result;
}

// ---- what JSON does not show --------------------------------------------------------------------

// "blocks.3.text" -> "blocks[3].text"
std::string path_of(std::string_view path) {
  constexpr std::size_t kMostBytes = 256;  // our own are shorter
  if (path.size() > kMostBytes) return member_path({}, path);
  std::string result;
  while (!path.empty()) {
    const std::size_t dot = path.find('.');
    const std::string_view part = path.substr(0, dot);
    path = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
    const bool is_index =
        !part.empty() && part.find_first_not_of("0123456789") == std::string_view::npos;
    result = is_index ? result + "[" + std::string(part) + "]"
                      : member_path(result, convert::json_name(part));
  }
  return result;
}

// The other side's text may have been small enough to be read: then its change is known already.
void tell_large(const Side& side, FieldValue FieldChange::*which,
                std::vector<FieldChange>& changes) {
  if (side.apart.empty()) return;
  std::map<std::string, std::size_t> known;
  for (std::size_t i = 0; i < changes.size(); ++i) known.emplace(changes[i].path, i);
  for (const LargeText& text : side.apart) {
    const auto [at, is_new] = known.emplace(path_of(text.path), changes.size());
    if (is_new) changes.push_back({at->first, {}, {}});
    Digest digest{};
    std::memcpy(digest.data(), text.digest.data(), digest.size());
    changes[at->second].*which = {FieldValue::Kind::kLarge, to_hex(digest), text.size_bytes};
  }
}

FieldValue whole_value(const std::optional<AnyEntry>& entry) {
  if (!entry) return {};
  const format::Record record(entry->record());
  return {FieldValue::Kind::kLarge, to_hex(format::sha256(record.bytes())), record.bytes().size()};
}

// What stands behind the fields this version knows.
bool differ_beyond_schema(Table table, AnyRecord left, AnyRecord right) {
  const auto known = table_schema(table).getProto().getStruct();
  const auto data_beyond = [&](AnyRecord record) {
    const auto data = record.getDataSection();
    const std::size_t from =
        std::min<std::size_t>(data.size(), known.getDataWordCount() * sizeof(capnp::word));
    return data.slice(from, data.size());
  };
  if (data_beyond(left) != data_beyond(right)) return true;
  const auto left_pointers = left.getPointerSection();
  const auto right_pointers = right.getPointerSection();
  if (left_pointers.size() != right_pointers.size() &&
      std::max(left_pointers.size(), right_pointers.size()) > known.getPointerCount()) {
    return true;
  }
  for (unsigned i = known.getPointerCount(); i < left_pointers.size(); ++i) {
    if (left_pointers[i] != right_pointers[i]) return true;
  }
  return false;
}

bool has_unnamed(const RecordChange& change, const std::vector<FieldChange>& changes) {
  if (changes.empty()) return true;
  if (change.kind != ChangeKind::kChanged) return false;
  return differ_beyond_schema(change.table, change.left->record(), change.right->record());
}

}  // namespace

std::vector<FieldChange> diff_fields(const Snapshot& left, const Snapshot& right,
                                     const RecordChange& change, std::uint64_t max_text_bytes) {
  Side before{&left, {}, {}};
  Side after{&right, {}, {}};
  if (change.left) before.record = change.left->record();
  if (change.right) after.record = change.right->record();
  before.apart = large_texts(before.record);
  after.apart = large_texts(after.record);
  std::vector<LargeText> before_apart = before.apart;
  std::vector<LargeText> after_apart = after.apart;
  std::sort(before_apart.begin(), before_apart.end());
  std::sort(after_apart.begin(), after_apart.end());
  Value from = Value::object();
  Value to = Value::object();
  if (change.left) from = shown(change.table, before, after_apart, max_text_bytes);
  if (change.right) to = shown(change.table, after, before_apart, max_text_bytes);
  std::vector<FieldChange> changes;
  if (from != to) diff_json({}, &from, &to, changes);
  tell_large(before, &FieldChange::left, changes);
  tell_large(after, &FieldChange::right, changes);
  // What only bytes tell apart that are no UTF-8, or names that nobody writes.
  std::erase_if(changes, [](const FieldChange& field) { return field.left == field.right; });
  if (has_unnamed(change, changes)) {
    changes.push_back(
        {std::string(kUnnamedPath), whole_value(change.left), whole_value(change.right)});
  }
  return changes;
}

}  // namespace session::operations
