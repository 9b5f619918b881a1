#pragma once
// Every number of the format, each with its reason. `sessiontool layout --numbers` prints this list
// and a test compares it with spec/format.md; nothing else in the code repeats a value.

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace session::format {

// ---- version ------------------------------------------------------------------------------------

// Format 1 is the directory of JSON files that came before; a reader refuses another major.
inline constexpr std::uint16_t kMajorVersion = 2;
// Rises with every ignorable addition.
inline constexpr std::uint16_t kMinorVersion = 0;

// ---- places -------------------------------------------------------------------------------------

// A high byte against 7-bit channels, "SES", CR LF against text mode, Ctrl-Z against `type`, LF
// against the reverse translation: the reasoning of PNG's signature.
inline constexpr std::array<std::uint8_t, 8> kFileMagic = {0x89, 0x53, 0x45, 0x53,
                                                           0x53, 0x0D, 0x0A, 0x1A};
inline constexpr std::uint32_t kFrameMagic = 0x4D524653;  // "SFRM" as bytes on disk

// One cache line: headers are read whole or not at all, and a search for frames steps by it.
inline constexpr std::size_t kAlignBytes = 64;
inline constexpr std::size_t kFileHeaderBytes = 64;
inline constexpr std::size_t kFrameHeaderBytes = 64;
static_assert(std::has_single_bit(kAlignBytes) && kFileHeaderBytes % kAlignBytes == 0 &&
              kFrameHeaderBytes % kAlignBytes == 0);

// ---- limits (G12): what bounds the memory and time a hostile file can ask for
// ---------------------

// A frame, header included: what a reader must hold at once, and a search step over a torn tail.
inline constexpr std::uint32_t kMaxFrameBytes = 1U << 20;
inline constexpr std::uint32_t kMaxPayloadBytes = kMaxFrameBytes - kFrameHeaderBytes;
// The longest path a file table must hold on Linux.
inline constexpr std::uint32_t kMaxKeyBytes = 4096;
// Two of them and a rank make a key of the children table.
inline constexpr std::uint32_t kMaxTaskKeyBytes = 2040;
static_assert(2 * kMaxTaskKeyBytes + 10 <= kMaxKeyBytes);
// Canonical size of one record. Large texts leave it (kInlineBytes), so this is lists and nesting.
inline constexpr std::uint32_t kMaxRecordBytes = 256U << 10;
// Words in the fixed part of one record: pages pad every record to the widest.
inline constexpr std::uint32_t kMaxRecordDataWords = 64;
inline constexpr std::uint32_t kMaxRecordPointers = 64;
// A text or data field above this leaves the record for a blob.
inline constexpr std::uint32_t kInlineBytes = 4096;
// One blob frame's share of a blob: large enough for zstd, two to a frame's limit.
inline constexpr std::uint32_t kBlobPartBytes = 512U << 10;
// One blob, and all blobs of one record together: what a reader may be asked to hold at once.
inline constexpr std::uint64_t kMaxBlobBytes = 1ULL << 30;
// Depth of a Cap'n Proto message, and of a tree: 2^64 records with two per page.
inline constexpr std::uint32_t kMaxNesting = 64;
// Depth of one record by itself: the page or commit it stands in nests it a few levels deeper.
inline constexpr std::uint32_t kMaxRecordNesting = 48;
static_assert(kMaxRecordNesting + 8 <= kMaxNesting);
inline constexpr std::uint32_t kMaxTreeLevels = 64;
// Frames that one frame is compressed with, and their raw payloads together: what a reader unpacks
// beside it, for each of a chain of deltas. A leaf and a delta of the usual targets fit.
inline constexpr std::uint32_t kMaxPrefixFrames = 2;
inline constexpr std::uint32_t kMaxPrefixBytes = 256U << 10;
// A commit message or description.
inline constexpr std::uint32_t kMaxDescriptionBytes = 4096;

// ---- pages --------------------------------------------------------------------------------------

// Targets of the chunker, as powers of two, written into each file's header. Measured: leaves of
// 4 KiB instead of 8 save a third of what a fold writes for 13 bytes a task; index pages of 4, 8 or
// 16 KiB made no difference.
inline constexpr std::uint8_t kLeafTargetLog2 = 12;
inline constexpr std::uint8_t kIndexTargetLog2 = 13;
inline constexpr std::uint8_t kMinTargetLog2 = 9;
inline constexpr std::uint8_t kMaxTargetLog2 = 16;
// A page never ends below target/4 and always ends at 4*target.
inline constexpr std::uint32_t kPageSpreadLog2 = 2;
// What one record or child weighs beyond its key and canonical size, so that a page of tiny records
// stays bounded: 4 * 64 KiB / 32 records at most.
inline constexpr std::uint32_t kRecordOverheadBytes = 32;
inline constexpr std::uint32_t kChildOverheadBytes = 80;
// Fewer would let a level of giant keys never shrink.
inline constexpr std::uint32_t kMinIndexChildren = 2;
static_assert((4ULL << kMaxTargetLog2) / kRecordOverheadBytes *
                      (kMaxRecordDataWords + kMaxRecordPointers) * 8 >
                  kMaxPayloadBytes,
              "the widest page must be refused by size, not assumed away");

// ---- commits ------------------------------------------------------------------------------------

// Deltas above the newest trees before a commit folds them: opening overlays them all.
inline constexpr std::uint32_t kMaxPendingDeltas = 256;
inline constexpr std::uint64_t kMaxPendingBytes = 1ULL << 20;
// What a reader follows before it calls the chain forged: an older or later writer may have had a
// larger bound.
inline constexpr std::uint32_t kMaxChainDeltas = 4096;
// And their payloads, which must be held at once: 64 times what a writer lets pend.
inline constexpr std::uint64_t kMaxChainBytes = 64ULL << 20;
// Commits that turn out unbelievable one after another while the head is looked for. Twice what
// fits into the bytes of one sync; each can ask for as many bytes to be hashed.
inline constexpr std::uint32_t kMaxDoubtedCommits = 8192;
// A larger transaction writes pages at once instead of a delta.
inline constexpr std::uint32_t kMaxDeltaBytes = 128U << 10;
// Relaxed commits sync after so much: it bounds what a crash can cost, and what a reader must hash.
inline constexpr std::uint64_t kMaxUnsyncedBytes = 1ULL << 20;
// Zeros written ahead of durable deltas: a sync into written space is faster. Steps of 64 KiB,
// 256 KiB and 1 MiB measured alike, so the smallest.
inline constexpr std::uint64_t kReserveBytes = 64U << 10;

// ---- parity -------------------------------------------------------------------------------------

// What one group can be asked to spend, in percent of what it protects. Beyond a half, a second
// copy of the file elsewhere does more.
inline constexpr std::uint32_t kMinParityPercent = 1;
inline constexpr std::uint32_t kMaxParityPercent = 50;
inline constexpr std::uint32_t kParityPercent = 6;
// Data and parity blocks of one stripe: as many as GF(2^8) has room for, one less than its
// elements. The wider a stripe, the rarer does scattered damage exceed it.
inline constexpr std::uint32_t kMaxStripeBlocks = 255;
// Damage is located to a block. Small ones locate better, large ones need fewer hashes: 8 bytes in
// three copies are 0.6 % of 4 KiB, which is also what disks lose at once.
inline constexpr std::uint32_t kMinParityBlockLog2 = 9;
inline constexpr std::uint32_t kParityBlockLog2 = 12;
inline constexpr std::uint32_t kMaxParityBlockLog2 = 16;
// A range of fewer blocks is cut into smaller ones: a group always spends some whole blocks.
inline constexpr std::uint32_t kSmallGroupBlocks = 128;
// Of data in a group: its hashes are held in memory. More, and the blocks grow.
inline constexpr std::uint32_t kMaxGroupBlocks = 1U << 17;
// A group's tables and parity blocks, which whoever makes them holds in memory at once.
inline constexpr std::uint32_t kMaxGroupParityBytes = 64U << 20;
// What stands first in each parity frame and says what the group is.
inline constexpr std::size_t kParityHeadBytes = 64;
// Numbers in a page of the table of block hashes; the last is the page's own hash. A page is taken
// from whichever copy of the table still has it.
inline constexpr std::uint32_t kParityPageNumbers = 64;
// No burst that the parity can mend reaches from the first copy to the last.
inline constexpr std::uint32_t kParityTableCopies = 3;
// A session that keeps parity up adds a group when so much is uncovered; at its close also when it
// is one part in kMinGroupShare of the file, so that small sessions are covered too and their
// groups stay few.
inline constexpr std::uint64_t kMinGroupBytes = 1ULL << 20;
inline constexpr std::uint32_t kMinGroupShare = 16;
static_assert(kMinParityBlockLog2 <= kParityBlockLog2 && kParityBlockLog2 <= kMaxParityBlockLog2);
static_assert((std::size_t{1} << kMinParityBlockLog2) % kAlignBytes == 0 &&
                  kParityHeadBytes % kAlignBytes == 0 &&
                  kParityPageNumbers * sizeof(std::uint64_t) % kAlignBytes == 0,
              "whatever a group consists of begins at a multiple of the alignment");
static_assert(kMaxStripeBlocks < 256, "each block of a stripe needs an element of GF(2^8)");

// ---- the list -----------------------------------------------------------------------------------

struct NamedNumber {
  std::string_view name;
  std::uint64_t value;
  std::string_view unit;
};

inline constexpr auto kNumbers = std::to_array<NamedNumber>({
    {"major_version", kMajorVersion, ""},
    {"minor_version", kMinorVersion, ""},
    {"align", kAlignBytes, "bytes"},
    {"file_header", kFileHeaderBytes, "bytes"},
    {"frame_header", kFrameHeaderBytes, "bytes"},
    {"max_frame", kMaxFrameBytes, "bytes"},
    {"max_key", kMaxKeyBytes, "bytes"},
    {"max_task_key", kMaxTaskKeyBytes, "bytes"},
    {"max_record", kMaxRecordBytes, "bytes"},
    {"max_record_data", kMaxRecordDataWords, "words"},
    {"max_record_pointers", kMaxRecordPointers, "words"},
    {"inline", kInlineBytes, "bytes"},
    {"blob_part", kBlobPartBytes, "bytes"},
    {"max_blob", kMaxBlobBytes, "bytes"},
    {"max_nesting", kMaxNesting, "levels"},
    {"max_record_nesting", kMaxRecordNesting, "levels"},
    {"max_tree_levels", kMaxTreeLevels, "levels"},
    {"max_prefix_frames", kMaxPrefixFrames, "frames"},
    {"max_prefix", kMaxPrefixBytes, "bytes"},
    {"max_description", kMaxDescriptionBytes, "bytes"},
    {"leaf_target_log2", kLeafTargetLog2, ""},
    {"index_target_log2", kIndexTargetLog2, ""},
    {"min_target_log2", kMinTargetLog2, ""},
    {"max_target_log2", kMaxTargetLog2, ""},
    {"page_spread_log2", kPageSpreadLog2, ""},
    {"record_overhead", kRecordOverheadBytes, "bytes"},
    {"child_overhead", kChildOverheadBytes, "bytes"},
    {"min_index_children", kMinIndexChildren, "children"},
    {"max_pending_deltas", kMaxPendingDeltas, "commits"},
    {"max_pending_bytes", kMaxPendingBytes, "bytes"},
    {"max_chain_deltas", kMaxChainDeltas, "commits"},
    {"max_chain", kMaxChainBytes, "bytes"},
    {"max_doubted_commits", kMaxDoubtedCommits, "commits"},
    {"max_delta", kMaxDeltaBytes, "bytes"},
    {"max_unsynced", kMaxUnsyncedBytes, "bytes"},
    {"reserve", kReserveBytes, "bytes"},
    {"min_parity", kMinParityPercent, "percent"},
    {"max_parity", kMaxParityPercent, "percent"},
    {"parity", kParityPercent, "percent"},
    {"max_stripe", kMaxStripeBlocks, "blocks"},
    {"min_parity_block_log2", kMinParityBlockLog2, ""},
    {"parity_block_log2", kParityBlockLog2, ""},
    {"max_parity_block_log2", kMaxParityBlockLog2, ""},
    {"small_group", kSmallGroupBlocks, "blocks"},
    {"max_group", kMaxGroupBlocks, "blocks"},
    {"max_group_parity", kMaxGroupParityBytes, "bytes"},
    {"parity_head", kParityHeadBytes, "bytes"},
    {"parity_page", kParityPageNumbers, "numbers"},
    {"parity_tables", kParityTableCopies, "copies"},
    {"min_group", kMinGroupBytes, "bytes"},
    {"min_group_share", kMinGroupShare, ""},
});

}  // namespace session::format
