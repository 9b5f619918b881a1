#pragma once
// Covers a session file with parity, so that damage can be repaired bit for bit.
//
//   session::ProtectReport report = session::protect("work.session", {.percent = 6});
//
// Parity is kept in groups. One of p percent restores the range it protects, and itself, after any
// burst of damage of up to 0.9 p percent of that range, and after scattered damage as long as no
// more than about p percent of any stripe's blocks (most often of 4 KiB) are hit. Only what no
// group covers yet is read; the file grows, by some kilobytes at least.

#include <cstdint>
#include <string>

#include "session/error.h"
#include "session/progress.h"

namespace session {

namespace io {
class FileSystem;
}

// What parity may be asked to take, in percent of what it protects.
inline constexpr std::uint32_t kLeastParityPercent = 1;
inline constexpr std::uint32_t kMostParityPercent = 50;
inline constexpr std::uint32_t kUsualParityPercent = 6;

struct ProtectOptions {
  std::uint32_t percent = 0;  // 0: what the session's policy says, or kUsualParityPercent
  bool dry_run = false;       // compute the report, change nothing, take no lock
  ProgressCallback progress = {};
  io::FileSystem* files = nullptr;  // null: the machine's own
};

struct ProtectReport {
  std::uint32_t percent = 0;          // what was used
  std::uint64_t groups_added = 0;     // 0: everything was covered already
  std::uint64_t covered_bytes = 0;    // by the new groups
  std::uint64_t parity_bytes = 0;     // what they take in the file
  std::uint64_t uncovered_bytes = 0;  // what no group covers afterwards
  std::int64_t duration_nanos = 0;
};

// Takes the writer lock, mends what a crash left behind the head as every writer does, seals the
// file and appends the groups; they are on the disk when it returns. Makes no revision. Stopped or
// failed half-way, it leaves the file as it was, but sealed. Throws as Writer::open, and kUsage for
// a percentage out of range.
ProtectReport protect(const std::string& path, const ProtectOptions& options = {});

}  // namespace session
