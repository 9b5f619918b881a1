#pragma once
// Standard streams of C++ over file descriptors, with failures that can be told apart: a write that
// failed is an Error(kIo) with the system's words, a reader that went away is ReaderGone, an
// interrupted wait is Error(kInterrupted). They come out of any `<<`, `>>`, read() or write() on
// the stream. One thread at a time.

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <istream>
#include <ostream>
#include <streambuf>
#include <string>
#include <vector>

#include "session/progress.h"

namespace session::cli {

// Whoever read our standard output has seen enough (`| head`). Not an error.
class ReaderGone : public std::exception {
 public:
  [[nodiscard]] const char* what() const noexcept override { return "the reader went away"; }
};

class FdOutputBuffer : public std::streambuf {
 public:
  // Holds back up to `hold_bytes` before it writes. The descriptor stays the caller's.
  FdOutputBuffer(int fd, std::string name, std::size_t hold_bytes);

  void hold(std::size_t bytes) noexcept { hold_bytes_ = bytes; }
  // Forgets what was not written yet. False if some bytes are out already.
  bool discard() noexcept;
  [[nodiscard]] std::uint64_t written_bytes() const noexcept { return written_bytes_; }
  // Throws ReaderGone if that is so: for whoever has nothing to write for a long time.
  void stop_if_nobody_reads() const;

 protected:
  int_type overflow(int_type c) override;
  std::streamsize xsputn(const char* data, std::streamsize size) override;
  int sync() override;

 private:
  void write_out(const char* data, std::size_t size);
  void drain();

  int fd_;
  std::string name_;
  std::size_t hold_bytes_;
  std::vector<char> buffer_;
  std::uint64_t written_bytes_ = 0;
};

class FdOutput : public std::ostream {
 public:
  FdOutput(int fd, std::string name, std::size_t hold_bytes);
  [[nodiscard]] FdOutputBuffer& buffer() noexcept { return buffer_; }

 private:
  FdOutputBuffer buffer_;
};

class FdInputBuffer : public std::streambuf {
 public:
  // Reports to `progress` as it reads, and stops when told so.
  FdInputBuffer(int fd, std::string name, ProgressCallback progress);

 protected:
  int_type underflow() override;

 private:
  int fd_;
  std::string name_;
  ProgressCallback progress_;
  Progress state_;
  std::vector<char> buffer_;
};

// Standard input for "-", else the file of that name. Throws Error on opening.
class Input : public std::istream {
 public:
  Input(const std::string& path, ProgressCallback progress);
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;
  ~Input() override;

  // How messages call it.
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

 private:
  std::string name_;
  int fd_;
  FdInputBuffer buffer_;
};

// Descriptors 0 to 2 are open afterwards, so that no file of ours gets one of these numbers and
// somebody's message with it; a closed standard output fails on writing, as it should. Writing into
// a pipe that nobody reads, or beyond the size a file may have, is a failed write from here on, and
// not the end of the process.
void prepare_standard_streams();

// "cannot write: No space left on device; free some space", from errno.
[[noreturn]] void throw_system_error(const char* action, const std::string& name);

}  // namespace session::cli
