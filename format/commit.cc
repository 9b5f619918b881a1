#include "format/commit.h"

#include <algorithm>
#include <cstring>

#include "format/record_shape.h"
#include "session/error.h"

namespace session::format {
namespace {

// What a file may use that not every reader of format 2.0 knows, and the version that reads it.
struct KnownFeature {
  std::string_view name;
  const char* since;
};
constexpr std::array<KnownFeature, 1> kKnownFeatures = {{{kPrefixFeature, "0.1.0"}}};

const KnownFeature* find_known(std::string_view name) {
  const auto* const known =
      std::find_if(kKnownFeatures.begin(), kKnownFeatures.end(),
                   [name](const KnownFeature& feature) { return feature.name == name; });
  return known == kKnownFeatures.end() ? nullptr : known;
}

std::string_view name_of(schema::Feature::Reader feature) {
  return {feature.getName().cStr(), feature.getName().size()};
}

Digest to_digest(capnp::Data::Reader data) {
  Digest digest{};
  if (data.size() == digest.size()) std::memcpy(digest.data(), data.begin(), digest.size());
  return digest;
}

bool share_a_key(const KeyList& a, const KeyList& b) {
  for (std::uint32_t i = 0, j = 0; i < a.size() && j < b.size();) {
    const int order = a[i].compare(b[j]);
    if (order == 0) return true;
    ++(order < 0 ? i : j);
  }
  return false;
}

std::optional<std::string> check_changes(schema::TableChanges::Reader changes) {
  if (auto wrong = check_key_list(changes)) return wrong;
  if (!changes.hasUpserts()) return std::nullopt;
  const auto upserts = changes.getUpserts();
  if (auto wrong = check_leaf(upserts)) return wrong;
  if (auto wrong = check_records(upserts, changes.getTable())) return wrong;
  if (share_a_key(KeyList(upserts), erased_keys(changes))) {
    return "a key is both written and erased";
  }
  return std::nullopt;
}

// A text that does not end as one throws kj::Exception, here and not in whoever asks for it.
void read_texts(schema::Trees::Reader trees) {
  (void)trees.getCheckpoint();
  (void)trees.getWriter();
  for (const auto feature : trees.getFeatures()) {
    (void)feature.getName();
    (void)feature.getSince();
  }
}

std::optional<std::string> check_trees(schema::Trees::Reader trees) {
  std::uint32_t last = 0;
  for (const auto root : trees.getRoots()) {
    if (root.getTable() <= last) return "the roots are not in order";
    last = root.getTable();
    if (root.getDigest().size() != sizeof(Digest)) return "a root's digest has a wrong size";
    if (root.getCount() == 0 || root.getLevel() > kMaxTreeLevels) return "an impossible root";
  }
  if (trees.getFingerprint().size() != sizeof(Digest)) return "the fingerprint has a wrong size";
  if (trees.getHeader().size() != kFileHeaderBytes) return "the copy of the file header is cut";
  read_texts(trees);
  return std::nullopt;
}

// A snapshot is its trees. A delta may carry trees that were made beside it, of a revision before
// it: a fold does not have to hold up the commits.
std::optional<std::string> check_trees_of(schema::Commit::Reader commit) {
  const std::uint64_t trees = commit.getTrees().getRevision();
  if (commit.getKind() == schema::Commit::Kind::SNAPSHOT) {
    if (trees != commit.getRevision()) return "a snapshot with the trees of another revision";
    if (commit.getChanges().size() != 0) return "a snapshot with changes beside its trees";
  } else if (trees == 0 || trees >= commit.getRevision()) {
    return "a delta with trees that are not older than itself";
  }
  return check_trees(commit.getTrees());
}

}  // namespace

Roots read_roots(schema::Trees::Reader trees) {
  Roots roots;
  for (const auto root : trees.getRoots()) {
    // A table of a later version is passed over: it is either ignorable or refused by its feature.
    if (root.getTable() >= kTableSlots) continue;
    roots[root.getTable()] = {
        root.getLevel(),        root.getStoredSize(),  root.getOffset(),           root.getCount(),
        root.getContentBytes(), root.getStoredBytes(), to_digest(root.getDigest())};
  }
  return roots;
}

void write_roots(schema::Trees::Builder trees, const Roots& roots) {
  const auto used =
      std::count_if(roots.begin(), roots.end(), [](const RootRef& root) { return !root.empty(); });
  auto list = trees.initRoots(static_cast<std::uint32_t>(used));
  std::uint32_t at = 0;
  for (std::size_t table = 0; table < roots.size(); ++table) {
    const RootRef& root = roots[table];
    if (root.empty()) continue;
    auto out = list[at++];
    out.setTable(static_cast<std::uint16_t>(table));
    out.setLevel(static_cast<std::uint16_t>(root.level));
    out.setStoredSize(root.stored_size);
    out.setOffset(root.offset);
    out.setCount(root.count);
    out.setContentBytes(root.content_bytes);
    out.setStoredBytes(root.stored_bytes);
    out.setDigest({reinterpret_cast<const kj::byte*>(root.digest.data()), root.digest.size()});
  }
}

Digest fingerprint(const Roots& roots) {
  Sha256 hash;
  hash.add("sessiontool revision");
  for (const Table table : kContentTables) {
    const RootRef& root = roots[slot(table)];
    if (root.empty()) continue;
    hash.add_number(slot(table)).add_number(root.count).add(Bytes(root.digest));
  }
  return hash.finish();
}

std::optional<std::string> check_commit(schema::Commit::Reader commit) {
  if (commit.getRevision() == 0) return "a commit without a revision number";
  if (commit.getParentRevision() >= commit.getRevision()) return "a parent that is not older";
  (void)commit.getMessage();  // as in read_texts()
  std::uint32_t last = 0;
  for (const auto changes : commit.getChanges()) {
    if (changes.getTable() <= last) return "the tables of a commit are not in order";
    last = changes.getTable();
    if (auto wrong = check_changes(changes)) return wrong;
  }
  if (commit.hasTrees()) return check_trees_of(commit);
  if (commit.getKind() == schema::Commit::Kind::SNAPSHOT) return "a snapshot without trees";
  if (commit.getTreesOffset() == 0) return "a delta that stands on no snapshot";
  return std::nullopt;
}

bool has_feature(schema::Trees::Reader trees, std::string_view name) {
  for (const auto feature : trees.getFeatures()) {
    if (name_of(feature) == name) return true;
  }
  return false;
}

void write_features(schema::Trees::Builder trees, std::initializer_list<std::string_view> names) {
  auto features = trees.initFeatures(static_cast<std::uint32_t>(names.size()));
  std::uint32_t at = 0;
  for (const std::string_view name : names) {
    auto feature = features[at++];
    feature.setName(capnp::Text::Reader(name.data(), name.size()));
    feature.setSince(find_known(name)->since);
    feature.setIsRequired(true);
  }
}

void refuse_unknown_features(schema::Trees::Reader trees) {
  for (const auto feature : trees.getFeatures()) {
    const std::string_view name = name_of(feature);
    if (find_known(name) != nullptr || !feature.getIsRequired()) continue;
    throw Error(ErrorCode::kNewerVersion,
                "this session needs the feature \"" + std::string(name) + "\", which sessiontool " +
                    std::string(feature.getSince().cStr()) + " has and this version does not");
  }
}

}  // namespace session::format
