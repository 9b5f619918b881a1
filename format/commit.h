#pragma once
// Commits: what ties frames into revisions. Helpers over schema::Commit and schema::Trees.

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "format/checksum.h"
#include "format/page.h"
#include "session/schema/commit.capnp.h"
#include "session/table.h"

namespace session::format {

// A table's tree. A count of 0 means an empty table, which has no page.
struct RootRef {
  std::uint32_t level = 0;  // 0: the root is a leaf
  std::uint32_t stored_size = 0;
  std::uint64_t offset = 0;
  std::uint64_t count = 0;
  std::uint64_t content_bytes = 0;
  std::uint64_t stored_bytes = 0;
  Digest digest{};

  [[nodiscard]] bool empty() const { return count == 0; }
};

using Roots = std::array<RootRef, kTableSlots>;  // by table number

[[nodiscard]] Roots read_roots(schema::Trees::Reader trees);
void write_roots(schema::Trees::Builder trees, const Roots& roots);

// SHA-256 over number, count and root digest of the content tables that are not empty: equal
// content gives equal fingerprints, and a table added by a later version changes none while it is
// empty.
[[nodiscard]] Digest fingerprint(const Roots& roots);

// Keys without a record any more.
[[nodiscard]] inline KeyList erased_keys(schema::TableChanges::Reader changes) {
  return KeyList(changes);
}

// What must hold before a commit that check_message() passed may be read: tables in order, key
// lists sound, no key both written and erased, digests of the right size, a snapshot with its own
// trees. One clause, or nothing; kj::Exception where a field is not what the schema says, as a text
// without its end.
[[nodiscard]] std::optional<std::string> check_commit(schema::Commit::Reader commit);

// That deltas behind the trees may be compressed with a prefix (format/prefix.h).
inline constexpr std::string_view kPrefixFeature = "zstd-prefix";
[[nodiscard]] bool has_feature(schema::Trees::Reader trees, std::string_view name);
// All that these trees use, as required ones.
void write_features(schema::Trees::Builder trees, std::initializer_list<std::string_view> names);

// Throws kNewerVersion and names the feature and the version that has it, if the file needs one
// that this version does not know; unknown features that are not required are passed over.
void refuse_unknown_features(schema::Trees::Reader trees);

}  // namespace session::format
