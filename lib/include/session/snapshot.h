#pragma once
// A snapshot is one revision of a session, open for reading. It never changes, takes no lock,
// writes nothing and pins nothing: it stays readable whatever a writer, a compaction or a repair
// does to the file. Records are Cap'n Proto readers that point straight into the mapped file;
// nothing is copied. Each page is checked against its checksum before its first byte is handed out.
//
//   session::Snapshot now = session::Reader::open("work.session").head();
//   if (auto task = now.get<session::schema::Task>("st-12")) use((*task)->getTitle());
//   for (const auto& entry : now.all<session::schema::Message>()) use(entry.key(),
//   entry->getText());
//
// Copies are cheap and share everything. Any number of threads may use one snapshot. What it hands
// out is valid as long as the Entry (or Cursor) it came from and any copy of the snapshot live.
//
// Every call may throw Error: kDamaged when a page it needs is damaged (the message names offset
// and remedy), kIo when a compressed or copied page cannot be read. A page is handed out only when
// every field of its records can be read. A getter of a Cap'n Proto reader may throw kj::Exception
// only where somebody forged a tree that leads to another table's pages, which verify names.

#include <capnp/any.h>

#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "session/digest.h"
#include "session/error.h"
#include "session/revision.h"
#include "session/table.h"

namespace capnp {
class MallocMessageBuilder;
}

namespace session {

namespace store {
class View;
class ViewCursor;
}  // namespace store

using AnyRecord = capnp::AnyStruct::Reader;

// A record with its key.
class AnyEntry {
 public:
  AnyEntry(std::string_view key, AnyRecord record, std::shared_ptr<const void> keep)
      : key_(key), record_(record), keep_(std::move(keep)) {}
  [[nodiscard]] std::string_view key() const { return key_; }
  [[nodiscard]] AnyRecord record() const { return record_; }

 private:
  std::string_view key_;
  AnyRecord record_;
  std::shared_ptr<const void> keep_;  // a decompressed page; empty where the file is mapped
};

template <class Record>
class Entry {
 public:
  explicit Entry(AnyEntry entry)
      : entry_(std::move(entry)), reader_(entry_.record().as<Record>()) {}
  [[nodiscard]] std::string_view key() const { return entry_.key(); }
  [[nodiscard]] const typename Record::Reader& operator*() const { return reader_; }
  [[nodiscard]] const typename Record::Reader* operator->() const { return &reader_; }
  [[nodiscard]] const AnyEntry& any() const { return entry_; }

 private:
  AnyEntry entry_;
  typename Record::Reader reader_;
};

// A record with its large texts put back in: what `Snapshot::whole` returns. Owns its memory.
class WholeRecord {
 public:
  explicit WholeRecord(AnyEntry entry);  // nothing was missing: refers to the entry
  WholeRecord(std::string key, std::unique_ptr<capnp::MallocMessageBuilder> message);
  ~WholeRecord();
  WholeRecord(WholeRecord&&) noexcept;
  WholeRecord& operator=(WholeRecord&&) noexcept;

  [[nodiscard]] std::string_view key() const;
  [[nodiscard]] AnyRecord record() const;
  template <class Record>
  [[nodiscard]] typename Record::Reader as() const {
    return record().as<Record>();
  }

 private:
  std::optional<AnyEntry> entry_;
  std::string key_;
  std::unique_ptr<capnp::MallocMessageBuilder> message_;
};

// Walks a table in key order. Not thread-safe; several cursors may walk one snapshot.
class Cursor {
 public:
  explicit Cursor(std::unique_ptr<store::ViewCursor> impl);
  ~Cursor();
  Cursor(Cursor&&) noexcept;
  Cursor& operator=(Cursor&&) noexcept;

  [[nodiscard]] bool valid() const;
  // Valid until next(), if the page is compressed; else as long as the snapshot.
  [[nodiscard]] std::string_view key() const;
  [[nodiscard]] AnyRecord record() const;
  [[nodiscard]] AnyEntry entry() const;  // lives on its own
  void next();

