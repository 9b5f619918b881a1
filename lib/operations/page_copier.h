#pragma once
// Carries trees from one session file to another page by page. Leaves go as they stand: neither
// records nor digests are computed again; only index pages are written anew, for they say where
// their children stand. What two revisions share is copied once, for equal digests are equal pages.

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "format/commit.h"
#include "lib/store/page_source.h"
#include "lib/store/tree_writer.h"
#include "lib/store/writer_core.h"

namespace session::operations {

// Pages that were made in memory and stand in no file, at offsets that no file has. What folding
// pending changes or taking out a record gives, before it is known where it goes.
class StagedPages {
 public:
  static constexpr std::uint64_t kFirst = std::uint64_t{1} << 63;

  [[nodiscard]] store::PageSink sink();
  [[nodiscard]] format::Bytes payload(std::uint64_t offset) const;

 private:
  std::vector<std::vector<std::byte>> payloads_;
};

// A leaf of the new file, and the keys it holds.
struct WrittenLeaf {
  Table table = Table::kSession;
  std::string first_key;
  std::string last_key;
  std::uint64_t offset = 0;
};

class PageCopier {
 public:
  static constexpr std::size_t kMaxWritten = std::size_t{1} << 16;

  // `copied` is told the bytes of the old file that were read, and may throw.
  PageCopier(store::WriterCore& to, int least_level, std::function<void(std::uint64_t)> copied);

  // The same tree in the new file. `root` may stand in `from` or among the staged pages, and lead
  // from there to `from`. Throws kDamaged.
  [[nodiscard]] format::RootRef copy(const store::PageSource& from, const StagedPages& staged,
                                     Table table, const format::RootRef& root);
  // Only the leaves of the tree that are not in the new file yet, ahead of a copy() of it: adds
  // them to `written`, as long as there are no more than kMaxWritten.
  void copy_leaves(const store::PageSource& from, const StagedPages& staged, Table table,
                   const format::RootRef& root, std::vector<WrittenLeaf>& written);
  // From now on index pages are compressed that these trees do not have: only older revisions look
  // at them. Memory as the digests of the trees' index pages.
  void pack_all_but(const store::PageSource& from, const format::Roots& newest);
  // A frame of a blob, by its place; its new header.
  format::FrameHeader copy_blob_part(const store::PageSource& from, std::uint64_t offset);

 private:
  struct Place {
    std::uint64_t offset = 0;
    std::uint64_t stored_bytes = 0;  // of the subtree
    std::uint32_t stored_size = 0;
  };
  struct DigestHash {
    std::size_t operator()(const Digest& digest) const {
      std::size_t hash = 0;
      std::memcpy(&hash, digest.data(), sizeof hash);
      return hash;
    }
  };
  struct Source {
    const store::PageSource& file;
    const StagedPages& staged;
    Table table;
  };

  void copy_new_leaves(const Source& from, std::uint64_t offset, const Digest& digest,
                       std::uint32_t level, std::vector<WrittenLeaf>& written);
  [[nodiscard]] static store::Page page_at(const Source& from, std::uint64_t offset,
                                           std::uint32_t level);
  Place copy_page(const Source& from, std::uint64_t offset, const Digest& digest,
                  std::uint32_t level);
  Place copy_leaf(const Source& from, std::uint64_t offset);
  Place copy_index(const Source& from, std::uint64_t offset, const Digest& digest,
                   std::uint32_t level);
  void note_index_pages(const store::PageSource& from, std::uint64_t offset, const Digest& digest,
                        std::uint32_t level);
  format::FrameHeader copy_frame(const store::PageSource& from, std::uint64_t offset,
                                 format::FrameKind kind, Table table);
  void count(const store::PageSource& from, std::uint64_t bytes);
  void pass(const store::PageSource& from, std::uint64_t bytes);
  format::FrameHeader append(format::FrameKind kind, Table table, format::Bytes payload, int level);

  store::WriterCore& to_;
  int least_level_;
  std::function<void(std::uint64_t)> copied_;
  std::uint64_t copied_bytes_ = 0;
  std::uint64_t passed_bytes_ = 0;  // of index pages, in one walk
  std::array<std::unordered_map<Digest, Place, DigestHash>, kTableSlots> places_;
  std::unordered_set<Digest, DigestHash> passed_;                // index pages, by copy_leaves()
  std::optional<std::unordered_set<Digest, DigestHash>> plain_;  // index pages, see pack_all_but()
};

}  // namespace session::operations
