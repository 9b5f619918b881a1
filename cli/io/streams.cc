#include "cli/io/streams.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <system_error>
#include <utility>

#include "cli/io/interrupt.h"
#include "session/error.h"

namespace session::cli {
namespace {

constexpr std::size_t kInputBufferBytes = 256 * 1024;

std::string_view hint_for(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return "; free some space and try again";
    case EFBIG:
      return "; it would exceed what this file system or `ulimit -f` allows";
    case EACCES:
    case EPERM:
      return "; check the owner and the permissions";
    case ENOENT:
    case ENOTDIR:
      return "; check the path";
    case EISDIR:
      return "; name a file";
    default:
      return "";
  }
}

int open_input(const std::string& path) {
  if (path == "-") return STDIN_FILENO;
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) throw_system_error("cannot open", path);
  return fd;
}

std::uint64_t size_of(int fd) {
  struct stat status = {};
  if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) return 0;
  return static_cast<std::uint64_t>(status.st_size);
}

}  // namespace

void throw_system_error(const char* action, const std::string& name) {
  const int error = errno;
  const bool missing = error == ENOENT || error == ENOTDIR;
  std::string text = std::string(action) + ": " + std::generic_category().message(error);
  text += hint_for(error);
  throw Error(missing ? ErrorCode::kNotFound : ErrorCode::kIo, text, name);
}

FdOutputBuffer::FdOutputBuffer(int fd, std::string name, std::size_t hold_bytes)
    : fd_(fd), name_(std::move(name)), hold_bytes_(hold_bytes) {}

bool FdOutputBuffer::discard() noexcept {
  buffer_.clear();
  return written_bytes_ == 0;
}

void FdOutputBuffer::stop_if_nobody_reads() const {
  pollfd output{fd_, 0, 0};
  if (::poll(&output, 1, 0) > 0 && (output.revents & (POLLERR | POLLHUP)) != 0) throw ReaderGone();
}

void FdOutputBuffer::write_out(const char* data, std::size_t size) {
  while (size > 0) {
    const ssize_t done = ::write(fd_, data, size);
    if (done < 0) {
      if (errno == EINTR) {
        stop_if_interrupted();
        continue;
      }
      if (errno == EPIPE) throw ReaderGone();
      throw_system_error("cannot write", name_);
    }
    data += done;
    size -= static_cast<std::size_t>(done);
    written_bytes_ += static_cast<std::uint64_t>(done);
  }
}

void FdOutputBuffer::drain() {
  // Empty afterwards, come what may: what failed once is not tried again on the way out.
  try {
    write_out(buffer_.data(), buffer_.size());
  } catch (...) {
    buffer_.clear();
    throw;
  }
  buffer_.clear();
}

FdOutputBuffer::int_type FdOutputBuffer::overflow(int_type c) {
  if (traits_type::eq_int_type(c, traits_type::eof())) return traits_type::not_eof(c);
  buffer_.push_back(traits_type::to_char_type(c));
  if (buffer_.size() >= hold_bytes_) drain();
  return c;
}

std::streamsize FdOutputBuffer::xsputn(const char* data, std::streamsize size) {
  buffer_.insert(buffer_.end(), data, data + size);
  if (buffer_.size() >= hold_bytes_) drain();
  return size;
}

int FdOutputBuffer::sync() {
  drain();
  return 0;
}

FdOutput::FdOutput(int fd, std::string name, std::size_t hold_bytes)
    : std::ostream(nullptr), buffer_(fd, std::move(name), hold_bytes) {
  rdbuf(&buffer_);
  exceptions(std::ios::badbit);
}

FdInputBuffer::FdInputBuffer(int fd, std::string name, ProgressCallback progress)
    : fd_(fd), name_(std::move(name)), progress_(std::move(progress)), buffer_(kInputBufferBytes) {
  state_.what = "reading";
  state_.total_bytes = size_of(fd);
}

FdInputBuffer::int_type FdInputBuffer::underflow() {
  for (;;) {
    stop_if_interrupted();
    const ssize_t got = ::read(fd_, buffer_.data(), buffer_.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_system_error("cannot read", name_);
    if (got == 0) return traits_type::eof();
    state_.done_bytes += static_cast<std::uint64_t>(got);
    if (progress_ && !progress_(state_)) {
      throw Error(ErrorCode::kInterrupted, "interrupted; nothing was changed", name_);
    }
    setg(buffer_.data(), buffer_.data(), buffer_.data() + got);
    return traits_type::to_int_type(buffer_.front());
  }
}

Input::Input(const std::string& path, ProgressCallback progress)
    : std::istream(nullptr),
      name_(path == "-" ? "standard input" : path),
      fd_(open_input(path)),
      buffer_(fd_, name_, std::move(progress)) {
  rdbuf(&buffer_);
  exceptions(std::ios::badbit);
}

Input::~Input() {
  if (fd_ != STDIN_FILENO) ::close(fd_);
}

void prepare_standard_streams() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) != -1) continue;
    // The lowest free number is the one that is missing.
    [[maybe_unused]] const int opened =
        ::open("/dev/null", fd == STDERR_FILENO ? O_WRONLY : O_RDONLY);
  }
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

}  // namespace session::cli
