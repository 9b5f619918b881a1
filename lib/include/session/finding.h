#pragma once
// What verifying finds: a value per finding, from a flipped bit to a task whose parent is missing.
// The names of the codes are stable; spec/recovery.md says what each means.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "session/table.h"

namespace session {

enum class Severity : std::uint8_t { kInfo, kWarning, kError, kCritical };

enum class FindingLayer : std::uint8_t { kBytes, kStructure, kMeaning };

// What becomes of it when the file is repaired.
enum class FindingEffect : std::uint8_t {
  kNone,        // nothing is damaged
  kRestorable,  // repair puts it right, whole
  kLoss,        // something cannot be brought back, or not as it was
};

enum class FindingCode : std::uint8_t {
  // ---- bytes
  kBeyondEnd,
  kFrameMagic,
  kHeaderHash,
  kMisplacedFrame,
  kForeignFrame,
  kHeaderField,
  kPayloadHash,
  kPadding,
  kBadSector,
  kTransientRead,
  kOverlap,
  kStaleFrame,
  kTornTail,
  kNotClosed,
  // ---- structure
  kCompression,
  kNotCanonical,
  kStructure,
  kLink,
  kNoHead,
  kLostCommit,
  kChain,
  kUnsyncedHash,
  kCommitField,
  kHeaderCopy,
  kKeyOrder,
  kBorder,
  kCount,
  kDigest,
  kFingerprint,
  kRevisionsTable,
  kChildrenIndex,
  kBlobMissing,
  kBlobDigest,
  kBlobReference,
  kCheckpointRecord,
  kParity,
  // ---- meaning
  kOrphanTask,
  kParentCycle,
  kMissingDependency,
  kDependencyCycle,
  kDuplicateDependency,
  kDuplicateMessage,
  kBrokenReference,
  kTimeOrder,
  kStatusDetail,
  kToolCallWithoutResult,
  kToolResultWithoutCall,
  kInconsistentCounter,
  kMissingMetadata,
  kForeignVersion,
  kBrokenChildReference,
  kDuplicateChild,
  kUnlistedChild,
  kInconsistentRoots,
  kKeyDiffersFromId,
  kBrokenSourceFile,
  kChecksumMismatch,
  kUnlistedCheckpoint,
  kFileMissing,
  kFileChanged,
  kErasedRecord,
  kErasedRecordBack,
};

// One row for each code, in their order: the table everything else is read from.
struct FindingKind {
  FindingCode code;
  std::string_view name;  // "payload_hash", ...
  FindingLayer layer;
  Severity severity;  // of most findings of this code; a single one may weigh less or more
};
[[nodiscard]] const std::vector<FindingKind>& finding_kinds();

[[nodiscard]] std::string_view finding_name(FindingCode code);
[[nodiscard]] std::optional<FindingCode> finding_from_name(std::string_view name);
[[nodiscard]] FindingLayer layer_of(FindingCode code);
// Of the layer "meaning": whether `repair --fix-semantics` corrects it. What only the world outside
// of the session could tell (a tool's answer, a file) is not.
[[nodiscard]] bool is_correctable(FindingCode code);
[[nodiscard]] std::string_view severity_name(Severity severity);
[[nodiscard]] std::string_view effect_name(FindingEffect effect);

struct Finding {
  Severity severity = Severity::kError;
  FindingCode code = FindingCode::kStructure;
  FindingEffect effect = FindingEffect::kNone;
  std::optional<std::uint64_t> offset;  // in the file; nothing where a record is meant, not a place
  std::uint64_t length = 0;             // of the bytes concerned
  std::optional<Table> table;
  // The record concerned. Of a lost page: every key in (after_key, key] may be concerned; what
  // lies before the table's first page has no `after_key`.
  std::string key;
  std::optional<std::string> after_key;
  // The kept revisions that need it, oldest first; at most kMaxRevisionsNamed of them.
  std::vector<std::uint64_t> revisions;
  std::string repair;   // the command that mends it; empty: nothing is to be done
  std::string message;  // a sentence for a person
};

inline constexpr std::size_t kMaxRevisionsNamed = 256;

}  // namespace session
