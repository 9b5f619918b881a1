// Files that somebody made to hurt, every checksum right: reading them ends, soon and within
// memory, with an error that says what is wrong. Each test is one idea of such a file.

#include <capnp/message.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "format/bytes.h"
#include "format/commit.h"
#include "format/file_header.h"
#include "format/frame.h"
#include "format/page.h"
#include "lib/store/blob_fields.h"
#include "session/layout.h"
#include "session/reader.h"
#include "tests/support/simulated_disk.h"

namespace session::test {
namespace {

using format::Bytes;
using format::Child;
using format::FrameKind;
using format::Record;

constexpr const char* kPath = "/hostile.session";

class HostileFile {
 public:
  HostileFile() {
    const auto header = format::encode(header_);
    bytes_.assign(header.begin(), header.end());
  }

  std::uint64_t append(FrameKind kind, Bytes payload, int level = 0, Table table = Table::kTasks) {
    const bool is_page = kind == FrameKind::kLeaf || kind == FrameKind::kIndex;
    const auto frame =
        format::append_frame(bytes_, 0, kind, last_commit_, header_.tag(), payload, level,
                             is_page ? static_cast<std::uint16_t>(table) : std::uint16_t{0});
    if (kind == FrameKind::kCommit) last_commit_ = frame.own_offset;
    return frame.own_offset;
  }

  // The next revision; `fill` makes it what it is.
  std::uint64_t commit(const std::function<void(schema::Commit::Builder)>& fill, int level = 0) {
    capnp::MallocMessageBuilder message;
    auto commit = message.initRoot<schema::Commit>();
    commit.setRevision(++revision_);
    commit.setParentRevision(revision_ - 1);
    fill(commit);
    return append(FrameKind::kCommit, format::canonical_payload(commit.asReader()), level);
  }

  std::uint64_t snapshot(const format::Roots& roots = {}) {
    snapshot_ = commit([&](schema::Commit::Builder commit) {
      commit.setKind(schema::Commit::Kind::SNAPSHOT);
      auto trees = commit.initTrees();
      trees.setRevision(revision_);
      trees.initFingerprint(sizeof(Digest));
      const auto header = format::encode(header_);
      trees.setHeader({reinterpret_cast<const kj::byte*>(header.data()), header.size()});
      format::write_roots(trees, roots);
    });
    return snapshot_;
  }

  // One record, in a leaf of its own.
  format::RootRef table_of(Table table, std::string_view key, const Record& record) {
    const std::vector<format::LeafItem> items = {{key, record.view()}};
    format::RootRef root;
    root.offset = append(FrameKind::kLeaf, format::build_leaf(items), 0, table);
    root.count = 1;
    return root;
  }

  [[nodiscard]] std::uint64_t snapshot_offset() const { return snapshot_; }
  [[nodiscard]] std::uint64_t size_bytes() const { return bytes_.size(); }

  [[nodiscard]] io::FileSystem& files() {
    disk_.put(kPath, bytes_);
    return disk_;
  }
  [[nodiscard]] Reader open() {
    ReaderOptions options;
    options.files = &files();
    return Reader::open(kPath, options);
  }

