#pragma once
// Large texts leave their record and come back. A field above kInlineBytes becomes a blob: the
// field itself is null, and the record's `blobs` list names its path and the content's digest, in
// the order of the paths, each once. Works on every table alike, through the schema; fields of a
// newer schema stay where they are.

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <capnp/message.h>

#include "format/checksum.h"
#include "format/record.h"
#include "session/table.h"

namespace session::store {

// Stores content and returns its digest.
using StoreBlob = std::function<Digest(format::Bytes content)>;
using LoadBlob = std::function<std::vector<std::byte>(const Digest& digest)>;

// The record without its large fields, each of which was given to `store`; nothing if it has none,
// now or before. A field that is in a blob already and stands in the record again is taken from the
// record: that is the newer one.
[[nodiscard]] std::unique_ptr<capnp::MallocMessageBuilder> move_out_large_fields(
    Table table, format::RecordView record, const StoreBlob& store);

// Of every table's records: the list of what they keep in blobs.
inline constexpr std::size_t kBlobsPointer = 0;

// What the record keeps in blobs. Whoever forged a file may have written anything into the list.
[[nodiscard]] capnp::List<schema::BlobRef>::Reader blobs_of(format::RecordView record);
// True if parts of the record are kept in blobs.
[[nodiscard]] bool has_blobs(format::RecordView record);

// What is wrong with the record's list of blobs, or nothing: digests of another size, paths out of
// order or to a field that holds no text. Paths the schema does not know are a newer version's.
[[nodiscard]] std::optional<std::string> wrong_blob_list(Table table, format::RecordView record);

using ChooseBlob = std::function<bool(schema::BlobRef::Reader)>;

// The record with its blobs put back, or only those that `chosen` picks; its list of blobs is gone
// either way. Throws kDamaged when a path leads nowhere.
[[nodiscard]] std::unique_ptr<capnp::MallocMessageBuilder> put_back_large_fields(
    Table table, format::RecordView record, const LoadBlob& load, const ChooseBlob& chosen = {});

}  // namespace session::store
