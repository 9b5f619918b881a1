#pragma once
// The trees of every revision, each distinct page once: links, levels, order, borders, counts,
// digests. A page that a later revision shares was checked when the first one was.

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "format/chunker.h"
#include "format/commit.h"
#include "format/page.h"
#include "lib/operations/verify_context.h"

namespace session::operations {

// Hashes of what was checked. Of a fixed size: when it is full it forgets, and a page is checked
// twice, so memory is bounded and nothing is missed.
class CheckedSet {
 public:
  explicit CheckedSet(std::uint64_t file_bytes);
  [[nodiscard]] bool contains(std::uint64_t hash) const;
  void add(std::uint64_t hash);

 private:
  static constexpr std::size_t kWays = 4;
  struct Free {
    void operator()(std::uint64_t* slots) const { std::free(slots); }
  };
  using Group = std::span<std::uint64_t, kWays>;
  [[nodiscard]] Group group_of(std::uint64_t hash) const;
  std::size_t slots_;
  // Zeros that take no memory before something is put among them: most files need few.
  std::unique_ptr<std::uint64_t[], Free> memory_;
};

class TreeCheck {
 public:
  explicit TreeCheck(VerifyContext& context);

  // The trees of the commit at `commit_offset`, which makes `revision`. For each table: whether all
  // of it can be read.
  [[nodiscard]] std::array<bool, kTableSlots> check(const format::Roots& roots,
                                                    std::uint64_t revision);
  // Records that stand in no tree yet, of a delta over the trees last checked.
  void check_changes(schema::Commit::Reader commit, std::uint64_t revision);

  // Lost frames that the trees last checked need.
  [[nodiscard]] const std::vector<std::uint64_t>& lost() const { return lost_; }

 private:
  // What its parent says of a page.
  struct Expected {
    format::Child facts;
    std::uint32_t level = 0;
    // The last key of the page before it: in a page above, which is held meanwhile.
    std::optional<std::string_view> after_key;
    bool has_last_key = false;  // facts.key is known: of every page but a root
    bool ends_level = true;     // the last of its level
  };
  struct Sums {
    std::uint64_t count = 0;
    std::uint64_t content_bytes = 0;
    std::uint64_t stored_bytes = 0;
  };

  [[nodiscard]] std::uint64_t hash_of(const Expected& page) const;
  bool visit(const Expected& page);
  [[nodiscard]] const LeafFacts* known_leaf(const Expected& page);
  bool visit_leaf(const Expected& page, const store::Page& bytes);
  bool visit_index(const Expected& page, const store::Page& bytes);
  [[nodiscard]] static Expected child_of(const Expected& parent, const format::IndexView& index,
                                         std::uint32_t at);
  [[nodiscard]] bool check_keys(const Expected& page, std::string_view first,
                                std::string_view last);
  void check_sums(const Expected& page, const Sums& sums);
  void check_digest(const Expected& page, const Digest& digest);
  void check_border(const Expected& page, bool ends, bool is_last, std::string_view key);
  void check_record(std::string_view key, format::RecordView record);
  void check_references(std::string_view key, format::RecordView record);
  [[nodiscard]] static std::uint64_t hash_of(std::string_view key, schema::Blob::Reader blob);
  void check_blob(std::string_view key, schema::Blob::Reader blob);
  void check_part(std::string_view key, schema::BlobPart::Reader part, std::uint64_t& content,
                  format::Sha256* hash);
  [[nodiscard]] bool has_blob(std::string_view digest) const;

  void lose(const Expected& page, const format::Damage& damage);
  void lose_blob(std::string_view key, std::uint64_t offset, std::uint64_t stored_size,
                 const format::Damage& damage);
  void find(FindingCode code, FindingEffect effect, const Expected& page, std::string message);
  void find_record(FindingCode code, FindingEffect effect, std::string_view key,
                   std::string message);

  VerifyContext& context_;
  format::PageRule leaf_rule_;
  CheckedSet checked_;
  std::optional<LeafFinder> leaves_;  // nothing at kQuick
  std::vector<std::uint64_t> lost_;
  // Of the trees being walked.
  Table table_ = Table::kSession;
  std::uint64_t revision_ = 0;
  const format::Roots* roots_ = nullptr;
  format::Roots last_roots_{};
  std::vector<std::string> pending_blobs_;  // sorted: digests that deltas over the trees brought
};

}  // namespace session::operations
