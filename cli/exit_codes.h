#pragma once
// What the process says when it ends. The one table: `--help` prints it, scripts rely on it, and
// nothing else in here makes up a number.

#include <array>
#include <string_view>

#include "session/error.h"

namespace session::cli {

enum class ExitCode : int {
  kDone = 0,
  kDiffers = 1,
  kUsage = 2,
  kLost = 3,
  kIo = 4,
  kInput = 5,
  kInternal = 6,
  kNotFound = 10,
  kLocked = 11,
  kInterrupted = 130,
};

struct ExitCodeMeaning {
  ExitCode code;
  std::string_view meaning;
};

inline constexpr std::array kExitCodes = {
    ExitCodeMeaning{ExitCode::kDone, "done; clean; equal"},
    ExitCodeMeaning{ExitCode::kDiffers, "they differ; damage that can be restored whole"},
    ExitCodeMeaning{ExitCode::kUsage, "wrong usage"},
    ExitCodeMeaning{ExitCode::kLost, "finished, but something is lost or cannot be repaired"},
    ExitCodeMeaning{ExitCode::kIo, "input/output error"},
    ExitCodeMeaning{ExitCode::kInput, "input not understood, damaged, or for a newer version"},
    ExitCodeMeaning{ExitCode::kInternal, "internal error (a bug)"},
    ExitCodeMeaning{ExitCode::kNotFound, "no such file, revision, checkpoint or task"},
    ExitCodeMeaning{ExitCode::kLocked, "another writer holds the file"},
    ExitCodeMeaning{ExitCode::kInterrupted, "interrupted"},
};

// Of several files the worst decides: the first of these that one of them came to.
inline constexpr std::array kWorstFirst = {
    ExitCode::kInternal, ExitCode::kIo,     ExitCode::kInput,   ExitCode::kLost,
    ExitCode::kNotFound, ExitCode::kLocked, ExitCode::kDiffers, ExitCode::kDone,
};
[[nodiscard]] constexpr ExitCode worse(ExitCode a, ExitCode b) {
  for (const ExitCode code : kWorstFirst) {
    if (a == code || b == code) return code;
  }
  return a;
}

// Where each failure of the library ends.
[[nodiscard]] constexpr ExitCode exit_code_for(ErrorCode code) {
  switch (code) {
    case ErrorCode::kUsage:
    case ErrorCode::kExists:
      return ExitCode::kUsage;
    case ErrorCode::kIo:
    case ErrorCode::kPoisoned:
      return ExitCode::kIo;
    case ErrorCode::kLimit:
    case ErrorCode::kNotASession:
    case ErrorCode::kNewerVersion:
    case ErrorCode::kBadSource:
    case ErrorCode::kDamaged:
      return ExitCode::kInput;
    case ErrorCode::kNotFound:
      return ExitCode::kNotFound;
    case ErrorCode::kLocked:
      return ExitCode::kLocked;
    case ErrorCode::kInterrupted:
      return ExitCode::kInterrupted;
    case ErrorCode::kInternal:
      break;
  }
  return ExitCode::kInternal;
}

}  // namespace session::cli