 private:
  std::unique_ptr<store::ViewCursor> impl_;
};

// An input range over the entries of a table, for range-based for.
template <class Record>
class Range {
 public:
  Range(Cursor cursor, std::optional<std::string> end)
      : cursor_(std::make_shared<Cursor>(std::move(cursor))), end_(std::move(end)) {}

  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = Entry<Record>;
    using difference_type = std::ptrdiff_t;
    using pointer = const value_type*;
    using reference = value_type;

    explicit Iterator(const Range* range) : range_(range) {}
    [[nodiscard]] Entry<Record> operator*() const {
      return Entry<Record>(range_->cursor_->entry());
    }
    Iterator& operator++() {
      range_->cursor_->next();
      return *this;
    }
    [[nodiscard]] bool operator==(std::default_sentinel_t) const { return range_->done(); }

   private:
    const Range* range_;
  };

  [[nodiscard]] Iterator begin() const { return Iterator(this); }
  [[nodiscard]] std::default_sentinel_t end() const { return {}; }

 private:
  [[nodiscard]] bool done() const { return !cursor_->valid() || (end_ && cursor_->key() >= *end_); }
  std::shared_ptr<Cursor> cursor_;
  std::optional<std::string> end_;
};

struct ChildRef {
  std::string key;
  std::int64_t rank = 0;
};

class Snapshot {
 public:
  explicit Snapshot(std::shared_ptr<const store::View> view) : view_(std::move(view)) {}

  [[nodiscard]] std::uint64_t revision() const;
  [[nodiscard]] const RevisionInfo& info() const;

  // Stored for snapshot commits; computed for deltas, at the cost of folding them in memory.
  [[nodiscard]] Digest fingerprint() const;

  // The record under `key`, if there is one. O(log n).
  template <class Record>
  [[nodiscard]] std::optional<Entry<Record>> get(std::string_view key) const {
    if (auto entry = find(kTableOf<Record>, key)) return Entry<Record>(std::move(*entry));
    return std::nullopt;
  }
  [[nodiscard]] std::optional<AnyEntry> find(Table table, std::string_view key) const;

  // All records of a table, or those with from <= key < to, in key order.
  template <class Record>
  [[nodiscard]] Range<Record> all() const {
    return Range<Record>(cursor(kTableOf<Record>), std::nullopt);
  }
  template <class Record>
  [[nodiscard]] Range<Record> range(std::string_view from, std::string_view to) const {
    return Range<Record>(cursor(kTableOf<Record>, from), std::string(to));
  }
  // At the first key not below `from`. Tables children and revisions are shown as their trees hold
  // them; children() and history() know better.
  [[nodiscard]] Cursor cursor(Table table, std::string_view from = {}) const;

  // Records in a table. O(1), plus a look-up per record changed by pending deltas, once.
  [[nodiscard]] std::uint64_t count(Table table) const;
  [[nodiscard]] TableSize size(Table table) const;

  // The children of a task in order; of "" the roots.
  [[nodiscard]] std::vector<ChildRef> children(std::string_view parent) const;

  // The content of a blob, checked against its digest. Throws kNotFound.
  [[nodiscard]] std::vector<std::byte> blob(const Digest& digest) const;
  // The record with every text and data field that lives in a blob put back in place.
  [[nodiscard]] WholeRecord whole(Table table, const AnyEntry& entry) const;

  // Revisions from this one back, newest first; the callback returns false to stop. Kept ones only.
  void history(const std::function<bool(const RevisionInfo&)>& visit) const;
  // Revisions after that one, oldest first, up to this one. O(log n) for the first of them.
  void history_after(std::uint64_t revision,
                     const std::function<bool(const RevisionInfo&)>& visit) const;
  // Checkpoints known at this revision, oldest first.
  [[nodiscard]] std::vector<CheckpointInfo> checkpoints() const;

  [[nodiscard]] const store::View& view() const { return *view_; }

 private:
  std::shared_ptr<const store::View> view_;
};

}  // namespace session
