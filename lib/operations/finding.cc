#include "session/finding.h"

#include <algorithm>

namespace session {
namespace {

constexpr auto kBytes = FindingLayer::kBytes;
constexpr auto kStructure = FindingLayer::kStructure;
constexpr auto kMeaning = FindingLayer::kMeaning;

}  // namespace

const std::vector<FindingKind>& finding_kinds() {
  using Code = FindingCode;
  static const std::vector<FindingKind> kinds = {
      {Code::kBeyondEnd, "beyond_end", kBytes, Severity::kError},
      {Code::kFrameMagic, "frame_magic", kBytes, Severity::kError},
      {Code::kHeaderHash, "header_hash", kBytes, Severity::kError},
      {Code::kMisplacedFrame, "misplaced_frame", kBytes, Severity::kError},
      {Code::kForeignFrame, "foreign_frame", kBytes, Severity::kError},
      {Code::kHeaderField, "header_field", kBytes, Severity::kError},
      {Code::kPayloadHash, "payload_hash", kBytes, Severity::kError},
      {Code::kPadding, "padding", kBytes, Severity::kError},
      {Code::kBadSector, "bad_sector", kBytes, Severity::kError},
      {Code::kTransientRead, "transient_read", kBytes, Severity::kWarning},
      {Code::kOverlap, "overlap", kBytes, Severity::kError},
      {Code::kStaleFrame, "stale_frame", kBytes, Severity::kError},
      {Code::kTornTail, "torn_tail", kBytes, Severity::kInfo},
      {Code::kNotClosed, "not_closed", kBytes, Severity::kInfo},
      {Code::kCompression, "compression", kStructure, Severity::kError},
      {Code::kNotCanonical, "not_canonical", kStructure, Severity::kError},
      {Code::kStructure, "structure", kStructure, Severity::kError},
      {Code::kLink, "link", kStructure, Severity::kError},
      {Code::kNoHead, "no_head", kStructure, Severity::kCritical},
      {Code::kLostCommit, "lost_commit", kStructure, Severity::kError},
      {Code::kChain, "chain", kStructure, Severity::kError},
      {Code::kUnsyncedHash, "unsynced_hash", kStructure, Severity::kError},
      {Code::kCommitField, "commit_field", kStructure, Severity::kError},
      {Code::kHeaderCopy, "header_copy", kStructure, Severity::kError},
      {Code::kKeyOrder, "key_order", kStructure, Severity::kError},
      {Code::kBorder, "border", kStructure, Severity::kError},
      {Code::kCount, "count", kStructure, Severity::kError},
      {Code::kDigest, "digest", kStructure, Severity::kError},
      {Code::kFingerprint, "fingerprint", kStructure, Severity::kError},
      {Code::kRevisionsTable, "revisions_table", kStructure, Severity::kError},
      {Code::kChildrenIndex, "children_index", kStructure, Severity::kError},
      {Code::kBlobMissing, "blob_missing", kStructure, Severity::kError},
      {Code::kBlobDigest, "blob_digest", kStructure, Severity::kError},
      {Code::kBlobReference, "blob_reference", kStructure, Severity::kError},
      {Code::kCheckpointRecord, "checkpoint_record", kStructure, Severity::kWarning},
      {Code::kParity, "parity", kStructure, Severity::kWarning},
      {Code::kOrphanTask, "orphan_task", kMeaning, Severity::kError},
      {Code::kParentCycle, "parent_cycle", kMeaning, Severity::kError},
      {Code::kMissingDependency, "missing_dependency", kMeaning, Severity::kError},
      {Code::kDependencyCycle, "dependency_cycle", kMeaning, Severity::kError},
      {Code::kDuplicateDependency, "duplicate_dependency", kMeaning, Severity::kWarning},
      {Code::kDuplicateMessage, "duplicate_message", kMeaning, Severity::kWarning},
      {Code::kBrokenReference, "broken_reference", kMeaning, Severity::kError},
      {Code::kTimeOrder, "time_order", kMeaning, Severity::kWarning},
      {Code::kStatusDetail, "status_detail", kMeaning, Severity::kWarning},
      {Code::kToolCallWithoutResult, "tool_call_without_result", kMeaning, Severity::kWarning},
      {Code::kToolResultWithoutCall, "tool_result_without_call", kMeaning, Severity::kWarning},
      {Code::kInconsistentCounter, "inconsistent_counter", kMeaning, Severity::kWarning},
      {Code::kMissingMetadata, "missing_metadata", kMeaning, Severity::kWarning},
      {Code::kForeignVersion, "foreign_version", kMeaning, Severity::kWarning},
      {Code::kBrokenChildReference, "broken_child_reference", kMeaning, Severity::kWarning},
      {Code::kDuplicateChild, "duplicate_child", kMeaning, Severity::kWarning},
      {Code::kUnlistedChild, "unlisted_child", kMeaning, Severity::kWarning},
      {Code::kInconsistentRoots, "inconsistent_roots", kMeaning, Severity::kWarning},
      {Code::kKeyDiffersFromId, "key_differs_from_id", kMeaning, Severity::kWarning},
      {Code::kBrokenSourceFile, "broken_source_file", kMeaning, Severity::kWarning},
      {Code::kChecksumMismatch, "checksum_mismatch", kMeaning, Severity::kWarning},
      {Code::kUnlistedCheckpoint, "unlisted_checkpoint", kMeaning, Severity::kInfo},
      {Code::kFileMissing, "file_missing", kMeaning, Severity::kWarning},
      {Code::kFileChanged, "file_changed", kMeaning, Severity::kWarning},
      {Code::kErasedRecord, "erased_record", kMeaning, Severity::kInfo},
      {Code::kErasedRecordBack, "erased_record_back", kMeaning, Severity::kWarning},
  };
  return kinds;
}

std::string_view finding_name(FindingCode code) {
  return finding_kinds().at(static_cast<std::size_t>(code)).name;
}

std::optional<FindingCode> finding_from_name(std::string_view name) {
  const auto& kinds = finding_kinds();
  const auto found = std::find_if(kinds.begin(), kinds.end(),
                                  [&](const FindingKind& kind) { return kind.name == name; });
  if (found == kinds.end()) return std::nullopt;
  return found->code;
}

FindingLayer layer_of(FindingCode code) {
  return finding_kinds().at(static_cast<std::size_t>(code)).layer;
}

bool is_correctable(FindingCode code) {
  switch (code) {
    case FindingCode::kToolCallWithoutResult:
    case FindingCode::kToolResultWithoutCall:
    case FindingCode::kFileMissing:
    case FindingCode::kFileChanged:
    case FindingCode::kErasedRecord:
    case FindingCode::kErasedRecordBack:
      return false;
    default:
      return layer_of(code) == kMeaning;
  }
}

std::string_view severity_name(Severity severity) {
  switch (severity) {
    case Severity::kInfo:
      return "info";
    case Severity::kWarning:
      return "warning";
    case Severity::kError:
      return "error";
    case Severity::kCritical:
      break;
  }
  return "critical";
}

std::string_view effect_name(FindingEffect effect) {
  switch (effect) {
    case FindingEffect::kNone:
      return "none";
    case FindingEffect::kRestorable:
      return "restorable";
    case FindingEffect::kLoss:
      break;
  }
  return "loss";
}

}  // namespace session
