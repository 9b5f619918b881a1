#pragma once
// The writer lock, by Boost.Interprocess' file_lock on a file of its own, and the table of the
// locks that this process holds.
//
// file_lock is an fcntl lock, which brings two traps. It does not exclude within a process: hence
// the table. And closing *any* descriptor of the file drops the lock of the whole process without a
// word: hence close_keeping_locks, which all of the library's files are closed with. What this
// cannot guard is code outside the library that opens and closes the lock file in the process that
// holds it.

#include <memory>
#include <optional>
#include <string>

#include "lib/io/file.h"
#include "session/error.h"

namespace session::io {

// As FileSystem::lock. Thread-safe.
[[nodiscard]] std::unique_ptr<Lock> lock_beside(const std::string& path);

// As FileSystem::lock_holder. Thread-safe.
[[nodiscard]] std::optional<LockHolder> holder_of_lock_beside(const std::string& path);

// Closes a descriptor now; or, if it leads to the file of a lock that this process holds, when that
// lock is released. Does nothing for -1. Thread-safe.
void close_keeping_locks(int descriptor) noexcept;

// The error of a lock on `path` that is taken: names the holder's process where it is known.
[[nodiscard]] Error locked_error(const std::string& path, std::optional<long> holder);

// The process id that a kLocked error names, if it names one.
[[nodiscard]] std::optional<long> lock_holder(const Error& error);

}  // namespace session::io
