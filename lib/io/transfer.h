#pragma once
// A read or write that the system cut short or interrupted is carried on here. The system call is
// a parameter, because only a test can make a local disk return short counts.

#include <sys/types.h>

#include <cerrno>
#include <cstddef>

namespace session::io {

struct Transfer {
  std::size_t bytes = 0;
  int error = 0;  // an errno; 0 when all was done, or when a call moved nothing (the file's end)
};

// Calls `call(done, remaining)`, which moves up to `remaining` bytes after the first `done` and
// returns as pread and pwrite do, until `size` bytes have moved, the call moves nothing or fails.
template <class Call>
[[nodiscard]] Transfer transfer_fully(std::size_t size, Call call) {
  Transfer transfer;
  while (transfer.bytes < size) {
    const ssize_t moved = call(transfer.bytes, size - transfer.bytes);
    if (moved > 0) {
      transfer.bytes += static_cast<std::size_t>(moved);
    } else if (moved == 0) {
      break;
    } else if (errno != EINTR) {
      transfer.error = errno;
      break;
    }
  }
  return transfer;
}

// Calls `call()` until it is not interrupted; returns 0 or the errno.
template <class Call>
[[nodiscard]] int uninterrupted(Call call) {
  while (call() == -1) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

}  // namespace session::io
