#include "tests/support/session_state.h"

#include <capnp/message.h>
#include <kj/array.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <set>

#include "format/checksum.h"
#include "format/file_header.h"
#include "format/frame.h"
#include "tests/support/simulated_disk.h"

namespace session::test {
namespace {

// A record made of its canonical bytes again.
class RecordFromBytes {
 public:
  explicit RecordFromBytes(const RecordBytes& bytes)
      : words_(kj::heapArray<capnp::word>(bytes.size() / sizeof(capnp::word))) {
    std::memcpy(words_.begin(), bytes.data(), bytes.size());
  }
  [[nodiscard]] AnyRecord record() const {
    return capnp::readMessageUnchecked<capnp::AnyPointer>(words_.begin()).getAs<capnp::AnyStruct>();
  }

 private:
  kj::Array<capnp::word> words_;
};

std::string in_table(Table table, std::string_view key) {
  return std::string(table_name(table)) + "/" + std::string(key);
}

std::string wrong_look_up(const Snapshot& snapshot, Table table) {
  std::uint64_t seen = 0;
  std::optional<std::string> last;
  for (Cursor cursor = snapshot.cursor(table); cursor.valid(); cursor.next()) {
    const std::string key(cursor.key());
    if (last && *last >= key) return in_table(table, key) + " is out of order";
    const auto found = snapshot.find(table, key);
    if (!found) return in_table(table, key) + " is walked over but not found";
    if (record_bytes(found->record()) != record_bytes(cursor.record())) {
      return in_table(table, key) + " is found with another record";
    }
    last = key;
    ++seen;
  }
  if (seen == snapshot.count(table)) return {};
  return std::string(table_name(table)) + " counts " + std::to_string(snapshot.count(table)) +
         " and has " + std::to_string(seen);
}

std::string wrong_children(const Snapshot& snapshot) {
  std::map<std::string, std::set<std::pair<std::int64_t, std::string>>> wanted;
  for (const auto& entry : snapshot.all<schema::Task>()) {
    const auto parent = entry->getParent();
    wanted[{parent.begin(), parent.size()}].emplace(entry->getRank(), std::string(entry.key()));
  }
  std::uint64_t entries = 0;
  for (const auto& [parent, children] : wanted) {
    const std::vector<ChildRef> found = snapshot.children(parent);
    const bool equal = std::ranges::equal(
        found, children, [](const ChildRef& ref, const std::pair<std::int64_t, std::string>& want) {
          return ref.rank == want.first && ref.key == want.second;
        });
    if (!equal) return "the children of \"" + parent + "\" are wrong";
    entries += found.size();
  }
  if (snapshot.count(Table::kChildren) == entries) return {};
  return "children has entries without a task";
}

std::string wrong_history(const Snapshot& snapshot) {
  std::uint64_t wanted = snapshot.revision();
  std::string wrong;
  snapshot.history([&](const RevisionInfo& info) {
    if (info.revision != wanted) {
      wrong = "history shows revision " + std::to_string(info.revision) + " instead of " +
              std::to_string(wanted);
      return false;
    }
    wanted = info.parent;
    return true;
  });
  if (wrong.empty() && wanted != 0) wrong = "history ends above " + std::to_string(wanted);
  return wrong;
}

}  // namespace

RecordBytes record_bytes(AnyRecord record) {
  const kj::Array<capnp::word> words = record.canonicalize();
  const auto bytes = words.asChars();
  return {bytes.begin(), bytes.size()};
}

void SessionState::put(Table table, std::string_view key, AnyRecord record) {
  put_bytes(table, key, record_bytes(record));
}

void SessionState::put_bytes(Table table, std::string_view key, RecordBytes bytes) {
  tables_[slot(table)].insert_or_assign(std::string(key), std::move(bytes));
}

bool SessionState::erase(Table table, std::string_view key) {
  Records& records = tables_[slot(table)];
  const auto at = records.find(key);
  if (at == records.end()) return false;
  records.erase(at);
  return true;
}

void SessionState::add_checkpoint(std::uint64_t revision, std::string description) {
  checkpoints_.emplace_back(revision, std::move(description));
  std::ranges::sort(checkpoints_);
}

void SessionState::keep_checkpoints(const std::function<bool(std::uint64_t revision)>& is_kept) {
  std::erase_if(checkpoints_, [&](const auto& checkpoint) { return !is_kept(checkpoint.first); });
}

void SessionState::restore(const SessionState& other) {
  tables_ = other.tables_;
}

std::string SessionState::difference(const SessionState& found) const {
  for (const Table table : kContentTables) {
    const Records& have = found.table(table);
    for (const auto& [key, bytes] : this->table(table)) {
      const auto at = have.find(key);
      if (at == have.end()) return in_table(table, key) + " is missing";
      if (at->second != bytes) return in_table(table, key) + " has other content";
    }
    for (const auto& [key, bytes] : have) {
      if (!this->table(table).contains(key)) return in_table(table, key) + " should not be there";
    }
  }
  if (checkpoints_ == found.checkpoints_) return {};
  std::string text = "the checkpoints are";
  for (const auto& [revision, name] : found.checkpoints_) {
    text += " " + std::to_string(revision) + ":" + name;
  }
  return text + " instead of " + std::to_string(checkpoints_.size());
}

SessionState state_of(const Snapshot& snapshot) {
  SessionState state;
  for (const Table table : kContentTables) {
    for (Cursor cursor = snapshot.cursor(table); cursor.valid(); cursor.next()) {
      state.put(table, cursor.key(), snapshot.whole(table, cursor.entry()).record());
    }
  }
  for (const CheckpointInfo& checkpoint : snapshot.checkpoints()) {
    state.add_checkpoint(checkpoint.revision, checkpoint.description);
  }
  return state;
}

void Twin::put_any(Table table, std::string_view key, AnyRecord record) {
  change_.upsert_any(table, key, record);
  state_.put(table, key, record);
}

void Twin::erase(Table table, std::string_view key) {
  (void)change_.erase(table, key);
  state_.erase(table, key);
}

void Twin::task(std::string_view key, std::string_view title, std::string_view parent,
                std::int64_t rank) {
  capnp::MallocMessageBuilder message;
  auto task = message.initRoot<schema::Task>();
  task.setTitle(std::string(title).c_str());
  if (!parent.empty()) task.setParent(std::string(parent).c_str());
  task.setRank(rank);
  put(key, task.asReader());
}

void Twin::message(std::string_view key, std::string_view text) {
  capnp::MallocMessageBuilder message;
  auto record = message.initRoot<schema::Message>();
  record.setText(std::string(text).c_str());
  put(key, record.asReader());
}

void Twin::value(std::string_view key, std::string_view text) {
  capnp::MallocMessageBuilder message;
  auto record = message.initRoot<schema::Value>();
  record.setText(std::string(text).c_str());
  put(key, record.asReader());
}

void fill(Transaction& change, const SessionState& state) {
  for (const Table table : kContentTables) {
    for (const auto& [key, bytes] : state.table(table)) {
      change.upsert_any(table, key, RecordFromBytes(bytes).record());
    }
  }
}

Digest fingerprint_of(const SessionState& state, std::uint8_t leaf_target_log2,
                      std::uint8_t index_target_log2) {
  SimulatedDisk disk;
  CreateOptions options;
  options.files = &disk;
  options.leaf_target_log2 = leaf_target_log2;
  options.index_target_log2 = index_target_log2;
  Writer writer = Writer::create_draft("/afresh.session", options);
  Transaction change = writer.begin();
  fill(change, state);
  (void)change.commit();
  return writer.head().fingerprint();
}

std::string contradiction_in(const Snapshot& snapshot) {
  for (const Table table : kAllTables) {
    if (auto wrong = wrong_look_up(snapshot, table); !wrong.empty()) return wrong;
  }
  for (Cursor blob = snapshot.cursor(Table::kBlobs); blob.valid(); blob.next()) {
    Digest digest{};
    if (blob.key().size() != digest.size()) return "a blob's key is no digest";
    std::memcpy(digest.data(), blob.key().data(), digest.size());
    (void)snapshot.blob(digest);
  }
  if (auto wrong = wrong_children(snapshot); !wrong.empty()) return wrong;
  return wrong_history(snapshot);
}

std::string damage_in_frames(std::span<const std::byte> file, std::uint64_t end) {
  const auto header = format::decode_file_header(file.first(format::kFileHeaderBytes));
  if (const auto* damage = format::damage_in(header)) return damage->detail;
  const std::uint64_t tag = std::get<format::FileHeader>(header).tag();
  std::uint64_t at = format::kFileHeaderBytes;
  while (at < end) {
    const auto frame = format::load_frame(file, at, tag);
    if (const auto* damage = format::damage_in(frame)) {
      return "at " + std::to_string(at) + ": " + damage->detail;
    }
    at = std::get<format::Frame>(frame).header.end();
  }
  if (at == end) return {};
  return "the last frame ends at " + std::to_string(at) + ", not at " + std::to_string(end);
}

}  // namespace session::test
