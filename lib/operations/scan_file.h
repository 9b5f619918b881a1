#pragma once
// A file that reads past bad sectors. What the disk does not give back reads as zeros, so that
// every check behind it fails as it does for any other damage, and is remembered, so that it can
// be called by its name.

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "lib/io/file.h"

namespace session::operations {

// For reading only; any thread.
class PatientFile : public io::File {
 public:
  PatientFile(std::shared_ptr<io::File> file, std::string path);

  std::size_t read_at(std::uint64_t offset, std::span<std::byte> into) override;
  std::uint64_t size_bytes() override { return file_->size_bytes(); }
  io::FileIdentity identity() override { return file_->identity(); }

  // Throw kUsage: nothing is written here, and a mapping would meet the bad sector.
  void write_at(std::uint64_t offset, std::span<const std::byte> bytes) override;
  void sync_data() override;
  void truncate(std::uint64_t size_bytes) override;
  std::shared_ptr<const io::Mapping> map(std::uint64_t size_bytes) override;

  // Whether some of these bytes could not be read.
  [[nodiscard]] bool is_unreadable(std::uint64_t offset, std::uint64_t length) const;
  [[nodiscard]] const std::string& path() const override { return path_; }

 private:
  std::size_t read_in_blocks(std::uint64_t offset, std::span<std::byte> into);
  void remember(std::uint64_t begin, std::uint64_t end);

  std::shared_ptr<io::File> file_;
  std::string path_;
  mutable std::mutex mutex_;
  std::map<std::uint64_t, std::uint64_t> unreadable_;  // begin -> end, apart from each other
};

}  // namespace session::operations
