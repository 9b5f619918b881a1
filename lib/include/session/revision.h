#pragma once
// What is known about revisions, checkpoints and the file they stand in: plain values.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "session/digest.h"
#include "session/schema/record.capnp.h"
#include "session/table.h"

namespace session {

enum class CommitKind : std::uint8_t { kDelta, kSnapshot };

// One committed revision. Numbers start at 1 and keep their meaning for ever.
struct RevisionInfo {
  std::uint64_t revision = 0;
  std::uint64_t parent = 0;     // 0: none
  std::int64_t time_nanos = 0;  // since 1970-01-01T00:00:00Z; never below the parent's
  CommitKind kind = CommitKind::kDelta;
  std::uint64_t offset = 0;      // of its commit frame
  std::uint64_t size_bytes = 0;  // what it appended to the file
  std::uint32_t upserts = 0;     // records written, in every table but the derived ones
  std::uint32_t erases = 0;
  std::string message;
  std::optional<Digest> fingerprint;  // stored for snapshots only
  std::string checkpoint;             // its id, if the revision is one
};

struct CheckpointInfo {
  std::string id;  // a UUID
  std::uint64_t revision = 0;
  std::int64_t time_nanos = 0;
  schema::Trigger trigger = schema::Trigger::MANUAL;
  bool is_automatic = false;
  std::string description;
  std::string reason;
  std::uint64_t task_count = 0;
  std::uint64_t size_bytes = 0;  // content of all tables, uncompressed
  std::vector<std::string> tags;
};

struct TableSize {
  Table table = Table::kSession;
  std::uint64_t count = 0;          // records
  std::uint64_t content_bytes = 0;  // keys and records in canonical form
  std::uint64_t stored_bytes = 0;   // pages in the file, headers included; pending deltas not
};

// The file as a whole, seen from its head.
struct FileInfo {
  std::string path;
  std::string file_id;     // UUID, new at each rewrite
  std::string session_id;  // UUID, kept by every rewrite
  std::string writer;      // program and version of the last snapshot
  std::uint16_t major = 0;
  std::uint16_t minor = 0;
  std::int64_t created_nanos = 0;  // of this file
  std::uint64_t file_bytes = 0;
  std::uint64_t head_end = 0;    // the end of what is committed (and sealed)
  std::uint64_t live_bytes = 0;  // reachable from the head, history not counted
  std::uint64_t parity_bytes = 0;
  std::uint64_t uncovered_bytes = 0;  // committed, and covered by no parity
  std::uint64_t tail_bytes = 0;       // a torn tail: bytes behind the head that belong to no commit
  std::uint64_t reserve_bytes = 0;    // zeros written ahead
  bool sealed = false;                // closed cleanly
  bool is_being_written = false;      // a writer has it open now, as far as the system says
  long writer_process = 0;            // the id of that writer's process; 0: not known here
  std::uint64_t revisions = 0;        // kept
  std::uint64_t checkpoints = 0;
  RevisionInfo head;
  std::vector<TableSize> tables;
};

}  // namespace session
