#pragma once
// A file that appears whole or not at all: written under another name beside its place, put there
// by a rename. And the rules every -o keeps.

#include <memory>
#include <span>
#include <string>

#include "cli/io/streams.h"

namespace session::cli {

// Throws Error(kUsage) if `output` is one of the inputs, also by another name, through a link or a
// hard link.
void refuse_output_that_is_input(const std::string& output, std::span<const std::string> inputs);

// Throws Error(kExists) if there is something at `output`, unless `force` (then only if it is no
// regular file).
void refuse_existing_output(const std::string& output, bool force);

class OutputFile {
 public:
  // Keeps the two rules above for the existing file; a symbolic link is followed. Throws Error.
  OutputFile(const std::string& path, bool force);
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  // Leaves nothing behind without commit().
  ~OutputFile();

  [[nodiscard]] FdOutput& stream() noexcept { return *stream_; }
  // Writes everything to the disk and puts the file in place.
  void commit();

 private:
  std::string path_;
  std::string temporary_path_;
  bool force_;
  int fd_ = -1;
  std::unique_ptr<FdOutput> stream_;
};

}  // namespace session::cli
