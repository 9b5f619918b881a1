#pragma once
// Whether a session file is what it should be, to the last bit: bytes, structure, meaning.
//
//   VerifyOptions options;
//   options.level = VerifyLevel::kFull;
//   options.on_finding = [](const Finding& finding) { print(finding.message); };
//   const VerifyReport report = verify("work.session", options);
//
// Nothing stops it: damage, a bad sector, a destroyed header are findings. It takes no lock and
// writes nothing; a writer may go on meanwhile: what is verified is the file as it stood at the
// beginning, up to its head. Memory stays below 64 MiB whatever the file's size. (The meaning of
// messages keeps their ids and those of tool calls, some 40 bytes for each. Where tasks go in
// circles, or refer to each other in chains so many that this cannot be told in that memory, their
// keys and references are kept, some 60 bytes for each task and 4 for each reference.)

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "session/error.h"
#include "session/finding.h"
#include "session/progress.h"

namespace session {

namespace io {
class FileSystem;
}

enum class VerifyLevel : std::uint8_t {
  kQuick,    // header, tail, the commits back to the last snapshot, its roots and index pages
  kDefault,  // every frame, every link, every count, every page border
  kFull,     // SHA-256 digests, fingerprints, parity groups, and the meaning of the head
};

struct VerifyOptions {
  VerifyLevel level = VerifyLevel::kDefault;
  bool meaning = true;    // kFull: the head's meaning too, on which no verdict depends
  unsigned jobs = 0;      // threads that read the frames; 0: as many as the machine has
  std::string workspace;  // a directory to compare tracked files with; empty: not asked for
  std::function<void(const Finding&)> on_finding;  // called from the calling thread
  ProgressCallback progress;
  io::FileSystem* files = nullptr;  // null: the machine's own
};

enum class Verdict : std::uint8_t {
  kClean,       // every revision can be opened and read whole
  kTornTail,    // the same; bytes behind the head belong to no commit
  kRepairable,  // damaged, and `repair` would restore all of it
  kLossy,       // damaged beyond that
  kUnreadable,  // no valid frame anywhere
};
// "clean", "torn-tail", ...
[[nodiscard]] std::string_view verdict_name(Verdict verdict);

struct VerifyReport {
  Verdict verdict = Verdict::kClean;  // of bytes and structure alone
  std::uint64_t bytes_checked = 0;
  std::uint64_t frames_checked = 0;
  std::uint64_t revisions_checked = 0;
  std::uint64_t tail_bytes_ignored = 0;
  std::uint64_t uncovered_bytes = 0;  // committed, and covered by no parity
  std::uint64_t semantic_findings = 0;
  std::uint64_t findings = 0;  // all of them
  std::uint64_t errors = 0;    // of severity error and critical
  std::uint64_t warnings = 0;
};

// Throws kNotFound, kNotASession (no magic and not one frame), kNewerVersion, kIo where the file
// cannot be opened at all, kInterrupted.
[[nodiscard]] VerifyReport verify(const std::string& path, const VerifyOptions& options = {});

// The session files of a directory and those below it, sorted: what is called *.session or begins
// as one, without locks and what writers and repairs keep beside a file. Throws kNotFound, kIo.
[[nodiscard]] std::vector<std::string> find_session_files(const std::string& directory);

}  // namespace session
