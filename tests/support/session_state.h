#pragma once
// What a session should hold, kept beside it by a test, and how the two are compared.

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "session/snapshot.h"
#include "session/table.h"
#include "session/writer.h"

namespace session::test {

// A record in canonical form, with its large texts in place: equal content is equal bytes.
using RecordBytes = std::string;
[[nodiscard]] RecordBytes record_bytes(AnyRecord record);

// The tables a fingerprint covers, and the checkpoints known (revision and description).
class SessionState {
 public:
  using Records = std::map<std::string, RecordBytes, std::less<>>;

  void put(Table table, std::string_view key, AnyRecord record);
  void put_bytes(Table table, std::string_view key, RecordBytes bytes);
  bool erase(Table table, std::string_view key);
  void add_checkpoint(std::uint64_t revision, std::string description);
  // Those of other revisions are forgotten.
  void keep_checkpoints(const std::function<bool(std::uint64_t revision)>& is_kept);
  // The content of `other`; the checkpoints stay.
  void restore(const SessionState& other);

  [[nodiscard]] const Records& table(Table table) const { return tables_[slot(table)]; }
  friend bool operator==(const SessionState&, const SessionState&) = default;
  // Where `found` first differs, for a person; empty if it does not.
  [[nodiscard]] std::string difference(const SessionState& found) const;

 private:
  std::array<Records, kTableSlots> tables_;
  std::vector<std::pair<std::uint64_t, std::string>> checkpoints_;  // sorted
};

// Everything in a snapshot, blobs put back.
[[nodiscard]] SessionState state_of(const Snapshot& snapshot);

// A transaction and the state it should lead to, changed together.
class Twin {
 public:
  Twin(Transaction& change, SessionState& state) : change_(change), state_(state) {}
  template <class RecordReader>
  void put(std::string_view key, const RecordReader& record) {
    put_any(kTableOf<capnp::FromReader<RecordReader>>, key, AnyRecord(record));
  }
  void put_any(Table table, std::string_view key, AnyRecord record);
  void erase(Table table, std::string_view key);

  void task(std::string_view key, std::string_view title, std::string_view parent = {},
            std::int64_t rank = 0);
  void message(std::string_view key, std::string_view text);
  void value(std::string_view key, std::string_view text);

 private:
  Transaction& change_;
  SessionState& state_;
};

// Writes all of `state` into an empty transaction.
void fill(Transaction& change, const SessionState& state);
// The fingerprint of a session that got `state` in one transaction. The page targets are those of
// the file it is compared with; 0: the format's.
[[nodiscard]] Digest fingerprint_of(const SessionState& state, std::uint8_t leaf_target_log2 = 0,
                                    std::uint8_t index_target_log2 = 0);

// Reads all that a snapshot says in more than one way (counts, look-ups, children, blobs, history)
// and compares. What contradicts itself, or nothing. Damage is thrown.
[[nodiscard]] std::string contradiction_in(const Snapshot& snapshot);

// Checks each frame of a file from the header to `end`, one behind the other. What is wrong, or
// nothing.
[[nodiscard]] std::string damage_in_frames(std::span<const std::byte> file, std::uint64_t end);

}  // namespace session::test