 private:
  SimulatedDisk disk_;
  format::FileHeader header_;
  std::vector<std::byte> bytes_;
  std::uint64_t revision_ = 0;
  std::uint64_t last_commit_ = 0;
  std::uint64_t snapshot_ = 0;
};

// Runs `f`, which must find damage, and returns what it says.
template <class F>
std::string damage_found_by(F&& f) {
  try {
    f();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kDamaged);
    return error.message();
  }
  ADD_FAILURE() << "no damage was found";
  return {};
}

Record revision_record(std::uint64_t offset) {
  capnp::MallocMessageBuilder message;
  auto record = message.initRoot<schema::Revision>();
  record.setOffset(offset);
  return Record::of(record.asReader());
}

std::string revision_key(std::uint64_t revision) {
  std::string key;
  format::append_big_endian(key, revision, 8);
  return key;
}

TEST(HostileFile, IsOtherwiseAFileLikeAny) {
  HostileFile file;
  file.snapshot();
  const Reader reader = file.open();
  EXPECT_EQ(reader.head().revision(), 1U);
  EXPECT_EQ(reader.head().count(Table::kTasks), 0U);
}

TEST(HostileFile, HistoryEndsWhereARevisionComesAgain) {
  constexpr std::uint32_t kLevels = 30;
  HostileFile file;
  const std::uint64_t first = file.snapshot();
  format::RootRef root = file.table_of(Table::kRevisions, revision_key(1), revision_record(first));
  for (root.level = 1; root.level <= kLevels; ++root.level) {
    Child child;
    child.key = revision_key(1);
    child.offset = root.offset;
    child.count = root.count;
    Child again = child;
    again.key = revision_key(2);
    const std::vector<Child> children = {child, again};
    root.offset = file.append(FrameKind::kIndex, format::build_index(children, root.level));
    root.count *= 2;
  }
  root.level = kLevels;
  format::Roots roots{};
  roots[slot(Table::kRevisions)] = root;
  file.snapshot(roots);
  const Snapshot head = file.open().head();
  int seen = 0;
  (void)damage_found_by([&] { head.history([&](const RevisionInfo&) { return ++seen < 1000; }); });
  EXPECT_LE(seen, 2);
  (void)damage_found_by([&] { (void)file.open().at(std::string_view("~1000")); });
}

TEST(HostileFile, ARevisionThatLeadsToAnotherIsDamage) {
  HostileFile file;
  file.snapshot();
  const std::uint64_t second = file.snapshot();
  format::Roots roots{};
  roots[slot(Table::kRevisions)] =
      file.table_of(Table::kRevisions, revision_key(1), revision_record(second));
  file.snapshot(roots);
  const Snapshot head = file.open().head();
  (void)damage_found_by([&] { head.history([](const RevisionInfo&) { return true; }); });
}

// A megabyte of keys that are erased, in a few hundred bytes of zstd.
void erase_a_lot(schema::Commit::Builder commit, std::uint64_t trees_offset) {
  constexpr std::uint32_t kKeys = 250;
  commit.setKind(schema::Commit::Kind::DELTA);
  commit.setTreesOffset(trees_offset);
  auto changes = commit.initChanges(1)[0];
  changes.setTable(static_cast<std::uint16_t>(Table::kValues));
  auto ends = changes.initErasedEnds(kKeys);
  auto keys = changes.initErasedKeys(kKeys * format::kMaxKeyBytes);
  for (std::uint32_t i = 0; i < kKeys; ++i) {
    ends.set(i, (i + 1) * format::kMaxKeyBytes);
    keys[i * format::kMaxKeyBytes] = static_cast<kj::byte>(i);
  }
}

TEST(HostileFile, AChainOfDeltasHoldsNoMoreThanItsLimit) {
  HostileFile file;
  file.snapshot();
  for (int i = 0; i < 60; ++i) {
    file.commit([&](auto commit) { erase_a_lot(commit, file.snapshot_offset()); }, 1);
  }
  EXPECT_EQ(file.open().head().revision(), 61U);
  for (int i = 0; i < 10; ++i) {
    file.commit([&](auto commit) { erase_a_lot(commit, file.snapshot_offset()); }, 1);
  }
  EXPECT_LT(file.size_bytes(), format::kMaxChainBytes / 256);
  const std::string message = damage_found_by([&] { (void)file.open(); });
  EXPECT_NE(message.find("chain"), std::string::npos) << message;
}

TEST(HostileFile, ABlobThatIsOnePartManyTimesIsDamage) {
  const std::vector<std::byte> part(format::kBlobPartBytes);
  HostileFile file;
  const std::uint64_t offset = file.append(FrameKind::kBlob, part, 1);
  capnp::MallocMessageBuilder message;
  auto blob = message.initRoot<schema::Blob>();
  blob.setSizeBytes(format::kMaxBlobBytes);
  for (auto place : blob.initParts(format::kMaxBlobBytes / format::kBlobPartBytes)) {
    place.setOffset(offset);
  }
  const Digest digest{};
  format::Roots roots{};
  roots[slot(Table::kBlobs)] =
      file.table_of(Table::kBlobs, format::as_text(digest),
                    Record::of(message.getRoot<schema::Blob>().asReader()));
  file.snapshot(roots);
  const std::string error = damage_found_by([&] { (void)file.open().head().blob(digest); });
  EXPECT_NE(error.find("order"), std::string::npos) << error;
}

TEST(HostileFile, ARecordThatAsksForOneBlobManyTimesIsDamage) {
  constexpr std::uint32_t kTimes = 3000;
  capnp::MallocMessageBuilder message;
  auto record = message.initRoot<schema::Value>();
  Digest digest{};
  for (auto blob : record.initBlobs(kTimes)) {
    blob.setPath("text");
    blob.setDigest({reinterpret_cast<const kj::byte*>(digest.data()), digest.size()});
    blob.setSizeBytes(std::uint64_t{1} << 20);
  }
  const Record value = Record::of(message.getRoot<schema::Value>().asReader());
  int loads = 0;
  const std::string error = damage_found_by([&] {
    (void)store::put_back_large_fields(Table::kValues, value.view(), [&](const Digest&) {
      ++loads;
      return std::vector<std::byte>();
    });
  });
  EXPECT_NE(error.find("larger"), std::string::npos) << error;
  EXPECT_EQ(loads, 0);
}

TEST(HostileFile, ASealThatIsNoSealIsATail) {
  HostileFile file;
  file.snapshot();
  // A list where the seal should be; canonical.
  std::vector<std::byte> payload(24);
  format::store(payload, 4, std::uint32_t{2});
  format::store(payload, 8, std::uint64_t{1} | std::uint64_t{2} << 32 | std::uint64_t{3} << 35);
  format::store(payload, 16, std::uint64_t{0x636261});
  file.append(FrameKind::kSeal, payload);
  const Reader reader = file.open();
  EXPECT_FALSE(reader.info().sealed);
  EXPECT_GT(reader.info().tail_bytes, 0U);
  std::uint64_t covered = 0;
  walk_layout(
      kPath,
      [&](const LayoutEntry& entry) {
        covered += entry.size_bytes;
        return true;
      },
      &file.files());
  EXPECT_EQ(covered, file.size_bytes());
}

TEST(HostileFile, TheSearchForTheHeadGivesUpOnCommitsThatCannotBeBelieved) {
  const auto with_liars = [](std::uint32_t count) {
    auto file = std::make_unique<HostileFile>();
    file->snapshot();
    for (std::uint32_t i = 0; i < count; ++i) {
      file->commit([&](schema::Commit::Builder commit) {
        commit.setTreesOffset(file->snapshot_offset());
        commit.setUnsyncedBytes(64);  // whose hash is not zero
      });
    }
    return file;
  };
  EXPECT_EQ(with_liars(100)->open().head().revision(), 1U);
  const auto begin = std::chrono::steady_clock::now();
  const std::string message =
      damage_found_by([&] { (void)with_liars(format::kMaxDoubtedCommits + 1)->open(); });
  EXPECT_NE(message.find("no commit"), std::string::npos) << message;
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
}

}  // namespace
}  // namespace session::test
