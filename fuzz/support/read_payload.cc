#include "fuzz/support/read_payload.h"

#include <capnp/message.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "format/commit.h"
#include "format/page.h"
#include "format/record.h"
#include "fuzz/support/read_all.h"
#include "lib/store/overlay.h"
#include "lib/store/page_source.h"

namespace session::fuzz {
namespace {

using format::Bytes;
using format::FrameKind;
using format::IndexView;
using format::LeafView;

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken promise: %s\n", what);
  std::abort();
}

bool is_canonical_to_capnp(Bytes payload) {
  const kj::ArrayPtr<const capnp::word> segment(
      reinterpret_cast<const capnp::word*>(payload.data()) + 1, payload.size() / 8 - 1);
  const kj::ArrayPtr<const capnp::word> segments[] = {segment};
  capnp::ReaderOptions options;
  options.traversalLimitInWords = std::uint64_t{1} << 40;
  options.nestingLimit = 1000;
  try {
    capnp::SegmentArrayMessageReader reader(segments, options);
    return reader.isCanonical();
  } catch (const kj::Exception&) {
    return false;
  }
}

template <class View>
void search(const View& view) {
  for (std::uint32_t i = 0; i < view.size(); ++i) {
    const std::string key(view.key(i));
    require(view.lower_bound(key) == i, "a key is found where it stands");
    require(view.lower_bound(key + '\0') == i + 1, "what follows a key stands behind it");
    require(view.lower_bound(key.substr(0, key.size() - 1)) <= i, "what precedes a key");
  }
  (void)view.lower_bound({});
  (void)view.lower_bound("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF");
}

// What passed for its table can be read as that; as another, it may throw.
void read_records(const LeafView& leaf, std::uint16_t own_table) {
  Seen seen;
  std::vector<format::LeafItem> items;
  for (std::uint32_t i = 0; i < leaf.size(); ++i) {
    const auto record = leaf.record(i);
    for (const Table table : kAllTables) {
      const std::uint64_t failures = seen.failures();
      read_record(table, record, seen);
      require(slot(table) != own_table || seen.failures() == failures,
              "every field of a record that passed can be read");
    }
    items.push_back({leaf.key(i), record});
    seeing_failures(seen, [&] {
      const format::Record own(record);
      require(own.words() == format::canonical_words(record), "a record's size is known before");
    });
  }
  seeing_failures(seen, [&] {
    const std::vector<std::byte> again = format::build_leaf(items);
    require(!format::check_message(again), "a leaf built from what was read is canonical");
    require(!format::check_leaf(format::read_root<schema::Leaf>(again)), "and sound");
    const LeafView copy(again);
    for (std::uint32_t i = 0; i < copy.size(); ++i) {
      require(copy.key(i) == leaf.key(i), "with the same keys");
      require(format::Record(copy.record(i)) == format::Record(leaf.record(i)),
              "and the same records");
    }
  });
}

void read_index(const IndexView& index) {
  std::vector<format::Child> children;
  for (std::uint32_t i = 0; i < index.size(); ++i) children.push_back(index.child(i));
  require(format::index_digest(index) == format::index_digest(children, index.level()),
          "an index page and its children have one digest");
  const std::vector<std::byte> again = format::build_index(children, index.level());
  require(!format::check_message(again), "an index page built from what was read is canonical");
  require(!format::check_index(format::read_root<schema::Index>(again)), "and sound");
}

void read_commit(schema::Commit::Reader commit) {
  Seen seen;
  const auto runs = store::runs_of(commit);
  for (const Table table : kAllTables) {
    for (const store::Change& change : runs[slot(table)]) {
      seen.add(change.key);
      if (!change.is_erased) read_record(table, change.record, seen);
    }
  }
  require(seen.failures() == 0, "every field of a record in a commit that passed can be read");
  if (!commit.hasTrees()) return;
  const format::Roots roots = format::read_roots(commit.getTrees());
  seen.add(format::as_text(format::fingerprint(roots)));
  format::refuse_unknown_features(commit.getTrees());
}

void read_checked(FrameKind kind, std::uint16_t table, Bytes payload) {
  switch (kind) {
    case FrameKind::kLeaf: {
      const LeafView leaf(payload);
      search(leaf);
      read_records(leaf, table);
      break;
    }
    case FrameKind::kIndex: {
      const IndexView index(payload);
      search(index);
      read_index(index);
      break;
    }
    case FrameKind::kCommit:
      read_commit(format::read_root<schema::Commit>(payload));
      break;
    case FrameKind::kSeal:
      (void)format::read_root<schema::Seal>(payload).getCommitOffset();
      break;
    default:
      break;
  }
}

}  // namespace

void read_payload(FrameKind kind, std::uint16_t table, Bytes payload) {
  if (kind != FrameKind::kBlob && kind != FrameKind::kParity && !format::check_message(payload)) {
    require(is_canonical_to_capnp(payload), "what passes is canonical to Cap'n Proto too");
  }
  if (store::check_payload(kind, table, payload)) return;
  Seen seen;
  seeing_failures(seen, [&] { read_checked(kind, table, payload); });
}

}  // namespace session::fuzz
